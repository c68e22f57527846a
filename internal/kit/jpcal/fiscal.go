package jpcal

import "time"

// FiscalYear is the year in which the fiscal year of d began, for years that begin on
// the first of start. With April, 2026-03-31 lies in 2025 and 2026-04-01 in 2026.
// Companies choose the month; the state's own is April (財政法11条).
func FiscalYear(d Date, start time.Month) int {
	if d.Month < start {
		return d.Year - 1
	}
	return d.Year
}

// FiscalYearStart is the first day of a fiscal year.
func FiscalYearStart(year int, start time.Month) Date { return Date{year, start, 1} }

// FiscalYearEnd is the last day of a fiscal year.
func FiscalYearEnd(year int, start time.Month) Date {
	return FiscalYearStart(year+1, start).Add(-1)
}

// FormatFiscalEra writes the fiscal year of d with its era: 令和7年度. In a year in
// which the era changed it is named by the era of d, unless that era had not begun
// yet in the fiscal year's own number: 1989-02-01 lies in 昭和63年度.
func FormatFiscalEra(d Date, start time.Month) string {
	fiscal := FiscalYear(d, start)
	e, year, ok := EraOf(d)
	if ok {
		year -= d.Year - fiscal
		if year < 1 {
			e, year, ok = EraOf(FiscalYearStart(fiscal, start))
		}
	}
	if !ok {
		return Date{Year: fiscal}.String()[:4] + "年度"
	}
	return e.Name + eraYear(year) + "年度"
}
