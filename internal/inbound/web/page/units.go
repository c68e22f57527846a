package page

import (
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
)

// insider is in the address under which our own people find the box of near misses: the
// same for all of them through a month of UTC, so that it tells who came from inside and
// nothing of who it was.
func (k *Kit) insider(at time.Time) string {
	return k.Mark("insiders of " + at.UTC().Format("2006-01"))
}

// Inside reports whether an address came from a page of somebody who was signed in, this
// month or the last.
func (k *Kit) Inside(mark string) bool {
	now := k.Now()
	last := now.UTC().AddDate(0, 0, -now.UTC().Day())
	return mark == k.insider(now) || mark == k.insider(last)
}

// Unit is what people are counted under where numbers must not be names.
type Unit struct{ ID, Name string }

// Units lists the departments that are large enough to stand under their own name. One that
// small departments are counted with says so.
func (r *Request) Units(o *directory.Org) []Unit {
	now := r.Kit.Now()
	with := map[string]bool{}
	for id, unit := range o.Units(now, incident.MinUnit) {
		with[unit] = with[unit] || id != unit
	}
	var out []Unit
	for _, d := range o.LargeUnits(now, incident.MinUnit) {
		u := Unit{d.ID, d.Name}
		if with[d.ID] {
			u.Name = r.P.T("near.with_small", "name", d.Name)
		}
		out = append(out, u)
	}
	return out
}
