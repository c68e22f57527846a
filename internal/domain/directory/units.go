package directory

import (
	"cmp"
	"slices"
	"time"
)

// Units gives for each department the one with whose people it is counted where numbers
// must not be names: itself when at least so many people who are active now work in it,
// those of the small departments below included; else the one that its parent is counted
// with. "" is the whole company.
func (o *Org) Units(now time.Time, least int) map[string]string {
	own, below := map[string]int{}, map[string][]string{}
	for _, p := range o.People {
		if p.Active(now) {
			own[p.Department]++
		}
	}
	for _, d := range o.Departments {
		below[d.Parent] = append(below[d.Parent], d.ID)
	}
	sizes := map[string]int{}
	var size func(string) int
	size = func(department string) int {
		n := own[department]
		for _, child := range below[department] {
			if s := size(child); s < least {
				n += s
			}
		}
		sizes[department] = n
		return n
	}
	out := make(map[string]string, len(o.Departments))
	var place func(department, unit string)
	place = func(department, unit string) {
		if sizes[department] >= least {
			unit = department
		}
		out[department] = unit
		for _, child := range below[department] {
			place(child, unit)
		}
	}
	for _, root := range below[""] {
		size(root)
		place(root, "")
	}
	return out
}

// LargeUnits lists the departments that Units counts by themselves, in the order of their
// codes.
func (o *Org) LargeUnits(now time.Time, least int) []Department {
	var out []Department
	for id, unit := range o.Units(now, least) {
		if id == unit {
			out = append(out, o.Departments[id])
		}
	}
	slices.SortFunc(out, func(a, b Department) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.ID, b.ID))
	})
	return out
}
