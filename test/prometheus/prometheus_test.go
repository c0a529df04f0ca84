// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package prometheus tests what config/prometheus holds by the programs that read it.
package prometheus

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"sigs.k8s.io/yaml"
)

const root = "../.."

// evaluated is when alerts are evaluated, after the start of what is measured.
const evaluated = time.Hour

// alerts has two clusters for each alert, as series in the notation of promtool with a value
// a minute: one in which it is raised, and one in which it is not. What all of them have is below.
var alerts = map[string]struct{ raised, quiet string }{
	"DomainPatchDown":           {down, up2},
	"DomainPatchOneReplicaLeft": {`up{job="domainpatch-metrics", pod="a"} 1x60`, up2},
	"DomainPatchUnreachable": {
		`apiserver_admission_webhook_rejection_count{name="mutate.vmi.domainpatch.kubevirt.io", error_type="calling_webhook_error"} 0+1x60`,
		`apiserver_admission_webhook_rejection_count{name="mutate.vmi.domainpatch.kubevirt.io", error_type="no_error"} 0+1x60
		 apiserver_admission_webhook_rejection_count{name="mutate.example.com", error_type="calling_webhook_error"} 0+1x60`},
	"DomainPatchCannotDecide": {
		`domainpatch_admissions_total{webhook="mutate-vmi", result="error"} 0x57 1 1 1`,
		`domainpatch_admissions_total{webhook="mutate-vmi", result="error"} 0x40 1x20
		 domainpatch_admissions_total{webhook="mutate-vmi", result="refused"} 0+1x60`},
	"DomainPatchSlow": {latency("0+1x60", "0+9x60", "0+10x60"), latency("0+10x60", "0+10x60", "0+10x60")},
	"DomainPatchCertificateExpires": {
		`domainpatch_certificate_expiry_timestamp_seconds{pod="a"} 86400x60
		 domainpatch_certificate_expiry_timestamp_seconds{pod="b"} 31536000x60`,
		`domainpatch_certificate_expiry_timestamp_seconds{pod="a"} 7776000x60`},
	"DomainPatchNoLeader": {leader("0", "0"), leader("0", "1")},
	"DomainPatchReconcileFails": {
		`controller_runtime_reconcile_errors_total{job="domainpatch-metrics", controller="counts"} 0+1x60`,
		`controller_runtime_reconcile_errors_total{job="domainpatch-metrics", controller="counts"} 7x60
		 controller_runtime_reconcile_errors_total{job="other", controller="counts"} 0+1x60`},
	"DomainPatchRefusesVMs": {
		`domainpatch_admissions_total{webhook="mutate-vmi", result="refused"} 0x40 1x20`,
		`domainpatch_admissions_total{webhook="validate-patch", result="refused"} 0+1x60
		 domainpatch_admissions_total{webhook="mutate-vmi", result="allowed"} 0+1x60`},
	"DomainPatchVMsFail": {
		`domainpatch_vmis{state="failed"} 2x60`,
		`domainpatch_vmis{state="failed"} 0x60
		 domainpatch_vmis{state="outdated"} 2x60`},
	"DomainPatchNotReady": {
		`domainpatch_patches{kind="DomainPatch", ready="False"} 2x60`,
		`domainpatch_patches{kind="DomainPatch", ready="False"} 0x60
		 domainpatch_patches{kind="DomainPatch", ready="True"} 2x60`},
	"DomainPatchLeftOut":     {`domainpatch_left_out_total 0x30 1x30`, `domainpatch_left_out_total 1x60`},
	"DomainPatchBundlesLost": {`domainpatch_bundles{state="lost"} 1x60`, "domainpatch_bundles{state=\"lost\"} 0x60\n domainpatch_bundles{state=\"used\"} 5x60"},
	"DomainPatchPluginsExist": {`domainpatch_kubevirt_plugins 1x60`,
		`domainpatch_kubevirt_plugins 0x60`},
	"DomainPatchLockdownViolations": {
		`domainpatch_lockdown_violations_total{mode="audit", resource="virtualmachines"} 0x55 1x5`,
		`domainpatch_lockdown_violations_total{mode="audit", resource="virtualmachines"} 1x60`},
}

const (
	up2 = `up{job="domainpatch-metrics", pod="a"} 1x60
		up{job="domainpatch-metrics", pod="b"} 1x60`
	down = `up{job="domainpatch-metrics", pod="a"} 0x60
		up{job="other"} 1x60`
)

// latency is the requests to one webhook, those within a second, within ten, and all.
func latency(second, ten, all string) string {
	const bucket = `controller_runtime_webhook_latency_seconds_bucket{job="domainpatch-metrics", webhook="/mutate-vmi", le="`
	return bucket + `1"} ` + second + "\n" + bucket + `10"} ` + ten + "\n" + bucket + `+Inf"} ` + all
}

func leader(a, b string) string {
	const status = `leader_election_master_status{job="domainpatch-metrics", name="domainpatch-manager", pod="`
	return status + `a"} ` + a + "x60\n" + status + `b"} ` + b + "x60"
}

// TestAlerts has Prometheus evaluate the alerts.
func TestAlerts(t *testing.T) {
	rules := readRules(t)
	documented, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != len(alerts) {
		t.Errorf("%d alerts, and %d are tested", len(rules), len(alerts))
	}
	for _, rule := range rules {
		t.Run(rule.Alert, func(t *testing.T) {
			clusters, ok := alerts[rule.Alert]
			if !ok {
				t.Fatal("no cluster in which it is raised")
			}
			checkSeries(t, documented, clusters.raised+"\n"+clusters.quiet)
			raised := evaluate(t, rule, clusters.raised)
			if len(raised) == 0 {
				t.Errorf("it is not raised with\n%s", clusters.raised)
			}
			for _, alert := range raised {
				checkTexts(t, rule, alert)
			}
			if quiet := evaluate(t, rule, clusters.quiet); len(quiet) > 0 {
				t.Errorf("it is raised (%v) with\n%s", quiet, clusters.quiet)
			}
			if !bytes.Contains(documented, []byte("| `"+rule.Alert+"` | "+rule.Labels["severity"]+" | ")) {
				t.Errorf("docs/operations.md does not tell of it with its severity, %q", rule.Labels["severity"])
			}
		})
	}
}

// readRules reads config/prometheus/rules.yaml as the Prometheus operator does.
func readRules(t *testing.T) []monitoringv1.Rule {
	t.Helper()
	var object monitoringv1.PrometheusRule
	readStrict(t, "rules.yaml", &object)
	var all []monitoringv1.Rule
	for _, group := range object.Spec.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func readStrict(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", "prometheus", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func evaluate(t *testing.T, rule monitoringv1.Rule, series string) promql.Vector {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 1m\n"+indent(series))
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	query, err := engine.NewInstantQuery(t.Context(), storage, nil, rule.Expr.String(), time.Unix(0, 0).Add(evaluated))
	if err != nil {
		t.Fatalf("%s: %v", rule.Expr.String(), err)
	}
	t.Cleanup(query.Close)
	vector, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	if rule.For != nil {
		if _, err := model.ParseDuration(string(*rule.For)); err != nil {
			t.Error(err)
		}
	}
	return vector
}

// indent makes series a part of the command before them.
func indent(series string) string {
	var out strings.Builder
	for line := range strings.Lines(series) {
		out.WriteString("  " + strings.TrimSpace(line) + "\n")
	}
	return out.String()
}

// checkTexts wants the labels that the texts of an alert name to be there.
func checkTexts(t *testing.T, rule monitoringv1.Rule, alert promql.Sample) {
	t.Helper()
	for _, key := range []string{"summary", "description"} {
		text := rule.Annotations[key]
		if text == "" {
			t.Errorf("no %s", key)
		}
		for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
			if alert.Metric.Get(label[1]) == "" {
				t.Errorf("%s: the alert has no label %s: %s", key, label[1], alert.Metric)
			}
		}
	}
}

// checkSeries wants the series of ours, by which alerts are tested, to be documented: the
// documentation is compared with the code elsewhere.
func checkSeries(t *testing.T, documented []byte, series string) {
	t.Helper()
	for _, s := range regexp.MustCompile(`(?m)^\s*(domainpatch_\w+)(?:{(.*)})? `).FindAllStringSubmatch(series, -1) {
		row := regexp.MustCompile("(?m)^\\| `" + s[1] + "` .*$").Find(documented)
		if row == nil {
			t.Errorf("docs/operations.md does not list metric %s", s[1])
		}
		for _, l := range regexp.MustCompile(`(\w+)="(.*?)"`).FindAllStringSubmatch(s[2], -1) {
			if l[1] != "pod" && !regexp.MustCompile("`"+l[1]+"`: [^;|]*\\b"+l[2]+"\\b").Match(row) {
				t.Errorf("docs/operations.md does not list %s", s[0])
			}
		}
	}
}
