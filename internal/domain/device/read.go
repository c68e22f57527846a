package device

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
)

// maxOrders is how many orders a view holds.
const maxOrders = 200

// List lists the devices.
func (s *Service) List(ctx context.Context, by access.Actor, q Query) (Page, error) {
	if err := by.May(access.ReadDevices); err != nil {
		return Page{}, err
	}
	if q.Limit < 1 || q.Limit > 200 {
		q.Limit = 50
	}
	var c fault.Check
	c.That(len([]rune(q.Text)) <= 100, "q", "fault.too_long", fault.Args{"max": "100"})
	c.That(slices.Contains([]string{"", StateIsolated, StateFailing, StateOffline, StateRefused}, q.State), "state", "fault.unknown_choice", nil)
	if err := c.Err(); err != nil {
		return Page{}, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return Page{}, err
	}
	q.Text, q.Now, q.People = strings.TrimSpace(q.Text), s.now(), nil
	if q.Text != "" {
		q.People = named(o, q.Text)
	}
	limit := q.Limit
	q.Limit++
	ds, err := s.p.Store.FindDevices(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("find devices: %w", err)
	}
	var p Page
	if len(ds) > limit {
		ds = ds[:limit]
		p.Next = ds[limit-1].ID
	}
	var ids []string
	for _, d := range ds {
		ids = append(ids, d.ID)
	}
	unread, err := s.p.Store.UnreadFacts(ctx, ids)
	if err != nil {
		return Page{}, fmt.Errorf("read unread facts: %w", err)
	}
	for _, d := range ds {
		v := View{Device: d, PersonName: o.NameOf(d.Person), Facts: unread[d.ID]}
		v.Isolation.Order.hide() // a list asks no case who may see it
		p.Rows = append(p.Rows, v)
	}
	return p, nil
}

// named lists the people whose name or reading holds a text, at most 200.
func named(o *directory.Org, text string) []string {
	var out []string
	text = strings.ToLower(text)
	for _, p := range o.Sorted() {
		if strings.Contains(strings.ToLower(p.Name()+"\n"+p.Kana()), text) {
			if out = append(out, p.ID); len(out) == 200 {
				break
			}
		}
	}
	return out
}

// hide takes out what only they may know who may see the case.
func (o *Order) hide() {
	if o.Incident != "" {
		o.Incident, o.Reason = "", ""
	}
}

// Get gives one device: to who may read devices, and to its own person.
func (s *Service) Get(ctx context.Context, by access.Actor, device string) (View, error) {
	all := by.May(access.ReadDevices)
	if all != nil {
		if err := by.May(access.Report); err != nil {
			return View{}, err
		}
	}
	r, err := s.p.Store.Device(ctx, device)
	if fault.Is(err, fault.NotFound) && all != nil {
		return View{}, all
	}
	if err != nil {
		return View{}, err
	}
	if all != nil && r.Person != by.Person {
		return View{}, all
	}
	return s.view(ctx, by, r.Device)
}

// OfPerson gives the devices of a person, newest enrolment first: one's own, and
// anybody's to who may read devices. Refused ones are not among them.
func (s *Service) OfPerson(ctx context.Context, by access.Actor, person string) ([]View, error) {
	if err := by.May(access.ReadDevices); err != nil {
		if person == "" || person != by.Person {
			return nil, err
		}
		if err := by.May(access.Report); err != nil {
			return nil, err
		}
	}
	if person == "" { // nobody has none; the query would take it for everybody
		return nil, nil
	}
	ds, err := s.p.Store.FindDevices(ctx, Query{Person: person, Limit: 50, Now: s.now()})
	if err != nil {
		return nil, fmt.Errorf("find devices: %w", err)
	}
	return s.views(ctx, by, ds)
}

// OfCase gives the devices that were isolated for a case which the actor may see: all of
// them to who may read devices, else one's own.
func (s *Service) OfCase(ctx context.Context, by access.Actor, incident string) ([]View, error) {
	if err := s.mustSee(ctx, by, incident); err != nil {
		return nil, err
	}
	ids, err := s.p.Store.DevicesOfCase(ctx, incident)
	if err != nil {
		return nil, fmt.Errorf("find devices of case: %w", err)
	}
	all := by.May(access.ReadDevices) == nil
	var ds []Device
	for _, device := range ids {
		r, err := s.p.Store.Device(ctx, device)
		if err != nil {
			return nil, err
		}
		if all || r.Person == by.Person {
			ds = append(ds, r.Device)
		}
	}
	return s.views(ctx, by, ds)
}

func (s *Service) views(ctx context.Context, by access.Actor, ds []Device) ([]View, error) {
	var out []View
	for _, d := range ds {
		v, err := s.view(ctx, by, d)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// view adds facts and orders to a device, without what the actor may not know.
func (s *Service) view(ctx context.Context, by access.Actor, d Device) (View, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return View{}, err
	}
	v := View{Device: d, PersonName: o.NameOf(d.Person)}
	if v.Facts, err = s.p.Store.Facts(ctx, d.ID); err != nil {
		return View{}, fmt.Errorf("read facts: %w", err)
	}
	if v.Orders, err = s.p.Store.Orders(ctx, d.ID, maxOrders); err != nil {
		return View{}, fmt.Errorf("read orders: %w", err)
	}
	sees := map[string]bool{}
	for i := range v.Orders {
		if err := s.cover(ctx, by, &v.Orders[i], sees); err != nil {
			return View{}, err
		}
	}
	return v, s.cover(ctx, by, &v.Isolation.Order, sees)
}

// cover hides an order's case from who may not see it; sees remembers the answers.
func (s *Service) cover(ctx context.Context, by access.Actor, o *Order, sees map[string]bool) error {
	if o.Incident == "" {
		return nil
	}
	may, known := sees[o.Incident]
	if !known {
		var err error
		if may, err = s.p.Cases.Sees(ctx, by, o.Incident); err != nil {
			return fmt.Errorf("look at case: %w", err)
		}
		sees[o.Incident] = may
	}
	reason := o.Reason
	if !may {
		o.hide()
	}
	if o.By == by.Person {
		o.Reason = reason // their own words
	}
	return nil
}

// Presence notes which devices have come to a server and which have gone. It is not
// recorded: it is true only while it lasts.
func (s *Service) Presence(ctx context.Context, server string, on, off []string) error {
	if len(on)+len(off) == 0 {
		return nil
	}
	if err := s.p.Store.SetPresence(ctx, server, on, off, s.now()); err != nil {
		return fmt.Errorf("note presence: %w", err)
	}
	return nil
}

// ClearPresence forgets which devices a server held, when it starts or is given up.
func (s *Service) ClearPresence(ctx context.Context, server string) error {
	if err := s.p.Store.ClearPresence(ctx, server, s.now()); err != nil {
		return fmt.Errorf("clear presence: %w", err)
	}
	return nil
}
