// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// TestServiceMonitor follows what Prometheus follows: from the ServiceMonitor to the Service.
func TestServiceMonitor(t *testing.T) {
	var monitor monitoringv1.ServiceMonitor
	var service corev1.Service
	readStrict(t, "servicemonitor.yaml", &monitor)
	readStrict(t, "service.yaml", &service)
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	if !selector.Matches(labels.Set(service.Labels)) || monitor.Namespace != service.Namespace {
		t.Errorf("the ServiceMonitor selects %s in %s, and not the Service", selector, monitor.Namespace)
	}
	if got, want := monitor.Spec.Endpoints[0].Port, service.Spec.Ports[0].Name; got != want {
		t.Errorf("the ServiceMonitor reads port %q, and the Service has %q", got, want)
	}
	if service.Name != "domainpatch-metrics" {
		t.Errorf("the Service is named %q, and alerts select the job domainpatch-metrics", service.Name)
	}
}
