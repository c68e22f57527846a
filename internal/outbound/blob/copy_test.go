package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
)

// A sealed file can be carried to another store that has the key, closed all the way, and
// read to its end even when it is erased meanwhile.
func TestSealedIsCarried(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	from, to, name := open(t, t.TempDir(), k), open(t, t.TempDir(), k), key()
	put(t, from, name, words)
	in, size, err := from.Sealed(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := from.Delete(context.Background(), name); err != nil {
		t.Fatal(err)
	}
	sealed, err := io.ReadAll(in)
	if err != nil || int64(len(sealed)) != size {
		t.Fatalf("%d bytes, said %d, %v", len(sealed), size, err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte(words)) {
		t.Error("it is not closed")
	}
	if err := to.PutSealed(context.Background(), name, bytes.NewReader(sealed)); err != nil {
		t.Fatal(err)
	}
	if err := to.PutSealed(context.Background(), name, bytes.NewReader(sealed)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	out, err := to.Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if got, err := io.ReadAll(out); string(got) != string(words) || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, _, err := from.Sealed(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an erased file: %v", err)
	}
	if _, _, err := from.Sealed("../keys/evidence.key"); err == nil {
		t.Error("a name leads out of the store")
	}
}
