package agent

import (
	"errors"
	"fmt"
	"io"
	"time"

	"sekimori/internal/kit/wire"
)

// Limits of releasing by telephone.
const (
	challengeLife  = 15 * time.Minute // of the machine's running time
	challengeTries = 5
	maxChallenges  = 5 // in an hour
	challengeHour  = time.Hour
)

// Why a code or a challenge is refused.
var (
	ErrNotIsolated  = errors.New("agent: this PC is not isolated")
	ErrNoChallenge  = errors.New("agent: no challenge is open")
	ErrCodeForm     = errors.New("agent: not a release code")
	ErrCodeWrong    = errors.New("agent: the code is wrong")
	ErrTooManyCodes = errors.New("agent: too many challenges within the hour")
)

// codes is what this PC knows of releasing by telephone. It is kept on disk, so that
// ending the process gives nobody new tries.
type codes struct {
	Boot      string `json:"boot"`                // boot in which the times below count
	Challenge string `json:"challenge,omitempty"` // the open one
	Made      int64  `json:"made,omitempty"`      // when: microseconds of running time
	Tries     int    `json:"tries,omitempty"`     // wrong ones so far
	Window    int64  `json:"window"`              // when the hour began that Issued counts
	Issued    int    `json:"issued"`              // challenges in that hour
}

// source is who asks for challenges and tries codes. Each has its own challenge and its own
// allowance: a program without rights cannot use up those of the PC's administrator, who
// could open the network in other ways anyway.
type source bool

const (
	people        source = false // everybody at the PC, and whoever cannot be told from them
	administrator source = true
)

// sourceOf is the class of an account as the system names it at a socket.
func sourceOf(who string) source { return who == "root" || who == "uid 0" }

// in brings c to a moment. A new boot ends the open challenge and begins the hour anew
// without forgetting its count, so that restarting is no way around it.
func (c *codes) in(boot string, running time.Duration) {
	now := running.Microseconds()
	if c.Boot != boot {
		c.Boot, c.Challenge, c.Window = boot, "", now
	}
	if now < c.Made || now-c.Made > challengeLife.Microseconds() || c.Tries >= challengeTries {
		c.Challenge = ""
	}
	if now < c.Window || now-c.Window >= challengeHour.Microseconds() {
		c.Window, c.Issued = now, 0
	}
}

// challenge gives the open challenge, or a new one, and until when it lives in running time.
func (c *codes) challenge(boot string, running time.Duration, random io.Reader) (string, time.Duration, error) {
	c.in(boot, running)
	if c.Challenge == "" {
		if c.Issued >= maxChallenges {
			return "", 0, ErrTooManyCodes
		}
		made, err := wire.NewChallenge(random)
		if err != nil {
			return "", 0, fmt.Errorf("challenge: %w", err)
		}
		c.Challenge, c.Made, c.Tries = made, running.Microseconds(), 0
		c.Issued++
	}
	return c.Challenge, challengeLife - (running - time.Duration(c.Made)*time.Microsecond), nil
}

// try checks a code against the open challenge. Every try counts, before it is known
// whether it is right: the caller writes c down in either case. A right code ends it.
func (c *codes) try(boot string, running time.Duration, secret []byte, device, code string) (challenge string, err error) {
	c.in(boot, running)
	if c.Challenge == "" {
		return "", ErrNoChallenge
	}
	challenge = c.Challenge
	plain, ok := wire.ParseCode(code)
	if !ok {
		return "", ErrCodeForm // a slip of the ear or the finger: the check digit found it
	}
	c.Tries++
	if len(secret) == 0 || !wire.SameCode(plain, wire.ReleaseCode(secret, device, challenge)) {
		if c.Tries >= challengeTries {
			c.Challenge = ""
		}
		return "", ErrCodeWrong
	}
	c.Challenge = ""
	return challenge, nil
}
