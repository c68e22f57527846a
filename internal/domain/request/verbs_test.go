package request_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
)

func TestSubmit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.Manager), nil)
	ctx, emp := t.Context(), h.as("per_emp")
	r := h.submit("per_emp", "201")
	same(t, "label", "REQ-2026-0001", r.Label)
	same(t, "title", "鍵 201", r.Title)
	same(t, "deadline", monday().Add(14*day), r.Deadline)
	same(t, "timer", monday().Add(day), r.NextFire)
	same(t, "next number", "REQ-2026-0002", h.submit("per_sales", "202").Label)
	same(t, "letters", []string{"request.decide per_pres", "request.decide per_sales"}, h.post())

	n := request.New{Kind: "key", Form: json.RawMessage(`{ "room" : "203" }`), Key: "k1"}
	first, err := h.Submit(ctx, emp, n)
	h.must(err)
	n.Form = json.RawMessage(`{"room":""}`) // which would be refused by now
	again, err := h.Submit(ctx, emp, n)
	h.must(err)
	same(t, "the same key is the same request", first.ID, again.ID)
	n.Form = json.RawMessage(`{"room":"203"}`)
	other, err := h.Submit(ctx, h.as("per_gen"), n)
	h.must(err)
	if other.ID == first.ID {
		t.Error("somebody else's key gave the first one's request")
	}

	_, err = h.Submit(ctx, emp, request.New{Kind: "car", Form: json.RawMessage(`{}`), Key: strings.Repeat("k", 101)})
	bad(t, "unknown kind", err, "kind:fault.unknown_choice", "key:fault.too_long")
	_, err = h.Submit(ctx, emp, request.New{Kind: "key", Form: json.RawMessage(`{}`)})
	bad(t, "what the kind refuses", err, "room:fault.required")
	_, err = h.Submit(ctx, emp, request.New{Kind: "key", Form: json.RawMessage(`{"room":`)})
	refused(t, "no JSON", err, "fault.bad_json")
	_, err = h.Submit(ctx, emp, request.New{Kind: "key", Form: json.RawMessage(`{"room":"` + strings.Repeat("a", 16<<10) + `"}`)})
	refused(t, "too large", err, "fault.too_large")
	_, err = h.Submit(ctx, emp, request.New{Kind: "key", Form: json.RawMessage(`{"room":"a","until":"2026-11-16T02:59:00Z"}`)})
	bad(t, "over before it begins", err, "until:fault.in_past")

	for name, by := range map[string]access.Actor{"auditor": h.as("per_aud"), "link": {Person: "per_emp", Via: access.ByLink}, "PC": {Person: "per_emp", Via: access.ByDevice},
		"the program": access.System(), "one who left": {Person: "per_old", Via: access.BySession}, "nobody": {},
		"token without scope": {Person: "per_emp", Via: access.ByToken, Scopes: []access.Permission{access.Decide}}} {
		if _, err := h.Submit(ctx, by, request.New{Kind: "key", Form: json.RawMessage(`{"room":"a"}`)}); err == nil {
			t.Errorf("%s submitted", name)
		}
	}
}

func TestTooManyOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	for n := range 100 {
		h.submit("per_emp", fmt.Sprint(n))
	}
	_, err := h.Submit(t.Context(), h.as("per_emp"), request.New{Kind: "key", Form: json.RawMessage(`{"room":"a"}`)})
	refused(t, "the 101st", err, "request.too_many_open")
}

// TestNobodyDecidesTheirOwn tries every door.
func TestNobodyDecidesTheirOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.Manager), func(o *directory.Org) {
		away(o, "per_sales")
		deputy(o, "per_sales", "per_emp")
		deputy(o, "per_sales", "per_dep")
	})
	r := h.submit("per_emp", "a")
	same(t, "asked", []string{"per_dep for per_sales"}, asked(r.Steps[0]))
	pmOwn := h.submit("per_pm", "b") // asks per_gen, then would ask the manager

	session := h.as("per_emp")
	link, token, all := session, session, session
	link.Via = access.ByLink
	token.Via, token.Scopes = access.ByToken, []access.Permission{access.Submit, access.Decide}
	all.Duties = access.Duties()[:3]
	_, err := h.decideAs(link, r, request.Approve)
	refused(t, "by a link", err, "fault.not_found") // which shows nobody their own
	for name, by := range map[string]access.Actor{"directly": session, "by a token": token, "with every duty": all} {
		_, err := h.decideAs(by, r, request.Approve)
		refused(t, name, err, "fault.own_not_allowed")
	}
	_, err = h.decideAs(access.System(), r, request.Approve)
	refused(t, "as the program", err, "request.not_asked")
	if _, err := h.decide("per_pm", pmOwn, request.Approve); err == nil {
		t.Error("the protection manager decided their own")
	}

	// The link in another person's letter is that person's, for that request.
	for _, l := range h.letters() {
		by, about, err := h.Follow(t.Context(), l.ID)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the letter's person", l.Person, by.Person)
		same(t, "the letter's request", l.About, about.ID)
		for _, own := range []*request.Request{r, pmOwn} {
			if own.ID == about.ID || own.By != by.Person {
				continue
			}
			if _, err := h.decideAs(by, own, request.Approve); err == nil {
				t.Errorf("%s decided their own by the link of another request", by.Person)
			}
		}
	}
	dep := h.as("per_dep")
	dep.Via, dep.Scopes = access.ByToken, []access.Permission{access.Submit}
	_, err = h.decideAs(dep, r, request.Approve)
	refused(t, "a token without the scope", err, "fault.scope")
	dep.Via, dep.Scopes = access.ByDevice, nil
	_, err = h.decideAs(dep, r, request.Approve)
	refused(t, "the person's PC", err, "fault.denied")
	_, err = h.decide("per_aud", r, request.Approve)
	refused(t, "the auditor", err, "fault.auditor_readonly")
	_, err = h.decide("per_it", r, request.Approve)
	refused(t, "who was not asked", err, "fault.not_found")

	// Later the applicant gets the post, and still may not.
	h.change(func(tx directory.Tx) error {
		return tx.ReplaceDuties(t.Context(), []directory.Assignment{{Duty: access.ProtectionManager, Person: "per_emp", From: monday()}, {Duty: access.ProtectionManager, Person: "per_pm", From: monday()}})
	})
	r = h.approve("per_dep", r)
	same(t, "the manager's step", []string{"per_pm"}, asked(r.Steps[1]))
	_, err = h.decide("per_emp", r, request.Approve)
	refused(t, "as the new manager", err, "fault.own_not_allowed")
}

func TestDecide(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.Manager), nil)
	ctx, sales := t.Context(), h.as("per_sales")
	r := h.submit("per_emp", "a")
	d := request.Decision{Request: r.ID, Verdict: request.Approve, Digest: request.Digest(r), Path: "web"}

	_, err := h.Decide(ctx, sales, request.Decision{Request: r.ID, Verdict: "maybe", Note: strings.Repeat("長", 1001), Path: "dream"})
	bad(t, "every mistake", err, "verdict:fault.unknown_choice", "note:fault.too_long", "digest:fault.required", "path:fault.unknown_choice")
	for _, v := range []request.Verdict{request.Refuse, request.SendBack} {
		_, err = h.Decide(ctx, sales, request.Decision{Request: r.ID, Verdict: v, Digest: d.Digest, Path: "web"})
		bad(t, string(v)+" without a reason", err, "note:fault.required")
	}
	wrong := d
	wrong.Digest = strings.Repeat("0", 64)
	_, err = h.Decide(ctx, sales, wrong)
	refused(t, "about something else", err, "request.changed")
	_, err = h.Decide(ctx, h.as("per_pm"), d)
	refused(t, "not yet", err, "request.not_asked")
}

// TestStepDecided: who comes second is told so.
func TestStepDecided(t *testing.T) {
	t.Parallel()
	c := chain(request.ITAdmin, request.Manager)
	c.Steps = append(c.Steps, request.Rule{Role: request.Approver, Need: request.All})
	h := newHouse(t, c, func(o *directory.Org) {
		duty(o, access.ITAdmin, "per_dep")
		duty(o, access.Approver, "per_gen")
	})
	r := h.submit("per_emp", "a")
	h.approve("per_it", r)
	_, err := h.decide("per_dep", r, request.Approve)
	refused(t, "the other of one", err, "request.step_decided")
	h.approve("per_pm", r)
	h.approve("per_gen", r)
	_, err = h.decide("per_gen", r, request.Refuse)
	refused(t, "once more, and otherwise", err, "request.step_decided")
	if v := h.get("per_gen", r); v.MayDecide || v.MayAsk {
		t.Error("may decide twice")
	}
	same(t, "state", request.Approved, h.approve("per_pres", r).State)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.Manager), nil)
	ctx, sales := t.Context(), h.as("per_sales")
	r := h.submit("per_emp", "a")
	d := request.Decision{Request: r.ID, Verdict: request.Approve, Digest: request.Digest(r), Path: "link"}
	for range 3 {
		_, err := h.Decide(ctx, sales, d)
		h.must(err)
	}
	before := h.events(r)
	h.approve("per_pm", r)
	out, err := h.Decide(ctx, sales, d)
	h.must(err)
	same(t, "replayed after the end", request.Approved, out.State)
	same(t, "one stamp", 1, len(out.Steps[0].Stamps))
	same(t, "events", len(before)+2, len(h.events(r))) // stamped, approved
	d.Verdict, d.Note = request.Refuse, "やはり"
	_, err = h.Decide(ctx, sales, d)
	refused(t, "another verdict afterwards", err, "request.is_approved")
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.ITAdmin, request.Manager), func(o *directory.Org) { duty(o, access.ITAdmin, "per_dep") })
	r := h.submit("per_emp", "a")
	h.post()
	r, err := h.decide("per_it", r, request.Refuse)
	h.must(err)
	same(t, "state", request.Refused, r.State)
	same(t, "reason", "理由", r.Reason)
	same(t, "steps", []request.StepState{request.StepEnded, request.StepLater}, states(r))
	same(t, "no timer", true, r.NextFire.IsZero())
	same(t, "letters", []string{"request.refused per_emp"}, h.post())
	_, err = h.decide("per_dep", r, request.Approve)
	refused(t, "the other's approval", err, "request.is_refused")
	_, err = h.Mend(t.Context(), h.as("per_emp"), r.ID, json.RawMessage(`{"room":"b"}`), 1)
	refused(t, "mended", err, "request.is_refused")
	refused(t, "withdrawn", h.Withdraw(t.Context(), h.as("per_emp"), r.ID, ""), "request.is_refused")
}

// TestLettersAreCalledOff: a letter about a decided step does not go out.
func TestLettersAreCalledOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.ITAdmin, request.Manager), func(o *directory.Org) { duty(o, access.ITAdmin, "per_dep") })
	r := h.submit("per_emp", "a")
	h.approve("per_it", r) // before the post was taken away
	same(t, "letters", []string{"request.decide per_pm"}, h.post())
}

func TestSendBackAndMend(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.Manager), nil)
	ctx, emp := t.Context(), h.as("per_emp")
	r := h.submit("per_emp", "a")
	old := request.Decision{Request: r.ID, Verdict: request.Approve, Digest: request.Digest(r), Path: "web"}
	h.approve("per_sales", r)
	r, err := h.decide("per_pm", r, request.SendBack)
	h.must(err)
	same(t, "state", request.Returned, r.State)
	h.post()
	_, err = h.decide("per_pm", r, request.Approve)
	refused(t, "decided while returned", err, "request.is_returned")
	if v := h.get("per_emp", r); !v.MayMend {
		t.Error("the applicant may not mend")
	}

	_, err = h.Mend(ctx, emp, r.Label, json.RawMessage(`{"room":""}`), 1)
	bad(t, "a wrong form", err, "room:fault.required")
	_, err = h.Mend(ctx, emp, r.Label, json.RawMessage(`{"room":"b"}`), 2)
	refused(t, "of another revision", err, "request.changed")
	_, err = h.Mend(ctx, h.as("per_pm"), r.Label, json.RawMessage(`{"room":"b"}`), 1)
	refused(t, "by another", err, "request.not_yours")
	_, err = h.Mend(ctx, h.as("per_it"), r.Label, json.RawMessage(`{"room":"b"}`), 1)
	refused(t, "by a stranger", err, "fault.not_found")

	h.wait(day)
	r, err = h.Mend(ctx, emp, r.Label, json.RawMessage(`{"room":"b"}`), 1)
	h.must(err)
	same(t, "steps", []request.StepState{request.StepOpen, request.StepLater}, states(r))
	same(t, "every stamp is void", 0, len(r.Steps[0].Stamps)+len(r.Steps[1].Stamps))
	same(t, "deadline", monday().Add(15*day), r.Deadline)
	same(t, "letters", []string{"request.decide per_sales"}, h.post())
	_, err = h.Decide(ctx, h.as("per_sales"), old)
	refused(t, "an old decision", err, "request.changed")
	if v := h.get("per_pm", r); v.MayDecide {
		t.Error("asked on the earlier revision, and may decide this one at once")
	}

	// While it waits it can be mended as well: the stamp of the first step is void.
	h.approve("per_sales", r)
	r, err = h.Mend(ctx, emp, r.Label, json.RawMessage(`{"room":"c"}`), 2)
	h.must(err)
	same(t, "who was asked first is asked again", []string{"per_sales"}, asked(*r.Open()))
	same(t, "letters", []string{"request.decide per_sales"}, h.post())
}

func TestQuestionAndAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	ctx, emp, sales := t.Context(), h.as("per_emp"), h.as("per_sales")
	r := h.submit("per_emp", "a")
	h.post()
	refused(t, "the applicant asks", h.Ask(ctx, emp, r.ID, "?"), "fault.own_not_allowed")
	refused(t, "a stranger asks", h.Ask(ctx, h.as("per_it"), r.ID, "?"), "fault.not_found")
	refused(t, "a reader asks", h.Ask(ctx, h.as("per_pm"), r.ID, "?"), "request.not_asked")
	bad(t, "nothing", h.Ask(ctx, sales, r.ID, " "), "text:fault.required")
	bad(t, "too long", h.Ask(ctx, sales, r.ID, strings.Repeat("長", 1001)), "text:fault.too_long")
	h.must(h.Ask(ctx, sales, r.ID, "いつまで使いますか"))
	same(t, "letters", []string{"request.question per_emp"}, h.post())
	h.wait(time.Second)
	refused(t, "the approver answers", h.Reply(ctx, sales, r.ID, "!"), "request.not_yours")
	h.must(h.Reply(ctx, emp, r.ID, "金曜までです"))
	same(t, "letters", []string{"request.answer per_sales"}, h.post())
	v := h.get("per_emp", r)
	same(t, "words", []string{"per_sales true いつまで使いますか", "per_emp false 金曜までです"}, func() (out []string) {
		for _, w := range v.Words {
			out = append(out, fmt.Sprint(w.By, " ", w.Question, " ", w.Text))
		}
		return out
	}())
	same(t, "nothing starts again", []request.StepState{request.StepOpen}, states(v.Request))
	for _, e := range h.history(r) {
		if strings.Contains(string(e.Data), "金曜") || strings.Contains(string(e.Data), "使い") {
			t.Errorf("the record holds the words: %s", e.Data)
		}
	}
	for range 98 {
		h.must(h.Reply(ctx, emp, r.ID, "補足"))
	}
	refused(t, "the 101st word", h.Reply(ctx, emp, r.ID, "補足"), "request.too_many_words")
	h.approve("per_sales", r)
	refused(t, "after the end", h.Reply(ctx, emp, r.ID, "補足"), "request.too_many_words")
	refused(t, "asked after the end", h.Ask(ctx, sales, r.ID, "?"), "request.too_many_words")
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	ctx, emp := t.Context(), h.as("per_emp")
	r := h.submit("per_emp", "a")
	bad(t, "too long", h.Withdraw(ctx, emp, r.ID, strings.Repeat("長", 1001)), "reason:fault.too_long")
	refused(t, "by another", h.Withdraw(ctx, h.as("per_sales"), r.ID, ""), "request.not_yours")
	h.must(h.Withdraw(ctx, emp, r.ID, "不要になった"))
	h.must(h.Withdraw(ctx, emp, r.ID, "二度目"))
	same(t, "reason", "不要になった", h.get("per_emp", r).Reason)
	same(t, "no letter goes out", []string(nil), h.post())
	_, err := h.decide("per_sales", r, request.Approve)
	refused(t, "decided afterwards", err, "request.is_withdrawn")

	r = h.submit("per_emp", "b")
	h.approve("per_sales", r)
	h.must(h.Withdraw(ctx, emp, r.ID, "")) // an approval that nothing was made of
	same(t, "state", request.Withdrawn, h.get("per_emp", r).State)
}

func TestUse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	ctx := t.Context()
	use := func(r *request.Request, what string) error {
		return h.db.UpdateRequests(ctx, func(tx request.Tx) error {
			a := tx.(request.Approvals)
			held, err := a.UseApproval(ctx, r.Label)
			if err != nil {
				return err
			}
			return request.Use(ctx, a, held, what, "per_it", h.clock())
		})
	}
	r := h.submit("per_emp", "a")
	refused(t, "not approved", use(r, "thg_1"), "request.not_approved")
	h.approve("per_sales", r)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for n := range errs {
		wg.Go(func() { errs[n] = use(r, fmt.Sprintf("thg_%d", n)) })
	}
	wg.Wait()
	used := 0
	for _, err := range errs {
		if err == nil {
			used++
		} else {
			refused(t, "the second use", err, "request.is_used")
		}
	}
	same(t, "used once", 1, used)
	if got := h.get("per_emp", r); got.UsedBy == "" || !slices.Contains(h.events(r), "request.used") {
		t.Errorf("used by %q, %v", got.UsedBy, h.events(r))
	}
	refused(t, "withdrawn when used", h.Withdraw(ctx, h.as("per_emp"), r.ID, ""), "request.is_used")

	late, err := h.Submit(ctx, h.as("per_emp"), request.New{Kind: "key", Form: json.RawMessage(`{"room":"b","until":"2026-11-18T00:00:00Z"}`)})
	h.must(err)
	h.approve("per_sales", late)
	h.wait(3 * day)
	refused(t, "too late", use(late, "thg_2"), "request.is_expired")
}

// TestAtOnce: of those who act at the same moment one comes first, and the others are
// told what happened.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.ITAdmin), func(o *directory.Org) { duty(o, access.ITAdmin, "per_dep") })
	ctx := t.Context()
	for n := range 10 {
		r := h.submit("per_emp", fmt.Sprint(n))
		d := request.Decision{Request: r.ID, Note: "理由", Digest: request.Digest(r), Path: "web"}
		var wg sync.WaitGroup
		var approved, refusal, withdrawn error
		it, dep, emp := h.as("per_it"), h.as("per_dep"), h.as("per_emp")
		wg.Go(func() {
			d := d
			d.Verdict = request.Approve
			_, approved = h.Decide(ctx, it, d)
		})
		wg.Go(func() {
			d := d
			d.Verdict = request.Refuse
			_, refusal = h.Decide(ctx, dep, d)
		})
		if n%2 == 0 {
			wg.Go(func() { withdrawn = h.Withdraw(ctx, emp, r.ID, "") })
		}
		wg.Wait()
		end := h.get("per_emp", r).State
		for _, x := range []struct {
			err  error
			made request.State
		}{{approved, request.Approved}, {refusal, request.Refused}} {
			if x.err == nil && (end == x.made || end == request.Withdrawn && x.made == request.Approved) {
				continue
			}
			if f := fault.As(x.err); f == nil || f.Kind != fault.Conflict {
				t.Errorf("end %s: %s gave %v", end, x.made, x.err)
			}
		}
		if f := fault.As(withdrawn); withdrawn != nil && (f == nil || f.Kind != fault.Conflict) {
			t.Errorf("withdrawn: %v", withdrawn)
		}
		if approved == nil && refusal == nil {
			t.Errorf("approved and refused: %s", end)
		}
	}
}

// TestWhoSees: what one may not see looks as if it did not exist.
func TestWhoSees(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.ITAdmin), func(o *directory.Org) {
		away(o, "per_sales")
		deputy(o, "per_sales", "per_dep")
	})
	r := h.submit("per_emp", "a")
	for person, sees := range map[string]bool{"per_emp": true, "per_dep": true, "per_sales": true, "per_pm": true, "per_aud": true,
		"per_it": false, "per_gen": false, "per_pres": false} {
		_, err := h.Get(t.Context(), h.as(person), r.ID)
		if sees && err != nil || !sees && !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", person, err)
		}
	}
	if _, err := h.Get(t.Context(), access.Actor{Person: "per_emp", Via: access.ByDevice}, r.ID); !fault.Is(err, fault.Denied) {
		t.Errorf("the PC: %v", err)
	}
	submitOnly := h.as("per_dep")
	submitOnly.Via, submitOnly.Scopes = access.ByToken, []access.Permission{access.Submit}
	if _, err := h.Get(t.Context(), submitOnly, r.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a token that may only submit: %v", err)
	}

	list := func(person string, box request.Box) (out []string) {
		p, err := h.List(t.Context(), h.as(person), request.Query{Box: box})
		if err != nil {
			return []string{fault.As(err).ID}
		}
		for _, v := range p.Rows {
			out = append(out, v.Label)
		}
		return out
	}
	h.submit("per_gen", "b") // asks per_pres
	one, none := []string{r.Label}, []string(nil)
	same(t, "own", one, list("per_emp", request.Mine))
	same(t, "the deputy's", one, list("per_dep", request.ForMe))
	same(t, "the absent one's", none, list("per_sales", request.ForMe))
	same(t, "not yet", none, list("per_it", request.ForMe))
	same(t, "every", 2, len(list("per_pm", request.Every)))
	same(t, "not every", []string{"fault.denied"}, list("per_it", request.Every))
	same(t, "the auditor decides nothing", []string{"fault.auditor_readonly"}, list("per_aud", request.ForMe))
	h.approve("per_dep", r)
	same(t, "no longer", none, list("per_dep", request.ForMe))
	same(t, "decided", one, list("per_dep", request.Decided))
	same(t, "now", one, list("per_it", request.ForMe))
	for person, want := range map[string]int{"per_it": 1, "per_dep": 0, "per_aud": 0, "per_pres": 1} {
		n, err := h.Waiting(t.Context(), h.as(person))
		h.must(err)
		same(t, person, want, n)
	}
	_, err := h.List(t.Context(), h.as("per_emp"), request.Query{Box: "attic", Text: strings.Repeat("x", 201)})
	bad(t, "query", err, "box:fault.unknown_choice", "q:fault.too_long")
}

func TestFollow(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	ctx := t.Context()
	r := h.submit("per_emp", "a")
	l := h.letters()[0]
	by, about, err := h.Follow(ctx, l.ID)
	h.must(err)
	same(t, "actor", access.ByLink, by.Via)
	same(t, "following decides nothing", request.Waiting, about.State)
	if err := by.May(access.Submit); err == nil {
		t.Error("a link may submit")
	}
	out, err := h.Decide(ctx, by, request.Decision{Request: r.ID, Verdict: request.Approve, Digest: request.Digest(r), Path: "web"})
	h.must(err)
	same(t, "path, whatever is said", "link", out.Steps[0].Stamps[0].Path)
	o, err := h.people.Org(ctx)
	h.must(err)
	same(t, "the address works", monday(), o.People["per_sales"].Verified)

	told := h.letters()[0] // to the applicant: its page wants a sign-in
	if _, _, err := h.Follow(ctx, told.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a letter without Act: %v", err)
	}
	if _, _, err := h.Follow(ctx, "ltr_none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("no letter: %v", err)
	}
	h.wait(notice.LinkLife + time.Second)
	if _, _, err := h.Follow(ctx, l.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("an old link: %v", err)
	}
}

// TestEraseExpired: what ended longer ago than the retention loses its words and names, and
// nobody but who may read everything finds it.
func TestEraseExpired(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	ended, open := h.submit("per_emp", "a"), h.submit("per_emp", "b")
	_, err := h.decide("per_sales", ended, request.Refuse)
	h.must(err)
	_, err = h.EraseExpired(t.Context(), h.as("per_it"))
	refused(t, "by the IT administrator", err, "fault.denied")
	pm := h.as("per_pm")
	h.wait(99 * day)
	for _, want := range []int{0, 1, 0} {
		n, err := h.EraseExpired(t.Context(), pm)
		h.must(err)
		same(t, "erased", want, n)
		h.wait(day)
	}
	v := h.get("per_pm", ended)
	same(t, "what is left", []any{ended.Label, request.Refused, "", "", "{}"}, []any{v.Label, v.State, v.By, v.Title, string(v.Form)})
	for _, who := range []string{"per_emp", "per_sales"} {
		_, err := h.Get(t.Context(), h.as(who), ended.Label)
		refused(t, who, err, "fault.not_found")
	}
	same(t, "the other", "per_emp", h.get("per_emp", open).By)
	for _, e := range h.history(ended) {
		if len(e.Data) > 0 && e.Kind != "request.erased" {
			t.Errorf("%s still says %s", e.Kind, e.Data)
		}
	}
}
