package notice_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// tokyo is a time in Japan.
func tokyo(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, jst)
	if err != nil {
		panic(err)
	}
	return t
}

func date(s string) jpcal.Date {
	d, err := jpcal.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// TestRule11Turns: who has the turn follows the calendar of Japan over ends of months and
// leap days, and the morning of a handover belongs to the turn before.
func TestRule11Turns(t *testing.T) {
	t.Parallel()
	weekly := notice.Roster{People: []string{"a", "b", "c"}, Days: 7, Handover: "09:00", Start: date("2028-02-14")} // a Monday before a leap day
	daily := notice.Roster{People: []string{"a", "b"}, Days: 1, Handover: "00:00", Start: date("2028-02-28")}
	for _, tt := range []struct {
		name string
		r    notice.Roster
		at   time.Time
		want string
	}{
		{"before the first turn", weekly, tokyo("2028-02-14 08:59"), ""},
		{"long before it", weekly, tokyo("2027-01-01 00:00"), ""},
		{"first minute", weekly, tokyo("2028-02-14 09:00"), "a"},
		{"last minute", weekly, tokyo("2028-02-21 08:59"), "a"},
		{"handover", weekly, tokyo("2028-02-21 09:00"), "b"},
		{"the leap day", weekly, tokyo("2028-02-29 12:00"), "c"},
		{"over the end of the month", weekly, tokyo("2028-03-06 08:59"), "c"},
		{"round again", weekly, tokyo("2028-03-06 09:00"), "a"},
		{"the same instant said in UTC", weekly, time.Date(2028, 3, 6, 0, 0, 0, 0, time.UTC), "a"},
		{"a year later", weekly, tokyo("2029-02-12 09:00"), "b"},
		{"28 February", daily, tokyo("2028-02-28 23:59"), "a"},
		{"29 February", daily, tokyo("2028-02-29 00:00"), "b"},
		{"1 March of a leap year", daily, tokyo("2028-03-01 00:00"), "a"},
		{"midnight in Japan is the afternoon before in UTC", daily, time.Date(2028, 2, 29, 14, 59, 0, 0, time.UTC), "b"},
	} {
		if got := strings.Join(tt.r.OnDuty(tt.at, jst), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestRule11Changes: exceptions act from their first minute to the last, in the order in
// which they were entered.
func TestRule11Changes(t *testing.T) {
	t.Parallel()
	from, until := tokyo("2026-11-24 12:00"), tokyo("2026-11-25 12:00")
	change := func(k notice.ChangeKind, person, with string) notice.Change {
		return notice.Change{Kind: k, Person: person, With: with, From: from, Until: until}
	}
	base := notice.Roster{People: []string{"a", "b"}, Days: 7, Handover: "09:00", Start: date("2026-11-23")}
	for _, tt := range []struct {
		name    string
		at      time.Time
		want    string
		changes []notice.Change
	}{
		{"a minute before", from.Add(-time.Minute), "a", []notice.Change{change(notice.ReplaceWith, "a", "b")}},
		{"from the first minute", from, "b", []notice.Change{change(notice.ReplaceWith, "a", "b")}},
		{"the end is not included", until, "a", []notice.Change{change(notice.ReplaceWith, "a", "b")}},
		{"added beside", from, "a b", []notice.Change{change(notice.AddPerson, "b", "")}},
		{"added once", from, "a", []notice.Change{change(notice.AddPerson, "a", "")}},
		{"removed", from, "", []notice.Change{change(notice.RemovePerson, "a", "")}},
		{"removing who has no turn", from, "a", []notice.Change{change(notice.RemovePerson, "b", "")}},
		{"replacing who has no turn", from, "a", []notice.Change{change(notice.ReplaceWith, "b", "c")}},
		{"replaced by who is there", from, "b", []notice.Change{change(notice.AddPerson, "b", ""), change(notice.ReplaceWith, "a", "b")}},
		{"replaced twice", from, "c", []notice.Change{change(notice.ReplaceWith, "a", "b"), change(notice.ReplaceWith, "b", "c")}},
		{"removed, then somebody added", from, "c", []notice.Change{change(notice.RemovePerson, "a", ""), change(notice.AddPerson, "c", "")}},
		{"added, then removed", from, "", []notice.Change{change(notice.AddPerson, "a", ""), change(notice.RemovePerson, "a", "")}},
	} {
		r := base
		r.Changes = tt.changes
		if got := strings.Join(r.OnDuty(tt.at, jst), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	early := base
	early.Start, early.Changes = date("2027-01-04"), []notice.Change{change(notice.AddPerson, "c", "")}
	if got := early.OnDuty(from, jst); !slices.Equal(got, []string{"c"}) {
		t.Errorf("an exception before the first turn: %v", got)
	}
}

// TestRule11Gaps: the next days are cut where anything changes, and say where nobody would
// be told, and why.
func TestRule11Gaps(t *testing.T) {
	t.Parallel()
	now := tokyo("2026-11-23 09:00")
	o := directorytest.Company()
	for id, p := range o.People {
		p.Verified = now.Add(-time.Hour)
		o.People[id] = p
	}
	gen := o.People["per_gen"]
	gen.Verified = now.Add(-200 * 24 * time.Hour)
	o.People["per_gen"] = gen
	dep := o.People["per_dep"]
	dep.Left = tokyo("2026-12-09 00:00")
	o.People["per_dep"] = dep
	o.Absences = []directory.Absence{{ID: "abs_1", Person: "per_pm", From: tokyo("2026-11-26 00:00"), Until: tokyo("2026-11-28 00:00")}}
	o.Deputies = []directory.Deputy{{ID: "dep_1", Person: "per_pm", Deputy: "per_it", From: tokyo("2026-11-27 00:00"), Until: tokyo("2026-12-31 00:00")}}
	r := notice.Roster{People: []string{"per_pm", "per_gen", "per_dep"}, Days: 7, Handover: "09:00", Start: date("2026-11-23"), Changes: []notice.Change{
		{Kind: notice.RemovePerson, Person: "per_pm", From: tokyo("2026-11-24 00:00"), Until: tokyo("2026-11-24 06:00")}}}
	type line struct{ From, Until, People, Tells, Gap string }
	var got []line
	for _, s := range r.Shifts(o, now, now, tokyo("2026-12-14 12:00"), jst) {
		at := func(t time.Time) string { return t.In(jst).Format("01-02 15:04") }
		got = append(got, line{at(s.From), at(s.Until), strings.Join(s.People, " "), strings.Join(s.Tells, " "), string(s.Gap)})
	}
	same(t, "shifts", []line{
		{"11-23 09:00", "11-24 00:00", "per_pm", "per_pm", ""},
		{"11-24 00:00", "11-24 06:00", "", "", "nobody"},
		{"11-24 06:00", "11-26 00:00", "per_pm", "per_pm", ""},
		{"11-26 00:00", "11-27 00:00", "per_pm", "", "away"},
		{"11-27 00:00", "11-28 00:00", "per_pm", "per_it", ""},
		{"11-28 00:00", "11-30 09:00", "per_pm", "per_pm", ""},
		{"11-30 09:00", "12-07 09:00", "per_gen", "per_gen", "contact"},
		{"12-07 09:00", "12-09 00:00", "per_dep", "per_dep", ""},
		{"12-09 00:00", "12-14 09:00", "per_dep", "", "away"},
		{"12-14 09:00", "12-14 12:00", "per_pm", "per_pm", ""},
	}, got)
	same(t, "silent", []string{"per_gen"}, r.Silent(o, now))
	same(t, "ended", []string(nil), append([]string(nil), r.Ended(o, now)...))
	same(t, "ended later", []string{"per_dep"}, r.Ended(o, tokyo("2026-12-10 00:00")))
}

// withRoster makes a roster and lets it head the urgent chain of the protection manager.
func withRoster(h *house, r notice.Roster) notice.Roster {
	h.t.Helper()
	r, err := h.notice.SetRoster(h.t.Context(), h.as("per_pm"), r)
	h.must(err)
	p, err := h.notice.Policy(h.t.Context(), h.as("per_pm"))
	h.must(err)
	p.Reason = "当番を始める"
	p.Chains[notice.Urgent][notice.Manager] = slices.Concat(notice.Chain{{Who: []notice.Who{{Kind: "roster", Roster: r.ID}}, Window: 10, Repeat: 5}},
		p.Chains[notice.Urgent][notice.Manager])
	_, err = h.notice.SetPolicy(h.t.Context(), h.as("per_pm"), p, false)
	h.must(err)
	return r
}

// TestRule11Live: whoever has the turn when the level fires is told; the roster is never
// frozen with the policy.
func TestRule11Live(t *testing.T) {
	t.Parallel()
	h := newHouse(t, tokyo("2026-11-24 08:55"), nil)
	r := withRoster(h, notice.Roster{Name: "受付当番", People: []string{"per_gen", "per_dep"}, Days: 1, Handover: "09:00", Start: date("2026-11-23")})
	i := h.report(incident.Missent, "per_emp", nil)
	same(t, "first", []string{"per_gen"}, h.told(i, notice.Manager))
	h.runTo(6) // the repeat comes after the handover
	same(t, "after the handover", []string{"per_gen", "per_dep"}, h.told(i, notice.Manager))

	// An exception that begins between two firings counts too, without any change of the case.
	_, err := h.notice.AddChange(t.Context(), h.as("per_pm"), r.ID, notice.Change{Kind: notice.ReplaceWith, Person: "per_dep", With: "per_pres",
		From: h.clock.now(), Until: h.clock.now().Add(time.Hour)})
	h.must(err)
	j := h.report(incident.Lost, "per_emp", nil)
	same(t, "in the place of another", []string{"per_pres"}, h.told(j, notice.Manager))
}

// TestRule11EmptyTurn: a turn that nobody has is an empty level, and the next one fires at
// once; so is one whose people have left, and a roster that is gone.
func TestRule11EmptyTurn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), func(o *directory.Org) {
		p := o.People["per_dep"]
		p.Left = noon().Add(30 * time.Minute)
		o.People["per_dep"] = p
	})
	r := withRoster(h, notice.Roster{Name: "受付当番", People: []string{"per_dep"}, Days: 7, Handover: "09:00", Start: date("2026-11-16")})
	i := h.report(incident.Missent, "per_emp", nil)
	same(t, "there", []string{"per_dep"}, h.told(i, notice.Manager))
	h.after(40)
	i = h.report(incident.Missent, "per_emp", nil)
	same(t, "left", []string{"per_pm"}, h.told(i, notice.Manager))
	same(t, "recorded as empty", 1, len(h.events(i, "notice.level_empty")))

	refused(t, "a roster in use", h.notice.DropRoster(t.Context(), h.as("per_pm"), r.ID), fault.Conflict, "rosters.in_use")
	p, err := h.notice.Policy(t.Context(), h.as("per_pm"))
	h.must(err)
	p.Reason, p.Chains = "当番をやめる", notice.DefaultPolicy().Chains
	_, err = h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, false)
	h.must(err)
	h.must(h.notice.DropRoster(t.Context(), h.as("per_pm"), r.ID))
	h.runTo(50) // the open case still has the old policy; nothing breaks
	p.Chains[notice.Urgent][notice.Manager][0].Who = []notice.Who{{Kind: "roster", Roster: r.ID}}
	_, err = h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, false)
	badField(t, "naming a roster that is gone", err, "urgent.protection_manager.1.who", "rosters.gone")
}

// TestRule11Refused: what cannot be a roster, and who may not make one.
func TestRule11Refused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	good := notice.Roster{Name: "当番", People: []string{"per_gen"}, Days: 7, Handover: "09:00", Start: date("2026-11-16")}
	for _, tt := range []struct {
		name, field, id string
		change          func(*notice.Roster)
	}{
		{"no name", "name", "fault.required", func(r *notice.Roster) { r.Name = " " }},
		{"nobody", "people", "fault.required", func(r *notice.Roster) { r.People = nil }},
		{"somebody unknown", "people", "fault.unknown_person", func(r *notice.Roster) { r.People = []string{"per_nobody"} }},
		{"somebody who left", "people", "fault.unknown_person", func(r *notice.Roster) { r.People = []string{"per_old"} }},
		{"twice", "people", "rosters.twice", func(r *notice.Roster) { r.People = []string{"per_gen", "per_gen"} }},
		{"no length", "days", "fault.out_of_range", func(r *notice.Roster) { r.Days = 0 }},
		{"too long", "days", "fault.out_of_range", func(r *notice.Roster) { r.Days = notice.MaxTurnDays + 1 }},
		{"the day's end", "handover", "escalation.bad_clock", func(r *notice.Roster) { r.Handover = "24:00" }},
		{"no time", "handover", "escalation.bad_clock", func(r *notice.Roster) { r.Handover = "9" }},
		{"no day", "start", "escalation.bad_day", func(r *notice.Roster) { r.Start = jpcal.Date{Year: 2026, Month: 2, Day: 29} }},
		{"another century", "start", "rosters.start_far", func(r *notice.Roster) { r.Start = date("1901-01-01") }},
	} {
		r := good
		tt.change(&r)
		_, err := h.notice.SetRoster(t.Context(), h.as("per_pm"), r)
		badField(t, tt.name, err, tt.field, tt.id)
	}
	for _, who := range []string{"per_emp", "per_aud"} {
		if _, err := h.notice.SetRoster(t.Context(), h.as(who), good); fault.As(err) == nil || fault.As(err).Kind != fault.Denied {
			t.Errorf("%s made a roster: %v", who, err)
		}
	}
	r, err := h.notice.SetRoster(t.Context(), h.as("per_pm"), good)
	h.must(err)
	_, err = h.notice.SetRoster(t.Context(), h.as("per_pm"), good)
	badField(t, "a name that is taken", err, "name", "rosters.name_taken")
	now := h.clock.now()
	for _, tt := range []struct {
		name, field, id string
		x               notice.Change
	}{
		{"turned", "until", "rosters.turned", notice.Change{Kind: notice.AddPerson, Person: "per_pm", From: now.Add(time.Hour), Until: now.Add(time.Hour)}},
		{"over", "until", "rosters.over", notice.Change{Kind: notice.AddPerson, Person: "per_pm", From: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour)}},
		{"without an end", "until", "fault.required", notice.Change{Kind: notice.AddPerson, Person: "per_pm", From: now}},
		{"years", "until", "rosters.too_long", notice.Change{Kind: notice.AddPerson, Person: "per_pm", From: now, Until: now.AddDate(2, 0, 0)}},
		{"by nobody", "with", "fault.unknown_person", notice.Change{Kind: notice.ReplaceWith, Person: "per_gen", From: now, Until: now.Add(time.Hour)}},
		{"by themself", "with", "rosters.same_person", notice.Change{Kind: notice.ReplaceWith, Person: "per_gen", With: "per_gen", From: now, Until: now.Add(time.Hour)}},
		{"adding who left", "person", "fault.unknown_person", notice.Change{Kind: notice.AddPerson, Person: "per_old", From: now, Until: now.Add(time.Hour)}},
		{"no kind", "kind", "fault.unknown_choice", notice.Change{Person: "per_gen", From: now, Until: now.Add(time.Hour)}},
	} {
		_, err := h.notice.AddChange(t.Context(), h.as("per_pm"), r.ID, tt.x)
		badField(t, tt.name, err, tt.field, tt.id)
	}
}

// TestRule11WeeklyLetter: on Monday morning, once, to the managers and the members.
func TestRule11WeeklyLetter(t *testing.T) {
	t.Parallel()
	h := newHouse(t, tokyo("2026-11-22 12:00"), nil) // a Sunday
	r, err := h.notice.SetRoster(t.Context(), h.as("per_pm"), notice.Roster{Name: "受付当番", People: []string{"per_gen", "per_it"}, Days: 7, Handover: "09:00", Start: date("2026-11-16")})
	h.must(err)
	_, err = h.notice.AddChange(t.Context(), h.as("per_pm"), r.ID, notice.Change{Kind: notice.RemovePerson, Person: "per_it", From: tokyo("2026-11-24 00:00"), Until: tokyo("2026-11-25 00:00")})
	h.must(err)
	letters := func() []notice.Letter {
		t.Helper()
		_, err := h.notice.WriteRosters(t.Context())
		h.must(err)
		ls, err := h.db.ClaimLetters(t.Context(), h.clock.now(), time.Minute, 50)
		h.must(err)
		return ls
	}
	letters() // of the week that ends now
	h.clock.set(tokyo("2026-11-23 07:59"))
	same(t, "before Monday morning", 0, len(slices.DeleteFunc(letters(), func(l notice.Letter) bool { return strings.Contains(l.Key, "2026-11-16") })))
	h.clock.set(tokyo("2026-11-23 08:00"))
	got := map[string]notice.Letter{}
	for _, l := range letters() {
		if strings.Contains(l.Key, "2026-11-23") {
			got[l.Person] = l
		}
	}
	same(t, "receivers", 3, len(got))
	same(t, "topic", notice.TopicRostersGaps, got["per_pm"].Topic)
	same(t, "the gap", "受付当番 2026-11-24 00:00 – 2026-11-25 00:00", got["per_pm"].Args["gaps"])
	if turns := got["per_gen"].Args["turns"]; !strings.Contains(turns, "2026-11-30 09:00 – 2026-12-07 09:00") {
		t.Errorf("turns of a member: %s", turns)
	}
	h.clock.set(tokyo("2026-11-24 09:00"))
	same(t, "once in a week", 0, len(slices.DeleteFunc(letters(), func(l notice.Letter) bool { return l.State != notice.Planned && l.Tries > 1 })))
}
