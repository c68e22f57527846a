package jpcal

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Era is a period of the Japanese year count.
type Era struct {
	Name   string // 令和
	Letter string // R, as forms abbreviate it
	Start  Date   // its first day
}

// Eras lists the eras since the Gregorian calendar was taken up, newest first. Meiji
// began in 1868, but dates before 1873 were counted by another calendar, so none is
// written or read for them.
// Source: 元号を改める政令 (昭和64年政令第1号, 平成31年政令第143号) for the last two,
// and the imperial notices of the earlier ones; compared on 2026-11-22.
func Eras() []Era {
	return []Era{
		{"令和", "R", Date{2019, time.May, 1}},
		{"平成", "H", Date{1989, time.January, 8}},
		{"昭和", "S", Date{1926, time.December, 25}},
		{"大正", "T", Date{1912, time.July, 30}},
		{"明治", "M", Date{1868, time.October, 23}},
	}
}

func gregorianStart() Date { return Date{1873, time.January, 1} }

// EraOf is the era of a day and the year within it, from 1. It is false before 1873.
func EraOf(d Date) (era Era, year int, ok bool) {
	if d.Before(gregorianStart()) {
		return Era{}, 0, false
	}
	for _, e := range Eras() {
		if !d.Before(e.Start) {
			return e, d.Year - e.Start.Year + 1, true
		}
	}
	return Era{}, 0, false
}

// FormatEra writes 令和8年11月22日, and 元年 for the first year. A day before 1873 is
// written with its Gregorian year. Printed forms alone use this; pages do not.
func FormatEra(d Date) string {
	rest := fmt.Sprintf("%d月%d日", int(d.Month), d.Day)
	e, year, ok := EraOf(d)
	if !ok {
		return fmt.Sprintf("%d年%s", d.Year, rest)
	}
	return e.Name + eraYear(year) + "年" + rest
}

func eraYear(n int) string {
	if n == 1 {
		return "元"
	}
	return strconv.Itoa(n)
}

// Errors of ParseEra.
var (
	errEraForm = errors.New("want an era date such as 令和8年11月22日 or R8.11.22")
	errEraDay  = errors.New("there is no such day")
)

var eraForm = regexp.MustCompile(
	`^\s*(明治|大正|昭和|平成|令和|[MTSHRmtshr])\s*(元|\d{1,2})\s*[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})\s*日?\s*$`)

// maxEraText bounds what ParseEra looks at, in bytes.
const maxEraText = 128

// ParseEra reads an era date in kanji or with the era's letter, full-width digits
// included: 令和8年11月22日, R8.11.22. Real papers carry dates beyond the end of an
// era, such as 平成32年4月1日: those give the day that is meant, and within is false.
func ParseEra(s string) (d Date, within bool, err error) {
	if len(s) > maxEraText {
		return Date{}, false, errEraForm
	}
	m := eraForm.FindStringSubmatch(norm.NFKC.String(s))
	if m == nil {
		return Date{}, false, errEraForm
	}
	era := findEra(m[1])
	year := 1
	if m[2] != "元" {
		year, _ = strconv.Atoi(m[2]) // one or two digits
	}
	month, _ := strconv.Atoi(m[3])
	day, _ := strconv.Atoi(m[4])
	d = Date{era.Start.Year + year - 1, time.Month(month), day}
	if year == 0 || !d.Valid() || d.Before(gregorianStart()) {
		return Date{}, false, errEraDay
	}
	now, _, _ := EraOf(d)
	return d, now == era, nil
}

// findEra finds an era by name or letter; the form has let through nothing else.
func findEra(s string) Era {
	for _, e := range Eras() {
		if s == e.Name || strings.EqualFold(s, e.Letter) {
			return e
		}
	}
	return Era{}
}
