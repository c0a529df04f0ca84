// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// Limits of one line of the log in bytes: container runtimes split lines of 16 KiB. At level debug only that of a
// stack holds.
const (
	maxLoggedStack  = 10 << 10
	maxLoggedReport = 10 << 10
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
	whole := c.log.Enabled(ctx, slog.LevelDebug)
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

// quoted is what an error quotes, by %q or as packages of Go and CEL do; the end may be cut off.
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
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}

// loggedReport is what a line says of a report: all, unless that would be too long. Then the rules are left out;
// the error and the reasons name those that failed.
func loggedReport(report *patch.Report, whole bool) any {
	if whole {
		return report
	}
	if all := shortened(report, maxLoggedReason); size(all) <= maxLoggedReport {
		return all
	}
	short := struct {
		*patch.Report
		OmittedRules int `json:"omittedRules"`
	}{Report: shortened(report, maxShortReason)}
	for i := range short.Patches {
		short.OmittedRules += len(short.Patches[i].Rules)
		short.Patches[i].Rules = nil
	}
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
			p.Rules[j].Reason = loggedText(p.Rules[j].Reason, reason, false)
		}
	}
	return short
}

// size is about how many bytes of JSON a report has: a little more than it takes where no name needs escapes. To
// encode it twice takes longer.
func size(report *patch.Report) int {
	const perPatch, perRule, perOverride = 60, 120, 50 // names of fields, outcomes and numbers
	n := 0
	for _, p := range report.Patches {
		n += perPatch + len(p.Patch) + len(p.Reason)
		for _, r := range p.Rules {
			n += perRule + len(r.Field) + len(r.Name) + len(r.Reason)
			for _, o := range r.Overrides {
				n += perOverride + len(o.Patch) + len(o.Place)
			}
		}
	}
	return n
}
