package archive_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/outbound/archive"
)

// signer makes a key and its public half.
func signer(t testing.TB) (note.Signer, note.Verifiers) {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "sekimori/test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return s, note.VerifierList(v)
}

// members are the contents of the backups here.
func members() map[string]string {
	return map[string]string{"tables/meta/000001.jsonl.gz": "[1]\n", "evidence/inc_1/evd_1": strings.Repeat("x", 1500), "keys/empty": ""}
}

func write(t testing.TB, s note.Signer, to ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := archive.NewWriter(&out, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tables/meta/000001.jsonl.gz", "evidence/inc_1/evd_1", "keys/empty"} {
		text := members()[name]
		if err := w.Add(name, int64(len(text)), strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(map[string]string{"program": "test"}, s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadGivesWhatWasWritten(t *testing.T) {
	t.Parallel()
	s, known := signer(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		file []byte
		keys []age.Identity
	}{{"open", write(t, s), nil}, {"encrypted", write(t, s, key.Recipient()), []age.Identity{key}}} {
		got := map[string]string{}
		c, err := archive.Read(bytes.NewReader(tt.file), tt.keys, func(name string, size int64, r io.Reader) error {
			b, err := io.ReadAll(r)
			if int64(len(b)) != size {
				t.Errorf("%s: %s has %d bytes, said %d", tt.name, name, len(b), size)
			}
			got[name] = string(b)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if d := cmp.Diff(members(), got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		if err := c.SignedBy(known); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		_, strangers := signer(t)
		if err := c.SignedBy(strangers); !errors.Is(err, archive.ErrSignature) {
			t.Errorf("%s: another server's key: %v", tt.name, err)
		}
	}
}

// whole reports whether a file is read as a whole backup of this server.
func whole(file []byte, keys []age.Identity, known note.Verifiers) error {
	c, err := archive.Read(bytes.NewReader(file), keys, nil)
	if err != nil {
		return err
	}
	return c.SignedBy(known)
}

// Every byte that is changed, and every end that is cut off, is found: the file is taken
// only when it is what a writer makes.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	s, known := signer(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		file []byte
		keys []age.Identity
	}{{"open", write(t, s), nil}, {"encrypted", write(t, s, key.Recipient()), []age.Identity{key}}} {
		if err := whole(tt.file, tt.keys, known); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		for i := range tt.file {
			changed := bytes.Clone(tt.file)
			changed[i] ^= 1
			if whole(changed, tt.keys, known) == nil {
				t.Errorf("%s: byte %d of %d was changed, and nobody saw it", tt.name, i, len(tt.file))
			}
			if whole(tt.file[:i], tt.keys, known) == nil {
				t.Errorf("%s: cut off after %d of %d bytes, and nobody saw it", tt.name, i, len(tt.file))
			}
		}
		if whole(append(bytes.Clone(tt.file), 0), tt.keys, known) == nil {
			t.Errorf("%s: a byte more, and nobody saw it", tt.name)
		}
	}
}

// Without any key of the server, a changed byte is found wherever it is but in the
// signature itself.
func TestDamageIsSeenWithoutKeys(t *testing.T) {
	t.Parallel()
	s, _ := signer(t)
	file := write(t, s)
	start := bytes.Index(file, []byte("\n\n\u2014 sekimori/test "))
	if start < 0 {
		t.Fatal("there is no signature")
	}
	end := start + 2 + bytes.IndexByte(file[start+2:], '\n')
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 4
		if _, err := archive.Read(bytes.NewReader(changed), nil, nil); err == nil && (i < start || i > end) {
			t.Errorf("byte %d of %d was changed, and nobody saw it", i, len(file))
		}
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	s, _ := signer(t)
	right, err := age.NewScryptRecipient("a long passphrase")
	if err != nil {
		t.Fatal(err)
	}
	right.SetWorkFactor(10)
	file := write(t, s, right)
	wrong, err := age.NewScryptIdentity("another passphrase")
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string][]age.Identity{"none": nil, "another": {wrong}} {
		if _, err := archive.Read(bytes.NewReader(file), keys, nil); !errors.Is(err, archive.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A stranger's tar, and names that would lead out of the folder of a restore.
func TestStrangeFiles(t *testing.T) {
	t.Parallel()
	s, _ := signer(t)
	for _, name := range []string{"/etc/passwd", "../x", "a/../../x", "a//b", `a\b`, "c:x", "./a"} {
		var out bytes.Buffer
		w, err := archive.NewWriter(&out, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(name, 1, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(nil, s); err != nil {
			t.Fatal(err)
		}
		called := false
		_, err = archive.Read(&out, nil, func(string, int64, io.Reader) error { called = true; return nil })
		if !errors.Is(err, archive.ErrDamaged) || called {
			t.Errorf("%q: %v, given out: %t", name, err, called)
		}
	}
	for _, file := range []string{"", "age-encryption.org/v1\n", strings.Repeat("x", 2000)} {
		if _, err := archive.Read(strings.NewReader(file), nil, nil); err == nil {
			t.Errorf("%.20q was taken for a backup", file)
		}
	}
}

// What the caller says goes back to the caller as it is.
func TestCallersError(t *testing.T) {
	t.Parallel()
	s, _ := signer(t)
	full := errors.New("disk full")
	_, err := archive.Read(bytes.NewReader(write(t, s)), nil, func(string, int64, io.Reader) error { return fmt.Errorf("put: %w", full) })
	if !errors.Is(err, full) || errors.Is(err, archive.ErrDamaged) {
		t.Error(err)
	}
}

// A source that is shorter than it said gives an error, not a file with a hole.
func TestShortMember(t *testing.T) {
	t.Parallel()
	w, err := archive.NewWriter(io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add("a", 10, strings.NewReader("short")); err == nil {
		t.Error("a member with a hole was written")
	}
}
