// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCarriageReturns wants a file whose lines end in carriage returns alone, as on old Macs, to be read as any other:
// with the same mistakes, places and excerpts, in all its documents.
func TestCarriageReturns(t *testing.T) {
	for name, file := range map[string]string{
		"field":  patchHead + "  frob: 1\n  domain: []\n",
		"block":  patchHead + "  domain:\n  - op: add\n    path: /domain\n    xml: |\n      <a>\n        <b =\"c\"/>\n      </a>\n",
		"folded": patchHead + "  variables:\n  - name: v\n    expression: >-\n      vmi.metadata.name +\n      nosuch\n  domain:\n  - {op: remove, path: /domain/title}\n",
		"second": "# none\n---\n" + patchHead + "  domain: [{op: remove, path: /domain/title}]\n---\n" + patchHead + "  frob: 1\n",
		"syntax": patchHead + "  domain: 1\n\ta: 2\n",
		"JSON":   "{\"apiVersion\":\n\"domainpatch.kubevirt.io/v1alpha1\",\n\"kind\":\"DomainPatch\",\n\"frob\":1}\n",
		"mixed":  "\r\n" + patchHead + "  frob: 1\r\n\n",
	} {
		want := mistakesIn(file)
		if len(want) == 0 || want[0].Excerpt == "" {
			t.Fatalf("%s: %v, want a mistake with an excerpt", name, want)
		}
		bare := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(file, "\r\n", "\x00"), "\n", "\r"), "\x00", "\r\n")
		if diff := cmp.Diff(want, mistakesIn(bare)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := ParseVMI([]byte("kind: VirtualMachineInstance\r\ra: 1\ra: 2\r")); err == nil || !strings.Contains(Mistakes(err)[0].Excerpt, "a: 2\n^") {
		t.Errorf("a VMI: %v, want the mistake in its line", Mistakes(err))
	}
	wide := []byte("\xff\xfea\x00:\x00 \x00\x0d\x30\r\x00\n\x00")
	if got := sources("f.yaml", wide); len(got) != 1 || !bytes.Equal(got[0].data, wide) {
		t.Errorf("UTF-16 became %q", got[0].data)
	}
}
