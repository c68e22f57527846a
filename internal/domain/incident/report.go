package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Limits of what a person types, in characters.
const (
	MaxSummary = 200
	MaxText    = 4000
)

// Report is what somebody tells: kind and one line are all that it needs.
type Report struct {
	Kind       Kind
	Nearly     Kind // what a near miss nearly became; may be empty
	Summary    string
	OnBehalf   string // person id of who found it
	LeaveOut   []string
	Occurred   Moment
	Discovered Moment
	Written    Moment // by the clock of the device that had to keep it; not known when it was sent at once
	Began      Moment // when the call began, with Channel ByPhone; what cannot be is taken as not known
	Guessed    bool   // nobody could tell the kind; see Unsure
	Channel    string
	Key        string // idempotency key: the same key by the same reporter is the same report
	KeyAlone   bool   // the key was made for this report alone: a repeat may read otherwise
	Words      string // more than a line: becomes the case's first fact, in the same commit
	Demo       bool

	drill bool // see StartDrill
}

// Report stores a report, starts a track to each receiver and plans the first
// notices, all in one commit: whoever gets a number back has a report on disk.
// A repeated Key gives the first report again.
func (s *Service) Report(ctx context.Context, by access.Actor, r Report) (*Incident, error) {
	i, _, err := s.ReportCase(ctx, by, r)
	return i, err
}

// ReportWith is Report whose commit also does what makes no sense without it. also is run
// for the earlier report too when the key is repeated.
func (s *Service) ReportWith(ctx context.Context, by access.Actor, r Report, also func(Tx, *Incident) error) (*Incident, error) {
	if err := by.May(access.Report); err != nil {
		return nil, err
	}
	w, err := s.notices.Lookout(ctx, 0)
	if err != nil {
		return nil, err
	}
	i, err := s.accept(by, r, w)
	if err != nil {
		return nil, err
	}
	i, _, err = s.keep(ctx, by, i, r, w, also)
	return i, err
}

// ReportCase is Report for who shows the case at once. The case is what Case would give
// by reading it back; nil when only that can tell, because it is no fresh report or the
// actor sees more of it than its finder does.
func (s *Service) ReportCase(ctx context.Context, by access.Actor, r Report) (*Incident, *Case, error) {
	if err := by.May(access.Report); err != nil {
		return nil, nil, err
	}
	if by.Via == access.ByCode { // is nobody's finder; see ReportOutside
		return nil, nil, fault.Deny(string(access.Report))
	}
	w, err := s.notices.Lookout(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	i, err := s.accept(by, r, w)
	if err != nil {
		return nil, nil, err
	}
	i, fired, err := s.keep(ctx, by, i, r, w, toCaller(ctx, r))
	if err != nil || len(fired) == 0 || r.Words != "" {
		return i, nil, err
	}
	c := &Case{Incident: i}
	for _, f := range fired {
		c.Tracks, c.Told = append(c.Tracks, f.Track), append(c.Told, f.Told...)
	}
	slices.SortFunc(c.Tracks, func(a, b notice.Track) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(c.Told, func(a, b notice.Told) int { return strings.Compare(a.Person, b.Person) })
	if c.Sight = SightOf(by, i, w.Org, c.Told); c.Sight != AsFinder {
		return i, nil, nil
	}
	return i, c, nil
}

// keep stores a new case with its tracks and their first notices in one commit. It gives
// the case as stored, and no tracks when the key is that of an earlier report.
// also, when there is any, is done in the same commit, for that earlier report too.
func (s *Service) keep(ctx context.Context, by access.Actor, i *Incident, r Report, w notice.Lookout, also func(Tx, *Incident) error) (out *Incident, fired []notice.Fired, err error) {
	err = s.store.UpdateIncidents(ctx, func(tx Tx) error {
		fired = nil // a store may run this again
		if i.Key != "" {
			old, found, err := tx.IncidentByKey(ctx, i.Reporter, i.Key)
			if err != nil {
				return fmt.Errorf("find report by key: %w", err)
			}
			if found {
				if !r.KeyAlone && (old.Kind != i.Kind || old.Summary != i.Summary || old.OnBehalf != i.OnBehalf || !old.Outside.same(i.Outside)) {
					return fault.Clash("fault.idempotency_mismatch", nil)
				}
				out = old
				return then(tx, old, also)
			}
		}
		if out, fired, err = s.insert(ctx, tx, by, i, r, w); err != nil {
			return err
		}
		return then(tx, out, also)
	})
	return out, fired, err
}

// insert stores a new case under the year's next number, with its tracks and their first
// notices.
func (s *Service) insert(ctx context.Context, tx Tx, by access.Actor, i *Incident, r Report, w notice.Lookout) (*Incident, []notice.Fired, error) {
	n, err := tx.NextNumber(ctx, i.Year)
	if err != nil {
		return nil, nil, fmt.Errorf("take number: %w", err)
	}
	fresh := *i
	fresh.Number, fresh.Label = n, Label(i.Year, n)
	if err := tx.InsertIncident(ctx, &fresh); err != nil {
		return nil, nil, fmt.Errorf("insert incident: %w", err)
	}
	ev, err := journal.NewEvent(fresh.Reported, "incident.reported", fresh.ID, by.Person, reportNote(&fresh))
	if err != nil {
		return nil, nil, err
	}
	if err := tx.Record(ctx, ev); err != nil {
		return nil, nil, err
	}
	var fired []notice.Fired
	for _, receiver := range fresh.receivers(w.Org) {
		f, err := notice.Start(fresh.track(receiver), w)
		if err != nil {
			return nil, nil, fmt.Errorf("start track to %s: %w", receiver, err)
		}
		if err := tx.InsertFired(ctx, f); err != nil {
			return nil, nil, fmt.Errorf("insert track to %s: %w", receiver, err)
		}
		fired = append(fired, f)
	}
	if text := words(r.Words); text != "" {
		if err := s.enterFirst(ctx, tx, &fresh, text); err != nil {
			return nil, nil, err
		}
	}
	return &fresh, fired, nil
}

func then(tx Tx, i *Incident, also func(Tx, *Incident) error) error {
	if also == nil {
		return nil
	}
	return also(tx, i)
}

// enterFirst adds what was told with a report to its fresh case.
func (s *Service) enterFirst(ctx context.Context, tx Tx, i *Incident, text string) error {
	e := Entry{ID: id.New("fct", i.Reported), Incident: i.ID, Type: Fact, Text: text, By: i.Teller(), At: i.Reported}
	if err := tx.InsertEntry(ctx, e); err != nil {
		return fmt.Errorf("insert entry: %w", err)
	}
	ev, err := added(e)
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}

// Label is the number that people say: INC-2026-0042.
func Label(year, n int) string { return fmt.Sprintf("INC-%04d-%04d", year, n) }

// accept validates a report and makes the case, without its number.
func (s *Service) accept(by access.Actor, r Report, w notice.Lookout) (*Incident, error) {
	r.Summary = oneLine(r.Summary)
	var c fault.Check
	c.That(r.Kind != "", "kind", "fault.required", nil)
	c.That(r.Kind == "" || r.Kind.Valid(), "kind", "fault.unknown_choice", nil)
	c.That(r.Nearly == "" || r.Kind == NearMiss && r.Nearly.nearly(), "nearly", "fault.unknown_choice", nil)
	c.That(r.Summary != "", "summary", "fault.required", nil)
	c.That(utf8.RuneCountInString(r.Summary) <= MaxSummary, "summary", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxSummary)})
	c.That(len(r.Key) <= 100, "key", "fault.too_long", fault.Args{"max": "100"})
	c.That(utf8.RuneCountInString(r.Words) <= MaxText, "text", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxText)})
	checkMoments(&c, r.Occurred, r.Discovered, w.Now)
	finder := by.Person
	if r.OnBehalf == by.Person {
		r.OnBehalf = ""
	}
	if r.OnBehalf != "" {
		p, ok := w.Org.People[r.OnBehalf]
		c.That(ok && p.Active(w.Now), "on_behalf", "fault.unknown_person", nil)
		finder = r.OnBehalf
	}
	checkLeftOut(&c, r.LeaveOut, w.Org, r.Channel, by.Person, finder)
	if err := c.Err(); err != nil {
		return nil, err
	}
	return &Incident{
		ID: id.New("inc", w.Now), Year: w.Now.In(s.zone).Year(), Kind: r.Kind, Nearly: r.Nearly, Urgency: r.Kind.Urgency(), Summary: r.Summary,
		Reporter: by.Person, OnBehalf: r.OnBehalf, Department: w.Org.People[finder].Department, Channel: r.Channel,
		LeftOut: slices.Compact(slices.Sorted(slices.Values(r.LeaveOut))), Occurred: r.Occurred, Discovered: r.Discovered,
		Written: r.Written.believable(w.Now), Began: r.Began.ofCall(r.Channel, w.Now), Guessed: r.Guessed, Reported: w.Now, Status: Received, StepList: s.stepVersion(r.Kind), Key: r.Key, Demo: r.Demo, Drill: r.drill,
	}, nil
}

// checkLeftOut holds that those to be left out are known, and neither who wrote the report
// down nor who found it.
func checkLeftOut(c *fault.Check, given []string, o *directory.Org, channel, reporter, finder string) {
	c.That(len(given) <= 5, "leave_out", "fault.too_many_items", fault.Args{"max": "5"})
	for _, p := range given {
		_, ok := o.People[p]
		c.That(ok, "leave_out", "fault.unknown_person", nil)
		if channel == ByPhone && p == reporter { // has heard it all
			c.Add("leave_out", "fault.call_about_taker", nil)
			continue
		}
		c.That(p != reporter && p != finder, "leave_out", "fault.leave_out_self", nil)
	}
}

func checkMoments(c *fault.Check, occurred, discovered Moment, now time.Time) {
	soon := now.Add(5 * time.Minute) // a PC's clock may run ahead
	c.That(!occurred.Known || !occurred.At.After(soon), "occurred", "fault.in_future", nil)
	c.That(!discovered.Known || !discovered.At.After(soon), "discovered", "fault.in_future", nil)
	c.That(!occurred.Known || !discovered.Known || !occurred.At.After(discovered.At), "occurred", "fault.after_discovery", nil)
}

// note is the journal's content of a report, in the order in which the journal keeps it.
type note struct {
	Began      string   `json:"began,omitempty"` // the call; who took it is who did the event
	Channel    string   `json:"channel"`
	Demo       bool     `json:"demo,omitempty"`
	Discovered string   `json:"discovered"`
	Drill      bool     `json:"drill,omitempty"`
	Guessed    bool     `json:"guessed,omitempty"` // nobody chose the kind
	Kind       Kind     `json:"kind"`
	Label      string   `json:"label"`
	LeftOut    []string `json:"left_out,omitempty"`
	Nearly     Kind     `json:"nearly,omitempty"`
	Occurred   string   `json:"occurred"`
	OnBehalf   string   `json:"on_behalf,omitempty"`
	Outside    bool     `json:"outside,omitempty"` // who it was is with the case alone
	Summary    string   `json:"summary"`
	Written    string   `json:"written,omitempty"`
}

func reportNote(i *Incident) note {
	n := note{Channel: i.Channel, Demo: i.Demo, Drill: i.Drill, Guessed: i.Guessed, Discovered: i.Discovered.String(), Kind: i.Kind, Label: i.Label, LeftOut: i.LeftOut, Nearly: i.Nearly,
		Occurred: i.Occurred.String(), OnBehalf: i.OnBehalf, Outside: i.Outside != nil, Summary: i.Summary}
	if i.Written.Known {
		n.Written = i.Written.String()
	}
	if i.Began.Known {
		n.Began = i.Began.String()
	}
	return n
}

// believable drops a time by a clock that must be wrong. A report is never refused for it.
func (m Moment) believable(now time.Time) Moment {
	const year = 366 * 24 * time.Hour
	if d := now.Sub(m.At); d > year || d < -year {
		return Moment{}
	}
	return m
}

// String gives RFC 3339 in UTC, or "unknown".
func (m Moment) String() string {
	if !m.Known {
		return Unknown
	}
	return m.At.UTC().Format(time.RFC3339)
}

// oneLine folds white space and drops control characters: the summary stands in
// mail subjects and lists.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// words trims a longer text and drops control characters other than line breaks.
func words(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\r\n", "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s))
}
