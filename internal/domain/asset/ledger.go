package asset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/prose"
)

func isID(prefix, s string) bool { return id.Valid(prefix, s) }

// accept brings what somebody entered of a thing into the form in which it is kept, and
// says what must be mended. old is what is kept already; nil for a new thing.
func accept(c *fault.Check, o *directory.Org, a Asset, old *Asset, now time.Time) Asset {
	a.Number = code(a.Number)
	c.That(a.Number != "", "number", "fault.required", nil)
	c.That(a.Number == "" || number(a.Number), "number", "fault.asset_number", fault.Args{"max": strconv.Itoa(maxNumber)})
	c.That(a.Kind != "", "kind", "fault.required", nil)
	c.That(a.Kind == "" || a.Kind.Valid(), "kind", "fault.unknown_choice", nil)
	a.Encryption = cmp.Or(a.Encryption, EncryptionUnknown)
	c.That(slices.Contains(Encryptions(), a.Encryption), "encryption", "fault.unknown_choice", nil)
	c.That(a.Capacity >= 0 && a.Capacity <= MaxCapacity, "capacity", "fault.asset_capacity", nil)
	text := func(name, s string, limit int, tidy func(string, int) string) string {
		c.That(utf8.RuneCountInString(s) <= limit, name, "fault.too_long", fault.Args{"max": strconv.Itoa(limit)})
		return tidy(s, limit)
	}
	a.Model = text("model", a.Model, maxModel, line)
	a.Place = text("place", a.Place, maxPlace, line)
	a.Note = text("note", a.Note, maxNote, prose.Paragraph)
	a.Identity = acceptIdentity(c, a.Identity, old)
	_, ok := o.Departments[a.Department]
	c.That(a.Department != "", "department", "fault.required", nil)
	c.That(a.Department == "" || ok, "department", "fault.asset_department", nil)
	// Somebody who has left stays the keeper on paper until another is named.
	p, ok := o.People[a.Keeper]
	c.That(a.Keeper != "", "keeper", "fault.required", nil)
	c.That(a.Keeper == "" || ok && p.Active(now) || old != nil && old.Keeper == a.Keeper, "keeper", "fault.unknown_person", nil)
	return a
}

// acceptIdentity takes what is entered by hand only while no PC has read the medium.
func acceptIdentity(c *fault.Check, i Identity, old *Asset) Identity {
	vendor, okVendor := usbID(i.Vendor)
	product, okProduct := usbID(i.Product)
	c.That(okVendor, "vendor", "fault.asset_usb_id", nil)
	c.That(okProduct, "product", "fault.asset_usb_id", nil)
	c.That(serial(i.Serial), "serial", "fault.asset_serial", fault.Args{"max": strconv.Itoa(maxSerial)})
	i = Identity{Vendor: vendor, Product: product, Serial: strings.TrimSpace(i.Serial)}
	if old == nil || old.Identity.ReadAt.IsZero() {
		return i
	}
	was := old.Identity
	c.That(i.Vendor == was.Vendor, "vendor", "fault.asset_identity_read", nil)
	c.That(i.Product == was.Product, "product", "fault.asset_identity_read", nil)
	c.That(i.Serial == was.Serial, "serial", "fault.asset_identity_read", nil)
	return was
}

// added is the journal's content of a new thing.
type added struct {
	Number     string `json:"number"`
	Kind       Kind   `json:"kind"`
	Department string `json:"department"`
	Keeper     string `json:"keeper"`
	Import     string `json:"sha256,omitempty"` // of the file that it came with
}

// Add enters a new thing, in store.
func (s *Service) Add(ctx context.Context, by access.Actor, a Asset) (*Asset, error) {
	if err := by.May(access.ManageAssets); err != nil {
		return nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var c fault.Check
	a = accept(&c, o, a, nil, now)
	if err := c.Err(); err != nil {
		return nil, err
	}
	var out *Asset
	err = s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		taken, err := tx.AssetsNumbered(ctx, []string{a.Number})
		if err != nil {
			return fmt.Errorf("look for the number: %w", err)
		}
		if len(taken) > 0 {
			var c fault.Check
			c.Add("number", "fault.asset_number_taken", nil)
			return c.Err()
		}
		fresh := a
		out = &fresh
		return s.insert(ctx, tx, by, &fresh, now, "")
	})
	return out, err
}

func (s *Service) insert(ctx context.Context, tx Tx, by access.Actor, a *Asset, now time.Time, file string) error {
	*a = Asset{ID: id.New("ast", now), Number: a.Number, Kind: a.Kind, Model: a.Model, Capacity: a.Capacity, Encryption: a.Encryption,
		Identity: a.Identity, Department: a.Department, Keeper: a.Keeper, Place: a.Place, Note: a.Note,
		State: InStore, Since: now, Created: now, Changed: now, Version: 1}
	if err := s.meetTwins(ctx, tx, a, Identity{}); err != nil {
		return err
	}
	if err := tx.InsertAsset(ctx, a); err != nil {
		return fmt.Errorf("insert %s: %w", a.Number, err)
	}
	return record(ctx, tx, now, "asset.added", a.ID, by.Person,
		added{Number: a.Number, Kind: a.Kind, Department: a.Department, Keeper: a.Keeper, Import: file})
}

// meetTwins works out SerialTwin of a thing whose identity was another, and of those that
// share the serial that it had and has. The caller saves the thing itself.
func (s *Service) meetTwins(ctx context.Context, tx Tx, a *Asset, was Identity) error {
	same := func(x, y Identity) bool {
		return x.Vendor == y.Vendor && x.Product == y.Product && x.Serial == y.Serial
	}
	if same(a.Identity, was) {
		return nil
	}
	mark := func(i Identity, also int) (int, error) {
		if i.Serial == "" {
			return 0, nil
		}
		twins, err := tx.SerialTwins(ctx, i.Vendor, i.Product, i.Serial)
		if err != nil {
			return 0, fmt.Errorf("look for the same serial: %w", err)
		}
		twins = slices.DeleteFunc(twins, func(t *Asset) bool { return t.ID == a.ID })
		for _, t := range twins {
			if twin := len(twins)+also > 1; t.SerialTwin != twin {
				t.SerialTwin = twin
				if err := tx.SaveAsset(ctx, t); err != nil {
					return 0, fmt.Errorf("save %s: %w", t.ID, err)
				}
			}
		}
		return len(twins), nil
	}
	if _, err := mark(was, 0); err != nil {
		return err
	}
	n, err := mark(a.Identity, 1)
	a.SerialTwin = n > 0
	return err
}

// FieldChange is one field as text, before and after. Column is the wire name; the
// message "asset.column."+Column is its title.
type FieldChange struct {
	Column string `json:"column"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// fields is a thing as it is entered, column by column, in the order of the pages.
func fields(a *Asset) []FieldChange {
	capacity := ""
	if a.Capacity != 0 {
		capacity = strconv.FormatInt(a.Capacity, 10)
	}
	return []FieldChange{{"number", "", a.Number}, {"kind", "", string(a.Kind)}, {"model", "", a.Model}, {"capacity", "", capacity},
		{"encryption", "", string(a.Encryption)}, {"vendor", "", a.Identity.Vendor}, {"product", "", a.Identity.Product}, {"serial", "", a.Identity.Serial},
		{"department", "", a.Department}, {"keeper", "", a.Keeper}, {"place", "", a.Place}, {"note", "", a.Note}}
}

func compare(old, a *Asset) []FieldChange {
	was := fields(old)
	var out []FieldChange
	for i, f := range fields(a) {
		if f.New != was[i].New {
			out = append(out, FieldChange{f.Column, was[i].New, f.New})
		}
	}
	return out
}

// changed is the journal's content of a change.
type changed struct {
	Fields []FieldChange `json:"fields"`
	Import string        `json:"sha256,omitempty"`
}

// edit puts what was entered into a thing and gives what that changes.
func edit(a *Asset, in Asset) []FieldChange {
	was := *a
	a.Kind, a.Model, a.Capacity, a.Encryption, a.Identity = in.Kind, in.Model, in.Capacity, in.Encryption, in.Identity
	a.Department, a.Keeper, a.Place, a.Note = in.Department, in.Keeper, in.Place, in.Note
	return compare(&was, a)
}

// Change mends what is entered of a thing: not its number, which is printed on it, nor
// its state. in.Version is the version that the form was made from.
func (s *Service) Change(ctx context.Context, by access.Actor, in Asset) (*Asset, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	may := func(*Asset) error { return by.May(access.ManageAssets) }
	return s.change(ctx, by, in.Number, "asset.changed", may, func(tx Tx, a *Asset) (any, error) {
		var c fault.Check
		entered := accept(&c, o, in, a, s.now())
		// What a loan was approved for must stay what it is until it is back.
		c.That(entered.Kind == a.Kind || a.Loan == "", "kind", "fault.asset_lent", nil)
		if err := c.Err(); err != nil {
			return nil, err
		}
		switch {
		case in.Version != a.Version:
			return nil, fault.Clash("fault.asset_stale", nil)
		case a.State == Disposed:
			return nil, wrongState(a)
		}
		was := a.Identity
		fs := edit(a, entered)
		return changed{Fields: fs}, s.meetTwins(ctx, tx, a, was)
	})
}

// wrongState says that the state of a thing does not allow what was asked.
func wrongState(a *Asset) error {
	return fault.Clash("fault.asset_state."+string(a.State), fault.Args{"number": a.Number})
}

// stateChange is the journal's content of a new state.
type stateChange struct {
	From   State  `json:"from"`
	To     State  `json:"to"`
	Reason string `json:"reason"`
}

// SetState puts a thing into repair, or back in store: from repair, or when it was found
// again. All other states follow from other verbs.
func (s *Service) SetState(ctx context.Context, by access.Actor, asset string, to State, reason string) error {
	may := func(a *Asset) error { return mayHandle(by, a) }
	_, err := s.change(ctx, by, asset, "asset.state", may, func(_ Tx, a *Asset) (any, error) {
		var c fault.Check
		reason := because(&c, reason)
		c.That(to == InStore || to == InRepair, "state", "fault.unknown_choice", nil)
		if err := c.Err(); err != nil {
			return nil, err
		}
		switch {
		case a.Disposal.Open():
			return nil, fault.Clash("fault.asset_disposal_open", nil)
		case to == InRepair && a.State != InStore, to == InStore && a.State != InRepair && a.State != Lost:
			return nil, wrongState(a)
		}
		from := a.State
		a.State, a.Since = to, s.now()
		return stateChange{From: from, To: to, Reason: reason}, nil
	})
	return err
}

// lost is the journal's content of a loss.
type lost struct {
	From     State  `json:"from"`
	Incident string `json:"incident,omitempty"`
	Loan     string `json:"loan,omitempty"`
}

// ReportLost notes that a thing is lost: its loan ends, and no PC lets it work from then
// on. Whoever has it, keeps it or manages the ledger says so; incident is the number or id
// of the case, "" when there is none yet.
func (s *Service) ReportLost(ctx context.Context, by access.Actor, asset, incident string) error {
	a, _, err := s.seen(ctx, by, asset)
	if err != nil {
		return err
	}
	may := func(a *Asset) error {
		if a.Borrower != "" && a.Borrower == by.Person {
			return by.May(access.Submit)
		}
		return mayHandle(by, a)
	}
	if err := may(a); err != nil {
		return err
	}
	incident = line(incident, maxNumber)
	return s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		var l *Loan
		if a.Loan != "" {
			if l, err = tx.LockLoan(ctx, a.Loan); err != nil {
				return fmt.Errorf("lock loan %s: %w", a.Loan, err)
			}
		}
		held, err := tx.LockAsset(ctx, a.ID)
		if err != nil {
			return fmt.Errorf("lock %s: %w", a.ID, err)
		}
		switch err := may(held); {
		case err != nil:
			return err
		case held.Loan != a.Loan:
			return fault.Clash("fault.conflict", nil)
		case held.State == Lost || held.State == Disposed:
			return wrongState(held)
		}
		return s.lose(ctx, tx, by, held, l, incident)
	})
}

// settle saves a loan that works no more: its PC is told, and letters about it are called
// off.
func (s *Service) settle(ctx context.Context, tx Tx, l *Loan) error {
	if err := tx.SaveLoan(ctx, l); err != nil {
		return fmt.Errorf("save loan %s: %w", l.Label, err)
	}
	if err := s.callOff(ctx, tx, l); err != nil {
		return err
	}
	return s.reissue(ctx, tx, l.Device)
}
