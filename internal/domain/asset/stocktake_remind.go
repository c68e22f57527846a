package asset

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
)

// StockTopic is the topic of reminders: the texts letter.stock.remind.subject and .text
// with the places {label}, {title}, {count} and {due}.
const StockTopic = "stock.remind"

// When keepers are reminded without anybody's press, in working days and by the hour of
// the company's clock.
const (
	remindBefore = 3 // before the last day
	remindEvery  = 5 // after it
	remindHour   = 9
)

// dueStocks is how many counts one round looks after.
const dueStocks = 20

// nextReminder is the first of the planned times after now: some working days before the
// last day, on the last day, and then again and again until the count is finished.
func (s *StockService) nextReminder(t StockTake, now time.Time) time.Time {
	cal := s.p.Calendar
	last := cal.AddWorkdays(t.Due.Add(1), -1) // the last day itself, or the last one worked before it
	for _, d := range []jpcal.Date{cal.AddWorkdays(t.Due, -remindBefore), last} {
		if when := d.In(s.p.Zone, remindHour); when.After(now) {
			return when.UTC()
		}
	}
	day := cal.DateOf(now)
	if day.Before(t.Due) {
		day = t.Due
	}
	return cal.AddWorkdays(day, remindEvery).In(s.p.Zone, remindHour).UTC()
}

// RemindStock writes to everybody who keeps something that was not seen, at most once a
// day, and gives how many letters that are.
func (s *StockService) RemindStock(ctx context.Context, by access.Actor, stock string) (letters int, err error) {
	t, _, err := s.open(ctx, by, stock)
	if err != nil {
		return 0, err
	}
	if err := mayFinish(by, t); err != nil {
		return 0, err
	}
	err = s.p.Store.UpdateStock(ctx, func(tx StockTx) error {
		letters = 0
		t, err := stillOpen(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		if cal := s.p.Calendar; !t.Reminded.IsZero() && cal.DateOf(t.Reminded) == cal.DateOf(s.now()) {
			return fault.Clash("fault.stock_reminded", nil)
		}
		letters, err = s.remind(ctx, tx, t, by.Person)
		return err
	})
	return letters, err
}

// FireStocks does what is due: reminders that nobody pressed for. Two servers never send
// the same, because each count is held while its reminder is planned. One count's failure
// does not hold up the others.
func (s *StockService) FireStocks(ctx context.Context) (fired int, err error) {
	due, err := s.p.Store.DueStocks(ctx, s.now(), dueStocks)
	if err != nil {
		return 0, fmt.Errorf("look for due counts: %w", err)
	}
	var errs []error
	for _, stock := range due {
		err := s.p.Store.UpdateStock(ctx, func(tx StockTx) error {
			t, err := tx.LockStock(ctx, stock)
			if err != nil {
				return fmt.Errorf("lock %s: %w", stock, err)
			}
			if !t.Open() || t.NextFire.IsZero() || t.NextFire.After(s.now()) {
				return nil // another server was faster
			}
			_, err = s.remind(ctx, tx, t, access.System().Person)
			return err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("remind of %s: %w", stock, err))
			continue
		}
		fired++
	}
	return fired, errors.Join(errs...)
}

// NextStock gives when FireStocks next has something to do.
func (s *StockService) NextStock(ctx context.Context) (time.Time, bool, error) {
	return s.p.Store.NextStockFire(ctx)
}

// remind plans one letter for each keeper of something that nobody and no PC has seen,
// and the next reminder.
func (s *StockService) remind(ctx context.Context, tx StockTx, t *StockTake, actor string) (int, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return 0, err
	}
	c, err := s.count(ctx, tx, o, t)
	if err != nil {
		return 0, err
	}
	now := s.now()
	left := map[string]int{}
	for _, r := range c.Rows {
		if r.Result == StockMissing && r.Note.Done == "" {
			left[keeperNow(o, r.StockItem, now)]++
		}
	}
	delete(left, "") // nobody is there to be asked: the page shows it
	today := s.p.Calendar.DateOf(now)
	for _, person := range slices.Sorted(maps.Keys(left)) {
		err := tx.PlanLetter(ctx, notice.Letter{ID: id.New("ltr", now), Key: StockTopic + ":" + t.ID + ":" + today.String() + ":" + person,
			Topic: StockTopic, About: t.ID, Person: person, Path: "/stocktakes/" + t.Label, Planned: now, NextTry: now, State: notice.Planned,
			Args: map[string]string{"label": t.Label, "title": t.Title, "count": strconv.Itoa(left[person]), "due": t.Due.String()}})
		if err != nil {
			return 0, fmt.Errorf("plan a letter: %w", err)
		}
	}
	t.Reminded, t.NextFire = now, s.nextReminder(*t, now)
	if err := tx.SaveStock(ctx, t); err != nil {
		return 0, fmt.Errorf("save %s: %w", t.Label, err)
	}
	return len(left), stockRecord(ctx, tx, now, "stock.reminded", t.ID, actor, struct {
		People int `json:"people"`
		Things int `json:"things"`
	}{len(left), sum(left)})
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// keeperNow is who can be asked about a thing: its keeper; when they have left, the head
// of its department or of the nearest above that has one who works here.
func keeperNow(o *directory.Org, i StockItem, now time.Time) string {
	works := func(person string) bool {
		p, ok := o.People[person]
		return ok && p.Active(now)
	}
	if works(i.Keeper) {
		return i.Keeper
	}
	seen := map[string]bool{}
	for d := i.Department; d != "" && !seen[d]; d = o.Departments[d].Parent {
		seen[d] = true
		if h := o.Departments[d].Head; works(h) {
			return h
		}
	}
	return ""
}
