package web

import (
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"sekimori/internal/kit/qr"
	"sekimori/internal/testkit/chrome"
)

// counter is the server's side of the page of a count, as scan.js wants it.
type counter struct {
	mu      sync.Mutex
	away    int // requests that fail before one is answered
	refuses bool
	got     []url.Values
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := r.ParseForm(); err != nil || r.Header.Get("Accept") != "application/json" {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]string{"result": "found", "text": "確認: " + r.Form.Get("code"), "sighting": "sgt_1"}
	switch {
	case c.away > 0:
		c.away--
		w.WriteHeader(http.StatusBadGateway)
		return
	case c.refuses:
		w.WriteHeader(http.StatusUnprocessableEntity)
		answer = map[string]string{"detail": "自社のラベルではありません"}
	case r.URL.Path == "/undo":
		answer = map[string]string{"text": "取り消しました"}
	}
	c.got = append(c.got, r.Form)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		http.Error(w, "gone", http.StatusInternalServerError)
	}
}

// sent gives one field of each form that came.
func (c *counter) sent(name string) (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.got {
		out = append(out, f.Get(name))
	}
	return out
}

const scanPage = `<!doctype html><html lang="ja"><meta charset="utf-8"><link rel="icon" href="/static/favicon.svg"><title>棚卸</title>
<script src="/static/app.js"></script><script src="/static/jsqr.js" defer></script><script src="/static/scan.js" defer></script>
<form data-scan method="post" action="/seen" data-undo="/undo" data-word-ready="カメラを向けてください" data-word-denied="許可されていません"
 data-word-none="カメラがありません" data-word-unsent="送れていません" data-word-signin="ログインしてください" data-word-refused="できません" data-word-undo="取り消す" data-word-undone="済み">
<input type="hidden" name="stock" value="STK-2026-0001"><input name="code"><input name="place" value="3階 書庫"><input type="hidden" name="how" value="typed">
<button id="start" type="button" data-scan-start hidden>読み取る</button><button id="stop" type="button" data-scan-stop hidden>止める</button>
<video data-scan-video hidden muted playsinline></video><button id="send">送る</button></form>
<p id="status" data-scan-status role="status" aria-live="polite"></p><ol id="list" data-scan-list></ol></html>`

// serveScan serves the page with the headers of every page, but for the camera.
func serveScan(t *testing.T, c *counter) string {
	t.Helper()
	static, err := fs.Sub(files, "static")
	if err != nil {
		t.Fatal(err)
	}
	as, err := loadAssets(static)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", as)
	mux.Handle("GET /sw.js", serveWorker(nil))
	mux.Handle("POST /seen", c)
	mux.Handle("POST /undo", c)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Permissions-Policy", "camera=(self)")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, scanPage)
	})
	srv := httptest.NewServer(secure(false, mux))
	t.Cleanup(srv.Close)
	return srv.URL
}

// labelled is what a camera sees that looks at a label.
func labelled(t *testing.T, text string) image.Image {
	t.Helper()
	c, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(image.Rect(0, 0, 640, 480))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	c.Runs(func(x, y, n int) {
		draw.Draw(img, image.Rect(150+x*7, 80+y*7, 150+(x+n)*7, 80+(y+1)*7), image.Black, image.Point{}, draw.Src)
	})
	return img
}

func TestScanWithTheCamera(t *testing.T) {
	t.Parallel()
	const code = "https://sekimori.example.jp/assets/USB-2026-0001"
	c := &counter{away: 1}
	p := chrome.New(t, chrome.Options{Camera: labelled(t, code)})
	p.Navigate(serveScan(t, c))
	p.Click("#start")
	p.WaitText("#list", "確認: "+code) // although the server was away at first
	p.WaitText("#status", "確認: ")
	if got := c.sent("how"); !slices.Equal(got, []string{"camera"}) {
		t.Errorf("sent as %q", got)
	}
	if place, stock := c.sent("place"), c.sent("stock"); place[0] != "3階 書庫" || stock[0] != "STK-2026-0001" {
		t.Errorf("place %q, stock %q", place, stock)
	}
	// It goes on lying before the camera and is not sent again, until it is taken back.
	p.Click("#stop")
	p.Click("#start")
	p.WaitText("#status", "カメラを向けてください")
	p.Click("#stop")
	p.Click("#list button")
	p.WaitText("#status", "取り消しました")
	if got := c.sent("sighting"); !slices.Equal(got, []string{"", "sgt_1"}) {
		t.Errorf("sent %q", got)
	}
	p.Click("#start")
	p.Wait("#list li:nth-child(2)")
	if got := c.sent("code"); len(got) != 3 || got[2] != code {
		t.Errorf("sent %q", got)
	}
	if errs := p.Errors(); len(errs) != 1 || !strings.Contains(errs[0], "502") {
		t.Errorf("console: %q, want the one answer that was made to fail", errs)
	}
}

func TestScanRefusalIsShownOnce(t *testing.T) {
	t.Parallel()
	c := &counter{refuses: true}
	p := chrome.New(t, chrome.Options{Camera: labelled(t, "WIFI:S:guest;;")})
	p.Navigate(serveScan(t, c))
	p.Click("#start")
	p.WaitText("#list", "自社のラベルではありません")
	var moved bool // so many more pictures were looked at
	p.Eval(`new Promise((done) => setTimeout(() => done(document.querySelectorAll("#list li").length === 1), 1000))`, &moved)
	if got := c.sent("code"); !moved || len(got) != 1 {
		t.Errorf("sent %q", got)
	}
}

func TestScanWithoutCamera(t *testing.T) {
	t.Parallel()
	c := &counter{}
	p := chrome.New(t, chrome.Options{})
	p.Navigate(serveScan(t, c))
	p.Click("#start")
	p.WaitText("#status", "カメラがありません")
	if p.Attr("#stop", "hidden") != "" || !p.Exists("#stop[hidden]") || len(c.sent("code")) != 0 {
		t.Error("the camera is said to be on")
	}
}
