package mailout

import (
	"context"
	"fmt"
	"slices"

	"sekimori/internal/domain/notice"
)

var (
	_ notice.Gatherer = (*SMTP)(nil)
	_ notice.Gatherer = (*Outbox)(nil)
)

// SendGathered composes one mail of several repeats to one person and submits it.
func (s *SMTP) SendGathered(ctx context.Context, as []notice.Attempt, ts []notice.Track) (string, error) {
	m, err := s.composer.ComposeGathered(ctx, as, ts)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	return s.Deliver(ctx, m)
}

// SendGathered keeps the mail of several repeats.
func (o *Outbox) SendGathered(ctx context.Context, as []notice.Attempt, ts []notice.Track) (string, error) {
	m, err := o.composer.ComposeGathered(ctx, as, ts)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	if err := o.keeper.Keep(ctx, m, o.composer.Now()); err != nil {
		return "", fmt.Errorf("keep in the outbox: %w", err)
	}
	return "kept in the outbox", nil
}

// ComposeGathered writes the one mail of several repeats to one contact: each case in a
// block of its own, with the link that answers it. The attempts share their Bundle, which
// names the mail. A case that says to leave the person out is not in it.
func (c *Composer) ComposeGathered(ctx context.Context, as []notice.Attempt, ts []notice.Track) (Mail, error) {
	m, err := c.envelope(as[0])
	if err != nil {
		return Mail{}, err
	}
	base, err := c.base()
	if err != nil {
		return Mail{}, err
	}
	var blocks [][]string
	var last *letter
	drills := true // all of them
	for i, a := range as {
		l, err := c.letter(ctx, a, ts[i])
		if err != nil {
			return Mail{}, err
		}
		if slices.Contains(l.hidden, a.Person) {
			continue
		}
		if !l.reaches() { // all of them go there
			return Mail{}, &notice.Rejection{Answer: "the contact was taken away, or takes nothing any more"}
		}
		l.base, last, drills = base, l, drills && l.i.Drill
		blocks = append(blocks, append(l.drill(),
			l.p.T("escalation.mail_case", "number", l.i.Label, "kind", l.kind(), "time", l.p.DateTime(l.i.Reported)), l.i.Summary, l.until(),
		), []string{l.url("a", l.c.Links.Token(a.ID))})
	}
	if last == nil {
		return Mail{}, &notice.Rejection{Answer: "left out of these cases"}
	}
	p, n := last.p, len(blocks)/2
	head := []string{p.T("mail.hello", "name", last.name(last.a.Person)), p.T("escalation.mail_gathered", "n", n), p.T("mail.answer")}
	m.To.Name = oneLine(last.org.People[last.a.Person].Name())
	m.ID = messageID(as[0], base)
	m.Subject = oneLine(p.T("escalation.mail_gathered_subject", "n", n))
	if drills {
		m.Subject = drillSubject(p, m.Subject)
	}
	m.Text = body(slices.Concat([][]string{head}, blocks, [][]string{c.foot(p, last.now)}))
	m.Headers = headers(m.ID, p, last.now)
	return m, nil
}
