package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/outbound/hook"
	"sekimori/internal/testkit/smtpd"
)

// watched is a house with nothing in it but what the watchdog needs.
func watched(t *testing.T) *house {
	t.Helper()
	h := &house{log: slog.New(slog.DiscardHandler), zone: time.FixedZone("JST", 9*60*60)}
	h.cfg.BaseURL, h.cfg.Company, h.cfg.Watchdog.WebhookAs = "https://sekimori.company.example", "架空商事", "webhook"
	var err error
	if h.catalogue, err = i18n.Load(); err != nil {
		t.Fatal(err)
	}
	if h.channels.client, err = hook.NewClient(hook.Guard{}, ""); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestWatchdogCalls: at once, then every quarter of an hour, and once when it is over; what
// nobody took is tried again in the next minute; a trouble that nobody was told of ends in
// silence.
func TestWatchdogCalls(t *testing.T) {
	t.Parallel()
	var state trouble
	var broken bool
	var said []string
	d := &watchdog{h: watched(t), see: func(context.Context, time.Time) trouble { return state }}
	d.ways = []way{{"broken", func(context.Context, hook.Alarm) error { return errors.New("always") }}, {"other", func(_ context.Context, a hook.Alarm) error {
		if broken {
			return errors.New("now and then")
		}
		word := "alarm"
		if a.Over {
			word = "over"
		}
		said = append(said, word)
		return nil
	}}}
	start := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	late := trouble{stats: notice.Stats{Overdue: 1}}
	for _, tt := range []struct {
		minute int
		state  trouble
		broken bool
		want   string
	}{
		{0, trouble{}, false, ""},
		{1, trouble{waited: 2 * time.Minute}, false, ""}, // not late yet
		{2, trouble{waited: 2*time.Minute + time.Second}, false, "alarm"},
		{3, late, false, ""},
		{16, late, false, ""},
		{17, late, false, "alarm"},
		{18, trouble{}, true, ""}, // over, and nobody takes it
		{19, trouble{}, false, "over"},
		{20, trouble{}, false, ""},
		{21, trouble{silent: true}, true, ""},
		{22, trouble{stats: notice.Stats{LateTimers: 1}}, false, "alarm"}, // what nobody took comes at the next minute
		{23, trouble{}, false, "over"},
		{24, late, true, ""},
		{25, trouble{}, false, ""}, // nobody had heard of it
	} {
		state, broken, said = tt.state, tt.broken, nil
		d.round(t.Context(), start.Add(time.Duration(tt.minute)*time.Minute)) // the way that always fails is no reason to stop
		if got := strings.Join(said, " "); got != tt.want {
			t.Errorf("minute %d: %q, want %q", tt.minute, got, tt.want)
		}
	}
}

// TestWatchdogMails: a second mail server gets the alarm in both languages, without a case.
func TestWatchdogMails(t *testing.T) {
	t.Parallel()
	post := smtpd.Start(t, smtpd.Options{STARTTLS: true, User: "alarm", Password: "second-secret"})
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("second-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := watched(t)
	h.cfg.Watchdog.Mail = watchdogMail{Host: post.Host, Port: post.Port, Mode: "starttls", User: "alarm", PasswordFile: secret, CAFile: post.CAFile,
		From: "sekimori@company.example", To: "oncall@company.example"}
	d, err := h.newWatchdog()
	if err != nil {
		t.Fatal(err)
	}
	d.see = func(context.Context, time.Time) trouble { return trouble{silent: true} }
	if err := d.round(t.Context(), time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	got := post.Wait(1, 20*time.Second)
	if len(got) != 1 || strings.Join(got[0].To, "") != "oncall@company.example" {
		t.Fatalf("mails: %+v", got)
	}
	for _, want := range []string{"データベースが答えません", "The database does not answer", "https://sekimori.company.example/health"} {
		if !strings.Contains(got[0].Text, want) {
			t.Errorf("the mail does not say %q:\n%s", want, got[0].Text)
		}
	}
}

// TestWatchdogRefused: what the watchdog could not use is found at the start.
func TestWatchdogRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, set := range map[string]func(*Config){
		"watchdog.webhook_file": func(c *Config) { c.Watchdog.WebhookFile = file("inside", "https://169.254.169.254/latest\n") },
		"watchdog.ping_file":    func(c *Config) { c.Watchdog.PingFile = file("plain", "http://watch.example/x\n") },
		"watchdog.key_file": func(c *Config) {
			c.Watchdog.WebhookFile, c.Watchdog.KeyFile = file("good", "https://watch.example/x"), file("empty", "\n")
		},
		"watchdog.mail": func(c *Config) {
			c.Watchdog.Mail = watchdogMail{Host: "mail.example", Mode: "none", From: "a@b.example", To: "c@d.example"}
		},
	} {
		h := watched(t)
		set(&h.cfg)
		if _, err := h.newWatchdog(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
