package jpcal

import (
	"encoding/json"
	"testing"
	"time"
)

func TestDate(t *testing.T) {
	t.Parallel()
	d := Date{2026, time.November, 22}
	if d.Weekday() != time.Sunday || d.String() != "2026-11-22" || !d.Valid() || d.IsZero() {
		t.Errorf("%v %v", d, d.Weekday())
	}
	if got := d.Add(40); got != (Date{2027, time.January, 1}) || got.Sub(d) != 40 || d.Sub(got) != -40 {
		t.Errorf("40 days later is %v", got)
	}
	if !d.Before(d.Add(1)) || !d.After(d.Add(-365)) || d.Compare(d) != 0 {
		t.Error("the order is wrong")
	}
	// 15:00 UTC is the next day in Japan.
	if got := DateOf(time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC), time.FixedZone("JST", 9*3600)); got != d {
		t.Errorf("DateOf: %v", got)
	}
	for _, bad := range []Date{{}, {2026, 2, 29}, {2026, 13, 1}, {2026, 1, 0}, {-1, 1, 1}} {
		if bad.Valid() {
			t.Errorf("%v is valid", bad)
		}
	}
	for _, bad := range []string{"", "2026", "2026-02-29", "26-1-1", "2026-11-22x", "0000-01-01", "11/22/2026"} {
		if got, err := ParseDate(bad); err == nil {
			t.Errorf("ParseDate(%q) = %v", bad, got)
		}
	}
}

func TestDateInJSON(t *testing.T) {
	t.Parallel()
	type form struct {
		From Date
		To   Date
	}
	in := form{From: Date{2026, 11, 22}}
	raw, err := json.Marshal(in)
	if err != nil || string(raw) != `{"From":"2026-11-22","To":""}` {
		t.Fatalf("%s %v", raw, err)
	}
	var out form
	if err := json.Unmarshal(raw, &out); err != nil || out != in {
		t.Errorf("%v %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"From":"yesterday"}`), &out); err == nil {
		t.Error("nonsense was read")
	}
}

func TestEra(t *testing.T) {
	t.Parallel()
	for iso, want := range map[string]string{
		"2019-04-30": "平成31年4月30日", "2019-05-01": "令和元年5月1日", "1989-01-07": "昭和64年1月7日",
		"1989-01-08": "平成元年1月8日", "1926-12-24": "大正15年12月24日", "1926-12-25": "昭和元年12月25日",
		"2026-11-22": "令和8年11月22日", "1912-07-29": "明治45年7月29日", "1912-07-30": "大正元年7月30日",
		"1873-01-01": "明治6年1月1日", "1872-12-31": "1872年12月31日",
	} {
		d := day(t, iso)
		if got := FormatEra(d); got != want {
			t.Errorf("FormatEra(%s) = %s, want %s", iso, got, want)
		}
		if iso < "1873" {
			continue
		}
		if got, within, err := ParseEra(want); got != d || !within || err != nil {
			t.Errorf("ParseEra(%s) = %v, %v, %v", want, got, within, err)
		}
	}
}

func TestParseEra(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in     string
		want   string
		within bool
	}{
		{"R8.11.22", "2026-11-22", true}, {"r8/11/22", "2026-11-22", true}, {"S 64-1-7", "1989-01-07", true},
		{"令和8年11月22日", "2026-11-22", true}, {"㋿8年11月22日", "2026-11-22", true}, {" 令和 8年 11月 22日 ", "2026-11-22", true},
		{"H元.1.8", "1989-01-08", true},
		// Written on real papers, beyond the era's own days.
		{"平成31年5月1日", "2019-05-01", false}, {"昭和64年1月8日", "1989-01-08", false},
		{"令和元年4月30日", "2019-04-30", false}, {"平成32年4月1日", "2020-04-01", false},
	} {
		got, within, err := ParseEra(tc.in)
		if err != nil || got != day(t, tc.want) || within != tc.within {
			t.Errorf("ParseEra(%q) = %v, %v, %v; want %s, %v", tc.in, got, within, err, tc.want, tc.within)
		}
	}
	for _, bad := range []string{
		"", "2026-11-22", "令和0年1月1日", "令和8年2月30日", "令和8年13月1日", "明治5年12月2日", "慶応3年1月1日",
		"令和100年1月1日", "令和8年11月", "令和8年11月22日の朝",
	} {
		if got, _, err := ParseEra(bad); err == nil {
			t.Errorf("ParseEra(%q) = %v", bad, got)
		}
	}
}

func FuzzParseEra(f *testing.F) {
	f.Add("令和8年11月22日")
	f.Add("S64.1.8")
	f.Fuzz(func(t *testing.T, s string) {
		d, within, err := ParseEra(s)
		if err != nil {
			return
		}
		if !d.Valid() {
			t.Fatalf("%q gave %v", s, d)
		}
		if again, _, err := ParseEra(FormatEra(d)); within && (err != nil || again != d) {
			t.Errorf("%q gave %v, then %v, %v", s, d, again, err)
		}
	})
}

func TestFiscalYear(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		day   string
		start time.Month
		year  int
		era   string
	}{
		{"2026-03-31", time.April, 2025, "令和7年度"}, {"2026-04-01", time.April, 2026, "令和8年度"},
		{"2026-12-31", time.January, 2026, "令和8年度"}, {"2026-09-30", time.October, 2025, "令和7年度"},
		{"2019-04-15", time.April, 2019, "平成31年度"}, {"2020-03-31", time.April, 2019, "令和元年度"},
		{"1989-02-01", time.April, 1988, "昭和63年度"}, {"1870-02-01", time.April, 1869, "1869年度"},
	} {
		d := day(t, tc.day)
		if got := FiscalYear(d, tc.start); got != tc.year {
			t.Errorf("FiscalYear(%s) = %d, want %d", tc.day, got, tc.year)
		}
		if got := FormatFiscalEra(d, tc.start); got != tc.era {
			t.Errorf("FormatFiscalEra(%s) = %s, want %s", tc.day, got, tc.era)
		}
		first, last := FiscalYearStart(tc.year, tc.start), FiscalYearEnd(tc.year, tc.start)
		if d.Before(first) || d.After(last) || FiscalYear(last.Add(1), tc.start) != tc.year+1 {
			t.Errorf("%s does not lie in %v to %v", tc.day, first, last)
		}
	}
}

func TestSourcesAreDated(t *testing.T) {
	t.Parallel()
	for _, s := range []Source{HolidayLaw(), YearEnd()} {
		if s.Text == "" || !s.Verified.Valid() {
			t.Errorf("%+v", s)
		}
	}
}
