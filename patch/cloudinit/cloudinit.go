// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package cloudinit edits KubeVirt's CloudInitData, the JSON that a
// PreCloudInitIso hook receives and returns, by RFC 6902 operations and
// RFC 7386 merges.
//
// The operations act on the JSON model of a document: what cloud-init sees,
// which reads YAML with PyYAML and so with YAML 1.1's scalars (no is false, 0644
// is 420, 1:30 is 90), and names keys by their text. Dates, binary data and infinities
// have no JSON form: their text stands for them (and is equal to a string of that text),
// and they stay what they are until an operation puts something else in their place.
//
// Guarantees. What no operation changed comes back byte for byte: members of the
// JSON, and within an edited block-style YAML document the lines beside the edit,
// with their comments, blank lines, anchors and quotes. Every edited document is
// parsed again and compared with the wanted model before it is handed out, so
// that it never means something else. An operation that fails, or that changes
// nothing, leaves the data as it was. Hostile input ends in an error.
//
// What is lost. An entry whose value is replaced or moved is written anew, with one blank
// before its comment; comments above a moved entry stay where it was. Where the lines cannot be cut (flow style, a block that loses
// all its entries) the smallest enclosing entry is written anew, in the worst case
// the whole document: key order and, with few exceptions, comments stay; blank lines,
// folded lines and "---" go. Where an edit changes what aliases or merge keys refer
// to, these are written out in the whole document. JSON documents stay JSON with their
// members' order, and are indented anew if they stood on several lines.
//
// The package is pure: it does no I/O, logs nothing and knows neither rules nor
// expressions, which package patch owns. Of MIME multi-part user data it edits the one
// text/cloud-config part, in the encoding that the part has, and leaves the other bytes alone.
// It does not edit scripts, includes, boothooks, jinja templates or archives; it says so.
package cloudinit

import (
	"fmt"
	"sync"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Limits. An input over one of them is an error that names it.
const (
	// MaxBytes is the largest CloudInitData, in bytes of JSON.
	MaxBytes = 512 << 10
	// MaxGrowth is by how many bytes one document may outgrow what Parse was given.
	MaxGrowth = 256 << 10
	// MaxValue is the largest value or yaml block of an operation, in bytes.
	MaxValue = 256 << 10
	// MaxPath is the longest JSON Pointer, in bytes.
	MaxPath = 1 << 10
	// MaxDepth is how deep mappings and lists may nest.
	MaxDepth = 64
	// MaxNodes is how many values a document may hold, with YAML aliases written out.
	MaxNodes = 20_000
)

// Data is one CloudInitData. It is not safe for concurrent use; a Clone is independent.
type Data struct {
	envelope *envelope
	user     part
	network  part
	meta     metadata
}

// part is a member of CloudInitData that holds a document as text.
type part struct {
	given string // as Parse found it
	text  string
	read  func() (*document, error) // parses the text, once for all clones: many patches may begin with one text, and fail
}

func newPart(given, text string, parse func(string) (*document, error)) part {
	return part{given: given, text: text, read: sync.OnceValues(func() (*document, error) { return parse(text) })}
}

// Parse reads CloudInitData as KubeVirt encodes it, with the field names of its Go
// struct (CloudInitData in KubeVirt's pkg/cloud-init). The JSON is read strictly: up to
// MaxBytes, UTF-8, one value, no member twice. Top-level members that this
// package does not know are kept. The documents inside are not parsed until an
// operation needs them. Parse keeps data; the caller must not change it.
func Parse(data []byte) (*Data, error) {
	e, err := parseEnvelope(data)
	if err != nil {
		return nil, fmt.Errorf("cannot read CloudInitData: %w", err)
	}
	d := &Data{envelope: e}
	user, err := e.text(memberUserData)
	if err != nil {
		return nil, err
	}
	network, err := e.text(memberNetworkData)
	if err != nil {
		return nil, err
	}
	if d.meta, err = parseMetadata(e); err != nil {
		return nil, err
	}
	d.user = newPart(user, or(user, emptyUserData), parseUserData)
	d.network = newPart(network, network, d.parseNetworkData)
	return d, nil
}

// Clone returns an independent copy. It is cheap: parsed documents are shared, as nothing changes them.
func (d *Data) Clone() *Data {
	c := *d
	return &c
}

// Apply does one operation and says whether it changed anything. After an error the
// data is what it was. Errors name the target and the place in it, never a
// value of the document, which may be secret.
func (d *Data) Apply(o *Operation) (changed bool, err error) {
	if problems := o.Validate(); len(problems) > 0 {
		return false, fmt.Errorf("%s: %w", problems[0].Field, problems[0].Err)
	}
	switch o.Target {
	case bundle.UserData:
		changed, err = d.user.apply(o, parseUserData)
	case bundle.NetworkData:
		changed, err = d.network.apply(o, d.parseNetworkData)
	default:
		changed, err = d.meta.apply(o)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", o.Target, err)
	}
	return changed, nil
}

// Encode returns the data as JSON: the very bytes that Parse was given if nothing
// changed, else these with the values of the changed members replaced. Empty
// user data becomes "#cloud-config\n", changed or not: KubeVirt takes a result without user
// data for its older format and drops the metadata.
func (d *Data) Encode() ([]byte, error) {
	var changed []member
	if d.user.text != d.user.given {
		changed = append(changed, member{memberUserData, appendQuoted(nil, d.user.text)})
	}
	if d.network.text != d.network.given {
		changed = append(changed, member{memberNetworkData, appendQuoted(nil, d.network.text)})
	}
	if d.meta.model != d.meta.given {
		changed = append(changed, member{d.meta.member, d.meta.model.appendJSON(nil)})
	}
	return d.envelope.replace(changed), nil
}

// apply does the operation on the parsed text and keeps the result if it is a different document within the limits.
func (p *part) apply(o *Operation, parse func(string) (*document, error)) (bool, error) {
	doc, err := p.read()
	if err != nil {
		return false, err
	}
	want, err := o.apply(doc.model)
	if err != nil {
		return false, err
	}
	if equal(doc.model, want, sameText) {
		return false, nil
	}
	next, err := doc.edit(want, parse)
	if err != nil {
		return false, err
	}
	if err := checkGrowth(len(p.given), len(next.whole)); err != nil {
		return false, err
	}
	p.text, p.read = next.whole, func() (*document, error) { return next, nil }
	return true, nil
}

// ErrGrowth says that operations made a document too large.
var ErrGrowth = fmt.Errorf("over the limit of %d bytes (256 KiB)", MaxGrowth)

func checkGrowth(before, after int) error {
	if after-before > MaxGrowth {
		return fmt.Errorf("the document would grow by %d bytes, %w", after-before, ErrGrowth)
	}
	return nil
}
