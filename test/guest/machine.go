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
	// Name is how errors name it.
	Name string
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
// error holds the end of its console and what QEMU said, and then the cause. Nothing is left of it.
func (l *Lab) Start(ctx context.Context, m Machine) (_ Report, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, patience, fmt.Errorf("the guest has not ended after %v", patience))
	defer stop()
	host, err := virsh.NewHost()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(host.Close(), err) }()
	r := &run{lab: l, machine: m, host: host, root: host.Path("vm")}
	report, traces, err := r.start(ctx)
	if err != nil {
		err = fmt.Errorf("%s%s: %w", traces, m.Name, err)
	}
	return report, err
}

// start also returns what a person needs to see where a guest fails that nobody has stopped.
func (r *run) start(ctx context.Context) (_ Report, traces string, err error) {
	file, err := r.prepare(ctx)
	if err != nil {
		return nil, "", err
	}
	session, err := r.host.Open(ctx, r.host.QEMUDriver(), r.taps()...)
	if err != nil {
		return nil, "", err
	}
	report, err := r.watch(ctx, session, file)
	if ctx.Err() != nil {
		err = context.Cause(ctx) // whatever else follows from that
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		traces = r.traces()
	}
	if closeErr := session.Close(); ctx.Err() == nil {
		err = errors.Join(closeErr, err)
	}
	return report, traces, err
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

// Compare starts a VM with its patches and without, side by side. Where one fails, the other one is stopped, of which
// the error says nothing.
func (l *Lab) Compare(ctx context.Context, p *Pair) (with, without Report, err error) {
	return compare(ctx, p, l.Start)
}

// errOther is why a guest is stopped whose report is of no use any more. It is one of errors for which there are no traces.
var errOther = fmt.Errorf("the guest beside it has failed: %w", context.Canceled)

func compare(ctx context.Context, p *Pair, start func(context.Context, Machine) (Report, error)) (with, without Report, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var withErr, withoutErr error
	var both sync.WaitGroup
	run := func(m Machine, report *Report, err *error) {
		*report, *err = start(ctx, m)
		switch {
		case errors.Is(*err, errOther):
			*err = nil // the other one tells
		case *err != nil:
			cancel(errOther)
		}
	}
	both.Go(func() { run(p.With, &with, &withErr) })
	both.Go(func() { run(p.Without, &without, &withoutErr) })
	both.Wait()
	return with, without, errors.Join(withErr, withoutErr)
}
