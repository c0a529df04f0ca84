// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package libvirt

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// TestProofs asks libvirt about every sample and case.
func TestProofs(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	j, err := newJudge(ctx, virsh.ForTest(t), virsh.ForTest(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.close(); err != nil {
			t.Error(err)
		}
	}()
	known, err := ReadProofs(proofsFile)
	if err != nil {
		t.Fatal(err)
	}
	cases, found := casesOfDomains(t), maps.Clone(known) // what is not asked about, or fails, stays
	maps.DeleteFunc(found, func(name string, _ Proof) bool { return cases[name] == "" })
	for _, name := range sortedNames(cases) {
		t.Run(name, func(t *testing.T) {
			s, err := readSubject(ctx, cases[name])
			if err != nil {
				t.Fatal(err)
			}
			proof, err := j.prove(s)
			if err == nil && strings.HasPrefix(name, "samples/") {
				proof.Idle, err = j.idle(cases[name], s, proof.QEMU)
			}
			if err != nil {
				t.Fatal(err)
			}
			found[name] = proof.withReasons(known[name])
			if diff := cmp.Diff(known[name], found[name]); diff != "" && !*update {
				t.Errorf("libvirt makes something else of it (-known +found); %s writes that:\n%s", toUpdate, diff)
			}
		})
	}
	if *update {
		if err := found.write(proofsFile); err != nil {
			t.Fatal(err)
		}
		checkPage(t)
	}
}

// TestHandMadeWant: what stands in want.xml is proven only where the patch makes it, here the second <sysinfo> not.
func TestHandMadeWant(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../config/samples/smbios-oem-strings")); err != nil {
		t.Fatal(err)
	}
	if _, err := readSubject(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, offline.WantDomain)
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.Replace(want, []byte("</sysinfo>"), []byte("</sysinfo><sysinfo type='smbios'><oemStrings><entry>more</entry></oemStrings></sysinfo>"), 1)
	if err := os.WriteFile(file, want, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSubject(t.Context(), dir); err == nil || !strings.Contains(err.Error(), offline.WantDomain) {
		t.Errorf("got error %v, want one about %s", err, offline.WantDomain)
	}
}

// TestJudgeOfSchema: no case has an error of the schema, so that nothing else shows that the judge would find one.
func TestJudgeOfSchema(t *testing.T) {
	j := &judge{ctx: t.Context(), host: virsh.ForTest(t)}
	s, err := readSubject(t.Context(), "../../config/samples/disk-wwn")
	if err != nil {
		t.Fatal(err)
	}
	wrong := bytes.Replace(s.before, []byte("<devices>"), []byte("<devices><nonsense/>"), 1)
	found, err := j.schemaErrors(&subject{before: s.before, after: wrong})
	if err != nil || len(found) == 0 {
		t.Errorf("an element that libvirt does not know: found %q, error %v", found, err)
	}
	if _, err := j.schemaErrors(&subject{before: wrong, after: wrong}); err == nil || !strings.Contains(err.Error(), "without the patch") {
		t.Errorf("the same without the patch: error %v", err)
	}
}
