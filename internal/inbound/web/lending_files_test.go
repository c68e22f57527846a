package web

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
)

// drawn is a picture as a PNG file.
func drawn(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

// blank is a small picture of nothing.
func blank() image.Image { return image.NewGray(image.Rect(0, 0, 40, 30)) }

// at gives the first thing in a page between two texts.
func at(t *testing.T, body, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, from)
	if !ok {
		t.Fatalf("the page has no %s:\n%s", from, body)
	}
	out, _, _ := strings.Cut(rest, to)
	return out
}

// TestPhotosOfAThing: a picture and a paper are kept and come back as they were sent, under
// a name that cannot act; everything else is refused beside the field, and nothing of it
// is kept.
func TestPhotosOfAThing(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	const thing = "/assets/USB-0001"
	kept := func() int {
		t.Helper()
		v, err := w.parts.Assets.Get(t.Context(), access.System(), "USB-0001")
		must(t, err)
		return len(v.Photos)
	}
	picture, paper := drawn(t, blank()), []byte("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n")
	for name, content := range map[string][]byte{"棚の写真.png": picture, "廃棄証明.pdf": paper, `"><img src=x onerror=alert(1)>.png`: picture} {
		if rec := w.send("keeper", thing+"/photos", name, content); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != thing+"#photos" {
			t.Errorf("%s: status %d, %s\n%s", name, rec.Code, rec.Header().Get("Location"), rec.Body)
		}
	}
	body := w.get("keeper", thing)
	checkHTML(t, "photos", body)
	has(t, "the thing", body, ">棚の写真.png<", ">廃棄証明.pdf<")
	hasNot(t, "the thing", body, "<img src=x")
	for _, photo := range strings.Split(body, `href="/photos/`)[1:] {
		id, rest, _ := strings.Cut(photo, `"`)
		rec := w.ask("keeper", "ja", "/photos/"+id, nil)
		want, kind, media := picture, "inline", "image/png"
		if strings.HasPrefix(rest, ">廃棄証明.pdf<") {
			want, kind, media = paper, "attachment", "application/pdf"
		}
		h := rec.Header()
		if rec.Code != http.StatusOK || !bytes.Equal(rec.Body.Bytes(), want) || h.Get("Content-Type") != media || !strings.HasPrefix(h.Get("Content-Disposition"), kind+"; filename*=UTF-8''") {
			t.Errorf("%s: status %d, %d bytes, %v", id, rec.Code, rec.Body.Len(), h)
		}
		if !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" || strings.ContainsAny(h.Get("Content-Disposition"), "<>\"\r\n") {
			t.Errorf("what is in %s may act: %v", id, h)
		}
		for who, code := range map[string]int{"admin": http.StatusOK, "auditor": http.StatusOK, "": http.StatusSeeOther} {
			if rec := w.ask(who, "ja", "/photos/"+id, nil); rec.Code != code {
				t.Errorf("%q opens %s: status %d, want %d", who, id, rec.Code, code)
			}
		}
	}
	if n := kept(); n != 3 {
		t.Fatalf("%d files are kept", n)
	}
	for name, bad := range map[string]struct {
		content []byte
		status  int
		says    string
	}{
		"page.png":  {[]byte("<!doctype html><script>alert(1)</script>"), http.StatusUnprocessableEntity, "画像かPDF"},
		"draw.svg":  {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), http.StatusUnprocessableEntity, "画像かPDF"},
		"run.jpg":   {[]byte("MZ\x90\x00"), http.StatusUnprocessableEntity, "画像かPDF"},
		"empty.png": {nil, http.StatusUnprocessableEntity, ""},
		"large.png": {append(bytes.Clone(picture), make([]byte, 10<<20)...), http.StatusRequestEntityTooLarge, ""},
		"huge.png":  {append(bytes.Clone(picture), make([]byte, 12<<20)...), http.StatusRequestEntityTooLarge, ""},
	} {
		rec := w.send("keeper", thing+"/photos", name, bad.content)
		body := rec.Body.String()
		checkHTML(t, name, body)
		if rec.Code != bad.status || !strings.Contains(body, bad.says) || !strings.Contains(at(t, body, `id="photo-file"`, "</form>"), `class="error"`) {
			t.Errorf("%s: status %d\n%s", name, rec.Code, at(t, body, `id="photos"`, "</section>"))
		}
	}
	if n := kept(); n != 3 {
		t.Errorf("%d files are kept after those that are none", n)
	}
	for who, want := range map[string]int{"hanako": http.StatusForbidden, "auditor": http.StatusForbidden} {
		if rec := w.send(who, thing+"/photos", "x.png", picture); rec.Code != want && rec.Code != http.StatusNotFound {
			t.Errorf("%s keeps a photo: status %d", who, rec.Code)
		}
	}
	if rec := w.send("keeper", "/assets/USB-9999/photos", "x.png", picture); rec.Code != http.StatusNotFound {
		t.Errorf("of nothing: status %d", rec.Code)
	}
	if n := kept(); n != 3 {
		t.Errorf("%d files are kept after those of others", n)
	}
}

// TestCountedByAPicture: the label in a picture counts its thing once; a picture without
// one, of another company, or that is none, counts nothing and says so beside the field.
func TestCountedByAPicture(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	stock := w.post("admin", "/stocktakes/new", url.Values{"title": {"秋の棚卸"}, "due": {time.Now().AddDate(0, 0, 20).Format("2006-01-02")}})
	label := strings.TrimPrefix(stock, "/stocktakes/")
	totals := func() asset.StockTotals {
		t.Helper()
		v, err := w.parts.Stocks.Stock(t.Context(), access.System(), label)
		must(t, err)
		return v.Totals
	}
	ours := drawn(t, labelled(t, asset.StockCode(w.parts.BaseURL, "USB-0001")))
	for i, flash := range []string{"数えました", "すでに数えてあります"} {
		rec := w.send("keeper", stock+"/picture", "label.png", ours)
		if rec.Code != http.StatusSeeOther || totals().Found != 1 {
			t.Fatalf("picture %d: status %d, %+v\n%s", i, rec.Code, totals(), rec.Body)
		}
		shown := w.ask("keeper", "ja", stock, nil, func(r *http.Request) {
			for _, c := range rec.Result().Cookies() {
				r.AddCookie(c)
			}
		}).Body.String()
		has(t, "the press", shown, flash)
	}
	var photo bytes.Buffer
	must(t, jpeg.Encode(&photo, labelled(t, "usb-0002"), nil)) // the number alone, as some print it
	if rec := w.send("keeper", stock+"/picture", "IMG_0001.JPG", photo.Bytes()); rec.Code != http.StatusSeeOther || totals().Found != 2 {
		t.Errorf("a photo: status %d, %+v", rec.Code, totals())
	}
	var moving bytes.Buffer
	must(t, gif.Encode(&moving, labelled(t, "USB-0002"), nil))
	whole := labelled(t, "USB-0002")
	for name, bad := range map[string]struct {
		content []byte
		status  int
		says    string
	}{
		"nothing.png": {drawn(t, blank()), http.StatusUnprocessableEntity, "QRコードを読み取れませんでした"},
		"theirs.png":  {drawn(t, labelled(t, "https://other.example/assets/USB-0001")), http.StatusUnprocessableEntity, ""},
		"words.png":   {drawn(t, labelled(t, "javascript:alert(1)")), http.StatusUnprocessableEntity, ""},
		"moving.gif":  {moving.Bytes(), http.StatusUnprocessableEntity, "JPEGかPNG"},
		"torn.png":    {drawn(t, whole)[:200], http.StatusUnprocessableEntity, "JPEGかPNG"},
		"text.png":    {[]byte("USB-0001"), http.StatusUnprocessableEntity, "JPEGかPNG"},
		"wide.png":    {drawn(t, image.NewGray(image.Rect(0, 0, 30_000, 1_000))), http.StatusUnprocessableEntity, "大きすぎます"},
		"huge.png":    {append(bytes.Clone(ours), make([]byte, 12<<20)...), http.StatusUnprocessableEntity, "大きすぎます"},
	} {
		rec := w.send("keeper", stock+"/picture", name, bad.content)
		body := rec.Body.String()
		checkHTML(t, name, body)
		field := at(t, body, `id="seen-file"`, "</form>")
		if rec.Code != bad.status || !strings.Contains(field, `class="error"`) || !strings.Contains(field, bad.says) {
			t.Errorf("%s: status %d, %s", name, rec.Code, field)
		}
		hasNot(t, name, body, "javascript:alert")
	}
	if n := totals(); n.Found != 2 || n.Unknown != 0 || n.Outside != 0 {
		t.Errorf("after pictures that count nothing: %+v", n)
	}
	if rec := w.send("keeper", stock+"/picture", "label.png", drawn(t, labelled(t, "USB-7777"))); rec.Code != http.StatusSeeOther || totals().Unknown != 1 {
		t.Errorf("a number that the ledger does not know: status %d, %+v", rec.Code, totals())
	}
	if rec := w.send("auditor", stock+"/picture", "label.png", ours); rec.Code != http.StatusForbidden {
		t.Errorf("the auditor counts: status %d", rec.Code)
	}
	checkHTML(t, "counted", w.get("keeper", stock))
}

// TestErasedLoanAndCountStillOpen: after the retention the pages open, say what was erased
// and when, and hold nothing of who had what.
func TestErasedLoanAndCountStillOpen(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	loan := w.lent("USB-0001")
	w.post("keeper", "/loans/"+loan+"/back", url.Values{})
	w.post("admin", "/loans/"+loan+"/confirm", url.Values{"content": {"personal_data"}, "erased": {"overwritten"}, "note": {"名簿12件を確認"}})
	stock := w.post("admin", "/stocktakes/new", url.Values{"title": {"花子さんの席の棚卸"}, "due": {time.Now().AddDate(0, 0, 20).Format("2006-01-02")}})
	w.post("keeper", stock+"/seen", url.Values{"code": {"USB-0001"}, "place": {"健さんの机"}})
	w.post("admin", stock+"/note", url.Values{"number": {"USB-0002"}, "done": {"searching"}, "text": {"健さんが探しています"}})
	_, rest, _ := strings.Cut(w.get("admin", stock), `name="hash" value="`)
	hash, _, _ := strings.Cut(rest, `"`)
	w.post("admin", stock+"/finish", url.Values{"hash": {strings.ReplaceAll(hash, "&#43;", "+")}})
	readers := []string{"keeper", "manager", "auditor", "admin"}
	pages := []string{"/loans/" + loan, "/loans?only=all", "/assets/USB-0001", stock, "/stocktakes"}
	org, err := w.parts.People.Org(t.Context())
	must(t, err)
	private := []string{org.NameOf("per_hanako"), "客先で見積書を見せる", "名簿12件を確認", "花子さんの席の棚卸", "健さんの机", "健さんが探しています"}
	before := ""
	for _, path := range pages {
		before += w.get("admin", path)
	}
	for _, word := range private {
		if !strings.Contains(before, word) {
			t.Errorf("%q was on no page before", word)
		}
	}
	if n, err := w.parts.Assets.EraseExpired(t.Context(), access.System(), time.Nanosecond); err != nil || n.Loans != 1 || n.Stocks != 1 {
		t.Fatalf("erased %+v, %v", n, err)
	}
	for _, lang := range []string{"ja", "en"} {
		for _, who := range readers {
			for _, path := range pages {
				rec := w.ask(who, lang, path, nil)
				body := rec.Body.String()
				if rec.Code != http.StatusOK {
					t.Errorf("%s %s %s: status %d", who, lang, path, rec.Code)
					continue
				}
				checkHTML(t, who+" "+lang+" "+path, body)
				has(t, who+" "+lang+" "+path, body, map[string]string{"ja": "保存期間が過ぎたため", "en": "retention time"}[lang])
				hasNot(t, who+" "+lang+" "+path, body, append(private, "0001年", "January 1, 1")...)
				for _, to := range links(body) {
					if code := w.ask(who, lang, to, nil).Code; code != http.StatusOK && code != http.StatusSeeOther {
						t.Errorf("%s on %s is offered %s, which answers %d", who, path, to, code)
					}
				}
			}
		}
	}
	for _, path := range []string{"/loans/" + loan, stock} {
		has(t, path, w.get("manager", path), time.Now().In(w.parts.Zone).Format("2006年1月2日"), strings.TrimPrefix(strings.TrimPrefix(path, "/loans/"), "/stocktakes/"))
	}
	for _, end := range []string{".csv", ".json", ".note", ".pdf"} {
		if rec := w.ask("admin", "ja", stock+"/result"+end, nil); rec.Code != http.StatusNotFound {
			t.Errorf("the erased result%s: status %d", end, rec.Code)
		}
	}
}
