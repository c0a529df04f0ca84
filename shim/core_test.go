// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// gate is an engine that lets a domain call through when it is told to.
type gate struct {
	fakeEngine
	entered chan string // the document of the call that waits
	open    chan struct{}
}

func newGate() *gate {
	g := &gate{entered: make(chan string), open: make(chan struct{})}
	g.domain = func(ctx context.Context, doc, _ []byte, first *patch.Report) ([]byte, *patch.Report, error) {
		select {
		case g.entered <- string(doc):
			<-g.open
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		if first != nil {
			return []byte("repeat of " + first.Patches[0].Patch), first, nil
		}
		return doc, &patch.Report{Patches: []patch.PatchReport{{Patch: string(doc)}}}, nil
	}
	return g
}

// let waits for a call to enter the engine and lets it out.
func (g *gate) let(t *testing.T) {
	t.Helper()
	select {
	case <-g.entered:
		g.open <- struct{}{}
	case <-soon(t).Done():
		t.Error("no call enters the engine")
	}
}

// answer is what a call that runs beside the test gave.
type answer struct {
	out string
	err error
}

// beside makes a call in a goroutine.
func beside(call func() ([]byte, error)) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		out, err := call()
		done <- answer{string(out), err}
	}()
	return done
}

func define(t *testing.T, server *running, doc string) func() ([]byte, error) {
	client, ctx := v1alpha3.NewCallbacksClient(dial(t, server.server.Path())), soon(t)
	return func() ([]byte, error) {
		result, err := client.OnDefineDomain(ctx, &v1alpha3.OnDefineDomainParams{DomainXml: []byte(doc), Vmi: anyVMI})
		return result.GetDomainXml(), err
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	var inside, most atomic.Int32
	engine := &fakeEngine{domain: func(_ context.Context, doc, _ []byte, _ *patch.Report) ([]byte, *patch.Report, error) {
		most.Store(max(most.Load(), inside.Add(1)))
		defer inside.Add(-1)
		runtime.Gosched() // lets another call in, if there is a way
		return append([]byte("patched "), doc...), &patch.Report{}, nil
	}}
	server := startFake(t, engine, Config{})
	var all sync.WaitGroup
	for i := range 48 {
		doc := fmt.Sprintf("<domain id='%d'/>", i)
		call := define(t, server, doc)
		all.Go(func() {
			if out, err := call(); err != nil || string(out) != "patched "+doc {
				t.Errorf("OnDefineDomain(%s) = %s, %v", doc, out, err)
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d calls were in the engine at once, want 1", most.Load())
	}
	if got := strings.Count(server.log.String(), `"msg":"answered"`); got != 48 {
		t.Errorf("%d lines of answered calls, want 48", got)
	}
}

// TestCancelledWhileWaiting: who gave up before it was its turn changed nothing.
func TestCancelledWhileWaiting(t *testing.T) {
	engine := newGate()
	log, lines := logAt(slog.LevelInfo)
	core := NewCore(engine, false, log)
	call := func(ctx context.Context, doc string) func() ([]byte, error) {
		return func() ([]byte, error) { return core.OnDefineDomain(ctx, []byte(doc), anyVMI, Boot) }
	}
	first := beside(call(t.Context(), "A"))
	if doc := <-engine.entered; doc != "A" {
		t.Fatalf("the engine got %s", doc)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	waiting := beside(call(cancelled, "B"))
	cancel()
	gaveUp := <-waiting
	if !errors.Is(gaveUp.err, context.Canceled) || status.Code(gaveUp.err) != codes.Canceled {
		t.Errorf("the call that waited: %v, want canceled", gaveUp.err)
	}
	checkLine(t, gaveUp.err, codes.Canceled, "gave up waiting for another call")
	engine.open <- struct{}{}
	if got := <-first; got.err != nil || got.out != "A" {
		t.Errorf("the call whose turn it was: %v", got)
	}
	second := beside(call(t.Context(), "C"))
	engine.let(t)
	if got := <-second; got.out != "repeat of A" {
		t.Errorf("the next call: %v, want a repeat of A", got)
	}
	if got := strings.Count(lines.String(), "\n"); got != 3 {
		t.Errorf("%d lines of three calls:\n%s", got, lines)
	}
	line, _, _ := strings.Cut(lines.String(), "\n")
	if field(t, line, "durationMs") != 0.0 || field(t, line, "waitMs") == nil {
		t.Errorf("the line of the call that gave up does not tell that it only waited:\n%s", line)
	}
}

// TestEndWaitsForCalls: of two calls one is in the engine and one waits when the server is told to end.
func TestEndWaitsForCalls(t *testing.T) {
	cases := map[string]struct {
		reason string
		end    func(t *testing.T, server *running)
	}{
		"Signal": {"the pod ends", func(_ *testing.T, server *running) { server.cancel() }},
		"Shutdown": {"the VM is gone", func(t *testing.T, server *running) {
			if _, err := v1alpha3.NewCallbacksClient(server).Shutdown(soon(t), &v1alpha3.ShutdownParams{}); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			engine := newGate()
			server := startFake(t, engine, Config{})
			server.server.patience = time.Minute // a slow machine must not cut the calls off
			one := beside(define(t, server, "<a/>"))
			<-engine.entered
			two := beside(define(t, server, "<b/>"))
			tc.end(t, server)
			awaitClosed(t, server.server.Path())
			engine.open <- struct{}{}
			if got := <-one; got.err != nil || got.out != "<a/>" {
				t.Errorf("the call in the engine: %v, want an answer, for %s", got, tc.reason)
			}
			// The other call was accepted or came too late; an answer that is none must say so.
			select {
			case <-engine.entered:
				engine.open <- struct{}{}
				if got := <-two; got.err != nil || got.out != "repeat of <a/>" {
					t.Errorf("the call that waited: %v, want an answer", got)
				}
			case got := <-two:
				if status.Code(got.err) != codes.Unavailable {
					t.Errorf("the call that came too late: %v, want Unavailable", got)
				}
			}
			awaitEnd(t, server)
			if _, err := define(t, server, "<c/>")(); status.Code(err) != codes.Unavailable {
				t.Errorf("a call after the end: %v, want Unavailable", err)
			}
		})
	}
}

// TestEndDespiteStuckCall: an engine that does not heed its context does not keep the container.
func TestEndDespiteStuckCall(t *testing.T) {
	if patience+lastPatience > 900*time.Millisecond {
		t.Errorf("calls may take %v to end, want less than the second that Serve promises", patience+lastPatience)
	}
	engine := newGate()
	server := startFake(t, engine, Config{})
	stuck := beside(define(t, server, "<a/>"))
	<-engine.entered
	told := time.Now()
	server.cancel()
	awaitEnd(t, server)
	if took := time.Since(told); took > 10*time.Second { // of a second, on a busy machine
		t.Errorf("the server took %v to end", took)
	}
	engine.open <- struct{}{}
	if got := <-stuck; got.err == nil {
		t.Errorf("the call that was cut off: %v", got)
	}
}

// TestLoggedTimes: of two calls the second waits for the first.
func TestLoggedTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &fakeEngine{domain: func(_ context.Context, doc, _ []byte, _ *patch.Report) ([]byte, *patch.Report, error) {
			time.Sleep(30 * time.Millisecond)
			return doc, &patch.Report{}, nil
		}}
		log, lines := logAt(slog.LevelInfo)
		core := NewCore(engine, false, log)
		call := func() ([]byte, error) { return core.OnDefineDomain(t.Context(), []byte("<a/>"), anyVMI, Boot) }
		first := beside(call)
		time.Sleep(10 * time.Millisecond)
		if _, err := call(); err != nil {
			t.Error(err)
		}
		<-first
		one, two, _ := strings.Cut(lines.String(), "\n")
		for _, want := range []struct {
			line               string
			waitMs, durationMs float64
		}{{one, 0, 30}, {two, 20, 30}} {
			if wait, took := field(t, want.line, "waitMs"), field(t, want.line, "durationMs"); wait != want.waitMs || took != want.durationMs {
				t.Errorf("waited %v and took %v ms, want %v and %v", wait, took, want.waitMs, want.durationMs)
			}
		}
	})
}

// awaitClosed waits until nobody listens on the socket.
func awaitClosed(t *testing.T, path string) {
	t.Helper()
	for ctx := soon(t); ctx.Err() == nil; {
		conn, err := net.Dial("unix", path)
		if err != nil {
			return
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Fatal("the server still listens")
}
