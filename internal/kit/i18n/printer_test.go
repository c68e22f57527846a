package i18n

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/kit/fault"
)

// made is a small catalogue whose texts the tests may rely on.
func made(t testing.TB) *Catalogue {
	t.Helper()
	c, err := LoadFS(fstest.MapFS{
		"a.ja.json": {Data: []byte(`{"m.sent":"{number}を送りました","m.n":"{n}件"}`)},
		"a.en.json": {Data: []byte(`{"m.sent":"Sent {number}, again {number}","m.n":{"one":"{n} report","other":"{n} reports"}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestT(t *testing.T) {
	t.Parallel()
	c := made(t)
	ja, en := c.Printer(JA), c.Printer(EN)
	var absent *time.Location // a nil Stringer must not break a page
	for _, tc := range []struct{ got, want string }{
		{ja.T("m.sent", "number", "INC-1"), "INC-1を送りました"},
		{en.T("m.sent", "number", "INC-1"), "Sent INC-1, again INC-1"},
		{en.T("m.sent", "other", "x", "number", time.UTC), "Sent UTC, again UTC"},
		{en.T("m.n", "n", 1), "1 report"},
		{en.T("m.n", "n", int64(2)), "2 reports"},
		{en.T("m.n", "n", 0), "0 reports"},
		{en.T("m.n", "n", "1"), "1 report"},
		{ja.T("m.n", "n", 1), "1件"},
		{en.TA("m.n", map[string]string{"n": "1"}), "1 report"},
		{ja.T("m.sent"), "⟦number⟧を送りました"},
		{ja.T("m.sent", "number"), "⟦number⟧を送りました"},
		{ja.T("m.sent", 7, "x", "number", "{n}"), "{n}を送りました"},
		{ja.T("m.unknown"), "⟦m.unknown⟧"},
		{ja.TA("m.unknown", nil), "⟦m.unknown⟧"},
		{Printer{}.T("m.sent"), "⟦m.sent⟧"},
		{c.Printer("fr").T("m.n", "n", 3), "3件"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
	if got := en.T("m.sent", "number", absent); strings.Contains(got, "⟦") {
		t.Errorf("nil Stringer: %q", got)
	}
	if !ja.Has("m.n") || ja.Has("m.unknown") || (Printer{}).Has("m.n") {
		t.Error("Has is wrong")
	}
	if en.Lang() != EN || c.Printer("fr").Lang() != JA {
		t.Error("Lang is wrong")
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	c := load(t)
	at := time.Date(2026, 11, 22, 5, 5, 0, 0, time.UTC) // 14:05 in Japan
	ja, en := c.Printer(JA), c.PrinterIn(EN, time.FixedZone("JST", 9*3600))
	for _, tc := range []struct{ got, want string }{
		{ja.Date(at), "2026年11月22日(日)"},
		{en.Date(at), "Sun, 22 Nov 2026"},
		{ja.DateTime(at), "2026年11月22日(日) 14:05"},
		{en.DateTime(at), "Sun, 22 Nov 2026, 14:05"},
		{ja.Clock(at), "14:05"},
		{c.PrinterIn(JA, time.UTC).DateTime(at), "2026年11月22日(日) 05:05"},
		// 15:00 UTC is already the next day in Japan.
		{ja.Date(time.Date(2026, 12, 31, 15, 0, 0, 0, time.UTC)), "2027年1月1日(金)"},
		{ja.Date(time.Time{}), "分かりません"},
		{ja.DateTime(time.Time{}), "分かりません"},
		{en.DateTime(time.Time{}), "Unknown"},
		{en.Clock(time.Time{}), "Unknown"},
		{Printer{}.Clock(at), "05:05"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, tc := range []struct {
		d      time.Duration
		ja, en string
	}{
		{3 * time.Minute, "3分", "3 min"},
		{59*time.Minute + 59*time.Second, "59分", "59 min"},
		{time.Hour, "1時間", "1 h"},
		{2*time.Hour + 5*time.Minute, "2時間5分", "2 h 5 min"},
		{24 * time.Hour, "1日", "1 day"},
		{95 * time.Hour, "3日", "3 days"},
		{59 * time.Second, "1分未満", "less than 1 min"},
		{-time.Hour, "1分未満", "less than 1 min"},
	} {
		if got := c.Printer(JA).Ago(tc.d); got != tc.ja {
			t.Errorf("%v: got %q, want %q", tc.d, got, tc.ja)
		}
		if got := c.Printer(EN).Ago(tc.d); got != tc.en {
			t.Errorf("%v: got %q, want %q", tc.d, got, tc.en)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	p := load(t).Printer(JA)
	for _, tc := range []struct{ got, want string }{
		{p.Bytes(0), "0 B"}, {p.Bytes(1023), "1023 B"}, {p.Bytes(1024), "1 KB"}, {p.Bytes(1536), "1.5 KB"},
		{p.Bytes(1<<20 - 1), "1 MB"}, {p.Bytes(10 << 20), "10 MB"}, {p.Bytes(3 << 30), "3 GB"},
		{p.Bytes(-2048), "-2 KB"}, {p.Bytes(math.MaxInt64), "8388608 TB"}, {p.Bytes(math.MinInt64), "-8388608 TB"},
		{p.Count(0), "0"}, {p.Count(999), "999"}, {p.Count(1000), "1,000"}, {p.Count(1234567), "1,234,567"},
		{p.Count(-100), "-100"}, {p.Count(-1234), "-1,234"},
		{p.Name("佐藤", "花子"), "佐藤 花子"}, {p.Name("佐藤", ""), "佐藤"}, {p.Name("", "花子"), "花子"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	p := load(t).Printer(EN)
	var check fault.Check
	check.Add("summary", "fault.too_long", fault.Args{"max": "2000"})
	check.Add("found_at", "fault.in_future", nil)
	check.Add("found_at", "fault.after_discovery", nil)
	for _, tc := range []struct {
		name   string
		err    error
		whole  string // part of the text
		fields map[string]string
	}{
		{"nil", nil, "", nil},
		{"no fault", errors.New("disk on fire"), "on our side", nil},
		{"wrapped", fmt.Errorf("report: %w", fault.Missing("incident")), "could not find", nil},
		{"fields", check.Err(), "check what you entered", map[string]string{
			"summary":  "This is too long. Please keep it within 2,000 characters.",
			"found_at": "This lies in the future. Please give a time up to now.",
		}},
		{"permission", fault.Deny("incident.close"), `"incident.close"`, nil},
		{"size", fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": "10485760"}), "within 10 MB", nil},
		{"size in words", fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": "ten pages"}), "within ten pages", nil},
		{"wait, duration", fault.New(fault.TooMany, "fault.throttled", fault.Args{"wait": "1m1s"}), "wait 2 min and", nil},
		{"wait, seconds", fault.New(fault.TooMany, "fault.throttled", fault.Args{"wait": "30"}), "wait 1 min and", nil},
		{"unknown id", fault.Clash("fault.never_written", nil), "⟦fault.never_written⟧", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			whole, fields := p.Error(tc.err)
			if !strings.Contains(whole, tc.whole) {
				t.Errorf("whole: %q; want it to hold %q", whole, tc.whole)
			}
			if strings.Contains(whole, "disk on fire") {
				t.Error("an inner error was shown")
			}
			if diff := cmp.Diff(tc.fields, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorWritesTimesAndPermissions(t *testing.T) {
	t.Parallel()
	c, err := LoadFS(fstest.MapFS{"a.ja.json": {Data: []byte(
		`{"fault.held":"{until}まで","fault.denied":"{permission}","permission.incident.close":"案件の完了"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	args := fault.Args{"until": "2026-11-22T05:05:00Z"}
	if got, _ := c.Printer(JA).Error(fault.Clash("fault.held", args)); got != "2026年11月22日(日) 14:05まで" {
		t.Error(got)
	}
	if args["until"] != "2026-11-22T05:05:00Z" {
		t.Error("the fault's own arguments were changed")
	}
	if got, _ := c.Printer(JA).Error(fault.Deny("incident.close")); got != "案件の完了" {
		t.Error(got)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		header string
		want   Lang
	}{
		{"", JA}, {"ja", JA}, {"ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7", JA},
		{"en", EN}, {"EN-us", EN}, {"en-US,en;q=0.9,ja;q=0.8", EN}, {"fr,en;q=0.5", EN}, {"en, *;q=0.5", EN},
		{"en,ja", JA}, {"en;q=0.5,ja;q=0.5", JA}, {"fr", JA}, {"*", JA}, {"en;q=0.5,*", JA}, {"en;q=0", JA},
		{"en;q=banana", JA}, {"en;q=NaN", JA}, {"en;q=9", JA}, {"en ; q=0.9 , ja ; q=0.1", EN}, {";;;,,,", JA},
		{strings.Repeat("fr,", 40) + "en", JA}, {strings.Repeat("x", 5000) + ",en", JA},
	} {
		if got := Match(tc.header); got != tc.want {
			t.Errorf("Match(%.60q) = %s, want %s", tc.header, got, tc.want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("en-US,en;q=0.9,ja;q=0.8")
	f.Add("*;q=")
	f.Fuzz(func(t *testing.T, header string) {
		if got := Match(header); got != JA && got != EN {
			t.Errorf("Match gave %q", got)
		}
	})
}

func FuzzT(f *testing.F) {
	c := load(f)
	f.Add("fault.too_long", "max", "2000")
	f.Add("word.days", "n", "1")
	f.Add("", "{", "}")
	f.Fuzz(func(t *testing.T, id, name, value string) {
		for _, l := range Langs() {
			p := c.Printer(l)
			got := p.T(id, name, value)
			if got == "" {
				t.Error("an empty text")
			}
			if got != p.TA(id, map[string]string{name: value}) {
				t.Error("T and TA differ")
			}
			if !p.Has(id) && got != "⟦"+id+"⟧" {
				t.Errorf("unknown id gave %q", got)
			}
			if utf8.ValidString(id) && utf8.ValidString(value) && !utf8.ValidString(got) {
				t.Errorf("broken text %q", got)
			}
		}
	})
}
