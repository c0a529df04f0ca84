// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package virsh

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Session is a virsh process, for one goroutine at a time.
type Session struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *os.File // a file, so that all is there that was written before the end of a command
	said   int64    // how far it is read
	count  int      // of commands
}

// Tap is a TAP device that belongs to the user of libvirt. KubeVirt makes them before it starts a domain.
type Tap struct {
	Name string
	// MultiQueue is whether the interface has more than one queue: QEMU opens such a device in another way.
	MultiQueue bool
}

// inside runs in the new namespaces and stays there as their first process: it is told when a QEMU ends, and when it
// ends itself, the kernel ends what is left.
const inside = `mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
multi=
for tap in $TAPS; do
	case $tap in
	multi_queue) multi=$tap ;;
	*) ip tuntap add dev "$tap" mode tap user "$0" $multi; ip link set "$tap" up; multi= ;;
	esac
done
code=0
setpriv --reuid "$0" --regid "$0" --clear-groups --pdeathsig KILL -- "$@" || code=$?
exit $code`

// Open starts virsh, connected to a driver, with TAP devices for its domains. All processes of
// the session end when the context does.
func (h *Host) Open(ctx context.Context, driver string, taps ...Tap) (*Session, error) {
	var names []string
	for _, tap := range taps {
		if tap.MultiQueue {
			names = append(names, "multi_queue")
		}
		names = append(names, tap.Name)
	}
	cmd := exec.CommandContext(ctx, "sh", "-euc", inside, strconv.Itoa(User), "virsh", "--quiet", "--connect", driver)
	cmd.Dir = h.dir
	cmd.Env = append(h.environment(), "TAPS="+strings.Join(names, " "))
	// No terminal: Ctrl-C does not reach it, so that its owner closes it in order, and virsh starts no agent of polkit there.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	cmd.WaitDelay = 10 * time.Second // for what may still hold the pipes
	return start(cmd)
}

func start(cmd *exec.Cmd) (*Session, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := os.CreateTemp("", "domainpatch-virsh-")
	if err != nil {
		return nil, err
	}
	cmd.Stderr = stderr
	err = errors.Join(os.Remove(stderr.Name()), cmd.Start()) // the file lives while it is open
	if errors.Is(err, syscall.EPERM) {
		err = fmt.Errorf("%w: root may not make namespaces here; a container must be privileged", err)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start virsh: %w", err), stderr.Close())
	}
	return &Session{cmd: cmd, in: in, out: bufio.NewReader(out), stderr: stderr}, nil
}

// Do runs a command and returns what it printed. What it wrote on standard error is the error, with
// virsh's "error: " before it. Words with spaces need quotes.
func (s *Session) Do(command string) (string, error) {
	if strings.ContainsAny(command, "\n;") {
		return "", fmt.Errorf("virsh takes %q for more than one command", command)
	}
	s.count++
	mark := fmt.Sprintf("echo end-of-command-%d", s.count)
	_, err := fmt.Fprintf(s.in, "%s\n%s\n", command, mark)
	out, readErr := s.readTo("\n" + strings.TrimPrefix(mark, "echo "))
	said, stderrErr := s.readErrors()
	if err := errors.Join(readErr, stderrErr); err != nil {
		return "", fmt.Errorf("virsh ended during %q: %w: %s", command, err, said)
	}
	if err != nil {
		return "", fmt.Errorf("cannot write to virsh: %w", err)
	}
	// virsh repeats what it reads behind its prompt, as far as it fits in the line of a terminal.
	repeated, out, begins := strings.Cut(out, "\n")
	out, ends := strings.CutSuffix(out, prompt+mark)
	if !begins || !ends || !strings.HasPrefix(repeated, prompt) {
		return "", fmt.Errorf("virsh answered %q with something else than its prompt: %.200q", command, out)
	}
	if said != "" {
		return out, fmt.Errorf("virsh %s: %s", command, said)
	}
	return out, nil
}

// prompt is that of virsh on a driver that one may write to.
const prompt = "virsh # "

// readTo returns what virsh printed up to an end, and drops the end.
func (s *Session) readTo(end string) (string, error) {
	var read []byte
	for !bytes.HasSuffix(read, []byte(end)) {
		if len(read) == maxOutput {
			return "", fmt.Errorf("more than %d bytes", maxOutput)
		}
		b, err := s.out.ReadByte()
		if err != nil {
			return "", err
		}
		read = append(read, b)
	}
	return string(read[:len(read)-len(end)]), nil
}

// maxOutput is how many bytes a command may print.
const maxOutput = 16 << 20

// readErrors returns what was written on standard error since the last call.
func (s *Session) readErrors() (string, error) {
	said, err := io.ReadAll(io.NewSectionReader(s.stderr, s.said, maxOutput))
	s.said += int64(len(said))
	return strings.TrimSpace(string(said)), err
}

// Close ends virsh, and with it its domains and their QEMU.
func (s *Session) Close() error {
	_, err := io.WriteString(s.in, "quit\n")
	if err != nil {
		err = fmt.Errorf("virsh has ended before: %w", err)
	}
	_, drainErr := io.Copy(io.Discard, s.out) // or Wait would lose what is still to be read
	said, readErr := s.readErrors()
	if waitErr := s.cmd.Wait(); waitErr != nil {
		err = errors.Join(err, fmt.Errorf("virsh: %w: %s", waitErr, said))
	}
	return errors.Join(err, drainErr, readErr, s.stderr.Close())
}
