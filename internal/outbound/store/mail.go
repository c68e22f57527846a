package store

import (
	"context"
	"strings"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

const mailColumns = "mail, message, sender, incident, added, receipt, at"

// InsertMail adds a mail that came in, and reports false when it is there already.
func (t *txn) InsertMail(_ context.Context, m incident.MailRow) (bool, error) {
	n, err := t.count("INSERT INTO inc_mail ("+mailColumns+") VALUES ("+marks(1, 7)+") ON CONFLICT (mail) DO NOTHING",
		m.Mail, m.Message, m.Sender, m.Incident, m.Added, m.Receipt, micros(m.At))
	return n > 0, err
}

// MailReceipts counts the receipts that a sender was sent since a time.
func (t *txn) MailReceipts(_ context.Context, sender string, since time.Time) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM inc_mail WHERE sender = $1 AND at > $2 AND receipt = true", sender, micros(since))
}

// SaveKind writes the kind that was chosen for a case whose kind was guessed.
func (t *txn) SaveKind(_ context.Context, i *incident.Incident) error {
	return t.exec("UPDATE inc_incident SET kind = $1, urgency = $2, step_list = $3, guessed = $4 WHERE id = $5",
		string(i.Kind), string(i.Urgency), i.StepList, i.Guessed, i.ID)
}

// Mail finds a mail that came in.
func (db *DB) Mail(ctx context.Context, mail string) (incident.MailRow, bool, error) {
	m, err := one(ctx, db.read, func(r scanner) (m incident.MailRow, err error) {
		var when int64
		err = r.Scan(&m.Mail, &m.Message, &m.Sender, &m.Incident, &m.Added, &m.Receipt, &when)
		m.At = at(when)
		return m, err
	}, "SELECT "+mailColumns+" FROM inc_mail WHERE mail = $1", mail)
	return maybe(m, err)
}

type caseOf struct{ incident, from string }

func scanCaseOf(r scanner) (c caseOf, err error) { return c, r.Scan(&c.incident, &c.from) }

// CaseOfMessage finds the case of a mail that came in, by its Message-ID, and its sender.
func (db *DB) CaseOfMessage(ctx context.Context, message string) (string, string, bool, error) {
	c, found, err := firstOf(ctx, db, "SELECT incident, sender FROM inc_mail WHERE message = $1 AND message <> '' ORDER BY at LIMIT 1", message)
	return c.incident, c.from, found, err
}

// CaseOfOurs finds the case of a notice or of a letter of ours.
func (db *DB) CaseOfOurs(ctx context.Context, ours string) (string, bool, bool, error) {
	query := "SELECT incident, person FROM ntc_attempt WHERE id = $1"
	if strings.HasPrefix(ours, "ltr_") {
		query = "SELECT about, person FROM ntc_letter WHERE id = $1 AND about LIKE 'inc\\_%' ESCAPE '\\'"
	}
	c, found, err := firstOf(ctx, db, query, ours)
	return c.incident, found && c.from == "", found, err
}

func firstOf(ctx context.Context, db *DB, query string, args ...any) (caseOf, bool, error) {
	c, err := one(ctx, db.read, scanCaseOf, query, args...)
	return maybe(c, err)
}

// Mailed lists whom a mail of ours went to, by the part of its Message-ID before the @: the
// notices that it was, or the person of the letter.
func (db *DB) Mailed(ctx context.Context, ours string) ([]notice.Mailed, error) {
	if strings.HasPrefix(ours, "ltr_") {
		return all(ctx, db.read, scanMailed, `SELECT '', l.about, l.person, p.email FROM ntc_letter l JOIN dir_person p ON p.id = l.person
			WHERE l.id = $1 AND l.sent_at > 0`, ours)
	}
	return all(ctx, db.read, scanMailed, `SELECT id, incident, person, address FROM ntc_attempt
		WHERE (id = $1 OR bundle = $2) AND channel = 'mail' AND person <> '' ORDER BY id`, ours, ours)
}

func scanMailed(r scanner) (m notice.Mailed, err error) {
	return m, r.Scan(&m.Attempt, &m.About, &m.Person, &m.Address)
}
