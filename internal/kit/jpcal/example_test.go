package jpcal_test

import (
	"fmt"
	"time"

	"sekimori/internal/kit/jpcal"
)

func ExampleCalendar() {
	c := jpcal.New(time.FixedZone("JST", 9*60*60), jpcal.Options{
		Extra: []jpcal.Holiday{{Date: jpcal.Date{Year: 2026, Month: time.September, Day: 24}, Name: "創立記念日"}},
	})
	friday := jpcal.Date{Year: 2026, Month: time.September, Day: 18}
	for d := friday; d.Before(friday.Add(8)); d = d.Add(1) {
		name, _ := c.IsHoliday(d)
		fmt.Printf("%v %-5v %s.\n", d, c.IsWorkday(d), name)
	}
	fmt.Println("next:", c.AddWorkdays(friday, 1))
	// Output:
	// 2026-09-18 true  .
	// 2026-09-19 false .
	// 2026-09-20 false .
	// 2026-09-21 false 敬老の日.
	// 2026-09-22 false 国民の休日.
	// 2026-09-23 false 秋分の日.
	// 2026-09-24 false 創立記念日.
	// 2026-09-25 true  .
	// next: 2026-09-25
}

func ExampleFormatEra() {
	fmt.Println(jpcal.FormatEra(jpcal.Date{Year: 2026, Month: time.November, Day: 22}))
	fmt.Println(jpcal.FormatEra(jpcal.Date{Year: 2019, Month: time.May, Day: 1}))
	// Output:
	// 令和8年11月22日
	// 令和元年5月1日
}

func ExampleParseEra() {
	d, within, err := jpcal.ParseEra("平成32年4月1日") // an era that had ended by then
	fmt.Println(d, within, err)
	// Output: 2020-04-01 false <nil>
}

func ExampleFiscalYear() {
	last := jpcal.Date{Year: 2026, Month: time.March, Day: 31}
	fmt.Println(jpcal.FiscalYear(last, time.April), jpcal.FormatFiscalEra(last, time.April))
	// Output: 2025 令和7年度
}
