// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// BenchmarkApply is one call with one rule: parse, append an item, write. The smallest document is the size of an ordinary
// cloud-config; over the sizes the time per byte must not grow.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{2 << 10, 20 << 10, 200 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			in := benchmarkData(size)
			o := Operation{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/write_files/-", Value: json.RawMessage(`{"path":"/etc/motd","content":"patched\n"}`)}
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				d, err := Parse(in)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := d.Apply(&o); err != nil {
					b.Fatal(err)
				}
				if _, err := d.Encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchmarkData holds a cloud-config of about so many bytes.
func benchmarkData(size int) []byte {
	var doc strings.Builder
	doc.WriteString("#cloud-config\nhostname: vm-1   # from the template\nusers:\n- name: admin\n  sudo: no\n  ssh_authorized_keys: [ssh-ed25519 AAAAC3Nza]\nwrite_files:\n")
	for i := 0; doc.Len() < size; i++ {
		fmt.Fprintf(&doc, "- path: /etc/app/%d.conf   # file %d\n  permissions: \"0644\"\n  content: |\n    key = value %d\n    # a comment of the file\n    other = [1, 2, 3]\n", i, i, i)
	}
	in, _ := json.Marshal(map[string]any{"DataSource": "noCloud", memberUserData: doc.String(), memberNoCloud: map[string]string{"instance-id": "i-1"}})
	return in
}
