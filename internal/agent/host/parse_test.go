package host

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestConnectionLines(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, proto, line string
		want              connection
	}{
		{
			"tcp listener", "tcp",
			"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41234 1 0000000000000000 100 0 0 10 0",
			connection{
				Proto: "tcp", State: "listen", Local: netip.MustParseAddrPort("127.0.0.1:8080"),
				Remote: netip.MustParseAddrPort("0.0.0.0:0"), UID: new(uint32(1000)), inode: 41234,
			},
		},
		{
			"tcp6 session", "tcp6",
			"   1: B80D0120000000000000000001000000:C001 B80D0120000000000000000002000000:01BB 01 00000000:00000000 02:000A7214 00000000     0        0 99 2 0000000000000000 20 4 30 10 -1",
			connection{
				Proto: "tcp6", State: "established", Local: netip.MustParseAddrPort("[2001:db8::1]:49153"),
				Remote: netip.MustParseAddrPort("[2001:db8::2]:443"), UID: new(uint32(0)), inode: 99,
			},
		},
		{
			"IPv4 through IPv6", "tcp6",
			"   2: 0000000000000000FFFF0000010200C0:0016 0000000000000000FFFF0000020200C0:D431 01 00000000:00000000 00:00000000 00000000     0        0 7 1 0 20 4 30 10 -1",
			connection{
				Proto: "tcp6", State: "established", Local: netip.MustParseAddrPort("192.0.2.1:22"),
				Remote: netip.MustParseAddrPort("192.0.2.2:54321"), UID: new(uint32(0)), inode: 7,
			},
		},
		{
			"udp port", "udp",
			"  88: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 512 2 0000000000000000 0",
			connection{
				Proto: "udp", Local: netip.MustParseAddrPort("0.0.0.0:68"),
				Remote: netip.MustParseAddrPort("0.0.0.0:0"), UID: new(uint32(0)), inode: 512,
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseConnection(tc.proto, tc.line)
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tc.want)
			}
		})
	}
	for _, bad := range []string{
		"", "  sl  local_address rem_address   st",
		"0: 0100007F 00000000:0000 0A 0:0 0:0 0 0 0 1 1",
		"0: 0100007G:1F90 00000000:0000 0A 0:0 00:0 0 0 0 1 1",
		"0: 0100007F:1F900 00000000:0000 0A 0:0 00:0 0 0 0 1 1",
		"0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 -1 0 1 1",
	} {
		if got, err := parseConnection("tcp", bad); err == nil {
			t.Errorf("%q gave %+v", bad, got)
		}
	}
}

func TestProcessFiles(t *testing.T) {
	t.Parallel()
	p, ticks, err := parseStat("1234 (a) name) S 7 1234 1234 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3")
	if err != nil || p.PID != 1234 || p.PPID != 7 || p.Name != "a) name" || p.State != "S" || ticks != 987654 {
		t.Errorf("stat: %+v, %d, %v", p, ticks, err)
	}
	for _, bad := range []string{"", "1 name", ") 1 (", "1 (x) S", "x (y) S 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 9 1"} {
		if _, _, err := parseStat(bad); err == nil {
			t.Errorf("stat %q was taken", bad)
		}
	}
	if uid, ok := parseUID("Name:\tsh\nUid:\t1000\t1001\t1000\t1000\n"); !ok || uid != 1000 {
		t.Errorf("uid %d, %v", uid, ok)
	}
	if at, ok := parseBootTime("cpu 1 2\nbtime 1767225600\n"); !ok || !at.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("boot %v, %v", at, ok)
	}
	if got := parseCmdline([]byte("sh\x00-c\x00\x00echo\x00\x00")); !reflect.DeepEqual(got, []string{"sh", "-c", "", "echo"}) {
		t.Errorf("arguments %q", got)
	}
	if got := parseCmdline(nil); got != nil {
		t.Errorf("no arguments gave %q", got)
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	m, err := parseMount(`36 35 8:17 / /media/stick\040one rw,nosuid - vfat /dev/sdb1 rw,fmask=0022`)
	if err != nil || m.Point != "/media/stick one" || m.Device != "8:17" || m.Type != "vfat" || m.Source != "/dev/sdb1" {
		t.Errorf("%+v, %v", m, err)
	}
	share, err := parseMount(`40 35 0:50 / /srv/share rw shared:1 master:2 - nfs4 files.example:/share rw`)
	if err != nil || !share.network() {
		t.Errorf("%+v, %v", share, err)
	}
	all := []mount{{Point: "/", Type: "ext4"}, m, share, {Point: "/srv", Type: "xfs"}}
	for path, want := range map[string]string{
		"/srv/share/a": "nfs4", "/srv/share": "nfs4", "/srv/shared/a": "xfs", "/usr/bin/true": "ext4", "/": "ext4",
	} {
		if got, ok := mountOf(all, path); !ok || got.Type != want {
			t.Errorf("%s lies on %q, not %q", path, got.Type, want)
		}
	}
	if _, ok := mountOf(nil, "/"); ok {
		t.Error("found a mount among none")
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	got, err := parseModule("nf_tables 303104 1 nft_ct, Live 0x0000000000000000 (OE)")
	if want := (module{"nf_tables", 303104, "nft_ct", "Live", "(OE)"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseModule("short"); err == nil {
		t.Errorf("took %+v", got)
	}
}

// utmpRecord makes one as the C library of a machine does.
func utmpRecord(arch, user, line, from string, addr netip.Addr, at int64) []byte {
	b := make([]byte, utmpSize(arch))
	binary.LittleEndian.PutUint16(b, 7)
	binary.LittleEndian.PutUint32(b[4:], 4711)
	copy(b[8:], line)
	copy(b[44:], user)
	copy(b[76:], from)
	if arch == "arm64" {
		binary.LittleEndian.PutUint64(b[344:], uint64(at))
		copy(b[360:], addr.AsSlice())
	} else {
		binary.LittleEndian.PutUint32(b[340:], uint32(at))
		copy(b[348:], addr.AsSlice())
	}
	return b
}

func TestUtmp(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	for _, arch := range []string{"amd64", "arm64"} {
		for _, addr := range []string{"192.0.2.9", "2001:db8::9"} {
			got, ok := parseUtmp(utmpRecord(arch, "hanako", "pts/0", "pc.example", netip.MustParseAddr(addr), at.Unix()))
			want := login{User: "hanako", Line: "pts/0", From: "pc.example", PID: 4711, Address: addr, Since: &at}
			if !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("%s %s: %+v, %v", arch, addr, got, ok)
			}
		}
	}
	if _, ok := parseUtmp(make([]byte, 384)); ok {
		t.Error("an empty record is somebody")
	}
}

func FuzzParsers(f *testing.F) {
	for _, s := range []string{
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41234 1 0 100",
		"1 (a) S 7 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 9 1",
		"btime 1767225600\n", "Uid:\t1000\n",
		`36 35 8:17 / /media/stick\040one rw - vfat /dev/sdb1 rw`,
		"nf_tables 303104 1 nft_ct, Live 0x0 (OE)",
		string(utmpRecord("amd64", "hanako", "pts/0", "", netip.MustParseAddr("192.0.2.9"), 1)),
	} {
		f.Add(s)
	}
	mask := newMasker()
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := parseConnection("tcp6", s); err == nil && !c.Local.IsValid() {
			t.Errorf("a connection without an address: %+v", c)
		}
		if p, _, err := parseStat(s); err == nil && len(p.Name) > 64+len("…") {
			t.Errorf("a name of %d bytes", len(p.Name))
		}
		if m, err := parseMount(s); err == nil && (m.Point == "" || len(m.Point) > 1024+len("…")) {
			t.Errorf("a mount at %q", m.Point)
		}
		if m, err := parseModule(s); err == nil && m.Name == "" {
			t.Error("a module without a name")
		}
		if l, ok := parseUtmp([]byte(s)); ok && l.User == "" {
			t.Error("a session of nobody")
		}
		parseUID(s)
		parseBootTime(s)
		args := mask.args(parseCmdline([]byte(s)))
		if len(args) > maxArgs+1 {
			t.Errorf("%d arguments", len(args))
		}
		for _, a := range args {
			if len(a) > 8*maxArg {
				t.Errorf("an argument of %d bytes", len(a))
			}
		}
		mask.commandLine(s)
		mask.line(s)
	})
}

func TestMaskedArguments(t *testing.T) {
	t.Parallel()
	mask := newMasker()
	for in, want := range map[string]string{
		"curl -u x https://bot:hunter2@files.example/a": "curl -u x https://bot:***@files.example/a",
		"app --password=hunter2 --port 80":              "app --password=*** --port 80",
		"app --db-password hunter2 --port 80":           "app --db-password *** --port 80",
		"app --pass hunter2":                            "app --pass ***",
		"app --passphrase-file /etc/app/key":            "app --passphrase-file /etc/app/key",
		"app API_TOKEN=hunter2 x":                       "app API_TOKEN=*** x",
		"app --token --verbose":                         "app --token --verbose",
		"mysql -uroot -phunter2":                        "mysql -uroot -p***",
		"/usr/bin/sshpass -p hunter2 ssh h":             "/usr/bin/sshpass -p *** ssh h",
		"ssh -p 2222 h":                                 "ssh -p 2222 h",
		"app --author hanako":                           "app --author hanako",
		"writer /home/hanako/書類/給与2026.ods":             "writer /home/hanako/***.ods",
		"python3 /root/x.py":                            "python3 /root/***.py",
		"/home/hanako/.cache/evil --go":                 "/home/hanako/.cache/evil --go",
		`x.exe C:\Users\hanako\Documents\salary.xlsx`:   `x.exe C:\Users\hanako/***.xlsx`,
		"app --header Authorization:abc":                "app --header Authorization:***",
		"app --keyboard jp --compass north --passive":   "app --keyboard jp --compass north --passive",
	} {
		if got := strings.Join(mask.args(strings.Split(in, " ")), " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	if got := mask.line("sent Authorization: Bearer abc.def-ghi.jkl to x"); strings.Contains(got, "abc") {
		t.Errorf("a bearer token stays: %s", got)
	}
	if got := mask.commandLine(`"C:\Program Files\App\app.exe" --password hunter2 -x`); got != `C:\Program Files\App\app.exe --password *** -x` {
		t.Errorf("Windows: %s", got)
	}
	long := mask.args(append([]string{"x"}, strings.Split(strings.Repeat("y ", 500), " ")...))
	if len(long) != maxArgs+1 || long[maxArgs] != "…" {
		t.Errorf("%d arguments kept", len(long))
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	if got := clip("関守", 4); got != "関…" {
		t.Errorf("cut in a character: %q", got)
	}
	if got := clip("a\xffb", 10); got != "a\uFFFDb" {
		t.Errorf("kept bytes that are no text: %q", got)
	}
}
