package morning

import (
	"cmp"
	"slices"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
)

// nearMisses is what the last 13 weeks brought in, as numbers.
type nearMisses struct {
	Rows    []kindCount
	Total   int
	Near    int
	Silent  []string // departments without a single report: a warning, not a praise
	Nothing bool
}

// kindCount is one kind over 13 weeks, with the last four of them beside.
type kindCount struct {
	Kind      page.Tag
	All, Last int
}

// weeksShown is how many weeks count as recent.
const weeksShown = 4

func nearOf(r *page.Request, org *directory.Org, ts []incident.Tally) *nearMisses {
	recent := r.Kit.Now().AddDate(0, 0, -7*weeksShown)
	all, last, heard := map[incident.Kind]int{}, map[incident.Kind]int{}, map[string]bool{}
	out := &nearMisses{}
	for _, t := range ts {
		all[t.Kind] += t.N
		out.Total += t.N
		heard[t.Department] = heard[t.Department] || t.N > 0
		if t.Week.After(recent) {
			last[t.Kind] += t.N
		}
	}
	out.Near = all[incident.NearMiss]
	for _, k := range incident.Kinds() {
		if all[k] > 0 {
			out.Rows = append(out.Rows, kindCount{Kind: page.Tag{Icon: string(k), Text: r.P.T("kind." + string(k))}, All: all[k], Last: last[k]})
		}
	}
	slices.SortStableFunc(out.Rows, func(a, b kindCount) int { return cmp.Compare(b.All, a.All) })
	out.Nothing = len(out.Rows) == 0
	for _, dep := range org.LargeUnits(r.Kit.Now(), incident.MinUnit) {
		if !heard[dep.ID] {
			out.Silent = append(out.Silent, people.Place(org, dep.ID))
		}
	}
	slices.Sort(out.Silent)
	return out
}
