// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"sync"
	"time"
)

// How reads of one key overlap. A consistent list of a small kind takes the API server no time,
// but lets it wait up to 100 ms for its own cache (progressRequestPeriod in
// k8s.io/apiserver/pkg/storage/cacher/progress); who comes meanwhile should not wait for two
// of these. A list that takes longer is a long one, which the API server should not make
// several times at once.
const (
	pace = 10 * time.Millisecond  // from one start to the next
	slow = 300 * time.Millisecond // a read that takes longer, or of which that is unknown, is alone
)

// maxLines is how many keys are remembered, about.
const maxLines = 1024

// errAborted is for a read that ended without a result.
var errAborted = errors.New("the read was aborted")

// flights let those who ask for the same thing at about the same time share one read. Nobody
// gets a read that started before they asked: what was true then is in the answer.
// The zero value is ready. It is safe for concurrent use.
type flights[T any] struct {
	mu    sync.Mutex
	lines map[string]*line[T]
}

// line is what goes on for one key.
type line[T any] struct {
	boarding  *flight[T] // waits to start; whoever asks now joins it
	airborne  int        // flights that started and did not end
	lastStart time.Time
	lastTook  time.Duration // zero before the first one
}

// flight is one read.
type flight[T any] struct {
	read func() (T, error)
	done chan struct{} // closed when the fields below are set

	value    T
	err      error
	panicked *panicked
}

// panicked is a panic on its way to those who asked.
type panicked struct {
	value any
	stack []byte
}

// ask starts a read, or joins one that somebody else asked for and that did not start yet. The
// read ends on its own, after timeout at the latest, whoever still waits for it.
func (f *flights[T]) ask(ctx context.Context, key string, timeout time.Duration, read func(context.Context) (T, error)) *flight[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.line(key)
	if l.boarding != nil {
		return l.boarding
	}
	fl := &flight[T]{done: make(chan struct{}), err: errAborted, read: func() (T, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		return read(ctx)
	}}
	l.boarding = fl
	switch {
	case l.airborne == 0:
		go f.fly(l, fl)
	case l.lastTook > 0 && l.lastTook < slow:
		time.AfterFunc(time.Until(l.lastStart.Add(pace)), func() { f.fly(l, fl) })
	}
	return fl
}

// wait gives the result: all who wait get the same, an error or a panic, too. When ctx ends the
// caller gets its error, and the others still get the result.
func (fl *flight[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	case <-fl.done:
	}
	if p := fl.panicked; p != nil {
		panic(fmt.Sprintf("%v\n\n%s", p.value, p.stack))
	}
	return fl.value, fl.err
}

// line gives the line of a key. Lines are kept for their lastTook, but not without end.
func (f *flights[T]) line(key string) *line[T] {
	if l := f.lines[key]; l != nil {
		return l
	}
	if f.lines == nil {
		f.lines = map[string]*line[T]{}
	}
	if len(f.lines) >= maxLines {
		maps.DeleteFunc(f.lines, func(_ string, l *line[T]) bool { return l.airborne == 0 && l.boarding == nil })
	}
	f.lines[key] = &line[T]{}
	return f.lines[key]
}

// fly runs a flight, unless it runs already.
func (f *flights[T]) fly(l *line[T], fl *flight[T]) {
	f.mu.Lock()
	if l.boarding != fl {
		f.mu.Unlock()
		return
	}
	l.boarding = nil
	l.airborne++
	started := time.Now()
	l.lastStart = started
	f.mu.Unlock()
	defer f.land(l, started)
	fl.run()
}

// land starts the next flight if nothing else would.
func (f *flights[T]) land(l *line[T], started time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.airborne--
	l.lastTook = max(time.Since(started), 1) // zero means unknown
	if next := l.boarding; next != nil && l.airborne == 0 {
		go f.fly(l, next)
	}
}

// run reads, and tells those who wait whatever comes of it.
func (fl *flight[T]) run() {
	defer close(fl.done)
	defer func() {
		if value := recover(); value != nil {
			fl.panicked = &panicked{value: value, stack: debug.Stack()}
		}
	}()
	fl.value, fl.err = fl.read()
}
