// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// atMost is how many metrics the operator may have of its own.
const atMost = 10

// TestMetrics gathers all metrics with all series that they may have.
func TestMetrics(t *testing.T) {
	if len(descriptions) > atMost {
		t.Errorf("%d metrics, at most %d are wanted: who reads them all?", len(descriptions), atMost)
	}
	gauges := map[string]*prometheus.GaugeVec{
		"domainpatch_bundles": Bundles, "domainpatch_patches": Patches, "domainpatch_vmis": VMIs, "domainpatch_kubevirt_plugins": Plugins}
	want := map[string]int{} // how many series
	for _, d := range descriptions {
		want[d.name] = len(d.series())
		if g := gauges[d.name]; g != nil {
			for _, values := range d.series() {
				g.WithLabelValues(values...).Set(1)
			}
		}
	}
	certificate := Certificate{File: writeCertificate(t, time.Now())}
	metrics.Registry.MustRegister(certificate)
	t.Cleanup(func() { metrics.Registry.Unregister(certificate) })
	families := gather(t)
	got := map[string]int{}
	for _, f := range families {
		got[f.GetName()] = len(f.Metric)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("number of series (-described +gathered):\n%s", diff)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
}

// gather reads our own metrics from the registry, from which they are served.
func gather(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	all, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var ours []*dto.MetricFamily
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "domainpatch_") {
			ours = append(ours, f)
		}
	}
	return ours
}

// TestDocumented wants the table of docs/operations.md to have a row for each metric, as the
// code describes it, and no other.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, described []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `domainpatch_") {
			documented = append(documented, strings.TrimSpace(line))
		}
	}
	for _, d := range descriptions {
		described = append(described, row(d))
	}
	if diff := cmp.Diff(described, documented); diff != "" {
		t.Errorf("docs/operations.md differs from the code (-code +docs); the rows should be\n%s\n%s", strings.Join(described, "\n"), diff)
	}
}

func row(d description) string {
	var labels []string
	for _, l := range d.labels {
		labels = append(labels, fmt.Sprintf("`%s`: %s", l.name, strings.Join(l.values, ", ")))
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", d.name, d.help, d.kind, strings.Join(labels, "; "))
}

func TestCertificate(t *testing.T) {
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	good := writeCertificate(t, expires)
	empty := filepath.Join(t.TempDir(), "tls.crt")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason, file string
		want         []float64
	}{
		"Valid":   {"the alert compares it with the time", good, []float64{float64(expires.Unix())}},
		"Empty":   {"the Secret is empty when it is installed", empty, nil},
		"Missing": {"a time of zero would raise the alert", filepath.Join(t.TempDir(), "none"), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(Certificate{File: tc.file})
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			var got []float64
			for _, f := range families {
				for _, m := range f.Metric {
					got = append(got, m.Gauge.GetValue())
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("values, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// writeCertificate writes a certificate that expires at a time to a file.
func writeCertificate(t *testing.T, expires time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: expires}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tls.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
