package request

import (
	"context"
	"fmt"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// Get shows a request, by id or label, to its applicant, to whoever was asked to decide
// it, and to access.ReadRequests. To others it looks as if it did not exist.
func (s *Service) Get(ctx context.Context, by access.Actor, request string) (View, error) {
	r, err := s.visible(ctx, by, request)
	if err != nil {
		return View{}, err
	}
	look, err := s.look(ctx, r.By)
	if err != nil {
		return View{}, err
	}
	v := view(look, by, r)
	if v.Words, err = s.store.Words(ctx, r.ID); err != nil {
		return View{}, fmt.Errorf("list words: %w", err)
	}
	return v, nil
}

// visible gives a request that the actor may see.
func (s *Service) visible(ctx context.Context, by access.Actor, request string) (*Request, error) {
	if err := anyOf(by, access.Decide, access.Submit, access.ReadRequests); err != nil {
		return nil, err
	}
	r, err := s.store.Request(ctx, request)
	if err != nil {
		return nil, err
	}
	if by.May(access.ReadRequests) == nil || r.By == by.Person && by.May(access.Submit) == nil {
		return r, nil
	}
	if by.May(access.Decide) == nil {
		asked, err := s.store.WasAsked(ctx, r.ID, by.Person)
		if err != nil {
			return nil, fmt.Errorf("look who was asked: %w", err)
		}
		if asked {
			return r, nil
		}
	}
	return nil, fault.Missing("request")
}

// anyOf is nil when the actor has one of the permissions, else the refusal of the first.
func anyOf(by access.Actor, ps ...access.Permission) error {
	first := by.May(ps[0])
	for _, p := range ps[1:] {
		if first == nil || by.May(p) == nil {
			return nil
		}
	}
	return first
}

// view is a request as the actor may see it, without its words.
func view(look lookout, by access.Actor, r *Request) View {
	v := View{Request: r, Digest: Digest(r), Mine: r.By == by.Person}
	may := turn{look: look, r: r}
	if mine, err := may.mayDecide(by.Person, v.Digest); err == nil && by.May(access.Decide) == nil {
		v.MayDecide, v.DecideFor, v.MayAsk = true, mine.For, true
	}
	v.MayMend = v.Mine && (r.State == Waiting || r.State == Returned) && by.May(access.Submit) == nil
	return v
}

// List gives a page of requests, newest first. Only access.ReadRequests sees other
// people's box.
func (s *Service) List(ctx context.Context, by access.Actor, q Query) (Page, error) {
	need := access.Decide
	switch q.Box {
	case Mine:
		need = access.Submit
	case Every:
		need = access.ReadRequests
	}
	if err := by.May(need); err != nil {
		return Page{}, err
	}
	var c fault.Check
	c.That(q.Box == Mine || q.Box == ForMe || q.Box == Decided || q.Box == Every, "box", "fault.unknown_choice", nil)
	c.That(utf8.RuneCountInString(q.Text) <= maxText, "q", "fault.too_long", fault.Args{"max": fmt.Sprint(maxText)})
	if err := c.Err(); err != nil {
		return Page{}, err
	}
	if q.Limit == 0 {
		q.Limit = 50
	}
	q.Limit = min(max(q.Limit, 1), 200)
	found, next, err := s.store.FindRequests(ctx, Find{Query: q, Person: by.Person})
	if err != nil {
		return Page{}, fmt.Errorf("find requests: %w", err)
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return Page{}, err
	}
	p, now := Page{Next: next}, s.now()
	for _, r := range found {
		v := view(lookout{org: o, applicant: r.By, now: now}, by, r)
		if q.Box == ForMe && !v.MayDecide { // asked, but no longer in the post
			continue
		}
		p.Rows = append(p.Rows, v)
	}
	return p, nil
}

// Waiting counts the requests that wait for the actor's decision, up to 200. Nothing
// waits for who may not decide.
func (s *Service) Waiting(ctx context.Context, by access.Actor) (int, error) {
	if by.May(access.Decide) != nil {
		return 0, nil
	}
	p, err := s.List(ctx, by, Query{Box: ForMe, Limit: 200})
	return len(p.Rows), err
}

// Follow gives the actor and the request of a letter's link. The actor may decide that
// request and put a question on it, and nothing else; following alone decides nothing.
func (s *Service) Follow(ctx context.Context, letter string) (access.Actor, *Request, error) {
	l, err := s.store.LetterByID(ctx, letter)
	if err != nil {
		return access.Actor{}, nil, err
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return access.Actor{}, nil, err
	}
	p, ok := o.People[l.Person]
	now := s.now()
	if !l.Act || !ok || !p.Active(now) || now.Sub(l.Planned) > notice.LinkLife {
		return access.Actor{}, nil, fault.New(fault.NotFound, "fault.link_expired", nil)
	}
	r, err := s.store.Request(ctx, l.About)
	if err != nil {
		return access.Actor{}, nil, err
	}
	return access.Actor{Person: p.ID, Name: p.Name(), Department: p.Department, Duties: o.DutiesOf(p.ID, now), Via: access.ByLink}, r, nil
}
