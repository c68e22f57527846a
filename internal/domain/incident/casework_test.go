package incident_test

import (
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// letters lists "topic person" of what is planned, oldest first.
func (h *house) letters() []string {
	h.t.Helper()
	out := []string{}
	for {
		ls, err := h.db.ClaimLetters(h.t.Context(), h.clock().Add(time.Second), time.Hour, 100)
		h.must(err)
		if len(ls) == 0 {
			return out
		}
		for _, l := range ls {
			if l.Args["number"] == "" || strings.Contains(l.Args["main"], "_") {
				h.t.Errorf("letter %s says %v", l.Topic, l.Args)
			}
			out = append(out, l.Topic+" "+l.Person)
		}
	}
}

// TestTalk: both sides write, each is told once until they have read, and nobody else is.
func TestTalk(t *testing.T) {
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", func(r *incident.Report) { r.LeaveOut = []string{"per_sales"} })
	h.answer(i)
	pm, emp := h.as("per_pm"), h.as("per_emp")
	say := func(by access.Actor, text string) {
		t.Helper()
		h.wait(time.Second)
		_, err := h.cases.Say(t.Context(), by, i.ID, text)
		h.must(err)
	}
	say(pm, "いつ送りましたか\u0000")
	same(t, "to the reporter", []string{"talk.finder per_emp"}, h.letters())
	c := h.see(i, emp)
	same(t, "unread by the reporter", 1, c.Unread)
	same(t, "words", "いつ送りましたか", c.Entries[len(c.Entries)-1].Text)
	say(pm, "相手はどなたですか")
	same(t, "no second letter until it was read", []string{}, h.letters())
	h.wait(time.Second)
	h.must(h.cases.MarkRead(t.Context(), emp, h.see(i, emp)))
	same(t, "read", 0, h.see(i, emp).Unread)
	if heard := h.see(i, pm).Heard; !heard.Equal(h.clock()) {
		t.Errorf("heard until %v", heard)
	}
	say(pm, "もう一つ")
	same(t, "a letter again", []string{"talk.finder per_emp"}, h.letters())
	say(emp, "10時ごろです")
	got := h.letters()
	if len(got) == 0 || strings.Contains(strings.Join(got, " "), "per_sales") || strings.Contains(strings.Join(got, " "), "per_emp") {
		t.Errorf("to those at work: %v", got)
	}
	p, err := h.cases.Find(t.Context(), pm, incident.Query{Unread: true})
	h.must(err)
	if len(p.Rows) != 1 || p.Rows[0].Unread != 1 {
		t.Errorf("list of unread: %+v", p.Rows)
	}
	p, err = h.cases.Find(t.Context(), emp, incident.Query{Unread: true})
	h.must(err)
	same(t, "the reporter answered, and so has read", 0, len(p.Rows))

	for name, by := range map[string]string{"left out": "per_sales", "a stranger": "per_old"} {
		_, err := h.cases.Say(t.Context(), h.as(by), i.ID, "x")
		refused(t, name, err, fault.NotFound, "fault.not_found")
	}
	_, err = h.cases.Say(t.Context(), h.as("per_aud"), i.ID, "x")
	refused(t, "the auditor", err, fault.Denied, "fault.auditor_readonly")
	_, err = h.cases.Say(t.Context(), pm, i.ID, " \n ")
	bad(t, "empty", err, "text:fault.required")
	_, err = h.cases.Say(t.Context(), pm, i.ID, strings.Repeat("あ", incident.MaxText+1))
	bad(t, "long", err, "text:fault.too_long")
}

// TestThanks: the end of a case comes with words to whose report it was.
func TestThanks(t *testing.T) {
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.answer(i)
	h.must(h.cases.AskClose(t.Context(), h.as("per_sales"), i.ID, "済"))
	h.letters()
	bad(t, "long", h.cases.ConfirmClose(t.Context(), h.as("per_pm"), i.ID, strings.Repeat("a", incident.MaxText+1)), "thanks:fault.too_long")
	h.must(h.cases.ConfirmClose(t.Context(), h.as("per_pm"), i.ID, "ありがとうございました"))
	same(t, "letters", []string{"talk.closed per_emp"}, h.letters())
	c := h.see(i, h.as("per_emp"))
	same(t, "status", incident.Closed, c.Status)
	found := false
	for _, e := range c.Entries {
		found = found || e.IsClosing() && e.Text == "ありがとうございました"
	}
	if !found {
		t.Error("the reporter reads no thanks")
	}
}

// TestReopen: an ended case is taken up again, tells the assignee first, and its end is not
// forgotten.
func TestReopen(t *testing.T) {
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.answer(i)
	pm := h.as("per_pm")
	refused(t, "not ended", h.cases.Reopen(t.Context(), pm, i.ID, "まだ"), fault.Conflict, "fault.not_ended")
	h.must(h.cases.Assign(t.Context(), pm, i.ID, "per_sales"))
	h.must(h.cases.AskClose(t.Context(), h.as("per_sales"), i.ID, "済"))
	h.must(h.cases.ConfirmClose(t.Context(), pm, i.ID, ""))
	h.letters()
	bad(t, "no reason", h.cases.Reopen(t.Context(), pm, i.ID, ""), "reason:fault.required")
	if err := h.cases.Reopen(t.Context(), h.as("per_emp"), i.ID, "まだ"); !fault.Is(err, fault.Denied) {
		t.Errorf("the reporter reopens: %v", err)
	}
	h.wait(time.Minute)
	h.must(h.cases.Reopen(t.Context(), pm, i.ID, "同じ人にまた届いた"))
	c := h.see(i, pm)
	same(t, "status", incident.Investigating, c.Status)
	if !c.ClosedAt.IsZero() || c.ClosedBy != "" || c.CloseBy != "" {
		t.Errorf("still closed: %+v", c.Incident)
	}
	open := 0
	for _, k := range c.Tracks {
		if k.State == notice.Open {
			open++
			same(t, "track", notice.Manager, k.Receiver)
			same(t, "first the assignee", "per_sales", k.PassedTo)
		}
	}
	same(t, "tracks started anew", 1, open)
	same(t, "the reporter is told", []string{"talk.reopened per_emp"}, h.letters())
	refused(t, "twice", h.cases.Reopen(t.Context(), pm, i.ID, "二度"), fault.Conflict, "fault.not_ended")
	if k := h.kinds(i); k["incident.reopened"] != 1 || k["notice.restarted"] != 1 {
		t.Errorf("events %v", k)
	}
	// the assignee is silent: the chain goes on with the managers
	h.wait(3 * time.Hour)
	for range 3 {
		_, err := h.notice.FireDue(t.Context())
		h.must(err)
	}
	_, told, _, err := h.db.TracksOf(t.Context(), i.ID)
	h.must(err)
	passed := false
	for _, x := range told {
		passed = passed || x.Person == "per_pm" && x.At.Equal(h.clock())
	}
	if !passed {
		t.Errorf("nobody was told after the assignee: %+v", told)
	}
}

// TestMerge: a duplicate goes on as another case, tells its reporter one number, and comes
// back whole.
func TestMerge(t *testing.T) {
	h := newHouse(t, nil)
	pm := h.as("per_pm")
	a := h.report(incident.Virus, "per_dep", func(r *incident.Report) { r.Summary = "共有端末 PC-1102 に警告が出た" })
	h.wait(time.Minute)
	b := h.report(incident.Virus, "per_emp", func(r *incident.Report) { r.Summary = "PC-1102 の画面に警告" })
	_, err := h.cases.AddFact(t.Context(), h.as("per_emp"), b.ID, incident.Addition{Text: "赤い画面"})
	h.must(err)
	_, err = h.cases.Say(t.Context(), pm, a.ID, "内緒の話")
	h.must(err)

	likely, err := h.cases.Likely(t.Context(), pm, h.see(b, pm))
	h.must(err)
	if len(likely) != 1 || likely[0].ID != a.ID {
		t.Errorf("likely the same: %+v", likely)
	}
	_, err = h.cases.AddFact(t.Context(), h.as("per_emp"), b.ID, incident.Addition{Text: "x"})
	h.must(err)

	bad(t, "into itself", h.cases.Merge(t.Context(), pm, b.ID, b.ID, "同"), "other:fault.same_case")
	bad(t, "into nothing", h.cases.Merge(t.Context(), pm, b.ID, "INC-1999-0001", "同"), "other:fault.unknown_case")
	bad(t, "no reason", h.cases.Merge(t.Context(), pm, b.ID, a.ID, ""), "reason:fault.required")
	// per_sales was told of b alone: what they do not work on is as if it were not there
	bad(t, "into what is not theirs", h.cases.Merge(t.Context(), h.as("per_sales"), b.ID, a.ID, "同"), "other:fault.unknown_case")
	if err := h.cases.Merge(t.Context(), h.as("per_it"), b.ID, a.ID, "同"); !fault.Is(err, fault.Denied) {
		t.Errorf("ending open tracks by a merge: %v", err)
	}
	left := h.report(incident.Virus, "per_emp", func(r *incident.Report) { r.LeaveOut = []string{"per_sales"} })
	bad(t, "leaving out others", h.cases.Merge(t.Context(), pm, left.ID, a.ID, "同"), "other:fault.merge_left_out")
	light := h.report(incident.NearMiss, "per_emp", nil)
	bad(t, "urgent into light", h.cases.Merge(t.Context(), pm, b.ID, light.ID, "同"), "other:fault.merge_urgency")
	own := h.report(incident.Virus, "per_pm", nil)
	refused(t, "one's own", h.cases.Merge(t.Context(), pm, own.ID, a.ID, "同"), fault.Denied, "fault.own_not_allowed")

	h.letters()
	h.must(h.cases.Merge(t.Context(), pm, b.ID, a.ID, "同じ端末"))
	same(t, "the reporter is told", []string{"talk.merged per_emp"}, h.letters())
	c := h.see(b, h.as("per_emp"))
	same(t, "sight of one's own", incident.AsFinder, c.Sight)
	same(t, "number of the other", a.Label, c.Main)
	for _, e := range c.Entries {
		if strings.Contains(e.Text, "同じ端末") || strings.Contains(e.Text, "内緒") {
			t.Errorf("the reporter reads %q", e.Text)
		}
	}
	_, err = h.cases.Case(t.Context(), h.as("per_emp"), a.ID)
	refused(t, "the reporter looks at the other", err, fault.NotFound, "fault.not_found")
	for _, k := range c.Tracks {
		same(t, "ended track", notice.Closed, k.State)
		same(t, "and why", "→ "+a.Label, k.EndedWhy)
	}
	main := h.see(a, pm)
	if len(main.Duplicates) != 1 || main.Duplicates[0].ID != b.ID || len(main.Duplicates[0].Entries) < 2 {
		t.Errorf("read with the other: %+v", main.Duplicates)
	}
	same(t, "the finder of the other sees none of it", 0, len(h.see(a, h.as("per_dep")).Duplicates))
	// per_gen was told of a alone, and reads b with it now, without working on it
	c = h.see(b, h.as("per_gen"))
	same(t, "sight through the other", incident.AsReader, c.Sight)
	if err := h.cases.AddNote(t.Context(), h.as("per_gen"), b.ID, "x"); !fault.Is(err, fault.Denied) {
		t.Errorf("work through the other: %v", err)
	}
	refused(t, "a merged case once more", h.cases.Merge(t.Context(), pm, b.ID, a.ID, "再"), fault.Conflict, "fault.case_not_open")
	other := h.report(incident.Virus, "per_emp", nil)
	refused(t, "a chain", h.cases.Merge(t.Context(), pm, a.ID, other.ID, "鎖"), fault.Conflict, "fault.merge_chain")
	bad(t, "into a merged one", h.cases.Merge(t.Context(), pm, other.ID, b.ID, "鎖"), "other:fault.merge_ended")
	refused(t, "no merged case", h.cases.Unmerge(t.Context(), pm, a.ID, "戻す"), fault.Conflict, "fault.not_merged")

	h.wait(time.Minute)
	h.must(h.cases.Unmerge(t.Context(), pm, b.ID, "別の端末だった"))
	same(t, "told again", []string{"talk.apart per_emp"}, h.letters())
	c = h.see(b, pm)
	same(t, "status as before", incident.Received, c.Status)
	for _, k := range c.Tracks {
		if k.State != notice.Open || k.EndedWhy != "" || k.Level != 1 {
			t.Errorf("track %s is %s at level %d, %q", k.Receiver, k.State, k.Level, k.EndedWhy)
		}
	}
	same(t, "no duplicates left", 0, len(h.see(a, pm).Duplicates))
	_, err = h.cases.Case(t.Context(), h.as("per_gen"), b.ID)
	refused(t, "no longer through the other", err, fault.NotFound, "fault.not_found")
	if k := h.kinds(a); k["incident.took_in"] != 1 || k["incident.gave_back"] != 1 {
		t.Errorf("events of the other: %v", k)
	}
}

// TestRelated: each of two cases shows the other to those who may read it.
func TestRelated(t *testing.T) {
	h := newHouse(t, nil)
	pm := h.as("per_pm")
	a := h.report(incident.Missent, "per_emp", nil)
	b := h.report(incident.Missent, "per_dep", func(r *incident.Report) { r.LeaveOut = []string{"per_sales"} })
	h.must(h.cases.Relate(t.Context(), pm, a.Label, b.Label, "同じ名簿"))
	refused(t, "twice", h.cases.Relate(t.Context(), pm, b.ID, a.ID, "逆"), fault.Conflict, "fault.related_already")
	same(t, "both show it", []int{1, 1}, []int{len(h.see(a, pm).Related), len(h.see(b, pm).Related)})
	same(t, "left out of the other", 0, len(h.see(a, h.as("per_sales")).Related))
	same(t, "the finder", 0, len(h.see(a, h.as("per_emp")).Related))
	for _, e := range h.see(a, h.as("per_sales")).History {
		if e.Kind == "incident.related" && (strings.Contains(string(e.Data), "名簿") || strings.Contains(string(e.Data), b.Label)) {
			t.Errorf("the record of one tells of the other: %s", e.Data)
		}
	}
	h.must(h.cases.Unrelate(t.Context(), pm, b.ID, a.ID, "違った"))
	same(t, "taken back", 0, len(h.see(a, pm).Related))
	refused(t, "twice", h.cases.Unrelate(t.Context(), pm, b.ID, a.ID, "違った"), fault.Conflict, "fault.not_related")
	h.must(h.cases.Relate(t.Context(), pm, b.ID, a.ID, "やはり"))
}

// TestLessons: two people, no names, everybody reads it.
func TestLessons(t *testing.T) {
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.answer(i)
	pm, sup := h.as("per_pm"), h.as("per_sales")
	good := incident.LessonWords{Title: "宛先は二人で確かめる", Happened: "似た名前の宛先に送りました。", Now: "送る前に読み上げています。"}
	_, err := h.cases.WriteLesson(t.Context(), h.as("per_emp"), i.ID, good)
	if !fault.Is(err, fault.Denied) {
		t.Errorf("the reporter writes a lesson: %v", err)
	}
	_, err = h.cases.WriteLesson(t.Context(), sup, i.ID, incident.LessonWords{Title: " "})
	bad(t, "empty", err, "title:fault.required", "happened:fault.required", "now:fault.required")
	l, err := h.cases.WriteLesson(t.Context(), sup, i.ID, good)
	h.must(err)
	refused(t, "by the writer", h.cases.PublishLesson(t.Context(), sup, l.ID, 1, true), fault.Denied, "fault.own_not_allowed")
	for _, name := range []string{"𠮷田翔", "𠮷 田　翔", "ヨシダショウ", "ﾖｼﾀﾞ ｼｮｳ", "YOSHIDA@aoba.example", "03-0000-0011", "０３００００００１１"} {
		named := good
		named.Happened = "それは" + name + "です"
		h.must(h.cases.EditLesson(t.Context(), sup, l.ID, l.Version, named))
		l.Version++
		err := h.cases.PublishLesson(t.Context(), pm, l.ID, l.Version, true)
		if f := fault.As(err); f == nil || len(f.Fields) == 0 || f.Fields[0].ID != "fault.lesson_name" {
			t.Errorf("published with %s: %v", name, err)
		}
	}
	soft := good
	soft.Now = "石川の流れのように"
	h.must(h.cases.EditLesson(t.Context(), sup, l.ID, l.Version, soft))
	l.Version++
	bad(t, "what looks like a name", h.cases.PublishLesson(t.Context(), pm, l.ID, l.Version, false), "sure:fault.lesson_unsure")
	refused(t, "an older version", h.cases.PublishLesson(t.Context(), pm, l.ID, 1, true), fault.Conflict, "fault.lesson_changed")
	cl, err := h.cases.LessonsOf(t.Context(), pm, h.see(i, pm))
	h.must(err)
	if len(cl) != 1 || len(cl[0].Traces) != 1 || cl[0].Traces[0].Sure {
		t.Errorf("traces %+v", cl)
	}
	h.must(h.cases.PublishLesson(t.Context(), pm, l.ID, l.Version, true))
	refused(t, "changed after it was published", h.cases.EditLesson(t.Context(), sup, l.ID, l.Version, good), fault.Conflict, "fault.lesson_changed")
	all, err := h.cases.Lessons(t.Context(), h.as("per_gen"), incident.Missent)
	h.must(err)
	if len(all) != 1 || all[0].Incident != "" || all[0].WrittenBy != "" || all[0].DoneBy != "" {
		t.Errorf("everybody reads %+v", all)
	}
	_, err = h.cases.Lessons(t.Context(), access.Outside(i.ID), "")
	if !fault.Is(err, fault.Denied) {
		t.Errorf("an outsider reads lessons: %v", err)
	}
	if err := h.cases.WithdrawLesson(t.Context(), h.as("per_dep"), l.ID, "x"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a stranger withdraws: %v", err)
	}
	h.must(h.cases.WithdrawLesson(t.Context(), pm, l.ID, "古い"))
	all, err = h.cases.Lessons(t.Context(), pm, "")
	h.must(err)
	same(t, "withdrawn", 0, len(all))
}
