package access

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
)

// How long a link to a new password is good.
const (
	MailedReset = 30 * time.Minute // asked for by mail
	CodeReset   = 24 * time.Hour   // handed over by an administrator
)

// ResetsByMail reports whether people get a new password by mail.
func (s *Service) ResetsByMail() bool { return s.rules.Seal != nil && !s.rules.NoResets }

// AskReset mails a link to a new password to whoever has an account and a mail address
// that is known to arrive. whose is a sign-in name or a mail address.
//
// Who asks learns nothing: the answer is the same, and the work one commit, whether
// anybody is found or not. The mail goes to the address that the directory holds, never to
// one that was typed. While one link runs no second is mailed, so that nobody's mailbox is
// filled, and what an administrator has handed over stays good. Who manages accounts gets
// none: whoever may change mail addresses would be one mail away from every account.
func (s *Service) AskReset(ctx context.Context, whose string, from Origin) error {
	if !s.ResetsByMail() {
		return fault.New(fault.Denied, "fault.no_reset", nil)
	}
	whose = strings.ToLower(strings.TrimSpace(whose))
	var c fault.Check
	c.That(whose != "", "whose", "fault.required", nil)
	c.That(utf8.RuneCountInString(whose) <= 200, "whose", "fault.too_long", fault.Args{"max": "200"})
	if err := c.Err(); err != nil {
		return err
	}
	key := "reset:" + sender(from.Address)
	if err := s.waits(ctx, lanes{limits: map[string]int{key: s.rules.Asks}}); err != nil {
		return err
	}
	acc, sendable, err := s.accountAsked(ctx, whose)
	if err != nil {
		return err
	}
	now := s.now()
	v := s.issue(acc.Person, acc.Login, Nobody, now.Add(MailedReset), true)
	v.Reset = true
	ev, err := journal.NewEvent(now, "account.reset_asked", v.Person, Nobody, map[string]any{"address": clip(from.Address, 64), "expires": v.Expires})
	if err != nil {
		return err
	}
	return s.store.UpdateAccess(ctx, func(tx Tx) error {
		if _, err := tx.Miss(ctx, key, now, s.rules.Window); err != nil {
			return fmt.Errorf("count: %w", err)
		}
		before, runs, err := tx.InvitationOf(ctx, acc.Person)
		if err != nil {
			return fmt.Errorf("look for invitation: %w", err)
		}
		if !sendable || runs && before.Expires.After(now) {
			return nil
		}
		return sendReset(ctx, tx, v.Invitation, v.letter(topicReset), ev)
	})
}

func sendReset(ctx context.Context, tx Tx, v Invitation, l Letter, ev journal.Event) error {
	if err := tx.SaveInvitation(ctx, v); err != nil {
		return fmt.Errorf("save reset: %w", err)
	}
	if err := tx.Post(ctx, l); err != nil {
		return fmt.Errorf("plan letter: %w", err)
	}
	return tx.Record(ctx, ev)
}

// accountAsked finds the account that is meant, and whether a mail reaches its person.
// Every question is asked whatever the one before said.
func (s *Service) accountAsked(ctx context.Context, whose string) (acc Account, sendable bool, err error) {
	byName, named, err := s.store.AccountByLogin(ctx, whose)
	if err != nil {
		return acc, false, fmt.Errorf("find account: %w", err)
	}
	person, _, err := s.store.PersonByMail(ctx, whose, s.now())
	if err != nil {
		return acc, false, fmt.Errorf("find mail address: %w", err)
	}
	if named {
		person = byName.Person
	}
	acc, has, err := s.store.AccountOf(ctx, person)
	if err != nil {
		return acc, false, fmt.Errorf("load account: %w", err)
	}
	who, known, err := s.store.Identity(ctx, person, s.now())
	if err != nil {
		return acc, false, fmt.Errorf("load identity: %w", err)
	}
	// Others may change mail addresses: who holds an office gets theirs on paper.
	return acc, has && known && who.Active && who.Mailed && len(who.Duties) == 0, nil
}

// ResetCode makes a link to a new password, to be handed to a person who has an account,
// and writes to them that somebody did. The secret is shown now or never.
func (s *Service) ResetCode(ctx context.Context, by Actor, person string) (Issued, error) {
	if err := by.May(ManageAccounts); err != nil {
		return Issued{}, err
	}
	if err := s.mustBeFresh(by); err != nil {
		return Issued{}, err
	}
	acc, ok, err := s.store.AccountOf(ctx, person)
	if err != nil {
		return Issued{}, fmt.Errorf("load account: %w", err)
	}
	works, err := s.works(ctx, person)
	if err != nil {
		return Issued{}, err
	}
	if !ok || !works {
		return Issued{}, fault.Missing("account")
	}
	now := s.now()
	v := s.issue(person, acc.Login, by.Person, now.Add(CodeReset), false)
	v.Reset = true
	ev, err := journal.NewEvent(now, "account.reset_issued", person, by.Person, map[string]any{"expires": v.Expires})
	if err != nil {
		return Issued{}, err
	}
	return v, s.store.UpdateAccess(ctx, func(tx Tx) error {
		l := Letter{ID: v.ID, Topic: "account.reset_issued", Person: person, Path: "/account", At: now}
		return sendReset(ctx, tx, v.Invitation, l, ev)
	})
}

// endAll ends what a person who sets a new password may have lost to somebody else: every
// session, every browser that was known at a link. It writes to them that the password is another.
func (s *Service) endAll(ctx context.Context, tx Tx, v Invitation) error {
	if _, err := tx.DeleteSessions(ctx, v.Person, ""); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	if err := tx.DeleteKnown(ctx, v.Person); err != nil {
		return fmt.Errorf("forget browsers: %w", err)
	}
	l := Letter{ID: v.ID, Topic: "account.reset_done", Person: v.Person, Path: "/account", At: s.now()}
	if err := tx.Post(ctx, l); err != nil {
		return fmt.Errorf("plan letter: %w", err)
	}
	return nil
}
