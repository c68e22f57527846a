package request

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Decide takes the decision of somebody who was asked. It is bound to what they were
// shown: after a change it is refused. The same decision once more changes nothing.
// One refusal ends the request, whatever the others say.
func (s *Service) Decide(ctx context.Context, by access.Actor, d Decision) (*Request, error) {
	if err := by.May(access.Decide); err != nil {
		return nil, err
	}
	d.Note = strings.TrimSpace(d.Note)
	if by.Via == access.ByLink {
		d.Path = "link"
	}
	var c fault.Check
	c.That(slices.Contains([]Verdict{Approve, Refuse, SendBack}, d.Verdict), "verdict", "fault.unknown_choice", nil)
	c.That(d.Verdict == Approve || d.Note != "", "note", "fault.required", nil)
	c.That(utf8.RuneCountInString(d.Note) <= maxNote, "note", "fault.too_long", fault.Args{"max": fmt.Sprint(maxNote)})
	c.That(d.Digest != "", "digest", "fault.required", nil)
	c.That(slices.Contains([]string{"web", "link", "api"}, d.Path), "path", "fault.unknown_choice", nil)
	if err := c.Err(); err != nil {
		return nil, err
	}
	if _, err := s.visible(ctx, by, d.Request); err != nil {
		return nil, err
	}
	return s.change(ctx, d.Request, func(ctx context.Context, tx Tx, t *turn) error {
		mine, err := t.mayDecide(by.Person, d.Digest)
		if err != nil && by.Person != t.r.By && t.decided(by.Person, d) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := seen(ctx, tx, by, t); err != nil {
			return err
		}
		t.stamp(mine, d)
		return nil
	})
}

// seen notes that a link came back: the address works.
func seen(ctx context.Context, tx Tx, by access.Actor, t *turn) error {
	if by.Via != access.ByLink {
		return nil
	}
	if err := tx.VerifyContact(ctx, by.Person, t.look.now); err != nil {
		return fmt.Errorf("note verified contact: %w", err)
	}
	return nil
}

// decided reports whether the person has made this very decision before.
func (t *turn) decided(person string, d Decision) bool {
	for _, s := range t.r.Steps {
		if slices.ContainsFunc(s.Stamps, func(x Stamp) bool {
			return x.Person == person && x.Verdict == d.Verdict && x.Digest == d.Digest && !x.Carried
		}) {
			return true
		}
	}
	return false
}

// mayDecide gives the authority of the person over the open step, or says why there is
// none. digest is of what they were shown.
func (t *turn) mayDecide(person, digest string) (Asked, error) {
	r, now := t.r, t.look.now
	if person == r.By {
		return Asked{}, fault.New(fault.Denied, "fault.own_not_allowed", nil)
	}
	if err := over(r); err != nil {
		return Asked{}, err
	}
	if digest != Digest(r) {
		return Asked{}, fault.Clash("request.changed", nil)
	}
	if !now.Before(r.Deadline) { // also before the timer has said so
		return Asked{}, fault.Clash("request.is_expired", nil)
	}
	if p, ok := t.look.org.People[r.By]; !ok || !p.Active(now) {
		return Asked{}, fault.Clash("request.applicant_left", nil)
	}
	s := r.Open()
	if s == nil {
		return Asked{}, fmt.Errorf("request %s waits, and no step is open", r.ID)
	}
	mine, ok := t.look.authority(s, r.Climbed, person)
	if ok {
		return mine, nil
	}
	switch {
	case slices.ContainsFunc(s.Stamps, func(x Stamp) bool { return x.Person == person || x.For == person }):
		return Asked{}, fault.Clash("request.step_decided", nil)
	case s.askedOf(person):
		return Asked{}, fault.New(fault.Denied, "request.no_longer_asked", nil)
	case slices.ContainsFunc(r.Steps, func(s Step) bool { return s.State == StepPassed && s.askedOf(person) }):
		return Asked{}, fault.Clash("request.step_decided", nil)
	}
	return Asked{}, fault.New(fault.Denied, "request.not_asked", nil)
}

// stamp puts a decision on the open step and goes on from there.
func (t *turn) stamp(mine Asked, d Decision) {
	r := t.r
	n := slices.IndexFunc(r.Steps, func(s Step) bool { return s.State == StepOpen })
	s := &r.Steps[n]
	s.Stamps = append(s.Stamps, Stamp{Person: mine.Person, For: mine.For, Verdict: d.Verdict, Note: d.Note, Digest: d.Digest, Path: d.Path, At: t.look.now})
	data := map[string]any{"step": n + 1, "verdict": d.Verdict, "digest": d.Digest, "path": d.Path}
	if mine.For != "" {
		data["for"] = mine.For
	}
	switch d.Verdict {
	case Approve:
		t.note("stamped", mine.Person, data)
		if t.pass(s) {
			t.advance(mine.Person)
		}
		return
	case Refuse:
		data["reason"] = d.Note
		t.note("refused", mine.Person, data)
		t.end(Refused, d.Note)
		t.toApplicant(topicRefused, "")
	case SendBack:
		data["reason"] = d.Note
		t.note("returned", mine.Person, data)
		t.end(Returned, d.Note)
		t.toApplicant(topicReturned, "")
	}
}

// Ask puts a question to the applicant. It starts nothing again: stamps stay, and only
// the next reminder is put off; those above are asked as early as without it.
func (s *Service) Ask(ctx context.Context, by access.Actor, request, text string) error {
	if err := by.May(access.Decide); err != nil {
		return err
	}
	return s.say(ctx, by, request, text, func(t *turn, w *Word, _ []Word) error {
		if _, err := t.mayDecide(by.Person, Digest(t.r)); err != nil {
			return err
		}
		w.Question = true
		t.note("asked", by.Person, map[string]any{"word": w.ID})
		t.toApplicant(topicQuestion, w.ID)
		t.rest(t.r.Open())
		return nil
	})
}

// Reply is the applicant's answer or remark. Who has put a question on this revision gets
// a letter.
func (s *Service) Reply(ctx context.Context, by access.Actor, request, text string) error {
	if err := by.May(access.Submit); err != nil {
		return err
	}
	return s.say(ctx, by, request, text, func(t *turn, w *Word, before []Word) error {
		if by.Person != t.r.By {
			return fault.New(fault.Denied, "request.not_yours", nil)
		}
		if t.r.State != Returned {
			if err := over(t.r); err != nil {
				return err
			}
		}
		t.note("answered", by.Person, map[string]any{"word": w.ID})
		step := t.r.Open()
		if step == nil {
			return nil
		}
		var told []string
		for _, q := range before {
			if !q.Question || q.At.Before(t.r.Asked) || slices.Contains(told, q.By) {
				continue
			}
			if a, ok := t.look.authority(step, t.r.Climbed, q.By); ok {
				told = append(told, q.By)
				t.letter(topicAnswer, a.Person, a.For, true, w.ID)
			}
		}
		return nil
	})
}

// say adds a word to a request, if f allows it; before is what was said so far.
func (s *Service) say(ctx context.Context, by access.Actor, request, text string, f func(t *turn, w *Word, before []Word) error) error {
	text = strings.TrimSpace(text)
	var c fault.Check
	c.That(text != "", "text", "fault.required", nil)
	c.That(utf8.RuneCountInString(text) <= maxNote, "text", "fault.too_long", fault.Args{"max": fmt.Sprint(maxNote)})
	if err := c.Err(); err != nil {
		return err
	}
	if _, err := s.visible(ctx, by, request); err != nil {
		return err
	}
	_, err := s.change(ctx, request, func(ctx context.Context, tx Tx, t *turn) error {
		before, err := tx.WordsIn(ctx, t.r.ID)
		if err != nil {
			return fmt.Errorf("list words: %w", err)
		}
		if len(before) >= maxWords {
			return fault.Clash("request.too_many_words", fault.Args{"max": fmt.Sprint(maxWords)})
		}
		w := Word{ID: id.New("wrd", t.look.now), Request: t.r.ID, By: by.Person, At: t.look.now, Text: text}
		if err := f(t, &w, before); err != nil {
			return err
		}
		if err := seen(ctx, tx, by, t); err != nil {
			return err
		}
		if err := tx.InsertWord(ctx, w); err != nil {
			return fmt.Errorf("insert word: %w", err)
		}
		return nil
	})
	return err
}
