// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// example is one example of docsFile.
type example struct {
	line           int // of the rule
	rule, vmi      string
	before, after  *string
	failure        string
	isUserData     bool
	expectsFailure bool
}

// examples takes the examples out of the text.
func examples(t *testing.T, text string) []*example {
	t.Helper()
	var all []*example
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); i++ {
		tag, fenced := strings.CutPrefix(strings.TrimSuffix(lines[i], "\n"), "```")
		if !fenced {
			continue
		}
		start := i + 1
		for i++; i < len(lines) && lines[i] != "```\n"; i++ {
		}
		block := strings.Join(lines[start:i], "")
		if tag == "yaml rule" {
			all = append(all, &example{line: start, rule: block})
			continue
		}
		if !strings.Contains(tag, " ") {
			continue
		}
		if len(all) == 0 {
			t.Fatalf("%s:%d: a block %q before any rule", docsFile, start, tag)
		}
		if !all[len(all)-1].take(tag, block) {
			t.Fatalf("%s:%d: a block of an unknown tag, or a second one: %q", docsFile, start, tag)
		}
	}
	return all
}

// take adds a block behind the rule; it is false for a tag that is unknown or there already.
func (e *example) take(tag, block string) bool {
	e.isUserData = e.isUserData || tag == "yaml before"
	switch tag {
	case "yaml vmi":
		e.vmi = block
	case "xml before", "yaml before":
		if e.before != nil {
			return false
		}
		e.before = &block
	case "xml after", "yaml after":
		if e.after != nil {
			return false
		}
		e.after = &block
	case "text error":
		e.failure, e.expectsFailure = strings.TrimSuffix(block, "\n"), true
	default:
		return false
	}
	return true
}

// run gives what comes out of the example.
func (e *example) run(t *testing.T) (out string, err error) {
	t.Helper()
	b := &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{{Kind: bundle.KindDomainPatch, Namespace: "vms", Name: "example", FailurePolicy: bundle.Fail}}}
	decodeYAML(t, e.rule, &b.Patches[0])
	program, err := Compile(b)
	if err != nil || e.before == nil {
		return "", err
	}
	var vmi json.RawMessage
	if e.vmi != "" {
		decodeYAML(t, e.vmi, &vmi)
	}
	if e.isUserData {
		return e.cloudInit(t, program, vmi)
	}
	result, report, err := program.Domain(context.Background(), []byte(*e.before), vmi, nil)
	if err != nil {
		return "", err
	}
	again, _, err := program.Domain(context.Background(), result, vmi, report)
	if err != nil || !bytes.Equal(again, result) {
		t.Errorf("a repeated call: %v\n%s", err, again)
	}
	return string(result), nil
}

func (e *example) cloudInit(t *testing.T, program *Program, vmi []byte) (string, error) {
	t.Helper()
	type data struct {
		DataSource, UserData string
		NoCloudMetaData      map[string]string
	}
	in, err := json.Marshal(data{DataSource: "noCloud", UserData: *e.before, NoCloudMetaData: map[string]string{"instance-id": "example"}})
	if err != nil {
		t.Fatal(err)
	}
	result, _, err := program.CloudInit(context.Background(), in, vmi)
	if err != nil {
		return "", err
	}
	var out data
	if err := json.Unmarshal(result, &out); err != nil {
		t.Fatal(err)
	}
	return out.UserData, nil
}

func decodeYAML(t *testing.T, text string, into any) {
	t.Helper()
	asJSON, err := cloudinit.ParseYAML(text)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(asJSON))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestDocsExamples runs every example of the documentation.
func TestDocsExamples(t *testing.T) {
	all := examples(t, readDocs(t))
	if len(all) < 31 {
		t.Errorf("%s has %d examples, want at least 31", docsFile, len(all))
	}
	for _, e := range all {
		t.Run(fmt.Sprintf("line %d", e.line), func(t *testing.T) {
			if !e.expectsFailure && (e.before == nil || e.after == nil) {
				t.Fatal("the example has neither an after nor an error")
			}
			out, err := e.run(t)
			if e.expectsFailure {
				got := ""
				if err != nil {
					got = strings.ReplaceAll(err.Error(), "DomainPatch vms/example: ", "")
				}
				if diff := cmp.Diff(e.failure, got); diff != "" {
					t.Errorf("error (-documented +got):\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(*e.after, out); diff != "" {
				t.Errorf("(-documented +got):\n%s", diff)
			}
		})
	}
}
