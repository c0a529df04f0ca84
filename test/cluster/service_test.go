// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"bufio"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// TestService: connections go where pick says, and end with their server, with hangUp and close.
func TestService(t *testing.T) {
	var picked atomic.Pointer[backend]
	s, err := startService(func() (string, bool) {
		if b := picked.Load(); b != nil {
			return b.Addr().String(), true
		}
		return "", false
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	c := connect(t, s)
	if got := c.line(); got != "" {
		t.Errorf("without a replica that is ready the answer is %q, want the end", got)
	}
	one, two := newBackend(t, "one\n"), newBackend(t, "two\n")
	picked.Store(one)
	toOne := connect(t, s)
	if got := toOne.line(); got != "one\n" {
		t.Errorf("got %q from the first replica", got)
	}
	picked.Store(two)
	toTwo := connect(t, s)
	if got := toTwo.line(); got != "two\n" {
		t.Errorf("got %q from the second replica", got)
	}
	one.end()
	if got := toOne.line(); got != "" {
		t.Errorf("the connection to a replica that has ended gives %q, want the end", got)
	}
	s.hangUp()
	if got := toTwo.line(); got != "" {
		t.Errorf("after hangUp a connection gives %q, want the end", got)
	}
	if c := connect(t, s); c.line() != "two\n" {
		t.Error("after hangUp no new connection can be made")
	}
	s.close()
	if c, err := net.Dial("tcp", s.listener.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("a closed service takes connections")
	}
}

// backend is a server that says one thing to everybody and keeps the connection.
type backend struct {
	net.Listener
	connections chan net.Conn
}

func newBackend(t *testing.T, says string) *backend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{listener, make(chan net.Conn, 10)}
	go func() {
		defer close(b.connections)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(says))
			b.connections <- c
		}
	}()
	t.Cleanup(b.end)
	return b
}

func (b *backend) end() {
	_ = b.Close() // it may be for the second time
	for c := range b.connections {
		_ = c.Close()
	}
}

type connection struct {
	net.Conn
	reader *bufio.Reader
}

func connect(t *testing.T, s *service) *connection {
	t.Helper()
	c, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &connection{c, bufio.NewReader(c)}
}

// line reads one line, or nothing where the connection has ended.
func (c *connection) line() string {
	text, err := c.reader.ReadString('\n')
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err.Error()
	}
	return text
}
