// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// Sizes; see the target test-chaos for large ones.
var (
	vms   = flag.Int("vms", 20, "how many VMs are created on a bad day")
	kills = flag.Int("kills", 3, "how often a replica of the manager is killed meanwhile")
	races = flag.Int("races", 5, "how many VMs race with their patches, of each kind")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "what random choices follow from")
)

// Times that bound each other: a bundle is swept later than any request that made it can still
// create its VMI, so that no VMI comes too late for its bundle.
const (
	requestTimeout = 8 * time.Second
	sweepAfter     = 10 * time.Second
)

// managers is how many replicas run.
const managers = 2

// patience is how long all VMs together may take to get there: virt-controller tries again after
// as long a time as it has tried.
const patience = 15 * time.Minute

// chaos is a cluster and its history.
type chaos struct {
	*testing.T
	*cluster.Cluster
	ctx        context.Context
	watcher    client.WithWatch
	history    *history
	namespaces map[string]labels.Set // of the test
	retries    atomic.Int64          // requests of the test that failed and were made again
	logs       string                // their folder
	out        io.Writer
}

// TestChaos runs all tests on one cluster with two replicas of the manager.
func TestChaos(t *testing.T) {
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root, err := cluster.Repository()
	if err != nil {
		t.Fatal(err)
	}
	logs := filepath.Join(root, "out", "chaos")
	c, err := cluster.Start(ctx, cluster.Options{
		Logs:         logs,
		Managers:     managers,
		ManagerFlags: []string{"--bundle-sweep-after", sweepAfter.String()},
		// A manager gives up when it cannot renew its lease, for example while the API server is away.
		RestartManagers: true,
		// Without the cache, and as long as nothing is compacted, a watch goes on where it ended.
		APIServerFlags: map[string]string{"watch-cache": "false", "etcd-compaction-interval": "0", "request-timeout": requestTimeout.String()},
		Controllers:    []string{"garbage-collector-controller", "namespace-controller"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop() // a case below looks at its error
	summary, err := os.Create(filepath.Join(logs, "summary.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer summary.Close()
	ch := &chaos{T: t, Cluster: c, ctx: ctx, history: newHistory(), namespaces: map[string]labels.Set{},
		logs: logs, out: io.MultiWriter(os.Stdout, summary)}
	ch.run()
}

func (c *chaos) run() {
	ctx, cancel := context.WithCancel(klog.NewContext(c.ctx, logr.Discard())) // watches complain while the API server is away
	defer cancel()
	var err error
	c.watcher, err = client.NewWithWatch(c.Config(), client.Options{Scheme: c.Scheme()})
	c.must(err)
	c.must(c.history.record(ctx, c.watcher))
	c.printf("random choices follow from -seed %d\n", *seed)
	t := c.T
	t.Run("VMAndPatchTogether", func(t *testing.T) { c.with(t).vmAndPatchTogether() })
	t.Run("SelectorThenVM", func(t *testing.T) { c.with(t).selectorThenVM() })
	t.Run("SweepAndVMI", func(t *testing.T) { c.with(t).sweepAndVMI() })
	t.Run("BadDay", func(t *testing.T) { c.with(t).badDay() })
	t.Run("NothingIsLeft", func(t *testing.T) { c.with(t).nothingIsLeft() })
	t.Run("HistoryKeepsThePromise", func(t *testing.T) { c.with(t).historyKeepsThePromise() })
	t.Run("NoManagerPanics", func(t *testing.T) { c.with(t).noManagerPanics() })
	t.Run("Stop", func(t *testing.T) {
		cancel() // the API server would wait for the watches
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func (c *chaos) with(t *testing.T) *chaos {
	c.T = t
	return c
}

func (c *chaos) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *chaos) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// random gives the random numbers of one part of a test: others take none away from it.
func random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(*seed, part)) }

// retry makes a request until it succeeds, which on a bad day it may not do at once.
func (c *chaos) retry(ctx context.Context, what string, request func(context.Context) error) error {
	return c.Until(ctx, what, func(ctx context.Context) error {
		err := request(ctx)
		if err != nil {
			c.retries.Add(1)
		}
		return err
	})
}

// historyKeepsThePromise checks all that the tests before have left in the history.
func (c *chaos) historyKeepsThePromise() {
	c.must(c.Until(c.ctx, "the history is complete", func(ctx context.Context) error {
		return c.history.isComplete(ctx, c.Client)
	}))
	const most = 20
	found := c.history.violations(c.namespaces)
	for _, violation := range found[:min(len(found), most)] {
		c.Error(violation)
	}
	c.printf("history: %d VMs, %d VMIs, %d Pods, %d bundles, %d patches; violations: %d\n", len(c.history.all(kindVM)), len(c.history.all(kindVMI)),
		len(c.history.all(kindPod)), len(c.bundles()), len(c.history.all(kindPatch))+len(c.history.all(kindClusterPatch)), len(found))
}

// noManagerPanics looks into the logs: managers that end by themselves are started again here.
func (c *chaos) noManagerPanics() {
	files, err := filepath.Glob(filepath.Join(c.logs, "manager-*.log"))
	if err != nil || len(files) != managers {
		c.Fatalf("logs of managers: %q, %v", files, err)
	}
	for _, file := range files {
		log, err := os.ReadFile(file)
		c.must(err)
		for _, sign := range []string{"panic", "fatal error: ", "SIGSEGV"} {
			if _, after, found := strings.Cut(string(log), sign); found {
				c.Errorf("%s: %s%.1000s", file, sign, after)
			}
		}
	}
}
