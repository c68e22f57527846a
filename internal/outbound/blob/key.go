package blob

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"
)

// Key opens what Files has written. Losing its file loses the evidence.
type Key struct {
	to   age.Recipient  // of what is written from now on
	open []age.Identity // of what was ever written
}

// NewKeyFile makes a key and writes it, durably, to a file that must not exist yet and
// that only its user may read. The format is that of age-keygen, so that evidence can
// be recovered with the age command alone.
func NewKeyFile(path string) error {
	text, err := NewKeyText()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make evidence key: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write evidence key: %w", err)
	}
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write evidence key: %w", err)
	}
	return errors.Join(syncDir(dir, "."), dir.Close())
}

// NewKeyText makes the text of a key file with a new key.
func NewKeyText() (string, error) {
	k, err := age.GenerateX25519Identity()
	if err != nil {
		return "", fmt.Errorf("make evidence key: %w", err)
	}
	return fmt.Sprintf("# public key: %s\n%s\n", k.Recipient(), k), nil
}

// LoadKey reads a key file. It may hold several keys, one a line, after a change of
// keys: the first one writes, all of them open.
func LoadKey(path string) (*Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load evidence key: %w", err)
	}
	k, err := ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("load evidence key: %s %w", path, err)
	}
	return k, nil
}

// ParseKey reads the text of a key file.
func ParseKey(text []byte) (*Key, error) {
	ids, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		// The parser's own words may quote the line, which is a secret.
		return nil, errors.New("holds no age identity, or a line that is none")
	}
	first, ok := ids[0].(*age.X25519Identity)
	if !ok {
		return nil, errors.New("begins with a key that is no X25519 identity")
	}
	return &Key{to: first.Recipient(), open: ids}, nil
}
