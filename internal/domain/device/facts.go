package device

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// Bounds of what a device may claim.
const (
	maxFacts    = 64
	maxValue    = 16 << 10 // bytes of one fact
	maxProblems = 20
	maxSteps    = 100
	maxPresses  = 1_000_000
	maxCount    = 1_000_000_000
)

// Bounds of what a device's claims put into the record.
const (
	maxFailures = 20          // different failures of one order
	alarmEvery  = time.Minute // the same alarm again and again is told once in this time
)

// TakeFacts keeps what a device tells of itself. Facts that are not newer than the last
// are ignored; what has not changed is not written. A fact is a claim: it moves the
// order in force from requested to applied and proven, and nothing else.
func (s *Service) TakeFacts(ctx context.Context, device string, f wire.Facts) error {
	told, err := claims(f)
	if err != nil {
		return err
	}
	now := s.now()
	if told.agent == nil && told.isolation == nil { // most reports: nothing is made of them
		return s.p.Store.Hear(ctx, device, func(tx Tx, h Hearing) error {
			if h.Refused {
				return refused()
			}
			if f.Seq <= h.Seq {
				return nil
			}
			if err := s.keep(ctx, tx, device, h.Told, told.facts, now); err != nil {
				return err
			}
			if err := tx.SaveSeen(ctx, device, f.Seq, now); err != nil {
				return fmt.Errorf("save device: %w", err)
			}
			return nil
		})
	}
	return s.change(ctx, device, func(tx Tx, r *Record, o *directory.Org) error {
		if f.Seq <= r.Seq {
			return nil
		}
		r.Seq, r.Seen = f.Seq, now
		n, err := tx.CountFacts(ctx, device)
		if err != nil {
			return fmt.Errorf("count facts: %w", err)
		}
		if err := s.keep(ctx, tx, device, n, told.facts, now); err != nil {
			return err
		}
		if told.agent != nil {
			// An agent that tells of a restored server tells of both.
			if told.isolation != nil && told.agent.Document > r.Desired {
				if err := s.overtaken(ctx, tx, r, o, told.agent.Document, *told.isolation, now); err != nil {
					return err
				}
			}
			r.heardAgent(*told.agent)
		}
		if told.isolation != nil {
			if err := s.heardIsolation(ctx, tx, r, o, *told.isolation, now); err != nil {
				return err
			}
		}
		if err := tx.SaveHeard(ctx, r); err != nil {
			return fmt.Errorf("save device: %w", err)
		}
		return nil
	})
}

// keep writes the facts that changed, of a device that has told so many. Most devices are
// far from having too many, and then nothing is read.
func (s *Service) keep(ctx context.Context, tx Tx, device string, told int, facts map[string]Fact, now time.Time) error {
	names := slices.Sorted(maps.Keys(facts))
	if told+len(names) > maxFacts {
		old, err := tx.FactsNamed(ctx, device, names)
		if err != nil {
			return fmt.Errorf("read facts: %w", err)
		}
		if told+len(names)-len(old) > maxFacts {
			return fault.New(fault.TooLarge, "fault.device_facts", nil)
		}
	}
	for _, name := range names {
		x := facts[name]
		x.Heard = now
		if err := tx.SaveFact(ctx, device, x); err != nil {
			return fmt.Errorf("save fact %s: %w", name, err)
		}
	}
	return nil
}

// told is a report of facts, bounded and cleaned.
type told struct {
	facts     map[string]Fact
	agent     *wire.AgentFact
	isolation *wire.IsolationFact
}

// claims checks the form of facts.
func claims(f wire.Facts) (told, error) {
	out := told{facts: map[string]Fact{}}
	if f.Seq < 1 || len(f.Facts) == 0 || len(f.Facts) > maxFacts {
		return out, badFacts()
	}
	total := 0
	for n, x := range f.Facts {
		if !spelled(n, 40, "abcdefghijklmnopqrstuvwxyz_.") {
			return out, badFacts()
		}
		total += len(n) + len(x.Value) + len(x.Unread)
		if len(x.Value) > maxValue || total > wire.MaxFacts {
			return out, fault.New(fault.TooLarge, "fault.device_facts", nil)
		}
		fact := Fact{Name: n, Unread: line(x.Unread, maxLine), At: claimed(x.At)}
		if fact.Unread == "" {
			value, err := out.read(n, x.Value)
			if err != nil {
				return out, err
			}
			fact.Value = value
		}
		out.facts[n] = fact
	}
	return out, nil
}

func badFacts() error { return fault.New(fault.Invalid, "fault.device_facts", nil) }

// read gives a value in the form in which it is kept. Those that the rules act upon are
// cleaned field by field.
func (t *told) read(name string, raw json.RawMessage) (json.RawMessage, error) {
	switch name {
	case wire.FactAgent:
		var a wire.AgentFact
		if json.Unmarshal(raw, &a) != nil {
			return nil, badFacts()
		}
		a.Version, a.System, a.Host, a.Boot = line(a.Version, 60), line(a.System, 60), line(a.Host, maxName), line(a.Boot, 80)
		a.Document = within(a.Document, maxCount)
		t.agent = &a
		return marshalled(a)
	case wire.FactIsolation:
		var i wire.IsolationFact
		if json.Unmarshal(raw, &i) != nil || !slices.Contains([]wire.IsolationState{wire.IsolationOff, wire.IsolationApplied,
			wire.IsolationProven, wire.IsolationFailing, wire.IsolationDryRun}, i.State) {
			return nil, badFacts()
		}
		i = i.InOneForm()
		i.Order, i.Wifi, i.Inhibit = line(i.Order, 40), line(i.Wifi, maxLine), line(i.Inhibit, maxLine)
		i.Local, i.Undone = within(i.Local, maxPresses), within(i.Undone, maxCount)
		i.Since, i.Applied, i.Proven = sane(i.Since), sane(i.Applied), sane(i.Proven)
		i.Problems, i.Steps = lines(i.Problems, maxProblems), lines(i.Steps, maxSteps)
		if i.Release != nil {
			i.Release.Challenge, i.Release.Order = line(i.Release.Challenge, 20), line(i.Release.Order, 40)
			i.Release.Local, i.Release.At = within(i.Release.Local, maxPresses), sane(i.Release.At)
		}
		t.isolation = &i
		return marshalled(i)
	}
	var b bytes.Buffer
	if json.Compact(&b, bytes.ToValidUTF8(raw, nil)) != nil || b.Len() == 0 || bytes.Equal(b.Bytes(), []byte("null")) {
		return nil, badFacts()
	}
	return b.Bytes(), nil
}

func marshalled(v any) (json.RawMessage, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("marshal fact: %w", err)
	}
	return raw, nil
}

// within brings a claimed number between 0 and limit.
func within(n, limit int64) int64 { return min(max(n, 0), limit) }

func (r *Record) heardAgent(a wire.AgentFact) {
	if a.Host != "" {
		r.Name = a.Host
	}
	r.System, r.Agent, r.DryRun, r.Privileged = a.System, a.Version, a.DryRun, a.Privileged
	r.Applied = min(a.Document, r.Desired)
}

// overtaken brings a database that knows less than the PC, such as one restored from a
// backup, past the PC's newest document: until then the PC would obey nothing new. A PC
// that says it is cut off stays so until an administrator releases it.
func (s *Service) overtaken(ctx context.Context, tx Tx, r *Record, o *directory.Org, document int64, f wire.IsolationFact, now time.Time) error {
	if err := s.record(ctx, tx, now, "device.overtaken", r.ID, r.ID, map[string]any{"document": document, "version": r.Desired}); err != nil {
		return err
	}
	r.Desired, r.Presses = document, max(r.Presses, f.Local)
	if f.State != wire.IsolationOff && !r.Isolation.Wanted {
		_, err := s.order(ctx, tx, r, o, Order{Kind: Isolate, By: r.ID, Via: ViaPC}, now)
		return err
	}
	if err := s.issue(ctx, tx, r, o, now); err != nil {
		return err
	}
	if err := tx.SaveDesired(ctx, r); err != nil {
		return fmt.Errorf("save device: %w", err)
	}
	return nil
}

// heardIsolation moves the order in force by what the PC says of it.
func (s *Service) heardIsolation(ctx context.Context, tx Tx, r *Record, o *directory.Org, f wire.IsolationFact, now time.Time) error {
	r.Isolation.Fact, r.Isolation.FactAt = f, now
	if f.Release != nil {
		if err := s.codeUsed(ctx, tx, r, o, *f.Release, now); err != nil {
			return err
		}
	}
	if err := s.press(ctx, tx, r, o, f.Local, now); err != nil {
		return err
	}
	if f.Undone > r.Undone && now.Sub(r.UndoneAt) >= alarmEvery {
		r.Undone, r.UndoneAt = f.Undone, now
		if err := s.record(ctx, tx, now, "device.tampered", r.ID, r.ID, map[string]any{"undone": f.Undone, "order_id": r.Isolation.Order.ID}); err != nil {
			return err
		}
	}
	if r.Isolation.Order.ID == "" {
		return nil
	}
	if r.Isolation.Wanted {
		return s.heardCut(ctx, tx, r, f, now)
	}
	return s.heardOff(ctx, tx, r, f, now)
}

// heardCut is what an isolation in force has come to. A dry run comes to nothing.
func (s *Service) heardCut(ctx context.Context, tx Tx, r *Record, f wire.IsolationFact, now time.Time) error {
	o := &r.Isolation.Order
	if f.DryRun || r.DryRun || f.Order != o.ID && (o.Via != ViaPC || f.Local < o.Local) {
		return nil
	}
	if f.State == wire.IsolationFailing {
		return s.heardFailing(ctx, tx, r, f, now)
	}
	if f.State == wire.IsolationOff {
		return nil
	}
	if _, _, failed := strings.Cut(r.Failure, "\n"); failed && f.State == wire.IsolationProven {
		r.Failure = o.ID // the same problem later is news again
	}
	was := *o
	if o.Applied.IsZero() {
		o.Applied, o.PCApplied = now, claimed(f.Applied)
		if err := s.record(ctx, tx, now, "device.isolated", r.ID, r.ID, standing(o.ID, o.PCApplied)); err != nil {
			return err
		}
	}
	if f.State == wire.IsolationProven && o.Proven.IsZero() {
		o.Proven, o.PCProven = now, claimed(f.Proven)
		if err := s.record(ctx, tx, now, "device.isolation_proven", r.ID, r.ID, standing(o.ID, o.PCProven)); err != nil {
			return err
		}
	}
	if *o == was {
		return nil
	}
	return s.save(ctx, tx, *o)
}

// standing is what the record says of an order that has come a step further.
func standing(order string, pc time.Time) map[string]any {
	data := map[string]any{"order_id": order}
	if !pc.IsZero() {
		data["pc_time"] = pc
	}
	return data
}

// heardFailing records a failure once, and again only when it is another one.
func (s *Service) heardFailing(ctx context.Context, tx Tx, r *Record, f wire.IsolationFact, now time.Time) error {
	order := r.Isolation.Order.ID
	if last, _, _ := strings.Cut(r.Failure, "\n"); last != order {
		r.Failures = 0
	}
	failure := order + "\n" + strings.Join(f.Problems, "\n")
	if failure == r.Failure || r.Failures >= maxFailures {
		return nil
	}
	r.Failure, r.Failures = failure, r.Failures+1
	return s.record(ctx, tx, now, "device.isolation_failing", r.ID, r.ID,
		map[string]any{"order_id": order, "problems": f.Problems})
}

// heardOff is what a release has come to.
func (s *Service) heardOff(ctx context.Context, tx Tx, r *Record, f wire.IsolationFact, now time.Time) error {
	o := &r.Isolation.Order
	if f.State != wire.IsolationOff || !o.Applied.IsZero() || f.Order != o.ID && r.Applied < o.Version && o.Via != ViaCode {
		return nil
	}
	o.Applied = now
	if err := s.record(ctx, tx, now, "device.released", r.ID, r.ID, map[string]any{"order_id": o.ID}); err != nil {
		return err
	}
	return s.save(ctx, tx, *o)
}

func (s *Service) save(ctx context.Context, tx Tx, o Order) error {
	if err := tx.SaveOrder(ctx, o); err != nil {
		return fmt.Errorf("save order: %w", err)
	}
	return nil
}
