package journal_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sekimori/internal/domain/journal"
)

func TestCheckpointRoundTrip(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	at := time.Date(2026, 4, 1, 9, 0, 0, 123456000, time.UTC)
	cp, err := journal.SignCheckpoint(l.signer, origin, 7, tlog.Hash{1, 2}, at)
	if err != nil {
		t.Fatal(err)
	}
	back, err := journal.ParseCheckpoint(cp.Note, l.verifiers)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(cp, back); d != "" {
		t.Error(d)
	}
	want := "sekimori.example\n7\n" + cp.Root.String() + "\ntime 2026-04-01T09:00:00.123456Z\n\n— sekimori.example "
	if !bytes.HasPrefix(cp.Note, []byte(want)) {
		t.Errorf("note:\n%s", cp.Note)
	}
	if _, err := journal.SignCheckpoint(l.signer, "other.example", 7, cp.Root, at); err == nil {
		t.Error("signed for a log of another name")
	}
	if _, err := journal.ParseCheckpoint(cp.Note, newLog(t).verifiers); !errors.Is(err, journal.ErrSignature) {
		t.Errorf("another key of the same name: %v", err)
	}
	if _, err := journal.ParseCheckpoint(cp.Note, note.VerifierList()); !errors.Is(err, journal.ErrSignature) {
		t.Errorf("no key: %v", err)
	}
}

// No byte of a signed checkpoint can change, go or come.
func TestCheckpointMutations(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	cp, err := journal.SignCheckpoint(l.signer, origin, 123, tlog.Hash{1, 2}, l.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	eachMutation(cp.Note, func(m []byte, what string) {
		if got, err := journal.ParseCheckpoint(m, l.verifiers); err == nil {
			t.Errorf("%s: taken as %+v", what, got)
		}
	})
}

// A signed text that is no checkpoint is refused, whoever signed it.
func TestCheckpointForm(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	root := tlog.Hash{}.String()
	for text, ok := range map[string]bool{
		origin + "\n0\n" + root + "\n":                              true,
		origin + "\n5\n" + root + "\nother extension\n":             true,
		origin + "\n5\n" + root + "\ntime yesterday\n":              false,
		origin + "\n05\n" + root + "\n":                             false,
		origin + "\n-5\n" + root + "\n":                             false,
		origin + "\n+5\n" + root + "\n":                             false,
		origin + "\n99999999999999999999\n" + root + "\n":           false,
		origin + "\n5\nAAAA\n":                                      false,
		origin + "\n5\n":                                            false,
		"\n5\n" + root + "\n":                                       false,
		"other.example\n5\n" + root + "\n":                          false,
		origin + "\n5\n" + root[:42] + "B=\n":                       false, // loose last character
		origin + "\n5\n" + root + "\n\ntime 2026-04-01T00:00:00Z\n": false,
	} {
		signed, err := note.Sign(&note.Note{Text: text}, l.signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := journal.ParseCheckpoint(signed, l.verifiers); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestGenerateKeyRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "two words", "a+b", "a\nb"} {
		if _, _, err := journal.GenerateKey(rand.Reader, name); err == nil {
			t.Errorf("key for %q", name)
		}
	}
}

// eachMutation changes, removes and adds one byte at each place of good.
func eachMutation(good []byte, try func(m []byte, what string)) {
	for i := range good {
		for _, to := range []byte{good[i] ^ 1, good[i] ^ 2, good[i] ^ 0x20, good[i] ^ 0x80, '0', '"', '\n'} {
			if to != good[i] {
				m := bytes.Clone(good)
				m[i] = to
				try(m, describe("change", i, m))
			}
		}
		m := append(bytes.Clone(good[:i]), good[i+1:]...)
		if !bytes.Equal(m, good) {
			try(m, describe("remove", i, m))
		}
		for _, add := range []byte{'0', ' ', '\r'} {
			m := append(append(bytes.Clone(good[:i]), add), good[i:]...)
			try(m, describe("add", i, m))
		}
	}
}

func describe(act string, i int, m []byte) string {
	from, to := max(0, i-20), min(len(m), i+20)
	return act + " at " + string(m[from:min(i, len(m))]) + "⟨here⟩" + string(m[min(i, len(m)):to])
}
