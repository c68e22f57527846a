package mailout

import (
	"context"
	"fmt"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

// answering makes of a letter that answers a mail what RFC 3834 asks of an automatic
// answer: it names that mail, says what it is, and comes from nobody, so that whatever
// happens to it no program writes back.
func (c *Composer) answering(m *Mail, l notice.Letter) {
	to, ok := l.Args[notice.InReplyTo]
	if !ok {
		return
	}
	m.Bounceless = true
	m.Headers["Auto-Submitted"] = "auto-replied"
	m.Headers["In-Reply-To"] = "<" + to + ">"
	m.Headers["References"] = "<" + to + ">"
	if c.ReplyTo != "" {
		m.Headers["Reply-To"] = "<" + c.ReplyTo + ">"
	}
}

// outsideReceipt writes the letter that answers a mail of somebody without an account. The
// receipt code is made here and now, so that it lies nowhere: when the letter has to be
// sent again it has another one. Nothing of what they wrote is repeated, because nobody
// knows that the address is theirs.
func (c *Composer) outsideReceipt(ctx context.Context, l notice.Letter) (Mail, error) {
	i, err := c.Cases(ctx, l.About)
	if err != nil {
		return Mail{}, fmt.Errorf("load case %s: %w", l.About, err)
	}
	if i.Outside == nil || !i.ErasedAt.IsZero() {
		return Mail{}, &notice.Rejection{Answer: "the report has been erased"}
	}
	to := Address{Mail: i.Outside.Contact}
	if err := to.check(); err != nil {
		return Mail{}, &notice.Rejection{Answer: err.Error()}
	}
	if err := c.From.check(); err != nil {
		return Mail{}, fmt.Errorf("sender: %w", err)
	}
	base, err := c.base()
	if err != nil {
		return Mail{}, err
	}
	code, err := c.NewCode(ctx, access.System(), i.ID)
	if err != nil {
		return Mail{}, fmt.Errorf("make receipt code: %w", err)
	}
	now, p := c.Now(), c.Catalogue.PrinterIn(i18n.Lang(l.Args["lang"]), c.Zone)
	m := Mail{
		ID: l.ID + "@" + domain(base), From: Address{oneLine(c.From.Name), c.From.Mail}, To: to,
		Subject: oneLine(p.T("letter."+l.Topic+".subject", "company", c.Company)),
		Text: body([][]string{
			{p.T("letter."+l.Topic+".text", "company", c.Company)},
			{p.T("mail.number", "number", i.Label), p.T("mailin.code", "code", code.String())},
			{p.T("mailin.code_page")},
			{base.JoinPath("r").String()},
			{p.T("mailin.code_again"), p.T("mailin.not_you")},
			c.foot(p, now),
		}),
	}
	if i.Drill {
		m.Subject = drillSubject(p, m.Subject)
	}
	m.Headers = headers(m.ID, p, now)
	c.answering(&m, l)
	return m, nil
}
