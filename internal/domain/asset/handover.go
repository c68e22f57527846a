package asset

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
)

// Handover is an approved application for a loan of which nothing has been given out yet.
// Whoever handles what it asks for sees it, though nobody asked them to decide it.
type Handover struct {
	Request    string // label
	Person     string // the borrower
	PersonName string
	PC         string // name of the PC on which it will work; "" for none
	Form       LoanForm
	Ended      time.Time // when it was approved
	// Things are those that the actor may give out for it now, in the order of the
	// numbers, at most 200. Only Service.Handover fills it.
	Things []Row
}

// maxHandovers bounds a list of what waits to be handed over.
const maxHandovers = 200

// Handovers lists the approved applications whose thing, or one of whose kind, the actor
// handles, oldest first, at most 200. Their own are not among them: somebody else hands
// those over.
func (s *Service) Handovers(ctx context.Context, by access.Actor) ([]Handover, error) {
	o, h, err := s.handles(ctx, by)
	if err != nil || !h.all && len(h.kept) == 0 {
		return nil, err
	}
	var out []Handover
	for after := ""; ; {
		rs, err := s.p.Store.UnusedApprovals(ctx, KindLoan, after, maxHandovers)
		if err != nil {
			return nil, fmt.Errorf("list unused approvals: %w", err)
		}
		for _, r := range rs {
			one, ok, err := s.handover(o, h, by, r)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, one)
			}
			if len(out) == maxHandovers {
				return out, nil
			}
			after = r.ID
		}
		if len(rs) < maxHandovers {
			return out, nil
		}
	}
}

// Handover gives one of them by the id or label of its request, with the things that can
// be given out for it. To who does not handle it, it looks as if it did not exist.
func (s *Service) Handover(ctx context.Context, by access.Actor, req string) (Handover, error) {
	o, h, err := s.handles(ctx, by)
	if err != nil {
		return Handover{}, err
	}
	r, err := s.p.Store.Request(ctx, req)
	if err != nil {
		return Handover{}, err
	}
	out, ok, err := s.handover(o, h, by, r)
	switch {
	case err != nil:
		return Handover{}, err
	case !ok:
		return Handover{}, fault.Missing("request")
	}
	if out.Form.Device != "" {
		if _, out.PC, _, err = s.p.Devices.Owner(ctx, out.Form.Device); err != nil && !fault.Is(err, fault.NotFound) {
			return Handover{}, fmt.Errorf("find PC %s: %w", out.Form.Device, err)
		}
	}
	q := Query{Kind: out.Form.Kind, State: InStore, Limit: maxHandovers, Now: s.now(), Scope: Scope{All: true}}
	if !h.all {
		q.Keeper = by.Person
	}
	var as []Asset
	if out.Form.Asset == "" {
		as, err = s.p.Store.FindAssets(ctx, q)
	} else {
		var a *Asset
		if a, err = s.p.Store.Asset(ctx, out.Form.Asset); err == nil && a.State == InStore {
			as = append(as, *a)
		}
	}
	if err != nil {
		return Handover{}, fmt.Errorf("find what can be handed over: %w", err)
	}
	for _, a := range as {
		if !a.Disposal.Open() && a.Loan == "" {
			out.Things = append(out.Things, row(o, a, s.now()))
		}
	}
	return out, nil
}

// PCName gives the name of a PC that an application names, for who may see the
// application; "" when it is no longer the person's. Without a person it is anybody's.
func (s *Service) PCName(ctx context.Context, person, device string) (string, error) {
	owner, name, ok, err := s.p.Devices.Owner(ctx, device)
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && (!ok || person != "" && owner != person):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("find PC %s: %w", device, err)
	}
	return name, nil
}

// handled is what an actor may give out: everything, or the things that they keep.
type handled struct {
	all  bool
	kept []Asset
}

func (s *Service) handles(ctx context.Context, by access.Actor) (*directory.Org, handled, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, handled{}, err
	}
	if by.May(access.ManageAssets) == nil {
		return o, handled{all: true}, nil
	}
	if by.Person == "" {
		return nil, handled{}, by.May(access.Submit)
	}
	if by.May(access.Submit) != nil { // an auditor gives nothing out
		return o, handled{}, nil
	}
	q, out := Query{Keeper: by.Person, Limit: maxHandovers, Now: s.now(), Scope: Scope{Person: by.Person}}, handled{}
	for {
		as, err := s.p.Store.FindAssets(ctx, q)
		if err != nil {
			return nil, handled{}, fmt.Errorf("find what %s keeps: %w", by.Person, err)
		}
		out.kept = append(out.kept, as...)
		if len(as) < maxHandovers {
			return o, out, nil
		}
		q.After = as[len(as)-1].Number
	}
}

// gives reports whether the form asks for something of what is handled.
func (h handled) gives(f LoanForm) bool {
	return h.all || slices.ContainsFunc(h.kept, func(a Asset) bool {
		return a.State != Disposed && a.Kind == f.Kind && (f.Asset == "" || f.Asset == a.Number)
	})
}

// handover reads what waits in a request; false when nothing of it waits for the actor.
func (s *Service) handover(o *directory.Org, h handled, by access.Actor, r *request.Request) (Handover, bool, error) {
	if r.Kind != KindLoan || r.State != request.Approved || r.UsedBy != "" || r.By == by.Person || !r.Expires.IsZero() && !s.now().Before(r.Expires) {
		return Handover{}, false, nil
	}
	out := Handover{Request: r.Label, Person: r.By, PersonName: o.NameOf(r.By), Ended: r.Ended}
	if err := read(r.Form, &out.Form); err != nil {
		return Handover{}, false, fmt.Errorf("read the form of %s: %w", r.Label, err)
	}
	return out, h.gives(out.Form), nil
}
