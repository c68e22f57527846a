package request

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Submit takes an application and asks the first who decide. The same applicant's same
// key gives the request that it made before.
func (s *Service) Submit(ctx context.Context, by access.Actor, n New) (*Request, error) {
	if err := by.May(access.Submit); err != nil {
		return nil, err
	}
	n.Key = strings.TrimSpace(n.Key)
	var c fault.Check
	k, known := s.kind(n.Kind)
	c.That(known, "kind", "fault.unknown_choice", nil)
	c.That(len(n.Key) <= maxKey, "key", "fault.too_long", fault.Args{"max": fmt.Sprint(maxKey)})
	if err := c.Err(); err != nil {
		return nil, err
	}
	if n.Key != "" { // before the form is looked at again, which may not fit any more
		if r, ok, err := s.store.RequestByKey(ctx, by.Person, n.Key); ok || err != nil {
			return r, err
		}
	}
	look, err := s.look(ctx, by.Person)
	if err != nil {
		return nil, err
	}
	if p, ok := look.org.People[by.Person]; !ok || !p.Active(look.now) {
		return nil, fault.Deny(string(access.Submit))
	}
	content, err := s.check(ctx, by, k, n.Form, look.now)
	if err != nil {
		return nil, err
	}
	var out *Request
	return out, s.store.UpdateRequests(ctx, func(tx Tx) error {
		if n.Key != "" {
			before, ok, err := tx.RequestByKey(ctx, by.Person, n.Key)
			if err != nil {
				return fmt.Errorf("look for the same request: %w", err)
			}
			if ok {
				out = before
				return nil
			}
		}
		open, err := tx.OpenRequestsOf(ctx, by.Person)
		if err != nil {
			return fmt.Errorf("count open requests: %w", err)
		}
		if open >= maxOpen {
			return fault.New(fault.TooMany, "request.too_many_open", fault.Args{"max": fmt.Sprint(maxOpen)})
		}
		chain, written, err := tx.LatestChain(ctx, k.Name)
		if err != nil {
			return fmt.Errorf("load chain of %s: %w", k.Name, err)
		}
		if !written {
			chain = k.Chain
		}
		year := look.now.In(s.zone).Year()
		number, err := tx.NextRequestNumber(ctx, year)
		if err != nil {
			return fmt.Errorf("take number: %w", err)
		}
		r := &Request{ID: id.New("req", look.now), Label: fmt.Sprintf("REQ-%d-%04d", year, number), Kind: k.Name, By: by.Person,
			Revision: 1, Content: content, Chain: chain.Version}
		for _, rule := range chain.Steps {
			r.Steps = append(r.Steps, Step{Rule: rule})
		}
		t := &turn{look: look, chain: chain, cal: s.cal, kind: k, r: r}
		t.note("submitted", by.Person, map[string]any{"digest": Digest(r), "about": r.About, "chain": chain.Version})
		t.begin()
		if err := tx.InsertRequest(ctx, r, n.Key); err != nil {
			return fmt.Errorf("insert request: %w", err)
		}
		out = r
		return t.write(ctx, tx)
	})
}

// check brings a form into its plain form and holds what its kind gives to the bounds.
func (s *Service) check(ctx context.Context, by access.Actor, k Kind, raw json.RawMessage, now time.Time) (Content, error) {
	if len(raw) > maxForm {
		return Content{}, fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": "16 KiB"})
	}
	if !json.Valid(raw) {
		return Content{}, fault.New(fault.Invalid, "fault.bad_json", nil)
	}
	c, err := k.Check(ctx, by, raw, now)
	if err != nil {
		return Content{}, err
	}
	if c.Form, err = canonical(c.Form); err != nil {
		return Content{}, fmt.Errorf("form of %s: %w", k.Name, err)
	}
	c.Title = clip(strings.Join(strings.Fields(c.Title), " "), maxTitle)
	c.Expires = c.Expires.UTC().Truncate(time.Microsecond)
	var f fault.Check
	f.That(c.Expires.IsZero() || c.Expires.After(now), "until", "fault.in_past", nil)
	return c, f.Err()
}

// Mend puts another form in the place of what was asked for, after it was sent back or
// while it waits: every stamp is void, and all are asked anew. revision is the one that
// the applicant saw.
func (s *Service) Mend(ctx context.Context, by access.Actor, request string, form json.RawMessage, revision int) (*Request, error) {
	if err := by.May(access.Submit); err != nil {
		return nil, err
	}
	r, err := s.own(ctx, by, request)
	if err != nil {
		return nil, err
	}
	k, known := s.kind(r.Kind)
	if !known {
		return nil, fault.Clash("request.kind_gone", nil)
	}
	content, err := s.check(ctx, by, k, form, s.now())
	if err != nil {
		return nil, err
	}
	return s.change(ctx, r.ID, func(_ context.Context, _ Tx, t *turn) error {
		if t.r.State != Returned {
			if err := over(t.r); err != nil {
				return err
			}
		}
		switch {
		case t.r.Revision != revision:
			return fault.Clash("request.changed", nil)
		case !t.look.now.Before(t.r.Deadline):
			return fault.Clash("request.is_expired", nil)
		case t.r.Revision >= maxRevisions:
			return fault.Clash("request.too_many_revisions", fault.Args{"max": fmt.Sprint(maxRevisions)})
		}
		t.r.Content = content
		t.r.Revision++
		t.note("mended", by.Person, map[string]any{"digest": Digest(t.r), "about": t.r.About})
		t.begin()
		return nil
	})
}

// Withdraw takes a request back, also an approval that nothing was made of yet. Doing so
// again changes nothing.
func (s *Service) Withdraw(ctx context.Context, by access.Actor, request, reason string) error {
	if err := by.May(access.Submit); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	var c fault.Check
	c.That(utf8.RuneCountInString(reason) <= maxNote, "reason", "fault.too_long", fault.Args{"max": fmt.Sprint(maxNote)})
	if err := c.Err(); err != nil {
		return err
	}
	r, err := s.own(ctx, by, request)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, r.ID, func(_ context.Context, _ Tx, t *turn) error {
		switch {
		case t.r.State == Withdrawn:
			return nil
		case t.r.State == Approved && t.r.UsedBy != "":
			return fault.Clash("request.is_used", nil)
		case t.r.State != Approved && t.r.State != Returned:
			if err := over(t.r); err != nil {
				return err
			}
		}
		t.note("withdrawn", by.Person, map[string]any{"was": t.r.State, "reason": reason})
		t.end(Withdrawn, reason)
		return nil
	})
	return err
}

// own gives the actor's own request; somebody else's looks as if it did not exist,
// unless they may read it.
func (s *Service) own(ctx context.Context, by access.Actor, request string) (*Request, error) {
	r, err := s.visible(ctx, by, request)
	if err != nil {
		return nil, err
	}
	if r.By != by.Person {
		return nil, fault.New(fault.Denied, "request.not_yours", nil)
	}
	return r, nil
}

// clip shortens a text to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
