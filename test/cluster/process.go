// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/domainpatch/domainpatch/test/processes"
)

// grace is how long a process has to end after SIGTERM.
const grace = 20 * time.Second

// process is one that runs in the background, in a process group of its own: Ctrl-C in a
// terminal does not reach it, Stop ends it in order.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	// foreign is whether it is KubeVirt's. Nothing is learnt from how it ends, and that takes seconds.
	foreign bool
	// mortal is whether it may end before it is told to.
	mortal bool
	// expendable is whether it may end in any way: something else sees to it.
	expendable bool
	ready      atomic.Bool   // where somebody asks for that
	done       chan struct{} // closed when it has ended
	err        error         // of its end; read it after done is closed
}

// start starts a process whose output goes to the logs, and which Stop ends.
func (c *Cluster) start(p *process) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.stopped {
		return errors.New("the cluster is stopped")
	}
	p.log = filepath.Join(c.options.Logs, p.name+".log")
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) // it may be one more of this name
	if err != nil {
		return err
	}
	defer log.Close() // the process has it then
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if p.cmd.SysProcAttr == nil {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	p.cmd.SysProcAttr.Setpgid = true
	p.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", p.name, err)
	}
	p.done = make(chan struct{})
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	c.processes = append(c.processes, p)
	return nil
}

// forget leaves a process out of what must run and what Stop ends.
func (c *Cluster) forget(p *process) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.processes = slices.DeleteFunc(c.processes, func(other *process) bool { return other == p })
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// died is an error if the process has ended and should not have.
func (p *process) died() error {
	if !p.ended() || p.expendable || p.mortal && p.err == nil {
		return nil
	}
	return fmt.Errorf("%s has ended (%v); the end of %s:\n%s", p.name, p.cmd.ProcessState, p.log, tail(p.log))
}

// stop asks the process to end, and makes it end when it does not. Ours have to end with 0.
func (p *process) stop() error {
	if p.ended() {
		return p.died()
	}
	if p.foreign {
		p.signal(syscall.SIGKILL)
		<-p.done
		return nil
	}
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.signal(syscall.SIGKILL)
		<-p.done
	}
	if p.err != nil {
		return fmt.Errorf("%s did not end well on SIGTERM (%w); the end of %s:\n%s", p.name, p.err, p.log, tail(p.log))
	}
	return nil
}

// signal signals the process group. It fails only where the process has just ended.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// stopAll stops them side by side.
func stopAll(processes []*process) []error {
	errs := make([]error, len(processes))
	var group sync.WaitGroup
	for i, p := range processes {
		group.Go(func() { errs[i] = p.stop() })
	}
	group.Wait()
	return errs
}

// tail is the end of a log.
func tail(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// childrenOn finds the children of this process whose command line names a folder: those that
// were started to work on it, whoever started them.
func childrenOn(folder string) ([]processes.Process, error) {
	found, err := processes.On(folder)
	return slices.DeleteFunc(found, func(p processes.Process) bool { return p.Parent != os.Getpid() }), err
}
