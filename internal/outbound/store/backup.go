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
	return db.update(ctx, func(t *txn) error {
		if err := t.Record(ctx, made); err != nil {
			return err
		}
		return t.exec("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			backupMade, made.At.UTC().Format(time.RFC3339Nano))
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

// RecordEvent records what changes no row of the database, such as a change of keys.
func (db *DB) RecordEvent(ctx context.Context, e journal.Event) error {
	return db.update(ctx, func(t *txn) error { return t.Record(ctx, e) })
}
