package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sekimori/internal/domain/journal"
)

// CheckpointMail is how far the mailing of checkpoints to one auditor has come. Its zero
// value is that of somebody who was never mailed one.
type CheckpointMail struct {
	Day     string    `json:"day"`     // 2006-01-02: the last day whose checkpoint is settled, sent or refused for good
	Refused bool      `json:"refused"` // that one was refused
	Tries   int       `json:"tries"`   // of the next one
	Failing bool      `json:"failing"` // it has failed, which was recorded
	Next    time.Time `json:"next"`    // it is not tried before
}

// CheckpointMail reads it.
func (db *DB) CheckpointMail(ctx context.Context, person string) (CheckpointMail, error) {
	text, err := db.Meta(ctx, checkpointMail(person))
	if err != nil {
		return CheckpointMail{}, fmt.Errorf("read checkpoint mail of %s: %w", person, err)
	}
	return parseCheckpointMail(text)
}

// UpdateCheckpointMail changes it, with the events that set records. One server at a
// time is in set; an error of it changes nothing.
func (db *DB) UpdateCheckpointMail(ctx context.Context, person string, set func(*CheckpointMail, journal.Recorder) error) error {
	return db.update(ctx, func(t *txn) error {
		// The row is made first: one that does not exist holds nobody up.
		name := checkpointMail(person)
		if err := t.exec("INSERT INTO meta (name, value) VALUES ($1, '') ON CONFLICT (name) DO NOTHING", name); err != nil {
			return fmt.Errorf("begin checkpoint mail of %s: %w", person, err)
		}
		text, err := one(t.ctx, t, func(r scanner) (v string, err error) { return v, r.Scan(&v) }, "SELECT value FROM meta WHERE name = $1"+t.w.d.forUpdate, name)
		if err != nil {
			return fmt.Errorf("lock checkpoint mail of %s: %w", person, err)
		}
		m, err := parseCheckpointMail(text)
		if err != nil {
			return err
		}
		if err := set(&m, t); err != nil {
			return err
		}
		b, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("marshal checkpoint mail: %w", err)
		}
		return t.exec("UPDATE meta SET value = $1 WHERE name = $2", string(b), name)
	})
}

func checkpointMail(person string) string { return "checkpoint_mail." + person }

func parseCheckpointMail(text string) (m CheckpointMail, err error) {
	if text == "" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("stored checkpoint mail: %w", err)
	}
	return m, nil
}
