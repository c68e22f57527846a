package journal_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sekimori/internal/domain/journal"
)

// pair is a key of the log named origin.
type pair struct {
	signer   note.Signer
	verifier string
}

func newPair(t *testing.T, name string) pair {
	t.Helper()
	secret, verifier, err := journal.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return pair{s, verifier}
}

func parseKeys(t *testing.T, text string) *journal.Keys {
	t.Helper()
	k, err := journal.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// changed has three keys: the first up to 10 entries, the second up to 20, then the third.
func changed(t *testing.T) (*journal.Keys, [3]pair) {
	t.Helper()
	p := [3]pair{newPair(t, origin), newPair(t, origin), newPair(t, origin)}
	k := parseKeys(t, p[0].verifier)
	for i, after := range []int64{10, 20} {
		var err error
		if k, err = k.Change(p[i].signer, p[i+1].signer, p[i+1].verifier, after); err != nil {
			t.Fatal(err)
		}
	}
	return parseKeys(t, k.String()), p
}

// Each key is believed for the checkpoints of its own time and for no other.
func TestKeysHaveTheirTime(t *testing.T) {
	t.Parallel()
	k, p := changed(t)
	for size, right := range map[int64]int{0: 0, 1: 0, 10: 0, 11: 1, 20: 1, 21: 2, 1000: 2} {
		for i := range p {
			cp, err := journal.SignCheckpoint(p[i].signer, origin, size, tlog.Hash{1}, time.Unix(1, 0))
			if err != nil {
				t.Fatal(err)
			}
			_, err = journal.ParseCheckpoint(cp.Note, k)
			if (err == nil) != (i == right) || err != nil && !errors.Is(err, journal.ErrSignature) {
				t.Errorf("key %d signs %d entries: %v", i, size, err)
			}
		}
	}
	if k.Newest().KeyHash() != p[2].signer.KeyHash() {
		t.Error("the newest key is another one")
	}
	if !k.Extends(p[0].verifier) || !k.Extends(k.String()) || k.Extends(p[1].verifier) || k.Extends("") || parseKeys(t, p[0].verifier).Extends(k.String()) {
		t.Error("whose keys go on from whose")
	}
}

// Words that are missing, in another order, changed or signed by others are refused.
func TestKeysRefuse(t *testing.T) {
	t.Parallel()
	k, p := changed(t)
	words := strings.Fields(k.String())
	for name, text := range map[string]string{
		"nothing": "", "no key": "x", "a change left out": words[0] + " " + words[2], "another order": strings.Join([]string{words[0], words[2], words[1]}, " "),
		"a change twice": k.String() + "\n" + words[2], "not base64": words[0] + " %%%", "another beginning": p[1].verifier + " " + words[1],
	} {
		if _, err := journal.ParseKeys(text); !errors.Is(err, journal.ErrKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
	first := parseKeys(t, p[0].verifier)
	stranger, other := newPair(t, origin), newPair(t, "other.example")
	for name, try := range map[string]func() (*journal.Keys, error){
		"a stranger names a successor": func() (*journal.Keys, error) { return first.Change(stranger.signer, p[1].signer, p[1].verifier, 5) },
		"without the successor's word": func() (*journal.Keys, error) { return first.Change(p[0].signer, stranger.signer, p[1].verifier, 5) },
		"of another log":               func() (*journal.Keys, error) { return first.Change(p[0].signer, other.signer, other.verifier, 5) },
		"back in time":                 func() (*journal.Keys, error) { return k.Change(p[2].signer, stranger.signer, stranger.verifier, 19) },
		"by a key that was replaced":   func() (*journal.Keys, error) { return k.Change(p[1].signer, stranger.signer, stranger.verifier, 30) },
	} {
		if _, err := try(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	eachMutation([]byte(words[1]), func(m []byte, what string) {
		if strings.ContainsAny(string(m), " \t\n\v\f\r\u0085") {
			return // then it is another number of words
		}
		if _, err := journal.ParseKeys(words[0] + " " + string(m)); err == nil {
			t.Errorf("%s: taken", what)
		}
	})
}
