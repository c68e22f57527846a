package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sekimori/internal/kit/id"
)

// Limits of what one event may hold. Larger things are files; the event names their hash.
const (
	maxKind    = 64
	maxName    = 128     // subject, actor and id
	maxContent = 1 << 20 // bytes of canonical JSON
)

// Event is one thing that happened, as the domain tells it.
type Event struct {
	ID      string          // id.New("evt", At)
	At      time.Time       // UTC, whole microseconds
	Kind    string          // "incident.reported": lower-case letters, digits, '.', '_'
	Subject string          // id of the thing it happened to, such as "inc_…"; may be empty
	Actor   string          // person id, "system", "outside" or "unnamed"
	Data    json.RawMessage // canonical JSON of the rest; nil when there is none
}

// Recorder is the part of a transaction that writes events: the event is stored with
// the change that it tells of, or neither is.
type Recorder interface {
	Record(ctx context.Context, e Event) error
}

// NewEvent makes an event with a fresh id. data is anything that encoding/json takes,
// or nil. An error means a mistake of the calling code, never of a person's input.
func NewEvent(at time.Time, kind, subject, actor string, data any) (Event, error) {
	at = at.UTC().Truncate(time.Microsecond)
	e := Event{ID: id.New("evt", at), At: at, Kind: kind, Subject: subject, Actor: actor}
	if data != nil {
		raw, err := canonical(data)
		if err != nil {
			return Event{}, fmt.Errorf("journal event %q: %w", kind, err)
		}
		if !bytes.Equal(raw, []byte("null")) {
			e.Data = raw
		}
	}
	if err := e.validate(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// validate keeps the leaf's lines apart: no field of it may hold a line break or any
// character that export would have to escape.
func (e Event) validate() error {
	switch {
	case !plain(e.ID) || e.ID == "" || len(e.ID) > maxName:
		return fmt.Errorf("journal event: bad id %q", e.ID)
	case !kindOK(e.Kind):
		return fmt.Errorf("journal event: bad kind %q", e.Kind)
	case !plain(e.Subject) || len(e.Subject) > maxName:
		return fmt.Errorf("journal event %q: bad subject %q", e.Kind, e.Subject)
	case !plain(e.Actor) || e.Actor == "" || len(e.Actor) > maxName:
		return fmt.Errorf("journal event %q: bad actor %q", e.Kind, e.Actor)
	case e.At.Year() < 1970 || e.At.Year() > 9999:
		return fmt.Errorf("journal event %q: time %v outside the years 1970 to 9999", e.Kind, e.At)
	}
	return nil
}

// content is the part that can be erased, in the bytes that the commitment covers.
func (e Event) content() ([]byte, error) {
	data := e.Data
	if len(data) > 0 && !settled(data) {
		var err error
		if data, err = json.Marshal(data); err != nil {
			return nil, fmt.Errorf("journal event %q: %w", e.Kind, err)
		}
	}
	c := make([]byte, 0, len(`{"actor":"","data":}`)+len(e.Actor)+len(data))
	c = append(append(append(c, `{"actor":"`...), e.Actor...), '"') // plain: validate has seen it
	if len(data) > 0 {
		c = append(append(c, `,"data":`...), data...)
	}
	c = append(c, '}')
	if len(c) > maxContent {
		return nil, fmt.Errorf("journal event %q: content of %d bytes, at most %d fit", e.Kind, len(c), maxContent)
	}
	return c, nil
}

// plain reports whether s can stand in a leaf and in a JSON string as it is.
func plain[T ~string | ~[]byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if !plainBytes[s[i]] {
			return false
		}
	}
	return true
}

// plainBytes is never written to; a table, because verification asks for each byte.
var plainBytes = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:/@") {
		t[c] = true
	}
	return t
}()

func kindOK(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxKind
}
