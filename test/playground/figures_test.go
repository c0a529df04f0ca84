// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// maxCompressed bounds what a visitor downloads, in bytes.
const maxCompressed = 8_000_000

// TestSize adds up what a server sends that compresses, as most do.
func TestSize(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(built, "*"))
	if err != nil || len(files) == 0 {
		t.Skip("out/playground is missing: run make playground")
	}
	var plain, compressed counter
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		plain += counter(len(data))
		w := gzip.NewWriter(&compressed)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%.1f MB on disk, %.1f MB compressed, in %d files", float64(plain)/1e6, float64(compressed)/1e6, len(files))
	if compressed > maxCompressed {
		t.Errorf("%d bytes compressed, over the limit of %d", compressed, maxCompressed)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var _ io.Writer = (*counter)(nil)

// firstDiff notes when the first diff stands in the document, in milliseconds from the start of the navigation.
const firstDiff = `addEventListener("DOMContentLoaded", () => {
	const diff = document.getElementById("diff");
	if (diff === null) return; // another page
	new MutationObserver((_, observer) => {
		if (!diff.querySelector("ins, del")) return;
		window.firstDiff = performance.now();
		observer.disconnect();
	}).observe(diff, {childList: true});
})`

// typing notes for each key the time from the press to the new diff in the document, in milliseconds. There is no
// delay in between that would have to be left out: an idle engine runs at once.
const typing = `(() => {
	window.keystrokes = [];
	let pressed = null;
	addEventListener("keydown", () => { pressed = performance.now(); }, {capture: true});
	new MutationObserver(() => {
		if (pressed === null) return;
		keystrokes.push(performance.now() - pressed);
		pressed = null;
	}).observe(document.getElementById("diff"), {childList: true});
	return true;
})()`

// TestFigures measures and prints. It asserts nothing of time: a busy machine is no mistake of the page.
func TestFigures(t *testing.T) {
	base := fileURL(t)
	b := newTab(t, base)
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		t.Logf("%d processors, load average %s", runtime.NumCPU(), strings.Fields(string(load))[0])
	}
	visits(b, base)
	b.open(base + "index.html")
	b.choose("disk-iotune")
	eval[bool](b, typing)
	b.caretBehind("disk-iotune", `"5`)
	const keys = 60
	for i := range keys {
		b.run(chromedp.KeyEvent(string(rune('0' + i%10))))
		b.settle()
	}
	times := eval[[]float64](b, "keystrokes")
	if len(times) < keys*9/10 {
		t.Fatalf("%d of %d keys gave a new diff; the verdict is %q", len(times), keys, b.text("#verdict"))
	}
	warm := times[10:] // the first ones also compile the engine's functions
	slices.Sort(warm)
	t.Logf("from a key to the new diff, %d keys behind 10 to warm up: median %.1f ms, p95 %.1f ms; %s",
		len(warm), warm[len(warm)/2], warm[len(warm)*95/100], b.text("#report > p"))
}

// visits prints how long a first visit takes, each by a visitor of a running browser whose profile is empty, and
// a second one.
func visits(b *tab, base string) {
	const rounds = 7
	var first, behind, again []float64
	for range rounds {
		ctx, leave := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
		if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
			b.t.Fatal(err)
		}
		visitor := &tab{t: b.t, ctx: ctx}
		visitor.onNewPages(firstDiff)
		visitor.open(base + "index.html")
		first = append(first, eval[float64](visitor, "window.firstDiff"))
		behind = append(behind, eval[float64](visitor, `window.firstDiff - performance.getEntriesByType("navigation")[0].loadEventEnd`))
		visitor.open(base + "index.html")
		again = append(again, eval[float64](visitor, "window.firstDiff"))
		leave()
	}
	median := func(times []float64) float64 { slices.Sort(times); return times[len(times)/2] }
	b.t.Logf("first visit, medians of %d: the first diff %.0f ms behind the start of the load, %.0f ms behind its end; a second visit: %.0f ms behind the start",
		rounds, median(first), median(behind), median(again))
}

// caretBehind puts the caret behind the first place of a text in the sample's patch, by keys.
func (b *tab) caretBehind(sample, text string) {
	b.t.Helper()
	before, _, _ := strings.Cut(read(b.t, sample, "patch.yaml"), text)
	line := strings.Count(before, "\n")
	column := len(before) - 1 - strings.LastIndexByte(before, '\n') + len(text)
	eval[bool](b, `document.querySelector("#patches .cm-content").focus() || true`)
	b.run(chromedp.KeyEvent(kb.Home, chromedp.KeyModifiers(kb.ModifierCtrl)),
		chromedp.KeyEvent(strings.Repeat(kb.ArrowDown, line)), chromedp.KeyEvent(strings.Repeat(kb.ArrowRight, column)))
}
