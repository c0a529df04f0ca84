// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hooksV1alpha3 "kubevirt.io/kubevirt/pkg/hooks/v1alpha3"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// In bytes: what may stay of a large call, and what it takes at least while it lasts, else these tests say nothing.
const (
	fewBytes  = 3 << 20
	muchBytes = 9 << 20
)

// TestMemoryGivenBack: what a large call took does not stay as long as the VM runs.
func TestMemoryGivenBack(t *testing.T) {
	t.Parallel()
	s := sidecar{sockets: t.TempDir(), container: "hook-sidecar-0"}
	manager, process := runShim(t, s, titleBundle(t), "v1alpha3", "OnDefineDomain")
	define(t, manager, "devices") // touches the memory that every call takes
	pid := pidOf(t, s)
	before := memoryOf(t, pid, "RssAnon")
	spec, vmi := bigDomain(t)
	for range 2 { // after the second the timer must have been started again
		if _, err := manager.OnDefineDomain(spec, vmi); err != nil {
			t.Fatal(err)
		}
		if took := memoryOf(t, pid, "VmHWM") - memoryOf(t, pid, "RssFile") - before; took < muchBytes {
			t.Fatalf("a large call took %d bytes, so this tests nothing", took)
		}
		awaitMemory(t, pid, before+fewBytes)
	}
	shutDown(t, manager, process)
}

// TestMemoryGivenBackAfterLateReaders: nor does what answers took that a busy launcher read when the calls were long over.
func TestMemoryGivenBackAfterLateReaders(t *testing.T) {
	t.Parallel()
	s := sidecar{sockets: t.TempDir(), container: "hook-sidecar-0"}
	manager, process := runShim(t, s, titleBundle(t), "v1alpha3", "OnDefineDomain")
	define(t, manager, "devices")
	pid := pidOf(t, s)
	before := memoryOf(t, pid, "RssAnon")
	const readers = 6
	resume, answered := make(chan struct{}), make(chan error, readers)
	params := bigParams(t)
	for range readers {
		reader := &lateReader{Conn: dialRaw(t, socketOf(t, s)), resume: resume}
		go func() { answered <- reader.define(t, params) }()
	}
	awaitMore(t, pid, before+muchBytes*3/2)
	awaitMemory(t, pid, before+muchBytes*3/2) // so some was given back, while the answers are on their way
	close(resume)
	for range readers {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	awaitMemory(t, pid, before+fewBytes)
	shutDown(t, manager, process)
}

func titleBundle(t *testing.T) []byte {
	t.Helper()
	return encodeBundle(t, bundle.NewPatch("title", bundle.DomainRule{Op: "set", Path: "/domain/title", Expression: "vmi.metadata.name"}))
}

// lateReader is a connection on which the beginning of an answer is read, and the rest not until resume is closed.
type lateReader struct {
	net.Conn
	resume chan struct{}
	read   int // bytes
}

func (l *lateReader) Read(p []byte) (int, error) {
	if l.read > 16<<10 {
		<-l.resume
	}
	n, err := l.Conn.Read(p)
	l.read += n
	return n, err
}

func bigParams(t *testing.T) *hooksV1alpha3.OnDefineDomainParams {
	t.Helper()
	spec, vmi := bigDomain(t)
	doc, err := launcher.Encode(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &hooksV1alpha3.OnDefineDomainParams{DomainXML: doc, Vmi: []byte(toJSON(t, vmi))}
}

// define calls OnDefineDomain and hangs up when it has the answer.
func (l *lateReader) define(t *testing.T, params *hooksV1alpha3.OnDefineDomainParams) error {
	conn, err := grpc.NewClient("passthrough:shim", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return l, nil }))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = hooksV1alpha3.NewCallbacksClient(conn).OnDefineDomain(t.Context(), params)
	return err
}

// awaitMore and awaitMemory poll: nothing but the kernel's count tells. They do not connect, for that takes memory, too.
func awaitMore(t *testing.T, pid, least int) {
	t.Helper()
	pollMemory(t, pid, "at least", least, func(now int) bool { return now >= least })
}

func awaitMemory(t *testing.T, pid, most int) {
	t.Helper()
	pollMemory(t, pid, "at most", most, func(now int) bool { return now <= most })
}

func pollMemory(t *testing.T, pid int, what string, want int, reached func(now int) bool) {
	t.Helper()
	now := 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if now = memoryOf(t, pid, "RssAnon"); reached(now) {
			t.Logf("%.1f MB are resident", float64(now)/1e6)
			return
		}
	}
	t.Fatalf("%d bytes are resident, want %s %d", now, what, want)
}
