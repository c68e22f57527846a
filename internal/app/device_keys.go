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

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/device"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/wire"
)

// deviceFile holds the keys of what devices obey: one file, so that a change of keys is
// one rename.
const deviceFile = "device-keys.json"

// deviceSecrets is the file's content.
type deviceSecrets struct {
	Signer   string   `json:"signer"`   // signs desired states, in the note form
	Verifier string   `json:"verifier"` // its public half
	Changes  []string `json:"changes"`  // the keys' words for their successors and on those before them, oldest first
	Vault    []byte   `json:"vault"`    // AES-256 key over the devices' release secrets
}

// deviceKeys sign desired states and seal release secrets.
type deviceKeys struct {
	deviceSecrets
	signer note.Signer
	vault
}

// loadDeviceKeys reads the keys, and makes them where there are none: a server that is
// older than its first device starts without a word. sameDevices finds a lost file.
func loadDeviceKeys(dir, origin string) (*deviceKeys, error) {
	path := filepath.Join(dir, deviceFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if raw, err = newDeviceSecrets(origin); err == nil {
			err = writeNew(path, string(raw))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("device keys: %w", err)
	}
	var k deviceKeys
	if err := json.Unmarshal(raw, &k.deviceSecrets); err != nil {
		return nil, fmt.Errorf("read %s: %w", deviceFile, err)
	}
	if k.signer, err = note.NewSigner(k.Signer); err != nil {
		return nil, fmt.Errorf("read %s: %w", deviceFile, err)
	}
	if k.vault, err = openVault(k.deviceSecrets.Vault); err != nil {
		return nil, fmt.Errorf("read %s: %w", deviceFile, err)
	}
	return &k, nil
}

func newDeviceSecrets(origin string) ([]byte, error) {
	signer, verifier, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	s := deviceSecrets{Signer: signer, Verifier: verifier, Changes: []string{}, Vault: make([]byte, 32)}
	rand.Read(s.Vault) // never fails: crypto/rand ends the program instead
	return json.MarshalIndent(s, "", "  ")
}

// RotateDeviceKey makes a new signing key for desired states, which the old one names; with
// retire, the new one then ends every older key. It takes effect when the server starts
// again; devices learn of it when they next come, however late. It gives the new public key.
func RotateDeviceKey(cfg Config, retire bool) (verifier string, err error) {
	dir := filepath.Join(cfg.Data, "keys")
	if _, err := os.Stat(filepath.Join(dir, deviceFile)); err != nil {
		return "", fmt.Errorf("no device key to change: %w", err)
	}
	k, err := loadDeviceKeys(dir, "")
	if err != nil {
		return "", err
	}
	s := k.deviceSecrets
	if s.Signer, s.Verifier, err = note.GenerateKey(rand.Reader, k.signer.Name()); err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	change, err := wire.SignKeyChange(s.Verifier, k.signer)
	if err != nil {
		return "", err
	}
	s.Changes = append(s.Changes, change)
	if retire {
		newest, err := note.NewSigner(s.Signer)
		if err != nil {
			return "", fmt.Errorf("make key: %w", err)
		}
		retired, err := wire.SignRetirement(wire.SigningKeys(s.Changes), newest)
		if err != nil {
			return "", err
		}
		s.Changes = append(s.Changes, retired)
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return "", fmt.Errorf("marshal device keys: %w", err)
	}
	next := filepath.Join(dir, deviceFile+".next")
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an attempt that was broken off
		return "", fmt.Errorf("write device keys: %w", err)
	}
	if err := writeNew(next, string(raw)); err != nil {
		return "", err
	}
	if err := os.Rename(next, filepath.Join(dir, deviceFile)); err != nil {
		return "", fmt.Errorf("write device keys: %w", err)
	}
	return s.Verifier, nil
}

// follows reports whether PCs that trust an older key come to trust this one.
func (k *deviceKeys) follows(older string) bool {
	trust := wire.Trust{Keys: []string{older}}
	trust.Follow(k.Changes())
	return trust.Keys[len(trust.Keys)-1] == k.Verifier
}

// sameDevices refuses a database whose PCs obey another key: they would refuse every
// word of this server.
func (h *house) sameDevices(ctx context.Context) error {
	was, err := h.db.Meta(ctx, "device_key")
	if err != nil {
		return fmt.Errorf("read device key of the database: %w", err)
	}
	k := h.keys.devices
	if was == k.Verifier {
		return nil
	}
	if was != "" && !k.follows(was) {
		return fmt.Errorf("the PCs of this database obey key %q, and the keys folder holds another: bring %s back from your backup", was, deviceFile)
	}
	if was != "" {
		if err := h.recordKey(ctx, k); err != nil {
			return fmt.Errorf("record the new device key: %w", err)
		}
	}
	return h.db.SetMeta(ctx, "device_key", k.Verifier)
}

// recordKey says in the record that PCs are to obey another key from now on, and which never
// again. A server that ends between it and the next line says so twice.
func (h *house) recordKey(ctx context.Context, k *deviceKeys) error {
	last, err := h.db.LastEventAt(ctx)
	if err != nil {
		return err
	}
	data := map[string]any{"signing_key": wire.KeyName(k.signer)}
	if retired := wire.RetiredKeys(k.Changes()); len(retired) > 0 {
		data["retired_keys"] = retired
	}
	ev, err := journal.NewEvent(newClock(last, wallOf(ctx)).Now(), "device.key_changed", "", "system", data)
	if err != nil {
		return err
	}
	return h.db.UpdateDevices(ctx, func(tx device.Tx) error { return tx.Record(ctx, ev) })
}

// Signers gives the key that signs.
func (k *deviceKeys) Signers() []note.Signer { return []note.Signer{k.signer} }

// Verifiers gives its public half.
func (k *deviceKeys) Verifiers() []string { return []string{k.Verifier} }

// Changes gives the keys' words for their successors and on those before them, oldest first.
func (k *deviceKeys) Changes() []string { return k.deviceSecrets.Changes }
