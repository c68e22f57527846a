package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/outbound/blob"
)

const words = "この一件は、総務部の引き出しから見つかりました。"

func newKey(t testing.TB) *blob.Key {
	t.Helper()
	path := filepath.Join(t.TempDir(), "evidence.key")
	if err := blob.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	k, err := blob.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func open(t testing.TB, dir string, k *blob.Key) *blob.Files {
	t.Helper()
	f, err := blob.OpenFiles(dir, k, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func key() string { return id.New("inc", time.Now()) + "/" + id.New("evd", time.Now()) }

func put(t testing.TB, f *blob.Files, k, text string) {
	t.Helper()
	if err := f.Put(context.Background(), k, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func get(f *blob.Files, k string) (string, error) {
	r, err := f.Open(context.Background(), k)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

// left lists every file below dir.
func left(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir, k := t.TempDir(), newKey(t)
	for _, tc := range []struct{ name, text string }{
		{"empty", ""}, {"words", words}, {"one chunk", strings.Repeat("x", 64<<10)}, {"a chunk and a byte", strings.Repeat("y", 64<<10+1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			name := key()
			put(t, open(t, dir, k), name, tc.text)
			got, err := get(open(t, dir, k), name) // as after a restart
			if err != nil || got != tc.text {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(tc.text))
			}
		})
	}
}

func TestDiskHoldsCiphertextOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, name := open(t, dir, newKey(t)), key()
	put(t, f, name, words)
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("総務部")) || !bytes.HasPrefix(raw, []byte("age-encryption.org/v1\n")) {
		t.Errorf("the file on disk is not an age file: %q", raw)
	}
	if info, err := os.Stat(filepath.Join(dir, name)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTampering(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	for _, tc := range []struct {
		name string
		do   func(raw []byte) []byte
	}{
		{"last byte", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		{"middle", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{"header", func(b []byte) []byte { b[30] ^= 1; return b }},
		{"cut short", func(b []byte) []byte { return b[:len(b)-10] }},
		{"cut at a chunk", func(b []byte) []byte { return b[:len(b)-(64<<10+16)] }},
		{"more behind", func(b []byte) []byte { return append(b, "more"...) }},
		{"emptied", func([]byte) []byte { return nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir, name := t.TempDir(), key()
			f := open(t, dir, k)
			put(t, f, name, strings.Repeat("z", 128<<10))
			path := filepath.Join(dir, name)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tc.do(raw), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := get(f, name); err == nil {
				t.Error("a changed file was read without an error")
			}
		})
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	dir, name := t.TempDir(), key()
	put(t, open(t, dir, newKey(t)), name, words)
	if _, err := get(open(t, dir, newKey(t)), name); err == nil {
		t.Error("opened with a key that did not write it")
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	if err := blob.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	if err := blob.NewKeyFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key over the first: %v", err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := blob.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	files, name := t.TempDir(), key()
	put(t, open(t, files, k), name, words)

	newer := filepath.Join(dir, "newer")
	if err := blob.NewKeyFile(newer); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(newer, slices.Concat(text, old), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err = blob.LoadKey(newer); err != nil {
		t.Fatal(err)
	}
	if got, err := get(open(t, files, k), name); err != nil || got != words {
		t.Errorf("after a change of keys: %q, %v", got, err)
	}
}

func TestBadKeyFile(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text string }{
		{"empty", ""}, {"words", "not a key"}, {"comment", "# nothing\n"},
		{"cut", "AGE-SECRET-KEY-1QQQQSECRETPART"}, {"public", "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "k")
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := blob.LoadKey(path)
			if err == nil || strings.Contains(err.Error(), "SECRETPART") {
				t.Errorf("LoadKey: %v", err)
			}
		})
	}
	if _, err := blob.LoadKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// A photo of a thing has a key of its own form, and each form keeps to its own folders.
func TestPhotosAreKept(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir(), newKey(t))
	photo := id.New("ast", time.Now()) + "/" + id.New("pho", time.Now())
	put(t, f, photo, words)
	if got, err := get(f, photo); got != words || err != nil {
		t.Errorf("kept %q, %v", got, err)
	}
	if err := f.Delete(t.Context(), photo); err != nil {
		t.Error(err)
	}
	if _, err := get(f, photo); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("deleted, and %v", err)
	}
	thing, name, _ := strings.Cut(photo, "/")
	inc, evd, _ := strings.Cut(key(), "/")
	for _, k := range []string{thing + "/" + evd, inc + "/" + name} {
		if err := f.Put(t.Context(), k, strings.NewReader(words)); err == nil {
			t.Errorf("Put took the key %q", k)
		}
	}
}

func TestPathTricks(t *testing.T) {
	t.Parallel()
	outer := t.TempDir()
	dir := filepath.Join(outer, "store")
	f, ctx, good := open(t, dir, newKey(t)), context.Background(), key()
	inc, evd, _ := strings.Cut(good, "/")
	for _, k := range []string{
		"", "/", ".", "..", "../x", inc, inc + "/", "/" + good, good + "/", good + "/x", good + "\x00",
		inc + "/../" + evd, "../" + good, inc + "/..", inc + "//" + evd, inc + `\` + evd, "./" + good,
		strings.ToUpper(good), evd + "/" + inc, "unfinished/" + evd, good + " ", inc + "/evd_x", "C:/" + good,
	} {
		if err := f.Put(ctx, k, strings.NewReader(words)); err == nil {
			t.Errorf("Put took the key %q", k)
		}
		if _, err := f.Open(ctx, k); err == nil {
			t.Errorf("Open took the key %q", k)
		}
		if err := f.Delete(ctx, k); err == nil {
			t.Errorf("Delete took the key %q", k)
		}
	}
	if got := left(t, outer); len(got) > 0 {
		t.Errorf("files left: %v", got)
	}
}

func TestSymbolicLinkLeadsNowhere(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("making a symbolic link there needs a privilege")
	}
	dir, outside, name := t.TempDir(), t.TempDir(), key()
	f := open(t, dir, newKey(t))
	inc, _, _ := strings.Cut(name, "/")
	if err := os.Symlink(outside, filepath.Join(dir, inc)); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(context.Background(), name, strings.NewReader(words)); err == nil {
		t.Error("wrote through a symbolic link")
	}
	if got := slices.Concat(left(t, outside), left(t, filepath.Join(dir, "unfinished"))); len(got) > 0 {
		t.Errorf("files left: %v", got)
	}
}

func TestFailedPutLeavesNothing(t *testing.T) {
	t.Parallel()
	tooLarge := fault.New(fault.TooLarge, "fault.too_large", nil)
	broken := errors.New("the connection broke")
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		r    io.Reader
		want error
	}{
		{"at once", context.Background(), iotest.ErrReader(broken), broken},
		{"in the middle", context.Background(), io.MultiReader(strings.NewReader(strings.Repeat("x", 200<<10)), iotest.ErrReader(broken)), broken},
		{"a fault", context.Background(), io.MultiReader(strings.NewReader(words), iotest.ErrReader(tooLarge)), tooLarge},
		{"cancelled", gone, strings.NewReader(words), context.Canceled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir, name := t.TempDir(), key()
			f := open(t, dir, newKey(t))
			if err := f.Put(tc.ctx, name, tc.r); !errors.Is(err, tc.want) {
				t.Errorf("error %v does not hold %v", err, tc.want)
			}
			if got := left(t, dir); len(got) > 0 {
				t.Errorf("files left: %v", got)
			}
			if _, err := f.Open(context.Background(), name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Open: %v", err)
			}
			put(t, f, name, words) // the key is still free
		})
	}
}

func TestPutIfAbsent(t *testing.T) {
	t.Parallel()
	dir, name := t.TempDir(), key()
	f := open(t, dir, newKey(t))
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		won  []string
		lost int
	)
	for _, text := range strings.Split("abcdefgh", "") {
		wg.Go(func() {
			err := f.Put(context.Background(), name, strings.NewReader(text))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won = append(won, text)
			case errors.Is(err, fs.ErrExist):
				lost++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := get(f, name)
	if err != nil || len(won) != 1 || lost != 7 || got != won[0] {
		t.Errorf("won %v, lost %d, file %q, %v", won, lost, got, err)
	}
	if files := left(t, dir); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	dir, name := t.TempDir(), key()
	f := open(t, dir, newKey(t))
	put(t, f, name, words)
	for range 2 {
		if err := f.Delete(context.Background(), name); err != nil {
			t.Error(err)
		}
	}
	if got := left(t, dir); len(got) > 0 {
		t.Errorf("files left: %v", got)
	}
}

func TestOpenSweepsLeftovers(t *testing.T) {
	t.Parallel()
	dir, k, name := t.TempDir(), newKey(t), key()
	f := open(t, dir, k)
	put(t, f, name, words)
	for file, age := range map[string]time.Duration{"crashed": 2 * time.Hour, "being_written": time.Minute} {
		path := filepath.Join(dir, "unfinished", file)
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	f = open(t, dir, k)
	var got []string
	for _, path := range left(t, dir) {
		got = append(got, filepath.Base(path))
	}
	slices.Sort(got)
	if want := []string{"being_written", filepath.Base(name)}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	if text, err := get(f, name); err != nil || text != words {
		t.Errorf("%q, %v", text, err)
	}
}

// probe measures what is alive while a file passes through it, every eight megabytes.
type probe struct {
	r          io.Reader
	next, seen int64
	peak       uint64
}

func (p *probe) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.seen += int64(n); p.seen >= p.next {
		p.next += 8 << 20
		p.peak = max(p.peak, alive())
	}
	return n, err
}

func alive() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestLargeFileIsStreamed is not parallel: it measures the whole process.
func TestLargeFileIsStreamed(t *testing.T) {
	const size, room = 64 << 20, 4 << 20
	f, name := open(t, t.TempDir(), newKey(t)), key()
	want, got := sha256.New(), sha256.New()
	before := alive()
	in := &probe{r: io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{7}), size), want)}
	if err := f.Put(context.Background(), name, in); err != nil {
		t.Fatal(err)
	}
	r, err := f.Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	out := &probe{r: r}
	n, err := io.Copy(got, out)
	if err := errors.Join(err, r.Close()); err != nil || n != size || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	if in.peak > before+room || out.peak > before+room {
		t.Errorf("alive while writing %d and reading %d bytes, %d before", in.peak, out.peak, before)
	}
}
