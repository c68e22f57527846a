package cases

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/report"
)

// trackView is one receiver's chain.
type trackView struct {
	ID, Receiver string
	Open, Done   bool
	Late         bool // open, and nobody is left to tell or a whole pass went unanswered
	Since        time.Time
	State        page.Tag
	Where        string // level, pass and until when, in words
	Answer       string // who answered when, and for whom
	Note         string // what they said to the reporter
	Told         []toldView
	Attempts     []attemptView
	MayAnswer    bool
	Asks         bool // the answerer was asked whether they are still on it
	MayClimb     bool
	MayEnd       bool
	Levels       []page.Option
}

// toldView is one person told.
type toldView struct{ Name, For, When string }

// attemptView is one message.
type attemptView struct {
	Who, When, Address string
	State              page.Tag
	Answer             string
}

func (d Deps) tracks(ctx context.Context, r *page.Request, org *directory.Org, c *incident.Case) ([]trackView, error) {
	var out []trackView
	may := r.By.May(access.Answer) == nil && c.Sight == incident.AsWorker
	works := r.By.May(access.WorkCases) == nil
	for _, t := range report.Ordered(c) {
		told := slices.DeleteFunc(slices.Clone(c.Told), func(x notice.Told) bool { return x.Track != t.ID })
		w, err := d.Notices.Lookout(ctx, t.Policy)
		if err != nil {
			return nil, fmt.Errorf("load chain of %s: %w", t.ID, err)
		}
		chain := w.Policy.Chains[t.Urgency][t.Receiver]
		answers := may && t.MayAnswer(r.By, told)
		v := trackView{ID: t.ID, Receiver: r.P.T("receiver." + string(t.Receiver)), Open: t.State == notice.Open, Done: t.State == notice.Acked,
			Late: t.State == notice.Open && (t.Empty || t.Pass > 1), Since: t.Started, Note: t.AckNote,
			MayAnswer: answers && (t.State == notice.Open || t.Asks()), Asks: t.Asks(), MayClimb: may && (answers || works) && t.State != notice.Closed && c.Status.Open(),
			MayEnd: works && may && t.State == notice.Open}
		v.State, v.Where, v.Answer = stateOf(r, org, t)
		for _, x := range told {
			v.Told = append(v.Told, toldView{Name: org.NameOf(x.Person), For: forWhom(r, org, x.For),
				When: r.P.T("cases.told_at", "at", Near(r, x.At), "level", x.Level, "pass", x.Pass)})
		}
		for _, a := range c.Attempts {
			if a.Track == t.ID {
				v.Attempts = append(v.Attempts, attemptOf(r, org, a))
			}
		}
		v.Levels = append(v.Levels, page.Option{Value: "0", Label: r.P.T("cases.level_next"), On: true})
		for i, l := range chain {
			v.Levels = append(v.Levels, page.Option{Value: fmt.Sprint(i + 1), Label: r.P.T("cases.level", "n", i+1) + page.Gap + strings.Join(LevelWords(r, org, l), ", ")})
		}
		out = append(out, v)
	}
	return out, nil
}

func stateOf(r *page.Request, org *directory.Org, t notice.Track) (state page.Tag, where, answer string) {
	switch t.State {
	case notice.Acked:
		answer = r.P.T("cases.answered_by", "name", org.NameOf(t.AckedBy), "at", Near(r, t.AckedAt))
		if f := forWhom(r, org, t.AckFor); f != "" {
			answer += page.Gap + f
		}
		if t.Asks() {
			return page.Tag{Kind: "yama", Icon: "clock", Text: r.P.T("escalation.asks_now")}, r.P.T("escalation.asked", "at", Near(r, t.NextFire)), answer
		}
		return page.Tag{Kind: "matsu", Icon: "check", Text: r.P.T("cases.answered")}, "", answer
	case notice.Closed:
		return page.Tag{Kind: "quiet", Icon: "", Text: r.P.T("cases.track_ended")}, "", r.P.T("cases.track_ended_why", "reason", t.EndedWhy)
	}
	switch {
	case t.Held() && t.Level == 0:
		return page.Tag{Kind: "yama", Icon: "clock", Text: r.P.T("escalation.held")}, r.P.T("escalation.held_until", "at", Near(r, t.NextFire)), ""
	case t.Held():
		where = r.P.T("escalation.held_again", "at", Near(r, t.NextFire))
	case t.Empty:
		where = r.P.T("cases.chain_empty", "at", r.P.Clock(t.NextFire))
	case t.PassedTo != "":
		where = r.P.T("cases.passed_to", "name", org.NameOf(t.PassedTo), "at", Near(r, t.LevelEnd))
	default:
		where = r.P.T("cases.at_level", "level", t.Level, "pass", t.Pass, "at", Near(r, t.LevelEnd))
	}
	return page.Tag{Kind: "shu", Icon: "clock", Text: r.P.T("cases.waiting")}, where, ""
}

func forWhom(r *page.Request, org *directory.Org, person string) string {
	if person == "" {
		return ""
	}
	return r.P.T("cases.in_place_of", "name", org.NameOf(person))
}

func attemptOf(r *page.Request, org *directory.Org, a notice.Attempt) attemptView {
	v := attemptView{Who: org.NameOf(a.Person), Address: placeOf(r, org, a), Answer: a.Answer, State: page.Tag{Kind: "quiet", Icon: "", Text: r.P.T("cases.send." + string(a.State))}}
	when := a.Planned
	switch a.State {
	case notice.Sent:
		when, v.State.Kind = a.SentAt, ""
	case notice.Refused:
		v.State.Kind = "shu"
	case notice.Planned, notice.Sending:
		v.State.Kind = "yama"
	}
	v.When = r.P.T("cases.attempt_at", "at", Near(r, when), "level", a.Level, "n", a.Number)
	if a.Tries > 1 {
		v.When += page.Gap + r.P.T("cases.tries", "n", a.Tries)
	}
	if a.Late {
		v.When += page.Gap + r.P.T("cases.late")
	}
	return v
}

// placeOf says where an attempt goes: a mail address, or the channel with what the person
// calls the contact.
func placeOf(r *page.Request, org *directory.Org, a notice.Attempt) string {
	if a.Channel == string(directory.Mail) {
		return a.Address
	}
	c, _ := org.Contact(a.Address)
	return page.Line(r.P.T("contacts.channel."+a.Channel), c.Name)
}

// LevelWords says whom a level tells, by their place in the organisation.
func LevelWords(r *page.Request, org *directory.Org, l notice.Level) []string {
	var out []string
	for _, w := range l.Who {
		switch w.Kind {
		case "supervisor":
			out = append(out, r.P.T("cases.who_supervisor", "n", w.Up))
		case "duty":
			id := "cases.who_duty_first"
			if w.All {
				id = "cases.who_duty_all"
			}
			out = append(out, r.P.T(id, "duty", r.P.T("duty."+string(w.Duty))))
		case "roster":
			out = append(out, r.P.T("rosters.whoever"))
		default:
			out = append(out, org.NameOf(w.ID))
		}
	}
	return out
}

// Near is a time as short as it can be understood: the clock alone for today.
func Near(r *page.Request, t time.Time) string { return report.Near(r, t) }
