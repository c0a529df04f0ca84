// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// networks reports the cards, named by their addresses: which one is eth0 depends on the others.
func networks(r *report) {
	cards, _ := filepath.Glob("/sys/class/net/*")
	for _, card := range cards {
		name := "net/" + read(card+"/address")
		if filepath.Base(card) == "lo" {
			continue
		}
		r.file(name+"/mtu", card+"/mtu")
		driver, _ := filepath.EvalSymlinks(card + "/device/driver")
		r.say(name+"/driver", filepath.Base(driver))
		rings, err := readRings(filepath.Base(card))
		if err != nil {
			r.fail(name+"/queues", err)
			continue
		}
		r.say(name+"/receive_queue", rings.receive)
		r.say(name+"/transmit_queue", rings.transmit)
	}
}

// rings is struct ethtool_ringparam (linux/ethtool.h).
type rings struct {
	command                                    uint32
	maxReceive, maxMini, maxJumbo, maxTransmit uint32
	receive, mini, jumbo, transmit             uint32
}

// readRings asks the driver for the lengths of its queues.
func readRings(card string) (*rings, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(socket)
	answer := &rings{command: unix.ETHTOOL_GRINGPARAM}
	request := struct { // struct ifreq (linux/if.h)
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(answer)}
	copy(request.name[:unix.IFNAMSIZ-1], card)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return nil, errno
	}
	return answer, nil
}
