package incident

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Addition is something that is added to a case after the report.
type Addition struct {
	Text     string
	Question string // the question that it answers; "" for free words
	Corrects string // the id of an entry, or a field of the report: "summary", "occurred", "discovered"
	Moment   Moment // the value, when Corrects is a time
}

// AddFact adds words to a case: by the finder, or by who works on it. An answer may
// be Unknown. Nothing that stands is changed; a correction points at what it corrects.
func (s *Service) AddFact(ctx context.Context, by access.Actor, incident string, a Addition) (Entry, error) {
	if by.Via == access.ByCode {
		a.Text = visible(a.Text)
	}
	a.Text = words(a.Text)
	e := Entry{Type: Fact, Text: a.Text, Key: a.Question, Corrects: a.Corrects, By: by.Person, At: s.now()}
	e.ID = id.New("fct", e.At)
	var c fault.Check
	isTime := a.Corrects == "occurred" || a.Corrects == "discovered"
	c.That(a.Text != "" || isTime, "text", "fault.required", nil)
	c.That(utf8.RuneCountInString(a.Text) <= MaxText, "text", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxText)})
	if err := c.Err(); err != nil {
		return Entry{}, err
	}
	need, err := s.needed(ctx, by, incident, a.Corrects, &e)
	if err != nil {
		return Entry{}, err
	}
	err = s.work(ctx, by, incident, need, func(tx Tx, i *Incident) (journal.Event, error) {
		e.Incident = i.ID
		if by.Via == access.ByCode {
			if a.Corrects != "" && a.Corrects != "summary" { // nobody else's words
				return journal.Event{}, fault.Deny(string(access.WorkCases))
			}
			if err := s.wordsOutside(ctx, i); err != nil {
				return journal.Event{}, err
			}
		}
		if err := s.place(ctx, tx, i, a, &e); err != nil {
			return journal.Event{}, err
		}
		if err := tx.InsertEntry(ctx, e); err != nil {
			return journal.Event{}, fmt.Errorf("insert entry: %w", err)
		}
		return added(e)
	})
	return e, err
}

// added is the event of an entry.
func added(e Entry) (journal.Event, error) {
	return journal.NewEvent(e.At, "incident."+string(e.Type)+"_added", e.Incident, e.By,
		map[string]string{"entry": e.ID, "key": e.Key, "text": e.Text, "corrects": e.Corrects})
}

// needed is the sight that an addition asks for. A note between those who work on the
// case is corrected between them too: the correction is as internal as the note.
func (s *Service) needed(ctx context.Context, by access.Actor, incident, corrects string, e *Entry) (Sight, error) {
	switch corrects {
	case "", "summary", "occurred", "discovered":
		return AsFinder, nil
	}
	c, err := s.Case(ctx, by, incident)
	if err != nil {
		return Blind, err
	}
	for _, x := range c.Entries {
		if x.ID == corrects && x.Internal {
			e.Internal = true
			return AsWorker, nil
		}
	}
	return AsFinder, nil
}

// Correctable reports whether the entry is somebody's own words, which a correction can
// be put beside. What was done (a step, a status) is undone, not corrected.
func (e Entry) Correctable() bool {
	return e.Type == Fact || e.Type == Answer || e.Type == Note
}

// place decides what sort of entry an addition is, and applies a correction of a
// time to the case while the entry keeps what was said before.
func (s *Service) place(ctx context.Context, tx Tx, i *Incident, a Addition, e *Entry) error {
	var c fault.Check
	if a.Question != "" {
		c.That(slices.Contains(i.Kind.Questions(), a.Question), "question", "fault.unknown_choice", nil)
	}
	switch a.Corrects {
	case "":
		if a.Question != "" {
			e.Type = Answer
		}
	case "occurred", "discovered":
		e.Type, e.Key, e.Corrects = Correction, a.Corrects, ""
		m := &i.Occurred
		if a.Corrects == "discovered" {
			m = &i.Discovered
		}
		was := *m
		*m = a.Moment
		checkMoments(&c, i.Occurred, i.Discovered, s.now())
		if err := c.Err(); err != nil {
			return err
		}
		e.Text = was.String() + " → " + m.String() + suffix(a.Text)
		if err := tx.SaveIncident(ctx, i); err != nil {
			return fmt.Errorf("save incident: %w", err)
		}
	default:
		e.Type = Correction
		if a.Corrects == "summary" {
			e.Key, e.Corrects = "summary", ""
			break
		}
		said, err := s.store.Entries(ctx, i.ID)
		if err != nil {
			return fmt.Errorf("load entries of %s: %w", i.ID, err)
		}
		c.That(slices.ContainsFunc(said, func(x Entry) bool {
			return x.ID == a.Corrects && x.Correctable() && x.Internal == e.Internal
		}), "corrects", "fault.unknown_choice", nil)
	}
	return c.Err()
}

func suffix(s string) string {
	if s == "" {
		return ""
	}
	return "\n" + s
}

// AddNote adds words between those who work on the case.
func (s *Service) AddNote(ctx context.Context, by access.Actor, incident, text string) error {
	text = words(text)
	var c fault.Check
	c.That(text != "", "text", "fault.required", nil)
	c.That(utf8.RuneCountInString(text) <= MaxText, "text", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxText)})
	if err := c.Err(); err != nil {
		return err
	}
	return s.enter(ctx, by, incident, AsWorker, Entry{Type: Note, Text: text, Internal: true}, nil)
}

// SetStep marks a first-response step done, or takes that back; both stay in the record.
func (s *Service) SetStep(ctx context.Context, by access.Actor, incident, step string, done bool) error {
	e := Entry{Type: StepDone, Key: step, Internal: true}
	if !done {
		e.Type = StepUndone
	}
	return s.enter(ctx, by, incident, AsWorker, e, func(i *Incident) error {
		l, err := s.stepsOf(ctx, i)
		if err != nil {
			return err
		}
		var c fault.Check
		c.That(slices.ContainsFunc(l.Items, func(x Step) bool { return x.ID == step }), "step", "fault.unknown_choice", nil)
		return c.Err()
	})
}

// SetStatus moves the case, with a reason.
func (s *Service) SetStatus(ctx context.Context, by access.Actor, incident string, to Status, reason string) error {
	reason = words(reason)
	if err := needReason(reason); err != nil {
		return err
	}
	if to == Withdrawn { // ends a case without a second person: the protection manager's alone
		if err := by.May(access.WorkCases); err != nil {
			return err
		}
	}
	return s.enter(ctx, by, incident, AsWorker, Entry{Type: StatusSet, Key: string(to), Text: reason}, func(i *Incident) error {
		if !i.Status.Open() || i.Status == Closing {
			return fault.Clash("fault.case_not_open", nil)
		}
		var c fault.Check
		c.That(slices.Contains(i.Status.Next(), to), "status", "fault.unknown_choice", nil)
		i.Status = to
		if to == Withdrawn {
			if err := s.answered(ctx, i); err != nil {
				return err
			}
			i.ClosedBy, i.ClosedAt = by.Person, s.now()
		}
		return c.Err()
	})
}

// Assign gives the case to a person.
func (s *Service) Assign(ctx context.Context, by access.Actor, incident, person string) error {
	o, err := s.people.Org(ctx)
	if err != nil {
		return err
	}
	return s.enter(ctx, by, incident, AsWorker, Entry{Type: Assigned, Key: person}, func(i *Incident) error {
		p, ok := o.People[person]
		var c fault.Check
		c.That(ok && p.Active(s.now()), "person", "fault.unknown_person", nil)
		c.That(!slices.Contains(i.LeftOut, person), "person", "fault.left_out", nil)
		c.That(!slices.Contains(o.Holders(access.Auditor, s.now()), person), "person", "fault.auditor_readonly", nil)
		if !i.Status.Open() {
			return fault.Clash("fault.case_not_open", nil)
		}
		i.Assignee = person
		return c.Err()
	})
}

// AskClose asks a second person to confirm that the case is done.
func (s *Service) AskClose(ctx context.Context, by access.Actor, incident, reason string) error {
	reason = words(reason)
	if err := needReason(reason); err != nil {
		return err
	}
	return s.enter(ctx, by, incident, AsWorker, Entry{Type: StatusSet, Key: string(Closing), Text: reason}, func(i *Incident) error {
		if !i.Status.Open() || i.Status == Closing {
			return fault.Clash("fault.case_not_open", nil)
		}
		if err := s.answered(ctx, i); err != nil {
			return err
		}
		i.Status, i.CloseBy, i.CloseWhy = Closing, by.Person, reason
		return nil
	})
}

// answered is nil when no track of the case waits for an answer: a case must not end
// while people are still being told of it.
func (s *Service) answered(ctx context.Context, i *Incident) error {
	tracks, _, _, err := s.tracks.TracksOf(ctx, i.ID)
	if err != nil {
		return fmt.Errorf("load tracks: %w", err)
	}
	if slices.ContainsFunc(tracks, func(t notice.Track) bool { return t.State == notice.Open }) {
		return fault.Clash("fault.unanswered_tracks", nil)
	}
	return nil
}

// ConfirmClose closes the case: never by who asked for it, nor by who reported it. thanks
// are words to whose report it was; "" for none.
func (s *Service) ConfirmClose(ctx context.Context, by access.Actor, incident, thanks string) error {
	now := s.now()
	thanks = words(thanks)
	if utf8.RuneCountInString(thanks) > MaxText {
		return needText(thanks, "thanks")
	}
	r, err := s.readersOf(ctx, by, incident)
	if err != nil {
		return err
	}
	return s.work(ctx, by, incident, AsWorker, func(tx Tx, i *Incident) (journal.Event, error) {
		if i.Status != Closing {
			return journal.Event{}, fault.Clash("fault.not_closing", nil)
		}
		if by.Person == i.CloseBy || i.Owns(by) {
			return journal.Event{}, fault.New(fault.Denied, "fault.own_not_allowed", nil)
		}
		if err := s.answered(ctx, i); err != nil { // somebody escalated meanwhile
			return journal.Event{}, err
		}
		was := i.Status
		i.Status, i.ClosedBy, i.ClosedAt = Closed, by.Person, now
		if err := tx.SaveIncident(ctx, i); err != nil {
			return journal.Event{}, fmt.Errorf("save incident: %w", err)
		}
		if err := s.thank(ctx, tx, by, i, thanks, r, now); err != nil {
			return journal.Event{}, err
		}
		return statusEntry(ctx, tx, by, i, "incident.status", was, "", "", now)
	})
}

// RefuseClose sends the case back to work, with a reason.
func (s *Service) RefuseClose(ctx context.Context, by access.Actor, incident, reason string) error {
	reason = words(reason)
	if err := needReason(reason); err != nil {
		return err
	}
	return s.enter(ctx, by, incident, AsWorker, Entry{Type: StatusSet, Key: string(Investigating), Text: reason}, func(i *Incident) error {
		if i.Status != Closing {
			return fault.Clash("fault.not_closing", nil)
		}
		i.Status, i.CloseBy, i.CloseWhy = Investigating, "", ""
		return nil
	})
}

// enter adds one entry, after change has looked at the case and altered it.
func (s *Service) enter(ctx context.Context, by access.Actor, incident string, need Sight, e Entry, change func(*Incident) error) error {
	e.By, e.At = by.Person, s.now()
	e.ID = id.New("ent", e.At)
	return s.work(ctx, by, incident, need, func(tx Tx, i *Incident) (journal.Event, error) {
		e.Incident = i.ID
		if change != nil {
			was := i.Status
			if err := change(i); err != nil {
				return journal.Event{}, err
			}
			if err := tx.SaveIncident(ctx, i); err != nil {
				return journal.Event{}, fmt.Errorf("save incident: %w", err)
			}
			if e.Type == StatusSet {
				e.Corrects = string(was)
			}
		}
		if err := tx.InsertEntry(ctx, e); err != nil {
			return journal.Event{}, fmt.Errorf("insert entry: %w", err)
		}
		return journal.NewEvent(e.At, "incident."+string(e.Type), i.ID, by.Person,
			map[string]string{"entry": e.ID, "key": e.Key, "text": e.Text, "was": e.Corrects})
	})
}

func needReason(reason string) error {
	var c fault.Check
	c.That(reason != "", "reason", "fault.required", nil)
	c.That(utf8.RuneCountInString(reason) <= MaxText, "reason", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxText)})
	return c.Err()
}

// SetSteps saves a new first-response list for a kind; open cases keep theirs.
func (s *Service) SetSteps(ctx context.Context, by access.Actor, k Kind, items []Step) error {
	if err := by.May(access.EditSteps); err != nil {
		return err
	}
	var c fault.Check
	c.That(k.Valid(), "kind", "fault.unknown_choice", nil)
	c.That(len(items) >= 1, "steps", "fault.required", nil)
	c.That(len(items) <= 20, "steps", "fault.too_many_items", fault.Args{"max": "20"})
	items = slices.Clone(items)
	for n := range items {
		items[n].Text = oneLine(items[n].Text)
		c.That(utf8.RuneCountInString(items[n].Text) <= 200, fmt.Sprintf("steps.%d", n+1), "fault.too_long", fault.Args{"max": "200"})
		c.That(items[n].Text != "", fmt.Sprintf("steps.%d", n+1), "fault.required", nil)
		items[n].ID = fmt.Sprint(n + 1)
	}
	if err := c.Err(); err != nil {
		return err
	}
	if err := s.ReloadSteps(ctx); err != nil { // another server may have saved the version before
		return err
	}
	now := s.now()
	l := Steps{Kind: k, Version: s.stepVersion(k) + 1, Items: items, By: by.Person, At: now}
	ev, err := journal.NewEvent(now, "incident.steps_set", string(k), by.Person, l)
	if err != nil {
		return err
	}
	err = s.store.UpdateIncidents(ctx, func(tx Tx) error {
		if err := tx.SaveSteps(ctx, l); err != nil {
			return fmt.Errorf("save first-response list: %w", err)
		}
		return tx.Record(ctx, ev)
	})
	if err != nil {
		return err
	}
	return s.ReloadSteps(ctx)
}

// EraseExpired erases the words and files of cases closed longer ago than the
// retention. The journal keeps that they were there, and still verifies.
func (s *Service) EraseExpired(ctx context.Context, by access.Actor) (int, error) {
	if err := by.May(access.EraseContent); err != nil {
		return 0, err
	}
	now := s.now()
	list, err := s.store.Expired(ctx, now.Add(-s.limits.Retention), 100)
	if err != nil {
		return 0, fmt.Errorf("list expired cases: %w", err)
	}
	for n, incident := range list {
		if err := s.erase(ctx, by, incident, now); err != nil {
			return n, err
		}
	}
	return len(list), nil
}

func (s *Service) erase(ctx context.Context, by access.Actor, incident string, now time.Time) error {
	// Files first: after a crash in between, the case is still listed and erased again.
	files, err := s.store.EvidenceOf(ctx, incident)
	if err != nil {
		return fmt.Errorf("load evidence of %s: %w", incident, err)
	}
	for _, e := range files {
		if err := s.blobs.Delete(ctx, e.Blob); err != nil {
			return fmt.Errorf("delete evidence %s: %w", e.ID, err)
		}
	}
	var blobs []string
	ev, err := journal.NewEvent(now, "incident.erased", incident, by.Person, map[string]string{"why": "retention"})
	if err != nil {
		return err
	}
	err = s.store.UpdateIncidents(ctx, func(tx Tx) error {
		if blobs, err = tx.EraseIncident(ctx, incident, now); err != nil {
			return fmt.Errorf("erase %s: %w", incident, err)
		}
		return tx.Record(ctx, ev)
	})
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if err := s.blobs.Delete(ctx, b); err != nil {
			return fmt.Errorf("delete evidence %s: %w", b, err)
		}
	}
	return nil
}

// TellNow tells at once those whom the case's notices would reach only with the next
// working hours: whoever reported says that it cannot wait. It gives how many tracks it
// woke; none when nothing is held.
func (s *Service) TellNow(ctx context.Context, by access.Actor, incident, reason string) (int, error) {
	c, err := s.Case(ctx, by, incident)
	if err != nil {
		return 0, err
	}
	if err := mayChange(by, c, AsFinder); err != nil {
		return 0, err
	}
	return s.notices.TellNow(ctx, by, c.ID, reason)
}
