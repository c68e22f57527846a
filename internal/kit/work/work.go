// Package work asks a browser for a little work before a form is taken without an account:
// nothing for one person, a bill for who sends thousands. The server keeps no list of what
// it asked; it knows its own challenges by a keyed hash and remembers only those spent.
//
// A challenge is "v1.<unix seconds>.<bits>.<nonce>.<seal>". The answer is a whole number n
// such that SHA-256(seal + decimal n) begins with at least bits zero bits. The seal covers
// all before it, so that the work is good for this challenge alone.
package work

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	nonceBytes = 8
	sealDigits = 32 // hexadecimal: with the number it fits one block of SHA-256
	maxAnswer  = 15 // digits: what a script counts exactly
)

// Errors of Check.
var (
	ErrForged  = errors.New("no challenge of this server")
	ErrLate    = errors.New("challenge has run out")
	ErrWrong   = errors.New("answer does not fit the challenge")
	ErrSpent   = errors.New("challenge was answered before")
	ErrTooMany = errors.New("too many challenges are remembered")
)

// Mint makes challenges and takes their answers, each once. It is safe for use by many
// goroutines.
type Mint struct {
	key  []byte
	life time.Duration
	most int

	mu    sync.Mutex
	spent map[string]time.Time // nonce to when it may be forgotten; guarded by mu
}

// NewMint makes a mint. Those of one key take each other's challenges, and each remembers only
// what was answered to itself: who has several keeps that elsewhere too. life is how long a
// challenge may be answered; most is how many spent ones are remembered.
func NewMint(key []byte, life time.Duration, most int) *Mint {
	return &Mint{key: key, life: life, most: most, spent: map[string]time.Time{}}
}

// Challenge asks for bits zero bits, 1–40.
func (m *Mint) Challenge(now time.Time, bits int) string {
	nonce := make([]byte, nonceBytes)
	rand.Read(nonce)
	open := "v1." + strconv.FormatInt(now.Unix(), 10) + "." + strconv.Itoa(min(max(bits, 1), 40)) + "." + hex.EncodeToString(nonce)
	return open + "." + m.seal(open)
}

func (m *Mint) seal(open string) string {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(open))
	return hex.EncodeToString(h.Sum(nil))[:sealDigits]
}

// Done is work that was done.
type Done struct {
	Bits int
	At   time.Time // when it was asked for
}

// Check takes the answer to a challenge, once. accept decides by what was asked whether
// that is enough; work that is refused is not spent.
func (m *Mint) Check(now time.Time, challenge, answer string, accept func(Done) bool) error {
	open, d, nonce, err := m.read(challenge)
	if err != nil {
		return err
	}
	if now.Before(d.At.Add(-time.Minute)) || now.Sub(d.At) > m.life {
		return ErrLate
	}
	if !Fits(m.seal(open), answer, d.Bits) || !accept(d) {
		return ErrWrong
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.spent[nonce]; there {
		return ErrSpent
	}
	if len(m.spent) >= m.most {
		m.forget(now)
	}
	if len(m.spent) >= m.most {
		return ErrTooMany
	}
	m.spent[nonce] = d.At.Add(m.life)
	return nil
}

// forget drops what has run out anyway.
func (m *Mint) forget(now time.Time) {
	for nonce, until := range m.spent {
		if now.After(until) {
			delete(m.spent, nonce)
		}
	}
}

func (m *Mint) read(challenge string) (open string, d Done, nonce string, err error) {
	cut := strings.LastIndexByte(challenge, '.')
	if len(challenge) > 120 || cut < 0 {
		return "", d, "", ErrForged
	}
	open = challenge[:cut]
	if !hmac.Equal([]byte(challenge[cut+1:]), []byte(m.seal(open))) {
		return "", d, "", ErrForged
	}
	parts := strings.Split(open, ".")
	if len(parts) != 4 || parts[0] != "v1" { // never: only we can seal
		return "", d, "", ErrForged
	}
	at, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return "", d, "", ErrForged
	}
	if d.Bits, err = strconv.Atoi(parts[2]); err != nil {
		return "", d, "", ErrForged
	}
	d.At = time.Unix(at, 0)
	return open, d, parts[3], nil
}

// Fits reports whether the answer is work of the given bits for a seal.
func Fits(seal, answer string, want int) bool {
	if answer == "" || len(answer) > maxAnswer || strings.Trim(answer, "0123456789") != "" {
		return false
	}
	sum := sha256.Sum256([]byte(seal + answer))
	zero := 0
	for _, b := range sum {
		zero += bits.LeadingZeros8(b)
		if b != 0 {
			break
		}
	}
	return zero >= want
}

// Solve does the work, for tests and programs; the page has a script.
func Solve(challenge string) (answer string, ok bool) {
	parts := strings.Split(challenge, ".")
	if len(parts) != 5 {
		return "", false
	}
	want, err := strconv.Atoi(parts[2])
	if err != nil || want > 40 {
		return "", false
	}
	for n := 0; ; n++ {
		if a := strconv.Itoa(n); Fits(parts[4], a, want) {
			return a, true
		}
	}
}
