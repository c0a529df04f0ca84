// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReading compares what the tree holds with what encoding/xml reads.
func TestReading(t *testing.T) {
	all := corpus(t)
	var attributes strings.Builder // more than one slab of them, and elements that lie across
	for i := range 400 {
		fmt.Fprintf(&attributes, "<e a='%d' b='b' c='c' d='d' e='e'/>", i)
	}
	all["attributes"] = "<d>" + attributes.String() + "</d>"
	all["texts"] = "<d>a<![CDATA[b]]>c<![CDATA[]]>&lt;\r\nd\re<e>&#x41;&#66;]]&gt;</e> f<!-- g -->h<![CDATA[\r\n&lt;]]></d>"
	all["values"] = "<d a='x\r\ny\tz&#10;' b=\"'&quot;&apos;&amp;>\" c = '' \n d='é😀'/>"
	for name, src := range all {
		t.Run(name, func(t *testing.T) { sameReading(t, parse(t, src), []byte(src)) })
	}
}

// reading is what an element says.
type reading struct {
	Name, Text string
	Attributes []string
}

func sameReading(t *testing.T, d *Document, src []byte) {
	t.Helper()
	blank := strings.NewReplacer("\n", " ", "\t", " ") // encoding/xml does not normalise values (XML 1.0, 3.3.3)
	var got []reading
	for _, n := range allElements(d.Root()) {
		r := reading{Name: qualified(n.Prefix, n.Data), Text: Text(n)}
		for _, a := range n.Attr {
			r.Attributes = append(r.Attributes, qualified(a.Name.Space, a.Name.Local)+"="+blank.Replace(a.Value))
		}
		got = append(got, r)
	}
	var want, open []*reading
	dec := xml.NewDecoder(bytes.NewReader(src))
	for {
		token, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			r := &reading{Name: qualified(token.Name.Space, token.Name.Local)}
			for _, a := range token.Attr {
				r.Attributes = append(r.Attributes, qualified(a.Name.Space, a.Name.Local)+"="+blank.Replace(a.Value))
			}
			want, open = append(want, r), append(open, r)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, r := range open {
				r.Text += string(token)
			}
		}
	}
	wanted := make([]reading, len(want))
	for i, r := range want {
		wanted[i] = *r
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("encoding/xml reads another document (-want +got):\n%s", diff)
	}
}
