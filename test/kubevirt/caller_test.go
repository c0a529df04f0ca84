// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"math"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hooksInfo "kubevirt.io/kubevirt/pkg/hooks/info"
	hooksV1alpha3 "kubevirt.io/kubevirt/pkg/hooks/v1alpha3"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// socketOf is the path of the socket that our shim makes in the container.
func socketOf(t *testing.T, s sidecar) string {
	t.Helper()
	return filepath.Join(s.sockets, s.container, "domainpatch-"+s.container+".sock")
}

func dialRaw(t *testing.T, socket string) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// server gives the process that listens on the socket, and its user, as the kernel knows them.
func server(t *testing.T, socket string) *unix.Ucred {
	t.Helper()
	conn := dialRaw(t, socket)
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer *unix.Ucred
	controlErr := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
	return peer
}

func kill(t *testing.T, socket string, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(int(server(t, socket).Pid), signal); err != nil {
		t.Fatal(err)
	}
}

// freeze stops the shim wherever it is, until the function that it returns is called.
func freeze(t *testing.T, socket string) (resume func()) {
	t.Helper()
	pid := int(server(t, socket).Pid)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume = sync.OnceFunc(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) // fails only when it has ended
	t.Cleanup(resume)
	return resume
}

// caller is a client whose connection the test has in hand. KubeVirt's makes a new one for every call.
type caller struct {
	*grpc.ClientConn
	raw  net.Conn
	sent *sentCounter
}

// sentCounter tells when a connection has written so many bytes in all.
type sentCounter struct {
	net.Conn
	total, enough atomic.Int64
	reached       chan struct{}
	once          sync.Once
}

func (c *sentCounter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if c.total.Add(int64(n)) >= c.enough.Load() {
		c.once.Do(func() { close(c.reached) })
	}
	return n, err
}

// call connects and waits until the shim has answered once, so that what comes next on the connection is a call.
func call(t *testing.T, socket string) *caller {
	t.Helper()
	c := &caller{raw: dialRaw(t, socket)}
	c.sent = &sentCounter{Conn: c.raw, reached: make(chan struct{})}
	c.sent.enough.Store(math.MaxInt64)
	conn, err := grpc.NewClient("passthrough:shim", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return c.sent, nil }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c.ClientConn = conn
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := hooksInfo.NewInfoClient(conn).Info(ctx, &hooksInfo.InfoParams{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// hangUp ends the connection as the end of its process does.
func (c *caller) hangUp() { c.raw.Close() }

// defineInBackground calls OnDefineDomain and returns when the kernel has the whole call.
func (c *caller) defineInBackground(t *testing.T) (answer <-chan error) {
	t.Helper()
	vmi := loadVMI(t, "devices")
	domain, err := launcher.Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := launcher.Encode(&domain.Spec)
	if err != nil {
		t.Fatal(err)
	}
	c.sent.enough.Store(c.sent.total.Load() + int64(len(doc)))
	answered := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := hooksV1alpha3.NewCallbacksClient(c.ClientConn).OnDefineDomain(ctx,
			&hooksV1alpha3.OnDefineDomainParams{DomainXML: doc, Vmi: []byte(toJSON(t, vmi))})
		answered <- err
	}()
	<-c.sent.reached
	return answered
}
