package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Message is one mail in the built-in outbox, as the receiver would see it.
type Message struct {
	ID      string
	At      time.Time
	From    string
	To      string
	Subject string
	Text    string
	Headers map[string]string
}

// AddMessage keeps a mail; the same id twice is the same mail.
func (db *DB) AddMessage(ctx context.Context, m Message) error {
	headers, err := json.Marshal(m.Headers)
	if err != nil {
		return fmt.Errorf("marshal headers: %w", err)
	}
	return db.update(ctx, func(t *txn) error {
		t.told = append(t.told, "outbox")
		return t.exec(`INSERT INTO out_message (id, at, sender, recipient, subject, body, headers) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO NOTHING`, m.ID, micros(m.At), m.From, m.To, m.Subject, m.Text, string(headers))
	})
}

// Messages lists mails, newest first.
func (db *DB) Messages(ctx context.Context, limit int) ([]Message, error) {
	return all(ctx, db.read, scanMessage, "SELECT id, at, sender, recipient, subject, body, headers FROM out_message ORDER BY at DESC, id DESC LIMIT $1", limit)
}

// Message reads one mail.
func (db *DB) Message(ctx context.Context, id string) (Message, bool, error) {
	m, err := one(ctx, db.read, scanMessage, "SELECT id, at, sender, recipient, subject, body, headers FROM out_message WHERE id = $1", id)
	return maybe(m, err)
}

func scanMessage(r scanner) (m Message, err error) {
	var when int64
	var headers string
	if err = r.Scan(&m.ID, &when, &m.From, &m.To, &m.Subject, &m.Text, &headers); err != nil {
		return m, err
	}
	m.At = at(when)
	return m, json.Unmarshal([]byte(headers), &m.Headers)
}
