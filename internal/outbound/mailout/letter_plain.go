package mailout

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

var (
	_ notice.LetterSender = (*SMTP)(nil)
	_ notice.LetterSender = (*Outbox)(nil)
)

// SendLetter composes the letter and submits it.
func (s *SMTP) SendLetter(ctx context.Context, l notice.Letter) (string, error) {
	m, err := s.composer.ComposeLetter(ctx, l)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	return s.Deliver(ctx, m)
}

// SendLetter keeps the letter's mail.
func (o *Outbox) SendLetter(ctx context.Context, l notice.Letter) (string, error) {
	m, err := o.composer.ComposeLetter(ctx, l)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	if err := o.keeper.Keep(ctx, m, o.composer.Now()); err != nil {
		return "", fmt.Errorf("keep in the outbox: %w", err)
	}
	return "kept in the outbox", nil
}

// ComposeLetter writes the mail of a letter from the texts letter.<topic>.subject and
// letter.<topic>.text in the receiver's language; each line of the text is a line of the
// mail. An argument that is a person's id becomes the name, one that is a time (RFC 3339)
// is written as people write times. A *notice.Rejection says that the person has left or
// has no mail address.
func (c *Composer) ComposeLetter(ctx context.Context, l notice.Letter) (Mail, error) {
	if l.Person == "" {
		return c.outsideReceipt(ctx, l)
	}
	org, err := c.People(ctx)
	if err != nil {
		return Mail{}, fmt.Errorf("load directory: %w", err)
	}
	now := c.Now()
	to, ok := org.People[l.Person]
	if !ok || !to.Active(now) {
		return Mail{}, &notice.Rejection{Answer: "does not work here any more"}
	}
	address := Address{oneLine(to.Name()), to.Email}
	if err := address.check(); err != nil {
		return Mail{}, &notice.Rejection{Answer: err.Error()}
	}
	if err := c.From.check(); err != nil {
		return Mail{}, fmt.Errorf("sender: %w", err)
	}
	base, err := c.base()
	if err != nil {
		return Mail{}, err
	}
	p := c.Catalogue.PrinterIn(i18n.Lang(to.Lang), c.Zone)
	args := letterArgs(p, org, l.Args)
	blocks := [][]string{{p.T("mail.hello", "name", address.Name)}}
	if l.For != "" {
		blocks[0] = append(blocks[0], p.T("mail.for", "name", org.NameOf(l.For)))
	}
	blocks = append(blocks, strings.Split(p.TA("letter."+l.Topic+".text", args), "\n"))
	if note := l.Args["note"]; note != "" { // what the kind of application adds
		blocks = append(blocks, []string{p.TA(note, args)})
	}
	if l.Act { // the link alone on its line, so that it can be pressed with a thumb
		blocks = append(blocks, []string{p.T("letter.act")}, []string{base.JoinPath("q", c.Links.LetterToken(l.ID)).String()})
	}
	if path, ok := strings.CutSuffix(l.Path, notice.SecretPlace); ok {
		if until, err := time.Parse(time.RFC3339, l.Args["until"]); err == nil && now.After(until) {
			return Mail{}, &notice.Rejection{Answer: "its link has run out"}
		}
		blocks = append(blocks, []string{base.JoinPath(path, c.Links.Seal(access.MailedLink, l.About)).String()})
	} else if l.Path != "" {
		blocks = append(blocks, []string{p.T("letter.page"), pageURL(base, l.Path)})
	}
	m := Mail{
		ID: l.ID + "@" + domain(base), From: Address{oneLine(c.From.Name), c.From.Mail}, To: address,
		Subject: oneLine(p.TA("letter."+l.Topic+".subject", args)), Text: body(append(blocks, c.foot(p, now))),
	}
	if err := c.markDrill(ctx, p, l, &m); err != nil {
		return Mail{}, err
	}
	m.Headers = headers(m.ID, p, now)
	c.answering(&m, l)
	return m, nil
}

// markDrill says in the subject that a letter is about a drill.
func (c *Composer) markDrill(ctx context.Context, p i18n.Printer, l notice.Letter, m *Mail) error {
	if !strings.HasPrefix(l.About, "inc_") {
		return nil
	}
	i, err := c.Cases(ctx, l.About)
	if err != nil {
		return fmt.Errorf("load case %s: %w", l.About, err)
	}
	if i.Drill {
		m.Subject = drillSubject(p, m.Subject)
	}
	return nil
}

// drillSubject is a subject that says that the mail is about a drill.
func drillSubject(p i18n.Printer, subject string) string {
	return oneLine(p.T("drills.subject", "subject", subject))
}

// pageURL is a page's address; a path may have a query.
func pageURL(base *url.URL, path string) string {
	path, query, _ := strings.Cut(path, "?")
	u := base.JoinPath(path)
	u.RawQuery = query
	return u.String()
}

// letterArgs turns a letter's arguments into words: nothing in one breaks a line.
func letterArgs(p i18n.Printer, org *directory.Org, args map[string]string) map[string]string {
	out := make(map[string]string, len(args))
	for name, v := range args {
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			v = p.DateTime(at)
		} else if person, ok := org.People[v]; ok {
			v = person.Name()
		}
		out[name] = oneLine(v)
	}
	return out
}
