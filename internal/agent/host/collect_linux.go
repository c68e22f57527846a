package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Bounds of what is collected.
const (
	maxProcesses = 20000
	maxMounts    = 2000
	maxAutoruns  = 5000
	maxLog       = 256 << 10 // bytes of all log files together
	maxLogFile   = 64 << 10
)

// ticksASecond is USER_HZ, which Linux keeps at 100 for programs.
const ticksASecond = 100

// Collect writes the other volatile facts of the system.
func (h *linux) Collect(ctx context.Context, item func(name string, write func(io.Writer) error) error) error {
	return h.evidence().collect(ctx, item)
}

// collect reads what a Linux system is doing, beside its connections.
func (e evidence) collect(ctx context.Context, item func(name string, write func(io.Writer) error) error) error {
	mounts, mountsErr := e.mounts(ctx)
	sums := newHashes()
	return writeItems(ctx, item, []source{
		{name: "processes.jsonl", read: func(ctx context.Context, r *records) error { return e.processes(ctx, r, mounts, sums) }},
		{name: "sessions.jsonl", read: e.sessions},
		{name: "autoruns.jsonl", read: func(ctx context.Context, r *records) error { return e.autoruns(ctx, r, mounts, sums) }},
		{name: "mounts.jsonl", read: func(_ context.Context, r *records) error {
			e.media(r, mounts)
			return mountsErr
		}},
		{name: "modules.jsonl", read: func(ctx context.Context, r *records) error {
			return eachLine(ctx, filepath.Join(e.proc, "modules"), func(_ int, line string) error {
				m, err := parseModule(line)
				if err == nil && !r.add(m) {
					return errEnough
				}
				return err
			})
		}},
		{name: "log.jsonl", max: maxLog, read: e.log},
	})
}

// processes lists the running programs, each with the SHA-256 of the file that it runs,
// also when that file has been deleted.
func (e evidence) processes(ctx context.Context, r *records, mounts []mount, sums *hashes) error {
	pids, err := e.pids()
	if err != nil {
		return err
	}
	stat, err := readSome(filepath.Join(e.proc, "stat"), 1<<20)
	if err != nil {
		return err
	}
	boot, booted := parseBootTime(string(stat))
	mask := newMasker()
	for i, pid := range pids {
		if i == maxProcesses {
			return fmt.Errorf("cut short: more than %d processes", maxProcesses)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		text, err := readSome(e.of(pid, "stat"), 4096)
		if err != nil {
			continue // it has ended
		}
		p, ticks, err := parseStat(string(text))
		if err != nil {
			r.say("process %d: %v", pid, err)
			continue
		}
		// A start of more than a century after the boot is no time.
		if seconds := ticks / ticksASecond; booted && seconds < 1<<32 {
			p.Started = new(boot.Add(time.Duration(ticks%ticksASecond) * time.Second / ticksASecond).Add(time.Duration(seconds) * time.Second))
		}
		if status, err := readSome(e.of(pid, "status"), 8192); err == nil {
			if uid, ok := parseUID(string(status)); ok {
				p.UID = new(uid)
			}
		}
		if line, err := readSome(e.of(pid, "cmdline"), maxArgs*maxArg); err == nil {
			p.Args = mask.args(parseCmdline(line))
		}
		e.image(ctx, &p, mounts, sums)
		if !r.add(p) {
			return nil
		}
	}
	return nil
}

// image names and hashes the file that a process runs. It is read through the process, so
// that a deleted or replaced file is still the one that runs.
func (e evidence) image(ctx context.Context, p *process, mounts []mount, sums *hashes) {
	link := e.of(p.PID, "exe")
	target, err := os.Readlink(link)
	switch {
	case errors.Is(err, os.ErrNotExist): // a thread of the kernel
		return
	case err != nil:
		p.Note = "no file: " + reason(err)
		return
	}
	p.Exe = clip(target, 1024)
	if m, ok := mountOf(mounts, target); ok && m.network() {
		p.Note = "not hashed: the file lies on a network file system (" + m.Type + ")"
		return
	}
	name := link
	if !strings.HasSuffix(target, " (deleted)") {
		name = target
	}
	if p.SHA256, err = sums.of(ctx, name, link); err != nil {
		p.Note = reason(err)
	}
}

// sessions lists who is logged in: the old table, and what logind says.
func (e evidence) sessions(ctx context.Context, r *records) error {
	fromTable := e.utmp(r)
	fromLogind := logind(ctx, r)
	switch {
	case fromLogind != nil && errors.Is(fromTable, os.ErrNotExist):
		return fmt.Errorf("there is no /run/utmp, and %w", fromLogind)
	case fromLogind != nil:
		r.say("logind was not asked: %v", fromLogind)
	}
	if errors.Is(fromTable, os.ErrNotExist) {
		return nil // newer systems have none
	}
	return fromTable
}

func (e evidence) utmp(r *records) error {
	b, err := readSome(e.path("run/utmp"), 1<<20)
	if err != nil {
		return err
	}
	for record := range slices.Chunk(b, utmpSize(runtime.GOARCH)) {
		if s, ok := parseUtmp(record); ok && !r.add(s) {
			return nil
		}
	}
	return nil
}

// logind asks org.freedesktop.login1 for its sessions.
func logind(ctx context.Context, r *records) error {
	ctx, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("system bus: %w", err)
	}
	defer bus.Close()
	var found []struct {
		ID   string
		UID  uint32
		User string
		Seat string
		Path dbus.ObjectPath
	}
	manager := bus.Object("org.freedesktop.login1", "/org/freedesktop/login1")
	if err := manager.CallWithContext(ctx, "org.freedesktop.login1.Manager.ListSessions", dbus.FlagNoAutoStart).Store(&found); err != nil {
		return fmt.Errorf("logind: %w", err)
	}
	for _, s := range found {
		out := login{ID: clip(s.ID, 64), User: clip(s.User, 64), Line: clip(s.Seat, 64)}
		var props map[string]dbus.Variant
		err := bus.Object("org.freedesktop.login1", s.Path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", 0, "org.freedesktop.login1.Session").Store(&props)
		if err == nil {
			out.State, _ = props["State"].Value().(string)
			out.From, _ = props["RemoteHost"].Value().(string)
			if leader, ok := props["Leader"].Value().(uint32); ok {
				out.PID = int(leader)
			}
			if at, ok := props["Timestamp"].Value().(uint64); ok && at > 0 && at < 1<<56 {
				out.Since = new(time.UnixMicro(int64(at)).UTC())
			}
		}
		if !r.add(out) {
			return nil
		}
	}
	return nil
}

// autoruns lists what starts by itself: services, timers, cron, login and desktop
// entries, and the library that is put before every program.
func (e evidence) autoruns(ctx context.Context, r *records, mounts []mount, sums *hashes) error {
	var places []place
	for _, p := range []place{
		{"systemd", "/etc/systemd/system"}, {"systemd", "/etc/systemd/user"}, {"systemd", "/run/systemd/system"},
		{"cron", "/etc/crontab"}, {"cron", "/etc/cron.d"}, {"cron", "/etc/cron.hourly"}, {"cron", "/etc/cron.daily"},
		{"cron", "/etc/cron.weekly"}, {"cron", "/etc/cron.monthly"}, {"cron", "/var/spool/cron"},
		{"init", "/etc/rc.local"}, {"init", "/etc/init.d"}, {"login", "/etc/profile.d"},
		{"desktop", "/etc/xdg/autostart"}, {"preload", "/etc/ld.so.preload"}, {"udev", "/etc/udev/rules.d"},
	} {
		places = append(places, place{p.kind, e.path(p.path)})
	}
	homes, err := e.homes(ctx)
	for _, home := range homes {
		places = append(places,
			place{"desktop", filepath.Join(e.path(home), ".config/autostart")},
			place{"systemd", filepath.Join(e.path(home), ".config/systemd/user")})
	}
	shown := func(path string) string { return "/" + strings.TrimPrefix(strings.TrimPrefix(path, e.root), "/") }
	far := func(path string) string {
		if m, ok := mountOf(mounts, shown(path)); ok && m.network() {
			return "it lies on a network file system (" + m.Type + ")"
		}
		return ""
	}
	return errors.Join(err, listAutoruns(ctx, r, places, maxAutoruns, sums, shown, far))
}

// homes lists the home folders of people (user numbers from 1000) and of root.
func (e evidence) homes(ctx context.Context) ([]string, error) {
	var homes []string
	err := eachLine(ctx, e.path("etc/passwd"), func(_ int, line string) error {
		f := strings.Split(line, ":")
		if len(f) < 7 || len(homes) == 200 {
			return nil
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if err == nil && (uid == 0 || uid >= 1000 && uid < 65534) && filepath.IsAbs(f[5]) && !slices.Contains(homes, f[5]) {
			homes = append(homes, f[5])
		}
		return nil
	})
	return homes, err
}

// mounts reads the table of mounted file systems.
func (e evidence) mounts(ctx context.Context) ([]mount, error) {
	var all []mount
	err := eachLine(ctx, filepath.Join(e.proc, "self/mountinfo"), func(_ int, line string) error {
		m, err := parseMount(line)
		if err != nil {
			return err
		}
		if len(all) == maxMounts {
			return fmt.Errorf("cut short: more than %d mounts", maxMounts)
		}
		all = append(all, m)
		return nil
	})
	return all, err
}

// media writes the mounts that hold somebody's files: disks, sticks and shares.
func (e evidence) media(r *records, mounts []mount) {
	for _, m := range mounts {
		if !strings.HasPrefix(m.Source, "/dev/") && !m.network() {
			continue
		}
		if !m.network() {
			m.Removable, m.Note = e.removable(m.Device)
		}
		if !r.add(m) {
			return
		}
	}
}

// removable reads the flag of a block device; a partition has its disk's.
func (e evidence) removable(device string) (*bool, string) {
	dir, err := filepath.EvalSymlinks(filepath.Join(e.sys, "dev/block", device))
	if err != nil {
		return nil, "removable or not is not known: " + reason(err)
	}
	for _, at := range []string{dir, filepath.Dir(dir)} {
		if b, err := readSome(filepath.Join(at, "removable"), 8); err == nil {
			return new(strings.TrimSpace(string(b)) == "1"), ""
		}
	}
	return nil, "removable or not is not known: the device does not say"
}

// log copies the last lines of the log files that are plain text.
func (e evidence) log(ctx context.Context, r *records) error {
	type line struct {
		File string `json:"file"`
		Line string `json:"line"`
	}
	mask := newMasker()
	found := false
	for _, name := range []string{"auth.log", "secure", "syslog", "messages", "kern.log"} {
		text, err := tail(filepath.Join(e.path("var/log"), name), maxLogFile*3/4) // JSON adds its own
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		found = true
		if err != nil {
			r.say("%s: %s", name, reason(err))
			continue
		}
		for l := range strings.Lines(text) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !r.add(line{name, mask.line(clip(strings.TrimRight(l, "\r\n"), 2048))}) {
				return nil
			}
		}
	}
	if found {
		return nil
	}
	for _, journal := range []string{"/var/log/journal", "/run/log/journal"} {
		if _, err := os.Stat(e.path(journal)); err == nil {
			return errors.New("this system keeps its log in the systemd journal only, which is not copied: ask it with journalctl")
		}
	}
	return errors.New("no log file was found")
}

// tail gives the last whole lines of a regular file, at most n bytes.
func tail(path string, n int64) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("log: %w", err)
	}
	defer f.Close()
	from := max(0, info.Size()-n)
	b, err := io.ReadAll(io.NewSectionReader(f, from, n))
	if err != nil {
		return "", fmt.Errorf("log: %w", err)
	}
	text := string(b)
	if from > 0 {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text, nil
}
