package report

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// weeks is how far the numbers go back, this week included.
const weeks = 13

type talliesPage struct {
	page.Base
	Weeks       []string
	Kinds       []tallyRow
	Total       tallyRow
	Departments []departmentRow
	Silent      int
}

type tallyRow struct {
	Icon, Name string
	N          []int
	Sum        int
}

type departmentRow struct {
	Name              string
	Near, Others, Sum int
}

func (d rooms) tallies(w http.ResponseWriter, r *page.Request) error {
	ts, err := d.Counts.Tallies(r.Context(), r.By)
	if err != nil {
		return err
	}
	o, err := r.Org()
	if err != nil {
		return err
	}
	p := talliesPage{Base: r.Kit.Base(r, "report.tallies", "/tallies")}
	monday := lastMonday(r.Kit.Now().In(r.Kit.Zone))
	for i := range weeks {
		day := monday.AddDate(0, 0, -7*(weeks-1-i))
		p.Weeks = append(p.Weeks, strconv.Itoa(int(day.Month()))+"/"+strconv.Itoa(day.Day()))
	}
	p.Kinds, p.Total = byKind(r, ts, monday)
	p.Departments = byDepartment(o, ts, r.P.T("outside.tally"), r.Kit.Now())
	for _, row := range p.Departments {
		if row.Sum == 0 {
			p.Silent++
		}
	}
	return r.Kit.Render(w, r, http.StatusOK, "tallies", p)
}

func lastMonday(t time.Time) time.Time {
	m := t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
	return time.Date(m.Year(), m.Month(), m.Day(), 0, 0, 0, 0, t.Location())
}

func byKind(r *page.Request, ts []incident.Tally, monday time.Time) (rows []tallyRow, total tallyRow) {
	total = tallyRow{Name: r.P.T("word.total"), N: make([]int, weeks)}
	for _, k := range incident.Kinds() {
		row := tallyRow{Icon: string(k), Name: r.P.T("kind." + string(k)), N: make([]int, weeks)}
		for _, t := range ts {
			// Rounded, because a zone with summer time has weeks of 167 and 169 hours.
			ago := int((monday.Sub(t.Week) + 84*time.Hour) / (168 * time.Hour))
			if i := weeks - 1 - ago; t.Kind == k && i >= 0 && i < weeks {
				row.N[i] += t.N
				total.N[i] += t.N
				row.Sum += t.N
				total.Sum += t.N
			}
		}
		rows = append(rows, row)
	}
	return rows, total
}

// byDepartment lists every department that has people, also those that reported
// nothing: silence is what one looks for here. Reports from outside stand last, under outside.
func byDepartment(o *directory.Org, ts []incident.Tally, outside string, now time.Time) []departmentRow {
	staffed := map[string]bool{}
	for _, p := range o.People {
		if p.Active(now) {
			staffed[p.Department] = true
		}
	}
	var deps []directory.Department
	for _, d := range o.Departments {
		if staffed[d.ID] {
			deps = append(deps, d)
		}
	}
	slices.SortFunc(deps, func(a, b directory.Department) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.ID, b.ID))
	})
	deps = append(deps, directory.Department{Name: outside}) // who has no department
	var out []departmentRow
	for _, d := range deps {
		row := departmentRow{Name: d.Name}
		for _, t := range ts {
			if t.Department != d.ID {
				continue
			}
			if t.Kind == incident.NearMiss {
				row.Near += t.N
			} else {
				row.Others += t.N
			}
			row.Sum += t.N
		}
		if d.ID != "" || row.Sum > 0 {
			out = append(out, row)
		}
	}
	return out
}
