package seal_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/kit/fault"
	"sekimori/internal/seal"
)

// childEnv makes this test program a run of seal that is going to be killed: FROM|TO.
const childEnv = "SEAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if from, to, ok := strings.Cut(os.Getenv(childEnv), "|"); ok {
		if _, err := seal.Seal(context.Background(), seal.Job{Format: seal.Zip, Paths: []string{from}, Out: to, Password: password}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// refused wants a job to be refused with the fault, and nothing to be left of it.
func refused(t *testing.T, job seal.Job, id string) {
	t.Helper()
	folder := t.TempDir()
	if job.Out == "" {
		job.Out = filepath.Join(folder, "out")
	} else {
		folder = filepath.Dir(job.Out)
	}
	before := list(t, folder)
	if job.Format == "" {
		job.Format = seal.Zip
	}
	_, err := seal.Seal(t.Context(), job)
	if f := fault.As(err); f == nil || f.ID != id {
		t.Errorf("%v; want %s", err, id)
	}
	if diff := cmp.Diff(before, list(t, folder)); diff != "" {
		t.Errorf("it left: %s", diff)
	}
}

func list(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		names = append(names, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string][]byte{"a.txt": []byte("a"), "sub/a.txt": []byte("b"), "Sub2/A.TXT": []byte("c"), "not.pdf": []byte("%PDF-9"), "not.docx": []byte("PK"),
		"signed.pdf": signedPDF(), "x/old.pdf": oldPDF("")})
	at := func(names ...string) []string {
		var out []string
		for _, n := range names {
			out = append(out, filepath.Join(dir, n))
		}
		return out
	}
	refused(t, seal.Job{Password: password}, "seal.nothing")
	refused(t, seal.Job{Password: password, Paths: []string{t.TempDir()}}, "seal.nothing")
	refused(t, seal.Job{Password: password, Paths: at("none")}, "seal.unreadable")
	refused(t, seal.Job{Password: password, Paths: at("a.txt", "sub/a.txt")}, "seal.same_name")
	refused(t, seal.Job{Password: password, Paths: at("a.txt", "Sub2/A.TXT")}, "seal.same_name")
	refused(t, seal.Job{Password: password, Paths: at("a.txt"), Format: "zipcrypto"}, "seal.unknown_format")
	for _, p := range []string{"", "short", "パスワードパスワードパスワード", strings.Repeat("a", 65), "with a\ttab in it"} {
		refused(t, seal.Job{Password: p, Paths: at("a.txt")}, "seal.password")
	}
	refused(t, seal.Job{Password: password, Recipients: []string{"age1x"}, Format: seal.Age, Paths: at("a.txt")}, "seal.password_or_recipient")
	refused(t, seal.Job{Recipients: []string{"age1x"}, Paths: at("a.txt")}, "seal.password_or_recipient")
	refused(t, seal.Job{Recipients: []string{"age1x"}, Format: seal.Age, Paths: at("a.txt")}, "seal.recipient")
	folder := t.TempDir()
	refused(t, seal.Job{Password: password, Paths: at("a.txt"), Format: seal.PDF, Out: folder}, "seal.not_this_format")
	refused(t, seal.Job{Password: password, Paths: at("not.pdf"), Format: seal.PDF, Out: folder}, "seal.not_this_format")
	refused(t, seal.Job{Password: password, Paths: at("not.docx"), Format: seal.Office, Out: folder}, "seal.not_this_format")
	refused(t, seal.Job{Password: password, Paths: at("signed.pdf"), Format: seal.PDF, Out: folder}, "seal.signed")
	taken := filepath.Join(dir, "sub", "a.txt")
	refused(t, seal.Job{Password: password, Paths: at("a.txt"), Out: taken}, "seal.exists")
	// Of two files the second one cannot be sealed: neither is.
	refused(t, seal.Job{Password: password, Paths: at("x/old.pdf", "signed.pdf"), Format: seal.PDF, Out: folder}, "seal.signed")
}

func TestSealedOnceOnly(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string][]byte{"a.pdf": oldPDF(""), "a.docx": smallDocument(t)})
	for name, f := range map[string]seal.Format{"a.pdf": seal.PDF, "a.docx": seal.Office} {
		m, err := seal.Seal(t.Context(), seal.Job{Format: f, Paths: []string{filepath.Join(dir, name)}, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, seal.Job{Format: f, Paths: []string{m.Outputs[0].Path}, Password: password, Out: t.TempDir()}, "seal.already")
	}
}

func TestManifestIsTrue(t *testing.T) {
	t.Parallel()
	dir, to := tree(t, samples()), filepath.Join(t.TempDir(), "o.zip")
	var last seal.Progress
	m, err := seal.Seal(t.Context(), seal.Job{Format: seal.Zip, Paths: []string{dir}, Out: to, Password: password, Progress: func(p seal.Progress) {
		if p.Bytes < last.Bytes || p.Bytes > p.Total {
			t.Errorf("after %+v came %+v", last, p)
		}
		last = p
	}})
	if err != nil {
		t.Fatal(err)
	}
	if last.Bytes != last.Total || last.Total != 2*m.Bytes() {
		t.Errorf("it ended at %+v", last)
	}
	raw, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	o := m.Outputs[0]
	if o.SHA256 != sum(raw) || o.Size != int64(len(raw)) || o.Path != to {
		t.Errorf("%+v", o)
	}
	for _, f := range o.Files {
		data := samples()[strings.TrimPrefix(f.Name, filepath.Base(dir)+"/")]
		if f.SHA256 != sum(data) || f.Size != int64(len(data)) {
			t.Errorf("%+v", f)
		}
	}
	if st, err := os.Stat(to); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestOriginalsAreDeletedOnlyAsTheyWere(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string][]byte{"f/a": []byte("a"), "f/g/b": []byte("b")})
	m, err := seal.Seal(t.Context(), seal.Job{Format: seal.Zip, Paths: []string{filepath.Join(dir, "f")}, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f", "a"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := fault.As(m.DeleteOriginals()); f == nil || f.ID != "seal.changed" {
		t.Errorf("%v", f)
	}
	want := []string{dir, filepath.Join(dir, "f"), filepath.Join(dir, "f", "a"), filepath.Join(dir, "f-sealed.zip")}
	if diff := cmp.Diff(want, list(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestChangedWhileSealed changes a file at every stage.
func TestChangedWhileSealed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) error{
		"grown": func(f string) error { return os.WriteFile(f, noise(2<<20+1), 0o600) },
		"cut":   func(f string) error { return os.Truncate(f, 5) },
		"gone":  os.Remove,
		"other bytes": func(f string) error {
			h, err := os.OpenFile(f, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = h.WriteAt([]byte("x"), 7)
			return errors.Join(err, h.Close(), os.Chtimes(f, time.Time{}, time.Unix(1, 0)))
		},
		"replaced": func(f string) error {
			return errors.Join(os.WriteFile(f+"2", noise(2<<20), 0o600), os.Rename(f+"2", f))
		},
	} {
		for _, at := range []int64{1, 2 << 20, 3 << 20, 4 << 20} { // of 4 MiB, written and compared
			t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) {
				t.Parallel()
				dir := tree(t, map[string][]byte{"a": noise(2 << 20)})
				file, done := filepath.Join(dir, "a"), false
				refused(t, seal.Job{Paths: []string{file}, Password: password, Progress: func(p seal.Progress) {
					if p.Bytes >= at && !done {
						done = true
						if err := change(file); err != nil {
							t.Error(err)
						}
					}
				}}, "seal.changed")
			})
		}
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	dir, to := tree(t, map[string][]byte{"a": noise(4 << 20)}), t.TempDir()
	_, err := seal.Seal(ctx, seal.Job{Format: seal.Zip, Paths: []string{dir}, Out: filepath.Join(to, "o.zip"), Password: password, Progress: func(seal.Progress) { stop() }})
	if !errors.Is(err, context.Canceled) || len(list(t, to)) != 1 {
		t.Errorf("%v, left %q", err, list(t, to))
	}
}

// TestKilled kills runs at moments of chance. The name is free, or holds the whole; the
// original is as it was; and the next run clears up.
func TestKilled(t *testing.T) {
	t.Parallel()
	from, to := tree(t, map[string][]byte{"a": noise(24 << 20)}), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(to, "o.zip")
	left, kills := 0, 8
	for range kills {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), childEnv+"="+from+"|"+out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); len(list(t, to)) == 1 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		if _, err := os.Stat(out); err == nil {
			whole(t, out)
			if err := os.Remove(out); err != nil {
				t.Fatal(err)
			}
		}
		left += len(list(t, to)) - 1
	}
	if left == 0 {
		t.Error("no run was killed in its middle")
	}
	m, err := seal.Seal(t.Context(), seal.Job{Format: seal.Zip, Paths: []string{from}, Out: out, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{to, out}, list(t, to)); diff != "" {
		t.Errorf("after %d kills: %s", kills, diff)
	}
	if m.Outputs[0].Files[0].SHA256 != sum(noise(24<<20)) {
		t.Error("the original is not what it was")
	}
}

// whole wants a file that Look calls sealed.
func whole(t *testing.T, file string) {
	t.Helper()
	if found := look(t, file); !found.Sealed {
		t.Errorf("%s: %+v", file, found)
	}
}

func look(t *testing.T, file string) seal.Found {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	found, err := seal.Look(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPassword(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		p := seal.NewPassword()
		if len(p) != 24 || strings.Count(p, "-") != 4 || strings.ContainsAny(p, "0O1lIiosz9qv ") || seen[p] {
			t.Fatalf("%q", p)
		}
		if err := seal.CheckPassword(p); err != nil {
			t.Fatal(err)
		}
		seen[p] = true
	}
	got := seal.Spoken("ab2-x!", func(l string) string { return "<" + l + ">" })
	if diff := cmp.Diff([]string{"<a> <b> <2>", "<x> !"}, got); diff != "" {
		t.Error(diff)
	}
}
