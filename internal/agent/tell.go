package agent

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"sekimori/internal/kit/wire"
)

// Whoever uses the PC may report anything to the company from it, as its person. Such a
// report cuts nothing, and is kept here until the server has it.

// ErrKind says that there is no such kind of report.
var ErrKind = errors.New("agent: no such kind of report")

// ErrTooManyReports says that an account has reported more in an hour than anybody does,
// or that more reports wait for the server than this PC keeps.
var ErrTooManyReports = errors.New("agent: too many reports")

// reportsAnHour bounds what one account of the PC reports.
const reportsAnHour = 6

// Delivery is what became of a report.
type Delivery struct {
	Sent  bool   `json:"sent"`  // the server has it
	Label string `json:"label"` // its case, when it was sent while this agent ran
}

// told is what was reported while this agent runs. Its zero value is ready.
type told struct {
	mu     sync.Mutex
	by     map[string][]time.Duration // of the last hour, by account, in running time; guarded by mu
	labels map[string]string          // the cases of reports, by key; "" until sent; guarded by mu
}

// maxLabels is how many reports are known by their case; the others are only sent or not.
const maxLabels = 256

// take counts a report of an account, unless it is one too many.
func (t *told) take(account string, now time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[string][]time.Duration{}
	}
	recent := slices.DeleteFunc(t.by[account], func(at time.Duration) bool { return now-at > time.Hour })
	if len(recent) < reportsAnHour {
		t.by[account] = append(recent, now)
		return true
	}
	t.by[account] = recent
	return false
}

// back takes an account's newest report off the count: it was not kept.
func (t *told) back(account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if recent := t.by[account]; len(recent) > 0 {
		t.by[account] = recent[:len(recent)-1]
	}
}

func (t *told) expect(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.labels == nil || len(t.labels) >= maxLabels {
		t.labels = map[string]string{}
	}
	t.labels[key] = ""
}

// arrived notes the case of a report that somebody may ask after.
func (t *told) arrived(key, label string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.labels[key]; ok {
		t.labels[key] = label
	}
}

func (t *told) label(key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.labels[key]
}

// Report keeps a report of one of wire.Kinds until the server has it, and gives its key.
// It is on disk when Report returns. words may be empty; account is who tells it, as far
// as the system knows. It gives ErrNotEnrolled, ErrKind and ErrTooManyReports.
func (a *Agent) Report(kind, words, account string) (key string, err error) {
	switch {
	case a.net == nil:
		return "", ErrNotEnrolled
	case !slices.Contains(wire.Kinds(), kind):
		return "", ErrKind
	case !a.told.take(account, a.o.Clock.Running()):
		return "", ErrTooManyReports
	}
	now := a.o.Clock.Now()
	in := wire.Infection{Key: newKey(now), Kind: kind, At: wire.MicrosOf(now), Note: clip(words, 2000), User: clip(account, 100)}
	if err := a.spool.addReport(in); err != nil {
		a.told.back(account)
		return "", err
	}
	a.told.expect(in.Key)
	a.o.Log.Info("reported", "kind", kind, "report", in.Key)
	signal(a.packages)
	return in.Key, nil
}

// Delivered tells what became of a report. Whoever does not know its key learns nothing.
func (a *Agent) Delivered(key string) Delivery {
	_, err := os.Lstat(a.spool.other(key))
	return Delivery{Sent: errors.Is(err, os.ErrNotExist), Label: a.told.label(key)}
}
