// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// failing is a patch with one rule of each hook.
func failing(domain bundle.DomainRule, cloudInit bundle.CloudInitRule) bundle.Patch {
	domain.Name, cloudInit.Name = "vendor", "host"
	return bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "vms", Name: "acme", FailurePolicy: bundle.Fail,
		Domain: []bundle.DomainRule{domain}, CloudInit: []bundle.CloudInitRule{cloudInit}}
}

func text(s string) *string { return &s }

const (
	plainDomain = "<domain><os><type>hvm</type></os><devices><disk/><disk/></devices></domain>"
	plainData   = `{"NoCloudMetaData":{"instance-id":"a"},"UserData":"#cloud-config\nhostname: a\n"}`
)

// setVendor and setHostname are rules that plainDomain and plainData accept.
func setVendor() bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/smbios/@mode", Value: text("sysinfo")}
}

func setHostname() bundle.CloudInitRule {
	return bundle.CloudInitRule{Target: "userData", Op: "replace", Path: "/hostname", Value: []byte(`"b"`)}
}

func nested(levels int) string {
	return strings.Repeat("<a>", levels) + strings.Repeat("</a>", levels)
}

func inDomain(content string) string { return "<domain>" + content + "</domain>" }

// TestFailedDomainCalls sends what a launcher never does, and rules that fail, to a real engine.
func TestFailedDomainCalls(t *testing.T) {
	const rule = "DomainPatch vms/acme: spec.domain[0] (vendor): "
	large := strings.Repeat("<a/>", 200_000)
	cases := map[string]struct {
		reason string
		rule   bundle.DomainRule
		doc    string
		vmi    string
		want   string
	}{
		"NoDomain":      {"a request without its document", setVendor(), "", "{}", "cannot parse the domain XML: line 1, column 1: the document has no root element"},
		"NotXML":        {"half a document", setVendor(), "<domain><os>", "{}", `cannot parse the domain XML: line 1, column 13: the element "os" is not closed`},
		"OtherDocument": {"a document of another kind", setVendor(), "<network/>", "{}", `the root element is "network" instead of <domain>`},
		"TwoRoots":      {"more than a document", setVendor(), "<domain/><domain/>", "{}", "cannot parse the domain XML: line 1, column 10: a second root element"},
		"Doctype":       {"entities may grow without end", setVendor(), "<!DOCTYPE a []><domain/>", "{}", "DOCTYPE"},
		"NoVMI":         {"a request without its VMI, which no rule reads", setVendor(), plainDomain, "", "malformed request: the VMI is empty"},
		"VMINotJSON":    {"half a VMI, which no rule reads", setVendor(), plainDomain, `{"metadata":`, "malformed request: the VMI is not JSON: unexpected end"},
		"VMIList":       {"no VMI, though nobody reads it", setVendor(), plainDomain, "[]", "malformed request: the VMI is not a JSON object"},
		"VMINull":       {"no VMI, though nobody reads it", setVendor(), plainDomain, " null", "malformed request: the VMI is not a JSON object"},
		"VMIFollowed":   {"more than a VMI", setVendor(), plainDomain, "{}{}", "malformed request: the VMI is not JSON: invalid character"},
		"DocumentSize":  {"a limit", setVendor(), inDomain(large), "{}", "over the limit of 524288"},
		"Depth":         {"a limit", setVendor(), inDomain(nested(64)), "{}", "elements nest deeper than 64"},
		"Nodes":         {"a limit", setVendor(), inDomain(large[:100_000]), "{}", "the document has more than 20000 nodes"},
		"Attributes":    {"a limit", setVendor(), "<domain" + attributes(257) + "/>", "{}", `the element "domain" has more than 256 attributes`},
		"Matches":       {"a limit of a rule", bundle.DomainRule{Op: bundle.OpRemove, Path: "/domain/a"}, inDomain(large[:4*257]), "{}", rule + "the path selects more than 256 nodes"},
		"Steps":         {"a limit of a rule", bundle.DomainRule{Op: bundle.OpTest, Path: "count(//a[count(//a) = 0]) = 0"}, inDomain(large[:20_000]), "{}", rule + "the rule takes more than 200000 evaluation steps"},
		"Growth": {"a limit of the call", bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/a", Value: text(strings.Repeat("x", 4<<10))},
			inDomain(large[:4*100]), "{}", rule + "the edits add more than 262144 bytes"},
		"Expect": {"a rule that finds nothing", bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/name", Value: text("x")}, plainDomain, "{}",
			rule + "/domain/name selects nothing"},
		"Test": {"a rule whose test fails", bundle.DomainRule{Op: bundle.OpTest, Path: "count(//disk) = 3"}, plainDomain, "{}", rule + "count(//disk) = 3 is not true"},
		"Expression": {"a rule that reads what the VMI lacks", bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/name", Expression: "vmi.metadata.annotations['vendor']"},
			plainDomain, "{}", rule + `cannot evaluate the expression: "no such key: vendor"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path, sum := writeBundle(t, failing(tc.rule, setHostname()))
			server := startBundle(t, Config{Bundle: path, SHA256: sum, Hooks: hooksWith(true)})
			client := v1alpha3.NewCallbacksClient(server)
			if _, err := client.PreCloudInitIso(soon(t), &v1alpha3.PreCloudInitIsoParams{CloudInitData: []byte(plainData), Vmi: anyVMI}); err != nil {
				t.Fatal(err)
			}
			for range 2 { // a failed call changes nothing
				out, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(tc.doc), Vmi: []byte(tc.vmi)})
				checkLine(t, err, codes.FailedPrecondition, tc.want)
				if len(out.GetDomainXml()) > 0 {
					t.Errorf("a failed call gave a domain, %s:\n%s", tc.reason, out.GetDomainXml())
				}
			}
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("b", i%16) + strings.Repeat("c", i/16) + `=""`)
	}
	return b.String()
}

// TestFailedCloudInitCalls is TestFailedDomainCalls for the other hook. After each, OnDefineDomain must not go on.
func TestFailedCloudInitCalls(t *testing.T) {
	const rule = "DomainPatch vms/acme: spec.cloudInit[0] (host): "
	cases := map[string]struct {
		reason string
		rule   bundle.CloudInitRule
		data   string
		vmi    string
		want   string
	}{
		"NoData":     {"a request without its data", setHostname(), "", "{}", "cannot read CloudInitData: not JSON: unexpected end"},
		"NotJSON":    {"half of the data", setHostname(), `{"UserData":"`, "{}", "cannot read CloudInitData: not JSON: unexpected end"},
		"List":       {"no CloudInitData", setHostname(), `[]`, "{}", "cannot parse the cloud-init data: cannot read CloudInitData: want a JSON object, not a list"},
		"Null":       {"KubeVirt's data of a VM without a volume", setHostname(), `null`, "{}", "cannot parse the cloud-init data: cannot read CloudInitData: want a JSON object, not null"},
		"Size":       {"a limit", setHostname(), `{"UserData":"` + strings.Repeat("x", 600<<10) + `"}`, "{}", "over the limit of 524288 bytes"},
		"Script":     {"what no rule can edit", setHostname(), `{"UserData":"#!/bin/sh\n"}`, "{}", rule + "userData: the user data is a script"},
		"NoVMI":      {"a request without its VMI, which no rule reads", setHostname(), plainData, "", "malformed request: the VMI is empty"},
		"VMINotJSON": {"half a VMI, which no rule reads", setHostname(), plainData, "{", "malformed request: the VMI is not JSON"},
		"Missing":    {"a rule that finds nothing", bundle.CloudInitRule{Target: "userData", Op: "replace", Path: "/fqdn", Value: []byte(`"b"`)}, plainData, "{}", rule + `userData: replace "/fqdn": there is no key`},
		"Test":       {"a rule whose test fails", bundle.CloudInitRule{Target: "userData", Op: "test", Path: "/hostname", Value: []byte(`"b"`)}, plainData, "{}", rule + `userData: test "/hostname": test failed`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path, sum := writeBundle(t, failing(setVendor(), tc.rule))
			server := startBundle(t, Config{Bundle: path, SHA256: sum, Hooks: hooksWith(true)})
			client := v1alpha3.NewCallbacksClient(server)
			out, err := client.PreCloudInitIso(soon(t), &v1alpha3.PreCloudInitIsoParams{CloudInitData: []byte(tc.data), Vmi: []byte(tc.vmi)})
			checkLine(t, err, codes.FailedPrecondition, tc.want)
			if len(out.GetCloudInitData()) > 0 {
				t.Errorf("a failed call gave data, %s:\n%s", tc.reason, out.GetCloudInitData())
			}
			_, err = client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(plainDomain), Vmi: anyVMI})
			checkLine(t, err, codes.FailedPrecondition, "DomainPatch vms/acme: "+errCloudInitFailed.Error())
		})
	}
}

// TestOversizedCall: gRPC itself refuses what is over its limit, in its own words, and goes on serving.
func TestOversizedCall(t *testing.T) {
	path, sum := writeBundle(t, smbios())
	client := v1alpha3.NewCallbacksClient(startBundle(t, Config{Bundle: path, SHA256: sum}))
	_, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: make([]byte, maxMessage+1), Vmi: anyVMI})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a call over the limit of gRPC: %v, want ResourceExhausted", err)
	}
	_, err = client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: make([]byte, maxMessage-1000), Vmi: anyVMI})
	checkLine(t, err, codes.FailedPrecondition, "cannot parse the domain XML: ")
	if _, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(plainDomain), Vmi: anyVMI}); err != nil {
		t.Errorf("the call after one over the limit: %v", err)
	}
}

// TestUnreadableBundle: the mode of the mounted file does not let the container's user in.
func TestUnreadableBundle(t *testing.T) {
	path, sum := writeBundle(t, smbios())
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread, which is no longer root's, ends with the function
		if os.Geteuid() == 0 {
			if err := syscall.Setfsuid(107); err != nil {
				got <- err
				return
			}
		}
		_, err := load(path, sum)
		got <- err
	}()
	err := <-got
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("load: %v, want permission denied with the file's name", err)
	}
}
