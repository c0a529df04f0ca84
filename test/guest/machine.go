// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// patience is how long a guest may take from its start to the end of its report. It takes 20 seconds alone on a machine.
const patience = 4 * time.Minute

// Machine is a VM to start.
type Machine struct {
	// Domain is what libvirt would be told on a node.
	Domain []byte
	// VMI is the VM, and CloudInit the file with its cloud-init data; empty for none.
	VMI       []byte
	CloudInit string
	// Formats are those of disk images, by their paths in the domain, where the domain is wrong about it.
	Formats map[string]string
}

// definition is the part of a domain that this package reads.
type definition struct {
	Name   string `xml:"name"`
	Loader string `xml:"os>loader"`
	Disks  []struct {
		Device  string     `xml:"device,attr"`
		Driver  driver     `xml:"driver"`
		Source  source     `xml:"source"`
		Backing *backing   `xml:"backingStore"`
		Target  diskTarget `xml:"target"`
	} `xml:"devices>disk"`
	Interfaces []struct {
		Target struct {
			Device string `xml:"dev,attr"`
		} `xml:"target"`
		Driver struct {
			Queues string `xml:"queues,attr"`
		} `xml:"driver"`
	} `xml:"devices>interface"`
}

type driver struct {
	Type string `xml:"type,attr"`
}

type source struct {
	File string `xml:"file,attr"`
}

type diskTarget struct {
	Device string `xml:"dev,attr"`
}

type backing struct {
	Format driver `xml:"format"`
	Source source `xml:"source"`
}

// run is one start of a machine.
type run struct {
	lab     *Lab
	machine Machine
	host    *virsh.Host
	domain  definition
	root    string // of the machine's files
}

// Start starts a machine and returns what its guest reported, when it has ended. Where it does not come so far, the
// error holds the end of its console and what QEMU said. Nothing is left of it.
func (l *Lab) Start(ctx context.Context, m Machine) (_ Report, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, patience, fmt.Errorf("the guest has not ended after %v", patience))
	defer stop()
	host, err := virsh.NewHost()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	r := &run{lab: l, machine: m, host: host, root: host.Path("vm")}
	file, err := r.prepare(ctx)
	if err != nil {
		return nil, err
	}
	session, err := host.Open(ctx, host.QEMUDriver(), r.taps()...)
	if err != nil {
		return nil, err
	}
	report, err := r.watch(ctx, session, file)
	if ctx.Err() != nil {
		err = context.Cause(ctx) // whatever else follows from that
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w\n%s", err, r.traces())
	}
	if closeErr := session.Close(); ctx.Err() == nil {
		err = errors.Join(err, closeErr)
	}
	return report, err
}

// prepare writes all files of the machine, and returns that of its domain.
func (r *run) prepare(ctx context.Context) (string, error) {
	domain, err := r.lab.localizer.apply(ctx, r.machine.Domain, r.root, r.lab.kernel, r.lab.initrd)
	if err != nil {
		return "", err
	}
	if err := xml.Unmarshal(domain, &r.domain); err != nil {
		return "", err
	}
	if err := os.Mkdir(r.root, 0o755); err != nil {
		return "", err
	}
	if r.machine.CloudInit != "" {
		if err := r.makeCloudInit(ctx); err != nil {
			return "", err
		}
	}
	if err := r.makeDisks(); err != nil {
		return "", err
	}
	if r.domain.Loader != "" {
		if err := r.makeFirmware(); err != nil {
			return "", err
		}
	}
	file, err := r.host.Write("domain.xml", domain)
	return file, errors.Join(err, giveAway(r.root))
}

// taps are the devices of the interfaces, which KubeVirt makes.
func (r *run) taps() []virsh.Tap {
	var taps []virsh.Tap
	for _, nic := range r.domain.Interfaces {
		taps = append(taps, virsh.Tap{Name: nic.Target.Device, MultiQueue: nic.Driver.Queues != "" && nic.Driver.Queues != "1"})
	}
	return taps
}

// Compare starts a VM with its patches and without, side by side.
func (l *Lab) Compare(ctx context.Context, p *Pair) (with, without Report, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var withErr, withoutErr error
	var both sync.WaitGroup
	start := func(m Machine, report *Report, err *error) {
		if *report, *err = l.Start(ctx, m); *err != nil {
			cancel() // the other one is of no use
		}
	}
	both.Go(func() { start(p.With, &with, &withErr) })
	both.Go(func() { start(p.Without, &without, &withoutErr) })
	both.Wait()
	if withErr != nil {
		withErr = fmt.Errorf("with patches: %w", withErr)
	}
	if withoutErr != nil {
		withoutErr = fmt.Errorf("without patches: %w", withoutErr)
	}
	return with, without, errors.Join(withErr, withoutErr)
}
