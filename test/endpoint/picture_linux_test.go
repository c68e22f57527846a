package endpoint

import (
	"flag"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
	"sekimori/internal/tool/isolation/stage"
)

var pictures = flag.String("pictures", "", "folder to write the picture of a proven isolation to")

// TestProvenInABrowser: what the administrator sees of a PC that is really cut off, and has
// proven it. With -pictures it takes the picture of the documentation, in both languages.
func TestProvenInABrowser(t *testing.T) {
	notShort(t)
	c := stage.New(t, built)
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	c.Server.Isolate(pc.Device, "it speaks to a stranger at night")
	c.Server.Await(pc.Device, "proven", stage.Proven)
	closed(t, "in the picture", ways)
	for lang, want := range map[string][]string{
		"ja": {"確認済み", "依頼", "適用"},
		"en": {"Proven", "Requested", "Applied"},
	} {
		at := console(t, c.Server, lang) // before the browser, which must end first: it holds a stream
		p := chrome.New(t, chrome.Options{Width: 1280, Height: 900, Lang: lang})
		p.Navigate(at + "/devices/" + pc.Device)
		text := p.Text("main")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is not on the page:\n%s", lang, w, text)
			}
		}
		if strings.Contains(text, "予行: ") || strings.Contains(text, "Dry run: ") {
			t.Errorf("%s: a real isolation is called a dry run:\n%s", lang, text)
		}
		if *pictures != "" {
			p.Screenshot(filepath.Join(*pictures, "proven-desktop-"+lang+"-light.png"))
		}
	}
}

// console shows the server's pages to this machine's browsers as the administrator sees
// them, and gives where.
func console(t *testing.T, s *stage.Server, lang string) string {
	t.Helper()
	base, err := url.Parse(stage.URL)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	admin := &http.Client{Transport: s.Transport(), Jar: jar}
	res, err := admin.PostForm(stage.URL+"/login", url.Values{"login": {s.Login}, "password": {s.Password}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.Path == "/login" {
		t.Fatalf("sign in: status %d at %s", res.StatusCode, res.Request.URL)
	}
	res, err = admin.Get(stage.URL + "/language?to=" + lang)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	site := httptest.NewServer(&httputil.ReverseProxy{Transport: s.Transport(), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(base)
		r.Out.Host = base.Host
		r.Out.Header.Del("Cookie")
		for _, c := range jar.Cookies(base) {
			r.Out.AddCookie(c)
		}
	}})
	t.Cleanup(func() {
		site.CloseClientConnections()
		site.Close()
	})
	return site.URL
}
