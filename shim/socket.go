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

// listen makes the socket dir/name. It appears there ready: KubeVirt dials every file that it
// finds in dir and gives up where a dialled sidecar does not answer, but leaves sub-directories alone. So
// the socket is made in one and moved. A socket that an earlier process left is replaced.
func listen(dir, name string) (*net.UnixListener, string, error) {
	path := filepath.Join(dir, name)
	if err := checkPlace(path); err != nil {
		return nil, "", err
	}
	nursery, err := os.MkdirTemp(dir, ".")
	if err != nil {
		return nil, "", fmt.Errorf("cannot write to the socket directory (--socket-dir): %w", err)
	}
	defer os.RemoveAll(nursery) // an empty directory that nobody looks into
	born := filepath.Join(nursery, "s")
	if len(born) > maxSocketPath || len(path) > maxSocketPath {
		return nil, "", fmt.Errorf("the socket path %s is too long: at most %d bytes, choose a shorter --socket-dir",
			path, maxSocketPath)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: born, Net: "unix"})
	if err != nil {
		return nil, "", fmt.Errorf("cannot listen in the socket directory (--socket-dir): %w", err)
	}
	listener.SetUnlinkOnClose(false) // it would unlink the name that the socket was born with
	if err := open(born, path); err != nil {
		return nil, "", errors.Join(err, listener.Close())
	}
	return listener, path, nil
}

// checkPlace refuses to replace anything but a socket.
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
	return nil
}

// open lets every user connect and moves the socket to its place. Launcher and sidecar may run as
// different users, and nobody outside the pod sees the directory.
func open(born, path string) error {
	if err := os.Chmod(born, 0o666); err != nil {
		return fmt.Errorf("cannot open the socket to the launcher: %w", err)
	}
	if err := os.Rename(born, path); err != nil {
		return fmt.Errorf("cannot put the socket in its place (--socket-dir): %w", err)
	}
	return nil
}
