package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

func TestReportIsChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	known := func(minutes int) incident.Moment {
		return incident.Moment{At: h.clock().Add(time.Duration(minutes) * time.Minute), Known: true}
	}
	for _, tt := range []struct {
		name   string
		change func(*incident.Report)
		want   []string // nil: accepted
	}{
		{"two words are enough", func(r *incident.Report) {}, nil},
		{"nothing", func(r *incident.Report) { *r = incident.Report{} }, []string{"kind:fault.required", "summary:fault.required"}},
		{"unknown kind", func(r *incident.Report) { r.Kind = "fire" }, []string{"kind:fault.unknown_choice"}},
		{"only white space", func(r *incident.Report) { r.Summary = " \u3000\t\n\x00" }, []string{"summary:fault.required"}},
		{"200 characters", func(r *incident.Report) { r.Summary = strings.Repeat("𠮷", 200) }, nil},
		{"201 characters", func(r *incident.Report) { r.Summary = strings.Repeat("𠮷", 201) }, []string{"summary:fault.too_long"}},
		{"long key", func(r *incident.Report) { r.Key = strings.Repeat("k", 101) }, []string{"key:fault.too_long"}},
		{"for nobody", func(r *incident.Report) { r.OnBehalf = "per_none" }, []string{"on_behalf:fault.unknown_person"}},
		{"for a leaver", func(r *incident.Report) { r.OnBehalf = "per_old" }, []string{"on_behalf:fault.unknown_person"}},
		{"left out: nobody", func(r *incident.Report) { r.LeaveOut = []string{"per_none"} }, []string{"leave_out:fault.unknown_person"}},
		{"left out: oneself", func(r *incident.Report) { r.LeaveOut = []string{"per_emp"} }, []string{"leave_out:fault.leave_out_self"}},
		{"left out: the finder", func(r *incident.Report) { r.OnBehalf, r.LeaveOut = "per_gen", []string{"per_gen"} }, []string{"leave_out:fault.leave_out_self"}},
		{"left out: six", func(r *incident.Report) {
			r.LeaveOut = []string{"per_pm", "per_it", "per_aud", "per_gen", "per_pres", "per_sales"}
		}, []string{"leave_out:fault.too_many_items"}},
		{"left out: a leaver", func(r *incident.Report) { r.LeaveOut = []string{"per_old"} }, nil},
		{"happened tomorrow", func(r *incident.Report) { r.Occurred = known(6) }, []string{"occurred:fault.in_future"}},
		{"noticed tomorrow", func(r *incident.Report) { r.Discovered = known(6) }, []string{"discovered:fault.in_future"}},
		{"a PC's clock ahead", func(r *incident.Report) { r.Occurred, r.Discovered = known(5), known(5) }, nil},
		{"noticed before it happened", func(r *incident.Report) { r.Occurred, r.Discovered = known(-1), known(-2) }, []string{"occurred:fault.after_discovery"}},
		{"happened, noticed: unknown", func(r *incident.Report) {
			r.Occurred, r.Discovered = incident.Moment{At: h.clock().Add(time.Hour)}, known(-2)
		}, nil},
	} {
		r := incident.Report{Kind: incident.Lost, Summary: "x"}
		tt.change(&r)
		before, err := h.cases.Find(t.Context(), h.as("per_pm"), incident.Query{})
		h.must(err)
		_, err = h.cases.Report(t.Context(), h.as("per_emp"), r)
		if tt.want == nil {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		bad(t, tt.name, err, tt.want...)
		after, err := h.cases.Find(t.Context(), h.as("per_pm"), incident.Query{})
		h.must(err)
		same(t, tt.name+" stores nothing", len(before.Rows), len(after.Rows))
	}
	_, err := h.cases.Report(t.Context(), access.Actor{}, incident.Report{Kind: incident.Lost, Summary: "x"})
	refused(t, "signed out", err, fault.Unauthenticated, "fault.unauthenticated")
}

func TestReportKeepsWhatWasTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	at := func(m int) incident.Moment {
		return incident.Moment{At: h.clock().Add(time.Duration(m) * time.Minute), Known: true}
	}
	i := h.report(incident.Virus, "per_emp", func(r *incident.Report) {
		r.Summary = "  画面が\x1b[31m 赤い\r\nBcc: x@aoba.example\u2028\u3000𠮷\x00\xff "
		r.OnBehalf, r.LeaveOut, r.Occurred, r.Discovered, r.Demo, r.Channel = "per_gen", []string{"per_it", "per_dep", "per_it"}, at(-9), at(-8), true, "cli"
	})
	same(t, "one line without control characters", "画面が [31m 赤い Bcc: x@aoba.example 𠮷", i.Summary)
	got, err := h.db.Incident(t.Context(), i.Label)
	h.must(err)
	same(t, "as stored", i, got)
	same(t, "case", &incident.Incident{ID: i.ID, Year: 2026, Number: 1, Label: "INC-2026-0001", Kind: incident.Virus, Urgency: notice.Urgent, Summary: i.Summary,
		Reporter: "per_emp", OnBehalf: "per_gen", Department: "d_gen", Channel: "cli", LeftOut: []string{"per_dep", "per_it"}, Occurred: at(-9), Discovered: at(-8),
		Reported: h.clock(), Status: incident.Received, StepList: 1, Demo: true}, got)
	own := h.report(incident.Lost, "per_emp", func(r *incident.Report) { r.OnBehalf = "per_emp" })
	same(t, "on behalf of oneself", "", own.OnBehalf)
	same(t, "the second number", "INC-2026-0002", own.Label)
	h.wait(41*24*time.Hour + 11*time.Hour + 59*time.Minute) // 31 December, 23:59 in Japan
	same(t, "the last of the year", "INC-2026-0003", h.report(incident.Lost, "per_emp", nil).Label)
	h.wait(time.Minute)
	same(t, "the first of the next, in Japan's time", "INC-2027-0001", h.report(incident.Lost, "per_emp", nil).Label)
}

func TestEachKind(t *testing.T) {
	t.Parallel()
	if len(incident.Kinds()) != 10 {
		t.Fatalf("%d kinds", len(incident.Kinds()))
	}
	for _, k := range incident.Kinds() {
		if n := len(k.Questions()); n < 2 || n > 3 || !k.Valid() || len(incident.DefaultSteps(k).Items) < 3 {
			t.Errorf("%s has %d questions", k, n)
		}
		if has := slices.Contains(k.Receivers(), notice.ITAdmin); has != k.Technical() || len(k.Receivers()) < 2 {
			t.Errorf("%s tells %v", k, k.Receivers())
		}
	}
	if incident.Kind("x").Valid() || incident.Kind("x").Questions() != nil {
		t.Error("an eleventh kind")
	}
}

// Ten presses with one key are one case with one set of notices.
func TestReportOncePerKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	r := incident.Report{Kind: incident.Lost, Summary: "スマホ", Key: "k1"}
	ids := make([]string, 10)
	var wg sync.WaitGroup
	for n := range ids {
		wg.Go(func() {
			i, err := h.cases.Report(t.Context(), h.as("per_emp"), r)
			if err != nil {
				t.Error(err)
				return
			}
			ids[n] = i.ID
		})
	}
	wg.Wait()
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("cases %v", ids)
	}
	ts, _, as, err := h.db.TracksOf(t.Context(), ids[0])
	h.must(err)
	same(t, "tracks and notices", [2]int{2, 2}, [2]int{len(ts), len(as)})
	other, err := h.cases.Report(t.Context(), h.as("per_gen"), r)
	h.must(err)
	same(t, "another's same key", 2, other.Number)
	r.Summary = "鍵"
	_, err = h.cases.Report(t.Context(), h.as("per_emp"), r)
	refused(t, "the key of another report", err, fault.Conflict, "fault.idempotency_mismatch")
	for n := range 2 {
		same(t, "without key each is its own", 3+n, h.report(incident.Lost, "per_emp", nil).Number)
	}
}

// An auditor reports like everyone, adds to that report, and changes nothing else.
func TestAuditorReportsButChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	aud := h.as("per_aud")
	own := h.report(incident.Lost, "per_aud", nil)
	if _, err := h.cases.AddFact(t.Context(), aud, own.ID, incident.Addition{Text: "電車の中"}); err != nil {
		t.Errorf("adds to the own report: %v", err)
	}
	if _, err := h.cases.AddEvidence(t.Context(), aud, own.ID, incident.Upload{Name: "a.txt", Body: strings.NewReader("x")}); err != nil {
		t.Errorf("adds a file to it: %v", err)
	}
	found := h.report(incident.Lost, "per_emp", func(r *incident.Report) { r.OnBehalf = "per_aud" })
	if _, err := h.cases.AddEvidence(t.Context(), aud, found.ID, incident.Upload{Name: "a.txt", Body: strings.NewReader("x")}); err != nil {
		t.Errorf("adds a file to what they found: %v", err)
	}
	other := h.report(incident.Lost, "per_emp", nil)
	h.must(ignore(h.cases.Case(t.Context(), aud, other.ID)))
	before := len(h.kinds(other))
	for name, err := range map[string]error{
		"fact":     ignore(h.cases.AddFact(t.Context(), aud, other.ID, incident.Addition{Text: "x"})),
		"file":     ignore(h.cases.AddEvidence(t.Context(), aud, other.ID, incident.Upload{Name: "a", Body: strings.NewReader("x")})),
		"note":     h.cases.AddNote(t.Context(), aud, other.ID, "x"),
		"own note": h.cases.AddNote(t.Context(), aud, own.ID, "x"),
		"step":     h.cases.SetStep(t.Context(), aud, other.ID, "1", true),
		"status":   h.cases.SetStatus(t.Context(), aud, other.ID, incident.Confirming, "x"),
		"assign":   h.cases.Assign(t.Context(), aud, other.ID, "per_it"),
		"close":    h.cases.AskClose(t.Context(), aud, other.ID, "x"),
		"confirm":  h.cases.ConfirmClose(t.Context(), aud, other.ID, ""),
		"refuse":   h.cases.RefuseClose(t.Context(), aud, other.ID, "x"),
		"steps":    h.cases.SetSteps(t.Context(), aud, incident.Lost, []incident.Step{{Text: "x"}}),
		"erase":    ignore(h.cases.EraseExpired(t.Context(), aud)),
	} {
		refused(t, name, err, fault.Denied, "fault.auditor_readonly")
	}
	same(t, "events", before, len(h.kinds(other)))
	same(t, "what is kept", 2, len(h.shelf.kept))
}

func ignore[T any](_ T, err error) error { return err }

func TestTallies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, p := range []string{"per_emp", "per_emp", "per_gen", "per_emp", "per_sales"} {
		h.report(incident.NearMiss, p, nil)
	}
	h.wait(7 * 24 * time.Hour)
	h.report(incident.NearMiss, "per_emp", nil)
	ts, err := h.cases.Tallies(t.Context(), h.as("per_gen"))
	h.must(err)
	monday := time.Date(2026, 11, 16, 0, 0, 0, 0, jst)
	// Too small a department to stand under its own name, as is the one above it; and so few are in them that the large
	// one is counted with them.
	same(t, "tallies", []incident.Tally{{Week: monday, Kind: incident.NearMiss, N: 5},
		{Week: monday.AddDate(0, 0, 7), Kind: incident.NearMiss, N: 1}}, ts)
	h.wait(12 * 7 * 24 * time.Hour)
	ts, err = h.cases.Tallies(t.Context(), h.as("per_gen"))
	h.must(err)
	same(t, "thirteen weeks", 1, len(ts))
	if _, err := h.cases.Tallies(t.Context(), access.Actor{}); err == nil {
		t.Error("for nobody")
	}
}

func TestFindChecksItsFilters(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, err := h.cases.Find(t.Context(), h.as("per_pm"), incident.Query{Kinds: []incident.Kind{"x"}, Statuses: []incident.Status{"y"}, Text: strings.Repeat("あ", 101)})
	bad(t, "filters", err, "kind:fault.unknown_choice", "status:fault.unknown_choice", "q:fault.too_long")
	_, err = h.cases.Find(t.Context(), access.Actor{}, incident.Query{})
	refused(t, "signed out", err, fault.Unauthenticated, "fault.unauthenticated")
	token := h.as("per_pm")
	token.Via, token.Scopes = access.ByToken, []access.Permission{access.Report}
	_, err = h.cases.Find(t.Context(), token, incident.Query{})
	refused(t, "a token that may only report", err, fault.Denied, "fault.scope")
	for n := range 51 {
		h.report(incident.NearMiss, "per_emp", func(r *incident.Report) { r.Summary = fmt.Sprint(n) })
	}
	p, err := h.cases.Find(t.Context(), h.as("per_emp"), incident.Query{Limit: 1000, All: true, Person: "per_pm", Text: "  "})
	h.must(err)
	if len(p.Rows) != 50 || p.Next == "" {
		t.Errorf("%d rows, next %q", len(p.Rows), p.Next)
	}
	p, err = h.cases.Find(t.Context(), h.as("per_gen"), incident.Query{All: true, Person: "per_emp", Technical: true})
	h.must(err)
	same(t, "a scope from outside is not believed", 0, len(p.Rows))
}
