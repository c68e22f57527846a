package jpcal

import "time"

// Source says which text a rule follows and on which day its results were last compared
// with published dates. Rules of law change; the day tells what to compare again.
type Source struct {
	Text     string // the law or notice and its article
	Verified Date
}

// HolidayLaw is the source of every rule in this file that names no other.
func HolidayLaw() Source {
	return Source{
		Text:     "国民の祝日に関する法律(昭和23年法律第178号)2条, 3条",
		Verified: Date{2026, time.November, 22},
	}
}

// YearEnd is the source of the closing days of government offices, 29 December to
// 3 January, which most companies keep as well.
func YearEnd() Source {
	return Source{
		Text:     "行政機関の休日に関する法律(昭和63年法律第91号)1条",
		Verified: Date{2026, time.November, 22},
	}
}

// The years for which this package knows the rules. 2007 is the first year of today's
// rule for substitute holidays; the equinox formula is good to 2099.
const (
	FirstYear = 2007
	LastYear  = 2099
)

// rule is one holiday of article 2. Either day is set, or monday (its n-th Monday), or
// equinox (its formula).
type rule struct {
	name        string
	month       time.Month
	day         int
	monday      int
	equinox     float64
	first, last int // years; 0 is without limit
}

func rules() []rule {
	return []rule{
		{name: "元日", month: time.January, day: 1},
		{name: "成人の日", month: time.January, monday: 2},
		{name: "建国記念の日", month: time.February, day: 11},
		{name: "天皇誕生日", month: time.February, day: 23, first: 2020},
		{name: "春分の日", month: time.March, equinox: springEquinox},
		{name: "昭和の日", month: time.April, day: 29},
		{name: "憲法記念日", month: time.May, day: 3},
		{name: "みどりの日", month: time.May, day: 4},
		{name: "こどもの日", month: time.May, day: 5},
		{name: "海の日", month: time.July, monday: 3},
		{name: "山の日", month: time.August, day: 11, first: 2016},
		{name: "敬老の日", month: time.September, monday: 3},
		{name: "秋分の日", month: time.September, equinox: autumnEquinox},
		{name: "体育の日", month: time.October, monday: 2, last: 2019},
		{name: "スポーツの日", month: time.October, monday: 2, first: 2020},
		{name: "文化の日", month: time.November, day: 3},
		{name: "勤労感謝の日", month: time.November, day: 23},
		{name: "天皇誕生日", month: time.December, day: 23, last: 2018},
	}
}

// The day of an equinox is fixed by the 暦要項 that the National Astronomical
// Observatory publishes each February for the following year. Until then the usual
// approximation for 1980–2099 stands in; these are its values for 1980.
const (
	springEquinox = 20.8431
	autumnEquinox = 23.2488
	equinoxDrift  = 0.242194 // days a year, leap days apart
)

func equinoxDay(base float64, year int) int {
	n := year - 1980
	return int(base+equinoxDrift*float64(n)) - n/4
}

// moved holds the holidays that a special law put on another day for one year.
// Source: 令和三年東京オリンピック競技大会・東京パラリンピック競技大会特別措置法
// (平成27年法律第33号)32条, paragraph 1 for 2020 and 2 for 2021.
func moved() map[int]map[string]Date {
	return map[int]map[string]Date{
		2020: {
			"海の日":    {2020, time.July, 23},
			"スポーツの日": {2020, time.July, 24},
			"山の日":    {2020, time.August, 10},
		},
		2021: {
			"海の日":    {2021, time.July, 22},
			"スポーツの日": {2021, time.July, 23},
			"山の日":    {2021, time.August, 8},
		},
	}
}

// once holds the holidays of a single year. Source: 天皇の即位の日及び即位礼正殿の儀の
// 行われる日を休日とする法律(平成30年法律第99号), which counts both as holidays of
// article 2, so that the days between them and others become holidays too.
func once() []Holiday {
	return []Holiday{
		{Date{2019, time.May, 1}, "天皇の即位の日"},
		{Date{2019, time.October, 22}, "即位礼正殿の儀の行われる日"},
	}
}

// date is the rule's day in a year; false when there is none.
func (r rule) date(year int) (Date, bool) {
	if r.first != 0 && year < r.first || r.last != 0 && year > r.last {
		return Date{}, false
	}
	switch {
	case r.monday > 0:
		first := Date{year, r.month, 1}.Weekday()
		toMonday := (int(time.Monday) - int(first) + 7) % 7
		return Date{year, r.month, 1 + toMonday + 7*(r.monday-1)}, true
	case r.equinox > 0:
		return Date{year, r.month, equinoxDay(r.equinox, year)}, true
	default:
		return Date{year, r.month, r.day}, true
	}
}
