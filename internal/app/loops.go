package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/mailout"
)

// mailWorkers is how many notices are in flight at once.
const mailWorkers = 16

// crew runs the background work of a server and waits for all of it.
type crew struct {
	wg sync.WaitGroup
}

func (c *crew) start(f func()) {
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		f()
	}()
}

// mailer sends what is planned, notices and letters, and codes to mail addresses.
type mailer interface {
	sender
	notice.LetterSender
}

// work starts everything that happens without a request, until ctx ends.
func (h *house) work(ctx context.Context, c *crew, sender mailer) {
	h.channels.senders[directory.Mail] = sender
	notices := notice.NewDispatcher(h.db, h.channels.byChannel(), h.now, mailWorkers)
	c.start(func() { h.rounds(ctx, "timers", h.untilNext(h.db.NextDue), h.notices.FireDue) })
	c.start(func() { h.rounds(ctx, "notices", h.untilNext(h.db.NextDue), notices.SendMails) })
	c.start(func() { h.rounds(ctx, "notices by other ways", h.untilNext(h.db.NextDue), notices.SendOthers) })
	h.lendingWork(ctx, c, sender)
	if post, ok := sender.(*mailout.SMTP); ok { // the demo's outbox has no connections
		c.start(func() { post.Run(ctx) })
		if h.mailsCheckpoints() {
			c.start(func() {
				h.every(ctx, 5*time.Second, "mail checkpoint", func(ctx context.Context) error { return h.mailCheckpoints(ctx, post) })
			})
		}
	}
	wake := make(chan struct{}, 1)
	c.start(func() {
		for subjects := range h.hub.Subscribe(ctx) {
			if device.OnlyHeard(subjects) {
				continue
			}
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	})
	c.start(func() {
		h.sealer.Run(ctx, wake, 5*time.Second, func(err error) { h.log.ErrorContext(ctx, "seal journal", "error", err) })
	})
	c.start(func() { h.every(ctx, time.Minute, "renew desired states", h.renewDevices) })
	h.watch(ctx, c)
	c.start(func() { h.byClock(ctx, time.Hour, "write about rosters", counted(h.notices.WriteRosters)) })
	c.start(func() { h.byClock(ctx, time.Hour, "remind of a drill", counted(h.incidents.RemindDrill)) })
	c.start(func() { h.every(ctx, 5*time.Second, "reload first-response lists", h.incidents.ReloadSteps) })
	c.start(func() { h.every(ctx, 5*time.Second, "reload days off", h.notices.ReloadDaysOff) })
	if h.db.Engine() == "postgres" {
		c.start(func() { h.every(ctx, 2*time.Second, "look for other servers' events", h.neighbours()) })
		c.start(func() {
			h.every(ctx, 20*time.Second, "say that this server lives", func(ctx context.Context) error {
				return h.db.KeepPresence(ctx, h.post(), h.now(), h.now().Add(-3*time.Minute))
			})
		})
	}
	_, demo := sender.(*mailout.Outbox)
	c.start(func() { h.byClock(ctx, time.Minute, "open the box of near misses", h.openBox(demo)) })
	c.start(func() { h.every(ctx, 24*time.Hour, "erase expired", h.eraseExpired) })
	c.start(func() { h.every(ctx, time.Minute, "copy checkpoint", h.copyCheckpoint) })
}

// rounds calls f again and again: at once while it finds work, else when the hub says
// that something changed or the next timer runs out.
func (h *house) rounds(ctx context.Context, name string, wait func(context.Context) time.Duration, f func(context.Context) (int, error)) {
	changed := h.hub.Subscribe(ctx)
	for ctx.Err() == nil {
		n, err := f(ctx)
		if err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "background round", "round", name, "error", err)
		}
		if n > 0 && err == nil {
			continue
		}
		timer := time.NewTimer(wait(ctx))
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				waiting = false
			case subjects := <-changed:
				waiting = device.OnlyHeard(subjects)
			case <-timer.C:
				waiting = false
			}
		}
		timer.Stop()
	}
}

// every calls f now and then each period.
func (h *house) every(ctx context.Context, period time.Duration, name string, f func(context.Context) error) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "periodic work", "work", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// neighbours wakes this server's listeners when another server on the same database
// wrote something: pages stay live, a little later than on the server that wrote it.
func (h *house) neighbours() func(context.Context) error {
	var seen time.Time
	return func(ctx context.Context) error {
		newest, err := h.db.LastEventAt(ctx)
		if err != nil {
			return fmt.Errorf("read newest event: %w", err)
		}
		if !seen.IsZero() && !newest.Equal(seen) {
			h.hub.Publish(nil)
		}
		seen = newest
		return nil
	}
}

// openBox makes cases of what lies in the box, when it is time; made-up ones in the demo.
func (h *house) openBox(demo bool) func(context.Context) error {
	return counted(func(ctx context.Context) (int, error) { return h.incidents.OpenBox(ctx, demo) })
}

func (h *house) eraseExpired(ctx context.Context) error {
	n, err := h.incidents.EraseExpired(ctx, access.System())
	ledger, err2 := h.assets.EraseExpired(ctx, access.System(), h.retention())
	passes, err3 := h.takeouts.EraseExpired(ctx, access.System(), h.retention())
	if n+passes > 0 || ledger != (asset.Erased{}) {
		h.log.InfoContext(ctx, "expired content erased", "cases", n, "loans", ledger.Loans, "media", ledger.Attempts, "stocktakes", ledger.Stocks, "passes", passes)
	}
	return errors.Join(err, err2, err3, h.forgetLeavers(ctx))
}
