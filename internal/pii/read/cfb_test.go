package read

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// makeCFB writes a compound file of version 3. A name with a slash lies in a folder.
func makeCFB(files map[string][]byte) []byte {
	const sector, free, endOfChain = 512, 0xffffffff, 0xfffffffe
	type node struct {
		name     string
		data     []byte
		folder   bool
		children []int
		start    uint32
	}
	nodes := []*node{{name: "Root Entry", folder: true}}
	folders := map[string]int{"": 0}
	var paths []string
	for p := range files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		parent, at := 0, ""
		parts := strings.Split(p, "/")
		for _, dir := range parts[:len(parts)-1] {
			at += dir + "/"
			if _, ok := folders[at]; !ok {
				nodes = append(nodes, &node{name: dir, folder: true})
				folders[at] = len(nodes) - 1
				nodes[parent].children = append(nodes[parent].children, len(nodes)-1)
			}
			parent = folders[at]
		}
		nodes = append(nodes, &node{name: parts[len(parts)-1], data: files[p]})
		nodes[parent].children = append(nodes[parent].children, len(nodes)-1)
	}
	var mini, body []byte
	var miniFAT, fat []uint32
	put := func(data []byte) uint32 {
		first := uint32(len(body) / sector)
		for i := 0; i < len(data); i += sector {
			body = append(body, data[i:min(i+sector, len(data))]...)
			body = append(body, make([]byte, (sector-len(body)%sector)%sector)...)
			fat = append(fat, uint32(len(body)/sector))
		}
		if len(data) == 0 {
			return endOfChain
		}
		fat[len(fat)-1] = endOfChain
		return first
	}
	for _, n := range nodes {
		switch {
		case n.folder || len(n.data) == 0:
			n.start = endOfChain
		case len(n.data) < 4096:
			n.start = uint32(len(mini) / 64)
			mini = append(mini, n.data...)
			mini = append(mini, make([]byte, (64-len(mini)%64)%64)...)
			for len(miniFAT) < len(mini)/64 {
				miniFAT = append(miniFAT, uint32(len(miniFAT)+1))
			}
			miniFAT[len(miniFAT)-1] = endOfChain
		default:
			n.start = put(n.data)
		}
	}
	nodes[0].start, nodes[0].data = put(mini), mini
	numbers := func(list []uint32) []byte {
		var b []byte
		for _, n := range list {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		for len(b)%sector != 0 {
			b = binary.LittleEndian.AppendUint32(b, free)
		}
		return b
	}
	miniStart := put(numbers(miniFAT))
	entries := make([][]byte, len(nodes))
	for i, n := range nodes {
		e := make([]byte, 128)
		units := utf16.Encode([]rune(n.name))
		for k, u := range units {
			binary.LittleEndian.PutUint16(e[2*k:], u)
		}
		binary.LittleEndian.PutUint16(e[64:], uint16(2*len(units)+2))
		e[66] = 2
		if n.folder {
			e[66] = 1
		}
		if i == 0 {
			e[66] = 5
		}
		for _, at := range []int{68, 72, 76} {
			binary.LittleEndian.PutUint32(e[at:], free)
		}
		binary.LittleEndian.PutUint32(e[116:], n.start)
		if !n.folder || i == 0 {
			binary.LittleEndian.PutUint64(e[120:], uint64(len(n.data)))
		}
		entries[i] = e
	}
	for i, n := range nodes { // siblings in a chain to the right
		for k, child := range n.children {
			if k == 0 {
				binary.LittleEndian.PutUint32(entries[i][76:], uint32(child))
			} else {
				binary.LittleEndian.PutUint32(entries[n.children[k-1]][72:], uint32(child))
			}
		}
	}
	dirStart := put(bytes.Join(entries, nil))
	fatAt := len(body) / sector
	tables := (len(fat) + 1 + 127) / 128
	for range tables {
		fat = append(fat, 0xfffffffd)
	}
	body = append(body, numbers(fat)...)
	head := make([]byte, 512)
	copy(head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	binary.LittleEndian.PutUint16(head[24:], 0x3e)
	binary.LittleEndian.PutUint16(head[26:], 3)
	binary.LittleEndian.PutUint16(head[28:], 0xfffe)
	binary.LittleEndian.PutUint16(head[30:], 9)
	binary.LittleEndian.PutUint16(head[32:], 6)
	binary.LittleEndian.PutUint32(head[44:], uint32(tables))
	binary.LittleEndian.PutUint32(head[48:], dirStart)
	binary.LittleEndian.PutUint32(head[56:], 4096)
	binary.LittleEndian.PutUint32(head[60:], miniStart)
	binary.LittleEndian.PutUint32(head[68:], endOfChain)
	for i := range 109 {
		n := uint32(free)
		if i < tables {
			n = uint32(fatAt + i)
		}
		binary.LittleEndian.PutUint32(head[76+4*i:], n)
	}
	return append(head, body...)
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// TestMSG: a message of Outlook with recipients, a document and a further message in it.
func TestMSG(t *testing.T) {
	msg := makeCFB(map[string][]byte{
		"__properties_version1.0":                                                    make([]byte, 40),
		"__substg1.0_0037001F":                                                       utf16le("名簿の件"),
		"__substg1.0_1000001F":                                                       utf16le(strings.Repeat("山本花乃の電話は03-0000-0101です。\r\n", 200)),
		"__substg1.0_10130102":                                                       []byte("<html><meta charset=utf-8><p>佐久間一太</p></html>"),
		"__recip_version1.0_#00000000/__substg1.0_3001001F":                          utf16le("受取 人子"),
		"__recip_version1.0_#00000000/__substg1.0_39FE001F":                          utf16le("uketori@example.jp"),
		"__attach_version1.0_#00000000/__substg1.0_3707001F":                         utf16le("名簿.xlsx"),
		"__attach_version1.0_#00000000/__substg1.0_37010102":                         fixture(t, "list.xlsx"),
		"__attach_version1.0_#00000001/__substg1.0_3707001F":                         utf16le("転送.msg"),
		"__attach_version1.0_#00000001/__substg1.0_3701000D/__properties_version1.0": make([]byte, 40),
		"__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_1000001F":    utf16le("中の便り 06-0000-0102"),
	})
	rec, report := readBytes(t, msg, "a.msg", Limits{})
	if len(report.Unread) > 0 {
		t.Errorf("unread: %v", report.Unread)
	}
	for _, want := range []string{"Subject: 名簿の件", "山本花乃の電話は03-0000-0101です。", "佐久間一太", "受取 人子 <uketori@example.jp>",
		"[名簿.xlsx › list] 氏名 | フリガナ", "[転送.msg] 中の便り 06-0000-0102"} {
		if !strings.Contains(rec.all(), want) {
			t.Errorf("%q is not in\n%.2000s", want, rec.all())
		}
	}
}

// TestCompressedRTF: the examples of [MS-OXRTFCP] 4.1, and a message whose body is in nothing else.
func TestCompressedRTF(t *testing.T) {
	if len(rtfStart) != 207 {
		t.Fatalf("the dictionary begins with %d bytes, not 207", len(rtfStart))
	}
	for packed, want := range map[string]string{
		"\x2d\x00\x00\x00\x2b\x00\x00\x00\x4c\x5a\x46\x75\xf1\xc5\xc7\xa7\x03\x00\x0a\x00\x72\x63\x70\x67\x31\x32\x35\x42\x32\x0a\xf3\x20\x68\x65\x6c\x09\x00\x20\x62\x77\x05\xb0\x6c\x64\x7d\x0a\x80\x0f\xa0": "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n",
		"\x1a\x00\x00\x00\x1c\x00\x00\x00\x4c\x5a\x46\x75\xe2\xd4\x4b\x51\x41\x00\x04\x20\x57\x58\x59\x5a\x0d\x6e\x7d\x01\x0e\xb0":                                                                             "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}",
	} {
		got, err := unpackRTF([]byte(packed), 1<<20)
		if err != nil || string(got) != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	plain := "{\\rtf1\\ansi\\ansicpg932 \\'8e\\'52\\'96\\'7b\\u-32079?\\u20035? {\\*\\hidden x}03-0000-0101\\par}" // 山本, and 花乃 by number
	body := append(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(len(plain)+12)), uint32(len(plain))), "MELA\x00\x00\x00\x00"+plain...)
	rec, report := readBytes(t, makeCFB(map[string][]byte{"__properties_version1.0": make([]byte, 40), "__substg1.0_10090102": body}), "a.msg", Limits{})
	if len(report.Unread) > 0 || !strings.Contains(rec.all(), "山本花乃 03-0000-0101") {
		t.Errorf("%+v %q", report, rec.all())
	}
}

// TestCircles: chains and trees that run in circles end.
func TestCircles(t *testing.T) {
	good := makeCFB(map[string][]byte{"WordDocument": make([]byte, 9000), "1Table": make([]byte, 5000)})
	for at := 0; at+4 <= len(good); at += 4 {
		if at > 600 && at < len(good)-2048 {
			continue
		}
		for _, n := range []uint32{0, 1, uint32(at / 4)} {
			bad := bytes.Clone(good)
			binary.LittleEndian.PutUint32(bad[at:], n)
			readQuietly(t, bad, "a.doc")
		}
	}
}

// readQuietly reads bytes of which nothing is expected but that the reader comes back.
func readQuietly(t testing.TB, data []byte, name string) {
	t.Helper()
	r := NewReader(Options{})
	limits := Limits{Bytes: 64 << 20, Parts: 1000, Rows: 100_000}
	if _, err := r.File(t.Context(), bytes.NewReader(data), name, limits, newRecorder()); err != nil {
		t.Fatal(err)
	}
}
