// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxSocketPath is the longest path of a unix socket in bytes: sun_path (108) less the final zero.
const maxSocketPath = 107

// isLabel recognises a DNS label, which KubeVirt puts into CONTAINER_NAME. A regular expression would take a
// hundredth of the start to compile.
func isLabel(text string) bool {
	const inside = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return text != "" && len(text) <= 63 && strings.Trim(text, inside) == "" && text == strings.Trim(text, "-")
}

// socketName gives the file name of the socket. KubeVirt tells the sidecars of a pod apart by it,
// so it must differ from container to container: without a container name chance has to do.
func socketName(container string) string {
	if !isLabel(container) {
		container = rand.Text()
	}
	return "domainpatch-" + container + ".sock"
}

// socket is one that this process listens on.
type socket struct {
	*net.UnixListener
	path string
	file fs.FileInfo
}

// listen makes the socket dir/name. It appears there ready: KubeVirt dials what it finds in dir and gives up
// where a dialled sidecar does not answer. A sub-directory it passes over, or (up to v1.5) dials in vain, as it
// does with a sidecar that is not there yet. So the socket is made in one and moved. A socket that an earlier
// process left is replaced, one that somebody listens on is not.
func listen(dir, name string) (*socket, error) {
	path := filepath.Join(dir, name)
	if err := checkPlace(path); err != nil {
		return nil, err
	}
	nursery, err := os.MkdirTemp(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("cannot write to the socket directory (--socket-dir): %w", err)
	}
	defer os.RemoveAll(nursery) // an empty directory that nobody looks into
	born := filepath.Join(nursery, "s")
	if len(born) > maxSocketPath || len(path) > maxSocketPath {
		return nil, fmt.Errorf("the socket path %s is too long: at most %d bytes, choose a shorter --socket-dir",
			path, maxSocketPath)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: born, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot listen in the socket directory (--socket-dir): %w", err)
	}
	file, err := open(born, path)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &socket{UnixListener: listener, path: path, file: file}, nil
}

// watched is a listener that tells of every connection that has ended.
type watched struct {
	net.Listener
	ended func()
}

func (w watched) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return watchedConn{conn, w.ended}, nil
}

// watchedConn is closed more than once.
type watchedConn struct {
	net.Conn
	ended func()
}

func (w watchedConn) Close() error {
	defer w.ended()
	return w.Conn.Close()
}

// remove takes the socket out of its directory, unless another one stands there by now.
func (s *socket) remove() {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.file) {
		_ = os.Remove(s.path) // the directory goes with the pod
	}
}

// checkPlace refuses to replace anything but a socket that nobody listens on.
func checkPlace(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot look into the socket directory (--socket-dir): %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("cannot listen on %s: a file that is not a socket is in the way: remove it or choose another --socket-dir", path)
	}
	conn, err := net.Dial("unix", path)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot tell whether another process listens on %s: %w", path, err)
	}
	_ = conn.Close() // nothing was written
	return fmt.Errorf("cannot listen on %s: another process does, perhaps a shim with the same CONTAINER_NAME: "+
		"give each one a name or a --socket-dir of its own", path)
}

// open lets every user connect and moves the socket to its place. Launcher and sidecar may run as
// different users, and nobody outside the pod sees the directory.
func open(born, path string) (fs.FileInfo, error) {
	if err := os.Chmod(born, 0o666); err != nil {
		return nil, fmt.Errorf("cannot open the socket to the launcher: %w", err)
	}
	file, err := os.Lstat(born)
	if err != nil {
		return nil, fmt.Errorf("cannot look at the socket (--socket-dir): %w", err)
	}
	if err := os.Rename(born, path); err != nil {
		return nil, fmt.Errorf("cannot put the socket in its place (--socket-dir): %w", err)
	}
	return file, nil
}
