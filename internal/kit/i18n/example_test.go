package i18n_test

import (
	"fmt"
	"time"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
)

func Example() {
	c, err := i18n.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2026, 11, 22, 5, 5, 0, 0, time.UTC)
	for _, l := range i18n.Langs() {
		p := c.Printer(l)
		fmt.Println(p.DateTime(at), "·", p.T("word.items", "n", 1), "·", p.Ago(125*time.Minute))
	}
	// Output:
	// 2026年11月22日(日) 14:05 · 1件 · 2時間5分
	// Sun, 22 Nov 2026, 14:05 · 1 item · 2 h 5 min
}

func ExamplePrinter_Error() {
	c, err := i18n.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	var check fault.Check
	check.Add("summary", "fault.required", nil)
	whole, fields := c.Printer(i18n.EN).Error(check.Err())
	fmt.Println(whole)
	fmt.Println("summary:", fields["summary"])
	// Output:
	// Please check what you entered. Each entry that needs a change says why.
	// summary: Please fill this in.
}
