package paper_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sekimori/internal/kit/paper"
	"sekimori/internal/kit/qr"
	"sekimori/internal/testkit/poppler"
)

func notice() paper.Poster {
	return paper.Poster{
		Title: "おかしいと思ったら、すぐに", Lines: []string{"スマートフォンで読み取って、報告してください。", "名前は書かなくてもかまいません。", "急ぐときは電話してください。"},
		Code: "https://sekimori.example.co.jp/report", Address: "https://sekimori.example.co.jp/report", Caption: "アプリもログインも要りません",
		Calls: []paper.Call{{Role: "個人情報保護管理者", Number: "03-0000-0002"}, {Role: "情報システム管理者", Number: "03-0000-0003"}}, Owner: "株式会社青葉商会",
	}
}

func info() paper.Options {
	return paper.Options{Title: "掲示", Created: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
}

func saysAll(t *testing.T, text string, o paper.Poster, times int) {
	t.Helper()
	text = bare(text)
	want := append([]string{o.Title, o.Address, o.Owner}, o.Lines...)
	for _, c := range o.Calls {
		want = append(want, c.Role, c.Number)
	}
	for _, w := range want {
		if r := []rune(w); times > 1 && len(r) > 14 { // may be on two lines, beside those of the next card
			w = string(r[:12])
		}
		if n := strings.Count(text, bare(w)); n != times {
			t.Errorf("%q stands there %d times, want %d", w, n, times)
		}
	}
}

func TestPosterIsRead(t *testing.T) {
	t.Parallel()
	poppler.Need(t)
	var b bytes.Buffer
	missing, err := paper.WritePoster(&b, loaded(t), notice(), info())
	if err != nil || len(missing) > 0 {
		t.Fatalf("%v, missing %q", err, string(missing))
	}
	text := poppler.Text(t, b.Bytes())
	if n := strings.Count(text, "\f"); n != 1 {
		t.Errorf("%d pages", n)
	}
	saysAll(t, text, notice(), 1)
	if got, err := qr.Find(poppler.Page(t, b.Bytes(), 1, 100)); err != nil || got != notice().Code {
		t.Errorf("the code says %q, %v", got, err)
	}
}

func TestCardsAreRead(t *testing.T) {
	t.Parallel()
	sheet, ok, err := paper.SheetOf("a4-10")
	if !ok || err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if missing, err := paper.WriteCards(&b, loaded(t), notice(), sheet, info()); err != nil || len(missing) > 0 {
		t.Fatalf("%v, missing %q", err, string(missing))
	}
	o := notice()
	o.Caption = ""
	saysAll(t, poppler.Text(t, b.Bytes()), o, 10)
	const dpi = 200
	drawn := poppler.Page(t, b.Bytes(), 1, dpi)
	for n := range sheet.Labels() {
		got, err := qr.Find(cut(drawn, sheet, n, dpi))
		if err != nil || got != o.Code {
			t.Errorf("card %d says %q, %v", n, got, err)
		}
	}
}

// A long title, many words and no telephone: all of it stays on its page.
func TestPosterOfLongWords(t *testing.T) {
	t.Parallel()
	o := notice()
	o.Title, o.Owner = strings.Repeat("とても長い見出しの言葉", 5), strings.Repeat("長い名前の会社", 10)
	o.Calls = nil
	var b bytes.Buffer
	if _, err := paper.WritePoster(&b, loaded(t), o, info()); err != nil {
		t.Fatal(err)
	}
	saysAll(t, poppler.Text(t, b.Bytes()), o, 1)
	o.Code = strings.Repeat("長", 5000)
	if _, err := paper.WritePoster(&b, loaded(t), o, info()); err == nil {
		t.Error("a code that cannot be was drawn")
	}
}
