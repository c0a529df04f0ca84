// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// The implicit types of YAML 1.1 as PyYAML's resolver.py has them, which differ from yaml.v3's:
// 1e3 and 0o17 are strings, 1:30 is an integer.
var (
	floatPattern = lazyregexp.New(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?` +
		`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$`)
	infinityPattern = lazyregexp.New(`^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	intPattern      = lazyregexp.New(`^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	timePattern = lazyregexp.New(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}` +
		`|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?` +
		`(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$`)
	// timeFields are the numbers of a time in their order, without its fraction.
	timeFields = lazyregexp.New(`\.[0-9]*|[0-9]+`)
	// pythonFloat is what Python's float() takes of the text behind an explicit !!float.
	pythonFloat = lazyregexp.New(`^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$`)
)

// maxScalarNumber is the longest number in YAML, in characters; base 16 and 60 need more digits in JSON.
const maxScalarNumber = 256

// readScalar gives the value that cloud-init reads from a scalar node.
func readScalar(n *yaml.Node) (*value, error) {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return readTagged(n.Tag, n.Value)
	case n.Style&quoted != 0:
		return &value{kind: kindString, text: n.Value}, nil
	}
	return readPlain(n.Value)
}

// readPlain resolves a plain scalar as PyYAML's safe loader does.
func readPlain(s string) (*value, error) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return &value{kind: kindNull}, nil
	case "=", "<<":
		return nil, fmt.Errorf("cloud-init cannot read a plain %s here; quote it", s)
	}
	if v := readBool(s); v != nil {
		return v, nil
	}
	switch {
	case !strings.ContainsRune("-+.0123456789", rune(s[0])):
		return &value{kind: kindString, text: s}, nil
	case isShortDecimal(s): // most are, and the patterns take longer
		return &value{kind: kindNumber, text: s}, nil
	case floatPattern().MatchString(s):
		return readFloat(s)
	case infinityPattern().MatchString(s):
		return &value{kind: kindOpaque, text: s}, nil
	case timePattern().MatchString(s):
		return readTime(s)
	case intPattern().MatchString(s):
		return readInt(s)
	}
	return &value{kind: kindString, text: s}, nil
}

// isShortDecimal says whether a scalar is an integer that reads as it stands.
func isShortDecimal(s string) bool {
	return len(s) < 16 && strings.Trim(s, "0123456789") == "" && (s[0] != '0' || s == "0")
}

// readTagged reads a scalar with an explicit tag.
func readTagged(tag, s string) (*value, error) {
	switch {
	case tag == "!!str":
		return &value{kind: kindString, text: s}, nil
	case tag == "!!null":
		return &value{kind: kindNull}, nil
	case tag == "!!binary", tag == "!!float" && infinityPattern().MatchString(s):
		return &value{kind: kindOpaque, text: s}, nil
	case tag == "!!timestamp" && timePattern().MatchString(s):
		return readTime(s)
	case tag == "!!int" && intPattern().MatchString(s):
		return readInt(s)
	case tag == "!!float" && (pythonFloat().MatchString(s) || floatPattern().MatchString(s)):
		return readFloat(s)
	case tag == "!!bool":
		if v := readBool(strings.ToLower(s)); v != nil {
			return v, nil
		}
	}
	return nil, fmt.Errorf("cloud-init cannot read this scalar with the tag %.40q", tag)
}

// readBool returns nil for what is not a boolean. YAML 1.1 knows three spellings of each word, and y and n only on paper.
func readBool(s string) *value {
	switch s {
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return &value{kind: kindBool, text: "true"}
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return &value{kind: kindBool, text: "false"}
	}
	return nil
}

// readInt reads what intPattern matches: base 2, 8, 10, 16 or 60.
func readInt(s string) (*value, error) {
	if len(s) > maxScalarNumber {
		return nil, fmt.Errorf("a number of %d characters, over the limit of %d", len(s), maxScalarNumber)
	}
	digits, negative := strings.CutPrefix(strings.ReplaceAll(s, "_", ""), "-")
	digits = strings.TrimPrefix(digits, "+")
	base := 10
	switch {
	case strings.HasPrefix(digits, "0b"):
		base, digits = 2, digits[2:]
	case strings.HasPrefix(digits, "0x"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "0"):
		base = 8
	}
	sum := new(big.Int)
	for part := range strings.SplitSeq(digits, ":") {
		n, ok := new(big.Int).SetString(part, base)
		if !ok {
			return nil, errors.New("cloud-init cannot read a number without digits")
		}
		sum.Add(sum.Mul(sum, big.NewInt(60)), n)
	}
	if negative {
		sum.Neg(sum)
	}
	return &value{kind: kindNumber, text: sum.String()}, nil
}

// readFloat reads what floatPattern or pythonFloat matches: base 10 or 60.
func readFloat(s string) (*value, error) {
	if len(s) > maxScalarNumber {
		return nil, fmt.Errorf("a number of %d characters, over the limit of %d", len(s), maxScalarNumber)
	}
	s = strings.ReplaceAll(s, "_", "")
	if strings.Contains(s, ":") {
		return readSexagesimal(s)
	}
	return newFloat(s), nil
}

// readTime reads what timePattern matches. Python has no day beyond the calendar, and no offset of a day or more.
func readTime(s string) (*value, error) {
	var fields [8]int // year, month, day, hour, minute, second, hour and minute of the offset
	n := 0
	for _, digits := range timeFields().FindAllString(s, -1) {
		if digits[0] != '.' {
			fields[n], _ = strconv.Atoi(digits)
			n++
		}
	}
	t := time.Date(fields[0], time.Month(fields[1]), fields[2], fields[3], fields[4], fields[5], 0, time.UTC)
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if [6]int{year, int(month), day, hour, minute, second} != [6]int(fields[:6]) || year < 1 || fields[6]*60+fields[7] >= 24*60 {
		return nil, errors.New("cloud-init cannot read this date, which does not exist; quote it if it is text")
	}
	return &value{kind: kindOpaque, text: s}, nil
}

// newFloat makes a float of decimal text, even if it looks like an integer.
func newFloat(s string) *value {
	if !strings.ContainsAny(s, ".eE") {
		s += "."
	}
	return &value{kind: kindNumber, text: numberText(s)}
}

// readSexagesimal adds up as PyYAML does, in float64 and from the right, so that it rounds alike.
func readSexagesimal(s string) (*value, error) {
	digits, negative := strings.CutPrefix(s, "-")
	parts := strings.Split(strings.TrimPrefix(digits, "+"), ":")
	sum, base := 0.0, 1.0
	for i := len(parts) - 1; i >= 0; i-- {
		f, err := strconv.ParseFloat(parts[i], 64)
		if err != nil {
			return nil, errors.New("cloud-init cannot read this number")
		}
		sum, base = sum+f*base, base*60
	}
	if negative {
		sum = -sum
	}
	return newFloat(strconv.FormatFloat(sum, 'f', -1, 64)), nil
}

// newString makes a node for a string. It is plain only where no reader could take it for anything else: a word or
// a path that begins with a letter, an underscore or a slash. Several lines become a literal block where that is exact.
func newString(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case strings.Contains(s, "\n") && literalSafe(s):
		n.Style = yaml.LiteralStyle
	case !plainSafe(s):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func plainSafe(s string) bool {
	if s == "" || s != strings.TrimSpace(s) || strings.ContainsFunc(s, unprintable) {
		return false
	}
	switch s {
	case "y", "Y", "n", "N": // booleans in YAML 1.1's text, not in PyYAML
		return false
	}
	first := s[0] | 0x20
	v, err := readPlain(s)
	return (first >= 'a' && first <= 'z' || s[0] == '_' || s[0] == '/') && err == nil && v.kind == kindString
}

// literalSafe leaves out what needs an indentation indicator, and blank lines at the end, which would join those
// behind the block.
func literalSafe(s string) bool {
	body := strings.ReplaceAll(s, "\n", "")
	return body != "" && !unicode.IsSpace(rune(s[0])) && !strings.HasSuffix(s, "\n\n") && !strings.ContainsFunc(body, unprintable)
}

// unprintable holds for what a plain or literal scalar cannot hold, or what readers disagree on.
func unprintable(r rune) bool {
	return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 ||
		r == 0xfeff || r == 0xfffe || r == 0xffff || r == unicode.ReplacementChar
}
