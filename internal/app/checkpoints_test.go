package app

import (
	"errors"
	"testing"
	"time"

	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/store"
)

func TestCheckpointDay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ zone, every, now, want string }{
		{"Asia/Tokyo", "daily", "2026-11-22T22:00:00Z", "2026-11-23"}, // seven in the morning in Japan
		{"Asia/Tokyo", "daily", "2026-11-22T21:59:59Z", "2026-11-22"},
		{"Asia/Tokyo", "daily", "2026-12-31T23:00:00Z", "2027-01-01"},
		{"Asia/Tokyo", "weekly", "2026-11-22T22:00:00Z", "2026-11-23"}, // a Monday
		{"Asia/Tokyo", "weekly", "2026-11-22T21:59:59Z", "2026-11-16"},
		{"Asia/Tokyo", "weekly", "2026-11-29T21:00:00Z", "2026-11-23"},
		{"America/New_York", "daily", "2026-11-01T11:59:59Z", "2026-10-31"}, // the clocks went back in the night
		{"America/New_York", "daily", "2026-11-01T12:00:00Z", "2026-11-01"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		h := &house{zone: zone}
		h.cfg.Journal.CheckpointMail = tt.every
		if got := h.checkpointDay(now); got != tt.want {
			t.Errorf("%s %s at %s: %s, want %s", tt.zone, tt.every, tt.now, got, tt.want)
		}
	}
}

// TestSendingSettles: a failure is told of once, however long it lasts, and waits grow.
func TestSendingSettles(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC)
	away := sending{day: "2026-11-23", err: errors.New("mail server: away")}
	m := store.CheckpointMail{Day: "2026-11-22"}
	for try, want := range []struct {
		kind string
		wait time.Duration
	}{{"journal.checkpoint_delayed", time.Minute}, {"", 2 * time.Minute}, {"", 3 * time.Minute}, {"", 4 * time.Minute}, {"", 5 * time.Minute}, {"", 5 * time.Minute}} {
		m.Tries++
		if kind := away.settle(&m, now); kind != want.kind || m.Next.Sub(now) != want.wait || m.Day != "2026-11-22" {
			t.Errorf("try %d: event %q, state %+v", try+1, kind, m)
		}
	}
	if kind := (sending{day: "2026-11-23", answer: "250 ok"}).settle(&m, now); kind != "journal.checkpoint_sent" || m != (store.CheckpointMail{Day: "2026-11-23"}) {
		t.Errorf("sent at last: event %q, state %+v", kind, m)
	}
	no := sending{day: "2026-11-24", err: &notice.Rejection{Answer: "550 no such mailbox"}}
	if kind := no.settle(&m, now); kind != "journal.checkpoint_refused" || m != (store.CheckpointMail{Day: "2026-11-24", Refused: true}) {
		t.Errorf("refused: event %q, state %+v", kind, m)
	}
}
