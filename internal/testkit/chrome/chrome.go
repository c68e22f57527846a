// Package chrome drives a real Chromium in tests, one browser for each Page.
//
// Every method waits for what it needs and ends the test when that does not come
// within the time-out, naming the selector and the page it was on.
package chrome

import (
	"context"
	"errors"
	"image"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Package is the Debian package that a message names when the browser is missing.
const Package = "chromium"

// actionTimeout bounds one action. It is long because tests share slow machines;
// nothing waits that long when all is well.
const actionTimeout = 30 * time.Second

// Options say what browser it is. The zero value is a light 1280×900 Japanese desktop.
type Options struct {
	Width, Height int    // of the viewport, in CSS pixels
	Lang          string // what the browser asks for, such as en-US; ja-JP by default
	Dark          bool   // the person prefers dark colours
	NoScript      bool   // pages run no script
	Mobile        bool   // a touch screen phone, 390×844 by default
	// Camera is what the browser's camera sees, and the person lets every page look
	// through it; nil for none.
	Camera image.Image
}

// Page is one tab of a browser of its own. Use it from one goroutine.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	console []string
}

// Find returns the path of the browser; Debian's name comes first.
func Find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium found: install the Debian packages " + Package + " and fonts-noto-cjk")
}

// New starts a browser with an empty profile; it ends with the test. Without a
// browser the test is skipped under -short and fails otherwise.
func New(t testing.TB, opt Options) *Page {
	t.Helper()
	path, err := Find()
	switch {
	case err != nil && testing.Short():
		t.Skipf("skipped under -short: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	opt.fillIn()
	alloc, endBrowser := chromedp.NewExecAllocator(context.Background(), append(flags(path, opt), camera(t, opt.Camera)...)...)
	t.Cleanup(endBrowser)
	ctx, closeTab := chromedp.NewContext(alloc, chromedp.WithErrorf(t.Logf))
	t.Cleanup(closeTab)
	p := &Page{t: t, ctx: ctx}
	// The first call ties the browser's life to its context, so it has no time-out.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	p.watchConsole()
	p.do("prepare", emulate(opt))
	return p
}

func (o *Options) fillIn() {
	w, h := 1280, 900
	if o.Mobile {
		w, h = 390, 844
	}
	if o.Width == 0 {
		o.Width = w
	}
	if o.Height == 0 {
		o.Height = h
	}
	if o.Lang == "" {
		o.Lang = "ja-JP"
	}
}

func flags(path string, opt Options) []chromedp.ExecAllocatorOption {
	return append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // tests run as root in containers; the pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", opt.Lang),
		chromedp.Flag("accept-lang", opt.Lang),
		chromedp.WindowSize(opt.Width, opt.Height),
	)
}

func emulate(opt Options) chromedp.Action[chromedp.Void] {
	view := chromedp.EmulateViewport(int64(opt.Width), int64(opt.Height))
	if opt.Mobile {
		view = chromedp.EmulateViewport(int64(opt.Width), int64(opt.Height),
			chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(2))
	}
	scheme := "light"
	if opt.Dark {
		scheme = "dark"
	}
	media := emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // pictures must not catch a page half-way
		},
	}
	return chromedp.Steps(view,
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media)
			return err
		}),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled,
				emulation.SetScriptExecutionDisabledParams{Value: opt.NoScript})
			return err
		}),
	)
}

// watchConsole gathers errors, uncaught exceptions and refusals by the page's
// content security policy until the browser ends.
func (p *Page) watchConsole() {
	messages := chromedp.Console(p.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.IsException() {
				p.mu.Lock()
				p.console = append(p.console, m.Text+" ("+m.URL+")")
				p.mu.Unlock()
			}
		}
	}()
}

// Errors are the errors on the console so far, policy violations and failed
// requests among them.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.console...)
}
