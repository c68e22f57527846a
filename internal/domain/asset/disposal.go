package asset

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/prose"
)

// disposal is the journal's content of putting a thing out of use.
type disposal struct {
	Method string `json:"method"`
	Proof  string `json:"proof,omitempty"`
	Note   string `json:"note,omitempty"`
	By     string `json:"asked_by,omitempty"`
}

// AskDisposal asks to put a thing out of use: method and note, and the photo or paper
// that proves it. A second person confirms. A new asking takes the place of one that
// nobody has confirmed.
func (s *Service) AskDisposal(ctx context.Context, by access.Actor, asset string, d Disposal) error {
	may := func(*Asset) error { return by.May(access.ManageAssets) }
	_, err := s.change(ctx, by, asset, "asset.disposal_asked", may, func(_ Tx, a *Asset) (any, error) {
		var c fault.Check
		c.That(d.Method != "", "method", "fault.required", nil)
		c.That(d.Method == "" || slices.Contains(Methods(), d.Method), "method", "fault.unknown_choice", nil)
		c.That(utf8.RuneCountInString(d.Note) <= maxNote, "note", "fault.too_long", fault.Args{"max": fmt.Sprint(maxNote)})
		if d.Proof != "" {
			p, err := s.p.Store.PhotoByID(ctx, d.Proof)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return nil, err
			}
			c.That(err == nil && p.Asset == a.ID, "proof", "fault.unknown_choice", nil)
		}
		if err := c.Err(); err != nil {
			return nil, err
		}
		if a.Loan != "" || a.State == Disposed {
			return nil, wrongState(a)
		}
		a.Disposal = &Disposal{Method: d.Method, Note: prose.Paragraph(d.Note, maxNote), Proof: d.Proof, By: by.Person, At: s.now()}
		return disposal{Method: d.Method, Proof: d.Proof, Note: a.Disposal.Note}, nil
	})
	return err
}

// ConfirmDisposal puts a thing out of use. Whoever asked for it cannot confirm it.
func (s *Service) ConfirmDisposal(ctx context.Context, by access.Actor, asset string) error {
	may := func(*Asset) error { return by.May(access.ManageAssets) }
	_, err := s.change(ctx, by, asset, "asset.disposed", may, func(_ Tx, a *Asset) (any, error) {
		switch {
		case !a.Disposal.Open():
			return nil, fault.Clash("fault.asset_no_disposal", nil)
		case a.Disposal.By == by.Person:
			return nil, fault.New(fault.Denied, "fault.own_not_allowed", nil)
		case a.Loan != "":
			return nil, wrongState(a)
		}
		a.Disposal.ConfirmedBy, a.Disposal.ConfirmedAt = by.Person, s.now()
		a.State, a.Since = Disposed, s.now()
		return disposal{Method: a.Disposal.Method, Proof: a.Disposal.Proof, By: a.Disposal.By}, nil
	})
	return err
}

// DropDisposal takes back that a thing is to be put out of use.
func (s *Service) DropDisposal(ctx context.Context, by access.Actor, asset, reason string) error {
	may := func(*Asset) error { return by.May(access.ManageAssets) }
	_, err := s.change(ctx, by, asset, "asset.disposal_dropped", may, func(_ Tx, a *Asset) (any, error) {
		var c fault.Check
		reason := because(&c, reason)
		if err := c.Err(); err != nil {
			return nil, err
		}
		if !a.Disposal.Open() {
			return nil, fault.Clash("fault.asset_no_disposal", nil)
		}
		a.Disposal = nil
		return map[string]string{"reason": reason}, nil
	})
	return err
}
