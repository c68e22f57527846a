package host

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// bytesOf reads a table as written down: hex, with spaces and lines where they help.
func bytesOf(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWindowsSocketTables(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		table winTable
		bytes string
		want  []connection
	}{
		{
			"tcp", tcpTable4, `02000000
			05000000 c0000201 c0010000 c6336407 01bb0000 d2040000
			02000000 00000000 01bd0000 00000000 00000000 04000000`,
			[]connection{
				{Proto: "tcp", State: "established", Local: netip.MustParseAddrPort("192.0.2.1:49153"), Remote: netip.MustParseAddrPort("198.51.100.7:443"), PID: 1234},
				{Proto: "tcp", State: "listen", Local: netip.MustParseAddrPort("0.0.0.0:445"), Remote: netip.MustParseAddrPort("0.0.0.0:0"), PID: 4},
			},
		},
		{
			"tcp6", tcpTable6, `01000000
			20010db8000000000000000000000001 00000000 c0010000
			20010db8000000000000000000000002 00000000 01bb0000 05000000 d2040000`,
			[]connection{{Proto: "tcp6", State: "established", Local: netip.MustParseAddrPort("[2001:db8::1]:49153"), Remote: netip.MustParseAddrPort("[2001:db8::2]:443"), PID: 1234}},
		},
		{
			"udp", udpTable4, `01000000 00000000 00440000 d2040000`,
			[]connection{{Proto: "udp", Local: netip.MustParseAddrPort("0.0.0.0:68"), Remote: netip.MustParseAddrPort("0.0.0.0:0"), PID: 1234}},
		},
		{
			"udp6", udpTable6, `01000000 00000000000000000000000000000001 00000000 14e90000 d2040000`,
			[]connection{{Proto: "udp6", Local: netip.MustParseAddrPort("[::1]:5353"), Remote: netip.MustParseAddrPort("[::]:0"), PID: 1234}},
		},
		{"a count that lies", udpTable4, `ffffffff 00000000 00440000 d2040000 0000`,
			[]connection{{Proto: "udp", Local: netip.MustParseAddrPort("0.0.0.0:68"), Remote: netip.MustParseAddrPort("0.0.0.0:0"), PID: 1234}}},
		{"nothing", tcpTable4, ``, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []connection
			for _, b := range rows(bytesOf(t, tc.bytes), tc.table) {
				c, err := tc.table.parseRow(b)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, c)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestWindowsNeighbours(t *testing.T) {
	t.Parallel()
	row := make([]byte, winNeighbourRow)
	binary.LittleEndian.PutUint16(row, 23)
	copy(row[8:], netip.MustParseAddr("fe80::1").AsSlice())
	row[28], row[72], row[76] = 12, 6, 5
	copy(row[40:], []byte{2, 0, 0x5e, 0x10, 0, 1})
	got, err := parseWinNeighbour(row)
	want := neighbour{netip.MustParseAddr("fe80::1"), "02:00:5e:10:00:01", "12", "reachable"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := parseWinNeighbour(bytes.Repeat([]byte{9}, winNeighbourRow)); err == nil {
		t.Error("took an unknown family")
	}
	if _, err := parseWinNeighbour(row[1:]); err == nil {
		t.Error("took a part of a row")
	}
}

func TestWhatACutEnds(t *testing.T) {
	t.Parallel()
	allow := Allow{Servers: []Endpoint{netip.MustParseAddrPort("192.0.2.1:8420")}}
	for remote, want := range map[string]bool{
		"192.0.2.1:8420": false, "192.0.2.1:22": true, "198.51.100.7:443": true, "127.0.0.1:80": false, "0.0.0.0:0": false,
	} {
		if got := ends(netip.MustParseAddrPort(remote), allow); got != want {
			t.Errorf("%s: %v", remote, got)
		}
	}
}

func FuzzWindowsTables(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 5, 0, 0, 0, 192, 0, 2, 1, 0, 80, 0, 0, 192, 0, 2, 2, 0, 80, 0, 0, 1, 0, 0, 0})
	f.Add(append([]byte{2, 0, 0, 0}, make([]byte, winNeighbourRow-4)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, table := range []winTable{tcpTable4, tcpTable6, udpTable4, udpTable6} {
			for _, row := range rows(b, table) {
				if c, err := table.parseRow(row); err != nil || !c.Local.IsValid() {
					t.Errorf("%s: %+v, %v", table.proto(), c, err)
				}
			}
		}
		if n, err := parseWinNeighbour(b); err == nil && !n.Address.IsValid() {
			t.Errorf("%+v", n)
		}
	})
}
