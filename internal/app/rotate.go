package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/outbound/blob"
)

// Key changes. Each takes effect when the server starts again; docs/operations.md says
// what each key does.

// waits ends the name of a file that takes another one's place at the next start.
const waits = ".next"

// RotateKey changes one of the server's own keys: "journal", "links" or "evidence". With
// retire, older link keys open nothing any more.
func RotateKey(cfg Config, which string, retire bool) error {
	dir := filepath.Join(cfg.Data, "keys")
	if _, err := os.Stat(filepath.Join(dir, journalKey)); err != nil {
		return fmt.Errorf("no keys to change: %w", err)
	}
	switch which {
	case "journal":
		return nextJournalKey(dir)
	case "links":
		return prepend(filepath.Join(dir, linkKey), id.Secret(32), retire)
	case "evidence":
		key, err := blob.NewKeyText()
		if err != nil {
			return err
		}
		return prepend(filepath.Join(dir, evidenceKey), key, false)
	}
	return fault.New(fault.Invalid, "operator.unknown_key", fault.Args{"name": which})
}

// prepend puts a line, or several, before those of a file, in one rename.
func prepend(path, line string, alone bool) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	text := strings.TrimSpace(line) + "\n"
	if !alone {
		text += string(old)
	}
	return replace(path, text)
}

// replace gives a file other contents, durably and in one step.
func replace(path, text string) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a change that was broken off
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := writeNew(fresh, text); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return syncFolder(filepath.Dir(path))
}

// nextJournalKey makes the key that the next start takes for the record. The start itself
// changes over, because it alone knows where the record stands.
func nextJournalKey(dir string) error {
	now, err := os.ReadFile(filepath.Join(dir, journalKey))
	if err != nil {
		return fmt.Errorf("read %s: %w", journalKey, err)
	}
	old, err := note.NewSigner(strings.TrimSpace(string(now)))
	if err != nil {
		return fmt.Errorf("read %s: %w", journalKey, err)
	}
	pub, err := os.ReadFile(filepath.Join(dir, journalPub))
	if err != nil {
		return fmt.Errorf("read %s: %w", journalPub, err)
	}
	k := keys{signer: old}
	if k.journal, err = journalKeys(string(pub)); err != nil {
		return fmt.Errorf("read %s: %w", journalPub, err)
	}
	// A change that was broken off has its only secret in the file that is written below.
	if err := k.rightSigner(dir); err != nil {
		return err
	}
	signer, verifier, err := journal.GenerateKey(rand.Reader, old.Name())
	if err != nil {
		return fmt.Errorf("make journal key: %w", err)
	}
	return replace(filepath.Join(dir, journalKey+waits), signer+"\n"+verifier+"\n")
}

// waitingKey reads the key that waits for a start; nil when none does.
func waitingKey(dir string) (signer note.Signer, text, verifier string, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, journalKey+waits))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", "", nil
	}
	if err != nil {
		return nil, "", "", fmt.Errorf("read %s: %w", journalKey+waits, err)
	}
	words := strings.Fields(string(raw))
	if len(words) != 2 {
		return nil, "", "", fmt.Errorf("%s is cut off: delete it and change the key again", journalKey+waits)
	}
	if signer, err = note.NewSigner(words[0]); err != nil {
		return nil, "", "", fmt.Errorf("read %s: %w", journalKey+waits, err)
	}
	return signer, words[0], words[1], nil
}

// rightSigner sees that the signer is the newest of the public keys. A change that was
// broken off between its two files is brought to its end.
func (k *keys) rightSigner(dir string) error {
	newest := k.journal.Newest().KeyHash()
	if k.signer.KeyHash() == newest {
		return nil
	}
	waiting, text, _, err := waitingKey(dir)
	if err != nil {
		return err
	}
	if waiting == nil || waiting.KeyHash() != newest {
		return fmt.Errorf("%s is not the secret half of %s: bring the keys folder back from your backup", journalKey, journalPub)
	}
	if err := takeWaiting(dir, text); err != nil {
		return err
	}
	k.signer = waiting
	return nil
}

func takeWaiting(dir, text string) error {
	if err := replace(filepath.Join(dir, journalKey), text+"\n"); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, journalKey+waits)); err != nil {
		return fmt.Errorf("take the new journal key: %w", err)
	}
	return nil
}

// changeJournalKey takes the key that waits, if one does: it signs all behind the newest
// checkpoint. The caller opens the server's parts anew then.
func (h *house) changeJournalKey(ctx context.Context) (changed bool, err error) {
	dir := filepath.Join(h.cfg.Data, "keys")
	waiting, text, verifier, err := waitingKey(dir)
	if err != nil || waiting == nil {
		return false, err
	}
	if waiting.KeyHash() == h.keys.journal.Newest().KeyHash() { // taken by a start that was killed before it put the file away
		return false, os.Remove(filepath.Join(dir, journalKey+waits))
	}
	cp, _, err := h.db.Record().LastCheckpoint(ctx)
	if err != nil {
		return false, fmt.Errorf("read the newest checkpoint: %w", err)
	}
	keys, err := h.keys.journal.Change(h.keys.signer, waiting, verifier, cp.Size)
	if err != nil {
		return false, err
	}
	if err := replace(filepath.Join(dir, journalPub), keys.String()+"\n"); err != nil {
		return false, err
	}
	return true, takeWaiting(dir, text)
}

// recordJournalKey says in the record that another key signs it from now on, in the commit
// that makes the database the new key's: a start that is killed says it once.
func (h *house) recordJournalKey(ctx context.Context) error {
	last, err := h.db.LastEventAt(ctx)
	if err != nil {
		return err
	}
	v := h.keys.journal.Newest()
	ev, err := journal.NewEvent(newClock(last, wallOf(ctx)).Now(), "journal.key_changed", "", "system",
		map[string]any{"key": fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash())})
	if err != nil {
		return err
	}
	return h.db.RecordMeta(ctx, ev, journalKeyMeta, h.keys.journal.String())
}
