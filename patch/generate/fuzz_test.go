// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/patch/document"
)

// FuzzDomains looks for panics, endless work, and rules that make something else than what
// is wanted, as the engine's parser reads it.
func FuzzDomains(f *testing.F) {
	plain, err := os.ReadFile("../testdata/domains/plain.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain, []byte(devices(disks)))
	f.Add([]byte(devices(disks)), []byte(devices(swap(disks)+videos)))
	f.Add([]byte(args("-a", "b")), []byte(args("b", "-a", "c")))
	f.Add([]byte("<domain><a x='1'>t</a></domain>"), []byte("<domain><a xmlns='u' xmlns:p='v' p:x='1'>t<b/></a></domain>"))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		ctx, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		d, err := Domains(ctx, before, after, nil)
		if ctx.Err() != nil {
			t.Fatal("it takes more than a minute")
		}
		if err != nil || len(d.Notes) > 0 {
			return
		}
		got, err := document.Parse(d.Output)
		if err != nil {
			t.Fatal(err)
		}
		want, err := document.Parse(after)
		if err != nil {
			t.Fatal(err)
		}
		if !equal(got.Element(), want.Element()) {
			t.Errorf("the rules make %s", d.Output)
		}
	})
}

// FuzzCloudInits looks for panics.
func FuzzCloudInits(f *testing.F) {
	f.Add([]byte(`{"UserData":"#cloud-config\na: [1, {b: c}]\n"}`), []byte(`{"UserData":"#cloud-config\na: [{b: d}, 1]\nx: null\n"}`))
	f.Add([]byte(`{"NetworkData":"{}","NoCloudMetaData":{}}`), []byte(`{"NetworkData":"a: 1","NoCloudMetaData":{"instance-id":"x"}}`))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		_, _ = CloudInits(t.Context(), before, after, nil)
	})
}
