package chrome_test

import (
	"html/template"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

const form = `<!doctype html><html lang="ja"><meta charset="utf-8"><title>見本</title>
<meta name="viewport" content="width=device-width">
<style>body{background:#fff;height:3000px} @media (prefers-color-scheme: dark){body{background:#000}}</style>
<h1 id="lang">{{.Lang}}</h1><p id="said">{{.Said}}</p>
<noscript><p id="noscript">no script</p></noscript>
<form method="post"><input name="said" id="box"><input type="file" id="file"><button id="go">送信</button></form>
<button id="later" type="button">later</button><script src="/later.js"></script></html>`

const script = `document.querySelector('#later').addEventListener('click', () => setTimeout(
  () => { document.querySelector('#said').textContent = 'あとで' }, 20));`

// site echoes what was typed and the language that was asked for.
func site(t *testing.T) string {
	t.Helper()
	page := template.Must(template.New("form").Parse(form))
	mux := http.NewServeMux()
	mux.HandleFunc("/later.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Write([]byte(script))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'self'")
		if err := page.Execute(w, map[string]string{"Lang": r.Header.Get("Accept-Language"), "Said": r.FormValue("said")}); err != nil {
			t.Error(err)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestPageFillsAFormAndWaits(t *testing.T) {
	t.Parallel()
	p := chrome.New(t, chrome.Options{})
	p.Navigate(site(t))
	if got := p.Title(); got != "見本" {
		t.Errorf("title %q", got)
	}
	if got := p.Text("#lang"); !strings.HasPrefix(got, "ja") {
		t.Errorf("the browser asked for %q, want Japanese", got)
	}
	p.Type("#box", "関守 sekimori")
	if got := p.Value("#box"); got != "関守 sekimori" {
		t.Errorf("typed %q", got)
	}
	p.Follow("#go")
	if got := p.Text("#said"); got != "関守 sekimori" {
		t.Errorf("sent %q", got)
	}
	p.Click("#later")
	p.WaitText("#said", "あとで")
	if p.Exists("#nothing") || !p.Exists("#box") || p.Count("button") != 2 {
		t.Error("Exists and Count see other elements than there are")
	}
	file := filepath.Join(t.TempDir(), "証拠.txt")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Upload("#file", file)
	var name string
	p.Eval(`Promise.resolve(document.querySelector('#file').files[0].name)`, &name)
	if name != "証拠.txt" {
		t.Errorf("chose %q", name)
	}
	if errs := p.Errors(); len(errs) > 0 && !strings.Contains(errs[0], "favicon") {
		t.Errorf("console: %q", errs)
	}
}

func TestOptionsReachThePage(t *testing.T) {
	t.Parallel()
	p := chrome.New(t, chrome.Options{Mobile: true, Dark: true, NoScript: true, Lang: "en-US"})
	p.Navigate(site(t))
	if got := p.Text("#lang"); !strings.HasPrefix(got, "en-US") {
		t.Errorf("the browser asked for %q", got)
	}
	if got := p.Text("#noscript"); got != "no script" {
		t.Errorf("noscript shows %q", got)
	}
	var seen struct {
		Width, Touch int
		Dark         bool
	}
	p.Eval(`({Width: innerWidth, Touch: navigator.maxTouchPoints, Dark: matchMedia('(prefers-color-scheme: dark)').matches})`, &seen)
	if seen.Width != 390 || seen.Touch == 0 || !seen.Dark {
		t.Errorf("the page sees %+v", seen)
	}
	p.Type("#box", "x")
	p.Follow("#go")
	p.WaitText("#said", "x")

	path := filepath.Join(t.TempDir(), "pictures", "form.png")
	p.Screenshot(path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := png.DecodeConfig(f)
	if err != nil {
		t.Fatal(err)
	}
	if size.Width != 780 || size.Height < 6000 {
		t.Errorf("the picture is %d×%d, want the whole page at two pixels each", size.Width, size.Height)
	}
}
