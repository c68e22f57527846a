package mailout

import (
	"context"
	"fmt"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

// Checkpoint writes the mail that brings a signed checkpoint to an auditor. It says what
// the attachment is, how to keep it, how to verify with it, and when the next one comes;
// every is "daily" or "weekly". A *notice.Rejection says that the person has no mail
// address.
//
// Nothing else is in it: no name but the receiver's, and nothing of any case.
func (c *Composer) Checkpoint(ctx context.Context, person string, cp journal.Checkpoint, every string) (Mail, error) {
	org, err := c.People(ctx)
	if err != nil {
		return Mail{}, fmt.Errorf("load directory: %w", err)
	}
	to, ok := org.People[person]
	if !ok {
		return Mail{}, fmt.Errorf("auditor %s is not in the directory", person)
	}
	address := Address{oneLine(to.Name()), to.Email}
	if err := address.check(); err != nil {
		return Mail{}, &notice.Rejection{Answer: err.Error()}
	}
	base, err := c.base()
	if err != nil {
		return Mail{}, err
	}
	p, now := c.Catalogue.PrinterIn(i18n.Lang(to.Lang), c.Zone), c.Now()
	file := fmt.Sprintf("checkpoint-%012d.txt", cp.Size)
	size := p.Count(int(cp.Size))
	m := Mail{
		ID:   fmt.Sprintf("checkpoint-%d-%s@%s", cp.Size, person, domain(base)),
		From: Address{oneLine(c.From.Name), c.From.Mail}, To: address,
		Subject: oneLine(p.T("mail.checkpoint.subject", "date", p.Date(now), "size", size)),
		Text: body([][]string{
			{p.T("mail.hello", "name", address.Name), p.T("mail.checkpoint.lead")},
			{p.T("mail.checkpoint.head.what"), p.T("mail.checkpoint.what", "file", file, "size", size, "time", p.DateTime(cp.At)), p.T("mail.checkpoint.why")},
			{p.T("mail.checkpoint.head.keep"), p.T("mail.checkpoint.keep"), p.T("mail.checkpoint.keep_all")},
			{p.T("mail.checkpoint.head.verify"), p.T("mail.checkpoint.verify")},
			{"sekimori journal export -o journal.ndjson", "sekimori journal verify journal.ndjson --key journal.pub --checkpoint " + file},
			{p.T("mail.checkpoint." + every)},
			c.foot(p, now),
		}),
		Files: []File{{file, cp.Note}},
	}
	m.Headers = headers(m.ID, p, now)
	return m, nil
}
