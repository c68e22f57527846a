package report

import (
	"net/http"
	"strconv"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// weeks is how far the numbers go back, this week included; recent is how many of the last
// stand beside their sum.
const (
	weeks  = 13
	recent = 4
)

type talliesPage struct {
	page.Base
	Weeks       []string
	Kinds       []tallyRow
	Total       tallyRow
	Departments []departmentRow
	Silent      int
	// Near misses by what they nearly became, and by unit.
	NearlyShares, NearShares shares
	NearSilent               []string // units without a single near miss
	CSV                      []page.Option
}

// shares is the part "shares": lines that are compared to the longest.
type shares struct {
	Title, Head string
	Rows        []tallyRow
}

// tallyRow is a line of numbers by week.
type tallyRow struct {
	Icon, Name string
	N          []int
	Sum        int
	Last       int // of the last weeks
	Share      int // percent of the longest line's sum
	Silent     bool
}

type departmentRow struct {
	Name              string
	Near, Others, Sum int
}

// counted are the numbers, and the organisation that they are of.
func (d rooms) counted(r *page.Request) ([]incident.Tally, *directory.Org, error) {
	ts, err := d.Counts.Tallies(r.Context(), r.By)
	if err != nil {
		return nil, nil, err
	}
	o, err := r.Org()
	return ts, o, err
}

func (d rooms) tallies(w http.ResponseWriter, r *page.Request) error {
	ts, o, err := d.counted(r)
	if err != nil {
		return err
	}
	p := talliesPage{Base: r.Kit.Base(r, "report.tallies", "/tallies")}
	monday := lastMonday(r.Kit.Now().In(r.Kit.Zone))
	for _, day := range mondays(monday) {
		p.Weeks = append(p.Weeks, strconv.Itoa(int(day.Month()))+"/"+strconv.Itoa(day.Day()))
	}
	p.Kinds, p.Total = byKind(r, ts, monday)
	units := unitsOf(r, o)
	p.Departments = byUnit(units, ts)
	for _, row := range p.Departments {
		if row.Sum == 0 {
			p.Silent++
		}
	}
	p.NearlyShares = shares{Title: r.P.T("near.by_nearly"), Head: r.P.T("near.nearly_short")}
	p.NearShares = shares{Title: r.P.T("near.by_unit"), Head: r.P.T("word.department")}
	p.NearlyShares.Rows, p.NearShares.Rows, _ = nearBy(r, units, ts, monday)
	p.CSV = []page.Option{{Value: "/tallies.csv?enc=utf8", Label: r.P.T("cases.csv_utf8")}, {Value: "/tallies.csv?enc=sjis", Label: r.P.T("cases.csv_sjis")}}
	for _, row := range p.NearShares.Rows {
		if row.Silent {
			p.NearSilent = append(p.NearSilent, row.Name)
		}
	}
	return r.Kit.Render(w, r, http.StatusOK, "tallies", p)
}

func lastMonday(t time.Time) time.Time {
	m := t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
	return time.Date(m.Year(), m.Month(), m.Day(), 0, 0, 0, 0, t.Location())
}

// mondays lists the first days of the weeks, oldest first.
func mondays(last time.Time) []time.Time {
	var out []time.Time
	for i := range weeks {
		out = append(out, last.AddDate(0, 0, -7*(weeks-1-i)))
	}
	return out
}

// add counts a tally in its week.
func (row *tallyRow) add(t incident.Tally, monday time.Time) {
	// Rounded, because a zone with summer time has weeks of 167 and 169 hours.
	i := weeks - 1 - int((monday.Sub(t.Week)+84*time.Hour)/(168*time.Hour))
	if i < 0 || i >= weeks {
		return
	}
	row.N[i] += t.N
	row.Sum += t.N
	if i >= weeks-recent {
		row.Last += t.N
	}
}

func byKind(r *page.Request, ts []incident.Tally, monday time.Time) (rows []tallyRow, total tallyRow) {
	total = tallyRow{Name: r.P.T("word.total"), N: make([]int, weeks)}
	for _, k := range incident.Kinds() {
		row := tallyRow{Icon: string(k), Name: r.P.T("kind." + string(k)), N: make([]int, weeks)}
		for _, t := range ts {
			if t.Kind == k {
				row.add(t, monday)
				total.add(t, monday)
			}
		}
		rows = append(rows, row)
	}
	return rows, total
}

// unit is what stands under one name in the numbers.
type unit struct {
	Name    string
	holds   func(incident.Tally) bool
	staffed bool // silence is worth a warning
}

// unitsOf lists every unit that is large enough, then the whole company, for those in small
// departments and for whoever named none, and who reported from outside.
func unitsOf(r *page.Request, o *directory.Org) []unit {
	var out []unit
	for _, d := range r.Units(o) {
		out = append(out, unit{d.Name, func(t incident.Tally) bool { return t.Department == d.ID }, true})
	}
	return append(out,
		unit{r.P.T("near.company"), func(t incident.Tally) bool { return t.Department == "" && !t.Outside }, false},
		unit{r.P.T("outside.tally"), func(t incident.Tally) bool { return t.Outside }, false})
}

// byUnit lists every unit, also those that reported nothing: silence is what one looks for
// here.
func byUnit(units []unit, ts []incident.Tally) []departmentRow {
	var out []departmentRow
	for _, u := range units {
		row := departmentRow{Name: u.Name}
		for _, t := range ts {
			if !u.holds(t) {
				continue
			}
			if t.Kind == incident.NearMiss {
				row.Near += t.N
			} else {
				row.Others += t.N
			}
			row.Sum += t.N
		}
		if u.staffed || row.Sum > 0 {
			out = append(out, row)
		}
	}
	return out
}

// nearBy counts near misses by what they nearly became and by unit.
func nearBy(r *page.Request, units []unit, ts []incident.Tally, monday time.Time) (nearly, near []tallyRow, total tallyRow) {
	fresh := func(icon, name string) tallyRow { return tallyRow{Icon: icon, Name: name, N: make([]int, weeks)} }
	count := func(row *tallyRow, holds func(incident.Tally) bool) {
		for _, t := range ts {
			if t.Kind == incident.NearMiss && holds(t) {
				row.add(t, monday)
			}
		}
	}
	total = fresh("", r.P.T("word.total"))
	count(&total, func(incident.Tally) bool { return true })
	for _, k := range incident.NearlyKinds() {
		row := fresh(string(k), r.P.T("kind."+string(k)))
		count(&row, func(t incident.Tally) bool { return t.Nearly == k })
		nearly = append(nearly, row)
	}
	unsaid := fresh(string(incident.NearMiss), r.P.T("near.unsaid"))
	count(&unsaid, func(t incident.Tally) bool { return t.Nearly == "" })
	nearly = append(nearly, unsaid)
	for _, u := range units {
		row := fresh("", u.Name)
		count(&row, u.holds)
		if row.Silent = u.staffed && row.Sum == 0; u.staffed || row.Sum > 0 {
			near = append(near, row)
		}
	}
	share(nearly)
	share(near)
	return nearly, near, total
}

// share makes the lines comparable to the longest of them.
func share(rows []tallyRow) {
	longest := 0
	for _, row := range rows {
		longest = max(longest, row.Sum)
	}
	for i := range rows {
		if longest > 0 {
			rows[i].Share = rows[i].Sum * 100 / longest
		}
	}
}

// talliesTable is the near misses by week as a table for a spreadsheet.
func (d rooms) talliesTable(w http.ResponseWriter, r *page.Request) error {
	ts, o, err := d.counted(r)
	if err != nil {
		return err
	}
	monday := lastMonday(r.Kit.Now().In(r.Kit.Zone))
	header := []string{r.P.T("near.col.by"), r.P.T("near.col.name")}
	for _, day := range mondays(monday) {
		header = append(header, day.Format("2006-01-02"))
	}
	header = append(header, r.P.T("word.total"))
	nearly, near, total := nearBy(r, unitsOf(r, o), ts, monday)
	rows := func(yield func([]string) bool) {
		for _, part := range []struct {
			by   string
			rows []tallyRow
		}{{r.P.T("near.by_nearly"), nearly}, {r.P.T("near.by_unit"), near}, {r.P.T("kind.near_miss"), []tallyRow{total}}} {
			for _, row := range part.rows {
				cells := []string{part.by, row.Name}
				for _, n := range append(row.N, row.Sum) {
					cells = append(cells, strconv.Itoa(n))
				}
				if !yield(cells) {
					return
				}
			}
		}
	}
	return r.Table(w, "near-misses", header, rows)
}
