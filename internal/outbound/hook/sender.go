package hook

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

// Sender posts notices and codes to webhooks. All fields must be set.
//
// A chat room is read by many, so a message says the case's number and kind and leads to a
// page behind the sign-in: never who reported what, and no link that answers.
type Sender struct {
	Client    *Client
	People    func(ctx context.Context) (*directory.Org, error)
	Cases     func(ctx context.Context, id string) (*incident.Incident, error)
	Targets   func(directory.Contact) (directory.Target, error) // opens what leads to a contact
	Catalogue *i18n.Catalogue
	Zone      *time.Location
	BaseURL   string
	Company   string
	Now       func() time.Time
}

var _ notice.Sender = Sender{}

// Send posts a notice to the contact that it is addressed to.
func (s Sender) Send(ctx context.Context, a notice.Attempt, t notice.Track) (string, error) {
	org, err := s.People(ctx)
	if err != nil {
		return "", fmt.Errorf("load directory: %w", err)
	}
	i, err := s.Cases(ctx, a.Incident)
	if err != nil {
		return "", fmt.Errorf("load case %s: %w", a.Incident, err)
	}
	c, err := a.To(org, t.LeftOut, i.LeftOut)
	if err != nil {
		return "", err
	}
	page, err := url.JoinPath(s.BaseURL, "cases", i.Label)
	if err != nil {
		return "", fmt.Errorf("base URL: %w", err)
	}
	p := s.printer(org.People[a.Person])
	m := message{ID: a.ID, Type: "notice", Number: i.Label, Kind: string(i.Kind), Urgency: string(t.Urgency), Level: a.Level, Attempt: a.Number,
		URL: page, At: s.Now(), press: p.T("contacts.post_press"),
		title: p.T("mail.subject."+string(t.Urgency), "number", i.Label, "kind", p.T("kind."+string(i.Kind))), text: p.T("contacts.post_notice", "company", s.Company)}
	if m.Drill = i.Drill; i.Drill {
		m.title = p.T("drills.subject", "subject", m.title)
	}
	if a.Purpose == notice.Ask {
		m.Type, m.text = "ask", p.T("contacts.post_ask", "company", s.Company)
	}
	return s.post(ctx, c, m)
}

// PostCode posts the code that proves a contact.
func (s Sender) PostCode(ctx context.Context, c directory.Contact, to directory.Person, code string) error {
	page, err := url.JoinPath(s.BaseURL, "account", "contacts", c.ID)
	if err != nil {
		return fmt.Errorf("base URL: %w", err)
	}
	p := s.printer(to)
	_, err = s.post(ctx, c, message{ID: c.ID, Type: "code", Code: code, URL: page, At: s.Now(), press: p.T("contacts.post_press"),
		title: p.T("contacts.code_subject", "company", s.Company), text: p.T("contacts.post_code", "code", code, "minutes", int(directory.CodeLife.Minutes()))})
	return err
}

func (s Sender) printer(to directory.Person) i18n.Printer {
	return s.Catalogue.PrinterIn(i18n.Lang(to.Lang), s.Zone)
}

func (s Sender) post(ctx context.Context, c directory.Contact, m message) (string, error) {
	target, err := s.Targets(c)
	if err != nil { // the key that sealed it is gone
		return "", &notice.Rejection{Answer: "cannot be opened: enter it again", Gone: true}
	}
	body, err := m.body(c.Channel)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if c.Channel == directory.Webhook {
		header.Set(SignatureHeader, Sign(target.Key, m.At, body))
	}
	return s.Client.Post(ctx, target.URL, body, header)
}
