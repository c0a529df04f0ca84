// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const samples = "../../config/samples"

// TestBreakAndMend is what the page is for: take a sample, break it, see why, mend it, see the diff.
func TestBreakAndMend(t *testing.T) {
	for name, base := range map[string]string{"file": fileURL(t), "http": serve(t)} {
		t.Run(name, func(t *testing.T) {
			b := newTab(t, base)
			b.open(base + "index.html")
			b.choose("disk-iotune")
			const added = "<total_iops_sec>500</total_iops_sec>"
			if diff := b.text("#diff ins:nth-of-type(2)"); !strings.Contains(diff, added) {
				t.Errorf("the diff of the sample has %q, want %s", diff, added)
			}
			sample := read(t, "disk-iotune", "patch.yaml")
			b.write("patches", strings.Replace(sample, "    op: set", "    op: sett", 1))
			b.until(`document.querySelector("#patches .cm-lint-marker-error")`)
			if got := b.text("#verdict"); got != "1 error" {
				t.Errorf("the verdict is %q, want 1 error", got)
			}
			line := lineOf(sample, "    op: set")
			if got, want := b.text("#report .place"), "Patches, line "+line; got != want {
				t.Errorf("the problem is at %q, want %q", got, want)
			}
			marked := eval[string](b, `(() => {
				const marker = document.querySelector("#patches .cm-lint-marker-error").closest(".cm-gutterElement").getBoundingClientRect();
				return [...document.querySelectorAll("#patches .cm-lineNumbers .cm-gutterElement")]
					.find((number) => Math.abs(number.getBoundingClientRect().top - marker.top) < 4)?.textContent ?? "none";
			})()`)
			if marked != line {
				t.Errorf("the mark stands at line %s, want %s", marked, line)
			}
			if !eval[bool](b, `document.querySelector("[data-pane=result]").classList.contains("stale")`) {
				t.Error("the old diff looks like a new one")
			}
			b.write("patches", strings.Replace(sample, `"500"`, `"700"`, 1))
			if diff := b.text("#diff"); !strings.Contains(diff, "<total_iops_sec>700</total_iops_sec>") {
				t.Errorf("the diff of the mended patch is %q", diff)
			}
			if got := eval[int](b, `document.querySelectorAll(".cm-lint-marker").length`); got != 0 {
				t.Errorf("%d marks are left of a patch that is mended", got)
			}
		})
	}
}

// TestWarnings writes a patch that is valid and likely to be wrong.
func TestWarnings(t *testing.T) {
	base := fileURL(t)
	b := newTab(t, base)
	b.size(1440, 900, "light")
	b.open(base + "index.html")
	b.choose("disk-iotune")
	b.write("patches", strings.Replace(read(t, "disk-iotune", "patch.yaml"), "disk[alias/@name='ua-rootdisk']", "disk[1]", 1))
	b.until(`document.querySelector("#patches .cm-lint-marker-warning")`)
	if got := b.text("#report .warning a"); got != "DP104" {
		t.Errorf("the warning is %q, want DP104", got)
	}
	if got := b.text("#verdict"); got != "Applied, 1 warning" {
		t.Errorf("the verdict is %q", got)
	}
	if got := b.text("#diff"); !strings.Contains(got, "iops") {
		t.Errorf("the diff is %q", got)
	}
	b.screenshot("desktop-warning")
}

// TestSamples compares what the page makes of each sample with what the sample wants, byte by byte.
func TestSamples(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(samples, "*", "patch.yaml"))
	if err != nil || len(folders) < 50 {
		t.Fatalf("%d samples, %v", len(folders), err)
	}
	b := newTab(t, fileURL(t))
	b.open(fileURL(t) + "index.html")
	if got := eval[int](b, `document.querySelectorAll("#samples optgroup option").length`); got != len(folders) {
		t.Errorf("the menu has %d samples, the folder %d", got, len(folders))
	}
	for _, folder := range folders {
		name := filepath.Base(filepath.Dir(folder))
		b.choose(name)
		if got := b.text("#verdict"); !strings.HasPrefix(got, "Applied") {
			t.Errorf("%s: %s: %s", name, got, b.text("#report"))
		}
		for tab, file := range map[string]string{"outDomain": "want.xml", "outCloudInit": "want.json"} {
			if want := read(t, name, file); want != "" && b.copied(tab) != want {
				t.Errorf("%s: the page makes another %s", name, file)
			}
		}
	}
}

// TestTextsSurvive reloads the page, replaces texts by a sample, and passes them on in a link.
func TestTextsSurvive(t *testing.T) {
	base := fileURL(t)
	b := newTab(t, base)
	b.open(base + "index.html")
	const mine = "# mine: ä € 😀\n"
	b.write("patches", mine)
	b.run(chromedp.Reload())
	b.settle()
	if got := b.text("#patches .cm-content"); !strings.Contains(got, strings.TrimSpace(mine)) {
		t.Fatalf("a reload left %q", got)
	}
	b.choose("disk-wwn")
	b.run(chromedp.Reload())
	b.settle()
	eval[bool](b, `(() => {
		const menu = document.getElementById("samples");
		menu.value = document.querySelector("#earlier option").value;
		menu.dispatchEvent(new Event("change"));
		return true;
	})()`)
	b.settle()
	if got := b.text("#patches .cm-content"); !strings.Contains(got, strings.TrimSpace(mine)) {
		t.Fatalf("the menu brings back %q", got)
	}
	link := eval[string](b, `(async () => {
		document.getElementById("share").click();
		while (!location.hash) await new Promise((resolve) => setTimeout(resolve, 10));
		return location.href;
	})()`)
	other := newTab(t, base)
	other.open(link)
	if got := other.text("#patches .cm-content"); !strings.Contains(got, strings.TrimSpace(mine)) {
		t.Errorf("the link brings %q", got)
	}
	other.open(base + "index.html#sample=disk-wwn")
	if got := other.text("#diff"); !strings.Contains(got, "wwn") {
		t.Errorf("the link to a sample brings %q", got)
	}
}

// read gives a file of a sample, nothing if it has none of the name.
func read(t *testing.T, sample, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, sample, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// lineOf is the number of the first line that starts with a text.
func lineOf(text, start string) string {
	before, _, _ := strings.Cut("\n"+text, "\n"+start)
	return strconv.Itoa(1 + strings.Count(before, "\n"))
}
