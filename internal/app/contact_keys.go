package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sekimori/internal/outbound/push"
)

// contactFile holds the keys of contacts.
const contactFile = "contact-keys.json"

// contactSecrets is the file's content.
type contactSecrets struct {
	Push  push.Keys `json:"push"`  // signs what goes to browsers; they were subscribed under it
	Vault []byte    `json:"vault"` // AES-256 key over what leads to contacts
}

// contactKeys seal what leads to contacts.
type contactKeys struct {
	contactSecrets
	vault
}

// loadContactKeys reads the keys, and makes them where there are none: a server that is
// older than its first contact starts without a word. sameContacts finds a lost file.
func loadContactKeys(dir string) (*contactKeys, error) {
	path := filepath.Join(dir, contactFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if raw, err = newContactSecrets(); err == nil {
			err = writeNew(path, string(raw))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("contact keys: %w", err)
	}
	var k contactKeys
	if err := json.Unmarshal(raw, &k.contactSecrets); err != nil {
		return nil, fmt.Errorf("read %s: %w", contactFile, err)
	}
	if k.vault, err = openVault(k.contactSecrets.Vault); err != nil {
		return nil, fmt.Errorf("read %s: %w", contactFile, err)
	}
	return &k, nil
}

func newContactSecrets() ([]byte, error) {
	keys, err := push.NewKeys()
	if err != nil {
		return nil, err
	}
	s := contactSecrets{Push: keys, Vault: make([]byte, 32)}
	rand.Read(s.Vault) // never fails: crypto/rand ends the program instead
	return json.MarshalIndent(s, "", "  ")
}

// sameContacts refuses a key under which none of the contacts in the database opens.
func (h *house) sameContacts(ctx context.Context) error {
	was, err := h.db.Meta(ctx, "contact_key")
	if err != nil {
		return fmt.Errorf("read contact key of the database: %w", err)
	}
	switch mine := h.keys.contacts.Push.Public; was {
	case mine:
		return nil
	case "":
		return h.db.SetMeta(ctx, "contact_key", mine)
	}
	return fmt.Errorf("the contacts in the database belong to another %s: bring the right keys back", contactFile)
}
