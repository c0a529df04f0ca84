// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// shared is the cluster of all pages, started by the first command that needs one.
var shared struct {
	start      sync.Once
	stop       func() error
	kubeconfig string
	err        error
}

// TestMain stops the cluster that the tests started, if any.
func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "cannot stop the cluster:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// theCluster gives the kubeconfig file of the cluster, or says why there is none.
func theCluster(t *testing.T) (kubeconfig, absent string) {
	t.Helper()
	if _, ok := findKubectl(); !ok {
		return "", "no kubectl here: make controlplane builds it"
	}
	if testing.Short() {
		return "", "needs a cluster, which -short leaves out"
	}
	shared.start.Do(func() { shared.kubeconfig, shared.err = startCluster() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.kubeconfig, ""
}

func startCluster() (string, error) {
	folder, err := os.MkdirTemp("", "domainpatch-docs-")
	if err != nil {
		return "", err
	}
	shared.stop = func() error { return os.RemoveAll(folder) }
	running, err := cluster.Start(context.Background(), cluster.Options{Logs: filepath.Join(folder, "logs")})
	if err != nil {
		return "", err
	}
	shared.stop = func() error {
		if err := running.Stop(); err != nil {
			return err
		}
		return os.RemoveAll(folder)
	}
	file := filepath.Join(folder, "kubeconfig")
	return file, clientcmd.WriteToFile(kubeconfigOf(running.Config()), file)
}

// kubeconfigOf is a kubeconfig with one user of one cluster.
func kubeconfigOf(config *rest.Config) api.Config {
	const name = "docs"
	return api.Config{
		Clusters:       map[string]*api.Cluster{name: {Server: config.Host, CertificateAuthorityData: config.CAData, TLSServerName: config.ServerName}},
		AuthInfos:      map[string]*api.AuthInfo{name: {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken}},
		Contexts:       map[string]*api.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	}
}
