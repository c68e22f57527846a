package pii

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// conceal masks a value: all but its last characters, two to four of them, fewer for short ones. Of an individual
// number nothing is left to read, which the law wants kept nowhere.
func conceal(kind Kind, value string) string {
	n := utf8.RuneCountInString(value)
	open := 0
	switch {
	case kind == MyNumber:
	case kind == Mail:
		_, host, _ := strings.Cut(value, "@")
		return "•••@•••" + host[strings.LastIndexByte(host, '.'):]
	case kind == Name || kind == Address || kind == BirthDate:
		if n > 2 {
			open = 1
		}
	case n >= 10:
		open = 4
	case n >= 6:
		open = 2
	}
	if kind == BirthDate {
		return "••••-••-••"
	}
	return strings.Repeat("•", min(n-open, 8)) + string([]rune(value)[n-open:])
}

// hash gives the salted hash of a value, of which the wire form is the hexadecimal digits.
func (s *Session) hash(kind Kind, value string) uint64 {
	s.plain = append(append(append(append(s.plain[:0], s.d.salt[:]...), kind...), 0), value...)
	sum := sha256.Sum256(s.plain)
	return binary.BigEndian.Uint64(sum[:])
}

func hexadecimal(h uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], h)
	return hex.EncodeToString(b[:])
}
