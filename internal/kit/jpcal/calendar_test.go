package jpcal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func day(t testing.TB, s string) Date {
	t.Helper()
	d, err := ParseDate(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}

// marked writes a year's holidays as 0101 0211 0212* 0922+, where * is a substitute
// and + a citizens' holiday.
func marked(year int) string {
	var out []string
	for _, h := range Holidays(year) {
		s := fmt.Sprintf("%02d%02d", int(h.Date.Month), h.Date.Day)
		switch h.Name {
		case Substitute:
			s += "*"
		case CitizenHoliday:
			s += "+"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestHolidaysOfAYear(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]string{
		2019: "0101 0114 0211 0321 0429 0430+ 0501 0502+ 0503 0504 0505 0506* 0715 0811 0812* 0916 0923 1014 1022 1103 1104* 1123",
		2020: "0101 0113 0211 0223 0224* 0320 0429 0503 0504 0505 0506* 0723 0724 0810 0921 0922 1103 1123",
		2021: "0101 0111 0211 0223 0320 0429 0503 0504 0505 0722 0723 0808 0809* 0920 0923 1103 1123",
		2024: "0101 0108 0211 0212* 0223 0320 0429 0503 0504 0505 0506* 0715 0811 0812* 0916 0922 0923* 1014 1103 1104* 1123",
		2025: "0101 0113 0211 0223 0224* 0320 0429 0503 0504 0505 0506* 0721 0811 0915 0923 1013 1103 1123 1124*",
		2026: "0101 0112 0211 0223 0320 0429 0503 0504 0505 0506* 0720 0811 0921 0922+ 0923 1012 1103 1123",
		2027: "0101 0111 0211 0223 0321 0322* 0429 0503 0504 0505 0719 0811 0920 0923 1011 1103 1123",
		2028: "0101 0110 0211 0223 0320 0429 0503 0504 0505 0717 0811 0918 0922 1009 1103 1123",
		2029: "0101 0108 0211 0212* 0223 0320 0429 0430* 0503 0504 0505 0716 0811 0917 0923 0924* 1008 1103 1123",
		2030: "0101 0114 0211 0223 0320 0429 0503 0504 0505 0506* 0715 0811 0812* 0916 0923 1014 1103 1104* 1123",
	} {
		if diff := cmp.Diff(strings.Fields(want), strings.Fields(marked(year))); diff != "" {
			t.Errorf("%d (-want +got):\n%s", year, diff)
		}
	}
}

// TestDerivedHolidays holds what the rules give where they are least obvious: the two
// equinoxes, and the days that follow from others.
func TestDerivedHolidays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		year, spring, autumn int
		derived              string
	}{
		{2031, 21, 23, "0224* 0506* 1124*"}, {2032, 20, 22, "0921+"}, {2033, 20, 23, "0321*"},
		{2034, 20, 23, "0102*"}, {2035, 21, 23, "0212* 0430* 0924*"}, {2036, 20, 22, "0506* 1124*"},
		{2037, 20, 23, "0506* 0922+"}, {2038, 20, 23, ""}, {2039, 21, 23, ""}, {2040, 20, 22, "0102* 0430*"},
		{2041, 20, 23, "0506* 0812* 1104*"}, {2042, 20, 23, "0224* 0506* 1124*"}, {2043, 21, 23, "0506* 0922+"},
		{2044, 20, 22, "0321*"}, {2045, 20, 22, "0102*"}, {2046, 20, 23, "0212* 0430* 0924*"},
		{2047, 21, 23, "0506* 0812* 1104*"}, {2048, 20, 22, "0224* 0506*"}, {2049, 20, 22, "0921+"},
		{2050, 20, 23, "0321*"},
	} {
		got := marked(tc.year)
		var derived []string
		for _, s := range strings.Fields(got) {
			if strings.ContainsAny(s, "*+") {
				derived = append(derived, s)
			}
		}
		if strings.Join(derived, " ") != tc.derived {
			t.Errorf("%d: derived %v, want %s", tc.year, derived, tc.derived)
		}
		for _, want := range []string{fmt.Sprintf("03%d", tc.spring), fmt.Sprintf("09%d", tc.autumn)} {
			if !strings.Contains(" "+got+" ", " "+want+" ") {
				t.Errorf("%d: equinox %s is missing in %s", tc.year, want, got)
			}
		}
	}
}

func TestHolidaysOutsideTheKnownYears(t *testing.T) {
	t.Parallel()
	for _, year := range []int{0, 1948, FirstYear - 1, LastYear + 1} {
		if got := Holidays(year); got != nil {
			t.Errorf("%d: %v", year, got)
		}
	}
	for year := FirstYear; year <= LastYear; year++ {
		if n := len(Holidays(year)); n < 15 || n > 22 {
			t.Errorf("%d has %d holidays", year, n)
		}
	}
}

func TestHolidayNames(t *testing.T) {
	t.Parallel()
	c := New(nil, Options{})
	for s, want := range map[string]string{
		"2018-12-24": Substitute, "2018-12-23": "天皇誕生日", "2019-10-14": "体育の日", "2020-07-24": "スポーツの日",
		"2009-09-22": CitizenHoliday, "2008-05-06": Substitute, "2026-11-03": "文化の日", "2026-11-22": "", "2015-08-11": "",
	} {
		if got, ok := c.IsHoliday(day(t, s)); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v; want %q", s, got, ok, want)
		}
	}
}

func TestAddWorkdays(t *testing.T) {
	t.Parallel()
	c := New(nil, Options{})
	for _, tc := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-04-28", 3, "2026-05-07"}, {"2026-09-18", 1, "2026-09-24"}, {"2026-09-18", 3, "2026-09-28"},
		{"2026-12-25", 5, "2027-01-07"}, {"2027-03-19", 1, "2027-03-23"}, {"2026-11-22", 0, "2026-11-22"},
		{"2026-05-07", -3, "2026-04-28"}, {"2028-02-28", 1, "2028-02-29"},
	} {
		if got := c.AddWorkdays(day(t, tc.from), tc.n); got != day(t, tc.want) {
			t.Errorf("%s %+d = %v, want %s", tc.from, tc.n, got, tc.want)
		}
	}
}

func TestCompanyDays(t *testing.T) {
	t.Parallel()
	c := New(nil, Options{
		Extra:       []Holiday{{Date{2026, 6, 1}, "創立記念日"}, {Date{2026, 11, 3}, "社内行事"}},
		Open:        []Date{{2026, 6, 6}, {2026, 8, 11}},
		YearEndOpen: true,
	})
	for s, want := range map[string]bool{
		"2026-06-01": false, "2026-06-02": true, "2026-06-06": true, "2026-06-07": false, "2026-08-11": true,
		"2026-12-29": true, "2027-01-01": false, "2027-01-02": false,
	} {
		if got := c.IsWorkday(day(t, s)); got != want {
			t.Errorf("IsWorkday(%s) = %v", s, got)
		}
	}
	if name, _ := c.IsHoliday(Date{2026, 11, 3}); name != "文化の日" {
		t.Errorf("a public holiday took the company's name: %s", name)
	}
	closed := New(nil, Options{})
	for s, want := range map[string]bool{"2026-12-28": true, "2026-12-29": false, "2026-12-31": false, "2028-01-03": false, "2028-01-04": true} {
		if got := closed.IsWorkday(day(t, s)); got != want {
			t.Errorf("IsWorkday(%s) = %v", s, got)
		}
	}
	if got := closed.Roll(Date{2026, 9, 19}); got != (Date{2026, 9, 24}) {
		t.Errorf("Roll: %v", got)
	}
	got := c.Between(Date{2026, 5, 5}, Date{2026, 6, 1})
	want := []Holiday{{Date{2026, 5, 5}, "こどもの日"}, {Date{2026, 5, 6}, Substitute}, {Date{2026, 6, 1}, "創立記念日"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Between (-want +got):\n%s", diff)
	}
}

func TestOfficialReplacesItsYears(t *testing.T) {
	t.Parallel()
	c := New(nil, Options{Official: []Holiday{{Date{2027, 3, 22}, "春分の日"}}})
	if name, _ := c.IsHoliday(Date{2027, 3, 22}); name != "春分の日" {
		t.Errorf("the published day is %q", name)
	}
	if _, ok := c.IsHoliday(Date{2027, 3, 21}); ok {
		t.Error("the computed day is still there")
	}
	if _, ok := c.IsHoliday(Date{2028, 3, 20}); !ok {
		t.Error("another year lost its holidays")
	}
}

func TestNextWorkday(t *testing.T) {
	t.Parallel()
	jst := time.FixedZone("JST", 9*3600)
	c := New(jst, Options{})
	for from, want := range map[string]string{
		"2026-11-20 08:59": "2026-11-20 09:00", // Friday, before work
		"2026-11-20 09:00": "2026-11-24 09:00", // weekend, then a holiday on Monday
		"2026-11-22 14:05": "2026-11-24 09:00",
		"2026-12-28 18:00": "2027-01-04 09:00",
		"2026-11-24 00:00": "2026-11-24 09:00", // still the 23rd in UTC
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", from, jst)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.NextWorkday(at.UTC(), 9).In(jst).Format("2006-01-02 15:04"); got != want {
			t.Errorf("after %s: %s, want %s", from, got, want)
		}
	}
}

func TestParseOfficial(t *testing.T) {
	t.Parallel()
	want := []Holiday{{Date{2026, 1, 1}, "元日"}, {Date{2026, 5, 6}, "休日"}}
	sjis := "\x93\xfa,\x96\xbc\r\n2026/1/1,\x8c\xb3\x93\xfa\r\n2026/5/6,\x8bx\x93\xfa\r\n"
	for name, text := range map[string]string{
		"utf-8": "日,名\n2026/1/1,元日\n2026/5/6,休日\n", "bom": "\ufeff日,名\n2026-01-01,元日\n2026-05-06,休日", "shift_jis": sjis,
	} {
		got, err := ParseOfficial(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, tc := range map[string][2]string{
		"empty":     {"", "header"},
		"bad day":   {"日,名\n2026/2/30,元日\n", "line 2"},
		"no name":   {"日,名\n2026/1/1,元日\n2026/1/2,\n", "line 3"},
		"one field": {"日,名\n2026/1/1\n", "fields"},
		"too large": {strings.Repeat("日", maxOfficial), "1 MiB"},
	} {
		if _, err := ParseOfficial(strings.NewReader(tc[0])); err == nil || !strings.Contains(err.Error(), tc[1]) {
			t.Errorf("%s: %v; want an error with %q", name, err, tc[1])
		}
	}
}

func FuzzParseOfficial(f *testing.F) {
	f.Add("日,名\n2026/1/1,元日\n")
	f.Add("\x93\xfa,\x96\xbc\r\n2026/1/1,\x8c\xb3\x93\xfa\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		hs, err := ParseOfficial(strings.NewReader(s))
		for _, h := range hs {
			if err != nil || !h.Date.Valid() || h.Name == "" {
				t.Errorf("%v with error %v", h, err)
			}
		}
	})
}
