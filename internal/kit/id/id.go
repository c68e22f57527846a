// Package id makes identifiers that sort by the time they were made.
package id

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// crockford without padding: lower case, no i, l, o, u, so that it can be read aloud.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// New makes prefix_ followed by 26 characters: 48 bits of Unix milliseconds and
// 80 random bits (the layout of a ULID). at is the time that it sorts by.
func New(prefix string, at time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16)
	rand.Read(b[6:]) // never fails: crypto/rand ends the program instead
	return prefix + "_" + crockford.EncodeToString(b[:])
}

// Secret makes a URL-safe secret of n random bytes.
func Secret(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return crockford.EncodeToString(b)
}

// Valid reports whether s has the form that New gives for prefix.
func Valid(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != 26 {
		return false
	}
	_, err := crockford.DecodeString(rest)
	return err == nil
}
