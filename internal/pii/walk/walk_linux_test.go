package walk

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"sekimori/internal/pii/read"
)

// TestOddTrees: links, loops of them, pipes, sockets, names that are no characters, holes, and what nobody may read are
// named; nothing is followed out of the tree, and nothing hangs.
func TestOddTrees(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, "secret.csv", list)
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "in/list.csv", list)
	link(outside, "out")
	link("..", "in/loop")
	link("round", "round")
	link(filepath.Join(outside, "secret.csv"), "in/file")
	link("nowhere", "broken")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	short, err := os.MkdirTemp("/tmp", "w") // the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	sock, err := net.Listen("unix", filepath.Join(short, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sock.Close() })
	if err := os.Link(filepath.Join(short, "s"), filepath.Join(dir, "socket")); err != nil {
		if err := os.Rename(filepath.Join(short, "s"), filepath.Join(dir, "socket")); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "\x96\xbc\x95\xeb.csv", list)
	write(t, dir, "new\nline.csv", list)
	got := look(t, options(t, dir))
	want := map[string]Skip{"out": Link, "in/loop": Link, "round": Link, "in/file": Link, "broken": Link, "pipe": Special, "socket": Special}
	for name, why := range want {
		if got.files[name].Skipped != why {
			t.Errorf("%s: %+v", name, got.files[name])
		}
	}
	if got.Found != 3 || got.files[`\x96\xbc\x95\xeb.csv`].People != 2 || got.files[`new\x0aline.csv`].People != 2 || len(got.files) != len(want)+3 {
		t.Errorf("%v", got.order)
	}
}

// TestHoles: of a sparse file of 1 TB only what is there is read.
func TestHoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := write(t, dir, "sparse.csv", list+strings.Repeat(rows, 1000)) // before the first hole more than is sniffed
	f, err := os.OpenFile(p, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("\r\n架空 次太,third@kaku.example,1990-01-02\r\n"), 1<<39); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 40); err != nil {
		t.Skipf("this file system has no such files: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	opt := options(t, dir)
	opt.Meter = &Meter{}
	got := look(t, opt)
	if f := got.files["sparse.csv"]; f.Size != 1<<40 || f.People != 3 || f.Counts["mail"].Sure() != 2003 {
		t.Errorf("%+v", f)
	}
	if n := opt.Meter.Progress().Bytes; n != 1<<40 {
		t.Errorf("the meter saw %d bytes", n)
	}
}

// TestNotAllowed: what may not be read is named, and tried again the next time. Root may
// read everything, so root lets somebody else look.
func TestNotAllowed(t *testing.T) {
	dir := os.Getenv("SEKIMORI_NOT_ALLOWED")
	if dir == "" {
		dir = t.TempDir()
		write(t, dir, "closed/list.csv", list)
		write(t, dir, "list.csv", list)
		for _, name := range []string{"closed", "list.csv"} {
			if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o700) })
		if os.Geteuid() == 0 {
			asNobody(t, dir)
			return
		}
	}
	got := look(t, options(t, dir))
	for _, name := range []string{"closed", "list.csv"} {
		if f := got.files[name]; len(f.Unread) != 1 || f.Unread[0].Reason != read.NotAllowed {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// asNobody runs the test that calls it again, as somebody who owns nothing in dir.
func asNobody(t *testing.T, dir string) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("", "sekimori-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	program := filepath.Join(home, "walk.test")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	if err := errors.Join(os.Chown(home, nobody, nobody), os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$")
	c.Dir, c.Env = home, append(os.Environ(), "SEKIMORI_NOT_ALLOWED="+dir, "HOME="+home, "TMPDIR="+home)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// TestRefusal: what cannot be opened has one reason each.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]read.Reason{syscall.EACCES: read.NotAllowed, syscall.EIO: read.NotAllowed, syscall.ELOOP: read.NotRegular,
		syscall.ENXIO: read.NotRegular} {
		j := &job{lasting: true}
		(&looker{}).refused(j, &os.PathError{Op: "open", Err: err})
		if len(j.found.Unread) != 1 || j.found.Unread[0].Reason != want {
			t.Errorf("%v: %+v", err, j.found)
		}
	}
	if f := unreadFolder("/a", syscall.EACCES); f.Unread[0].Reason != read.NotAllowed {
		t.Errorf("%+v", f)
	}
	if f := unreadFolder("/a", syscall.EMFILE); f.Unread[0].Reason != read.TooDeep {
		t.Errorf("%+v", f)
	}
	if f := unreadFolder("/a", errOtherSystem); f.Skipped != OtherSystem {
		t.Errorf("%+v", f)
	}
}

// TestChangedWhileRead: a file to which somebody writes meanwhile is named, and read again the next time; one that
// vanishes is counted.
func TestChangedWhileRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := write(t, dir, "log.csv", list+strings.Repeat(rows, 40_000))
	for _, name := range []string{"gone1", "gone2", "gone3"} {
		write(t, dir, name, list)
	}
	opt := options(t, dir)
	opt.State = filepath.Join(t.TempDir(), "state")
	opt.Workers = 1
	var asked atomic.Int64
	c := &clock{t: later()}
	opt.Now = func() time.Time { c.t = c.t.Add(6 * time.Second); return c.t }
	opt.Pace.Hold = func() string { // called while it reads
		switch asked.Add(1) {
		case 2: // the folder was read, no file was
			for _, name := range []string{"gone1", "gone2", "gone3"} {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Error(err)
				}
			}
		case 8:
			f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return ""
			}
			if _, err := f.WriteString("more\n"); err != nil {
				t.Error(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		return ""
	}
	got := look(t, opt)
	if f := got.files["log.csv"]; len(f.Unread) != 1 || f.Unread[0].Reason != read.Changed || f.People != 2 {
		t.Errorf("%d times asked: unread %+v, %d people", asked.Load(), f.Unread, f.People)
	}
	if got.Gone == 0 || got.Gone+got.Files != 4 {
		t.Errorf("%+v", got.Summary)
	}
	opt.Pace.Hold = nil
	if again := look(t, opt); again.Reused != 0 || again.Files != 1 || len(again.files["log.csv"].Unread) != 0 {
		t.Errorf("%+v", again.Summary)
	}
}

// TestKilled: a scan that is killed leaves the old state whole, and what it left unfinished goes away.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a/a.csv", list)
	write(t, dir, "b/b.csv", list)
	opt := options(t, dir)
	opt.State = filepath.Join(t.TempDir(), "state")
	look(t, opt)
	before, err := os.ReadFile(opt.State)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a/a.csv", list+list)
	write(t, dir, "c/z.csv", list)
	cmd := exec.Command(opt.Child.Command[0], slowVerb, dir, opt.State)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "here\n" {
		t.Errorf("%q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	after, err := os.ReadFile(opt.State)
	if err != nil || string(after) != string(before) {
		t.Errorf("the state changed: %v", err)
	}
	unfinished := func() int {
		all, err := filepath.Glob(opt.State + ".unfinished-*")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if unfinished() != 1 {
		t.Errorf("%d unfinished states", unfinished())
	}
	if got := look(t, opt); got.Reused != 1 || got.Found != 3 || unfinished() != 1 {
		t.Errorf("%+v", got.Summary)
	}
	opt.Now = func() time.Time { return later().Add(2 * forgotten) }
	if got := look(t, opt); got.Reused != 3 || unfinished() != 0 {
		t.Errorf("%+v, %d unfinished states", got.Summary, unfinished())
	}
	if info, err := os.Stat(opt.State); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestOtherSystems: what is mounted below is passed over, unless it is asked for.
func TestOtherSystems(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "list.csv", list)
	under := filepath.Join(dir, "mounted")
	if err := os.Mkdir(under, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("sekimori-test", under, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(under, 0) })
	write(t, under, "list.csv", list)
	opt := options(t, dir)
	if got := look(t, opt); got.Found != 1 || got.files["mounted"].Skipped != OtherSystem {
		t.Errorf("%+v", got.files)
	}
	opt.OtherSystems = true
	if got := look(t, opt); got.Found != 2 {
		t.Errorf("%+v", got.files)
	}
}

// TestUsed: processor time is that of this process and of its children, those that live and those that ended.
func TestUsed(t *testing.T) {
	used, started := meterOf()
	work := func(d time.Duration) {
		for begun := usage(0); usage(0) < begun+d; { // 0 is this process
		}
	}
	begun := used()
	work(100 * time.Millisecond)
	if own := used() - begun; own < 100*time.Millisecond {
		t.Errorf("own: %v", own)
	}
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started(cmd.Process)
	for living := used(); used() < living+100*time.Millisecond; {
		time.Sleep(10 * time.Millisecond)
	}
	before, own := used(), usage(0)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if after := used() - (usage(0) - own); after < before-50*time.Millisecond {
		t.Errorf("what a child used is forgotten when it ends: %v, then %v", before, after)
	}
}

func TestOnBattery(t *testing.T) {
	t.Parallel()
	supply := func(words ...string) fstest.MapFS {
		fsys := fstest.MapFS{}
		for i := 0; i < len(words); i += 2 {
			fsys[words[i]] = &fstest.MapFile{Data: []byte(words[i+1] + "\n")}
		}
		return fsys
	}
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		want bool
	}{
		"a desk computer":     {supply(), false},
		"plugged in":          {supply("AC/type", "Mains", "AC/online", "1", "BAT0/type", "Battery", "BAT0/status", "Charging"), false},
		"on battery":          {supply("AC/type", "Mains", "AC/online", "0", "BAT0/type", "Battery", "BAT0/status", "Discharging"), true},
		"the mouse's battery": {supply("hid/type", "Battery", "hid/scope", "Device", "hid/status", "Discharging"), false},
	} {
		if got := onBattery(c.fsys); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
