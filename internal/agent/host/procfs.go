package host

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Readers of what Linux writes below /proc and of its table of sessions. They take
// text, so that they are tested and fuzzed on every system.

// process is a running program.
type process struct {
	PID     int        `json:"pid"`
	PPID    int        `json:"ppid"`
	UID     *uint32    `json:"uid,omitempty"`
	User    string     `json:"user,omitempty"`
	Name    string     `json:"name"`
	State   string     `json:"state,omitempty"`
	Started *time.Time `json:"started,omitempty"`
	Exe     string     `json:"exe,omitempty"`
	Args    []string   `json:"args,omitempty"` // masked
	SHA256  string     `json:"sha256,omitempty"`
	Note    string     `json:"note,omitempty"` // why something is missing
}

// parseStat reads /proc/<pid>/stat (man 5 proc). The name is in brackets and may itself
// hold brackets and spaces. ticks is the start, in hundredths of a second after the boot.
func parseStat(s string) (p process, ticks uint64, err error) {
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 1 || end < open {
		return process{}, 0, fmt.Errorf("stat: no name")
	}
	if p.PID, err = strconv.Atoi(strings.TrimSpace(s[:open])); err != nil {
		return process{}, 0, fmt.Errorf("stat: %w", err)
	}
	p.Name = clip(s[open+1:end], 64)
	f := strings.Fields(s[end+1:]) // from field 3
	if len(f) < 20 {
		return process{}, 0, fmt.Errorf("stat: %d fields", len(f)+2)
	}
	p.State = clip(f[0], 8)
	if p.PPID, err = strconv.Atoi(f[1]); err != nil {
		return process{}, 0, fmt.Errorf("stat: %w", err)
	}
	if ticks, err = strconv.ParseUint(f[19], 10, 64); err != nil {
		return process{}, 0, fmt.Errorf("stat: %w", err)
	}
	return p, ticks, nil
}

// parseUID finds the real user id in /proc/<pid>/status.
func parseUID(status string) (uint32, bool) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			f := strings.Fields(rest)
			if len(f) == 0 {
				return 0, false
			}
			n, err := strconv.ParseUint(f[0], 10, 32)
			return uint32(n), err == nil
		}
	}
	return 0, false
}

// parseBootTime finds the time of the boot in /proc/stat.
func parseBootTime(stat string) (time.Time, bool) {
	for line := range strings.Lines(stat) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return time.Unix(n, 0).UTC(), err == nil && n > 0 && n < 1<<40
		}
	}
	return time.Time{}, false
}

// parseCmdline splits /proc/<pid>/cmdline at its zero bytes.
func parseCmdline(b []byte) []string {
	b = bytes.TrimRight(b, "\x00")
	if len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), "\x00")
}

// mount is one mounted file system.
type mount struct {
	Point     string `json:"point"`
	Type      string `json:"type"`
	Source    string `json:"source"`
	Options   string `json:"options"`
	Device    string `json:"device"` // major:minor
	Removable *bool  `json:"removable,omitempty"`
	Note      string `json:"note,omitempty"`
}

// parseMount reads a line of /proc/self/mountinfo (man 5 proc): fields, any number of
// optional ones, a dash, type, source, options of the file system.
func parseMount(line string) (mount, error) {
	before, after, ok := strings.Cut(line, " - ")
	f, g := strings.Fields(before), strings.Fields(after)
	if !ok || len(f) < 6 || len(g) < 2 {
		return mount{}, fmt.Errorf("mountinfo: %.80q", line)
	}
	return mount{
		Device: clip(f[2], 32), Point: clip(unescape(f[4]), 1024), Options: clip(f[5], 256),
		Type: clip(g[0], 64), Source: clip(unescape(g[1]), 1024),
	}, nil
}

// unescape undoes the octal escapes of mountinfo: \040 is a space.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// network reports whether files of this mount lie on another machine, or behind a
// program that may never answer: while the PC is cut off, reading them hangs.
func (m mount) network() bool {
	switch m.Type {
	case "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "ncpfs", "glusterfs", "autofs":
		return true
	}
	return strings.HasPrefix(m.Type, "fuse")
}

// mountOf finds the mount that a path lies on: the last of the longest, for one may hide
// another. ok is false when there is none.
func mountOf(mounts []mount, path string) (m mount, ok bool) {
	for _, c := range mounts {
		at := strings.TrimSuffix(c.Point, "/")
		if (path == c.Point || strings.HasPrefix(path, at+"/")) && len(c.Point) >= len(m.Point) {
			m, ok = c, true
		}
	}
	return m, ok
}

// module is a part of the kernel that was loaded.
type module struct {
	Name   string `json:"name"`
	Size   uint64 `json:"size"`
	UsedBy string `json:"used_by,omitempty"`
	State  string `json:"state,omitempty"`
	Taint  string `json:"taint,omitempty"` // such as (OE): out of tree, unsigned
}

// parseModule reads a line of /proc/modules.
func parseModule(line string) (module, error) {
	f := strings.Fields(line)
	if len(f) < 3 {
		return module{}, fmt.Errorf("modules: %.80q", line)
	}
	size, err := strconv.ParseUint(f[1], 10, 64)
	if err != nil {
		return module{}, fmt.Errorf("modules: %w", err)
	}
	m := module{Name: clip(f[0], 128), Size: size}
	if len(f) > 3 && f[3] != "-" {
		m.UsedBy = clip(strings.TrimSuffix(f[3], ","), 512)
	}
	if len(f) > 4 {
		m.State = clip(f[4], 16)
	}
	if len(f) > 6 {
		m.Taint = clip(f[6], 16)
	}
	return m, nil
}

// login is somebody who is logged in.
type login struct {
	User    string     `json:"user"`
	Line    string     `json:"line,omitempty"` // terminal or seat
	From    string     `json:"from,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
	PID     int        `json:"pid,omitempty"`
	ID      string     `json:"id,omitempty"`
	State   string     `json:"state,omitempty"`
	Address string     `json:"address,omitempty"`
}

// utmpSize is the length of a record of /run/utmp in the C library of 64-bit systems,
// except on 64-bit ARM, whose session number and times are wider (bits/utmp.h).
func utmpSize(arch string) int {
	if arch == "arm64" || arch == "riscv64" || arch == "loong64" {
		return 400
	}
	return 384
}

// parseUtmp reads one record of /run/utmp (man 5 utmp); ok is false for one that is no
// person's session.
func parseUtmp(b []byte) (s login, ok bool) {
	const userProcess = 7
	if len(b) != 384 && len(b) != 400 || binary.LittleEndian.Uint16(b) != userProcess {
		return login{}, false
	}
	text := func(from, n int) string {
		v, _, _ := bytes.Cut(b[from:from+n], []byte{0})
		return clip(string(v), n)
	}
	s = login{
		PID:  int(int32(binary.LittleEndian.Uint32(b[4:]))),
		Line: text(8, 32), User: text(44, 32), From: text(76, 256),
	}
	var seconds int64
	var addr []byte
	if len(b) == 384 {
		seconds, addr = int64(int32(binary.LittleEndian.Uint32(b[340:]))), b[348:364]
	} else {
		seconds, addr = int64(binary.LittleEndian.Uint64(b[344:])), b[360:376]
	}
	if seconds > 0 && seconds < 1<<40 {
		s.Since = new(time.Unix(seconds, 0).UTC())
	}
	if binary.LittleEndian.Uint64(addr[4:]) == 0 && binary.LittleEndian.Uint32(addr[12:]) == 0 {
		addr = addr[:4]
	}
	if ip, _ := netip.AddrFromSlice(addr); !ip.IsUnspecified() {
		s.Address = ip.String()
	}
	return s, s.User != ""
}
