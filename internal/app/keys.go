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

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/id"
	"sekimori/internal/outbound/blob"
)

// keys are the server's secrets, each in a file of its own under Data/keys that only
// its user may read. docs/operations.md says what losing each one means.
type keys struct {
	signer   note.Signer   // of the journal
	journal  *journal.Keys // its public keys
	origin   string
	links    notice.Links
	codes    incident.Codes
	evidence *blob.Key
	devices  *deviceKeys
	contacts *contactKeys
}

// keyFiles names the files.
const (
	journalKey  = "journal.key"
	journalPub  = "journal.pub"
	linkKey     = "link.key"
	codesKey    = "codes.key"
	evidenceKey = "evidence.key"
)

// makeKeys writes a fresh set. It never replaces a file.
func makeKeys(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make key folder: %w", err)
	}
	origin := "sekimori/" + id.Secret(5)
	signer, verifier, err := journal.GenerateKey(rand.Reader, origin)
	if err != nil {
		return fmt.Errorf("make journal key: %w", err)
	}
	for name, text := range map[string]string{journalKey: signer, journalPub: verifier, linkKey: id.Secret(32), codesKey: id.Secret(32)} {
		if err := writeNew(filepath.Join(dir, name), text+"\n"); err != nil {
			return err
		}
	}
	if err := blob.NewKeyFile(filepath.Join(dir, evidenceKey)); err != nil {
		return fmt.Errorf("make evidence key: %w", err)
	}
	return nil
}

// writeNew writes a file that must not exist yet, durably.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, werr := f.WriteString(text)
	return errors.Join(werr, f.Sync(), f.Close())
}

// readOrMake reads a secret that a server older than it does not have yet; sameCodes finds
// one that was lost.
func readOrMake(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := id.Secret(32)
		return fresh, writeNew(path, fresh+"\n")
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return strings.TrimSpace(string(b)), nil
}

// loadKeys reads the set. A server whose database has a record but whose keys are
// gone must not start with fresh ones: it would look as if nothing had happened.
func loadKeys(_ context.Context, dir string) (*keys, error) {
	read := func(name string) (string, error) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("key %s is missing: run `sekimori init`, or bring the keys folder back from your backup", filepath.Join(dir, name))
		}
		return strings.TrimSpace(string(b)), err
	}
	var k keys
	text, err := read(journalKey)
	if err != nil {
		return nil, err
	}
	if k.signer, err = note.NewSigner(text); err != nil {
		return nil, fmt.Errorf("read %s: %w", journalKey, err)
	}
	k.origin = k.signer.Name()
	pub, err := read(journalPub)
	if err != nil {
		return nil, err
	}
	if k.journal, err = journalKeys(pub); err != nil {
		return nil, fmt.Errorf("read %s: %w", journalPub, err)
	}
	if err := k.rightSigner(dir); err != nil {
		return nil, err
	}
	link, err := read(linkKey)
	if err != nil {
		return nil, err
	}
	first, older, _ := strings.Cut(link, "\n")
	k.links = notice.NewLinks([]byte(first), strings.Fields(older)...)
	codes, err := readOrMake(filepath.Join(dir, codesKey))
	if err != nil {
		return nil, err
	}
	k.codes = incident.NewCodes([]byte(codes))
	if k.evidence, err = blob.LoadKey(filepath.Join(dir, evidenceKey)); err != nil {
		return nil, fmt.Errorf("read %s: %w", evidenceKey, err)
	}
	if k.contacts, err = loadContactKeys(dir); err != nil {
		return nil, err
	}
	k.devices, err = loadDeviceKeys(dir, k.origin)
	return &k, err
}

// journalKeys reads the text of a public key file.
func journalKeys(text string) (*journal.Keys, error) {
	k, err := journal.ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return k, nil
}
