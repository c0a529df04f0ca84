// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate is a metric that tells when the certificate in a file expires, the first one of a
// chain. It reads the file whenever it is asked, and there is no metric while there is no
// certificate: the replica is not ready then.
type Certificate struct{ File string }

// Describe implements prometheus.Collector.
func (c Certificate) Describe(out chan<- *prometheus.Desc) { out <- c.desc() }

// Collect implements prometheus.Collector.
func (c Certificate) Collect(out chan<- prometheus.Metric) {
	if certificate, err := c.read(); err == nil {
		out <- prometheus.MustNewConstMetric(c.desc(), prometheus.GaugeValue, float64(certificate.NotAfter.Unix()))
	}
}

func (c Certificate) desc() *prometheus.Desc {
	return prometheus.NewDesc(certificateExpiry.name, certificateExpiry.help, nil, nil)
}

func (c Certificate) read() (*x509.Certificate, error) {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", c.File)
	}
	return x509.ParseCertificate(block.Bytes)
}
