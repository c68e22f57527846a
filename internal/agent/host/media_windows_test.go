package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/windows/registry"

	"sekimori/internal/kit/wire"
)

// TestRegistryOfPolicies writes below a key of its own: no policy of the PC is touched.
func TestRegistryOfPolicies(t *testing.T) {
	const key = `SOFTWARE\SekimoriTest`
	s := registryStore{}
	t.Cleanup(func() { _ = registry.DeleteKey(registry.LOCAL_MACHINE, key) })
	if _, there, err := s.number(key, "n"); there || err != nil {
		t.Fatal(there, err)
	}
	if names, err := s.names(key); len(names) != 0 || err != nil {
		t.Fatal(names, err)
	}
	entry := allowEntry(aStickOfWindows)
	if err := errors.Join(s.clear(key, "n"), s.setNumber(key, "n", formerNone), s.setText(key, entry.name, entry.text)); err != nil {
		t.Fatal(err)
	}
	if n, there, err := s.number(key, "n"); n != formerNone || !there || err != nil {
		t.Error(n, there, err)
	}
	if _, _, err := s.number(key, entry.name); err == nil {
		t.Error("a text is read as a number")
	}
	if names, err := s.names(key); !slices.Contains(names, entry.name) || len(names) != 2 || err != nil {
		t.Error(names, err)
	}
	if err := errors.Join(s.clear(key, "n"), s.clear(key, entry.name)); err != nil {
		t.Error(err)
	}
	if names, err := s.names(key); len(names) != 0 || err != nil {
		t.Error(names, err)
	}
}

func TestTokenFileOfWindows(t *testing.T) {
	folder, err := os.MkdirTemp("", "sekimori")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // Wine cannot remove a tree as TempDir does
		if err := errors.Join(os.Remove(filepath.Join(folder, wire.TokenFile)), os.Remove(folder)); err != nil {
			t.Error(err)
		}
	})
	dir := folder + `\`
	if _, err := readToken(dir + wire.TokenFile); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, text := range []string{"first", "second"} {
		if err := writeToken(dir, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := readToken(dir + wire.TokenFile); string(got) != text || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := os.WriteFile(dir+wire.TokenFile, make([]byte, 2*wire.MaxMediumToken), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readToken(dir + wire.TokenFile); len(got) != wire.MaxMediumToken+1 || err != nil {
		t.Error(len(got), err)
	}
}

func TestMediaThatAreNotThere(t *testing.T) {
	h := &windowsHost{}
	ctx := context.Background()
	for what, err := range map[string]error{
		"admit":  h.Admit(ctx, aStickOfWindows, nil),
		"refuse": h.Refuse(ctx, aStickOfWindows, nil),
		"eject":  func() error { _, err := h.Eject(ctx, aStickOfWindows, nil); return err }(),
		"disks":  func() error { _, err := h.Disks(ctx, aStickOfWindows); return err }(),
	} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := h.ReadToken(ctx, Disk{Name: diskPrefix + "99"}); !errors.Is(err, ErrNoToken) {
		t.Error(err)
	}
	if err := h.Offer(ctx, Disk{}, true); err == nil {
		t.Error("read-only is promised")
	}
}

// TestHoldingByPolicy: under Wine nothing obeys these values, but they are written, kept and
// taken back as on Windows.
func TestHoldingByPolicy(t *testing.T) {
	inWine(t)
	h := &windowsHost{}
	ctx := context.Background()
	s := registryStore{}
	t.Cleanup(func() { _ = h.HoldUSB(ctx, false) })
	entry := allowEntry(aStickOfWindows)
	for range 2 {
		if err := h.HoldUSB(ctx, true); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"DenyDeviceIDs", "DenyDeviceIDsRetroactive", "AllowInstanceIDs", "AllowDenyLayered"} {
			if n, there, err := s.number(restrictions, name); n != 1 || !there || err != nil {
				t.Error(name, n, there, err)
			}
		}
		if names, err := s.names(allowInstances); len(names) != 0 || err != nil {
			t.Errorf("%q is allowed, and not plugged in: %v", names, err)
		}
		if err := s.setText(entry.key, entry.name, entry.text); err != nil { // of a medium that was pulled out
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := h.letAllGo(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{restrictions, denyIDs, allowInstances, formerPolicy} {
		if names, err := s.names(key); len(names) != 0 || err != nil {
			t.Errorf("%s: %q is left, %v", key, names, err)
		}
	}
}
