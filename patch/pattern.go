// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

// Limits of regular expressions. One compiles to some 100 bytes per instruction, and a match
// takes up to some 20 ns per instruction and byte of text: [A-Za-z0-9]{1,253} has 506
// instructions, and twelve bytes can ask for a million.
const (
	maxPatternBytes   = 1024
	maxPatternSize    = 2000    // instructions of one regular expression
	maxPatchPatterns  = 10_000  // instructions of those of a patch together
	maxMatchWork      = 4 << 20 // instructions times bytes of one match
	matchWorkPerPoint = 64      // of the cost
)

// pattern is a compiled regular expression that matches within limits.
type pattern struct {
	compiled *regexp.Regexp
	size     int // instructions, at least
}

// parsePattern compiles a regular expression, anchored at both ends or not, and takes its size
// from what is left for the patch.
func (c *compiler) parsePattern(text string, anchored bool) (*pattern, error) {
	parsed, err := syntax.Parse(text, syntax.Perl) // alone, so that it cannot close the group below
	if err != nil {
		return nil, err
	}
	size := patternSize(parsed)
	if size > maxPatternSize {
		return nil, fmt.Errorf("the regular expression takes more than %d instructions: repeat less, each repetition counts in full", maxPatternSize)
	}
	if c.patterns += size; c.patterns > maxPatchPatterns {
		return nil, fmt.Errorf("the regular expressions of the patch take more than %d instructions together: repeat less, or split the patch", maxPatchPatterns)
	}
	if anchored {
		text = `\A(?:` + text + `)\z`
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{compiled: compiled, size: size}, nil
}

// patternSize is how many instructions an expression compiles to, nearly; somewhat over
// maxPatternSize stands for all that is more. Parsed, a repetition is not yet written out.
func patternSize(re *syntax.Regexp) int {
	size := 1
	switch re.Op {
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpAlternate:
		size = len(re.Sub)
	}
	for _, sub := range re.Sub {
		if size += patternSize(sub); size > maxPatternSize {
			return maxPatternSize + 1
		}
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxPatternSize+1)
}

// match says whether a text matches. It refuses a text that is too long for the pattern.
func (p *pattern) match(text string) (bool, error) {
	if p.work(text) > maxMatchWork {
		return false, fmt.Errorf("a text of %d bytes is too long for a regular expression of %d instructions: their product may be %d", len(text), p.size, maxMatchWork)
	}
	return p.compiled.MatchString(text), nil
}

// work is how much a match of the text takes at most.
func (p *pattern) work(text string) int { return p.size * (len(text) + 1) }

var errDynamicPattern = errors.New("matches() takes a regular expression in quotes, so that it can be checked and compiled beforehand")
