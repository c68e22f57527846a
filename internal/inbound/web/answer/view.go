package answer

import (
	"slices"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/report"
)

func (d rooms) page(r *page.Request, f found, bad page.Refused) (answerPage, error) {
	c, o := f.kase, f.org
	kind := string(c.Kind)
	p := answerPage{Base: r.Kit.Base(r, "", ""), Action: r.URL.Path, Who: f.by.Name, Label: c.Label, Kind: r.P.T("kind." + kind), Drill: c.Drill, Icon: kind, Summary: c.Summary}
	p.Title, p.Width, p.Errors = c.Label, "narrow", bad.Summary
	p.Urgency = page.Tag{Kind: "yama", Text: r.P.T("urgency." + string(c.Urgency))}
	if c.Urgency == notice.Urgent {
		p.Urgency.Kind = "shu"
	}
	p.Facts = facts(r, f)
	p.Open, p.Mine = f.track.State == notice.Open, f.track.AckedBy == f.by.Person
	if f.track.Asks() {
		p.Asked = r.P.T("escalation.asked", "at", report.Near(r, f.track.NextFire))
	}
	if f.track.State == notice.Acked {
		p.AnsweredBy, p.AnsweredAt = o.NameOf(f.track.AckedBy), r.P.DateTime(f.track.AckedAt)
	}
	p.Tracks = tracks(r, f)
	p.Note = page.Field{ID: "note", Name: "note", Label: r.P.T("answer.note"), Hint: r.P.T("answer.note_hint"), Value: r.Text("note"),
		Error: bad.Fields["note"], Optional: true, MaxLen: 500, Class: "full"}
	if err := d.askProof(r, f, bad, &p); err != nil {
		return p, err
	}
	if finder, ok := o.People[c.Finder()]; ok {
		p.Phone, p.PhoneName = finder.Phone, finder.Name()
	}
	p.CaseHref = "/cases/" + c.Label
	return p, nil
}

// askProof offers the ways to prove who it is, where that is wanted and the browser does not
// tell it by itself.
func (d rooms) askProof(r *page.Request, f found, bad page.Refused, p *answerPage) error {
	wanted, err := d.Notices.WantsProof(r.Context())
	if err != nil || !wanted || f.by.Person == r.By.Person || r.Known() != "" && bad.Fields["password"] == "" {
		return err
	}
	p.Password = page.Field{ID: "password", Name: "password", Type: "password", Label: r.P.T("word.password"), Hint: r.P.T("signin.link_password_hint"),
		Error: bad.Fields["password"], Auto: "current-password", Class: "full", MaxLen: access.MaxPassword}
	if p.PasskeySite, err = d.Prover.PasskeyAtLink(r.Context(), f.by); p.PasskeySite != "" {
		p.Scripts = append(p.Scripts, "passkey.js")
	}
	return err
}

func facts(r *page.Request, f found) []fact {
	c, o := f.kase, f.org
	when := func(id string, m incident.Moment) fact {
		if !m.Known {
			return fact{Name: r.P.T(id), Value: r.P.T("word.unknown"), Unknown: true}
		}
		return fact{Name: r.P.T(id), Value: r.P.DateTime(m.At)}
	}
	out := []fact{
		{Name: r.P.T("report.reported"), Value: r.P.DateTime(c.Reported)},
		when("report.occurred", c.Occurred),
		when("report.discovered", c.Discovered),
	}
	if c.Reporter != "" {
		out = append(out, fact{Name: r.P.T("report.by"), Value: o.NameOf(c.Reporter)})
	}
	if c.OnBehalf != "" {
		out = append(out, fact{Name: r.P.T("report.found_by"), Value: o.NameOf(c.OnBehalf)})
	}
	if c.Outside != nil {
		out = append(out, fact{Name: r.P.T("report.found_by"), Value: report.Outsider(r, c.Outside)})
		if c.Outside.Contact != "" {
			out = append(out, fact{Name: r.P.T("outside.contact"), Value: c.Outside.Contact})
		}
	}
	if c.Boxed() {
		out = append(out, fact{Name: r.P.T("report.found_by"), Value: r.P.T("near.nobody")})
	}
	if word := report.Nearly(r, c.Incident); word != "" {
		out = append(out, fact{Name: r.P.T("near.nearly_short"), Value: word})
	}
	if dep, ok := o.Departments[c.Department]; ok {
		out = append(out, fact{Name: r.P.T("word.department"), Value: dep.Name})
	}
	return out
}

func tracks(r *page.Request, f found) []track {
	o := f.org
	var out []track
	for _, t := range report.Ordered(f.kase) {
		l := track{Role: r.P.T("receiver." + string(t.Receiver))}
		switch t.State {
		case notice.Acked:
			l.Class, l.Names, l.Quote = "done", o.NameOf(t.AckedBy), t.AckNote
			l.Tag = page.Tag{Kind: "matsu", Text: r.P.T("report.answered", "at", r.P.Clock(t.AckedAt))}
		case notice.Closed:
			l.Tag = page.Tag{Kind: "quiet", Text: r.P.T("report.track_ended")}
		default:
			l.Class, l.Tag = "wait", page.Tag{Kind: "yama", Text: r.P.T("answer.waiting")}
			var names []string
			for _, x := range f.kase.Told {
				if n := o.NameOf(x.Person); x.Track == t.ID && x.Pass == t.Pass && x.Level == t.Level && !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
			l.Names = strings.Join(names, " / ")
		}
		out = append(out, l)
	}
	return out
}
