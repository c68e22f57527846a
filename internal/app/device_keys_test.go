package app

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/kit/wire"
)

func TestRotatedDeviceKeyIsNamedByTheOld(t *testing.T) {
	t.Parallel()
	cfg := Config{Data: t.TempDir()}
	dir := filepath.Join(cfg.Data, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := RotateDeviceKey(cfg, false); err == nil {
		t.Error("changed a key that was never made")
	}
	old, err := loadDeviceKeys(dir, "sekimori/test")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := old.Seal("dev_1", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	trusted := old.Verifier
	for range 3 { // a PC that was away for all of them follows one after the other
		if _, err := RotateDeviceKey(cfg, false); err != nil {
			t.Fatal(err)
		}
	}
	now, err := loadDeviceKeys(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range now.Changes() {
		v, err := note.NewVerifier(trusted)
		if err != nil {
			t.Fatal(err)
		}
		if trusted, err = wire.OpenKeyChange(change, note.VerifierList(v)); err != nil {
			t.Fatal(err)
		}
	}
	if trusted != now.Verifier || trusted == old.Verifier {
		t.Errorf("the changes lead to %q, the key is %q", trusted, now.Verifier)
	}
	stranger, err := loadDeviceKeys(t.TempDir(), "sekimori/test")
	if err != nil {
		t.Fatal(err)
	}
	if !now.follows(old.Verifier) || !now.follows(now.Verifier) || now.follows(stranger.Verifier) || old.follows(now.Verifier) || now.follows("") {
		t.Error("wrong about who follows whom")
	}
	if got, err := now.Open("dev_1", sealed); err != nil || !bytes.Equal(got, []byte("secret")) {
		t.Errorf("a secret sealed before: %q, %v", got, err)
	}
	if _, err := now.Open("dev_2", sealed); err == nil {
		t.Error("one PC's secret opened as another's")
	}
	if f, err := os.Stat(filepath.Join(dir, deviceFile)); err != nil || f.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", f.Mode(), err)
	}
}

// TestRetiredDeviceKeys: the new key ends all before it, those too that were changed without
// a word; PCs of every age end up at it alone, and those of a restored server do not.
func TestRetiredDeviceKeys(t *testing.T) {
	t.Parallel()
	cfg := Config{Data: t.TempDir()}
	dir := filepath.Join(cfg.Data, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var known []string // the public keys of the time, oldest first
	load := func() *deviceKeys {
		t.Helper()
		k, err := loadDeviceKeys(dir, "sekimori/test")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	known = append(known, load().Verifier)
	for _, retire := range []bool{false, false, true, false} {
		v, err := RotateDeviceKey(cfg, retire)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, v)
	}
	now := load()
	for i, from := range known {
		trust := wire.Trust{Keys: []string{from}}
		trust.Follow(now.Changes())
		if want := known[max(i, 3):]; !slices.Equal(trust.Keys, want) {
			t.Errorf("a PC of key %d believes %d keys, want %d", i, len(trust.Keys), len(want))
		}
		if !now.follows(from) {
			t.Errorf("key %d is not followed", i)
		}
	}
	if got := wire.RetiredKeys(now.Changes()); len(got) != 3 {
		t.Errorf("documents say that these are over: %v", got)
	}
}
