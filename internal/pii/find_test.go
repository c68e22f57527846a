package pii

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

func testDetector(t testing.TB, o Options) *Detector {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func scan(t testing.TB, d *Detector, text []byte) Result {
	t.Helper()
	r, err := d.Scan(t.Context(), bytes.NewReader(text), Hint{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// kinds writes what was found for comparison: kind and confidence, in the order of the kinds.
func kinds(r Result) string {
	var out []string
	for _, k := range Kinds() {
		c := r.Counts[k]
		for n, name := range []string{"certain", "likely", "possible"} {
			if v := []int{c.Certain, c.Likely, c.Possible}[n]; v > 0 {
				out = append(out, fmt.Sprintf("%s %s %d", k, name, v))
			}
		}
	}
	return strings.Join(out, ", ")
}

func TestFinds(t *testing.T) {
	d := testDetector(t, Options{})
	for _, c := range []struct{ text, want string }{
		{"マイナンバーは 9832-0567-3214 です", "my_number certain 1"},
		{"個人番号:983205673214", "my_number certain 1"},
		{"個人番号:983205673210", ""},
		{"983205673214", ""},
		{"注文番号 983205673214 (マイナンバーではない)", ""},
		{"法人番号 7000012050002 マイナンバー", ""},
		{"my_number=983205673214", "my_number certain 1"},
		{"運転免許証番号 302600000600", "driver_licence certain 1"},
		{"免許 302600000601 を見た", "driver_licence certain 1"},
		{"旅券番号 TR7654321", "passport certain 1"},
		{"品番 TR7654321", ""},
		{"P<JPNMIHON<<TARO\nTR12345672JPN0001018M2501017<<<<<<<<<<<<<<08\n", ""}, // the sample of the issuer
		{"在留カード番号 UH87654321ER", "residence_card certain 1"},
		{"番号 UH87654321ER", "residence_card possible 1"},
		{"基礎年金番号 5921-730418", "pension certain 1"},
		{"5921-730418", ""},
		{"保険者番号 06130140", "health_insurance certain 1"},
		{"保険者番号 06130141", ""},
		{"ゆうちょ銀行 記号 14380 番号 27364951", ""},
		{"ゆうちょ銀行 記号番号 14380-27364951", "yucho certain 1"},
		{"三井普通口座 2736495", "bank_account certain 1"},
		{"案件 2736495", ""},
		{"カード番号 4539578763621486", "payment_card certain 1"},
		{"4539-5787-6362-1486", "payment_card likely 1"},
		{"4539578763621486", "payment_card possible 1"},
		{"4539-5787-6362-1487", ""},
		{"電話 03-3581-9274", "phone certain 1"},
		{"03-3581-9274", "phone likely 1"},
		{"TEL:03(3581)9274", "phone certain 1"},
		{"+81-90-3581-9274", "phone likely 1"},
		{"+81 3 3581 9274", "phone likely 1"},
		{"09035819274", "phone likely 1"},
		{"060-3581-9274", "phone likely 1"},
		{"0335819274", ""},
		{"0120-358-927", ""},
		{"品番 012-358-9274", ""},
		{"1-03-3581-9274", ""},
		{"09012345678", ""},
		{"192.168.010.001 2026-11-23 13:40:46.123456", ""},
		{"メール taro.k@kaisha-a.co.jp", "mail certain 1"},
		{"<taro.k@kaisha-a.co.jp>", "mail likely 1"},
		{"user@example.com", ""},
		{"icon@2x.png", ""},
		{"info@kaisha-a.co.jp", "mail possible 1"},
		{"東京都港区芝浦4-12-38", "address likely 1"},
		{"住所:東京都港区芝浦4丁目12番38号", "address certain 1"},
		{"〒108-0023 東京都港区芝浦4-12-38", "address certain 1"},
		{"三重県四日市市諏訪町1番5号", "address likely 1"},
		{"東京都は広い", ""},
		{"住所 四日市市諏訪町1番5号", "address certain 1"},
		{"氏名:長谷川 美咲", "name certain 1"},
		{"長谷川様", "name likely 1"},
		{"長谷川 美咲 殿", "name likely 1"},
		{"仕様 同様 皆様 お客様", ""},
		{"フリガナ ハセガワ ミサキ", "name likely 1"},
		{"生年月日 昭和50年4月1日", "birth_date certain 1"},
		{"1975年4月1日生", "birth_date certain 1"},
		{"更新日 1975年4月1日", ""},
		{"date_of_birth: 1975-04-01", "birth_date certain 1"},
		{`{"name":"\u9577\u8c37\u5ddd \u7f8e\u54b2","tel":"0335819274"}`, "phone certain 1, name certain 1"},
	} {
		if got := kinds(scan(t, d, []byte(c.text))); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

// codes are the encodings of the tests.
func codes() map[Encoding]encoding.Encoding {
	return map[Encoding]encoding.Encoding{UTF8: encoding.Nop, ShiftJIS: japanese.ShiftJIS, EUCJP: japanese.EUCJP, ISO2022JP: japanese.ISO2022JP,
		UTF16LE: unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), UTF16BE: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}
}

func encode(t testing.TB, e encoding.Encoding, s string) []byte {
	t.Helper()
	b, err := e.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const letter = `拝啓 時下ますますご清栄のこととお喜び申し上げます。
会員の長谷川 美咲 様より、次の届けがありました。
住所:東京都港区芝浦4丁目12番38号
電話:090-3581-9274
マイナンバー:983205673214
生年月日:昭和50年4月1日
敬具
`

const members = `会員名簿(令和8年)
会員番号,氏名,フリガナ,郵便番号,住所,電話番号,メールアドレス,備考
1001,長谷川 美咲,ハセガワ ミサキ,108-0023,東京都港区芝浦4丁目12番38号,090-3581-9274,misaki@kaisha-a.co.jp,
1002,"渡邉 健一","ワタナベ ケンイチ",530-0001,"大阪府大阪市北区梅田3-1-3
梅田ビル901",06-6372-8815,kenichi@kaisha-b.co.jp,"連絡は 080-6372-8815 へ"
1003,髙橋 由美,タカハシ ユミ,,,,,退会
,,,,,,,
`

func TestFindsInEveryEncoding(t *testing.T) {
	d := testDetector(t, Options{Salt: []byte("salt")})
	for name, e := range codes() {
		text, table := letter, members
		if name == EUCJP || name == ISO2022JP { // they have no such character
			table = strings.ReplaceAll(table, "髙", "高")
		}
		r := scan(t, d, encode(t, e, text))
		if got, want := kinds(r), "my_number certain 1, phone certain 1, address certain 1, name likely 1, birth_date certain 1"; got != want {
			t.Errorf("%s: the letter has %q, want %q", name, got, want)
		}
		if !slices.Contains(r.Encodings, name) || r.People != 1 || r.CountedBy != ByIdentifiers {
			t.Errorf("%s: the letter is in %v and of %d people by %q", name, r.Encodings, r.People, r.CountedBy)
		}
		r = scan(t, d, encode(t, e, table))
		if got, want := kinds(r), "phone certain 2, phone likely 1, mail certain 2, address certain 2, name certain 6"; got != want {
			t.Errorf("%s: the list has %q, want %q", name, got, want)
		}
		if r.People != 3 || r.CountedBy != ByRows {
			t.Errorf("%s: the list is of %d people by %q", name, r.People, r.CountedBy)
		}
	}
}

func TestNoValueLeaves(t *testing.T) {
	d := testDetector(t, Options{})
	r := scan(t, d, []byte(letter+members))
	out := fmt.Sprintf("%+v", r)
	for _, secret := range []string{"983205673214", "9274", "長谷川", "美咲", "misaki", "芝浦", "1975"} {
		if secret == "9274" {
			continue // the last four of a telephone number are readable
		}
		if strings.Contains(out, secret) {
			t.Errorf("%q is in the result", secret)
		}
	}
	for _, f := range r.Findings {
		if len(f.Hash) != 16 || f.Masked == "" || f.Place.Line == 0 {
			t.Errorf("finding %+v", f)
		}
	}
}

// However a text arrives, the same is found in it.
func TestArrivalDoesNotMatter(t *testing.T) {
	d := testDetector(t, Options{Keep: 1 << 20})
	text := []byte(strings.Repeat(letter, 40) + members)
	want := fmt.Sprintf("%+v", scan(t, d, text))
	for i := 0; i < len(text); i += 97 {
		r, err := d.Scan(t.Context(), io.MultiReader(bytes.NewReader(text[:i]), bytes.NewReader(text[i:])), Hint{})
		if got := fmt.Sprintf("%+v", r); err != nil || got != want {
			t.Fatalf("cut at %d: %v\n%s\n%s", i, err, got, want)
		}
	}
	r, err := d.Scan(t.Context(), iotest.OneByteReader(bytes.NewReader(text)), Hint{})
	if got := fmt.Sprintf("%+v", r); err != nil || got != want {
		t.Fatalf("byte by byte: %v", err)
	}
}

// Wherever the borders of windows and strips fall, nothing is lost and nothing is found twice.
func TestBordersDoNotMatter(t *testing.T) {
	d := testDetector(t, Options{})
	for name, e := range codes() {
		if name == UTF16LE || name == UTF16BE || name == ISO2022JP {
			continue
		}
		text := encode(t, e, letter)
		for _, at := range []int{strip, window, window - ahead} {
			for shift := range len(text) + 2 {
				if shift%3 != 0 && name != ShiftJIS {
					continue
				}
				pad := bytes.Repeat([]byte("some words of no meaning, again and again, to fill it\n"), at/54+1)[:at-shift]
				pad[len(pad)-1] = '\n'
				r := scan(t, d, append(pad, text...))
				if got, want := kinds(r), "my_number certain 1, phone certain 1, address certain 1, name likely 1, birth_date certain 1"; got != want {
					t.Fatalf("%s, %d before %d: %q", name, shift, at, got)
				}
			}
		}
	}
}

// A line without end is read in pieces.
func TestEndlessLine(t *testing.T) {
	d := testDetector(t, Options{Keep: 1})
	one := " 氏名:長谷川 美咲 電話:090-3581-9274 " + strings.Repeat("とても長い行が続くだけの文章である", 60)
	const n = 300
	r := scan(t, d, []byte(strings.Repeat(one, n)))
	if got, want := kinds(r), fmt.Sprintf("phone certain %d, name certain %d", n, n); got != want || r.People != 1 {
		t.Errorf("%s of %d people, want %s", got, r.People, want)
	}
	if len(r.Findings) != 1 || r.Left != 2*n-1 {
		t.Errorf("%d findings kept, %d left", len(r.Findings), r.Left)
	}
}

// A number is found at any place of a long row of numbers.
func TestLongChain(t *testing.T) {
	d := testDetector(t, Options{})
	for n := range 80 {
		text := strings.Repeat("12 ", n) + "090-3581-9274" + strings.Repeat(" 3456", 40)
		if got := kinds(scan(t, d, []byte(text))); got != "phone likely 1" {
			t.Errorf("behind %d numbers: %q", n, got)
		}
	}
}

func TestSamplesAndOwnMail(t *testing.T) {
	text := []byte("マイナンバー 123456789018 電話 03-1234-5678 mail a@example.com, b@mail.kaisha-a.co.jp")
	d := testDetector(t, Options{OwnDomains: []string{"kaisha-a.co.jp"}})
	if got := kinds(scan(t, d, text)); got != "" {
		t.Errorf("samples: %s", got)
	}
	d = testDetector(t, Options{Samples: true})
	zone := []byte("P<JPNMIHON<<TARO\nTR12345672JPN0001018M2501017<<<<<<<<<<<<<<08\n")
	if got := kinds(scan(t, d, zone)); got != "passport certain 1" {
		t.Errorf("a passport's zone: %q", got)
	}
	if got, want := kinds(scan(t, d, text)), "my_number certain 1, phone certain 1, mail certain 2"; got != want {
		t.Errorf("with samples: %s, want %s", got, want)
	}
}

func TestRowsOfDocuments(t *testing.T) {
	d := testDetector(t, Options{})
	s := d.Open()
	sheet := s.Table("Sheet1")
	sheet.Row([]string{"社員一覧"}, Place{Line: 1, Cell: "A1"})
	sheet.Row([]string{"No", "氏名", "電話"}, Place{Line: 2, Cell: "A2"})
	for i := range 3 {
		sheet.Row([]string{"1", "長谷川 美咲", fmt.Sprintf("090-3581-927%d", i)}, Place{Line: 3 + i, Cell: fmt.Sprintf("A%d", 3+i)})
	}
	sheet.Row([]string{"4", "長谷川 美咲", "9035819270"}, Place{Line: 6, Cell: "A6"})
	if err := s.Text(context.Background(), "note", strings.NewReader("電話 090-3581-9270 と 090-7781-3321"), Hint{Prose: true}); err != nil {
		t.Fatal(err)
	}
	r := s.Result()
	if got, want := kinds(r), "phone certain 5, phone likely 1, name certain 4"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if r.People != 4 || r.CountedBy != ByBoth {
		t.Errorf("%d people by %s, want three of the table and one of the text", r.People, r.CountedBy)
	}
	if f := r.Findings[1]; f.Place.Cell != "C3" || f.Place.Part != "Sheet1" || f.Place.Line != 3 {
		t.Errorf("place %+v", f.Place)
	}
}

func TestSketch(t *testing.T) {
	s := testDetector(t, Options{}).Open()
	var k sketch
	for i := range 100_000 {
		k.add(s.hash(Name, fmt.Sprint(i)))
		k.add(s.hash(Name, fmt.Sprint(i/2)))
		if i == 5000 && k.count() != 5001 {
			t.Errorf("%d, want 5001", k.count())
		}
	}
	if n := k.count(); n < 96_000 || n > 104_000 {
		t.Errorf("about %d, want 100000", n)
	}
}
