package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sekimori/internal/kit/fault"
)

// KeyHeader is the header with which a caller names an attempt, so that sending it
// again does nothing twice.
const KeyHeader = "Idempotency-Key"

const (
	maxKey    = 100     // characters
	maxReplay = 1 << 20 // bytes of a reply that is kept
)

// Reply is what was answered to a key.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
	Hash        string // of the request that it answers
}

// ReplyStore keeps the first reply to each key of a person, for a day or longer.
//
// Begin gives the stored reply when there is one; else fresh is true for exactly one
// caller, and false for others while that one has not called Finish. Finish with a
// Status of 0 gives the key back: the act failed and may be tried again. A Begin that
// was never finished, because the server died, may be given back after some minutes.
type ReplyStore interface {
	Begin(ctx context.Context, actor, key, requestHash string, at time.Time) (stored *Reply, fresh bool, err error)
	Finish(ctx context.Context, actor, key string, r Reply) error
}

// keyOf reads the request's key; "" when it has none.
func keyOf(r *http.Request) (string, error) {
	key := r.Header.Get(KeyHeader)
	bad := len(key) > maxKey || len(r.Header.Values(KeyHeader)) > 1 ||
		strings.ContainsFunc(key, func(c rune) bool { return c < '!' || c > '~' })
	if bad {
		var c fault.Check
		c.Add(KeyHeader, "api.bad_key", fault.Args{"max": fmt.Sprint(maxKey)})
		return "", located(c.Err(), "header")
	}
	return key, nil
}

// once runs a POST that carries a key at most once and answers its repetition with the
// first reply.
func (s *server) once(w *tracked, r *http.Request, streamed bool) error {
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	if key == "" {
		s.mux.ServeHTTP(w, r)
		return nil
	}
	hash, err := requestHash(r, streamed)
	if err != nil {
		return err
	}
	c := callOf(r.Context())
	stored, fresh, err := s.Replies.Begin(r.Context(), c.by.Person, key, hash, s.Now())
	switch {
	case err != nil:
		return fmt.Errorf("begin idempotent request: %w", err)
	case stored != nil && stored.Status != 0:
		return s.repeat(w, r, stored, hash, streamed)
	case stored == nil && !fresh:
		w.Header().Set("Retry-After", "1")
		return fault.Clash("api.key_in_use", nil)
	}
	return s.first(w, r, key, hash)
}

// first runs the request, keeps its reply, then sends it.
func (s *server) first(w *tracked, r *http.Request, key, hash string) error {
	c := callOf(r.Context())
	rec := &recorder{header: w.Header(), status: http.StatusOK}
	kept := Reply{Hash: hash} // Status 0: gives the key back unless the act was done
	// A caller who hangs up must not leave the key in use.
	ctx := context.WithoutCancel(r.Context())
	defer func() { // also when the handler panics
		if err := s.Replies.Finish(ctx, c.by.Person, key, kept); err != nil {
			s.logFailure(ctx, fmt.Errorf("keep reply: %w", err))
		}
		if rec.done {
			w.WriteHeader(rec.status)
			w.Write(rec.body.Bytes()) // the caller may be gone; the reply is kept
		}
	}()
	s.mux.ServeHTTP(rec, r)
	rec.done = true
	if rec.status < 500 && rec.status != http.StatusTooManyRequests && rec.body.Len() <= maxReplay {
		kept.Status, kept.ContentType, kept.Body = rec.status, rec.header.Get("Content-Type"), bytes.Clone(rec.body.Bytes())
		if c.redact != nil {
			kept.Body = c.redact(kept.Body)
		}
	}
	return nil
}

// repeat answers with the stored reply if the request is the same one.
func (s *server) repeat(w http.ResponseWriter, r *http.Request, stored *Reply, hash string, streamed bool) error {
	same := stored.Hash == hash
	if same && streamed && stored.Status < 300 {
		var err error
		if same, err = sameFile(r.Body, stored.Body); err != nil {
			return err
		}
	}
	if !same {
		return fault.Clash("fault.idempotency_mismatch", nil)
	}
	if stored.ContentType != "" {
		w.Header().Set("Content-Type", stored.ContentType)
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(stored.Status)
	w.Write(stored.Body) // the caller may be gone; nothing is lost
	return nil
}

// sameFile compares a body with the SHA-256 that the first reply named: a large file is
// not read ahead just to be hashed.
func sameFile(body io.Reader, reply []byte) (bool, error) {
	var first struct {
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal(reply, &first); err != nil {
		return false, fmt.Errorf("read stored reply: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		return false, cutOff(err)
	}
	return first.SHA256 == "" || hex.EncodeToString(sum.Sum(nil)) == first.SHA256, nil
}

// requestHash names what was asked for. Of a streamed body it takes the length alone.
func requestHash(r *http.Request, streamed bool) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type"))
	if streamed {
		fmt.Fprintf(sum, "%d\n", r.ContentLength)
		return hex.EncodeToString(sum.Sum(nil)), nil
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return "", fmt.Errorf("read body: %w", err)
	}
	sum.Write(raw)
	r.Body = io.NopCloser(bytes.NewReader(raw))
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// recorder holds a reply back until it is kept.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	done   bool // the handler came to its end
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
