// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fleet is flights of reads that tell when they started.
type fleet struct {
	flights[time.Time]
	took time.Duration // by one read

	mu            sync.Mutex
	reads         int
	airborne, top int // reads at a time
}

func (f *fleet) read(ctx context.Context) (time.Time, error) {
	started := time.Now()
	f.count(1)
	defer f.count(-1)
	select {
	case <-ctx.Done():
	case <-time.After(f.took):
	}
	return started, ctx.Err()
}

func (f *fleet) count(change int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.airborne += change
	f.reads += max(change, 0)
	f.top = max(f.top, f.airborne)
}

func (f *fleet) do(ctx context.Context, key string) (time.Time, error) {
	return f.ask(ctx, key, time.Minute, f.read).wait(ctx)
}

// TestFlights has 1000 callers ask over 10 s.
func TestFlights(t *testing.T) {
	const callers, span = 1000, 10 * time.Second
	cases := map[string]struct {
		reason  string
		took    time.Duration
		most    int // reads at a time
		reads   int // all together, at most
		longest time.Duration
	}{
		"Fast":   {"one read at a time is enough", time.Millisecond, 1, callers, 2 * time.Millisecond},
		"Waits":  {"reads overlap, one per pace", 100 * time.Millisecond, int(100*time.Millisecond/pace) + 1, int(span/pace) + 20, 200 * time.Millisecond},
		"Slow":   {"one at a time serves all who wait", time.Second, 1, 11 + 1, 2 * time.Second},
		"Slower": {"one at a time serves all who wait", 4 * time.Second, 1, 4 + 1, 8 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fleet{took: tc.took}
				var all sync.WaitGroup
				random := rand.New(rand.NewPCG(1, 2))
				for range callers {
					pause := time.Duration(random.Int64N(int64(span)))
					all.Go(func() {
						time.Sleep(pause)
						asked := time.Now()
						started, err := f.do(t.Context(), "a")
						if err != nil || started.Before(asked) {
							t.Errorf("a read that started %s after it was asked for, %v", started.Sub(asked), err)
						}
						if took := time.Since(asked); took > tc.longest {
							t.Errorf("it took %s, want %s at most: %s", took, tc.longest, tc.reason)
						}
					})
				}
				all.Wait()
				if f.top > tc.most || f.reads > tc.reads {
					t.Errorf("%d reads, %d at a time, want %d and %d at most: %s", f.reads, f.top, tc.reads, tc.most, tc.reason)
				}
				t.Logf("%d reads, at most %d at a time", f.reads, f.top)
			})
		})
	}
}

// TestFlightsKeys: keys have nothing to do with each other, and are not remembered without end.
func TestFlightsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{took: time.Second}
		var all sync.WaitGroup
		for i := range 3 * maxLines {
			all.Go(func() {
				if _, err := f.do(t.Context(), fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if f.top != 3*maxLines {
			t.Errorf("%d reads at a time, want %d", f.top, 3*maxLines)
		}
		synctest.Wait()
		if _, err := f.do(t.Context(), "one more"); err != nil || len(f.lines) > maxLines {
			t.Errorf("%d lines, want %d at most, %v", len(f.lines), maxLines, err)
		}
	})
}

// TestFlightsCancel: who leaves does not take the others' result along.
func TestFlightsCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{took: time.Second}
		first, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := f.do(first, "a") // the read has this context's values
			left <- err
		}()
		synctest.Wait()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := f.do(t.Context(), "a"); err != nil {
					t.Error(err)
				}
			})
		}
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		if f.airborne != 1 {
			t.Errorf("%d reads at a time after one left, want 1", f.airborne)
		}
		all.Wait()
		if f.reads != 2 {
			t.Errorf("%d reads, want 2", f.reads)
		}
		f.took = time.Hour
		if _, err := f.do(t.Context(), "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a read without end: %v", err)
		}
	})
}

// TestFlightsFail: errors and panics go to all who wait, and to nobody else.
func TestFlightsFail(t *testing.T) {
	failure := errors.New("failure")
	cases := map[string]struct {
		read  func() error
		err   error
		panic string
	}{
		"Error": {func() error { return failure }, failure, ""},
		"Panic": {func() error { panic("broken") }, nil, "broken"},
		"Exit":  {func() error { runtime.Goexit(); return nil }, errAborted, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f flights[int]
				ask := func(value int, read func() error) (got int, panicked any, err error) {
					defer func() { panicked = recover() }()
					got, err = f.ask(t.Context(), "a", time.Minute, func(context.Context) (int, error) {
						time.Sleep(time.Second)
						return value, read()
					}).wait(t.Context())
					return got, nil, err
				}
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						_, panicked, err := ask(0, tc.read)
						if !errors.Is(err, tc.err) || (panicked != nil) != (tc.panic != "") {
							t.Errorf("got %v, panic %v", err, panicked)
						}
						if text := fmt.Sprint(panicked); tc.panic != "" && (!strings.Contains(text, tc.panic) || !strings.Contains(text, "flight_test.go")) {
							t.Errorf("a panic that does not tell where it was: %s", text)
						}
					})
				}
				all.Wait()
				if got, panicked, err := ask(7, func() error { return nil }); got != 7 || err != nil || panicked != nil {
					t.Errorf("the next read gave %d, %v, %v", got, err, panicked)
				}
			})
		})
	}
}
