package incident_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
)

// put puts a near miss in the box and gives it.
func (h *house) put(line string, change ...func(*incident.Slip)) incident.Slip {
	h.t.Helper()
	s := incident.Slip{Key: incident.NewBoxKey(), Summary: line}
	for _, c := range change {
		c(&s)
	}
	h.must(h.cases.PutInBox(h.t.Context(), s))
	return s
}

// opened opens the box and checks how many came out.
func (h *house) opened(want int) {
	h.t.Helper()
	n, err := h.cases.OpenBox(h.t.Context(), false)
	h.must(err)
	if n != want {
		h.t.Errorf("%s: %d came out of the box, want %d", h.clock().In(jst).Format("Mon 15:04"), n, want)
	}
}

// boxed lists the cases that came out of the box, oldest number first.
func (h *house) boxed() []*incident.Incident {
	h.t.Helper()
	p, err := h.cases.Find(h.t.Context(), h.as("per_pm"), incident.Query{Limit: 200})
	h.must(err)
	var out []*incident.Incident
	for _, r := range p.Rows {
		if r.Boxed() {
			out = append(out, &r.Incident)
		}
	}
	slices.Reverse(out)
	return out
}

// atWork gives the house the calendar of a company that rests.
func atWork(h *house) *house {
	h.notice = notice.NewService(h.db, h.people, h.clock, jpcal.New(jst, jpcal.Options{}))
	h.cases = h.open()
	return h
}

// rows is every row of every table but those that are left out, as text.
func rows(t *testing.T, db *store.DB, without ...string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := db.Snapshot(t.Context(), func(s *store.Snapshot) error {
		tables, err := s.Tables(t.Context())
		if err != nil {
			return err
		}
		for _, table := range tables {
			if slices.Contains(without, table.Name) {
				continue
			}
			err := s.Rows(t.Context(), table, func(row []any) error {
				out[table.Name] = append(out[table.Name], fmt.Sprint(row))
				return nil
			})
			if err != nil {
				return err
			}
			slices.Sort(out[table.Name])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBoxIsOpenedOnWorkingDays(t *testing.T) {
	t.Parallel()
	h := atWork(newHouse(t, nil))
	h.opened(0) // yesterday's, with nothing in it
	before := rows(t, h.db, "inc_box")
	h.put("宛先を間違えるところだった", func(s *incident.Slip) {
		s.Nearly, s.Department, s.Words = incident.Missent, "d_gen", "送る前に声に出した\r\nおかげ"
	})
	h.put("鞄を  置き忘れかけた\u202e\n")
	same(t, "what changes beside the box", before, rows(t, h.db, "inc_box"))
	h.wait(5*time.Hour - time.Second)
	h.opened(0)
	h.wait(time.Second)
	h.opened(2)
	h.opened(0)
	if lie := rows(t, h.db)["inc_box"]; len(lie) != 0 {
		t.Errorf("in the box still: %v", lie)
	}

	got := h.boxed()
	if len(got) != 2 {
		t.Fatalf("%d cases", len(got))
	}
	for _, i := range got {
		if i.Reporter != "" || i.OnBehalf != "" || i.Outside != nil || i.Kind != incident.NearMiss || i.Urgency != notice.Light ||
			!i.Reported.Equal(h.clock()) || i.Occurred.Known || i.Discovered.Known || i.Key != "" || i.Finder() != "" || i.Demo {
			t.Errorf("the case: %+v", i)
		}
		c := h.see(i, h.as("per_pm"))
		if len(c.Tracks) != 1 || c.Tracks[0].Receiver != notice.Manager || c.Tracks[0].Urgency != notice.Light || c.Tracks[0].Reporter != "" {
			t.Errorf("tracks: %+v", c.Tracks)
		}
		if e := c.History[0]; e.Kind != "incident.reported" || e.Actor != "system" {
			t.Errorf("first event: %+v", e)
		}
		if i.Summary == "宛先を間違えるところだった" {
			if i.Nearly != incident.Missent || i.Department != "" || len(c.Entries) != 1 || c.Entries[0].Text != "送る前に声に出した\nおかげ" || c.Entries[0].By != access.Unnamed {
				t.Errorf("what was told: %+v, %+v", i, c.Entries)
			}
		} else if i.Summary != "鞄を 置き忘れかけた" || i.Nearly != "" || i.Department != "" || len(c.Entries) != 0 {
			t.Errorf("what was told: %+v, %+v", i, c.Entries)
		}
	}
}

func TestOneAloneInTheBoxWaits(t *testing.T) {
	t.Parallel()
	h := atWork(newHouse(t, nil)) // Friday noon; Monday is a holiday
	h.opened(0)
	h.put("一人だけ")
	h.wait(5 * time.Hour)
	h.opened(0)   // Friday: 1
	for range 5 { // Saturday to Wednesday: 2 and 3
		h.wait(24 * time.Hour)
		h.opened(0)
		h.opened(0) // a day has one opening
	}
	h.wait(24 * time.Hour)
	h.opened(1)
}

func TestSecondInTheBoxFreesTheFirst(t *testing.T) {
	t.Parallel()
	h := atWork(newHouse(t, nil))
	h.opened(0)
	h.put("先に")
	h.wait(5 * time.Hour)
	h.opened(0)
	h.put("後から")
	h.opened(0)
	h.wait(3 * 24 * time.Hour) // Monday, a holiday
	h.opened(0)
	h.wait(24 * time.Hour)
	h.opened(2)
}

// A server that was off at the hour opens the box when it starts, once for all that it missed.
func TestMissedOpeningIsMadeUpFor(t *testing.T) {
	t.Parallel()
	h := atWork(newHouse(t, nil))
	h.opened(0)
	h.put("一")
	h.put("二")
	h.wait(20 * time.Hour) // Saturday morning
	h.opened(2)
	h.put("三")
	h.put("四")
	h.wait(3 * 24 * time.Hour) // Tuesday morning
	h.opened(0)
	h.wait(9 * time.Hour)
	h.opened(2)
}

func TestBoxIsMixed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.opened(0)
	var put, keys []string
	var slips []incident.Slip
	for n := range 14 {
		s := h.put(fmt.Sprint(n))
		slips, put = append(slips, s), append(put, s.Summary)
	}
	slices.SortFunc(slips, func(a, b incident.Slip) int { return strings.Compare(string(a.Key[:]), string(b.Key[:])) })
	for _, s := range slips {
		keys = append(keys, s.Summary)
	}
	h.wait(24 * time.Hour)
	h.opened(14)
	var out []string
	for _, i := range h.boxed() {
		out = append(out, i.Summary)
	}
	if len(out) != 14 || slices.Equal(out, put) || slices.Equal(out, keys) {
		t.Errorf("put in as %v, lay as %v, came out as %v", put, keys, out)
	}
}

func TestTwoServersOpenTheBoxOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.opened(0)
	for n := range 5 {
		h.put(fmt.Sprint(n))
	}
	h.wait(24 * time.Hour)
	servers := []*incident.Service{h.cases, h.open(), h.open()}
	made, errs := make([]int, len(servers)), make([]error, len(servers))
	var wg sync.WaitGroup
	for n, s := range servers {
		wg.Go(func() { made[n], errs[n] = s.OpenBox(context.WithoutCancel(t.Context()), false) })
	}
	wg.Wait()
	sum := 0
	for n := range servers {
		h.must(errs[n])
		sum += made[n]
	}
	if sum != 5 || len(h.boxed()) != 5 {
		t.Errorf("made %v, %d cases", made, len(h.boxed()))
	}
}

func TestBoxTakesNoNonsense(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	err := h.cases.PutInBox(t.Context(), incident.Slip{Nearly: incident.NearMiss, Department: "d_none", Words: strings.Repeat("あ", incident.MaxText+1)})
	bad(t, "nonsense", err, "nearly:fault.unknown_choice", "summary:fault.required", "text:fault.too_long", "department:fault.unknown_choice")
	err = h.cases.PutInBox(t.Context(), incident.Slip{Summary: strings.Repeat("あ", incident.MaxSummary+1)})
	bad(t, "a long line", err, "summary:fault.too_long")
	small := h.put("少人数の課", func(s *incident.Slip) { s.Department = "d_sales1" })
	if got := rows(t, h.db)["inc_box"]; len(got) != 1 || strings.Contains(got[0], "d_sales1") {
		t.Errorf("a small department stands in the box: %v", got)
	}
	h.must(h.cases.PutInBox(t.Context(), small)) // a second press
	if n := len(rows(t, h.db)["inc_box"]); n != 1 {
		t.Errorf("%d in the box after the same form twice", n)
	}
	small.Summary = "書き直した"
	refused(t, "the same form with other words", h.cases.PutInBox(t.Context(), small), fault.Conflict, "fault.idempotency_mismatch")
	for n := range incident.MaxInBox - 1 {
		h.put(fmt.Sprint(n))
	}
	refused(t, "a full box", h.cases.PutInBox(t.Context(), incident.Slip{Key: incident.NewBoxKey(), Summary: "もう1件"}), fault.TooMany, "fault.box_full")
	if n := len(rows(t, h.db)["inc_box"]); n != incident.MaxInBox {
		t.Errorf("%d in the full box", n)
	}
	if _, ok := incident.ParseBoxKey("x"); ok {
		t.Error("a key of one letter")
	}
	if k := incident.NewBoxKey(); k == (incident.BoxKey{}) {
		t.Error("an empty key")
	} else if same, ok := incident.ParseBoxKey(k.String()); !ok || same != k {
		t.Errorf("key %v is read as %v", k, same)
	}
}

// Nobody is the reporter of what came out of the box: nobody sees it as theirs, and nobody
// can be told or thanked; all else is done as with any case.
func TestBoxedCaseHasNoReporter(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *directory.Org) {
		p := o.People["per_emp"]
		o.People["per_pm2"] = directory.Person{ID: "per_pm2", Number: "0025", Family: "守", Given: "次郎", Department: "d_gen", Email: "mori2@aoba.example", Lang: "ja", Verified: p.Verified}
		o.Duties = append(o.Duties, directory.Assignment{Duty: access.ProtectionManager, Person: "per_pm2", From: directorytest.Noon().AddDate(-1, 0, 0)})
	})
	h.opened(0)
	h.put("一", func(s *incident.Slip) { s.Department = "d_gen" })
	h.put("二")
	h.wait(24 * time.Hour)
	h.opened(2)
	got := h.boxed()
	one, two, pm := got[0], got[1], h.as("per_pm")
	for _, by := range []access.Actor{{}, {Person: "", Via: access.BySession}, access.Outside(one.ID), access.Outside("")} {
		if c, err := h.cases.Case(t.Context(), by, one.ID); err == nil {
			t.Errorf("%+v sees it: %+v", by, c)
		}
	}
	for _, p := range []string{"per_emp", "per_gen", "per_it"} {
		_, err := h.cases.Case(t.Context(), h.as(p), one.ID)
		refused(t, p, err, fault.NotFound, "fault.not_found")
	}
	_, err := h.cases.Say(t.Context(), pm, one.ID, "ありがとうございます")
	refused(t, "words to nobody", err, fault.Conflict, "fault.box_nobody")
	h.must(h.cases.Merge(t.Context(), pm, two.ID, one.ID, "同じこと"))
	h.must(h.cases.Unmerge(t.Context(), pm, two.ID, "違った"))
	h.answer(one)
	h.must(h.cases.AddNote(t.Context(), pm, one.ID, "控え"))
	h.must(h.cases.AskClose(t.Context(), pm, one.ID, "共有した"))
	second := h.as("per_pm2")
	refused(t, "thanks to nobody", h.cases.ConfirmClose(t.Context(), second, one.ID, "ありがとう"), fault.Conflict, "fault.box_nobody")
	h.must(h.cases.ConfirmClose(t.Context(), second, one.ID, ""))
	h.must(h.cases.Reopen(t.Context(), pm, one.ID, "また起きかけた"))
	for _, l := range rows(t, h.db)["ntc_letter"] {
		t.Errorf("a letter about it: %s", l)
	}
	if c := h.see(one, pm); c.Incident.Teller() != access.Unnamed || c.Incident.Status != incident.Investigating {
		t.Errorf("%+v", c.Incident)
	}
}

// However long nobody answers, no supervisor is told of what came out of the box: they would
// look around for who it was.
func TestNoSupervisorHearsOfTheBox(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.opened(0)
	h.put("一", func(s *incident.Slip) { s.Department = "d_gen" }) // its head is per_gen
	h.put("二")
	h.wait(24 * time.Hour)
	h.opened(2)
	for range 20 {
		h.wait(24 * time.Hour)
		_, err := h.notice.FireDue(t.Context())
		h.must(err)
	}
	for _, i := range h.boxed() {
		c := h.see(i, h.as("per_pm"))
		if c.Tracks[0].Level < 2 && c.Tracks[0].Pass == 0 {
			t.Errorf("%s never came to its last level: %+v", i.Summary, c.Tracks[0])
		}
		for _, told := range c.Told {
			if told.Person != "per_pm" && told.Person != "per_it" && told.Person != "per_dep" {
				t.Errorf("%s of %q: told %s", i.Summary, i.Department, told.Person)
			}
		}
	}
}

func TestNearlyIsOfNearMissesAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := h.report(incident.NearMiss, "per_gen", func(r *incident.Report) { r.Nearly = incident.Lost })
	c := h.see(i, h.as("per_pm"))
	if c.Nearly != incident.Lost || !strings.Contains(string(c.History[0].Data), `"nearly":"lost"`) {
		t.Errorf("%+v\n%s", c.Incident, c.History[0].Data)
	}
	ts, err := h.cases.Tallies(t.Context(), h.as("per_gen"))
	h.must(err)
	if len(ts) != 1 || ts[0].Nearly != incident.Lost || ts[0].Department != "" {
		t.Errorf("tallies %+v", ts)
	}
	for kind, nearly := range map[incident.Kind]incident.Kind{incident.NearMiss: "near_miss", incident.Lost: "lost", incident.Virus: "x"} {
		_, err := h.cases.Report(t.Context(), h.as("per_gen"), incident.Report{Kind: kind, Nearly: nearly, Summary: "x", Channel: "web"})
		bad(t, string(kind), err, "nearly:fault.unknown_choice")
	}
}
