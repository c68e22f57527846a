package journal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Keys are the public keys of one record, in the order in which they signed it. As text
// they are words: the first key, then a signed statement for each change. Whoever holds
// the first key from long ago can follow to the newest.
//
// Each key counts only for the checkpoints of its own time: one that was stolen after it
// was replaced signs nothing that is believed.
type Keys struct {
	words []string
	terms []term
}

// term is a key and the checkpoints that it may have signed: those of more than after
// entries, and no more than the next term's after.
type term struct {
	key   note.Verifier
	after int64
}

// changeHead begins the statement of a change, so that it can be taken for nothing else
// that the same key signs.
const changeHead = "sekimori journal key"

// ErrKeys says that a text is not the public keys of a record.
var ErrKeys = errors.New("journal: not the public keys of a record")

// ParseKeys reads the text of Keys and follows every change in it.
func ParseKeys(text string) (*Keys, error) {
	k := &Keys{words: strings.Fields(text)}
	if len(k.words) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrKeys)
	}
	first, err := note.NewVerifier(k.words[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	k.terms = []term{{key: first}}
	for n, word := range k.words[1:] {
		next, err := k.follow(word)
		if err != nil {
			return nil, fmt.Errorf("%w: change %d: %w", ErrKeys, n+1, err)
		}
		k.terms = append(k.terms, next)
	}
	return k, nil
}

// follow reads a change, which the key before it and the new one must have signed.
func (k *Keys) follow(word string) (term, error) {
	signed, err := strict64.DecodeString(word)
	if err != nil {
		return term{}, err
	}
	last := k.terms[len(k.terms)-1]
	text, _, _ := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(text, "\n")
	if len(lines) != 3 || lines[0] != changeHead {
		return term{}, errors.New("no change of keys")
	}
	after, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || after < last.after {
		return term{}, fmt.Errorf("bad size %q", lines[1])
	}
	key, err := note.NewVerifier(lines[2])
	if err != nil {
		return term{}, err
	}
	if key.Name() != last.key.Name() {
		return term{}, fmt.Errorf("the key is of %q, the log is %q", key.Name(), last.key.Name())
	}
	n, err := note.Open(signed, note.VerifierList(last.key, key))
	if err != nil {
		return term{}, err
	}
	for _, want := range []note.Verifier{last.key, key} {
		if !slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return s.Hash == want.KeyHash() }) {
			return term{}, errors.New("not signed by both keys")
		}
	}
	return term{key, after}, nil
}

// Change gives the keys with a further one, which signs from behind the checkpoint of
// after entries on. old must be the newest key's signer; verifier is next's public half.
func (k *Keys) Change(old, next note.Signer, verifier string, after int64) (*Keys, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", changeHead, after, verifier)
	signed, err := note.Sign(&note.Note{Text: text}, old, next)
	if err != nil {
		return nil, fmt.Errorf("sign change of keys: %w", err)
	}
	return ParseKeys(k.String() + "\n" + base64.StdEncoding.EncodeToString(signed))
}

// String gives the text of the keys, a word a line.
func (k *Keys) String() string { return strings.Join(k.words, "\n") }

// Newest is the key in force.
func (k *Keys) Newest() note.Verifier { return k.terms[len(k.terms)-1].key }

// Extends reports whether the keys are those of an older text, with or without changes
// since.
func (k *Keys) Extends(older string) bool {
	was := strings.Fields(older)
	return len(was) > 0 && len(was) <= len(k.words) && slices.Equal(was, k.words[:len(was)])
}

// Verifier finds a key of whatever time: what is signed with it besides checkpoints has no
// place in the record to be judged by.
func (k *Keys) Verifier(name string, hash uint32) (note.Verifier, error) {
	for _, t := range k.terms {
		if t.key.Name() == name && t.key.KeyHash() == hash {
			return t.key, nil
		}
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

// inForce reports whether one of the signatures is of the key whose time a checkpoint of
// size entries belongs to.
func (k *Keys) inForce(sigs []note.Signature, size int64) bool {
	key := k.terms[0].key
	for _, t := range k.terms[1:] {
		if size > t.after {
			key = t.key
		}
	}
	return slices.ContainsFunc(sigs, func(s note.Signature) bool { return s.Name == key.Name() && s.Hash == key.KeyHash() })
}
