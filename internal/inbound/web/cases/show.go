package cases

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/inbound/web/report"
)

// fact is one line of the description list.
type fact struct {
	Label, Text string
	Unknown     bool
	Fixes       []statement // what was said before and corrected
}

// casePage is one case as its readers and workers see it.
type casePage struct {
	page.Base
	Label, Summary string
	Erased         bool
	Drill          bool
	DemoCase       bool // made by a demo; a real server says so
	Kind, Status   page.Tag
	Urgency        string
	Facts          []fact
	Next           []nextThing
	Tracks         []trackView
	Steps          []stepView
	StepsDone      int
	Said           []statement
	Notes          []statement
	Evidence       []evidenceView
	Timeline       []happening
	Work           bool // the actor works on the case
	Open           bool // and it still wants work
	MayEnd         bool // tracks may be ended without an answer
	MaxFile        int64
	Closing        closing
	About          []page.Option
	Statuses       []page.Option
	Candidates     []people.Pick
	LeftOut        []string
	PCs            []pcView
	Pass           string // label of the carry pass whose loss it is; "" for none
	Talk           page.Talk
	Together       together
	Lessons        []lessonView
	Thanks         string // words that the end of the case begins with
	Nameless       bool   // nobody knows whose report it is
	MayReopen      bool
	Guessed        bool          // nobody chose the kind yet
	GuessedHow     string        // why not, as a sentence
	Kinds          []page.Option // to choose from

	words func(id string, args ...any) string

	Failed string            // name of the form that was refused
	Wrongs map[string]string // what must be mended in it, by field
	Typed  url.Values        // what was typed into it
}

// Was gives back what was typed into a refused form, so that nothing is typed twice.
func (p casePage) Was(form, field string) string {
	if p.Failed == form {
		return p.Typed.Get(field)
	}
	return ""
}

// Wrong is what must be mended in a field of a refused form.
func (p casePage) Wrong(form, field string) string {
	if p.Failed == form {
		return p.Wrongs[field]
	}
	return ""
}

// stepView is one line of the first-response list.
type stepView struct {
	ID, Text string
	Done     bool
	Who      string // who did it, or took it back
}

// evidenceView is one file.
type evidenceView struct {
	ID, Name, Size, Who, Hash string
	Erased                    bool
}

// closing is where the two-person close stands.
type closing struct {
	Asked   bool
	By, Why string
	May     bool   // the actor may confirm
	WhyNot  string // why there is no button
	Blocked string // why it cannot be asked for yet
}

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	c, err := d.Cases.Case(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	if c.Sight < incident.AsReader {
		return r.Kit.See(w, r, "/receipt/"+c.Label, "")
	}
	if r.PathValue("label") != c.Label {
		return r.Kit.See(w, r, "/cases/"+c.Label, "")
	}
	p, err := d.caseOf(r.Context(), r, c)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "case", p)
}

// refused shows the case again with what was typed and what to mend.
func (d Deps) refused(w http.ResponseWriter, r *page.Request, label, form string, cause error) error {
	bad, ok := r.Refused(cause)
	if !ok {
		return cause
	}
	c, err := d.Cases.Case(r.Context(), r.By, label)
	if err != nil || c.Sight < incident.AsReader {
		return cause
	}
	p, err := d.caseOf(r.Context(), r, c)
	if err != nil {
		return err
	}
	p.Failed, p.Typed, p.Wrongs = form, r.PostForm, bad.Fields
	p.Errors = bad.Summary
	// Several forms have a field of the same name; the summary leads to the right one.
	for i, e := range p.Errors {
		if e.ID == "" && e.Field != "" {
			p.Errors[i].ID = form + "-" + e.Field
		}
	}
	p.refusedTalk()
	return r.Kit.Render(w, r, bad.Status, "case", p)
}

func (d Deps) caseOf(ctx context.Context, r *page.Request, c *incident.Case) (*casePage, error) {
	org, err := d.People.View(ctx, r.By)
	if err != nil {
		return nil, err
	}
	now := r.Kit.Now()
	p := &casePage{Base: r.Kit.Base(r, "cases.one", "/cases"), Label: c.Label, Summary: c.Summary, Erased: !c.ErasedAt.IsZero(), DemoCase: c.Demo, Drill: c.Drill,
		Kind: KindTag(r, c.Incident), Status: StatusTag(r, c.Status), Urgency: r.P.T("urgency." + string(c.Urgency)),
		Work: c.Sight == incident.AsWorker, Open: c.Status.Open(), MayEnd: r.By.May(access.WorkCases) == nil, MaxFile: d.Cases.Limits().File}
	p.Title, p.words = c.Label+" "+c.Summary, r.P.T
	p.EventsURL = "/events?subject=" + url.QueryEscape(c.ID)
	p.Facts = facts(r, org, c)
	p.Said = said(r, org, c)
	p.Notes = notes(r, org, c)
	p.Steps, p.StepsDone = steps(r, org, c)
	for _, e := range c.Evidence {
		p.Evidence = append(p.Evidence, evidenceOf(r, org, e))
	}
	if p.Tracks, err = d.tracks(ctx, r, org, c); err != nil {
		return nil, err
	}
	if d.Passes != nil {
		pass, ok, err := d.Passes.OfCase(ctx, r.By, c.ID)
		if err != nil {
			return nil, err
		}
		if ok {
			p.Pass = pass.Label
		}
	}
	if p.PCs, err = d.pcs(ctx, r, c); err != nil {
		return nil, err
	}
	for _, pc := range p.PCs {
		p.EventsURL += "&subject=" + pc.ID
	}
	p.Timeline = timeline(r, org, c)
	p.Closing = closingOf(r, org, c)
	for _, s := range c.Status.Next() {
		p.Statuses = append(p.Statuses, page.Option{Value: string(s), Label: r.P.T("status." + string(s))})
	}
	p.About = about(r, c)
	likely := []string{r.By.Person, c.Assignee}
	for _, t := range c.Told {
		likely = append(likely, t.Person)
	}
	for _, duty := range []access.Duty{access.ProtectionManager, access.ITAdmin} {
		likely = append(likely, org.Holders(duty, now)...)
	}
	p.Candidates = people.Choices(org, now, likely, append(org.Holders(access.Auditor, now), c.LeftOut...))
	for _, x := range c.LeftOut {
		p.LeftOut = append(p.LeftOut, org.NameOf(x))
	}
	p.Thanks, p.Nameless = thanks(r, org, c), c.Boxed()
	p.guess(r, c)
	p.MayReopen = p.Work && !p.Erased && (c.Status == incident.Closed || c.Status == incident.Withdrawn)
	if p.Together, err = d.together(ctx, r, org, c); err != nil {
		return nil, err
	}
	if p.Lessons, err = d.lessons(ctx, r, org, c); err != nil {
		return nil, err
	}
	p.Next = nextThings(r, c, p)
	return p, d.talk(r, org, c, p)
}

func evidenceOf(r *page.Request, org *directory.Org, e incident.Evidence) evidenceView {
	return evidenceView{ID: e.ID, Name: e.Name, Size: r.P.Bytes(e.Size), Erased: !e.ErasedAt.IsZero(),
		Who: page.Line(r.Named(org, e.By), r.P.DateTime(e.At)), Hash: hex(e.SHA256)}
}

func facts(r *page.Request, org *directory.Org, c *incident.Case) []fact {
	moment := func(id, key string, m incident.Moment) fact {
		f := fact{Label: r.P.T(id), Text: r.P.T("word.unknown"), Unknown: !m.Known}
		if m.Known {
			f.Text = r.P.DateTime(m.At)
		}
		f.Fixes = corrections(r, org, c, func(e incident.Entry) bool { return e.Key == key })
		return f
	}
	who := func(id, person string) fact {
		f := fact{Label: r.P.T(id), Text: org.NameOf(person)}
		if p, ok := org.People[person]; ok {
			if dep := org.Departments[p.Department].Name; dep != "" {
				f.Text = r.P.T("cases.person_of", "name", f.Text, "department", dep)
			}
		}
		if f.Text == "" {
			f.Text, f.Unknown = r.P.T("cases.erased"), true
		}
		return f
	}
	out := []fact{
		moment("cases.col.occurred", "occurred", c.Occurred),
		moment("cases.col.discovered", "discovered", c.Discovered),
		{Label: r.P.T("cases.col.reported"), Text: r.P.DateTime(c.Reported)},
	}
	switch {
	case c.Boxed():
		out = append(out, fact{Label: r.P.T("cases.col.finder"), Text: r.P.T("near.nobody")})
	case c.Outside == nil:
		out = append(out, who("cases.col.finder", c.Finder()))
	default:
		out = append(out, outsider(r, c.Outside)...)
		if c.Reporter != "" && c.Channel != incident.ByPhone {
			out = append(out, who("cases.col.reporter", c.Reporter))
		}
	}
	if c.Written.Known {
		out = append(out, fact{Label: r.P.T("offline.written"), Text: r.P.DateTime(c.Written.At)})
	}
	if c.OnBehalf != "" && c.Channel != incident.ByPhone {
		out = append(out, who("cases.col.reporter", c.Reporter))
	}
	for _, f := range report.CallFacts(r, org, c.Incident) {
		out = append(out, fact{Label: f.Name, Text: f.Value, Unknown: f.Unknown})
	}
	if word := report.Nearly(r, c.Incident); word != "" {
		out = append(out, fact{Label: r.P.T("near.nearly_short"), Text: word})
	}
	if c.Department != "" || c.Outside == nil && !c.Boxed() {
		out = append(out, fact{Label: r.P.T("cases.col.department"), Text: people.Place(org, c.Department)})
	}
	out = append(out,
		fact{Label: r.P.T("cases.col.urgency"), Text: r.P.T("urgency." + string(c.Urgency))})
	a := fact{Label: r.P.T("cases.col.assignee"), Text: org.NameOf(c.Assignee)}
	if a.Text == "" {
		a.Text, a.Unknown = r.P.T("cases.nobody"), true
	}
	out = append(out, a)
	if c.Status == incident.Closed {
		out = append(out, fact{Label: r.P.T("cases.col.closed"), Text: r.P.DateTime(c.ClosedAt)}, fact{Label: r.P.T("cases.col.closed_by"), Text: org.NameOf(c.ClosedBy)})
	}
	return out
}

// outsider is who reported from outside, and how to reach them.
func outsider(r *page.Request, o *incident.Outsider) []fact {
	out := []fact{{Label: r.P.T("cases.col.finder"), Text: report.Outsider(r, o)}}
	if o.Contact != "" {
		out = append(out, fact{Label: r.P.T("outside.contact"), Text: o.Contact})
	}
	return out
}

// steps marks each line of the list with its last mark; taking one back is a mark too.
func steps(r *page.Request, org *directory.Org, c *incident.Case) (out []stepView, done int) {
	for _, s := range c.Steps.Items {
		v := stepView{ID: s.ID, Text: s.Text}
		if v.Text == "" {
			v.Text = r.P.T("step." + string(c.Kind) + "." + s.ID)
		}
		for _, e := range c.Entries {
			if e.Key != s.ID || e.Type != incident.StepDone && e.Type != incident.StepUndone {
				continue
			}
			v.Done = e.Type == incident.StepDone
			id := "cases.step_undone_by"
			if v.Done {
				id = "cases.step_done_by"
			}
			v.Who = r.P.T(id, "name", org.NameOf(e.By), "at", Near(r, e.At))
		}
		if v.Done {
			done++
		}
		out = append(out, v)
	}
	return out, done
}

func closingOf(r *page.Request, org *directory.Org, c *incident.Case) closing {
	k := closing{Asked: c.Status == incident.Closing, By: org.NameOf(c.CloseBy), Why: c.CloseWhy}
	switch {
	case !k.Asked:
		for _, t := range c.Tracks {
			if t.State == "open" {
				k.Blocked = r.P.T("fault.unanswered_tracks")
			}
		}
	case c.Sight != incident.AsWorker:
	case r.By.Person == c.CloseBy:
		k.WhyNot = r.P.T("cases.close_own_request")
	case r.By.Person == c.Reporter || r.By.Person == c.OnBehalf:
		k.WhyNot = r.P.T("cases.close_own_report")
	default:
		k.May = true
	}
	return k
}

// about lists what an addition can be: new words, an answer, or a correction.
func about(r *page.Request, c *incident.Case) []page.Option {
	out := []page.Option{{Value: "", Label: r.P.T("cases.about_new")}, {Value: "fix:summary", Label: r.P.T("cases.about_summary")}}
	for _, q := range c.Kind.Questions() {
		out = append(out, page.Option{Value: "q:" + q, Label: r.P.T("cases.about_question", "question", r.P.T("question."+q))})
	}
	for _, e := range c.Entries {
		if e.Type == incident.Fact || e.Type == incident.Answer {
			out = append(out, page.Option{Value: "fix:" + e.ID, Label: r.P.T("cases.about_entry", "text", page.Short(words(r, e.Text), 30))})
		}
	}
	return out
}

// nextThing is one matter that waits for who looks at the page.
type nextThing struct{ Text, Href, Press string }

// nextThings says what to do next, most pressing first.
func nextThings(r *page.Request, c *incident.Case, p *casePage) []nextThing {
	if !p.Work {
		return nil
	}
	var out []nextThing
	if c.Unread > 0 {
		out = append(out, nextThing{r.P.T("talk.unread", "n", c.Unread), "#talk", r.P.T("talk.read")})
	}
	for _, t := range p.Tracks {
		if t.Open && t.MayAnswer {
			out = append(out, nextThing{r.P.T("cases.next_answer", "receiver", t.Receiver), "#track-" + t.ID, r.P.T("cases.to_answer")})
		}
	}
	switch {
	case p.Closing.Asked && p.Closing.May:
		out = append(out, nextThing{r.P.T("cases.next_confirm", "name", p.Closing.By), "#close", r.P.T("cases.to_confirm")})
	case p.Closing.Asked:
		out = append(out, nextThing{Text: r.P.T("cases.next_wait_confirm")})
	case p.Open && c.Assignee == "":
		out = append(out, nextThing{r.P.T("cases.next_assign"), "#assign", r.P.T("cases.to_assign")})
	case p.Open && c.Assignee == r.By.Person && p.StepsDone < len(p.Steps):
		out = append(out, nextThing{r.P.T("cases.next_steps", "n", len(p.Steps)-p.StepsDone), "#steps", r.P.T("cases.to_steps")})
	case p.Open && c.Assignee == r.By.Person && p.Closing.Blocked == "":
		out = append(out, nextThing{r.P.T("cases.next_close"), "#close", r.P.T("cases.to_close")})
	}
	return out
}

func hex(sum [32]byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, x := range sum {
		b.WriteByte(digits[x>>4])
		b.WriteByte(digits[x&15])
	}
	return b.String()
}

// byTime orders entries as they were said.
func byTime(es []incident.Entry) []incident.Entry {
	es = slices.Clone(es)
	slices.SortStableFunc(es, func(a, b incident.Entry) int { return a.At.Compare(b.At) })
	return es
}
