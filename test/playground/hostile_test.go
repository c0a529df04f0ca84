// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"strings"
	"testing"
)

// TestHostileTexts gives the page what nobody should: it must say what is wrong, and go on.
func TestHostileTexts(t *testing.T) {
	base := fileURL(t)
	b := newTab(t, base)
	// A script that runs in spite of all would set this.
	const injected = `<img src=x onerror="window.injected=1"><script>window.injected=1</script>`
	b.open(base + "index.html")
	for name, change := range map[string]struct{ editor, text string }{
		"1 MB of YAML":         {"patches", "a:\n" + strings.Repeat("- {b: [c, d, e]}\n", 60_000)},
		"nested flow":          {"patches", strings.Repeat("[", 50_000)},
		"aliases":              {"patches", aliases(12)},
		"deep XML":             {"domain", strings.Repeat("<a>", 100_000)},
		"many elements":        {"domain", "<domain>" + strings.Repeat("<a/>", 200_000) + "</domain>"},
		"no characters":        {"domain", "<domain>\x01\u200b\ufffe</domain>"},
		"markup in a patch":    {"patches", "apiVersion: " + injected},
		"markup in an object":  {"patches", "kind: '" + injected + "'\nmetadata: {name: '" + injected + "'}\n"},
		"markup in cloud-init": {"cloudInit", injected},
		"markup in a VM":       {"vmi", "kind: '" + injected + "'"},
	} {
		t.Run(name, func(t *testing.T) {
			b := b.in(t)
			b.choose(map[bool]string{true: "cloud-init-users", false: "disk-iotune"}[change.editor == "cloudInit"])
			b.write(change.editor, change.text)
			if got := b.text("#verdict"); strings.HasPrefix(got, "Applied") {
				t.Errorf("the verdict is %q", got)
			}
			b.choose("disk-wwn")
			if got := b.text("#diff"); !strings.Contains(got, "wwn") {
				t.Errorf("a good sample gives %q afterwards", got)
			}
		})
	}
	t.Run("half a character", func(t *testing.T) {
		b := b.in(t)
		b.choose("disk-iotune")
		eval[bool](b, `(() => {
			document.querySelector("#patches .cm-content").focus();
			document.execCommand("insertText", false, "# \ud83d\n");
			return true;
		})()`)
		b.settle()
		if got := b.text("#diff"); !strings.Contains(got, "iops") {
			t.Errorf("the diff is %q", got)
		}
	})
	t.Run("markup in a result", func(t *testing.T) {
		b := b.in(t)
		b.choose("disk-iotune")
		patch := strings.ReplaceAll(read(t, "disk-iotune", "patch.yaml"), "iotune/total_iops_sec", "serial")
		b.write("patches", strings.Replace(patch, `"500"`, "'"+injected+"'", 1))
		if got := b.text("#diff"); !strings.Contains(got, "&lt;script") {
			t.Errorf("the diff is %q", got)
		}
		b.write("patches", strings.Replace(patch, "name: iops", "name: '"+injected+"'", 1))
	})
	t.Run("broken link", func(t *testing.T) {
		b := b.in(t)
		for _, fragment := range []string{"#texts=!", "#texts=AAAA", "#texts=" + strings.Repeat("A", 10_000), "#sample=" + injected, "#sample=__proto__"} {
			b.open(base + "index.html" + fragment)
			if got := b.text("#verdict"); !strings.HasPrefix(got, "Applied") && !strings.Contains(got, "error") {
				t.Errorf("%.30s: the verdict is %q", fragment, got)
			}
		}
	})
	if eval[bool](b, `"injected" in window || document.querySelector("main img, main script") !== null`) {
		t.Error("a text became markup")
	}
}

// aliases is a document of a few lines that stands for 10 to the power of levels strings.
func aliases(levels int) string {
	var text strings.Builder
	text.WriteString("a0: &a0 x\n")
	for i := range levels {
		before, here := string(rune('a'+i)), string(rune('b'+i))
		text.WriteString(here + "0: &" + here + "0 [" + strings.TrimSuffix(strings.Repeat("*"+before+"0, ", 10), ", ") + "]\n")
	}
	return text.String()
}

// hangs replaces the first worker by one that starts and never answers.
const hangs = `(() => {
	const Real = Worker;
	let n = 0;
	window.Worker = class extends Real {
		constructor(url) {
			const script = "onmessage = ({data}) => { if (data.module) postMessage({ready: true}); else for (;;); }";
			super(n++ === 0 ? URL.createObjectURL(new Blob([script])) : url);
		}
	};
})()`

// TestWatchdog lets the engine hang: the page must say so, keep the texts, and run again.
func TestWatchdog(t *testing.T) {
	base := fileURL(t)
	b := newTab(t, base)
	b.onNewPages(hangs)
	b.open(base + "index.html")
	if got, want := b.text("#verdict"), "The engine did not answer within 30 seconds"; got != want {
		t.Errorf("the verdict is %q, want %q", got, want)
	}
	if got := b.text("#patches .cm-content"); !strings.Contains(got, "kind: DomainPatch") {
		t.Errorf("the editor holds %q", got)
	}
	b.choose("disk-wwn")
	if got := b.text("#diff"); !strings.Contains(got, "wwn") {
		t.Errorf("the engine that was started again gives %q", got)
	}
}

// dies replaces the first worker by one whose engine ends at the first request.
const dies = `(() => {
	const Real = Worker;
	let n = 0;
	window.Worker = class extends Real {
		constructor(url) {
			const script = "onmessage = ({data}) => postMessage(data.module ? {ready: true} : {text: null})";
			super(n++ === 0 ? URL.createObjectURL(new Blob([script])) : url);
		}
	};
})()`

// TestEngineDies is what comes of an engine that ran out of memory.
func TestEngineDies(t *testing.T) {
	base := fileURL(t)
	b := newTab(t, base)
	b.onNewPages(dies)
	b.open(base + "index.html")
	if got := b.text("#verdict"); got != "The engine stopped" {
		t.Errorf("the verdict is %q", got)
	}
	b.choose("disk-wwn")
	if got := b.text("#diff"); !strings.Contains(got, "wwn") {
		t.Errorf("the engine that was started again gives %q", got)
	}
}
