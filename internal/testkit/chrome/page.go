package chrome

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// run does one action within the time-out and ends the test when it fails.
func run[T any](p *Page, what string, a chromedp.Action[T]) T {
	p.t.Helper()
	v, err := try(p, a)
	if err != nil {
		p.t.Fatalf("%s on %s: %v", what, p.where(), err)
	}
	return v
}

func try[T any](p *Page, a chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, actionTimeout)
	defer cancel()
	return chromedp.Run(ctx, a)
}

func (p *Page) do(what string, a chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	run(p, what, a)
}

// where is the page's address for a message.
func (p *Page) where() string {
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
	defer cancel()
	u, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "an unknown page"
	}
	return u
}

// Navigate opens a URL and waits until it has loaded.
func (p *Page) Navigate(url string) {
	p.t.Helper()
	p.do("open "+url, chromedp.Navigate(url))
}

// URL is the present address.
func (p *Page) URL() string {
	p.t.Helper()
	return run(p, "read the address", chromedp.Location())
}

// Title is the present page's title.
func (p *Page) Title() string {
	p.t.Helper()
	return run(p, "read the title", chromedp.Title())
}

// Click scrolls to the first visible element that matches the CSS selector and
// presses it with the mouse.
func (p *Page) Click(sel string) {
	p.t.Helper()
	p.do("click "+sel, chromedp.Click(chromedp.CSS(sel), chromedp.NodeVisible))
}

// Follow clicks and waits until the page that the click leads to has loaded.
func (p *Page) Follow(sel string) {
	p.t.Helper()
	run(p, "follow "+sel, chromedp.WaitEvent(page.LoadEventFired, nil,
		chromedp.Click(chromedp.CSS(sel), chromedp.NodeVisible)))
}

// Type types text into the element, key by key, after what it holds.
func (p *Page) Type(sel, text string) {
	p.t.Helper()
	p.do("type into "+sel, chromedp.SendKeys(chromedp.CSS(sel), text, chromedp.NodeVisible))
}

// Press sends keys, such as "\t" or kb.Escape, to whatever has the focus.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do("press keys", chromedp.KeyEvent(keys))
}

// Set replaces the value of an input, text area or select.
func (p *Page) Set(sel, value string) {
	p.t.Helper()
	p.do("set "+sel, chromedp.SetValue(chromedp.CSS(sel), value, chromedp.NodeReady))
}

// Upload chooses files for a file input.
func (p *Page) Upload(sel string, files ...string) {
	p.t.Helper()
	p.do("upload to "+sel, chromedp.SetUploadFiles(chromedp.CSS(sel), files, chromedp.NodeReady))
}

// Text is the visible text of the first element that matches.
func (p *Page) Text(sel string) string {
	p.t.Helper()
	return strings.TrimSpace(run(p, "read "+sel, chromedp.Text(chromedp.CSS(sel), chromedp.NodeReady)))
}

// Value is what an input holds.
func (p *Page) Value(sel string) string {
	p.t.Helper()
	return run(p, "read the value of "+sel, chromedp.Value(chromedp.CSS(sel), chromedp.NodeReady))
}

// Attr is the value of an attribute, and "" without it.
func (p *Page) Attr(sel, name string) string {
	p.t.Helper()
	return run(p, "read "+name+" of "+sel, chromedp.AttributeValue(chromedp.CSS(sel), name, chromedp.NodeReady)).Value
}

// Count is the number of elements that match at this moment.
func (p *Page) Count(sel string) int {
	p.t.Helper()
	return len(run(p, "count "+sel, chromedp.Nodes(chromedp.CSSAll(sel), chromedp.AtLeast(0))))
}

// Exists reports whether an element matches at this moment.
func (p *Page) Exists(sel string) bool {
	p.t.Helper()
	return p.Count(sel) > 0
}

// Wait waits until a visible element matches.
func (p *Page) Wait(sel string) {
	p.t.Helper()
	p.do("wait for "+sel, chromedp.WaitVisible(chromedp.CSS(sel)))
}

// WaitText waits until the first element that matches contains the text, through
// reloads and navigations.
func (p *Page) WaitText(sel, want string) {
	p.t.Helper()
	js, err := json.Marshal(sel)
	if err != nil {
		p.t.Fatal(err)
	}
	expr := "(document.querySelector(" + string(js) + ")?.innerText ?? '')"
	var last string
	for end := time.Now().Add(actionTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		text, err := try(p, chromedp.Evaluate[string](expr))
		if err != nil {
			text = err.Error() // the page may be changing under us
		}
		if last = text; strings.Contains(text, want) {
			return
		}
	}
	p.t.Fatalf("%s on %s never showed %q; last seen: %q", sel, p.where(), want, last)
}

// Eval runs a JavaScript expression, waits for it when it is a promise, and
// decodes its value into out, which may be nil. It works with NoScript too and is
// not bound by the page's content security policy.
func (p *Page) Eval(js string, out any) {
	p.t.Helper()
	if out == nil {
		p.do("evaluate", chromedp.Evaluate[chromedp.Void](js, chromedp.EvalAwaitPromise))
		return
	}
	raw := run(p, "evaluate", chromedp.Evaluate[[]byte](js, chromedp.EvalAwaitPromise))
	if err := json.Unmarshal(raw, out); err != nil {
		p.t.Fatalf("decode what the script returned, %s: %v", raw, err)
	}
}

// HTML is the document as the browser holds it now.
func (p *Page) HTML() string {
	p.t.Helper()
	return run(p, "read the document", chromedp.OuterHTML(chromedp.CSS("html")))
}

// Screenshot writes the whole page, also what is scrolled out of sight, to a PNG
// file and makes its folder.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	png := run(p, "take a picture", chromedp.FullScreenshot(100))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
