// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"strings"
	"testing"
)

// TestLook writes screenshots to look at, and checks what a program can: nothing is wider than the window, the
// theme follows the system until somebody chooses another one, and every control has a name.
func TestLook(t *testing.T) {
	base := fileURL(t)
	for _, theme := range []string{"light", "dark"} {
		for device, size := range map[string][2]int64{"desktop": {1440, 900}, "phone": {390, 844}} {
			t.Run(device+"-"+theme, func(t *testing.T) {
				b := newTab(t, base)
				b.size(size[0], size[1], theme)
				b.open(base + "index.html")
				name := device + "-" + theme
				b.screenshot(name)
				if got := eval[bool](b, `document.documentElement.classList.contains("dark")`); got != (theme == "dark") {
					t.Errorf("dark is %t", got)
				}
				b.write("patches", strings.Replace(read(t, "smbios-baseboard", "patch.yaml"), "op: set", "op: sett", 1))
				b.screenshot(name + "-error")
				for _, view := range []string{"vm", "result"} {
					eval[bool](b, `document.querySelector("[data-show=`+view+`]").click() || true`)
					if device == "phone" {
						b.screenshot(name + "-error-" + view)
					}
				}
				b.choose("cloud-init-network-from-annotations")
				b.screenshot(name + "-cloud-init")
				checkLayout(t, b)
			})
		}
	}
}

func checkLayout(t *testing.T, b *tab) {
	t.Helper()
	if wide := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		t.Errorf("the page is %d pixels wider than the window", wide)
	}
	nameless := eval[[]string](b, `[...document.querySelectorAll("button, select, input, [role=textbox], a")]
		.filter((control) => !(control.ariaLabel || control.textContent.trim() || control.labels?.length || control.title))
		.map((control) => control.outerHTML)`)
	if len(nameless) > 0 {
		t.Errorf("controls without a name: %s", nameless)
	}
}

// TestTheme checks the button and that the choice is the documentation's, too.
func TestTheme(t *testing.T) {
	base := fileURL(t)
	b := newTab(t, base)
	b.size(1440, 900, "light")
	b.open(base + "index.html")
	for _, want := range []string{"dark", "auto"} {
		eval[bool](b, `document.getElementById("theme").click() || true`)
		if got := eval[string](b, `localStorage.getItem("vitepress-theme-appearance")`); got != want {
			t.Errorf("the choice is stored as %q, want %q", got, want)
		}
	}
}

// TestContrast compares the colours of texts with those behind them, as WCAG 2.2 counts (AA: 4.5).
func TestContrast(t *testing.T) {
	base := fileURL(t)
	for _, theme := range []string{"light", "dark"} {
		b := newTab(t, base)
		b.size(1440, 900, theme)
		b.open(base + "index.html")
		for _, poor := range eval[[]string](b, contrast) {
			t.Errorf("%s: %s", theme, poor)
		}
	}
}

const contrast = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const behind = (element) => {
		for (; element; element = element.parentElement) {
			const colour = rgba(getComputedStyle(element).backgroundColor);
			if (colour[3] > 200) return colour;
		}
		return [255, 255, 255];
	};
	const poor = new Set();
	for (const element of document.querySelectorAll("body *")) {
		const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
		if (!own || element.closest("option, script, noscript, .hidden") || element.offsetParent === null) continue;
		const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) poor.add(element.tagName + "." + element.className + " " + ratio.toFixed(2));
	}
	return [...poor];
})()`
