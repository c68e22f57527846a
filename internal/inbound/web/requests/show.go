package requests

import (
	"net/http"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// stepView is one step of the chain.
type stepView struct {
	Class, Role, Need, When, Why string
	Tag                          page.Tag
	Names                        []string // asked, and not yet decided
	Stamps                       []stampView
}

// stampView is one decision.
type stampView struct {
	Who, When, Note string
	Tag             page.Tag
}

// word is a question or an answer.
type word struct{ Who, When, Text, Kind string }

// showPage is one application.
type showPage struct {
	page.Base
	Label, Kind, Applicant, Asked, Deadline string
	Self                                    string
	State                                   page.Tag
	Reason                                  string
	Erased                                  bool // its content was erased after the retention
	Facts                                   []Fact
	Steps                                   []stepView
	Words                                   []word
	Next                                    []Step
	Revision                                int
	Decide                                  decideView
	MayAsk, MayReply, MayMend               bool
	MayWithdraw                             bool

	Failed string            // name of the form that was refused
	Wrongs map[string]string // what must be mended in it
}

// decideView is the form of whoever was asked.
type decideView struct {
	Action, Digest string
	For            string // the absent person in whose place
	Note           page.Field
	May            bool
	Ask            bool // a question can be put
}

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Engine.Get(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	if r.PathValue("label") != v.Label {
		return r.Kit.See(w, r, "/requests/"+v.Label, "")
	}
	p, err := d.page(r, v)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "request", p)
}

// page says of a request what its reader may see.
func (d Deps) page(r *page.Request, v request.View) (*showPage, error) {
	org, err := r.Org()
	if err != nil {
		return nil, err
	}
	p := &showPage{Base: r.Kit.Base(r, "", "/requests"), Label: v.Label, Kind: r.P.T("request.kind." + v.Kind), Self: "/requests/" + v.Label,
		Applicant: page.Line(org.NameOf(v.By), strings.Join(org.Path(org.People[v.By].Department), " ")), Asked: r.P.DateTime(v.Asked),
		State: StateTag(r, v.State), Reason: v.Reason, Revision: v.Revision,
		MayAsk: v.MayAsk, MayMend: v.MayMend}
	mine := v.Mine && !v.State.Over() && r.By.May(access.Submit) == nil
	p.MayReply, p.MayWithdraw = mine, mine
	p.Title = v.Label + " " + v.Title
	p.EventsURL = "/events?subject=" + v.ID
	if v.State == request.Waiting {
		p.Deadline = r.P.DateTime(v.Deadline)
	}
	if v.By == "" {
		// Its time was over: number, kind and what became of it are all that is left.
		p.Erased, p.Title, p.Reason = true, v.Label, ""
		return p, nil
	}
	f := d.formOf(v.Kind)
	if f == nil {
		p.Facts = []Fact{{Label: r.P.T("word.what"), Text: v.Title}}
	} else {
		if p.Facts, err = f.Facts(r, v.Request); err != nil {
			return nil, err
		}
		p.Next = f.Now(r, v)
	}
	for _, s := range v.Steps {
		p.Steps = append(p.Steps, stepOf(r, org, v, s))
	}
	for _, x := range v.Words {
		k := "requests.word_answer"
		if x.Question {
			k = "requests.word_question"
		}
		p.Words = append(p.Words, word{Who: org.NameOf(x.By), When: r.P.DateTime(x.At), Text: x.Text, Kind: r.P.T(k)})
	}
	p.Decide = decideView{Action: "/requests/" + v.Label + "/decide", Digest: v.Digest, For: org.NameOf(v.DecideFor), May: v.MayDecide, Ask: v.MayAsk,
		Note: page.Field{ID: "decide-note", Name: "note", Label: r.P.T("requests.note"), Hint: r.P.T("requests.note_hint"), Value: r.Text("note"), Optional: true, MaxLen: 1000, Class: "full", Type: "textarea", Rows: 2}}
	return p, nil
}

func stepOf(r *page.Request, org *directory.Org, v request.View, s request.Step) stepView {
	out := stepView{Role: r.P.T("requests.role." + string(s.Role)), When: r.P.DateTime(s.Ended)}
	if s.Ended.IsZero() {
		out.When = ""
	}
	switch s.Need {
	case request.All:
		out.Need = r.P.T("requests.need_all")
	case request.Quorum:
		out.Need = r.P.T("requests.need_quorum", "n", r.P.Count(s.Quorum))
	}
	if s.Why != "" {
		out.Why = r.P.T(s.Why)
	}
	switch s.State {
	case request.StepOpen:
		out.Class, out.Tag = "wait", page.Tag{Kind: "yama", Icon: "clock", Text: r.P.T("requests.step_open")}
		out.Names = names(r, &s)
	case request.StepPassed:
		out.Class, out.Tag = "done", page.Tag{Kind: "matsu", Icon: "check", Text: r.P.T("requests.step_passed")}
	case request.StepSkipped:
		out.Tag = page.Tag{Kind: "quiet", Text: r.P.T("requests.step_skipped")}
	case request.StepEnded:
		out.Class, out.Tag = "late", StateTag(r, v.State)
	default:
		out.Tag = page.Tag{Kind: "quiet", Text: r.P.T("requests.step_later")}
	}
	for _, x := range s.Stamps {
		t := stampView{Who: org.NameOf(x.Person), When: r.P.DateTime(x.At), Note: x.Note, Tag: page.Tag{Kind: "matsu", Icon: "check", Text: r.P.T("requests.verdict." + string(x.Verdict))}}
		if x.Verdict != request.Approve {
			t.Tag.Kind, t.Tag.Icon = "shu", "x"
		}
		if x.For != "" {
			t.Who = r.P.T("requests.stands_in", "name", org.NameOf(x.Person), "for", org.NameOf(x.For))
		}
		if x.Carried {
			t.Note = r.P.T("requests.carried")
		}
		out.Stamps = append(out.Stamps, t)
	}
	return out
}

// verb runs one press on a request; what is refused is shown beside its form.
func (d Deps) verb(name string, do func(r *page.Request, label string) (flash string, err error)) func(http.ResponseWriter, *page.Request) error {
	return func(w http.ResponseWriter, r *page.Request) error {
		label := r.PathValue("label")
		flash, err := do(r, label)
		if err == nil {
			return r.Kit.See(w, r, "/requests/"+label, flash)
		}
		bad, ok := r.Refused(err)
		if !ok {
			return err
		}
		v, seen := d.Engine.Get(r.Context(), r.By, label)
		if seen != nil {
			return err
		}
		p, wrong := d.page(r, v)
		if wrong != nil {
			return wrong
		}
		p.refuse(name, bad)
		return r.Kit.Render(w, r, bad.Status, "request", p)
	}
}

func (p *showPage) refuse(form string, bad page.Refused) {
	p.Failed, p.Wrongs, p.Errors = form, bad.Fields, bad.Summary
	for i, e := range p.Errors {
		if e.ID == "" && e.Field != "" {
			p.Errors[i].ID = form + "-" + e.Field
		}
	}
	if form == "decide" {
		p.Decide.Note.Error = bad.Fields["note"]
	}
}

// Wrong is what must be mended in a field of a refused form.
func (p *showPage) Wrong(form, field string) string {
	if p.Failed == form {
		return p.Wrongs[field]
	}
	return ""
}

func (d Deps) decide(r *page.Request, label string) (string, error) {
	out, err := d.Engine.Decide(r.Context(), r.By, decision(r, label, "web"))
	if err != nil {
		return "", err
	}
	return flash(out), nil
}

func decision(r *page.Request, label, path string) request.Decision {
	return request.Decision{Request: label, Verdict: request.Verdict(r.Text("verdict")), Note: r.Text("note"), Digest: r.Text("digest"), Path: path}
}

// flash is what is said after a decision.
func flash(v *request.Request) string {
	switch v.State {
	case request.Approved:
		return "requests.flash_approved"
	case request.Refused:
		return "requests.flash_refused"
	case request.Returned:
		return "requests.flash_returned"
	}
	return "requests.flash_stamped"
}

func (d Deps) ask(r *page.Request, label string) (string, error) {
	return "requests.flash_asked", d.Engine.Ask(r.Context(), r.By, label, r.Text("text"))
}

func (d Deps) reply(r *page.Request, label string) (string, error) {
	return "requests.flash_replied", d.Engine.Reply(r.Context(), r.By, label, r.Text("text"))
}

func (d Deps) withdraw(r *page.Request, label string) (string, error) {
	return "requests.flash_withdrawn", d.Engine.Withdraw(r.Context(), r.By, label, r.Text("reason"))
}

// linked is what a mail's link leads to.
func (d Deps) linked(r *page.Request) (request.View, error) {
	letter, err := d.Links.Read(r.PathValue("token"))
	if err != nil {
		return request.View{}, err
	}
	by, v, err := d.Engine.Follow(r.Context(), letter)
	if err != nil {
		return request.View{}, err
	}
	if r.By.Person != "" && r.By.Person == v.By {
		// An applicant who came by somebody else's mail must not decide with it.
		return request.View{}, fault.New(fault.Denied, "fault.own_not_allowed", nil)
	}
	r.SpeakTo(by.Person)
	r.By = by
	return d.Engine.Get(r.Context(), by, v.ID)
}

// look shows what a mail asks about. Opening it decides nothing.
func (d Deps) look(w http.ResponseWriter, r *page.Request) error {
	v, err := d.linked(r)
	if err != nil {
		return gone(w, r, err)
	}
	return d.showLinked(w, r, v, http.StatusOK, page.Refused{})
}

func (d Deps) showLinked(w http.ResponseWriter, r *page.Request, v request.View, status int, bad page.Refused) error {
	p, err := d.page(r, v)
	if err != nil {
		return err
	}
	p.Width, p.EventsURL, p.Self = "narrow", "", ""
	p.Decide.Action = r.URL.Path
	p.Next, p.MayReply, p.MayMend, p.MayWithdraw = nil, false, false, false
	if status != http.StatusOK {
		p.refuse("decide", bad)
	}
	return r.Kit.Render(w, r, status, "request_link", p)
}

// press takes a decision by a mail's link.
func (d Deps) press(w http.ResponseWriter, r *page.Request) error {
	v, err := d.linked(r)
	if err != nil {
		return gone(w, r, err)
	}
	out, err := d.Engine.Decide(r.Context(), r.By, decision(r, v.ID, "link"))
	if err == nil {
		return r.Kit.See(w, r, r.URL.Path, flash(out))
	}
	bad, ok := r.Refused(err, "note")
	if !ok {
		return err
	}
	return d.showLinked(w, r, v, bad.Status, bad)
}

// gonePage explains a link that leads nowhere any more.
type gonePage struct {
	page.Base
	Text string
}

func gone(w http.ResponseWriter, r *page.Request, err error) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.NotFound {
		return err
	}
	p := gonePage{Base: r.Kit.Base(r, "answer.gone", "")}
	p.Width = "narrow"
	p.Text, _ = r.P.Error(err)
	status := http.StatusNotFound
	if f.ID == "fault.link_expired" {
		status = http.StatusGone
	}
	return r.Kit.Render(w, r, status, "request_gone", p)
}
