// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package freeport finds ports for the processes that tests start.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports below those that Linux gives to connections (net.ipv4.ip_local_port_range, from 32768
// on): one of these is not taken by somebody's connection before the process listens.
const (
	first = 20000
	last  = 32767
)

// Find gives a port of the loopback address that nobody listens on. Another test may take it
// before it is used, by chance one in thousands.
func Find() (int, error) {
	var err error
	for range 100 {
		var listener net.Listener
		number := first + rand.IntN(last-first+1)
		if listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", number)); err == nil {
			return number, listener.Close()
		}
	}
	return 0, fmt.Errorf("cannot find a free port: %w", err)
}
