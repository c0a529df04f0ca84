// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/test/patience"
)

// slow is how long one call may take in a fuzz test. It is far above what any call needs,
// since other processes share the machine, and below the limit that would end the call.
const slow = time.Second

// soon makes a call and fails the test if it ends with a fault of the engine itself, or if it is slow.
func soon(t *testing.T, call func() error) (err error) {
	t.Helper()
	patience.Within(t, slow, func() {
		if err = call(); err != nil && strings.Contains(err.Error(), "a fault of DomainPatch itself") {
			t.Fatal(err)
		}
	})
	return err
}

// FuzzCompile compiles a patch of arbitrary texts, in every field that is a language of its own,
// and tells what it writes: never something else than itself.
func FuzzCompile(f *testing.F) {
	f.Add("set", "/domain/os/smbios/@mode", "sysinfo", "", "", "", "", "[a-z]+")
	f.Add("add", "/domain/devices", "", "", "<disk><target dev='$(v)'/></disk>", "target/@dev", "vmi.spec.cpu.cores > 1", "(")
	f.Add("replace", "//video", "", "", "<video/><video/>", "", "xpath('//disk').size() == 1", "")
	f.Add("merge", "", "", "", "<domain><cpu mode='x'/></domain>", "", "", "")
	f.Add("test", "count(//disk) > 1 and not(//cdrom)", "", "", "", "", "", "")
	f.Add("set", "//disk[@type='$(v)'][1]/@x|/domain/@id", "", "current == null ? 'a' : current.replace('a','b')", "", "", "true", ".*")
	f.Fuzz(func(t *testing.T, op, path, value, expression, fragment, key, when, pattern string) {
		b := rules(bundle.DomainRule{Op: bundle.Op(op), Path: path, Value: optional(value), Expression: expression, XML: fragment, Key: key, When: when})
		b.Patches[0].Variables = []bundle.Variable{{Name: "v", Expression: "'x'", Pattern: pattern}}
		err := soon(t, func() error {
			program, err := patch.Compile(b)
			if err == nil {
				w := program.Writes()
				if found := patch.NewIndex([]*patch.Writes{w}).Conflicts(w); len(found) > 0 {
					t.Errorf("the patch conflicts with itself on %s", found[0].Place)
				}
			}
			return err
		})
		if err != nil && len(patch.Errors(err)) == 0 {
			t.Errorf("an error without a place: %v", err)
		}
	})
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// FuzzDomain applies one rule to one document. Whatever both are, a call ends soon and
// without a fault; its result is well-formed, and a second call leaves it as it is.
func FuzzDomain(f *testing.F) {
	files, err := filepath.Glob("testdata/domains/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no domains: %v", err)
	}
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(doc), "set", "/domain/os/smbios/@mode", "a<b>", "", "", "")
		f.Add(string(doc), "add", "/domain/devices", "", "<disk><target dev='vda'/><iotune><read_iops_sec>1</read_iops_sec></iotune></disk>", "target/@dev", "")
		f.Add(string(doc), "add", "/domain/devices", "", "<video><model type='vga'/></video><video/>", "", "first")
		f.Add(string(doc), "replace", "//controller", "", "<controller type='usb' index='0' model='none'/>", "", "")
		f.Add(string(doc), "merge", "", "", "<domain><cpu mode='custom'><feature name='x'/></cpu></domain>", "", "")
		f.Add(string(doc), "remove", "//disk[2]/..//@dev|//text()", "", "", "", "")
		f.Add(string(doc), "test", "count(//disk[position()=last()]) = 1 or //a", "", "", "", "")
	}
	f.Add("<domain>\r\n <!-- x --><a b='1'/>t<![CDATA[u]]></domain>", "set", "//a/@b", "&\t\n", "", "", "")
	f.Fuzz(func(t *testing.T, doc, op, path, value, fragment, key, position string) {
		program, err := patch.Compile(rules(bundle.DomainRule{Op: bundle.Op(op), Path: path, Value: optional(value), XML: fragment, Key: key, Position: bundle.Position(position)}))
		if err != nil {
			return
		}
		var out []byte
		var report *patch.Report
		err = soon(t, func() (err error) {
			out, report, err = program.Domain(context.Background(), []byte(doc), []byte(vmi), nil)
			return err
		})
		if err != nil {
			if out != nil {
				t.Error("an error comes with a document")
			}
			return
		}
		wellFormed(t, out)
		again, _, err := program.Domain(context.Background(), out, []byte(vmi), report)
		if err != nil || !bytes.Equal(again, out) {
			t.Errorf("a second call gives %v and\n%q instead of\n%q", err, again, out)
		}
	})
}

// wellFormed reads a document with our parser and with that of another library. Names are
// for ours to judge: they are those of XML 1.0's fifth edition, encoding/xml has the fourth's.
func wellFormed(t *testing.T, doc []byte) {
	t.Helper()
	if _, err := document.Parse(doc); err != nil {
		t.Fatalf("the result does not parse: %v\n%q", err, doc)
	}
	for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil && strings.Contains(err.Error(), "invalid XML name") {
			return
		} else if err != nil {
			t.Fatalf("the result is not well-formed: %v\n%q", err, doc)
		}
	}
}
