package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// A PC that cannot reach its server is released by two numbers said over the telephone:
// it shows a challenge, the administrator's console gives the code that answers exactly
// this challenge of exactly this PC. Neither side needs a right clock: the PC lets a
// challenge live for a while by its own running time, once, for a few tries.

const (
	challengeDigits = 8
	codeDigits      = 10
)

// NewChallenge draws a challenge: 8 digits, the last of which checks the others.
func NewChallenge(random io.Reader) (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("draw challenge: %w", err)
	}
	return checked(binary.BigEndian.Uint64(b[:])%1e7, challengeDigits), nil
}

// ParseChallenge brings a challenge, as somebody typed it, into its plain form. A slip
// of one digit or a swap of two neighbours is found.
func ParseChallenge(s string) (string, bool) { return parseDigits(s, challengeDigits) }

// ParseCode does the same for a release code.
func ParseCode(s string) (string, bool) { return parseDigits(s, codeDigits) }

// ReleaseCode answers a challenge of a device. secret is the device's, 32 bytes.
func ReleaseCode(secret []byte, device, challenge string) string {
	m := hmac.New(sha256.New, secret)
	fmt.Fprintf(m, "sekimori release v1\n%s\n%s\n", device, challenge)
	return checked(binary.BigEndian.Uint64(m.Sum(nil))%1e9, codeDigits)
}

// SameCode compares two codes in a time that tells nothing.
func SameCode(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Spoken groups digits for reading aloud: 1234-5678, 12345-67890.
func Spoken(digits string) string {
	half := len(digits) / 2
	return digits[:half] + "-" + digits[half:]
}

func parseDigits(s string, n int) (string, bool) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '０' && r <= '９':
			b.WriteRune(r - '０' + '0')
		case strings.ContainsRune(" 　-‐‑–—−ーｰ－", r):
		default:
			return "", false
		}
		if b.Len() > n {
			return "", false
		}
	}
	d := b.String()
	return d, len(d) == n && damm(d) == 0
}

// checked writes v with n-1 digits and a check digit.
func checked(v uint64, n int) string {
	s := fmt.Sprintf("%0*d", n-1, v)
	return s + string(rune('0'+damm(s)))
}

// damm is the check digit of H. Michael Damm (2004): 0 over a number with its check
// digit; it finds every single wrong digit and every swap of neighbours.
func damm(digits string) int {
	table := [10]string{"0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
		"3674209581", "5869720134", "8945362017", "9438617205", "2581436790"}
	c := 0
	for _, d := range digits {
		c = int(table[c][d-'0'] - '0')
	}
	return c
}
