package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/netns"
)

// taken runs one of the evidence functions and gives its items.
func taken(t *testing.T, take func(context.Context, func(string, func(io.Writer) error) error) error) map[string]string {
	t.Helper()
	items := map[string]string{}
	err := take(t.Context(), func(name string, write func(io.Writer) error) error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		items[name] = b.String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range items {
		for line := range strings.Lines(text) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: no JSON: %s", name, line)
			}
		}
	}
	return items
}

// read gives the lines of an item, notes apart.
func read[T any](t *testing.T, text string) (all []T, notes []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var n note
		if err := json.Unmarshal([]byte(line), &n); err != nil {
			t.Fatal(err)
		}
		if n.Note != "" && strings.HasPrefix(line, `{"note"`) {
			notes = append(notes, n.Note)
			continue
		}
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all, notes
}

// system makes a tree of a small Linux PC: an ordinary shell, a program that was deleted
// after its start, one from a share, a stick, a session, things that start by themselves.
func system(t *testing.T) evidence {
	t.Helper()
	root := t.TempDir()
	stat := func(pid, ppid int, name string) string {
		return fmt.Sprintf("%d (%s) S %d 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 250 1 2", pid, name, ppid)
	}
	heading := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	files := map[string]string{
		"proc/stat":       "cpu 1\nbtime 1767225600\n",
		"proc/2/stat":     stat(2, 0, "kthreadd"),
		"proc/2/status":   "Uid:\t0\t0\t0\t0\n",
		"proc/42/stat":    stat(42, 1, "sh"),
		"proc/42/status":  "Uid:\t1000\t1000\t1000\t1000\n",
		"proc/42/comm":    "sh\n",
		"proc/42/cmdline": "/bin/sh\x00--password\x00hunter2\x00/home/hanako/letter.txt\x00",
		"proc/43/stat":    stat(43, 42, "gone"),
		"proc/44/stat":    stat(44, 42, "far"),
		"proc/45/stat":    "not a stat",
		"proc/modules":    "nf_tables 303104 0 - Live 0x0\nodd 1 0 - Live 0x0 (OE)\n",
		"proc/self/mountinfo": "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n" +
			"21 20 0:5 / /proc rw - proc proc rw\n" +
			"22 20 8:17 / /media/stick rw - vfat /dev/sdb1 rw\n" +
			"23 20 0:50 / /share rw - nfs4 files.example:/share rw\n",
		"proc/thread-self/net/tcp": heading +
			"   0: 010200C0:C001 020200C0:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 777 1 0\n" +
			"   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 778 1 0\n",
		"proc/thread-self/net/udp": heading,
		"sys/block/sdb/removable":  "1\n",
		"sys/block/sda/removable":  "0\n",
		"bin/sh":                   "a shell",
		"etc/passwd": "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/none\nhanako:x:1000:1000::/home/hanako:/bin/sh\n" +
			"far:x:1001:1001::/share/far:/bin/sh\n",
		"etc/cron.d/backup":                          "* * * * * root /usr/bin/backup\n",
		"etc/cron.d/deep/deeper/deepest":             "x",
		"home/hanako/.config/autostart/chat.desktop": "[Desktop Entry]\n",
		"home/hanako/diary.txt":                      "private",
		"etc/systemd/system/own.service":             "[Service]\n",
		"var/log/auth.log":                           "old line\nNov 23 sshd: password=hunter2 for hanako\n",
		"run/utmp":                                   string(utmpRecord(runtime.GOARCH, "hanako", "pts/0", "", netip.MustParseAddr("192.0.2.9"), 1767225600)),
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"proc/42/exe":        filepath.Join(root, "bin/sh"),
		"proc/42/fd/3":       "socket:[777]",
		"proc/42/fd/4":       "pipe:[778]",
		"proc/43/exe":        "/tmp/gone (deleted)",
		"proc/44/exe":        "/share/tool",
		"sys/dev/block/8:1":  "../../block/sda/sda1",
		"sys/dev/block/8:17": "../../block/sdb/sdb1",
		"etc/systemd/system/multi-user.target.wants/own.service": "/etc/systemd/system/own.service",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, path)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"sys/block/sda/sda1", "sys/block/sdb/sdb1"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return evidence{proc: filepath.Join(root, "proc"), sys: filepath.Join(root, "sys"), root: root}
}

func TestGlanceOfAMadeSystem(t *testing.T) {
	t.Parallel()
	e := system(t)
	items := taken(t, func(ctx context.Context, item func(string, func(io.Writer) error) error) error {
		ctx, stop := context.WithTimeout(ctx, time.Minute)
		defer stop()
		return e.glance(ctx, item)
	})
	all, notes := read[connection](t, items["connections.jsonl"])
	if len(all) != 2 || len(notes) != 0 {
		t.Fatalf("%d connections, notes %q", len(all), notes)
	}
	if c := all[0]; c.State != "established" || c.Remote.String() != "192.0.2.2:443" || c.PID != 42 || c.Program != "sh" {
		t.Errorf("the session is %+v", c)
	}
	if c := all[1]; c.State != "listen" || c.PID != 0 {
		t.Errorf("the listener is %+v", c)
	}
	if _, ok := items["neighbours.jsonl"]; !ok {
		t.Error("no neighbours")
	}
}

func TestGlanceOfThisSystem(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	mine := listener.Addr().(*net.TCPAddr).AddrPort()
	patient := func(ctx context.Context, item func(string, func(io.Writer) error) error) error {
		ctx, stop := context.WithTimeout(ctx, time.Minute) // other tests may be busy with thousands of connections
		defer stop()
		return New(Options{}).Glance(ctx, item)
	}
	all, _ := read[connection](t, taken(t, patient)["connections.jsonl"])
	at := slices.IndexFunc(all, func(c connection) bool { return c.Local == mine && c.State == "listen" })
	if at < 0 {
		t.Fatalf("the listener on %v is not among %d", mine, len(all))
	}
	if got := all[at].PID; got != os.Getpid() && got != 0 {
		t.Errorf("it belongs to %d, not to %d", got, os.Getpid())
	}
}

// A glance whose time is over gives what it has and says so.
func TestGlanceWithoutTime(t *testing.T) {
	t.Parallel()
	e := system(t)
	items := taken(t, func(ctx context.Context, item func(string, func(io.Writer) error) error) error {
		ctx, stop := context.WithTimeout(ctx, time.Nanosecond)
		defer stop()
		return e.glance(ctx, item)
	})
	if _, notes := read[connection](t, items["connections.jsonl"]); len(notes) != 1 {
		t.Errorf("the notes are %q", notes)
	}
}

func TestCollectOfAMadeSystem(t *testing.T) {
	t.Parallel()
	e := system(t)
	items := taken(t, e.collect)
	if got, want := slices.Sorted(maps.Keys(items)), []string{"autoruns.jsonl", "log.jsonl", "modules.jsonl", "mounts.jsonl", "processes.jsonl", "sessions.jsonl"}; !slices.Equal(got, want) {
		t.Fatalf("items %q", got)
	}

	processes, notes := read[process](t, items["processes.jsonl"])
	if len(processes) != 4 || len(notes) != 1 || !strings.Contains(notes[0], "45") {
		t.Fatalf("%d processes, notes %q", len(processes), notes)
	}
	sum := sha256.Sum256([]byte("a shell"))
	shell := processes[1]
	if shell.PID != 42 || shell.PPID != 1 || *shell.UID != 1000 || shell.SHA256 != hex.EncodeToString(sum[:]) ||
		!shell.Started.Equal(time.Date(2026, 1, 1, 0, 0, 2, 5e8, time.UTC)) {
		t.Errorf("the shell is %+v", shell)
	}
	if got := strings.Join(shell.Args, " "); got != "/bin/sh --password *** /home/hanako/***.txt" {
		t.Errorf("its arguments are %s", got)
	}
	if p := processes[0]; p.Exe != "" || p.Note != "" {
		t.Errorf("the kernel's thread is %+v", p)
	}
	if p := processes[3]; p.SHA256 != "" || !strings.Contains(p.Note, "network file system") {
		t.Errorf("the program on the share is %+v", p)
	}

	logins, _ := read[login](t, items["sessions.jsonl"])
	if !slices.ContainsFunc(logins, func(l login) bool { return l.User == "hanako" && l.Address == "192.0.2.9" }) {
		t.Errorf("sessions %+v", logins)
	}

	runs, notes := read[autorun](t, items["autoruns.jsonl"])
	var paths []string
	for _, a := range runs {
		paths = append(paths, a.Path)
	}
	want := []string{
		"/etc/systemd/system/multi-user.target.wants/own.service", "/etc/systemd/system/own.service",
		"/etc/cron.d/backup", "/home/hanako/.config/autostart/chat.desktop",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("autoruns %q", paths)
	}
	if a := runs[0]; a.Target != "/etc/systemd/system/own.service" || runs[1].SHA256 == "" {
		t.Errorf("the unit is %+v, %+v", a, runs[1])
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "network file system") {
		t.Errorf("the home on the share: %q", notes)
	}

	mounts, _ := read[mount](t, items["mounts.jsonl"])
	if len(mounts) != 3 || *mounts[0].Removable || !*mounts[1].Removable || mounts[2].Type != "nfs4" {
		t.Errorf("mounts %+v", mounts)
	}
	modules, _ := read[module](t, items["modules.jsonl"])
	if len(modules) != 2 || modules[1].Taint != "(OE)" {
		t.Errorf("modules %+v", modules)
	}

	for name, text := range items {
		for _, private := range []string{"hunter2", "diary", "letter", "Desktop Entry"} {
			if strings.Contains(text, private) {
				t.Errorf("%s holds %q", name, private)
			}
		}
	}
	if !strings.Contains(items["log.jsonl"], "old line") {
		t.Errorf("the log is %s", items["log.jsonl"])
	}
}

func TestCollectOfThisSystem(t *testing.T) {
	t.Parallel()
	items := taken(t, New(Options{}).Collect)
	processes, _ := read[process](t, items["processes.jsonl"])
	at := slices.IndexFunc(processes, func(p process) bool { return p.PID == os.Getpid() })
	if at < 0 {
		t.Fatalf("this process is not among %d", len(processes))
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sum, err := hashFile(t.Context(), exe)
	if err != nil || processes[at].SHA256 != sum || processes[at].PPID != os.Getppid() {
		t.Errorf("this process is %+v, its file %s, %v", processes[at], sum, err)
	}
}

// What cannot be read says why; nothing is silent.
func TestCollectOfNothing(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	e := evidence{proc: filepath.Join(empty, "proc"), sys: empty, root: empty}
	for _, take := range []func(context.Context, func(string, func(io.Writer) error) error) error{e.collect, e.glance} {
		for name, text := range taken(t, take) {
			if name == "sessions.jsonl" || name == "neighbours.jsonl" {
				continue // the machine's own logind and kernel may have answered
			}
			if _, notes := read[any](t, text); len(notes) == 0 {
				t.Errorf("%s says nothing: %q", name, text)
			}
		}
	}
}

func TestItemsAreBounded(t *testing.T) {
	t.Parallel()
	long := source{name: "long", max: 1000, read: func(_ context.Context, r *records) error {
		for r.add(note{strings.Repeat("x", 80)}) {
		}
		return nil
	}}
	late := source{name: "late", read: func(ctx context.Context, r *records) error {
		return errors.New("no such thing")
	}}
	items := taken(t, func(ctx context.Context, item func(string, func(io.Writer) error) error) error {
		return writeItems(ctx, item, []source{long, late})
	})
	if got := items["long"]; len(got) > 1200 || !strings.Contains(got, "cut short: the item reached its bound in size") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := items["late"]; !strings.Contains(got, "no such thing") {
		t.Errorf("the reason is not told: %s", got)
	}
	broken := errors.New("disk full")
	err := writeItems(t.Context(), func(_ string, write func(io.Writer) error) error {
		return write(writerFunc(func([]byte) (int, error) { return 0, broken }))
	}, []source{long})
	if !errors.Is(err, broken) {
		t.Errorf("the caller's own error became %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestHashes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := errors.Join(os.WriteFile(big, nil, 0o644), os.Truncate(big, maxHashed+1)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{big: "bytes, more than", dir: "not a regular file", filepath.Join(dir, "none"): "no such file"} {
		if sum, err := hashFile(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", path, sum, err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newHashes().of(ctx, exe, exe); !errors.Is(err, context.Canceled) {
		t.Errorf("hashing without time gave %v", err)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("first line\nsecond\nthird\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := tail(path, 15); err != nil || got != "second\nthird\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := tail(path, 100); err != nil || !strings.HasPrefix(got, "first") {
		t.Errorf("%q, %v", got, err)
	}
}

// What is taken is the state of the network that is about to be cut, with the neighbours
// on both families.
func TestGlanceInANamespace(t *testing.T) {
	t.Parallel()
	lan := netns.NewSwitch(t)
	pc, server := netns.New(t), netns.New(t)
	lan.Plug(pc, "eth0", netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("2001:db8::10/64"))
	lan.Plug(server, "eth0", netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64"))
	for _, addr := range []string{"192.0.2.1:445", "[2001:db8::1]:445"} {
		server.Listen("tcp", addr)
		c, err := pc.Dial(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	items := taken(t, func(ctx context.Context, item func(string, func(io.Writer) error) error) error {
		ctx, stop := context.WithTimeout(ctx, time.Minute)
		defer stop()
		return New(Options{NetNS: pc.Path()}).Glance(ctx, item)
	})
	sessions, _ := read[connection](t, items["connections.jsonl"])
	near, _ := read[neighbour](t, items["neighbours.jsonl"])
	for _, want := range []string{"192.0.2.1", "2001:db8::1"} {
		addr := netip.MustParseAddr(want)
		if !slices.ContainsFunc(sessions, func(c connection) bool {
			return c.Remote.Addr() == addr && c.Remote.Port() == 445 && c.State == "established" && c.PID == os.Getpid()
		}) {
			t.Errorf("the session with %s is not among %+v", addr, sessions)
		}
		if !slices.ContainsFunc(near, func(n neighbour) bool { return n.Address == addr && n.MAC != "" && n.Link == "eth0" }) {
			t.Errorf("the neighbour %s is not among %+v", addr, near)
		}
	}
}
