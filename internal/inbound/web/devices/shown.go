package devices

import (
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/wire"
)

// Shown is a PC as every page shows it.
type Shown struct {
	ID, Href, Name, System, Person string
	State                          page.Tag // how it stands to the network
	Line                           page.Tag // whether it is there now, or when it was
	DryRun                         bool
	Weak                           bool     // may not change its firewall
	Cut                            bool     // isolation is what is wanted
	Failing                        bool     // and it, or the release, is not true
	Alarm                          string   // one sentence, when it is failing
	Problems                       []string // in the PC's own words
	Stages                         []Stage  // of the newest order; nil when there never was one
	Means                          string   // what that means, in one sentence
}

// Stage is one step of an order: Class is done, wait, late or "" for one that is not
// come to yet.
type Stage struct{ Class, Name, When, Iso, Note string }

// Show puts a PC into words.
func Show(r *page.Request, v device.View) Shown {
	s := Shown{ID: v.ID, Href: "/devices/" + v.ID, Name: Name(v.Device), System: page.Line(v.System, v.Agent), Person: v.PersonName, Line: line(r, v.Device),
		DryRun: v.DryRun || v.Isolation.Fact.DryRun, Weak: !v.Privileged && !v.Isolation.FactAt.IsZero(), Cut: v.Isolation.Wanted,
		Failing: v.Failing(r.Kit.Now())}
	s.Stages = stages(r, s, v.Isolation)
	if s.Failing {
		s.Alarm, s.Problems = alarm(r, v), v.Isolation.Fact.Problems
	}
	state := state(s, v)
	s.State = page.Tag{Text: r.P.T("devices.state." + state)}
	s.State.Kind, s.State.Icon = look(state)
	s.Means = r.P.T("devices.means." + state)
	return s
}

// Name is what a PC is called: by its own name, else by its id.
func Name(d device.Device) string {
	if d.Name != "" {
		return d.Name
	}
	return d.ID
}

// state is one word for how a PC stands, the most pressing first.
func state(s Shown, v device.View) string {
	i := v.Isolation
	switch {
	case !v.RefusedAt.IsZero():
		return "refused"
	case s.Failing && i.Wanted:
		return "failing"
	case s.Failing:
		return "stuck"
	case i.Wanted && s.DryRun:
		return "dry_run"
	case i.Wanted && !i.Proven().IsZero():
		return "proven"
	case i.Wanted && !i.Applied().IsZero():
		return "applied"
	case i.Wanted:
		return "requested"
	case i.Order.Kind == device.Release && i.Applied().IsZero() && !s.DryRun:
		return "releasing"
	}
	return "normal"
}

// look is the colour and the drawing of a state; its word stands beside them.
func look(state string) (kind, icon string) {
	switch state {
	case "failing", "stuck":
		return "shu", "circle-alert"
	case "proven":
		return "matsu", "shield-check"
	case "applied", "requested":
		return "yama", "unplug"
	case "releasing":
		return "yama", "clock"
	case "dry_run":
		return "yama", "info"
	case "refused":
		return "quiet", "lock"
	}
	return "quiet", "check"
}

// line says whether the PC is connected to us.
func line(r *page.Request, d device.Device) page.Tag {
	switch {
	case d.Online:
		return page.Tag{Kind: "matsu", Icon: "activity", Text: r.P.T("devices.online")}
	case d.Seen.IsZero():
		return page.Tag{Kind: "quiet", Icon: "x", Text: r.P.T("devices.never_seen")}
	}
	return page.Tag{Kind: "quiet", Icon: "x", Text: r.P.T("devices.last_seen", "at", Moment(r, d.Seen))}
}

// alarm says what is wrong and what to do about it.
func alarm(r *page.Request, v device.View) string {
	switch {
	case !v.Isolation.Wanted:
		return r.P.T("devices.alarm.stuck")
	case v.Isolation.Fact.State == wire.IsolationFailing:
		return r.P.T("devices.alarm.failing")
	case !v.Online:
		return r.P.T("devices.alarm.silent", "length", r.P.Ago(r.Kit.Now().Sub(v.Isolation.Requested())))
	}
	return r.P.T("devices.alarm.unproven", "length", r.P.Ago(r.Kit.Now().Sub(v.Isolation.Requested())))
}

// stages follows the newest order from requested to proven. The times are ours, when we
// heard; the PC's own stand beside them as what they are: claims.
func stages(r *page.Request, s Shown, i device.Isolation) []Stage {
	o := i.Order
	if o.ID == "" {
		return nil
	}
	kind := "devices.stage." + string(o.Kind) + "_"
	out := []Stage{reached(r, kind+"requested", o.Requested, time.Time{})}
	next := func(name string, at, pc time.Time) {
		if !at.IsZero() {
			out = append(out, reached(r, kind+name, at, pc))
			return
		}
		x := Stage{Name: r.P.T(kind + name + "_not")}
		before := out[len(out)-1].Class
		switch {
		case s.DryRun && before == "done":
			x.Note = r.P.T("devices.stage.dry_run")
		case s.Failing && before == "done":
			x.Class = "late"
		case before == "done":
			x.Class = "wait"
		}
		out = append(out, x)
	}
	next("applied", o.Applied, o.PCApplied)
	if o.Kind == device.Isolate {
		next("proven", o.Proven, o.PCProven)
	}
	return out
}

func reached(r *page.Request, name string, at, pc time.Time) Stage {
	x := Stage{Class: "done", Name: r.P.T(name), When: Moment(r, at), Iso: at.UTC().Format(time.RFC3339)}
	if !pc.IsZero() {
		x.Note = r.P.T("devices.pc_clock", "at", pc.In(r.Kit.Zone).Format(clock))
	}
	return x
}

// clock shows seconds: an isolation is a matter of them.
const clock = "15:04:05"

// Moment writes a time to the second, and the day when it is not today.
func Moment(r *page.Request, t time.Time) string {
	at := t.In(r.Kit.Zone).Format(clock)
	if r.P.Date(t) == r.P.Date(r.Kit.Now()) {
		return at
	}
	return r.P.Date(t) + " " + at
}
