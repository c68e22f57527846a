package directory

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Units gives for each department the one with whose people it is counted where numbers
// must not be names: itself when at least so many people who are active now work in it,
// those of the small departments below included; else the one that its parent is counted
// with. "" is the whole company, and never of fewer people than that either.
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
	o.fold(out, own, least)
	return out
}

// fold counts the smallest unit with the whole company too when those whom no unit counts
// are too few: what is left of a total would tell of them.
func (o *Org) fold(units map[string]string, own map[string]int, least int) {
	people := map[string]int{"": own[""]}
	for department, unit := range units {
		people[unit] += own[department]
	}
	left := people[""]
	delete(people, "")
	if left == 0 || left >= least || len(people) == 0 {
		return
	}
	smallest := slices.MinFunc(slices.Collect(maps.Keys(people)), func(a, b string) int {
		return cmp.Or(cmp.Compare(people[a], people[b]), cmp.Compare(o.Departments[a].Code, o.Departments[b].Code), cmp.Compare(a, b))
	})
	for department, unit := range units {
		if unit == smallest {
			units[department] = ""
		}
	}
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
