package i18n

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date writes the day with its weekday: 2026年11月22日(日), Sun, 22 Nov 2026.
// A zero time is written as unknown.
func (p Printer) Date(t time.Time) string {
	if t.IsZero() {
		return p.T("word.unknown")
	}
	t = t.In(p.Location())
	if p.lang == EN {
		return t.Format("Mon, 2 Jan 2006")
	}
	return t.Format("2006年1月2日") + "(" + weekdayJA(t.Weekday()) + ")"
}

// DateTime is Date with the 24-hour clock after it.
func (p Printer) DateTime(t time.Time) string {
	switch {
	case t.IsZero():
		return p.T("word.unknown")
	case p.lang == EN:
		return p.Date(t) + ", " + p.Clock(t)
	default:
		return p.Date(t) + " " + p.Clock(t)
	}
}

// Clock writes hours and minutes: 14:05.
func (p Printer) Clock(t time.Time) string {
	if t.IsZero() {
		return p.T("word.unknown")
	}
	return t.In(p.Location()).Format("15:04")
}

// Ago writes how long something took or lies back, as coarse as a person would say it:
// minutes below an hour, hours and minutes below a day, then days. It rounds down;
// anything below a minute, and any negative length, is "less than a minute".
func (p Printer) Ago(d time.Duration) string {
	minutes := int64(d / time.Minute)
	switch {
	case minutes < 1:
		return p.T("word.under_minute")
	case minutes < 60:
		return p.T("word.minutes", "n", minutes)
	case minutes < 24*60 && minutes%60 == 0:
		return p.T("word.hours", "n", minutes/60)
	case minutes < 24*60:
		return p.T("word.hours_minutes", "hours", minutes/60, "minutes", minutes%60)
	default:
		return p.T("word.days", "n", minutes/(24*60))
	}
}

// Bytes writes a size in steps of 1024, as file managers show it, with one decimal
// from kilobytes up: 512 B, 1.5 KB, 10 MB.
func (p Printer) Bytes(n int64) string {
	const step = 1024
	if n > -step && n < step {
		return strconv.FormatInt(n, 10) + " B"
	}
	size, units := float64(n)/step, []string{"KB", "MB", "GB", "TB"}
	i := 0
	// 1023.95 would be rounded up to "1024.0", so it already belongs to the next unit.
	for ; i < len(units)-1 && (size >= step-0.05 || size <= -step+0.05); i++ {
		size /= step
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", size), ".0") + " " + units[i]
}

// Count writes a number with thousands separators, alike in both languages: 1,234,567.
func (p Printer) Count(n int) string {
	digits, sign := strconv.Itoa(n), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Name writes a person's name, family name first in both languages, which is also how
// Japanese government texts write names in English. Either part may be empty.
func (p Printer) Name(family, given string) string {
	return strings.TrimSpace(family + " " + given)
}

func weekdayJA(d time.Weekday) string {
	return string([]rune("日月火水木金土")[d])
}
