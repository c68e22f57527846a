package mailout

import (
	"context"
	"errors"
	"fmt"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/id"
)

// PostCode mails the code that proves a contact.
func (s *SMTP) PostCode(ctx context.Context, to directory.Contact, person directory.Person, code string) error {
	m, err := s.composer.composeCode(to, person, code)
	if err != nil {
		return fmt.Errorf("compose: %w", err)
	}
	_, err = s.Deliver(ctx, m)
	var no *notice.Rejection
	if errors.As(err, &no) {
		return &directory.Refusal{Answer: no.Answer}
	}
	return err
}

// PostCode keeps the mail with the code.
func (o *Outbox) PostCode(ctx context.Context, to directory.Contact, person directory.Person, code string) error {
	m, err := o.composer.composeCode(to, person, code)
	if err != nil {
		return fmt.Errorf("compose: %w", err)
	}
	if err := o.keeper.Keep(ctx, m, o.composer.Now()); err != nil {
		return fmt.Errorf("keep in the outbox: %w", err)
	}
	return nil
}

// composeCode writes the mail with a code. It names neither the person nor the company's
// matters, because the address is not proven yet; the company's own name says whose it is.
func (c *Composer) composeCode(to directory.Contact, person directory.Person, code string) (Mail, error) {
	address := Address{Mail: to.Address}
	if err := errors.Join(address.check(), c.From.check()); err != nil {
		return Mail{}, err
	}
	base, err := c.base()
	if err != nil {
		return Mail{}, err
	}
	now, p := c.Now(), c.Catalogue.PrinterIn(i18n.Lang(person.Lang), c.Zone)
	m := Mail{
		ID: id.New("cod", now) + "@" + domain(base), From: Address{oneLine(c.From.Name), c.From.Mail}, To: address,
		Subject: oneLine(p.T("contacts.code_subject", "company", c.Company)),
		Text: body([][]string{
			{p.T("contacts.code_lead", "company", c.Company)},
			{p.T("contacts.code_line", "code", code)},
			{p.T("contacts.code_until", "minutes", int(directory.CodeLife.Minutes()))},
			{base.JoinPath("account", "contacts", to.ID).String()},
			{p.T("contacts.code_not_you")},
			c.foot(p, now),
		}),
	}
	m.Headers = headers(m.ID, p, now)
	return m, nil
}
