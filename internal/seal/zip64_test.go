package seal

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/openers"
)

// TestLargeFiles writes members beyond 4 GiB without writing 4 GiB: one is announced as
// large, one lies behind a hole of 5 GiB.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	openers.Need(t)
	const pass = "tk4h-8mwe-3xyd"
	name := filepath.Join(t.TempDir(), "large.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &zipWriter{out: f, password: pass}
	put := func(name string, size int64) {
		t.Helper()
		if err := w.member(name, time.Unix(1e9, 0), false, size, func(w io.Writer) error { _, err := io.WriteString(w, name); return err }); err != nil {
			t.Fatal(err)
		}
	}
	put("large", 5<<30)
	w.at = 5 << 30
	put("far", 3)
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	members, err := openZip(f, pass)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		b, err := io.ReadAll(m.open())
		if err != nil || string(b) != m.name || m.authentic(t.Context()) != nil {
			t.Errorf("%s: %q %v", m.name, b, err)
		}
	}
	said, err := openers.Run(t, "/", openers.SevenZip, "t", "-p"+pass, name)
	if err != nil || !strings.Contains(said, "Files: 2") || strings.Contains(said, "WARN") {
		t.Errorf("%v\n%s", err, said)
	}
	// A file that is larger than it was said to be is not written wrong.
	m := &zipMember{name: "x", size: 1 << 33, plain: 1 << 33, large: true}
	if n := len(m.local()); n != len((&zipMember{name: "x", large: true}).local()) {
		t.Errorf("the header in front has %d bytes", n)
	}
}

// TestTampered changes each byte of a small sealed file, one after the other: it does not
// open, or what is in it is the same.
func TestTampered(t *testing.T) {
	t.Parallel()
	const pass = "tk4h-8mwe-3xyd"
	name := filepath.Join(t.TempDir(), "a.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &zipWriter{out: f, password: pass}
	if err := w.member("a", time.Time{}, false, 5, func(w io.Writer) error { _, err := io.WriteString(w, "plain"); return err }); err != nil {
		t.Fatal(err)
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := f.WriteAt(bad, 0); err != nil {
			t.Fatal(err)
		}
		members, err := openZip(f, pass)
		if err != nil || len(members) != 1 {
			continue
		}
		b, err := io.ReadAll(members[0].open())
		if err == nil && members[0].authentic(t.Context()) == nil && string(b) != "plain" {
			t.Errorf("byte %d: %q", i, b)
		}
	}
}

// TestCounter holds the counter mode, at any place and across 256 blocks, against one that
// takes a block at a time.
func TestCounter(t *testing.T) {
	t.Parallel()
	k, err := newAEKeys("password", make([]byte, aeSalt))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 300*16)
	for i := 0; i < len(want); i += 16 {
		n := i/16 + 1
		in := make([]byte, 16)
		in[0], in[1] = byte(n), byte(n>>8)
		k.block.Encrypt(want[i:], in)
	}
	stream := make([]byte, len(want)+32)
	for _, at := range []int{0, 1, 15, 16, 17, 255 * 16, 255*16 + 3} {
		for _, n := range []int{0, 1, 15, 16, 33, len(want) - at - 600} {
			if n < 0 || at+n > len(want) {
				continue
			}
			got := make([]byte, n)
			k.crypt(got, stream, int64(at))
			if !bytes.Equal(got, want[at:at+n]) {
				t.Errorf("%d bytes at %d: %s", n, at, hex.EncodeToString(got))
			}
		}
	}
}
