package report

import (
	"slices"
	"strconv"

	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
)

// choices reads id.a1, id.a2 … from the catalogue: the ready answers to a question.
func choices(r *page.Request, id string) []string {
	var out []string
	for n := 1; r.P.Has(id + ".a" + strconv.Itoa(n)); n++ {
		out = append(out, r.P.T(id+".a"+strconv.Itoa(n)))
	}
	return out
}

// colleagues lists the people of a department: those whom one most likely means.
func colleagues(o *directory.Org, department string) []string {
	var out []string
	for _, p := range o.People {
		if p.Department == department && department != "" {
			out = append(out, p.ID)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if o.People[a].FamilyKana < o.People[b].FamilyKana {
			return -1
		}
		if o.People[a].FamilyKana > o.People[b].FamilyKana {
			return 1
		}
		return 0
	})
	return out
}
