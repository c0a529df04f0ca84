// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/shim/proto/info"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// BenchmarkShim measures what the shim costs beside a VM: the stripped binary in MB (10^6), milliseconds
// from process start to the answered Info, milliseconds per call, and resident memory in MiB five seconds
// after calls. Run it with: go test -bench Shim -run '^$' ./shim
func BenchmarkShim(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "shim")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", binary, "../cmd/shim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	stat, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	bundlePath, sum := writeBundle(b, benchPatch())
	args := []string{"--version", "v1alpha3", "--bundle", bundlePath, "--sha256", sum}
	b.Run("Start", func(b *testing.B) {
		var total time.Duration
		n := 0
		for ; b.Loop(); n++ {
			p := launch(b, binary, args)
			total += p.startup
			p.stop()
		}
		b.ReportMetric(float64(stat.Size())/1e6, "MB-binary")
		b.ReportMetric(float64(total.Microseconds())/1000/float64(n), "ms-to-Info")
		b.ReportMetric(0, "ns/op")
	})
	for _, kib := range []int{8, 256} {
		b.Run(fmt.Sprintf("Call%dKiB", kib), func(b *testing.B) {
			p := launch(b, binary, args)
			doc := benchDomain(kib << 10)
			b.ResetTimer()
			for b.Loop() {
				p.define(b, doc)
			}
		})
		b.Run(fmt.Sprintf("IdleAfter%dKiB", kib), func(b *testing.B) {
			p := launch(b, binary, args)
			for range 3 {
				p.define(b, benchDomain(kib<<10))
			}
			for b.Loop() {
				time.Sleep(5 * time.Second) // what is measured: memory that calls leave behind
			}
			b.ReportMetric(p.resident(b), "MiB-RSS")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// process is a shim that answers.
type process struct {
	*grpc.ClientConn
	pid     int
	startup time.Duration
	stop    func()
}

func launch(b *testing.B, binary string, args []string) process {
	b.Helper()
	dir := shortDir(b)
	cmd := exec.CommandContext(b.Context(), binary, append(args, "--socket-dir", dir)...)
	cmd.Env = []string{"CONTAINER_NAME=hook-sidecar-0"}
	path := filepath.Join(dir, "domainpatch-hook-sidecar-0.sock")
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 200 * time.Microsecond, Multiplier: 1, MaxDelay: time.Millisecond},
			MinConnectTimeout: time.Second}))
	if err != nil {
		b.Fatal(err)
	}
	started := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop := sync.OnceFunc(func() { _ = conn.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.Cleanup(stop)
	if _, err := info.NewInfoClient(conn).Info(soon(b), &info.InfoParams{}, grpc.WaitForReady(true)); err != nil {
		b.Fatal(err)
	}
	return process{ClientConn: conn, pid: cmd.Process.Pid, startup: time.Since(started), stop: stop}
}

func (p process) define(b *testing.B, doc []byte) {
	b.Helper()
	_, err := v1alpha3.NewCallbacksClient(p).OnDefineDomain(soon(b), &v1alpha3.OnDefineDomainParams{
		DomainXml: doc, Vmi: []byte(`{"metadata":{"annotations":{"vendor":"Acme"}}}`)})
	if err != nil {
		b.Fatal(err)
	}
}

// resident is the process's resident memory in MiB.
func (p process) resident(b *testing.B) float64 {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "VmRSS:")
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		b.Fatalf("no VmRSS in:\n%s", data)
	}
	kib, err := strconv.Atoi(fields[0])
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / 1024
}

// benchPatch is the usual patch: literal values, an element, and an expression on the VMI.
func benchPatch() bundle.Patch {
	p := smbios()
	p.Domain = append(p.Domain,
		bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='manufacturer']",
			Expression: "vmi.metadata.annotations['vendor']"},
		bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain/devices",
			XML: "<controller type='usb' index='7' model='qemu-xhci'/>"})
	return p
}

// benchDomain is a domain of about that many bytes.
func benchDomain(size int) []byte {
	var doc strings.Builder
	doc.WriteString("<domain type=\"kvm\">\n\t<name>vm</name>\n\t<os>\n\t\t<type>hvm</type>\n\t</os>\n\t<devices>\n")
	for i := 0; doc.Len() < size; i++ {
		fmt.Fprintf(&doc, "\t\t<disk device=\"disk\" type=\"block\">\n\t\t\t<source dev=\"/dev/disk%d\"></source>\n"+
			"\t\t\t<target bus=\"virtio\" dev=\"vd%d\"></target>\n\t\t\t<driver cache=\"none\" name=\"qemu\" type=\"raw\"></driver>\n"+
			"\t\t\t<alias name=\"ua-disk%d\"></alias>\n\t\t</disk>\n", i, i, i)
	}
	doc.WriteString("\t</devices>\n</domain>")
	return []byte(doc.String())
}
