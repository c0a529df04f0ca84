// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// label is the name of a label and all its values.
type label struct {
	name   string
	values []string
}

// description is what the documentation tells of a metric.
type description struct {
	name, help, kind string
	labels           []label
}

// descriptions are those of all metrics, in the order of the source.
var descriptions []description

func describe(name, help, kind string, labels ...label) description {
	d := description{name: name, help: help, kind: kind, labels: labels}
	descriptions = append(descriptions, d)
	return d
}

func counter(name, help string, labels ...label) *prometheus.CounterVec {
	d := describe(name, help, "counter", labels...)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, d.labelNames())
	for _, values := range d.series() {
		c.WithLabelValues(values...)
	}
	metrics.Registry.MustRegister(c)
	return c
}

func gauge(name, help string, labels ...label) *prometheus.GaugeVec {
	d := describe(name, help, "gauge", labels...)
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, d.labelNames())
	metrics.Registry.MustRegister(g)
	return g
}

func (d description) labelNames() []string {
	var names []string
	for _, l := range d.labels {
		names = append(names, l.name)
	}
	return names
}

// series are all combinations of the labels' values.
func (d description) series() [][]string {
	all := [][]string{nil}
	for _, l := range d.labels {
		var longer [][]string
		for _, values := range all {
			for _, value := range l.values {
				longer = append(longer, append(values[:len(values):len(values)], value))
			}
		}
		all = longer
	}
	return all
}
