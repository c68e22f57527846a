package incident_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store/storetest"
)

func TestCorrectionsNeverOverwrite(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	noon := h.clock()
	i := h.report(incident.Missent, "per_emp", func(r *incident.Report) { r.Occurred = incident.Moment{At: noon.Add(-time.Hour), Known: true} })
	said := i.Summary
	add := func(a incident.Addition) incident.Entry {
		t.Helper()
		h.wait(time.Second)
		e, err := h.cases.AddFact(t.Context(), h.as("per_emp"), i.ID, a)
		h.must(err)
		return e
	}
	fact := add(incident.Addition{Text: " 一行目\r\n二行目\x00\x1b "})
	same(t, "line breaks stay, control characters go", "一行目\n二行目", fact.Text)
	answer := add(incident.Addition{Question: "missent.to", Text: incident.Unknown})
	same(t, "an answer", [2]string{"answer", "missent.to"}, [2]string{string(answer.Type), answer.Key})
	summary := add(incident.Addition{Corrects: "summary", Text: "実は別の人"})
	same(t, "of the summary", [3]string{"correction", "summary", ""}, [3]string{string(summary.Type), summary.Key, summary.Corrects})
	of := add(incident.Addition{Corrects: fact.ID, Text: "三行だった"})
	same(t, "of an entry", [2]string{"correction", fact.ID}, [2]string{string(of.Type), of.Corrects})
	occurred := add(incident.Addition{Corrects: "occurred", Moment: incident.Moment{At: noon.Add(-2 * time.Hour), Known: true}, Text: "思い出した"})
	same(t, "of a time", "2026-11-20T02:00:00Z → 2026-11-20T01:00:00Z\n思い出した", occurred.Text)
	discovered := add(incident.Addition{Corrects: "discovered", Moment: incident.Moment{At: noon, Known: true}})
	same(t, "of a time not known before", "unknown → 2026-11-20T03:00:00Z", discovered.Text)
	add(incident.Addition{Corrects: "occurred"}) // it is not known after all
	c := h.see(i, h.as("per_pm"))
	same(t, "the report's words", said, c.Summary)
	same(t, "the latest times", [2]bool{false, true}, [2]bool{c.Occurred.Known, c.Discovered.Known})
	same(t, "all entries, as they were added", []incident.Entry{fact, answer, summary, of, occurred, discovered}, c.Entries[:6])
	for _, e := range c.Entries {
		if e.By != "per_emp" || e.Internal {
			t.Errorf("entry %+v", e)
		}
	}
	same(t, "each in the record", 4, h.kinds(i)["incident.correction_added"]-1)

	h.wait(time.Second)
	h.must(h.cases.AddNote(t.Context(), h.as("per_pm"), i.ID, "内緒"))
	note := h.see(i, h.as("per_pm")).Entries[7].ID
	other := h.report(incident.Lost, "per_emp", nil)
	elsewhere, err := h.cases.AddFact(t.Context(), h.as("per_emp"), other.ID, incident.Addition{Text: "x"})
	h.must(err)
	for _, tt := range []struct {
		a    incident.Addition
		want string
	}{
		{incident.Addition{Text: " "}, "text:fault.required"},
		{incident.Addition{Text: strings.Repeat("あ", incident.MaxText+1)}, "text:fault.too_long"},
		{incident.Addition{Text: "x", Question: "lost.what"}, "question:fault.unknown_choice"},
		{incident.Addition{Text: "x", Question: "lost.what", Corrects: fact.ID}, "question:fault.unknown_choice"},
		{incident.Addition{Text: "x", Corrects: "ent_none"}, "corrects:fault.unknown_choice"},
		{incident.Addition{Text: "x", Corrects: elsewhere.ID}, "corrects:fault.unknown_choice"},
		{incident.Addition{Text: "x", Corrects: note}, "corrects:fault.unknown_choice"},
		{incident.Addition{Corrects: "occurred", Moment: incident.Moment{At: h.clock().Add(time.Hour), Known: true}}, "occurred:fault.in_future occurred:fault.after_discovery"},
	} {
		_, err := h.cases.AddFact(t.Context(), h.as("per_emp"), i.ID, tt.a)
		bad(t, tt.want, err, strings.Fields(tt.want)...)
	}
	_, err = h.cases.AddFact(t.Context(), h.as("per_gen"), i.ID, incident.Addition{Text: "x"})
	refused(t, "by a stranger", err, fault.NotFound, "fault.not_found")

	// A note is corrected between those who work on the case; a status is not words to correct.
	h.wait(time.Second)
	inner, err := h.cases.AddFact(t.Context(), h.as("per_pm"), i.ID, incident.Addition{Corrects: note, Text: "内緒ではない"})
	h.must(err)
	same(t, "of a note", [3]any{incident.Correction, note, true}, [3]any{inner.Type, inner.Corrects, inner.Internal})
	for _, e := range h.see(i, h.as("per_emp")).Entries {
		if e.Internal || e.Corrects == note {
			t.Errorf("the finder sees %+v", e)
		}
	}
	h.wait(time.Second)
	h.must(h.cases.SetStatus(t.Context(), h.as("per_pm"), i.ID, incident.Investigating, "調べる"))
	after := h.see(i, h.as("per_pm")).Entries
	_, err = h.cases.AddFact(t.Context(), h.as("per_pm"), i.ID, incident.Addition{Corrects: after[len(after)-1].ID, Text: "x"})
	bad(t, "of a status", err, "corrects:fault.unknown_choice")
}

func TestCloseNeedsAnswersAndASecondPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", nil)
	pm, sup := h.as("per_pm"), h.as("per_sales")
	refused(t, "while tracks are open", h.cases.AskClose(t.Context(), pm, i.ID, "済"), fault.Conflict, "fault.unanswered_tracks")
	refused(t, "withdrawn while tracks are open", h.cases.SetStatus(t.Context(), pm, i.ID, incident.Withdrawn, "誤り"), fault.Conflict, "fault.unanswered_tracks")
	h.answer(i)
	bad(t, "without reason", h.cases.AskClose(t.Context(), pm, i.ID, " "), "reason:fault.required")
	bad(t, "with too long a reason", h.cases.AskClose(t.Context(), pm, i.ID, strings.Repeat("あ", 4001)), "reason:fault.too_long")
	refused(t, "by the reporter", h.cases.AskClose(t.Context(), h.as("per_emp"), i.ID, "済"), fault.Denied, "fault.denied")
	refused(t, "confirm before it was asked", h.cases.ConfirmClose(t.Context(), sup, i.ID, ""), fault.Conflict, "fault.not_closing")
	h.must(h.cases.AskClose(t.Context(), pm, i.ID, "済"))
	refused(t, "twice", h.cases.AskClose(t.Context(), sup, i.ID, "済"), fault.Conflict, "fault.case_not_open")
	refused(t, "a status meanwhile", h.cases.SetStatus(t.Context(), sup, i.ID, incident.Preventing, "x"), fault.Conflict, "fault.case_not_open")
	refused(t, "the asker confirms", h.cases.ConfirmClose(t.Context(), pm, i.ID, ""), fault.Denied, "fault.own_not_allowed")
	h.must(h.cases.RefuseClose(t.Context(), sup, i.ID, "まだ"))
	c := h.see(i, pm)
	same(t, "back to work", incident.Investigating, c.Status)
	same(t, "who asked is forgotten", "", c.CloseBy+c.CloseWhy)
	h.must(h.cases.AskClose(t.Context(), sup, i.ID, "今度こそ"))
	ts, _, _, err := h.db.TracksOf(t.Context(), i.ID)
	h.must(err)
	h.must(h.notice.Escalate(t.Context(), pm, ts[0].ID, 0, "待って"))
	refused(t, "somebody escalated meanwhile", h.cases.ConfirmClose(t.Context(), pm, i.ID, ""), fault.Conflict, "fault.unanswered_tracks")
	h.must(h.notice.End(t.Context(), pm, ts[0].ID, "解決"))
	h.must(h.cases.ConfirmClose(t.Context(), pm, i.ID, ""))
	c = h.see(i, pm)
	if c.Status != incident.Closed || c.ClosedBy != "per_pm" || c.CloseBy != "per_sales" || c.CloseWhy != "今度こそ" || !c.ClosedAt.Equal(h.clock()) {
		t.Errorf("closed %+v", c.Incident)
	}
	refused(t, "a closed case", h.cases.SetStatus(t.Context(), pm, i.ID, incident.Confirming, "x"), fault.Conflict, "fault.case_not_open")
	refused(t, "a closed case", h.cases.Assign(t.Context(), pm, i.ID, "per_it"), fault.Conflict, "fault.case_not_open")
	same(t, "status changes in the record", 4, h.kinds(i)["incident.status"])
}

// Nobody confirms the end of what they reported or found.
func TestOwnCaseIsNotConfirmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, deputyOf("per_dep"))
	for name, change := range map[string]func(*incident.Report){
		"reported": nil,
		"found":    func(r *incident.Report) { r.OnBehalf = "per_pm" },
	} {
		by := map[bool]string{true: "per_pm", false: "per_emp"}[change == nil]
		i := h.report(incident.Missent, by, change)
		h.answer(i)
		h.must(h.cases.AskClose(t.Context(), somebodyTold(h, i), i.ID, "済"))
		refused(t, name, h.cases.ConfirmClose(t.Context(), h.as("per_pm"), i.ID, ""), fault.Denied, "fault.own_not_allowed")
	}
}

func TestStatusAndAssignment(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", func(r *incident.Report) { r.LeaveOut = []string{"per_gen"} })
	pm := h.as("per_pm")
	bad(t, "no reason", h.cases.SetStatus(t.Context(), pm, i.ID, incident.Confirming, ""), "reason:fault.required")
	for _, to := range []incident.Status{incident.Received, incident.Closing, incident.Closed, "x", ""} {
		bad(t, string(to), h.cases.SetStatus(t.Context(), pm, i.ID, to, "x"), "status:fault.unknown_choice")
	}
	same(t, "after refusals", incident.Received, h.see(i, pm).Status)
	h.must(h.cases.SetStatus(t.Context(), pm, i.ID, incident.Investigating, "調べる"))
	e := h.see(i, h.as("per_emp")).Entries
	if len(e) != 1 || e[0].Key != "investigating" || e[0].Corrects != "received" || e[0].Text != "調べる" {
		t.Errorf("entries %+v", e)
	}
	for person, want := range map[string]string{"per_none": "person:fault.unknown_person", "per_old": "person:fault.unknown_person", "per_gen": "person:fault.left_out", "per_aud": "person:fault.auditor_readonly"} {
		bad(t, person, h.cases.Assign(t.Context(), pm, i.ID, person), want)
	}
	h.must(h.cases.Assign(t.Context(), pm, i.ID, "per_dep"))
	same(t, "the assignee works on it", incident.AsWorker, h.see(i, h.as("per_dep")).Sight)
	h.must(h.cases.AddNote(t.Context(), h.as("per_dep"), i.ID, "見ます"))
	bad(t, "an empty note", h.cases.AddNote(t.Context(), pm, i.ID, "\n"), "text:fault.required")
	h.answer(i)
	h.must(h.cases.SetStatus(t.Context(), pm, i.ID, incident.Withdrawn, "誤報"))
	if c := h.see(i, pm); c.ClosedBy != "per_pm" || c.ClosedAt.IsZero() {
		t.Errorf("withdrawn %+v", c.Incident)
	}
}

func TestStepsAreFrozen(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	old := h.report(incident.Lost, "per_emp", nil)
	pm := h.as("per_pm")
	refused(t, "by the supervisor", h.cases.SetSteps(t.Context(), h.as("per_sales"), incident.Lost, []incident.Step{{Text: "x"}}), fault.Denied, "fault.denied")
	bad(t, "nothing", h.cases.SetSteps(t.Context(), pm, "x", nil), "kind:fault.unknown_choice", "steps:fault.required")
	bad(t, "an empty line", h.cases.SetSteps(t.Context(), pm, incident.Lost, []incident.Step{{Text: "a"}, {Text: " "}}), "steps.2:fault.required")
	bad(t, "a long line", h.cases.SetSteps(t.Context(), pm, incident.Lost, []incident.Step{{Text: strings.Repeat("あ", 201)}}), "steps.1:fault.too_long")
	many := make([]incident.Step, 21)
	for n := range many {
		many[n].Text = "x"
	}
	bad(t, "too many", h.cases.SetSteps(t.Context(), pm, incident.Lost, many), "steps:fault.too_many_items")
	h.must(h.cases.SetSteps(t.Context(), pm, incident.Lost, []incident.Step{{ID: "evil", Text: " 電話\nする "}, {Text: "止める"}}))
	list := h.cases.StepLists()[incident.Lost]
	same(t, "saved", incident.Steps{Kind: incident.Lost, Version: 2, Items: []incident.Step{{ID: "1", Text: "電話 する"}, {ID: "2", Text: "止める"}}, By: "per_pm", At: h.clock()}, list)
	same(t, "another server reads it", list, h.open().StepLists()[incident.Lost])
	fresh := h.report(incident.Lost, "per_emp", nil)
	same(t, "an open case keeps its list", incident.DefaultSteps(incident.Lost), h.see(old, pm).Steps)
	same(t, "a new one has the new", list, h.see(fresh, pm).Steps)
	bad(t, "a step of the other list", h.cases.SetStep(t.Context(), pm, fresh.ID, "3", true), "step:fault.unknown_choice")
	h.must(h.cases.SetStep(t.Context(), pm, old.ID, "3", true))
	h.wait(time.Second)
	h.must(h.cases.SetStep(t.Context(), pm, old.ID, "3", false))
	es := h.see(old, pm).Entries
	if len(es) != 2 || es[0].Type != incident.StepDone || es[1].Type != incident.StepUndone || es[0].Key != "3" {
		t.Errorf("both stay in the record: %+v", es)
	}
	refused(t, "by the reporter", h.cases.SetStep(t.Context(), h.as("per_emp"), old.ID, "1", true), fault.Denied, "fault.denied")
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", func(r *incident.Report) { r.OnBehalf = "per_dep" })
	add := func(by, name, body string) (incident.Evidence, error) {
		return h.cases.AddEvidence(t.Context(), h.as(by), i.ID, incident.Upload{Name: name, Media: "text/plain", Body: strings.NewReader(body)})
	}
	e, err := add("per_emp", `C:\temp\..\画面"1".txt`, "abc")
	h.must(err)
	if e.Name != "画面_1_.txt" || e.Size != 3 || e.Media != "text/plain" || hex(e.SHA256) != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || strings.Contains(e.Blob, "画") {
		t.Errorf("evidence %+v", e)
	}
	for _, by := range []string{"per_emp", "per_dep", "per_pm", "per_aud"} {
		_, r, err := h.cases.OpenEvidence(t.Context(), h.as(by), e.ID)
		h.must(err)
		b, err := io.ReadAll(r)
		if string(b) != "abc" || err != nil {
			t.Errorf("%s reads %q, %v", by, b, err)
		}
	}
	same(t, "each reading in the record", 4, h.kinds(i)["incident.evidence_read"])
	_, _, err = h.cases.OpenEvidence(t.Context(), h.as("per_sales"), e.ID)
	refused(t, "a stranger", err, fault.NotFound, "fault.not_found")
	desk, err := add("per_pm", "desk.txt", "internal")
	h.must(err)
	_, _, err = h.cases.OpenEvidence(t.Context(), h.as("per_emp"), desk.ID)
	refused(t, "the desk's file, by the reporter", err, fault.NotFound, "fault.not_found")
	same(t, "and it is not listed", 1, len(h.see(i, h.as("per_emp")).Evidence))
	_, err = add("per_emp", "empty", "")
	bad(t, "an empty file", err, "file:fault.empty_file")
	_, err = add("per_emp", "big", strings.Repeat("x", 1001))
	refused(t, "a large file", err, fault.TooLarge, "fault.too_large")
	h.must(ignore(add("per_emp", "just", strings.Repeat("x", 1000))))
	h.must(ignore(add("per_emp", "just", strings.Repeat("x", 1000))))
	_, err = add("per_emp", "beyond the case", strings.Repeat("x", 1000))
	refused(t, "more than is left", err, fault.TooLarge, "fault.too_large")
	h.must(ignore(add("per_emp", "the rest", strings.Repeat("x", 489))))
	_, err = add("per_emp", "full", "x")
	refused(t, "a full case", err, fault.TooLarge, "fault.case_full")
	same(t, "refused files leave nothing", 5, len(h.shelf.kept))
	h.shelf.breakWith(fault.New(fault.Unavailable, "fault.disk_full", nil))
	j := h.report(incident.Lost, "per_emp", nil)
	_, err = h.cases.AddEvidence(t.Context(), h.as("per_emp"), j.ID, incident.Upload{Name: "a", Body: strings.NewReader("x")})
	refused(t, "a full disk is called so", err, fault.Unavailable, "fault.disk_full")
	same(t, "and no row names it", 0, len(h.see(j, h.as("per_emp")).Evidence))
}

func hex(b [32]byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, x := range b {
		s.WriteByte(digits[x>>4])
		s.WriteByte(digits[x&15])
	}
	return s.String()
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", nil)
	for name, want := range map[string]string{
		"": "file", ".": "file", "..": "file", "/": "_", "a/b/c.txt": "c.txt", "../../etc/passwd": "passwd", "a\x00\r\nb": "a___b", "evil\u202egpj.exe": "evil_gpj.exe",
		"髙橋.xlsx": "髙橋.xlsx", "\xff.txt": "_.txt", strings.Repeat("長", 200) + ".txt": strings.Repeat("長", 80) + "…" + strings.Repeat("長", 26) + ".txt",
	} {
		e, err := h.cases.AddEvidence(t.Context(), h.as("per_emp"), i.ID, incident.Upload{Name: name, Body: strings.NewReader("x")})
		h.must(err)
		same(t, name, want, e.Name)
	}
}

func TestEraseExpired(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	key := storetest.NewKey(t)
	pm := h.as("per_pm")
	closed := h.report(incident.Missent, "per_emp", nil)
	open := h.report(incident.Missent, "per_emp", nil)
	for _, i := range []*incident.Incident{closed, open} {
		h.must(ignore(h.cases.AddEvidence(t.Context(), h.as("per_emp"), i.ID, incident.Upload{Name: "a.txt", Body: strings.NewReader("x")})))
		h.must(ignore(h.cases.AddFact(t.Context(), h.as("per_emp"), i.ID, incident.Addition{Text: "秘密の話"})))
	}
	h.answer(closed)
	h.must(h.cases.AskClose(t.Context(), pm, closed.ID, "済"))
	h.must(h.cases.ConfirmClose(t.Context(), h.as("per_sales"), closed.ID, ""))
	key.Seal(t, h.db, h.clock())
	h.wait(h.cases.Limits().Retention)
	n, err := h.cases.EraseExpired(t.Context(), pm)
	same(t, "not a moment before", 0, n)
	h.must(err)
	h.wait(time.Second)
	refused(t, "by the IT administrator", ignore(h.cases.EraseExpired(t.Context(), h.as("per_it"))), fault.Denied, "fault.denied")

	// A file that cannot be deleted leaves the case to the next round.
	h.shelf.breakWith(errors.New("disk"))
	if _, err := h.cases.EraseExpired(t.Context(), pm); err == nil {
		t.Error("a file that stays is not told of")
	}
	if c := h.see(closed, pm); !c.ErasedAt.IsZero() {
		t.Error("the case counts as erased, its file stays")
	}
	h.shelf.breakWith(nil)
	n, err = h.cases.EraseExpired(t.Context(), pm)
	h.must(err)
	same(t, "erased", 1, n)
	same(t, "files left", 1, len(h.shelf.kept))
	n, err = h.cases.EraseExpired(t.Context(), pm)
	h.must(err)
	same(t, "once", 0, n)
	c := h.see(closed, pm)
	if c.Summary != "" || c.Reporter != "" || c.Entries[0].Text != "" || c.ErasedAt.IsZero() || c.Label != closed.Label || c.Kind != closed.Kind {
		t.Errorf("left of the case: %+v", c.Incident)
	}
	_, _, err = h.cases.OpenEvidence(t.Context(), pm, c.Evidence[0].ID)
	refused(t, "its file", err, fault.NotFound, "fault.not_found")
	_, err = h.cases.AddFact(t.Context(), pm, closed.ID, incident.Addition{Text: "x"})
	refused(t, "words that nothing would erase", err, fault.Conflict, "fault.case_not_open")
	if c := h.see(open, pm); c.Summary == "" || c.Entries[0].Text == "" {
		t.Error("an open case was erased too")
	}
	key.Seal(t, h.db, h.clock())
	if r := key.Intact(t, h.db); r.Erased == 0 {
		t.Error("no entry of the record is erased")
	}
	same(t, "the erasure is recorded", 1, h.kinds(closed)["incident.erased"])
}

// somebodyTold is somebody who was told of the case, other than the manager.
func somebodyTold(h *house, i *incident.Incident) access.Actor {
	h.t.Helper()
	_, told, _, err := h.db.TracksOf(h.t.Context(), i.ID)
	h.must(err)
	for _, x := range told {
		if x.Person != "per_pm" {
			return h.as(x.Person)
		}
	}
	h.t.Fatal("nobody else was told")
	return access.Actor{}
}
