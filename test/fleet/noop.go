// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/test/cluster"
)

// noopCommand makes this program the pair of webhooks that does nothing: a process of its own, as the manager is.
const noopCommand = "noop"

// serveNoop allows everything it is asked, and tells at /calls how often that was.
func serveNoop(args []string) error {
	flags := flag.NewFlagSet(noopCommand, flag.ContinueOnError)
	address := flags.String("address", "", "where to serve")
	cert := flags.String("cert", "", "file of the certificate")
	key := flags.String("key", "", "file of its key")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var calls atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, calls.Load()) })
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		allow(w, r)
	})
	server := &http.Server{Addr: *address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServeTLS(*cert, *key)
}

func allow(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Request struct {
			UID string `json:"uid"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%q,"allowed":true}}`, review.Request.UID)
}

// noop is the running pair.
type noop struct {
	address string
	client  *http.Client
	cmd     *exec.Cmd
}

// startNoop starts the pair and registers it for the VMIs of namespaces with noopLabel.
func startNoop(ctx context.Context, c *cluster.Cluster) (*noop, error) {
	address, err := cluster.FreeAddress()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cert, key, ca := c.Certificate()
	n := &noop{address: address, cmd: exec.Command(self, noopCommand, "-address", address, "-cert", cert, "-key", key)}
	n.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(ca)}}}
	n.cmd.Stderr = os.Stderr
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	err = c.Until(ctx, "the no-op webhooks serve", func(context.Context) error {
		_, err := n.calls()
		return err
	})
	if err = errors.Join(err, n.register(ctx, c, ca)); err != nil {
		n.stop()
	}
	return n, err
}

func (n *noop) stop() {
	_ = n.cmd.Process.Kill() // it may have ended
	_ = n.cmd.Wait()         // it was killed
}

// calls is how often it was called.
func (n *noop) calls() (int, error) {
	response, err := n.client.Get("https://" + n.address + "/calls")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(text))
}

// register creates the two configurations, alike to those in config/webhook for the creation of VMIs.
func (n *noop) register(ctx context.Context, c *cluster.Cluster, ca []byte) error {
	url, fail, none, again, timeout := "https://"+n.address+"/", admissionv1.Fail, admissionv1.SideEffectClassNone, admissionv1.IfNeededReinvocationPolicy, int32(10)
	client := admissionv1.WebhookClientConfig{URL: &url, CABundle: ca}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{pairLabel: noopPair}}
	namespaced := admissionv1.NamespacedScope
	rules := []admissionv1.RuleWithOperations{{
		Operations: []admissionv1.OperationType{admissionv1.Create},
		Rule: admissionv1.Rule{APIGroups: []string{kubevirt.GroupVersion.Group}, APIVersions: []string{kubevirt.GroupVersion.Version},
			Resources: []string{vmiResource}, Scope: &namespaced},
	}}
	const name = "noop.fleet.example"
	meta := metav1.ObjectMeta{Name: "noop"}
	return errors.Join(
		c.Create(ctx, &admissionv1.MutatingWebhookConfiguration{ObjectMeta: meta, Webhooks: []admissionv1.MutatingWebhook{{
			Name: name, ClientConfig: client, Rules: rules, NamespaceSelector: selector, FailurePolicy: &fail, SideEffects: &none,
			ReinvocationPolicy: &again, TimeoutSeconds: &timeout, AdmissionReviewVersions: []string{"v1"}}}}),
		c.Create(ctx, &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: meta, Webhooks: []admissionv1.ValidatingWebhook{{
			Name: name, ClientConfig: client, Rules: rules, NamespaceSelector: selector, FailurePolicy: &fail, SideEffects: &none,
			TimeoutSeconds: &timeout, AdmissionReviewVersions: []string{"v1"}}}}))
}

func pool(ca []byte) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return pool
}
