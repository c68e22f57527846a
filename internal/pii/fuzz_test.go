package pii

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

// seeds are texts near the borders of what is understood.
func seeds(t testing.TB) (out [][]byte) {
	for _, e := range codes() {
		out = append(out, encode(t, e, letter), encode(t, e, strings.ReplaceAll(members, "髙", "高")))
	}
	whole := append([]byte(nil), out[0]...)
	return append(out, whole[:len(whole)-1], whole[1:], bytes.Repeat([]byte{0}, 300), bytes.Repeat([]byte("0"), 5000), []byte("\x1B$B"),
		[]byte("\xFF\xFE"), []byte("氏名,電話\n\"a\"\"b,\n"), []byte(strings.Repeat("1-", 4000)), []byte("@@@@.@."), []byte("氏名:\x82"),
		[]byte("マイナンバー 9832‐0567-3214 +81(0)90-3581-9274"), []byte(strings.Repeat("あ", 3000)+"様"))
}

// No bytes, however wrong, make the detectors fail, and all ways of reading them find the same.
func FuzzScan(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	fast, plain := testDetector(f, Options{Samples: true}), testDetector(f, Options{Samples: true, Plain: true})
	f.Fuzz(func(t *testing.T, text []byte) {
		want := fmt.Sprintf("%+v", scan(t, fast, text))
		if got := fmt.Sprintf("%+v", scan(t, plain, text)); got != want {
			t.Fatalf("without shuffles:\n%s\nwith:\n%s", got, want)
		}
		r, err := fast.Scan(t.Context(), iotest.HalfReader(bytes.NewReader(text)), Hint{})
		if got := fmt.Sprintf("%+v", r); err != nil || got != want {
			t.Fatalf("in halves: %v\n%s\nwhole:\n%s", err, got, want)
		}
		for _, x := range r.Findings {
			if x.Kind == MyNumber && strings.ContainsAny(x.Masked, "0123456789") {
				t.Fatalf("masked: %q", x.Masked)
			}
		}
	})
}

// What holds for every number holds for every validator.
func FuzzValidators(f *testing.F) {
	for _, d := range []string{"983205673214", "7000012050002", "302600000600", "06130140", "4111111111111111", "09035819274", ""} {
		f.Add(d)
	}
	facts := testFacts(f)
	f.Fuzz(func(t *testing.T, s string) {
		d := strings.Map(func(r rune) rune {
			if isDigit(r) {
				return r
			}
			return -1
		}, s)
		ok := [...]bool{validMyNumber(d), validCorporate(d), validLicence(d, &facts.licences), validInsurer(d), facts.validCard(d)}
		for n, is := range ok {
			if !is || n == 2 { // the last digit of a licence is no part of its check
				continue
			}
			last := d[len(d)-1]
			other := d[:len(d)-1] + string('0'+(last-'0'+1)%10)
			if n == 1 && last == '8' || n == 1 && last == '9' {
				continue // 0 and 9 are the same to modulo 9
			}
			again := [...]bool{validMyNumber(other), validCorporate(other), false, validInsurer(other), facts.validCard(other)}
			if again[n] {
				t.Fatalf("validator %d takes %s and %s", n, d, other)
			}
		}
		_, _ = validPhone(d)
		_ = validZone([]byte(s))
		_ = validHost(s)
	})
}

// The rows of a table are cut as the standard library cuts them, where it can.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"a,b\n", "\"a\nb\",c\r\nd", "\"a\"\"b\",\"\"\n", ",,\n", "\"a", "a\"b,c\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cells, n, _ := split([]byte(s), ',', nil)
		if n > len(s) || len(s) > 0 && n == 0 {
			t.Fatalf("%d of %d bytes", n, len(s))
		}
		if strings.ContainsRune(s, '\r') || strings.HasPrefix(s, "\n") {
			return
		}
		want, err := csv.NewReader(strings.NewReader(s)).Read()
		if err != nil {
			return
		}
		if got := fmt.Sprintf("%q", cells); got != fmt.Sprintf("%q", want) {
			t.Fatalf("%s, want %q", got, want)
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add("氏名\x00電話\x00長谷川 美咲\x00090-3581-9274", 2, "A1")
	f.Add("a\x00b\x00c", 1, "ZZZZZZZZZ9")
	d := testDetector(f, Options{})
	f.Fuzz(func(t *testing.T, s string, width int, cell string) {
		s2 := d.Open()
		rows := s2.Table("t")
		cells := strings.Split(s, "\x00")
		for i := 0; i < len(cells) && width > 0; i += width {
			rows.Row(cells[i:min(i+width, len(cells))], Place{Line: i, Cell: cell})
		}
		_ = s2.Result()
	})
}
