//go:build unix

package seal_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sekimori/internal/seal"
)

// TestOnlyFiles: what is no ordinary file is named and refused, alone and in a folder, and
// a link leads nowhere.
func TestOnlyFiles(t *testing.T) {
	t.Parallel()
	outside := tree(t, map[string][]byte{"secret": []byte("outside")})
	for name, make := range map[string]func(string) error{
		"pipe":                func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"link to a file":      func(p string) error { return os.Symlink(filepath.Join(outside, "secret"), p) },
		"link to a folder":    func(p string) error { return os.Symlink(outside, p) },
		"link to itself":      func(p string) error { return os.Symlink(p, p) },
		"link that is broken": func(p string) error { return os.Symlink("none", p) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, map[string][]byte{"f/a": []byte("a")})
			odd := filepath.Join(dir, "f", "odd")
			if err := make(odd); err != nil {
				t.Fatal(err)
			}
			refused(t, seal.Job{Paths: []string{odd}, Password: password}, "seal.not_a_file")
			refused(t, seal.Job{Paths: []string{filepath.Join(dir, "f")}, Password: password}, "seal.not_a_file")
		})
	}
}

// TestBecomesSomethingElse: a file whose place a pipe or a link takes holds nobody up, and
// leads nowhere.
func TestBecomesSomethingElse(t *testing.T) {
	t.Parallel()
	outside := tree(t, map[string][]byte{"secret": []byte("b")})
	for name, make := range map[string]func(string) error{
		"pipe": func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"link": func(p string) error { return os.Symlink(filepath.Join(outside, "secret"), p) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, map[string][]byte{"a": []byte("a"), "b": []byte("b")})
			second, done := filepath.Join(dir, "b"), false
			refused(t, seal.Job{Paths: []string{dir}, Password: password, Progress: func(seal.Progress) {
				if !done {
					done = true
					if err := errors.Join(os.Remove(second), make(second)); err != nil {
						t.Error(err)
					}
				}
			}}, map[string]string{"pipe": "seal.changed", "link": "seal.unreadable"}[name])
		})
	}
}

func TestNamesThatAreNoText(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "\x8c\xda\x8bq.csv"), []byte("a"), 0o600); err != nil {
		t.Fatal(err) // 顧客 in Shift_JIS
	}
	refused(t, seal.Job{Paths: []string{dir}, Password: password}, "seal.name_not_utf8")
}

// TestNamesAreComposed: macOS writes が as two characters, which Windows shows as two.
func TestNamesAreComposed(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string][]byte{"か\u3099.txt": []byte("a")})
	m, err := seal.Seal(t.Context(), seal.Job{Format: seal.Zip, Paths: []string{filepath.Join(dir, "か\u3099.txt")}, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Outputs[0].Files[0].Name; got != "が.txt" {
		t.Errorf("%q", got)
	}
}

// TestLeftoversOfOthersStay: a run that is under way keeps its file, whatever another one
// finds beside it.
func TestLeftoversOfOthersStay(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string][]byte{"a": noise(1 << 20), "b": []byte("b")})
	inner := false
	_, err := seal.Seal(t.Context(), seal.Job{Format: seal.Zip, Paths: []string{filepath.Join(dir, "a")}, Password: password, Progress: func(seal.Progress) {
		if inner {
			return
		}
		inner = true
		if _, err := seal.Seal(t.Context(), seal.Job{Format: seal.Zip, Paths: []string{filepath.Join(dir, "b")}, Password: password}); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Error(err)
	}
	whole(t, filepath.Join(dir, "a-sealed.zip"))
	whole(t, filepath.Join(dir, "b-sealed.zip"))
}
