// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrFormatVersion says that a bundle was written by a newer or unknown version of this package.
var ErrFormatVersion = errors.New("unsupported format version")

// Encode gives the canonical JSON of b. It fails where b is over a limit or holds
// JSON values that are none.
func Encode(b *Bundle) ([]byte, error) {
	if err := check(b); err != nil {
		return nil, err
	}
	out, err := marshal(b)
	if err != nil {
		return nil, fmt.Errorf("cannot encode bundle: %w", err)
	}
	if len(out) > MaxBytes {
		return nil, fmt.Errorf("the bundle has %d bytes, over the limit of %d: use fewer or smaller patches", len(out), MaxBytes)
	}
	return out, nil
}

// Decode reads what Encode wrote and refuses everything else.
func Decode(data []byte) (*Bundle, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the bundle has %d bytes, over the limit of %d", len(data), MaxBytes)
	}
	if err := checkVersion(data); err != nil {
		return nil, err
	}
	var b Bundle
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return nil, malformed(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed(errors.New("bytes follow the JSON object"))
	}
	if err := check(&b); err != nil {
		return nil, err
	}
	// encoding/json accepts repeated fields, other spellings of a name and white space. The one
	// canonical encoding has none of them, so a comparison refuses them all.
	canonical, err := marshal(&b)
	if err != nil {
		return nil, fmt.Errorf("cannot decode bundle: %w", err)
	}
	if !bytes.Equal(canonical, data) {
		return nil, malformed(fmt.Errorf("not in canonical form (byte %d differs)", firstDifference(canonical, data)))
	}
	return &b, nil
}

// malformed says what is wrong with an encoding without the names of Go's types, and what to do.
func malformed(err error) error {
	reason := strings.TrimPrefix(err.Error(), "json: ")
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		kind, _, _ := strings.Cut(wrong.Value, " ") // of JSON; a number's digits follow
		reason = "a JSON object is expected, not " + kind
		if wrong.Field != "" {
			reason = fmt.Sprintf("%s must not be of the JSON type %s", wrong.Field, kind)
		}
	}
	return fmt.Errorf("cannot decode bundle: %s: use it as the operator wrote it, without edits", reason)
}

// Sum is the SHA-256 of an encoded bundle in 64 hexadecimal digits.
func Sum(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}

// checkVersion comes before strict decoding, so that a newer format is called newer and not malformed.
func checkVersion(data []byte) error {
	var header struct {
		FormatVersion *int `json:"formatVersion"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return malformed(err)
	}
	if header.FormatVersion == nil {
		return malformed(errors.New("formatVersion is missing"))
	}
	if *header.FormatVersion != FormatVersion {
		return fmt.Errorf("%w: the bundle has %d, this program reads %d: use the shim image of the operator that wrote it",
			ErrFormatVersion, *header.FormatVersion, FormatVersion)
	}
	return nil
}

func check(b *Bundle) error {
	if b.FormatVersion != FormatVersion {
		return fmt.Errorf("%w: %d instead of %d", ErrFormatVersion, b.FormatVersion, FormatVersion)
	}
	if len(b.Patches) > MaxPatches {
		return fmt.Errorf("the bundle has %d patches, over the limit of %d per VM", len(b.Patches), MaxPatches)
	}
	expressions := 0
	for i := range b.Patches {
		p := &b.Patches[i]
		expressions += p.ExpressionBytes()
		if n := len(p.Domain) + len(p.CloudInit); n > MaxRules {
			return fmt.Errorf("%s: spec has %d rules, over the limit of %d per patch: split the patch", p.ID(), n, MaxRules)
		}
	}
	if expressions > MaxExpressionBytes {
		return fmt.Errorf("the expressions of the bundle have %d bytes together, over the limit of %d: use fewer or shorter ones", expressions, MaxExpressionBytes)
	}
	return checkPolicies(b)
}

// checkPolicies also keeps equal content from having two encodings: in another order, or
// with policies that no patch of the bundle has a use for.
func checkPolicies(b *Bundle) error {
	if len(b.Policies) == 0 {
		return nil
	}
	if len(b.Policies) > MaxPolicies {
		return fmt.Errorf("the bundle has %d policies, over the limit of %d per VM: merge some of them", len(b.Policies), MaxPolicies)
	}
	if !slices.ContainsFunc(b.Patches, func(p Patch) bool { return p.Kind == KindDomainPatch }) {
		return errors.New("the bundle has policies, but no DomainPatch that they could limit")
	}
	for i := range b.Policies {
		p := &b.Policies[i]
		if i > 0 && b.Policies[i-1].Name >= p.Name {
			return fmt.Errorf("policies[%d]: %q does not stand behind %q: policies are in the order of their names, each once", i, p.Name, b.Policies[i-1].Name)
		}
		if n := len(p.Allow); n > MaxAllowed {
			return fmt.Errorf("%s: spec.allow has %d paths, over the limit of %d per policy: split the policy", p.ID(), n, MaxAllowed)
		}
	}
	return nil
}

// marshal is json.Marshal without the escaping of <, > and &, which JSON does not ask for.
func marshal(b *Bundle) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
