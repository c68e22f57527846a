package outside

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/report"
	"sekimori/internal/kit/fault"
)

// visit holds the secret of the browser that has shown a code; shown the fresh code.
func visit() page.Narrow { return page.Narrow{Name: "sekimori_visit", Path: "/r"} }
func shown() page.Narrow { return page.Narrow{Name: "sekimori_code", Path: "/r"} }

type openPage struct {
	page.Base
	Code   page.Field
	Work   string
	Phones []Phone
}

type receiptPage struct {
	page.Base
	Label, Kind, Icon, At string
	Code                  string // while it is fresh
	Address               string // where the code is typed in
	Status                page.Tag
	Tracks                []trackLine
	Held                  bool // somebody is told only with the next working hours
	Talk                  page.Talk
	Main                  string // number of the report that this one goes on as
	Facts                 []fact
	Added                 []line
	Evidence              []file
	Questions             []question
	Text, File            page.Field
	MaxFile               int64
	FilesLeft             int
	Closed                bool
	Phones                []Phone
}

// trackLine is one office that was told: never a person.
type trackLine struct {
	Class, Role string
	Tag         page.Tag
	Next        string // when more are told, where that waits
	Quote       string
}

type line struct{ At, Iso, What, Text string }

type fact struct {
	Name, Value string
	Unknown     bool
}

type file struct{ Name, Size, At, Short, Full string }

type question struct {
	ID, Text, Hint, Error, Value string
	Choices                      []string
}

// who is the visitor of the request's cookie.
func (d *Room) who(r *page.Request) (access.Actor, error) {
	return d.cases.Visitor(r.Context(), visit().Get(r))
}

// receipt shows the case of the visit, and the field for the code where there is none.
func (d *Room) receipt(w http.ResponseWriter, r *page.Request) error {
	by, err := d.who(r)
	if fault.Is(err, fault.Unauthenticated) {
		return d.ask(w, r, page.Refused{Status: http.StatusOK})
	}
	if err != nil {
		return err
	}
	return d.showCase(w, r, by, refusal{Refused: page.Refused{Status: http.StatusOK}})
}

func (d *Room) ask(w http.ResponseWriter, r *page.Request, bad page.Refused) error {
	p := openPage{Base: r.Kit.Base(r, "outside.open_title", "/r"), Work: d.codes.ask(r.Kit.Now(), r.Address())}
	p.Width, p.Errors, p.Scripts = "narrow", bad.Summary, []string{"work.js"}
	p.Code = page.Field{ID: "code", Name: "code", Label: r.P.T("outside.code"), Hint: r.P.T("outside.code_hint"), Value: r.Text("code"), Error: bad.Fields["code"],
		Required: true, Auto: "off", Class: "full code", MaxLen: 60}
	var err error
	if p.Phones, err = Phones(r); err != nil {
		return err
	}
	return r.Kit.Render(w, r, bad.Status, "outside_open", p)
}

// open lets in whoever has the code. A slip of the pen costs nobody a try.
func (d *Room) open(w http.ResponseWriter, r *page.Request) error {
	code, err := incident.ParseCode(r.Text("code"))
	if err == nil && !d.codes.pass(r.Kit.Now(), r.Address(), r.Text("work"), r.Text("answer")) {
		err = fault.New(fault.TooMany, "fault.outside_busy", nil)
	}
	var secret string
	if err == nil {
		secret, err = d.cases.OpenCode(r.Context(), string(code), block(r.Address()))
	}
	if err == nil {
		visit().Set(w, r.Kit, secret, incident.VisitLength)
		shown().Drop(w, r.Kit) // it may be of another report
		return r.Kit.See(w, r, "/r", "")
	}
	if f := fault.As(err); f != nil && f.ID == "fault.wrong_code" {
		err = &fault.Error{Kind: fault.Invalid, ID: f.ID, Fields: []fault.Field{{Name: "code", ID: f.ID}}}
	}
	bad, ok := r.Refused(err, "code")
	if !ok {
		return err
	}
	return d.ask(w, r, bad)
}

// kept puts the fresh code away once it was written down.
func (d *Room) kept(w http.ResponseWriter, r *page.Request) error {
	shown().Drop(w, r.Kit)
	return r.Kit.See(w, r, "/r", "")
}

// leave ends the visit, such as on a PC that others use too.
func (d *Room) leave(w http.ResponseWriter, r *page.Request) error {
	if err := d.cases.Leave(r.Context(), visit().Get(r)); err != nil {
		return err
	}
	visit().Drop(w, r.Kit)
	shown().Drop(w, r.Kit)
	return r.Kit.See(w, r, "/r", "outside.left")
}

// add keeps more words with the report.
func (d *Room) add(w http.ResponseWriter, r *page.Request) error {
	return d.change(w, r, "add", "report.added", func(by access.Actor) error {
		_, err := d.cases.AddFact(r.Context(), by, by.Case, incident.Addition{Text: r.Text("text")})
		return err
	})
}

// answer keeps the answer to one of the kind's questions.
func (d *Room) answer(w http.ResponseWriter, r *page.Request) error {
	a := incident.Addition{Question: r.Text("question"), Text: r.Text("text")}
	if a.Question == "" {
		return fault.Missing("question")
	}
	return d.change(w, r, "answer", "report.answer_kept", func(by access.Actor) error {
		switch c := r.Text("choice"); c {
		case "":
		case incident.Unknown:
			a.Text = incident.Unknown
		default:
			all := choices(r, "question."+a.Question)
			n := page.Int(c, 0)
			if n < 1 || n > len(all) {
				var c fault.Check
				c.Add("text", "fault.unknown_choice", nil)
				return c.Err()
			}
			a.Text = all[n-1]
		}
		_, err := d.cases.AddFact(r.Context(), by, by.Case, a)
		return err
	})
}

// upload keeps the files of one form, each as it streams in.
func (d *Room) upload(w http.ResponseWriter, r *page.Request) error {
	return d.change(w, r, "files", "report.files_kept", func(by access.Actor) error {
		return r.Upload(w, func(u incident.Upload) error {
			_, err := d.cases.AddEvidence(r.Context(), by, by.Case, u)
			return err
		})
	})
}

// refusal is what a form of the receipt was refused for.
type refusal struct {
	page.Refused
	form string
}

// change does something to the visitor's case and shows the page again.
func (d *Room) change(w http.ResponseWriter, r *page.Request, form, flash string, do func(access.Actor) error) error {
	by, err := d.who(r)
	if fault.Is(err, fault.Unauthenticated) { // the visit ended: the code opens it again
		return r.Kit.See(w, r, "/r", "outside.visit_ended")
	}
	if err != nil {
		return err
	}
	if err = do(by); err == nil {
		return r.Kit.See(w, r, "/r", flash)
	}
	bad, ok := r.Refused(err, "text", "file")
	if !ok {
		return err
	}
	return d.showCase(w, r, by, refusal{bad, form})
}

func (d *Room) showCase(w http.ResponseWriter, r *page.Request, by access.Actor, bad refusal) error {
	c, err := d.cases.Case(r.Context(), by, by.Case)
	if err != nil {
		return err
	}
	kind := string(c.Kind)
	p := receiptPage{Base: r.Kit.Base(r, "", "/r"), Label: c.Label, Kind: r.P.T("kind." + kind), Icon: kind, At: r.P.DateTime(c.Reported), Address: r.Kit.BaseURL + "/r"}
	p.Title, p.Errors, p.Scripts = c.Label, bad.Summary, []string{"print.js"}
	if code, err := incident.ParseCode(shown().Get(r)); err == nil {
		p.Code = code.String()
	}
	p.Status = page.Tag{Kind: "ai", Text: r.P.T("status." + string(c.Status))}
	if !c.Status.Open() {
		p.Status.Kind, p.Closed = "matsu", true
	}
	p.Tracks = tracks(r, c)
	p.Held = slices.ContainsFunc(c.Tracks, func(t notice.Track) bool { return t.State == notice.Open && t.Held() })
	p.Facts, p.Questions = facts(r, c, bad)
	p.Added = said(r, c)
	if err := d.talk(r, by, c, &p, bad); err != nil {
		return err
	}
	for _, e := range c.Evidence {
		sum := fmt.Sprintf("%x", e.SHA256)
		p.Evidence = append(p.Evidence, file{Name: e.Name, Size: r.P.Bytes(e.Size), At: r.P.DateTime(e.At), Short: sum[:16], Full: sum})
	}
	p.MaxFile, p.FilesLeft = incident.MaxOutsideFile, incident.MaxOutsideFiles-len(c.Evidence)
	p.Text = page.Field{ID: "text", Name: "text", Type: "textarea", Rows: 3, MaxLen: incident.MaxText, Label: r.P.T("report.add"), Hint: r.P.T("report.add_hint")}
	p.File = page.Field{ID: "file", Name: "file", Label: r.P.T("report.file"), Hint: r.P.T("outside.file_hint", "n", strconv.Itoa(p.FilesLeft), "max", r.P.Bytes(p.MaxFile))}
	switch bad.form {
	case "add":
		p.Text.Value, p.Text.Error = r.Text("text"), bad.Fields["text"]
	case "files":
		p.File.Error = bad.Fields["file"]
	}
	if p.Phones, err = Phones(r); err != nil {
		return err
	}
	return r.Kit.Render(w, r, bad.Status, "outside_receipt", p)
}

func tracks(r *page.Request, c *incident.Case) []trackLine {
	ordered := slices.Clone(c.Tracks)
	order := c.Kind.Receivers()
	slices.SortStableFunc(ordered, func(a, b notice.Track) int {
		return slices.Index(order, a.Receiver) - slices.Index(order, b.Receiver)
	})
	var out []trackLine
	for _, t := range ordered {
		l := trackLine{Class: "wait", Role: r.P.T("outside.role." + string(t.Receiver)), Tag: page.Tag{Kind: "yama", Text: r.P.T("outside.told", "at", r.P.DateTime(t.Started))}}
		if t.Held() && t.Level == 0 { // nobody has been told yet
			l.Tag.Text = r.P.T("outside.told_later", "at", r.P.DateTime(t.NextFire))
		}
		if t.Held() && t.Level > 0 {
			l.Next = r.P.T("escalation.held_again", "at", r.P.DateTime(t.NextFire))
		}
		switch t.State {
		case notice.Acked:
			l.Class, l.Quote, l.Next, l.Tag = "done", t.AckNote, "", page.Tag{Kind: "matsu", Text: r.P.T("report.answered", "at", r.P.DateTime(t.AckedAt))}
		case notice.Closed:
			l.Class, l.Next, l.Tag = "", "", page.Tag{Kind: "quiet", Text: r.P.T("report.track_ended")}
		}
		out = append(out, l)
	}
	return out
}

// facts are the report as it was sent, with the answers; and what is still asked.
func facts(r *page.Request, c *incident.Case, bad refusal) (known []fact, open []question) {
	known = append(known, fact{Name: r.P.T("report.what"), Value: c.Summary})
	if c.Written.Known {
		known = append(known, fact{Name: r.P.T("offline.written"), Value: r.P.DateTime(c.Written.At)})
	}
	for _, f := range report.CallTimes(r, c.Incident) {
		known = append(known, fact{Name: f.Name, Value: f.Value, Unknown: f.Unknown})
	}
	for _, x := range []struct{ name, value string }{{"outside.name", c.Outside.Name}, {"outside.contact", c.Outside.Contact}} {
		if x.value != "" {
			known = append(known, fact{Name: r.P.T(x.name), Value: x.value})
		}
	}
	for _, q := range c.Kind.Questions() {
		name := "question." + q
		n := len(known)
		for _, e := range c.Entries {
			if e.Type == incident.Answer && e.Key == q {
				f := fact{Name: r.P.T(name), Value: e.Text}
				if e.Text == incident.Unknown {
					f.Value, f.Unknown = r.P.T("word.unknown"), true
				}
				known = append(known, f)
			}
		}
		if len(known) > n || !c.Status.Open() {
			continue
		}
		x := question{ID: q, Text: r.P.T(name), Choices: choices(r, name)}
		if r.P.Has(name + ".hint") {
			x.Hint = r.P.T(name + ".hint")
		}
		if bad.form == "answer" && r.Text("question") == q {
			x.Error, x.Value = bad.Fields["text"], r.Text("text")
		}
		open = append(open, x)
	}
	return known, open
}

// said lists what came after the report, beside the talk.
func said(r *page.Request, c *incident.Case) (added []line) {
	for _, e := range c.Entries {
		l := line{At: r.P.DateTime(e.At), Iso: e.At.UTC().Format("2006-01-02T15:04:05Z"), Text: e.Text}
		switch e.Type {
		case incident.Fact, incident.Correction:
			l.What = r.P.T("outside.from_you")
		case incident.StatusSet:
			l.What = r.P.T("report.status_now", "status", r.P.T("status."+e.Key))
		default:
			continue
		}
		added = append(added, l)
	}
	return added
}

// choices reads id.a1, id.a2 … from the catalogue: the ready answers to a question.
func choices(r *page.Request, id string) []string {
	var out []string
	for n := 1; r.P.Has(id + ".a" + strconv.Itoa(n)); n++ {
		out = append(out, r.P.T(id+".a"+strconv.Itoa(n)))
	}
	return out
}
