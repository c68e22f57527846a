package seal

import (
	"crypto/rand"
	"fmt"
	"strings"

	"sekimori/internal/kit/fault"
)

// A password that is made up has 20 of 26 characters: 94 bits. Of those that are taken for
// one another (1 l i, 0 o, 5 s, 2 z, 9 q, u v) at most one is among them, and no capitals.
const (
	passwordLetters = "abcdefghjkmnprtuwxy2345678"
	passwordLength  = 20
	passwordGroup   = 4

	// PasswordBits is how much chance is in a password that is made up.
	PasswordBits = 94

	shortestPassword, longestPassword = 12, 64
)

// NewPassword makes up a password: five groups of four, "tk4h-8mwe-…". The hyphens are
// part of it.
func NewPassword() string {
	var b strings.Builder
	for b.Len() < passwordLength+passwordLength/passwordGroup-1 {
		if b.Len()%(passwordGroup+1) == passwordGroup {
			b.WriteByte('-')
			continue
		}
		b.WriteByte(passwordLetters[uniform(len(passwordLetters))])
	}
	return b.String()
}

// uniform gives a number below n, each as likely as the others; n is at most 256.
func uniform(n int) int {
	var b [1]byte
	for {
		rand.Read(b[:]) // never fails
		if int(b[0]) < 256/n*n {
			return int(b[0]) % n
		}
	}
}

// CheckPassword refuses with "seal.password" what not every opener takes the same way:
// anything but 12 to 64 printable characters of ASCII. Openers disagree on how to write
// others in bytes.
func CheckPassword(p string) error {
	ok := len(p) >= shortestPassword && len(p) <= longestPassword
	for _, r := range p {
		ok = ok && r >= ' ' && r <= '~'
	}
	if !ok {
		return fault.New(fault.Invalid, "seal.password", fault.Args{"least": fmt.Sprint(shortestPassword), "most": fmt.Sprint(longestPassword)})
	}
	return nil
}

// Spoken is a password as it is read out on the telephone, a line for each group. word
// gives the word for a letter or digit; other characters stand for themselves.
func Spoken(p string, word func(letter string) string) []string {
	var lines []string
	for group := range strings.SplitSeq(p, "-") {
		var words []string
		for _, r := range group {
			if strings.ContainsRune(passwordLetters, r) {
				words = append(words, word(string(r)))
			} else {
				words = append(words, string(r))
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}
