package incident

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Mailed is one mail that came in, as a way in has read and judged it.
type Mailed struct {
	Key     string   // names the mail: the same mail is taken once, however often it comes
	ID      string   // its Message-ID without brackets; "" when it has none
	Answers []string // the Message-IDs that it answers, newest first
	Labels  []string // the case numbers that it names
	Sender  string   // the address that it is from, in lower case
	Name    string   // who it says it is from
	Subject string   // becomes the case's line; never empty
	Words   string   // becomes the case's first fact, or is added to a case; up to MaxText
	Kind    Kind
	Guessed bool   // nobody chose the kind
	Proof   string // why the sender is believed, for the record; "" when they are not
	Receipt bool   // a receipt may be sent
	Lang    string // of the receipt to somebody without an account
	Demo    bool
}

// Taken says what a mail became.
type Taken struct {
	Incident *Incident
	Added    bool // to a case that was there
	Before   bool // the same mail had been taken before
}

// Files is who adds a mail's files to its case: the sender by, or nobody of ours.
func (t Taken) Files(by access.Actor) access.Actor {
	if by.Via == access.ByMail {
		return by
	}
	return access.Outside(t.Incident.ID)
}

// MailRow is one mail that was taken. The names are keyed hashes: the table tells nobody
// who wrote.
type MailRow struct {
	Mail     string // of its key
	Message  string // of its Message-ID; "" when it has none
	Sender   string
	Incident string
	Added    bool
	Receipt  bool
	At       time.Time
}

// mailTx is the part of a transaction that is about mails.
type mailTx interface {
	notice.Letters
	// InsertMail adds a mail, and reports false when it is there already.
	InsertMail(ctx context.Context, m MailRow) (fresh bool, err error)
	// MailReceipts counts the receipts that a sender was sent since a time.
	MailReceipts(ctx context.Context, sender string, since time.Time) (int, error)
	// SaveKind writes a case's kind and what follows from it; nothing else of a report changes.
	SaveKind(ctx context.Context, i *Incident) error
}

// mailStore reads what is kept about mails.
type mailStore interface {
	Mail(ctx context.Context, mail string) (MailRow, bool, error)
	// CaseOfMessage finds the case that a mail with a Message-ID became or was added to,
	// and who sent that.
	CaseOfMessage(ctx context.Context, message string) (incident, sender string, found bool, err error)
	// CaseOfOurs finds the case that a notice or a letter of ours is about, by the part of
	// its Message-ID before the @. For a letter to nobody of ours outside is true.
	CaseOfOurs(ctx context.Context, ours string) (incident string, outside, found bool, err error)
}

// How many receipts one address is sent in an hour, whatever it sends.
const (
	receiptsOutside = 1
	receiptsOwn     = 20
)

// The topics of receipts: letter.mailed.<what>.
const (
	TopicMailed        = "mailed.report"
	TopicMailAdded     = "mailed.added"
	TopicMailedOutside = "mailed.outside" // to whoever sent the mail; its code is made when it is written
	TopicMailAddedOut  = "mailed.added_outside"
)

// errKnownMail says that another has taken the mail meanwhile.
var errKnownMail = errors.New("mail is taken already")

// TakeMail makes a case of a mail, or adds it to the open case that it answers or names,
// with its receipt and all in one commit. by is the sender when they are surely one of ours
// (access.ByMail), else access.System(): then the report is one from outside. Whoever may
// not see the case that they name makes a new one, and learns nothing of the other.
func (s *Service) TakeMail(ctx context.Context, by access.Actor, m Mailed) (Taken, error) {
	if err := by.May(access.Report); err != nil {
		return Taken{}, err
	}
	if by.Via != access.ByMail && by.Via != access.BySystem {
		return Taken{}, fault.Deny(string(access.Report))
	}
	m.Words, m.Subject, m.Name = visible(m.Words), visible(m.Subject), visible(m.Name)
	row := MailRow{Mail: s.codes.mark("mail", m.Key), Sender: s.codes.mark("mail sender", m.Sender), At: s.now()}
	if m.ID != "" {
		row.Message = s.codes.mark("message", m.ID)
	}
	t, err := s.taken(ctx, row.Mail)
	if err != nil || t.Before {
		return t, err
	}
	c, err := s.threadOf(ctx, by, m, row.Sender)
	if err != nil {
		return Taken{}, err
	}
	if c != nil {
		row.Incident, row.Added = c.ID, true
		err = s.addMail(ctx, by, c, m, row)
		t = Taken{Incident: c.Incident, Added: true}
	} else {
		t.Incident, err = s.reportMail(ctx, by, m, row)
	}
	if errors.Is(err, errKnownMail) {
		return s.taken(ctx, row.Mail)
	}
	return t, err
}

// taken looks for a mail that came before.
func (s *Service) taken(ctx context.Context, mail string) (Taken, error) {
	old, found, err := s.store.Mail(ctx, mail)
	if err != nil {
		return Taken{}, fmt.Errorf("find mail: %w", err)
	}
	if !found {
		return Taken{}, nil
	}
	i, err := s.store.Incident(ctx, old.Incident)
	if err != nil {
		return Taken{}, fmt.Errorf("load case of mail: %w", err)
	}
	return Taken{Incident: i, Added: old.Added, Before: true}, nil
}

// threadOf finds the open case that a mail belongs to; nil when it starts one.
func (s *Service) threadOf(ctx context.Context, by access.Actor, m Mailed, sender string) (*Case, error) {
	for _, label := range m.Labels {
		if by.Via != access.ByMail { // a number is no secret: it proves nothing about a stranger
			break
		}
		if c, err := s.mayAdd(ctx, by, label); c != nil || err != nil {
			return c, err
		}
	}
	for _, answered := range m.Answers {
		of, from, found, err := s.store.CaseOfMessage(ctx, s.codes.mark("message", answered))
		if err != nil {
			return nil, fmt.Errorf("find case of mail: %w", err)
		}
		theirs := found && from == sender
		if !found {
			ours, _, _ := strings.Cut(answered, "@")
			if of, theirs, found, err = s.store.CaseOfOurs(ctx, ours); err != nil {
				return nil, fmt.Errorf("find case of our mail: %w", err)
			}
		}
		if !found {
			continue
		}
		actor := by
		if by.Via == access.BySystem {
			if !theirs { // knows what was sent to somebody else
				continue
			}
			actor = access.Outside(of)
		}
		if c, err := s.mayAdd(ctx, actor, of); c != nil || err != nil {
			if c != nil && c.Outside != nil && by.Via == access.BySystem && !strings.EqualFold(c.Outside.Contact, m.Sender) {
				continue
			}
			return c, err
		}
	}
	return nil, nil
}

// mayAdd gives an open case that the actor may add to; nil when there is none such.
func (s *Service) mayAdd(ctx context.Context, by access.Actor, incident string) (*Case, error) {
	c, err := s.Case(ctx, by, incident)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !c.Status.Open() || mayChange(by, c, AsFinder) != nil {
		return nil, nil
	}
	if by.Via == access.ByCode {
		if err := s.wordsOutside(ctx, c.Incident); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// addMail adds a mail to a case. What its finder writes is a fact; what anybody else
// answers to a notice stays between those who work on the case until they say it there.
func (s *Service) addMail(ctx context.Context, by access.Actor, c *Case, m Mailed, row MailRow) error {
	e := Entry{Incident: c.ID, Type: Fact, Text: words(m.Words), By: by.Person, At: row.At}
	if e.Text == "" {
		e.Text = oneLine(m.Subject)
	}
	switch {
	case by.Via == access.BySystem:
		e.By = access.Nobody
	case !c.Owns(by):
		e.Type, e.Internal = Note, true
	}
	e.ID = id.New("fct", e.At)
	if utf8.RuneCountInString(e.Text) > MaxText {
		return tooLong("text", MaxText)
	}
	ev, err := added(e)
	if err != nil {
		return err
	}
	return s.store.UpdateIncidents(ctx, func(tx Tx) error {
		i, err := tx.LockIncident(ctx, c.ID)
		if err != nil {
			return fmt.Errorf("lock incident %s: %w", c.ID, err)
		}
		if err := s.bookMail(ctx, tx, by, i, m, row); err != nil {
			return err
		}
		if err := tx.InsertEntry(ctx, e); err != nil {
			return fmt.Errorf("insert entry: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

// reportMail makes a case of a mail.
func (s *Service) reportMail(ctx context.Context, by access.Actor, m Mailed, row MailRow) (*Incident, error) {
	w, err := s.notices.Lookout(ctx, 0)
	if err != nil {
		return nil, err
	}
	var i *Incident
	if by.Via == access.ByMail {
		i, err = s.accept(by, Report{Kind: m.Kind, Summary: m.Subject, Words: m.Words, Channel: "mail", Demo: m.Demo}, w)
	} else {
		i, err = s.acceptOutside(by, OutsideReport{Kind: m.Kind, Summary: m.Subject, Words: m.Words, Name: m.Name, Contact: m.Sender, Channel: "mail", Demo: m.Demo}, w)
	}
	if err != nil {
		return nil, err
	}
	i.Guessed = m.Guessed
	row.Incident = i.ID
	i, _, err = s.keep(ctx, by, i, Report{Words: m.Words}, w, func(tx Tx, i *Incident) error {
		return s.bookMail(ctx, tx, by, i, m, row)
	})
	return i, err
}

// bookMail writes down that a mail was taken, and plans its receipt.
func (s *Service) bookMail(ctx context.Context, tx Tx, by access.Actor, i *Incident, m Mailed, row MailRow) error {
	letter, err := s.receiptOf(ctx, tx, by, i, m, row)
	if err != nil {
		return err
	}
	row.Receipt = letter != nil
	fresh, err := tx.InsertMail(ctx, row)
	if err != nil {
		return fmt.Errorf("insert mail: %w", err)
	}
	if !fresh {
		return errKnownMail
	}
	if letter != nil {
		if err := tx.PlanLetter(ctx, *letter); err != nil {
			return fmt.Errorf("plan receipt: %w", err)
		}
	}
	ev, err := journal.NewEvent(row.At, "incident.mail_taken", i.ID, by.Person, map[string]any{"added": row.Added, "proof": m.Proof, "receipt": row.Receipt})
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}

// receiptOf is the letter that answers a mail; nil when none may be sent now.
func (s *Service) receiptOf(ctx context.Context, tx Tx, by access.Actor, i *Incident, m Mailed, row MailRow) (*notice.Letter, error) {
	if !m.Receipt {
		return nil, nil
	}
	most := receiptsOwn
	l := notice.Letter{ID: id.New("ltr", row.At), Key: "mail:" + row.Mail, Topic: TopicMailed, About: i.ID, Person: by.Person,
		Path: "/receipt/" + i.Label, Planned: row.At, NextTry: row.At, State: notice.Planned, Args: map[string]string{"number": i.Label}}
	if row.Added {
		l.Topic = TopicMailAdded
		if !i.Owns(by) {
			l.Path = "/cases/" + i.Label
		}
	}
	if by.Via == access.BySystem {
		most, l.Topic, l.Person, l.Path, l.Args["lang"] = receiptsOutside, TopicMailedOutside, "", "", m.Lang
		if row.Added {
			l.Topic = TopicMailAddedOut
		}
	}
	if m.ID != "" {
		l.Args[notice.InReplyTo] = m.ID
	}
	n, err := tx.MailReceipts(ctx, row.Sender, row.At.Add(-time.Hour))
	if err != nil {
		return nil, fmt.Errorf("count receipts: %w", err)
	}
	if n >= most {
		return nil, nil
	}
	return &l, nil
}

// IssueCode makes one more receipt code for a report from outside: for the letter that
// brings it, when that is written. Of a case's codes the oldest ends.
func (s *Service) IssueCode(ctx context.Context, by access.Actor, incident string) (Code, error) {
	if by.Via != access.BySystem {
		return "", fault.Deny(string(access.WorkCases))
	}
	code, now := newCode(), s.now()
	ev, err := journal.NewEvent(now, "incident.code_issued", incident, by.Person, nil)
	if err != nil {
		return "", err
	}
	return code, s.store.UpdateIncidents(ctx, func(tx Tx) error {
		i, err := tx.LockIncident(ctx, incident)
		if err != nil {
			return fmt.Errorf("lock incident %s: %w", incident, err)
		}
		if i.Outside == nil || !i.ErasedAt.IsZero() {
			return fault.Clash("fault.case_not_open", nil)
		}
		if err := tx.InsertCode(ctx, i.ID, s.codes.hash(code), now); err != nil {
			return fmt.Errorf("insert receipt code: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

// mark stands for a name where the name itself must not lie.
func (c Codes) mark(what, name string) string {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte(what + "\n" + name))
	return hex.EncodeToString(m.Sum(nil)[:20])
}

func tooLong(field string, most int) error {
	var c fault.Check
	c.Add(field, "fault.too_long", fault.Args{"max": fmt.Sprint(most)})
	return c.Err()
}

// KeepOriginal keeps a mail as it came with the case that it became: everything that was
// left out of the words and files stands there.
func (s *Service) KeepOriginal(ctx context.Context, by access.Actor, t Taken, u Upload) (Evidence, error) {
	if !slices.Contains([]access.Via{access.ByMail, access.BySystem}, by.Via) {
		return Evidence{}, fault.Deny(string(access.Report))
	}
	return s.AddEvidence(ctx, by, t.Incident.ID, u)
}
