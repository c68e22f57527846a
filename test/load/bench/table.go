package main

import (
	"fmt"
	"slices"
	"strings"
)

// table prints figures as they come, in Markdown.
type table struct{}

func (table) head() {
	fmt.Println("| What | Ours | Yardstick | Ratio (min–max) | Goal | Met |")
	fmt.Println("|---|---|---|---|---|---|")
}

func (table) line(cells ...string) {
	fmt.Println("| " + strings.Join(cells, " | ") + " |")
}

// ratio prints a row of a figure per round on both sides. The ratio is taken round by
// round, for the two sides of a round ran side by side.
func (t table) ratio(what, unit string, ours, yard []float64, goal float64, better string) {
	var rs []float64
	for i := range ours {
		rs = append(rs, ours[i]/yard[i])
	}
	met := median(rs) >= goal
	if better == "less" {
		met = median(rs) <= goal
	}
	sign := "≥"
	if better == "less" {
		sign = "≤"
	}
	t.line(what, figure(median(ours))+unit, figure(median(yard))+unit, fmt.Sprintf("%s (%s–%s)", figure(median(rs)), figure(slices.Min(rs)), figure(slices.Max(rs))),
		sign+" "+figure(goal), yes(met))
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "not met"
}

// figure prints three digits that count.
func figure(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func spread(vs []float64) string {
	return fmt.Sprintf("%s (%s–%s)", figure(median(vs)), figure(slices.Min(vs)), figure(slices.Max(vs)))
}

func median(vs []float64) float64 { return quantile(vs, 0.5) }

// quantile gives the value below which the part q of vs lies.
func quantile(vs []float64, q float64) float64 {
	if len(vs) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(vs))
	return s[int(q*float64(len(s)-1)+0.5)]
}
