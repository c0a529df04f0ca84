// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// Limits of one line of the log in bytes of its JSON: container runtimes split lines of 16 KiB. At level debug only
// that of a stack holds.
const (
	maxLoggedStack  = 10 << 10
	maxLoggedReport = 10 << 10
	maxShortReport  = 12 << 10 // one that is over that limit, without its rules
	maxLoggedError  = 2 << 10
	maxLoggedReason = 512 // each reason of a report, and
	maxShortReason  = 64  // where the report is over its limit
)

// record writes the call's line. Documents and the VMI never get into it: they hold passwords.
func (c *Core) record(ctx context.Context, k *call) {
	level, outcome := slog.LevelInfo, "answered"
	switch {
	case k.tolerated:
		level, outcome = slog.LevelWarn, "failed on a migration target: KubeVirt discards the result, the input was returned"
	case k.err != nil:
		level, outcome = slog.LevelError, "failed"
	}
	if !c.log.Enabled(ctx, level) {
		return
	}
	whole := logsWhole(ctx, c.log)
	attrs := []any{
		"hook", k.hook,
		"durationMs", milliseconds(k.took),
		"waitMs", milliseconds(k.waited),
		"inBytes", len(k.in),
		"vmiBytes", len(k.vmi),
		"outBytes", len(k.out),
		"repeat", k.repeat,
	}
	if k.report != nil && k.err == nil {
		attrs = append(attrs, "changed", k.report.Changed())
	}
	if k.report != nil {
		attrs = append(attrs, "report", loggedReport(k.report, whole))
	}
	if k.err != nil {
		attrs = append(attrs, "error", loggedText(k.err.Error(), maxLoggedError, whole))
	}
	c.log.Log(ctx, level, outcome, attrs...)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// quoted is what an error quotes, as patch.Error says; the end may be cut off.
var quoted = lazyregexp.New("(?s)\"(?:[^\"\\\\]|\\\\.)*(?:\"|\\\\?$)|`[^`]*(?:`|$)")

// loggedText is an error's text as the log may hold it: logs are shipped to where nobody may read
// the VMI, so quoted values are left out. On the VMI itself they stand whole.
func loggedText(text string, limit int, whole bool) string {
	if whole {
		return text
	}
	if strings.ContainsAny(text, "\"`") {
		text = quoted().ReplaceAllLiteralString(text, `"..."`)
	}
	text = flat(text)
	room := limit
	for i, r := range text {
		if room -= encodedRune(r); room < 0 {
			return text[:i] + "..."
		}
	}
	return text
}

// logsWhole tells whether a log is to leave nothing out.
func logsWhole(ctx context.Context, log *slog.Logger) bool { return log.Enabled(ctx, slog.LevelDebug) }

// shortReport is a report that would be too long. The error names the patch that failed, and its rule.
type shortReport struct {
	*patch.Report
	OmittedRules   int `json:"omittedRules"`
	OmittedPatches int `json:"omittedPatches,omitempty"`
}

// loggedReport is what a line says of a report: all, unless that would be too long. Then the rules are left out, and
// the last patches where that is not enough.
func loggedReport(report *patch.Report, whole bool) any {
	if whole {
		return report
	}
	all := shortened(report, maxLoggedReason)
	if size(all.Patches...) <= maxLoggedReport {
		return all
	}
	short := shortReport{Report: shortened(report, maxShortReason)}
	fit, room := 0, maxShortReport
	for i := range short.Patches {
		p := &short.Patches[i]
		short.OmittedRules += len(p.Rules)
		p.Rules = nil
		if room -= size(*p); room >= 0 {
			fit++
		}
	}
	short.OmittedPatches = len(short.Patches) - fit
	short.Patches = short.Patches[:fit]
	return short
}

// shortened is a copy of a report with reasons of at most this many bytes.
func shortened(report *patch.Report, reason int) *patch.Report {
	short := &patch.Report{Patches: slices.Clone(report.Patches)}
	for i := range short.Patches {
		p := &short.Patches[i]
		p.Reason = loggedText(p.Reason, reason, false)
		p.Rules = slices.Clone(p.Rules)
		for j := range p.Rules {
			r := &p.Rules[j]
			r.Reason = loggedText(r.Reason, reason, false)
			r.Overrides = slices.Clone(r.Overrides)
			for k := range r.Overrides {
				r.Overrides[k].Place = loggedText(r.Overrides[k].Place, reason, false)
			}
		}
	}
	return short
}

// size is about how many bytes of JSON reports of patches have: a little more than they take. To encode them twice
// takes longer.
func size(patches ...patch.PatchReport) int {
	const perPatch, perRule, perOverride = 60, 120, 50 // names of fields, outcomes and numbers
	n := 0
	for i := range patches {
		p := &patches[i]
		n += perPatch + encoded(p.Patch) + encoded(p.Reason)
		for j := range p.Rules {
			r := &p.Rules[j]
			n += perRule + encoded(r.Field) + encoded(r.Name) + encoded(r.Reason)
			for _, o := range r.Overrides {
				n += perOverride + encoded(o.Patch) + encoded(o.Place)
			}
		}
	}
	return n
}

// encoded is how many bytes a text takes in JSON at most.
func encoded(text string) int {
	n := 0
	for _, r := range text {
		n += encodedRune(r)
	}
	return n
}

// encodedRune is encoded for one character, as encoding/json and log/slog write it.
func encodedRune(r rune) int {
	switch {
	case r == '"', r == '\\':
		return len(`\"`)
	case r < ' ', r == '\u2028', r == '\u2029', r == utf8.RuneError:
		return len(`\u0000`)
	}
	return utf8.RuneLen(r)
}
