package read

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sekimori/internal/pii"
)

// TestMain lets this test program be the child, too, as the shipped programs are with their hidden verb. What no file
// should be able to make a reader do, the name of the file makes it do here.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != Verb {
		os.Exit(m.Run())
	}
	if err := serve(os.Stdin, os.Stdout, misbehave); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func misbehave(name string) {
	switch name {
	case "loop":
		for n := 0; ; n++ {
			runtime.KeepAlive(n)
		}
	case "sleep":
		time.Sleep(time.Hour)
	case "memory":
		var all [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
			runtime.KeepAlive(all)
		}
	case "stack":
		runtime.KeepAlive(deeper(0))
	case "panic":
		panic("a reader fell over")
	case "sigkill":
		p, err := os.FindProcess(os.Getpid())
		if err == nil {
			_ = p.Signal(syscall.SIGKILL)
		}
		time.Sleep(time.Hour)
	case "exit":
		os.Exit(0)
	case "garbage":
		_, _ = os.Stdout.Write(bytes.Repeat([]byte("nonsense"), 1000))
	case "long frame":
		_, _ = os.Stdout.Write([]byte("b\xff\xff\xff\xff"))
	case "rows of no table":
		_, _ = os.Stdout.Write([]byte("R\x00\x00\x00\x01\x00"))
	case "ask behind the end":
		_, _ = os.Stdout.Write([]byte("a\x00\x00\x00\x0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	case "lie":
		_, _ = os.Stdout.Write(append([]byte("D\x00\x00\x00\x41"), `{"report":{"kind":"x","parts":-5,"unread":[{"reason":"whatever"}]}}`[:65]...))
	case "escape":
		escape()
	}
}

func deeper(n int) int {
	if n < 0 {
		return 0
	}
	return deeper(n+1) + 1
}

// escape tries what a reader has no use for, and falls over unless all is refused.
func escape() {
	if _, err := os.ReadFile("/etc/hostname"); err == nil {
		panic("a file could be read")
	}
	if err := os.WriteFile(filepath.Join(os.TempDir(), "escaped"), nil, 0o600); err == nil {
		panic("a file could be written")
	}
	if c, err := net.Dial("udp", "127.0.0.1:9"); err == nil {
		_ = c.Close()
		panic("the network could be reached")
	}
	if err := exec.Command("/bin/true").Run(); err == nil {
		panic("a program could be started")
	}
}

func newChild(t testing.TB, change func(*ChildOptions)) *Child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opt := ChildOptions{Command: []string{self, Verb}, Temp: t.TempDir()}
	if change != nil {
		change(&opt)
	}
	c := NewChild(opt)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestChildIsTheSame: what comes out of a child is what comes out of the reader itself.
func TestChildIsTheSame(t *testing.T) {
	names, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	c := newChild(t, func(o *ChildOptions) { o.Cache = compiled(t) })
	for _, name := range names {
		data := fixture(t, filepath.Base(name))
		want, wantReport := readBytes(t, data, name, Limits{})
		got := newRecorder()
		report, err := c.File(t.Context(), bytes.NewReader(data), name, Limits{}, got)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(report) != fmt.Sprint(wantReport) {
			t.Errorf("%s: report %+v, want %+v", name, report, wantReport)
		}
		if fmt.Sprint(got.texts, got.tables, got.heads) != fmt.Sprint(want.texts, want.tables, want.heads) {
			t.Errorf("%s: the child handed on something else", name)
		}
	}
}

// TestChildMisbehaves: whatever a child does, its file is named with the reason, and the next file is read by a new one.
func TestChildMisbehaves(t *testing.T) {
	c := newChild(t, func(o *ChildOptions) { o.Memory = 128 << 20 })
	for name, want := range map[string]Reason{
		"loop": TooLong, "sleep": TooLong, "memory": TooLarge, "stack": TooLarge, "panic": Damaged, "sigkill": TooLarge,
		"exit": Damaged, "garbage": Damaged, "long frame": Damaged, "rows of no table": Damaged, "ask behind the end": Damaged, "lie": Damaged,
	} {
		if name == "memory" && runtime.GOOS != "linux" {
			continue // the runtime's own bound is no hard one
		}
		limits := Limits{Time: 300 * time.Millisecond}
		if want != TooLong { // what comes by itself is waited for, however busy the machine
			limits.Time = time.Minute
		}
		report, err := c.File(t.Context(), strings.NewReader("山本"), name, limits, newRecorder())
		if err != nil || report.Reason() != want {
			t.Errorf("%s: %+v %v, want %s", name, report, err, want)
		}
		rec := newRecorder()
		report, err = c.File(t.Context(), strings.NewReader("佐久間"), "next.txt", Limits{}, rec)
		if err != nil || len(report.Unread) > 0 || rec.texts[""] != "佐久間" {
			t.Errorf("the file behind %s: %+v %v %q", name, report, err, rec.texts)
		}
	}
}

func TestChildIsReusedAndExchanged(t *testing.T) {
	starts := 0
	c := newChild(t, func(o *ChildOptions) {
		o.Files = 3
		o.Started = func(*os.Process) error { starts++; return nil }
	})
	for range 7 {
		if _, err := c.File(t.Context(), strings.NewReader("山本"), "a.txt", Limits{}, newRecorder()); err != nil {
			t.Fatal(err)
		}
	}
	if starts != 3 {
		t.Errorf("%d children for 7 files, 3 each", starts)
	}
	own := errors.New("not this one")
	c = newChild(t, func(o *ChildOptions) { o.Started = func(*os.Process) error { return own } })
	if _, err := c.File(t.Context(), strings.NewReader("山本"), "a.txt", Limits{}, newRecorder()); !errors.Is(err, own) {
		t.Errorf("a child that may not start: %v", err)
	}
}

// TestChildWithoutCache: a folder into which others may write is not used, and one that is not there hinders nothing.
func TestChildWithoutCache(t *testing.T) {
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, cache := range []string{open, filepath.Join(open, "missing")} {
		c := newChild(t, func(o *ChildOptions) { o.Cache = cache })
		rec := newRecorder()
		report, err := c.File(t.Context(), strings.NewReader("山本"), "a.txt", Limits{}, rec)
		if err != nil || len(report.Unread) > 0 || rec.texts[""] != "山本" {
			t.Errorf("%s: %+v %v", cache, report, err)
		}
	}
	if left, err := os.ReadDir(open); err != nil || len(left) > 0 {
		t.Errorf("it was used: %v %v", left, err)
	}
}

// TestChildLargeParts: a member too large for the memory lies in the folder for it while it is read, and no longer.
func TestChildLargeParts(t *testing.T) {
	noise := make([]byte, 20<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	outer := makeZip(t, "inner.zip", string(makeZip(t, "noise", string(noise), "名簿.txt", "山本花乃")))
	for _, temp := range []string{t.TempDir(), ""} {
		c := newChild(t, func(o *ChildOptions) { o.Temp = temp })
		rec := newRecorder()
		report, err := c.File(t.Context(), bytes.NewReader(outer), "a.zip", Limits{}, rec)
		if err != nil {
			t.Fatal(err)
		}
		if temp == "" {
			if !slices.Contains(report.Unread, Unread{"inner.zip", Zip, TooLarge}) {
				t.Errorf("without a folder: %+v", report)
			}
			continue
		}
		if rec.texts["inner.zip › 名簿.txt"] != "山本花乃" {
			t.Errorf("%+v %q", report, rec.texts)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
}

func TestChildSinkAndContext(t *testing.T) {
	c := newChild(t, nil)
	own := errors.New("enough")
	rec := newRecorder()
	rec.fail = own
	if _, err := c.File(t.Context(), strings.NewReader("山本"), "a.txt", Limits{}, rec); !errors.Is(err, own) {
		t.Errorf("the sink's error came back as %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stop := time.AfterFunc(50*time.Millisecond, cancel)
	defer stop.Stop()
	if _, err := c.File(ctx, strings.NewReader("山本"), "sleep", Limits{}, newRecorder()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled reading ended with %v", err)
	}
	lazy := lazySink{newRecorder()}
	report, err := c.File(t.Context(), bytes.NewReader(fixture(t, "d.tgz")), "d.tgz", Limits{}, lazy)
	if err != nil || len(report.Unread) > 0 {
		t.Errorf("a sink that does not read to the end: %+v %v", report, err)
	}
}

// lazySink takes no more than the first byte of a text.
type lazySink struct{ *recorder }

func (lazySink) Text(_ context.Context, _ string, r io.Reader, _ pii.Hint) error {
	_, err := r.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// TestSourceFails: a disk that cannot be read, and a file that changes, are named.
func TestSourceFails(t *testing.T) {
	c := newChild(t, nil)
	report, err := c.File(t.Context(), &brokenSource{err: os.ErrPermission}, "a.zip", Limits{}, newRecorder())
	if err != nil || report.Reason() != NotAllowed {
		t.Errorf("%+v %v", report, err)
	}
	path := filepath.Join(t.TempDir(), "growing.txt")
	if err := os.WriteFile(path, []byte("山本"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := os.WriteFile(path, []byte("山本花乃 and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err = c.File(t.Context(), d, "growing.txt", Limits{}, newRecorder())
	if err != nil || report.Reason() != Changed {
		t.Errorf("%+v %v", report, err)
	}
}

type brokenSource struct{ err error }

func (b *brokenSource) ReadAt([]byte, int64) (int, error) { return 0, b.err }
func (b *brokenSource) Size() int64                       { return 1000 }

// TestOpen: only regular files are opened, and nothing is waited for.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("山本"), 0o600); err != nil {
		t.Fatal(err)
	}
	link, fifo, sock := filepath.Join(dir, "link"), filepath.Join(dir, "fifo"), filepath.Join(dir, "sock")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := makeFIFO(fifo); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, path := range []string{dir, link, fifo, sock, os.DevNull} {
		if _, err := Open(path); err == nil || ReasonOf(err) != NotRegular {
			t.Errorf("%s: %v", path, err)
		}
	}
	d, err := Open(file)
	if err != nil || d.Size() != 6 || d.Changed() {
		t.Errorf("%+v %v", d, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
