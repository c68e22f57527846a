package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Sealed opens the file of a key as it lies on the disk, encrypted, and gives its size in
// bytes: what a backup keeps. Once open it can be read to its end, erased meanwhile or not.
func (f *Files) Sealed(key string) (io.ReadCloser, int64, error) {
	if _, err := split(key); err != nil {
		return nil, 0, err
	}
	in, err := f.root.Open(key)
	if err != nil {
		return nil, 0, fmt.Errorf("open blob: %w", err)
	}
	st, err := in.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open blob: %w", err), in.Close())
	}
	return in, st.Size(), nil
}

// PutSealed keeps a file that Sealed gave, as Put keeps a plain one.
func (f *Files) PutSealed(ctx context.Context, key string, r io.Reader) error {
	return f.put(key, func(out *os.File) error {
		_, err := io.Copy(out, &reader{ctx, r})
		return err
	})
}
