// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	built       = "../../out/playground"
	screenshots = "../../out/playground-test"

	// limit is for one step on a busy machine; nothing waits that long on any other.
	limit = time.Minute
)

// tab is a page of a browser of its own, with an empty profile.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string
	errors   []string
}

// newTab starts a browser. When the test ends, the tab must have asked for nothing outside of the folder of base,
// and no script may have failed.
func newTab(t *testing.T, base string) *tab {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is missing: install Debian's package chromium")
	}
	if _, err := os.Stat(filepath.Join(built, "engine.js")); err != nil {
		t.Skip("out/playground is missing: run make playground")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, stopBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopTab := chromedp.NewContext(allocator)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		b.checkRequests(base)
		stopTab()
		stopBrowser()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, runtime.Enable, cdp.Empty{})
	return b
}

// in gives the same tab to a part of the test.
func (b *tab) in(t *testing.T) *tab { return &tab{t: t, ctx: b.ctx} }

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	}
}

func (b *tab) checkRequests(base string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, url := range b.requests {
		if !strings.HasPrefix(url, base) && !strings.HasPrefix(url, "blob:") && !strings.HasPrefix(url, "data:") {
			b.t.Errorf("the page asked for %s, outside of %s", url, base)
		}
	}
	for _, e := range b.errors {
		b.t.Errorf("a script of the page failed: %s", e)
	}
}

// run runs actions that give nothing.
func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval evaluates JavaScript and waits for its promise, if it is one.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v\n%s", err, script)
	}
	return got
}

// until waits for a condition in JavaScript to hold. A page that goes away while it waits is no mistake: the next
// one is asked.
func (b *tab) until(condition string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool]("Boolean("+condition+")", chromedp.WithPollingTimeout(0)))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			shot := b.screenshot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.t.Fatalf("%v: waiting for %s\nsee %s\nthe report is: %s", err, condition, shot, b.text("#report"))
		}
	}
}

func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// open loads the page anew, even if only the part behind the # is another, and waits for the first answer of the engine.
func (b *tab) open(url string) {
	b.t.Helper()
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(url))
	b.settle()
}

// settle waits until what the editors hold has been answered.
func (b *tab) settle() {
	b.t.Helper()
	b.until(`document.readyState === "complete" && !("pending" in document.body.dataset)`)
}

// onNewPages runs a script in every page before its own scripts.
func (b *tab) onNewPages(script string) {
	b.t.Helper()
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// choose chooses a sample from the menu.
func (b *tab) choose(sample string) {
	b.t.Helper()
	eval[bool](b, `(() => {
		const menu = document.getElementById("samples");
		menu.value = `+quote(sample)+`;
		menu.dispatchEvent(new Event("change"));
		return true;
	})()`)
	b.settle()
}

// write replaces the text of an editor, as somebody does who selects all and pastes.
func (b *tab) write(editor, text string) {
	b.t.Helper()
	view := "vm"
	if editor == "patches" {
		view = "patch"
	} else {
		eval[bool](b, `document.getElementById("tab-`+editor+`").click() || true`)
	}
	eval[bool](b, `document.querySelector("[data-show=`+view+`]").click() || true`) // on a phone the others are hidden
	eval[bool](b, `document.querySelector("#`+editor+` .cm-content").focus() || true`)
	b.run(chromedp.KeyEvent("a", chromedp.KeyModifiers(kb.ModifierCtrl)))
	eval[bool](b, `(() => {
		const content = document.querySelector("#`+editor+` .cm-content");
		const clipboardData = new DataTransfer();
		clipboardData.setData("text/plain", `+quote(text)+`);
		content.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
		return true;
	})()`)
	b.settle()
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, `document.querySelector(`+quote(selector)+`)?.textContent ?? ""`)
}

// copied is what the button Copy puts into the clipboard while a tab of the result is open.
func (b *tab) copied(resultTab string) string {
	b.t.Helper()
	return eval[string](b, `(async () => {
		document.getElementById("tab-`+resultTab+`").click();
		let text = null;
		Object.defineProperty(navigator, "clipboard", {configurable: true, value: {writeText: async (copied) => { text = copied; }}});
		document.getElementById("copy").click();
		await null;
		document.getElementById("tab-diff").click();
		return text;
	})()`)
}

// size gives the window a width and a height, and prefers a theme.
func (b *tab) size(width, height int64, theme string) {
	b.t.Helper()
	var options []chromedp.EmulateViewportOption
	if width < 600 {
		options = append(options, chromedp.EmulateMobile)
	}
	b.run(chromedp.EmulateViewport(width, height, options...))
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
}

func (b *tab) screenshot(name string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	painted := `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))))`
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](painted, chromedp.EvalAwaitPromise)); err != nil {
		b.t.Error(err)
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Error(err)
		return "no screenshot"
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	file := filepath.Join(screenshots, name+".png")
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// fileURL is the folder of the page, as file://.
func fileURL(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(built)
	if err != nil {
		t.Fatal(err)
	}
	return "file://" + dir + "/"
}

// serve serves the folder of the page as the documentation does, below a path.
func serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix("/playground", http.FileServer(http.Dir(built))))
	t.Cleanup(server.Close)
	return server.URL + "/playground/"
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string always is JSON
	return string(quoted)
}
