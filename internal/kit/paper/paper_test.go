package paper_test

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/kit/paper"
	"sekimori/internal/kit/qr"
	"sekimori/internal/testkit/poppler"
)

// font is unpacked once for all tests.
var font = sync.OnceValues(paper.LoadFont)

func loaded(t testing.TB) *paper.Font {
	t.Helper()
	f, err := font()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func finished(t testing.TB, d *paper.Doc) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bare drops all blanks: where a program that reads a PDF puts them is its own affair.
func bare(s string) string { return strings.Join(strings.Fields(s), "") }

const running = "個人データを取り扱う区域では、「媒体を持ち出す者」は、事前に所属長の承認を得なければならない。ただし、緊急の場合はこの限りでない(第12条第3項)。" +
	"ＵＳＢメモリー(32 GB)を、https://sekimori.example.co.jp/assets/USB-2026-0001 の台帳に登録し……貸出期間は2026年11月23日～30日とする。"

func TestNothingIsLostOnPages(t *testing.T) {
	t.Parallel()
	d, err := paper.New(loaded(t), paper.Options{Title: "棚卸", Header: "株式会社青葉商会 棚卸結果", Created: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	d.Heading(1, "棚卸結果 STK-2026-0001")
	d.Pairs([][2]string{{"題名", "二〇二六年度の棚卸"}, {"数えた人", "髙橋 恵、森 和子"}})
	for range 30 {
		d.Text(running)
	}
	text := poppler.Text(t, finished(t, d))
	pages := strings.Split(strings.TrimSuffix(text, "\f"), "\f")
	if len(pages) < 3 {
		t.Fatalf("%d pages", len(pages))
	}
	whole := ""
	for i, p := range pages {
		b := bare(p)
		head, foot := bare("株式会社青葉商会 棚卸結果"), fmt.Sprintf("%d/%d", i+1, len(pages))
		if !strings.HasPrefix(b, head) || !strings.HasSuffix(b, foot) {
			t.Errorf("page %d begins %q and ends %q", i+1, b[:30], b[len(b)-30:])
		}
		whole += strings.TrimSuffix(strings.TrimPrefix(b, head), foot)
	}
	want := bare("棚卸結果 STK-2026-0001 題名 二〇二六年度の棚卸 数えた人 髙橋 恵、森 和子" + strings.Repeat(running, 30))
	if whole != want {
		t.Errorf("the pages say\n%.400s\nwant\n%.400s", whole, want)
	}
	if len(d.Missing()) != 0 {
		t.Errorf("missing %q", string(d.Missing()))
	}
}

func TestMissingGlyphs(t *testing.T) {
	t.Parallel()
	d, err := paper.New(loaded(t), paper.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.Text("𠮷田 翔 🚨 𠮷野 か\u3099ほ\u309a 葛\U000e0100城 a\u200bb \x00\x1b\r\n改行")
	pdf := finished(t, d)
	if string(d.Missing()) != "𠮷🚨" {
		t.Errorf("missing %q", string(d.Missing()))
	}
	if got := bare(poppler.Text(t, pdf)); got != bare("〓田翔〓〓野がぽ葛城ab改行1/1") {
		t.Errorf("printed %q", got)
	}
}

func TestTableRepeatsItsHead(t *testing.T) {
	t.Parallel()
	d, err := paper.New(loaded(t), paper.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := func(n int) iter.Seq[[]string] {
		return func(yield func([]string) bool) {
			for i := range n {
				place := "本社 3階 書庫"
				if i == 5 {
					place = strings.Repeat("とても長い場所の名前、", 300) // more than a page
				}
				if !yield([]string{fmt.Sprintf("USB-2026-%04d", i), place, fmt.Sprint(i * 1000)}) {
					return
				}
			}
		}
	}
	d.Table(paper.Table{Columns: []paper.Column{{Head: "番号", Width: 3}, {Head: "保管場所", Width: 4}, {Head: "容量", Width: 2, Right: true}}, Rows: rows(200)})
	text := poppler.Text(t, finished(t, d))
	pages := strings.Split(strings.TrimSuffix(text, "\f"), "\f")
	for i, p := range pages {
		if !strings.HasPrefix(bare(p), "番号保管場所容量") {
			t.Errorf("page %d begins %.60q", i+1, bare(p))
		}
	}
	for i := range 200 {
		if n := strings.Count(text, fmt.Sprintf("USB-2026-%04d", i)); n != 1 {
			t.Errorf("row %d stands there %d times", i, n)
		}
	}
	if n := strings.Count(bare(text), "とても長い場所の名前、") + strings.Count(bare(text), "番号保管場所容量"); n < 290 {
		t.Errorf("the long cell was cut: %d", n)
	}
}

func TestEnglishWordsStayWhole(t *testing.T) {
	t.Parallel()
	d, err := paper.New(loaded(t), paper.Options{})
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Repeat("The keeper confirmed where everything was found. ", 20)
	d.Text(words)
	text := poppler.Text(t, finished(t, d))
	for _, w := range strings.Fields(words) {
		if !slices.Contains(strings.Fields(text), w) {
			t.Errorf("%q was torn", w)
		}
	}
}

func label(i int) paper.Label {
	n := fmt.Sprintf("USB-2026-%04d", i)
	return paper.Label{Code: "https://sekimori.example.co.jp/assets/" + n, Number: n, Kind: "USBメモリー", Owner: "株式会社青葉商会",
		Found: "拾われた方は、お手数ですが 03-0000-0000 までご連絡ください。"}
}

// TestLabelsAreReadWhereTheyBelong cuts each label out of the drawn page, as a hand would
// peel it off, and reads it.
func TestLabelsAreReadWhereTheyBelong(t *testing.T) {
	t.Parallel()
	poppler.Need(t)
	all, err := paper.Sheets()
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	for _, s := range all {
		t.Run(s.ID, func(t *testing.T) {
			t.Parallel()
			start := s.Columns + 1 // the second row's second label is the first one left
			var labels []paper.Label
			for i := range s.Labels() {
				labels = append(labels, label(i))
			}
			var b bytes.Buffer
			missing, err := paper.Labels(&b, loaded(t), s, labels, paper.Print{Start: start})
			if err != nil || len(missing) != 0 {
				t.Fatalf("%q, %v", string(missing), err)
			}
			text := bare(poppler.Text(t, b.Bytes()))
			const dpi = 250
			for page := range 2 {
				img := poppler.Page(t, b.Bytes(), page+1, dpi)
				for at := range s.Labels() {
					want := page*s.Labels() + at - start
					got, err := qr.Find(cut(img, s, at, dpi))
					switch {
					case want < 0 || want >= len(labels):
						if err == nil {
							t.Errorf("page %d, label %d is %q and should be empty", page+1, at, got)
						}
					case got != labels[want].Code:
						t.Errorf("page %d, label %d is %q (%v), want %q", page+1, at, got, err, labels[want].Code)
					case strings.Count(text, labels[want].Number) != 1:
						t.Errorf("%s is not printed in letters", labels[want].Number)
					}
				}
			}
			if n := strings.Count(text, "株式会社青葉商会"); n != s.Labels() {
				t.Errorf("the company stands on %d of %d", n, s.Labels())
			}
		})
	}
}

func cut(img image.Image, s paper.Sheet, at int, dpi float64) image.Image {
	mm := func(v float64) int { return int(v * dpi / 25.4) }
	x, y := s.Left+float64(at%s.Columns)*s.StepX, s.Top+float64(at/s.Columns)*s.StepY
	from := image.Rect(mm(x), mm(y), mm(x+s.Width), mm(y+s.Height))
	out := image.NewGray(image.Rect(0, 0, from.Dx(), from.Dy()))
	draw.Draw(out, out.Rect, img, from.Min, draw.Src)
	return out
}

func TestSheetsFitThePaper(t *testing.T) {
	t.Parallel()
	all, err := paper.Sheets()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range all {
		right := s.Left + float64(s.Columns-1)*s.StepX + s.Width
		bottom := s.Top + float64(s.Rows-1)*s.StepY + s.Height
		if seen[s.ID] || s.Source == "" || len(s.SoldAs) == 0 || s.StepX < s.Width || s.StepY < s.Height {
			t.Errorf("%s: not whole", s.ID)
		}
		// The same margin on both sides, within the tolerance of what is published.
		if d := 210 - right - s.Left; d < -1 || d > 1 {
			t.Errorf("%s: %.1f mm left over at the right", s.ID, d)
		}
		if d := 297 - bottom - s.Top; d < -1 || d > 1 {
			t.Errorf("%s: %.1f mm left over at the bottom", s.ID, d)
		}
		if got, ok, err := paper.SheetOf(s.ID); err != nil || !ok || got.Labels() != s.Columns*s.Rows {
			t.Errorf("%s: %v, %v, %v", s.ID, got, ok, err)
		}
		seen[s.ID] = true
	}
	if _, ok, err := paper.SheetOf("a4-1"); ok || err != nil {
		t.Error("a sheet that is not there:", ok, err)
	}
}

func TestLabelsOutOfBounds(t *testing.T) {
	t.Parallel()
	s, _, err := paper.SheetOf("a4-24")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		labels int
		how    paper.Print
	}{
		"none":            {0, paper.Print{}},
		"too many":        {paper.MaxLabels + 1, paper.Print{}},
		"starts after":    {1, paper.Print{Start: 24}},
		"starts before":   {1, paper.Print{Start: -1}},
		"shifted too far": {1, paper.Print{ShiftY: -paper.MaxShift - 1}},
	} {
		if _, err := paper.Labels(&bytes.Buffer{}, loaded(t), s, make([]paper.Label, c.labels), c.how); err == nil {
			t.Errorf("%s: printed", name)
		}
	}
}

// TestLongNumberIsSetSmaller: the number is the key people use; it is never cut.
func TestLongNumberIsSetSmaller(t *testing.T) {
	t.Parallel()
	s, _, err := paper.SheetOf("a4-65")
	if err != nil {
		t.Fatal(err)
	}
	l := label(1)
	l.Number = strings.Repeat("W", 40)
	var b bytes.Buffer
	if _, err := paper.Labels(&b, loaded(t), s, []paper.Label{l}, paper.Print{Outline: true}); err != nil {
		t.Fatal(err)
	}
	if text := bare(poppler.Text(t, b.Bytes())); !strings.Contains(text, l.Number) {
		t.Errorf("printed %q", text)
	}
}
