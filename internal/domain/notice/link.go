package notice

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
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
type Links struct {
	key   []byte
	older [][]byte // that open links made before a change of keys
}

// NewLinks takes the server's link key, 32 bytes, and those before it that still open
// links.
func NewLinks(key []byte, older ...string) Links {
	l := Links{key: key}
	for _, k := range older {
		l.older = append(l.older, []byte(k))
	}
	return l
}

// Token is the path element that opens one notice.
func (l Links) Token(attempt string) string {
	return l.token("notice", attempt)
}

// Read gives the attempt that a token names.
func (l Links) Read(token string) (attempt string, err error) { return l.read("notice", token) }

// LetterToken is the path element that opens one letter with Act. A notice's token opens
// no letter, nor the other way round.
func (l Links) LetterToken(letter string) string { return l.token("letter", letter) }

// ReadLetter gives the letter that a token names.
func (l Links) ReadLetter(token string) (letter string, err error) { return l.read("letter", token) }

// Seal proves an id under what it is of, in hexadecimal. What is sealed as a notice or a
// letter is no seal of anything else.
func (l Links) Seal(what, id string) string { return hex.EncodeToString(l.mac("seal of "+what, id)) }

func (l Links) token(what, id string) string {
	return id + "." + base64.RawURLEncoding.EncodeToString(l.mac(what, id))
}

func (l Links) read(what, token string) (string, error) {
	id, mac, ok := strings.Cut(token, ".")
	got, err := base64.RawURLEncoding.DecodeString(mac)
	if !ok || err != nil || len(token) > 200 || !l.made(got, what, id) {
		return "", fault.New(fault.NotFound, "fault.bad_link", nil)
	}
	return id, nil
}

// made reports whether one of the keys made a proof.
func (l Links) made(mac []byte, what, id string) bool {
	right := subtle.ConstantTimeCompare(mac, l.mac(what, id))
	for _, k := range l.older {
		right |= subtle.ConstantTimeCompare(mac, Links{key: k}.mac(what, id))
	}
	return right == 1
}

// Mark stands for a person where their name has no place, such as in their browser.
func (l Links) Mark(person string) string {
	return base64.RawURLEncoding.EncodeToString(l.mac("mark", person))
}

// mac proves an id under what it is of.
func (l Links) mac(what, id string) []byte {
	h := hmac.New(sha256.New, l.key)
	h.Write([]byte("sekimori " + what + " link v1\n" + id))
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
