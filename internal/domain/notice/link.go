package notice

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// LinkLife is how long the link in a notice can be used.
const LinkLife = 14 * 24 * time.Hour

// Links makes and reads the tokens in notices. A token names one attempt and is
// proved by the server's key, so nothing secret lies in the database.
type Links struct{ key []byte }

// NewLinks takes the server's link key, 32 bytes.
func NewLinks(key []byte) Links { return Links{key: key} }

// Token is the path element that opens one notice.
func (l Links) Token(attempt string) string {
	return attempt + "." + base64.RawURLEncoding.EncodeToString(l.mac(attempt))
}

// Read gives the attempt that a token names.
func (l Links) Read(token string) (attempt string, err error) {
	attempt, mac, ok := strings.Cut(token, ".")
	got, decErr := base64.RawURLEncoding.DecodeString(mac)
	if !ok || decErr != nil || len(token) > 200 || subtle.ConstantTimeCompare(got, l.mac(attempt)) != 1 {
		return "", fault.New(fault.NotFound, "fault.bad_link", nil)
	}
	return attempt, nil
}

func (l Links) mac(attempt string) []byte {
	h := hmac.New(sha256.New, l.key)
	h.Write([]byte("sekimori notice link v1\n" + attempt))
	return h.Sum(nil)[:18]
}

// Follow gives the actor and the track of a notice's link. The actor may answer that
// track and nothing else; following alone answers nothing.
func (s *Service) Follow(ctx context.Context, attempt string) (access.Actor, Track, error) {
	a, err := s.store.AttemptByID(ctx, attempt)
	if err != nil {
		return access.Actor{}, Track{}, err
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return access.Actor{}, Track{}, err
	}
	p, ok := o.People[a.Person]
	if now := s.now(); !ok || !p.Active(now) || now.Sub(a.Planned) > LinkLife {
		return access.Actor{}, Track{}, fault.New(fault.NotFound, "fault.link_expired", nil)
	}
	t, _, err := s.store.Track(ctx, a.Track)
	if err != nil {
		return access.Actor{}, Track{}, fmt.Errorf("load track %s: %w", a.Track, err)
	}
	return access.Actor{Person: p.ID, Name: p.Name(), Department: p.Department, Duties: o.DutiesOf(p.ID, s.now()), Via: access.ByLink}, t, nil
}

// Answered gives the times of the first answer and of the last one that was needed;
// zero when not yet.
func Answered(tracks []Track) (first, full time.Time) {
	open := len(tracks) == 0
	for _, t := range tracks {
		if t.State != Acked {
			open = open || t.State == Open
			continue
		}
		if first.IsZero() || t.AckedAt.Before(first) {
			first = t.AckedAt
		}
		if t.AckedAt.After(full) {
			full = t.AckedAt
		}
	}
	if open {
		full = time.Time{}
	}
	return first, full
}
