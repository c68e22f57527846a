package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// The key that signs desired states can be changed. Each key names its one successor, so
// that PCs follow from the key that they know to the newest; and the newest may retire
// those before it, which then sign nothing more, their own return not either. Statements
// are notes, in one list, oldest first. An agent that does not know retirements passes
// them over.

const (
	keyChange   = "sekimori key change v1\n"   // opens every change of the signing key
	keysRetired = "sekimori keys retired v1\n" // opens every word of a key on those before it
)

// KeyName is how a key is named in a retirement: as the note form names it, with the hash of
// the key in hexadecimal.
func KeyName(k interface {
	Name() string
	KeyHash() uint32
}) string {
	return fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash())
}

// SignKeyChange lets the old key name the new one.
func SignKeyChange(newVerifier string, old note.Signer) (string, error) {
	if _, err := note.NewVerifier(newVerifier); err != nil {
		return "", fmt.Errorf("new key: %w", err)
	}
	return signStatement(keyChange+newVerifier+"\n", old)
}

// OpenKeyChange gives the new verifier key of a change that a trusted key has signed.
func OpenKeyChange(signed string, trusted note.Verifiers) (newVerifier string, err error) {
	key, err := openStatement(signed, trusted, keyChange)
	if err != nil {
		return "", err
	}
	if _, err := note.NewVerifier(key); err != nil {
		return "", fmt.Errorf("%w: key change: %v", ErrForm, err)
	}
	return key, nil
}

// SignRetirement lets the newest key retire others by their names.
func SignRetirement(names []string, newest note.Signer) (string, error) {
	if len(names) == 0 || slices.Contains(names, KeyName(newest)) {
		return "", errors.New("retire keys: none, or the newest itself")
	}
	return signStatement(keysRetired+strings.Join(names, "\n")+"\n", newest)
}

// OpenRetirement gives the names of the keys that a trusted key has retired.
func OpenRetirement(signed string, trusted note.Verifiers) (names []string, err error) {
	text, err := openStatement(signed, trusted, keysRetired)
	if err != nil {
		return nil, err
	}
	return strings.Split(text, "\n"), nil
}

func signStatement(text string, by note.Signer) (string, error) {
	signed, err := note.Sign(&note.Note{Text: text}, by)
	if err != nil {
		return "", fmt.Errorf("sign statement on keys: %w", err)
	}
	return string(signed), nil
}

func openStatement(signed string, trusted note.Verifiers, kind string) (string, error) {
	n, err := note.Open([]byte(signed), trusted)
	if err != nil {
		return "", ErrSignature
	}
	rest, ok := strings.CutPrefix(n.Text, kind)
	text, end := strings.CutSuffix(rest, "\n")
	if !ok || !end || text == "" {
		return "", fmt.Errorf("%w: statement on keys", ErrForm)
	}
	return text, nil
}

// RetiredKeys gives the names of all keys that a server's own statements retire. Nothing is
// verified.
func RetiredKeys(statements []string) []string {
	var out []string
	for _, s := range statements {
		n := unverified(s)
		if rest, ok := strings.CutPrefix(n.Text, keysRetired); ok {
			out = append(out, strings.Fields(rest)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// SigningKeys gives the names of the keys that have signed a server's own statements: those
// that were the newest before. Nothing is verified.
func SigningKeys(statements []string) []string {
	var out []string
	for _, s := range statements {
		for _, sig := range unverified(s).UnverifiedSigs {
			out = append(out, fmt.Sprintf("%s+%08x", sig.Name, sig.Hash))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func unverified(signed string) note.Note {
	_, err := note.Open([]byte(signed), note.VerifierList())
	var u *note.UnverifiedNoteError
	if errors.As(err, &u) {
		return *u.Note
	}
	return note.Note{}
}

// Trust is whose signature a PC believes.
type Trust struct {
	Keys    []string `json:"keys"`              // verifier keys in the note form, oldest first
	Retired []string `json:"retired,omitempty"` // names of keys that are believed never again
}

// Verifiers are the keys that may sign desired states and tickets.
func (t Trust) Verifiers() (note.Verifiers, error) {
	var out []note.Verifier
	for _, k := range t.Keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return nil, fmt.Errorf("key of the server: %w", err)
		}
		out = append(out, v)
	}
	return note.VerifierList(out...), nil
}

// newest is the key that may name a successor and retire others: the only one, so that a
// key which has had its successor, stolen later, leads nowhere else.
func (t Trust) newest() (note.Verifiers, note.Verifier) {
	if len(t.Keys) > 0 {
		if v, err := note.NewVerifier(t.Keys[len(t.Keys)-1]); err == nil {
			return note.VerifierList(v), v
		}
	}
	return note.VerifierList(), nil
}

// Follow takes up the statements of a server, oldest first, and reports whether they changed
// anything. What is known already, or was signed by any but the newest key, is passed over.
func (t *Trust) Follow(statements []string) (changed bool) {
	for _, s := range statements {
		newest, _ := t.newest()
		if key, err := OpenKeyChange(s, newest); err == nil {
			changed = t.add(key) || changed
		} else if names, err := OpenRetirement(s, newest); err == nil {
			changed = t.retire(names) || changed
		}
	}
	return changed
}

// Heed retires the keys that a desired state names, when the newest key has signed it.
func (t *Trust) Heed(d Document, signed string) (changed bool) {
	newest, _ := t.newest()
	if _, err := note.Open([]byte(signed), newest); err != nil {
		return false
	}
	return t.retire(d.Retired)
}

func (t *Trust) add(key string) bool {
	v, err := note.NewVerifier(key)
	if err != nil || slices.Contains(t.Retired, KeyName(v)) || t.has(KeyName(v)) {
		return false
	}
	t.Keys = append(slices.Clone(t.Keys), key)
	return true
}

func (t *Trust) has(name string) bool {
	return slices.ContainsFunc(t.Keys, func(key string) bool { return nameOf(key) == name })
}

// retire never takes the newest key itself: somebody must be left to believe.
func (t *Trust) retire(names []string) (changed bool) {
	_, newest := t.newest()
	if newest == nil {
		return false
	}
	for _, name := range names {
		if name == KeyName(newest) || slices.Contains(t.Retired, name) {
			continue
		}
		t.Retired = append(slices.Clone(t.Retired), name)
		t.Keys = slices.DeleteFunc(slices.Clone(t.Keys), func(key string) bool { return nameOf(key) == name })
		changed = true
	}
	return changed
}

func nameOf(key string) string {
	v, err := note.NewVerifier(key)
	if err != nil {
		return ""
	}
	return KeyName(v)
}
