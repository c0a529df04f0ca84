// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// certificate is a key pair for servers on 127.0.0.1, in files of a folder. It signs itself,
// so it is its own CA. KubeVirt's programs read it again on any write to the folder: nothing
// else may be in there.
type certificate struct {
	folder, file, key string
	pem               []byte
}

func newCertificate(folder string) (certificate, error) {
	c := certificate{folder: folder, file: filepath.Join(folder, "tls.crt"), key: filepath.Join(folder, "tls.key")}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "domainpatch test cluster"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return c, err
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return c, err
	}
	c.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})
	return c, errors.Join(
		os.Mkdir(folder, 0o755),
		os.WriteFile(c.file, c.pem, 0o644),
		os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
}

// client trusts this certificate only.
func (c certificate) client() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.pem)
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}
