package journal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const saltSize = 32 // bytes; fixed, because HMAC pads shorter keys and two salts could then agree

// ErrErased says that the content of an entry was erased; the entry itself still verifies.
var ErrErased = errors.New("journal: content erased")

// ErrContent says that content and salt do not open the commitment: one of them was changed.
var ErrContent = errors.New("journal: content does not match its commitment")

// Row is how an event is stored. Content must be kept byte for byte (a text or blob
// column, never a JSON column that may be rewritten).
type Row struct {
	ID            string
	At            time.Time // UTC, whole microseconds
	Kind, Subject string
	Commitment    [32]byte // HMAC-SHA256, key Salt, message Content
	Salt, Content []byte   // 32 random bytes; canonical JSON of actor and data; both nil once erased
	ErasedAt      time.Time
}

// Row draws the salt and commits to the event's content.
func (e Event) Row() (Row, error) {
	if err := e.validate(); err != nil {
		return Row{}, err
	}
	content, err := e.content()
	if err != nil {
		return Row{}, err
	}
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails: crypto/rand ends the program instead
	var h hasher
	return Row{
		ID: e.ID, At: e.At.UTC().Truncate(time.Microsecond), Kind: e.Kind, Subject: e.Subject,
		Commitment: h.commitment(salt, content), Salt: salt, Content: content,
	}, nil
}

// Erased is the row without what can be read or guessed from it. The commitment stays,
// and without the salt it tells nothing about the content.
func (r Row) Erased(at time.Time) Row {
	r.Salt, r.Content = nil, nil
	r.ErasedAt = at.UTC().Truncate(time.Microsecond)
	return r
}

// isErased reports a proper erasure, not a row that merely lost its content.
func (r Row) isErased() bool {
	return len(r.Salt) == 0 && len(r.Content) == 0 && !r.ErasedAt.IsZero()
}

// opens reports whether salt and content are those that were committed to.
func (r Row) opens(h *hasher) bool {
	return len(r.Salt) == saltSize && h.commitment(r.Salt, r.Content) == r.Commitment
}

// Open gives the event back. It returns ErrErased or ErrContent when it cannot.
func (r Row) Open() (Event, error) {
	if r.isErased() {
		return Event{}, ErrErased
	}
	var h hasher
	if !r.opens(&h) {
		return Event{}, fmt.Errorf("%w: %s", ErrContent, r.ID)
	}
	var c struct {
		Actor string          `json:"actor"`
		Data  json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(r.Content, &c); err != nil {
		return Event{}, fmt.Errorf("journal content of %s: %w", r.ID, err)
	}
	return Event{ID: r.ID, At: r.At, Kind: r.Kind, Subject: r.Subject, Actor: c.Actor, Data: c.Data}, nil
}
