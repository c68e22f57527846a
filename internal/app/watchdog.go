package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/id"
	"sekimori/internal/outbound/hook"
	"sekimori/internal/outbound/mailout"
)

// watchdogMail is a mail server beside the one that notices go to.
type watchdogMail struct {
	Host         string `toml:"host"` // empty: none
	Port         int    `toml:"port"`
	Mode         string `toml:"mode"` // starttls (default), tls, or none (loopback only)
	User         string `toml:"user"`
	PasswordFile string `toml:"password_file"`
	CAFile       string `toml:"ca_file"`
	From         string `toml:"from"`
	To           string `toml:"to"`
}

// shapes are the forms in which an alarm is posted.
func shapes() []directory.Channel {
	return []directory.Channel{directory.Webhook, directory.Slack, directory.Teams, directory.LineWorks}
}

func (c *Config) checkWatchdog(bad func(key, why string)) {
	if !slices.Contains(shapes(), directory.Channel(c.Watchdog.WebhookAs)) {
		bad("watchdog.webhook_as", "want webhook, slack, teams or lineworks")
	}
	if m := c.Watchdog.Mail; m.Host != "" {
		if m.From == "" {
			bad("watchdog.mail.from", "the sender's address is needed")
		}
		if m.To == "" {
			bad("watchdog.mail.to", "the address of who runs the server is needed")
		}
	}
}

const (
	watchEvery    = time.Minute
	watchGrace    = 2 * time.Minute  // how late a notice may be before somebody is called
	alarmEvery    = 15 * time.Minute // while it lasts
	watchWarmUp   = 10 * time.Second
	watchPatience = 20 * time.Second // for the database, and for each way out
)

// trouble is what the watchdog saw.
type trouble struct {
	stats  notice.Stats
	silent bool // the database gave no answer
	waited time.Duration
}

func (t trouble) any() bool {
	return t.silent || t.stats.Overdue+t.stats.LateTimers > 0 || t.waited > watchGrace
}

// watchdog looks each minute whether people are being told, and calls those who run the
// server by a way of its own when they are not (rule 14). What it knows is in memory: after
// a restart it calls anew.
type watchdog struct {
	h     *house
	see   func(ctx context.Context, now time.Time) trouble
	ways  []way
	ping  string    // URL; "" for none
	began time.Time // of the trouble; zero when all is well
	told  time.Time // of the last alarm that somebody took; zero when none was
}

// way is one way out for alarms.
type way struct {
	name string
	send func(ctx context.Context, a hook.Alarm) error
}

// watch starts the watchdog. What a restart found overdue has a moment to go out first.
func (h *house) watch(ctx context.Context, c *crew) {
	d, err := h.newWatchdog()
	if err != nil { // Serve has refused it already, unless a file changed since
		h.log.ErrorContext(ctx, "watchdog has no second path", "error", err)
		d = &watchdog{h: h, see: h.troubles}
	}
	c.start(func() {
		select {
		case <-ctx.Done():
		case <-time.After(watchWarmUp):
			h.byClock(ctx, watchEvery, "watchdog", d.look)
		}
	})
}

// newWatchdog opens the ways out that the configuration names.
func (h *house) newWatchdog() (*watchdog, error) {
	d, c := &watchdog{h: h, see: h.troubles}, h.cfg.Watchdog
	to, err := h.outsideURL("watchdog.webhook_file", c.WebhookFile)
	if err != nil {
		return nil, err
	}
	if to != "" {
		key, err := secretOf("watchdog.key_file", c.KeyFile)
		if err != nil {
			return nil, err
		}
		d.ways = append(d.ways, way{"webhook", func(ctx context.Context, a hook.Alarm) error {
			_, err := h.channels.client.Raise(ctx, to, directory.Channel(c.WebhookAs), key, a)
			return err
		}})
	}
	if d.ping, err = h.outsideURL("watchdog.ping_file", c.PingFile); err != nil {
		return nil, err
	}
	if m := c.Mail; m.Host != "" {
		post, err := mailout.NewSMTP(nil, mailout.Options{Host: m.Host, Port: m.Port, Mode: m.Mode, User: m.User, PasswordFile: m.PasswordFile, CAFile: m.CAFile})
		if err != nil {
			return nil, fmt.Errorf("config key watchdog.mail: %w", err)
		}
		d.ways = append(d.ways, way{"mail", func(ctx context.Context, a hook.Alarm) error {
			_, err := post.Deliver(ctx, d.mail(m, a))
			return err
		}})
	}
	return d, nil
}

// outsideURL reads a URL from a file and looks whether it may be reached; "" for no file.
func (h *house) outsideURL(key, file string) (string, error) {
	to, err := secretOf(key, file)
	if err != nil || to == "" {
		return "", err
	}
	if err := h.channels.client.MayReach(to); err != nil {
		return "", fmt.Errorf("config key %s: %w (see hooks.allow)", key, err)
	}
	return to, nil
}

// secretOf reads a file's one line; "" for no file.
func secretOf(key, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("config key %s: %w", key, err)
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return "", fmt.Errorf("config key %s: %s is empty", key, file)
	}
	return string(b), nil
}

// troubles reads the figures.
func (h *house) troubles(ctx context.Context, now time.Time) trouble {
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	s, err := h.db.Stats(ctx, now)
	if err != nil {
		h.log.ErrorContext(ctx, "watchdog: the database does not answer", "error", err)
		return trouble{silent: true}
	}
	return trouble{stats: s, waited: s.Waiting(now)}
}

// look is one round.
func (d *watchdog) look(ctx context.Context) error {
	now := d.h.now()
	if b := d.h.clock.Behind(); b > time.Second {
		d.h.log.WarnContext(ctx, "machine clock is behind the record", "behind", b)
	}
	return d.round(ctx, now)
}

// round looks once and says what there is to say.
func (d *watchdog) round(ctx context.Context, now time.Time) error {
	t := d.see(ctx, now)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !t.any() {
		return errors.Join(d.over(ctx, now), d.live(ctx))
	}
	if !t.silent {
		d.h.log.ErrorContext(ctx, "notices are late", "overdue_tracks", t.stats.Overdue, "late_timers", t.stats.LateTimers, "unsent", t.stats.Unsent,
			"oldest_unsent", t.stats.OldestUnsent, "unsent_letters", t.stats.Letters, "oldest_letter", t.stats.OldestLetter)
	}
	if d.began.IsZero() {
		d.began = now
	}
	if !d.told.IsZero() && now.Sub(d.told) < alarmEvery {
		return nil
	}
	taken, err := d.tell(ctx, d.alarm(t, now))
	if taken {
		d.told = now
	}
	return err
}

// over says once that the trouble is over, if anybody was called.
func (d *watchdog) over(ctx context.Context, now time.Time) error {
	if d.told.IsZero() {
		d.began = time.Time{}
		return nil
	}
	taken, err := d.tell(ctx, d.relief(now))
	if taken {
		d.began, d.told = time.Time{}, time.Time{}
	}
	return err
}

// live tells whoever watches from outside that this server lives and tells people.
func (d *watchdog) live(ctx context.Context) error {
	if d.ping == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	return d.h.channels.client.Ping(ctx, d.ping)
}

// tell sends by every way, and reports whether one of them took it. What fails is tried
// again in the next round.
func (d *watchdog) tell(ctx context.Context, a hook.Alarm) (taken bool, err error) {
	var errs []error
	for _, w := range d.ways {
		ctx, cancel := context.WithTimeout(ctx, watchPatience)
		err := w.send(ctx, a)
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("alarm by %s: %w", w.name, err))
			continue
		}
		taken = true
	}
	return taken, errors.Join(errs...)
}

func (d *watchdog) alarm(t trouble, now time.Time) hook.Alarm {
	return d.words(now, false, func(p i18n.Printer) string {
		if t.silent {
			return p.T("watchdog.silent")
		}
		return p.T("watchdog.late", "overdue", t.stats.Overdue, "timers", t.stats.LateTimers, "unsent", t.stats.Unsent+t.stats.Letters, "minutes", int(t.waited.Minutes()))
	})
}

func (d *watchdog) relief(now time.Time) hook.Alarm {
	return d.words(now, true, func(p i18n.Printer) string {
		return p.T("watchdog.over", "from", p.DateTime(d.began))
	})
}

// words writes an alarm in both languages: who runs a server is not in the directory.
func (d *watchdog) words(now time.Time, over bool, text func(i18n.Printer) string) hook.Alarm {
	title := "watchdog.title"
	if over {
		title = "watchdog.title_over"
	}
	a := hook.Alarm{ID: id.New("alm", now), Over: over, At: now, Page: d.h.cfg.BaseURL}
	if page, err := url.JoinPath(d.h.cfg.BaseURL, "health"); err == nil {
		a.Page = page
	}
	var texts []string
	for _, lang := range []i18n.Lang{i18n.JA, i18n.EN} {
		p := d.h.catalogue.PrinterIn(lang, d.h.zone)
		if lang == i18n.JA {
			a.Title, a.Press = p.T(title, "company", d.h.cfg.Company), p.T("watchdog.press")
		}
		texts = append(texts, text(p))
	}
	a.Text = strings.Join(texts, "\n")
	return a
}

// mail is an alarm as a mail.
func (d *watchdog) mail(m watchdogMail, a hook.Alarm) mailout.Mail {
	host := "sekimori.invalid"
	if u, err := url.Parse(d.h.cfg.BaseURL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	mid := a.ID + "@" + host
	return mailout.Mail{ID: mid, From: mailout.Address{Name: d.h.cfg.Company, Mail: m.From}, To: mailout.Address{Mail: m.To}, Subject: a.Title,
		Text:    a.Text + "\n\n" + a.Page + "\n",
		Headers: map[string]string{"Message-ID": "<" + mid + ">", "Date": a.At.In(d.h.zone).Format(time.RFC1123Z), "Auto-Submitted": "auto-generated", "Importance": "high"}}
}

// byClock calls f at the start and then each time that the server's clock has gone on by a
// period.
func (h *house) byClock(ctx context.Context, period time.Duration, name string, f func(context.Context) error) {
	var last time.Time
	h.every(ctx, 5*time.Second, name, func(ctx context.Context) error {
		now := h.now()
		if !last.IsZero() && now.Sub(last) < period {
			return nil
		}
		last = now
		return f(ctx)
	})
}

// counted leaves out how much a round did.
func counted(f func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error { _, err := f(ctx); return err }
}
