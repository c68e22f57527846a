package incident

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Drill is a report that is made up to see how long the answers take (rule 16). It runs the
// real chain; whatever tells of it says that it is a drill.
type Drill struct {
	Kind    Kind
	Finder  string // person id of whose report it plays: their superiors are told
	Summary string
	Channel string // "web" or "api"
}

// drillStore reads drills.
type drillStore interface {
	// Drills lists the newest drills, newest first.
	Drills(ctx context.Context, limit int) ([]*Incident, error)
	// Since is when the record began; zero when it is empty.
	Since(ctx context.Context) (time.Time, error)
}

// StartDrill stores a drill as Report stores a report. The protection manager starts it.
func (s *Service) StartDrill(ctx context.Context, by access.Actor, d Drill) (*Incident, error) {
	if err := by.May(access.WorkCases); err != nil {
		return nil, err
	}
	var c fault.Check
	c.That(d.Finder != "", "finder", "fault.required", nil)
	if err := c.Err(); err != nil {
		return nil, err
	}
	return s.Report(ctx, by, Report{Kind: d.Kind, Summary: d.Summary, OnBehalf: d.Finder, Channel: d.Channel, drill: true})
}

// EndDrill ends a drill and whatever is still to come of its tracks, answered or not.
func (s *Service) EndDrill(ctx context.Context, by access.Actor, incident, reason string) error {
	if err := by.May(access.WorkCases); err != nil {
		return err
	}
	reason = words(reason)
	if err := needReason(reason); err != nil {
		return err
	}
	return s.work(ctx, by, incident, AsWorker, func(tx Tx, i *Incident) (journal.Event, error) {
		if !i.Drill {
			return journal.Event{}, fault.Missing("drill")
		}
		if !i.Status.Open() {
			return journal.Event{}, fault.Clash("fault.case_not_open", nil)
		}
		now := s.now()
		tracks, _, _, err := s.tracks.TracksOf(ctx, i.ID)
		if err != nil {
			return journal.Event{}, fmt.Errorf("load tracks of %s: %w", i.ID, err)
		}
		for _, t := range tracks {
			if err := notice.Settle(ctx, tx, t.ID, reason, by.Person, now); err != nil {
				return journal.Event{}, fmt.Errorf("end track %s: %w", t.ID, err)
			}
		}
		was := i.Status
		i.Status, i.ClosedBy, i.ClosedAt = Withdrawn, by.Person, now
		if err := tx.SaveIncident(ctx, i); err != nil {
			return journal.Event{}, fmt.Errorf("save incident: %w", err)
		}
		return statusEntry(ctx, tx, by, i, "incident.drill_ended", was, reason, "", now)
	})
}

// DrillTrack is how long one receiver took.
type DrillTrack struct {
	Receiver notice.Receiver
	Answered bool
	After    time.Duration // from the report to the answer that stands; zero without one
	By       string        // person id; "" without an answer, and once erased
	Level    int           // at which the track stood then
	Pass     int
	Empty    bool // the chain found nobody
}

// DrillResult is what a drill showed.
type DrillResult struct {
	*Incident
	Tracks []DrillTrack
	// First and Full are from the report to the first answer and to the last one that was
	// needed; zero as long as it is missing.
	First, Full time.Duration
	// UsualFirst and UsualFull are the medians of the earlier drills of the same urgency;
	// zero when there are none to compare with.
	UsualFirst, UsualFull time.Duration
}

// maxDrills is how many drills a report looks back on.
const maxDrills = 60

// Drills gives what the drills showed, newest first, each compared with those before it.
func (s *Service) Drills(ctx context.Context, by access.Actor) ([]DrillResult, error) {
	if err := by.May(access.ReadCases); err != nil {
		return nil, err
	}
	list, err := s.store.Drills(ctx, maxDrills)
	if err != nil {
		return nil, fmt.Errorf("list drills: %w", err)
	}
	list = slices.DeleteFunc(list, func(i *Incident) bool { return slices.Contains(i.LeftOut, by.Person) })
	out := make([]DrillResult, len(list))
	for n, i := range list {
		tracks, _, _, err := s.tracks.TracksOf(ctx, i.ID)
		if err != nil {
			return nil, fmt.Errorf("load tracks of %s: %w", i.ID, err)
		}
		out[n] = resultOf(i, tracks)
	}
	for n := range out {
		out[n].compare(out[n+1:])
	}
	return out, nil
}

// resultOf measures one drill. An answer that lapsed does not count: the one after it does.
func resultOf(i *Incident, tracks []notice.Track) DrillResult {
	r := DrillResult{Incident: i}
	whole := len(tracks) > 0
	for _, t := range tracks {
		x := DrillTrack{Receiver: t.Receiver, Level: t.Level, Pass: t.Pass, Empty: t.Empty, By: t.AckedBy, Answered: !t.AckedAt.IsZero()}
		if !x.Answered {
			whole = false
			r.Tracks = append(r.Tracks, x)
			continue
		}
		x.After = max(t.AckedAt.Sub(i.Reported), time.Microsecond)
		if r.First == 0 || x.After < r.First {
			r.First = x.After
		}
		r.Full = max(r.Full, x.After)
		r.Tracks = append(r.Tracks, x)
	}
	if !whole {
		r.Full = 0
	}
	return r
}

// compare fills what the drills before it usually took.
func (r *DrillResult) compare(earlier []DrillResult) {
	var first, full []time.Duration
	for _, e := range earlier {
		if e.Urgency != r.Urgency {
			continue
		}
		if e.First > 0 {
			first = append(first, e.First)
		}
		if e.Full > 0 {
			full = append(full, e.Full)
		}
	}
	r.UsualFirst, r.UsualFull = median(first), median(full)
}

// median is the middle, or the mean of the two in the middle; zero of none.
func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	m := len(d) / 2
	if len(d)%2 == 1 {
		return d[m]
	}
	return (d[m-1] + d[m]) / 2
}

// TopicDrill is the topic of the letter that reminds of a drill.
const TopicDrill = "drills.remind"

// remindHour is from when on the first of a month the letter goes out, in the company's zone.
const remindHour = 9

// RemindDrill plans a letter to each protection manager when neither this month nor the one
// before has seen a drill; once a month, whichever server is first. A company whose record
// is younger than that is left in peace. It gives how many letters it planned.
func (s *Service) RemindDrill(ctx context.Context) (planned int, err error) {
	now := s.now()
	local := now.In(s.zone)
	month := time.Date(local.Year(), local.Month(), 1, 0, 0, 0, 0, s.zone)
	before := month.AddDate(0, -1, 0)
	if now.Before(month.Add(remindHour * time.Hour)) {
		return 0, nil
	}
	since, err := s.store.Since(ctx)
	if err != nil {
		return 0, fmt.Errorf("find begin of the record: %w", err)
	}
	if since.IsZero() || since.After(before) {
		return 0, nil
	}
	last, err := s.store.Drills(ctx, 1)
	if err != nil {
		return 0, fmt.Errorf("find last drill: %w", err)
	}
	if len(last) > 0 && !last[0].Reported.Before(before) {
		return 0, nil
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return 0, err
	}
	managers := o.Holders(access.ProtectionManager, now)
	err = s.store.UpdateIncidents(ctx, func(tx Tx) error {
		for _, p := range managers {
			l := notice.Letter{ID: id.New("ltr", now), Key: fmt.Sprintf("drill/%s/%s", month.Format("2006-01"), p), Topic: TopicDrill, About: "drills",
				Person: p, Args: map[string]string{}, Path: "/drills", Planned: now, NextTry: now, State: notice.Planned}
			if err := tx.PlanLetter(ctx, l); err != nil {
				return fmt.Errorf("plan letter: %w", err)
			}
		}
		return nil
	})
	return len(managers), err
}
