package store

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/journal"
)

// backupMade is the name in meta of the time of the newest backup.
const backupMade = "backup_made"

// RecordBackup says in the record that a backup was made at the event's time.
func (db *DB) RecordBackup(ctx context.Context, made journal.Event) error {
	return db.RecordMeta(ctx, made, backupMade, made.At.UTC().Format(time.RFC3339Nano))
}

// RecordMeta writes a named value together with the event that says why.
func (db *DB) RecordMeta(ctx context.Context, e journal.Event, name, value string) error {
	return db.update(ctx, func(t *txn) error {
		if err := t.Record(ctx, e); err != nil {
			return err
		}
		return t.setMeta(name, value)
	})
}

// LastBackup is when the newest backup was made; the zero time when none was.
func (db *DB) LastBackup(ctx context.Context) (time.Time, error) {
	text, err := db.Meta(ctx, backupMade)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	made, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the newest backup: %w", err)
	}
	return made, nil
}
