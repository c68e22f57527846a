package mailout

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

// Composer writes the mail of a notice. All fields but Policies and Zone must be set.
type Composer struct {
	People    func(ctx context.Context) (*directory.Org, error)
	Cases     func(ctx context.Context, id string) (*incident.Incident, error)
	Policies  func(ctx context.Context, version int) (notice.Policy, error) // says who is told next; without it a general word does
	Catalogue *i18n.Catalogue
	Zone      *time.Location // of the times in the text; nil means Japan Standard Time
	Links     notice.Links
	// NewCode makes a receipt code for a report from outside.
	NewCode func(ctx context.Context, by access.Actor, incident string) (incident.Code, error)
	BaseURL string // where people reach the server, such as https://sekimori.company.example
	From    Address
	ReplyTo string // address of the intake, for receipts of mails; "" when there is none
	Company string
	Now     func() time.Time
}

// Compose writes the mail of an attempt. A *notice.Rejection says that this person can
// never be told by this mail: the address is none, or the case says to leave them out.
func (c *Composer) Compose(ctx context.Context, a notice.Attempt, t notice.Track) (Mail, error) {
	m, err := c.envelope(a)
	if err != nil {
		return Mail{}, err
	}
	base, err := c.base()
	if err != nil {
		return Mail{}, err
	}
	l, err := c.letter(ctx, a, t)
	if err != nil {
		return Mail{}, err
	}
	l.base = base
	if slices.Contains(l.hidden, a.Person) {
		return Mail{}, &notice.Rejection{Answer: "left out of this case"}
	}
	if !l.reaches() {
		return Mail{}, &notice.Rejection{Answer: "the contact was taken away, or takes nothing any more"}
	}
	m.To.Name = oneLine(l.org.People[a.Person].Name())
	m.ID, m.Subject, m.Text = messageID(a, base), l.subject(), l.text()
	m.Headers = headers(m.ID, l.p, l.now)
	return m, nil
}

// envelope is who writes to whom. A *notice.Rejection says that the address is none.
func (c *Composer) envelope(a notice.Attempt) (Mail, error) {
	to := Address{Mail: a.Address}
	if err := to.check(); err != nil {
		return Mail{}, &notice.Rejection{Answer: err.Error()}
	}
	if err := c.From.check(); err != nil {
		return Mail{}, fmt.Errorf("sender: %w", err)
	}
	return Mail{From: Address{oneLine(c.From.Name), c.From.Mail}, To: to}, nil
}

// messageID is the same each time a mail is tried: that of its one notice, or the name
// that several share.
func messageID(a notice.Attempt, base *url.URL) string {
	return cmp.Or(a.Bundle, a.ID) + "@" + domain(base)
}

// headers are those of every mail.
func headers(id string, p i18n.Printer, now time.Time) map[string]string {
	return map[string]string{
		"Message-ID":               "<" + id + ">",
		"Date":                     now.In(p.Location()).Format(time.RFC1123Z),
		"Auto-Submitted":           "auto-generated", // RFC 3834: no out-of-office answers to this
		"X-Auto-Response-Suppress": "All",            // the same for Exchange
		"Content-Language":         string(p.Lang()),
	}
}

// IDHost is what stands behind the @ in the Message-IDs of a server's mails.
func IDHost(baseURL string) string {
	base, err := url.Parse(baseURL)
	if err != nil {
		return ""
	}
	return domain(base)
}

func (c *Composer) base() (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(c.BaseURL, "/"))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("base URL %q is none", c.BaseURL)
	}
	return base, nil
}

// letter gathers what the text is written from.
func (c *Composer) letter(ctx context.Context, a notice.Attempt, t notice.Track) (*letter, error) {
	org, err := c.People(ctx)
	if err != nil {
		return nil, fmt.Errorf("load directory: %w", err)
	}
	person, ok := org.People[a.Person]
	if !ok {
		return nil, fmt.Errorf("person %s of notice %s is not in the directory", a.Person, a.ID)
	}
	i, err := c.Cases(ctx, a.Incident)
	if err != nil {
		return nil, fmt.Errorf("load case %s: %w", a.Incident, err)
	}
	l := &letter{
		c: c, p: c.Catalogue.PrinterIn(i18n.Lang(person.Lang), c.Zone), a: a, t: t, i: i, org: org, now: c.Now(),
		hidden: slices.Concat(t.LeftOut, i.LeftOut),
	}
	if c.Policies != nil {
		pol, err := c.Policies(ctx, t.Policy)
		if err != nil {
			return nil, fmt.Errorf("load policy %d: %w", t.Policy, err)
		}
		l.chain = pol.Chains[t.Urgency][t.Receiver]
	}
	return l, nil
}

// domain is the right side of a Message-ID: the server's own name, or its address as a
// literal (RFC 5322, 3.6.4).
func domain(base *url.URL) string {
	host := base.Hostname()
	ip := net.ParseIP(host)
	switch {
	case ip == nil:
		return host
	case ip.To4() == nil:
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}
