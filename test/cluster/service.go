// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"io"
	"net"
	"sync"
)

// service plays a Service: an address whose connections go to a replica that is ready. A
// connection without one is closed, and so is one whose replica ends.
type service struct {
	listener net.Listener
	// pick gives the address of the replica for a new connection, or none.
	pick func() (address string, ok bool)

	mutex       sync.Mutex
	closed      bool
	connections map[net.Conn]struct{} // from both sides
}

func startService(pick func() (string, bool)) (*service, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{listener: listener, pick: pick, connections: map[net.Conn]struct{}{}}
	go s.serve()
	return s, nil
}

func (s *service) serve() {
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return // it is closed
		}
		go s.forward(client)
	}
}

// forward copies both ways until one side ends.
func (s *service) forward(client net.Conn) {
	defer client.Close()
	address, ok := s.pick()
	if !ok {
		return
	}
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	if !s.track(client, server) {
		return
	}
	defer s.forget(client, server)
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // how it ended makes no difference
			ended <- struct{}{}
		}()
	}
	<-ended
}

func (s *service) track(connections ...net.Conn) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, connection := range connections {
		s.connections[connection] = struct{}{}
	}
	return !s.closed
}

func (s *service) forget(connections ...net.Conn) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, connection := range connections {
		delete(s.connections, connection)
	}
}

// hangUp breaks all connections, so that clients connect again.
func (s *service) hangUp() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for connection := range s.connections {
		_ = connection.Close() // forward closes it again
	}
}

func (s *service) close() {
	_ = s.listener.Close() // nothing is lost with it
	s.mutex.Lock()
	s.closed = true
	s.mutex.Unlock()
	s.hangUp()
}
