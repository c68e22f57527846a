package incident

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math/big"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
)

// The box takes near misses without a name. What is put in leaves no event, no time and no
// order: only what was typed, under a random key. It is opened once on each working day,
// and what comes out together is mixed, so that the hour at which somebody was there says
// nothing about which case is theirs.

// ByBox is the channel of a case that was put in the box.
const ByBox = "box"

// Limits of the box.
const (
	MaxInBox  = 500 // near misses that lie in it at a time
	boxHour   = 17  // it is opened from this hour on, in the company's zone
	boxCrowd  = 2   // so many come out together
	boxPasses = 3   // openings after which one alone is taken by the next
)

// BoxKey names what lies in the box, and nothing else. It is drawn with the form, so that a
// form that is sent twice is one near miss.
type BoxKey [16]byte

// NewBoxKey draws one.
func NewBoxKey() (k BoxKey) {
	rand.Read(k[:]) // never fails: it ends the program instead
	return k
}

// ParseBoxKey reads a key as String writes it.
func ParseBoxKey(s string) (k BoxKey, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) != len(k) {
		return BoxKey{}, false
	}
	return BoxKey(raw), true
}

// String is the key as a form carries it.
func (k BoxKey) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// Slip is what is put in the box: a near miss without a name. The line is all that it needs.
type Slip struct {
	Key        BoxKey
	Nearly     Kind   // what it nearly became; may be empty
	Department string // id; may be empty
	Summary    string
	Words      string // more than a line: becomes the case's first fact
}

// Boxed is one that lies in the box.
type Boxed struct {
	Slip
	Waited int // how many openings have left it there
}

// boxTx is the part of a transaction that is about the box.
type boxTx interface {
	// PutInBox adds a slip. When its key is there already it changes nothing and gives
	// what lies under it.
	PutInBox(ctx context.Context, n Slip) (there *Slip, err error)
	// CountBox is how many lie in the box.
	CountBox(ctx context.Context) (int, error)
	// ClaimBox takes the opening of a day and reports whether it did: not when the box was
	// opened on that day or a later one. Until the commit nobody else takes one.
	ClaimBox(ctx context.Context, day string) (bool, error)
	// Boxed lists what lies in the box, in the order of the keys, and holds it until the
	// transaction ends.
	Boxed(ctx context.Context) ([]Boxed, error)
	// DropBoxed takes one out.
	DropBoxed(ctx context.Context, k BoxKey) error
	// SaveWaited notes how many openings have left one there.
	SaveWaited(ctx context.Context, k BoxKey, openings int) error
}

// boxStore reads what is kept about the box.
type boxStore interface {
	// BoxOpened is the day of the last opening, as YYYY-MM-DD; "" when there was none.
	BoxOpened(ctx context.Context) (string, error)
}

// Boxed reports whether the case was put in the box: nobody knows by whom, so that nobody
// can be asked, told or thanked.
func (i *Incident) Boxed() bool { return i.Channel == ByBox }

// nearly reports whether something can nearly have become of the kind.
func (k Kind) nearly() bool { return k.Valid() && k != NearMiss }

// NearlyKinds lists what a near miss can nearly have become.
func NearlyKinds() []Kind {
	ks := Kinds()
	return ks[:len(ks)-1] // all but the near miss itself
}

// PutInBox keeps a near miss of whoever it is: there is no actor, no permission and no
// event. The row in the box is all that its commit writes. A small department is kept as
// the unit that it belongs to. The same key again is the same near miss; with other words
// it is a clash.
func (s *Service) PutInBox(ctx context.Context, n Slip) error {
	n.Summary, n.Words = oneLine(visible(n.Summary)), words(visible(n.Words))
	var c fault.Check
	c.That(n.Nearly == "" || n.Nearly.nearly(), "nearly", "fault.unknown_choice", nil)
	c.That(n.Summary != "", "summary", "fault.required", nil)
	c.That(utf8.RuneCountInString(n.Summary) <= MaxSummary, "summary", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxSummary)})
	c.That(utf8.RuneCountInString(n.Words) <= MaxText, "text", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxText)})
	o, err := s.people.Org(ctx)
	if err != nil {
		return err
	}
	if n.Department != "" {
		unit, known := o.Units(s.now(), MinUnit)[n.Department]
		c.That(known, "department", "fault.unknown_choice", nil)
		n.Department = unit
	}
	if err := c.Err(); err != nil {
		return err
	}
	return s.store.UpdateIncidents(ctx, func(tx Tx) error {
		there, err := tx.PutInBox(ctx, n)
		if err != nil {
			return fmt.Errorf("put in the box: %w", err)
		}
		if there != nil {
			if *there != n {
				return fault.Clash("fault.idempotency_mismatch", nil)
			}
			return nil
		}
		lie, err := tx.CountBox(ctx)
		if err != nil {
			return fmt.Errorf("count what lies in the box: %w", err)
		}
		if lie > MaxInBox {
			return fault.New(fault.TooMany, "fault.box_full", nil)
		}
		return nil
	})
}

// OpenBox opens the box when a working day has struck the hour and nobody has opened it
// since, and makes cases of what comes out. Two or more come out together; one alone is
// left until three openings have passed it. It gives how many cases it made; demo marks
// them as made-up data.
func (s *Service) OpenBox(ctx context.Context, demo bool) (made int, err error) {
	w, err := s.notices.Lookout(ctx, 0)
	if err != nil {
		return 0, err
	}
	day := s.boxDay(w)
	last, err := s.store.BoxOpened(ctx)
	if err != nil {
		return 0, fmt.Errorf("find last opening of the box: %w", err)
	}
	if last >= day {
		return 0, nil
	}
	err = s.store.UpdateIncidents(ctx, func(tx Tx) error {
		made = 0 // a store may run this again
		mine, err := tx.ClaimBox(ctx, day)
		if err != nil {
			return fmt.Errorf("take the opening of the box: %w", err)
		}
		if !mine {
			return nil
		}
		lie, err := tx.Boxed(ctx)
		if err != nil {
			return fmt.Errorf("look into the box: %w", err)
		}
		if len(lie) < boxCrowd && (len(lie) == 0 || lie[0].Waited < boxPasses) {
			for _, b := range lie {
				if err := tx.SaveWaited(ctx, b.Key, b.Waited+1); err != nil {
					return fmt.Errorf("leave in the box: %w", err)
				}
			}
			return nil
		}
		shuffle(lie)
		for _, b := range lie {
			if err := s.unbox(ctx, tx, b.Slip, w, demo); err != nil {
				return err
			}
			made++
		}
		return nil
	})
	return made, err
}

// unbox makes a case of what lay in the box.
func (s *Service) unbox(ctx context.Context, tx Tx, n Slip, w notice.Lookout, demo bool) error {
	if err := tx.DropBoxed(ctx, n.Key); err != nil {
		return fmt.Errorf("take out of the box: %w", err)
	}
	i := &Incident{ID: id.New("inc", w.Now), Year: w.Now.In(s.zone).Year(), Kind: NearMiss, Nearly: n.Nearly, Urgency: NearMiss.Urgency(), Summary: n.Summary,
		Department: n.Department, Channel: ByBox, Reported: w.Now, Status: Received, StepList: s.stepVersion(NearMiss), Demo: demo}
	_, _, err := s.insert(ctx, tx, access.System(), i, Report{Words: n.Words}, w)
	return err
}

// boxDay is the newest working day that has struck the hour of the opening.
func (s *Service) boxDay(w notice.Lookout) string {
	day := jpcal.DateOf(w.Now, s.zone)
	if w.Now.Before(day.In(s.zone, boxHour)) {
		day = day.Add(-1)
	}
	for w.Calendar != nil && !w.Calendar.IsWorkday(day) {
		day = day.Add(-1)
	}
	return day.String()
}

// shuffle puts a list in an order that nobody can foretell.
func shuffle[T any](list []T) {
	for n := len(list) - 1; n > 0; n-- {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(n+1)))
		if err != nil {
			panic(err) // never: crypto/rand ends the program instead
		}
		list[n], list[at.Int64()] = list[at.Int64()], list[n]
	}
}
