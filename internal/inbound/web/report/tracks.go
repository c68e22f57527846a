package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
)

// trackLine is one receiver as whoever reported sees it: who was told, and whether
// somebody answers.
type trackLine struct {
	Class string // done, wait, late or "" for ended
	Role  string
	Names string
	Tag   page.Tag
	Since time.Time // of the first notice to those who are asked now; zero unless open
	Times string    // "second notice sent"
	Next  string    // until when, and who is next
	Quote string    // what the one who answered said
}

type sentLine struct{ At, Text string }

func (d rooms) tracks(ctx context.Context, r *page.Request, o *directory.Org, c *incident.Case) ([]trackLine, []sentLine, error) {
	var lines []trackLine
	role := map[string]string{}
	for _, t := range Ordered(c) {
		role[t.ID] = r.P.T("receiver." + string(t.Receiver))
		l := trackLine{Role: role[t.ID]}
		switch t.State {
		case notice.Acked:
			answered(r, o, t, &l)
		case notice.Closed:
			l.Tag = page.Tag{Kind: "quiet", Text: r.P.T("report.track_ended")}
		default:
			if err := d.waiting(ctx, r, o, c, t, &l); err != nil {
				return nil, nil, err
			}
		}
		lines = append(lines, l)
	}
	told := slices.Clone(c.Told)
	slices.SortStableFunc(told, func(a, b notice.Told) int { return a.At.Compare(b.At) })
	var sent []sentLine
	for _, x := range told {
		text := r.P.T("report.told_line", "name", o.NameOf(x.Person), "role", role[x.Track])
		if x.For != "" && x.For != x.Person {
			text = r.P.T("report.told_line_for", "name", o.NameOf(x.Person), "role", role[x.Track], "for", o.NameOf(x.For))
		}
		sent = append(sent, sentLine{At: r.P.DateTime(x.At), Text: text})
	}
	return lines, sent, nil
}

// Ordered lists a case's tracks in the order in which its kind names the receivers.
func Ordered(c *incident.Case) []notice.Track {
	out := slices.Clone(c.Tracks)
	order := c.Kind.Receivers()
	slices.SortStableFunc(out, func(a, b notice.Track) int {
		return slices.Index(order, a.Receiver) - slices.Index(order, b.Receiver)
	})
	return out
}

func answered(r *page.Request, o *directory.Org, t notice.Track, l *trackLine) {
	l.Class, l.Names, l.Quote = "done", o.NameOf(t.AckedBy), t.AckNote
	if t.AckFor != "" && t.AckFor != t.AckedBy {
		l.Names = r.P.T("report.deputy_of", "name", l.Names, "for", o.NameOf(t.AckFor))
	}
	l.Tag = page.Tag{Kind: "matsu", Text: r.P.T("report.answered", "at", r.P.Clock(t.AckedAt))}
	if t.Asks() {
		l.Next = r.P.T("escalation.asked", "at", Near(r, t.NextFire))
	}
}

func (d rooms) waiting(ctx context.Context, r *page.Request, o *directory.Org, c *incident.Case, t notice.Track, l *trackLine) error {
	if t.Empty {
		l.Class, l.Tag = "late", page.Tag{Kind: "shu", Text: r.P.T("report.nobody")}
		l.Next = r.P.T("report.nobody_next")
		return nil
	}
	l.Class = "wait"
	if t.Held() && t.Level == 0 { // nobody has been told yet
		l.Tag = page.Tag{Kind: "yama", Icon: "clock", Text: r.P.T("escalation.held")}
		l.Next = r.P.T("escalation.held_until", "at", Near(r, t.NextFire))
		return nil
	}
	if t.Pass > 1 || t.Level > 1 {
		l.Class = "late"
	}
	var names []string
	for _, x := range c.Told {
		if x.Track != t.ID || x.Pass != t.Pass || x.Level != t.Level {
			continue
		}
		if l.Since.IsZero() || x.At.Before(l.Since) {
			l.Since = x.At
		}
		name := o.NameOf(x.Person)
		if x.For != "" && x.For != x.Person {
			name = r.P.T("report.deputy_of", "name", name, "for", o.NameOf(x.For))
		}
		if (t.PassedTo == "" || t.PassedTo == x.Person) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	l.Names = strings.Join(names, " / ")
	if l.Since.IsZero() {
		l.Since = t.Started
	}
	l.Times = r.P.T("report.notice_sent")
	if t.Attempt > 1 {
		l.Times = r.P.T("report.notice_again", "n", t.Attempt)
	}
	if t.Held() {
		l.Next = r.P.T("escalation.held_again", "at", Near(r, t.NextFire))
		return nil
	}
	next, err := d.next(ctx, o, t)
	if err != nil {
		return err
	}
	until := r.P.Clock(t.LevelEnd)
	if r.P.Date(t.LevelEnd) != r.P.Date(r.Kit.Now()) {
		until = r.P.DateTime(t.LevelEnd)
	}
	switch {
	case next == "":
		l.Next = r.P.T("report.until", "until", until)
	case next == plain(o, c, t):
		l.Next = r.P.T("report.until_again", "until", until, "name", next)
	default:
		l.Next = r.P.T("report.until_next", "until", until, "name", next)
	}
	return nil
}

// plain names those who are asked now, the way that next does.
func plain(o *directory.Org, c *incident.Case, t notice.Track) string {
	var names []string
	for _, x := range c.Told {
		if n := o.NameOf(x.Person); x.Track == t.ID && x.Pass == t.Pass && x.Level == t.Level && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return strings.Join(names, " / ")
}

// next asks the chain itself who would be told when the window ends unanswered; the
// answer is only looked at, never stored.
func (d rooms) next(ctx context.Context, o *directory.Org, t notice.Track) (string, error) {
	w, err := d.Lookouts.Lookout(ctx, t.Policy)
	if err != nil {
		return "", fmt.Errorf("look at the chain of %s: %w", t.ID, err)
	}
	if t.LevelEnd.After(w.Now) {
		w.Now = t.LevelEnd
	}
	fired, err := notice.Climb(t, w, 0)
	if err != nil {
		return "", fmt.Errorf("look at the chain of %s: %w", t.ID, err)
	}
	var names []string
	for _, x := range fired.Told {
		if n := o.NameOf(x.Person); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return strings.Join(names, " / "), nil
}
