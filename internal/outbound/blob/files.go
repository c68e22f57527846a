// Package blob keeps evidence and photos of things in a folder, each encrypted with age.
//
// A file is written beside its place, forced to disk, and only then given its name, so
// that a name that exists is whole, and a Put that has returned survives a power cut.
// Names are never reused: a second Put under a name fails. What a crashed Put left is
// removed when the store is opened again.
//
// The folder is opened as an os.Root, so that no name and no symbolic link leads out
// of it. Sizes, digests and owners are the database's.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"filippo.io/age"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// unfinished is the folder of files that are being written.
const unfinished = "unfinished"

// abandoned is how long an unfinished file is left alone after its last byte: another
// server on the same folder may still be writing it.
const abandoned = time.Hour

// Files is a folder of encrypted files. Any number of goroutines may use it.
type Files struct {
	root *os.Root
	key  *Key
}

// OpenFiles opens the store in a folder, makes the folder where it is missing, and
// removes what crashed Puts left in it more than an hour before now.
func OpenFiles(dir string, key *Key, now time.Time) (*Files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open evidence store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open evidence store: %w", err)
	}
	f := &Files{root: root, key: key}
	if err := f.sweep(now); err != nil {
		return nil, errors.Join(fmt.Errorf("open evidence store: %w", err), root.Close())
	}
	return f, nil
}

// Close gives the folder back. Readers that are open stay usable.
func (f *Files) Close() error { return f.root.Close() }

func (f *Files) sweep(now time.Time) error {
	if err := f.root.MkdirAll(unfinished, 0o700); err != nil {
		return err
	}
	left, err := fs.ReadDir(f.root.FS(), unfinished)
	if err != nil {
		return err
	}
	for _, e := range left {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && now.Sub(info.ModTime()) < abandoned {
			continue // finished meanwhile, or still being written
		}
		if err == nil {
			err = f.root.Remove(unfinished + "/" + e.Name())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Put keeps what r gives under the key. When it returns nil the file is on disk; when
// it fails nothing is left. An error of r stands in the error's chain. A key that is
// taken gives fs.ErrExist; a full disk the fault "fault.disk_full".
func (f *Files) Put(ctx context.Context, key string, r io.Reader) error {
	return f.put(key, func(out *os.File) error {
		w, err := age.Encrypt(out, f.key.to)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, &reader{ctx, r}); err != nil {
			return err
		}
		return w.Close()
	})
}

// put keeps what fill writes under the key.
func (f *Files) put(key string, fill func(*os.File) error) error {
	dir, err := split(key)
	if err != nil {
		return err
	}
	temp := unfinished + "/" + id.Secret(16)
	err = f.write(temp, fill)
	if err == nil {
		err = f.publish(temp, dir, key)
	}
	// A name that stays although the file was published costs room until the next
	// sweep, and nothing else.
	if e := f.root.Remove(temp); e != nil && err != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	if IsFull(err) {
		err = errors.Join(fault.New(fault.Unavailable, "fault.disk_full", nil), err)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// write fills the new file name and forces it to disk.
func (f *Files) write(name string, fill func(*os.File) error) error {
	out, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = fill(out); err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// publish gives the finished file its name, unless that is taken, and forces the name
// to disk. The unfinished name is left to the caller.
func (f *Files) publish(temp, dir, key string) error {
	if err := f.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	err := f.root.Link(temp, key)
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if err != nil {
		// A file system without hard links. Keys are made once and never given
		// twice, so looking before the rename is enough there.
		if _, e := f.root.Lstat(key); !errors.Is(e, fs.ErrNotExist) {
			return errors.Join(err, e)
		}
		if err = f.root.Rename(temp, key); err != nil {
			return err
		}
	}
	if err := errors.Join(syncDir(f.root, dir), syncDir(f.root, ".")); err != nil {
		return errors.Join(err, f.root.Remove(key))
	}
	return nil
}

// Open reads the file of a key. A file that was changed or cut on disk, or written with
// another key, gives an error instead of wrong bytes: here or while it is read.
func (f *Files) Open(_ context.Context, key string) (io.ReadCloser, error) {
	if _, err := split(key); err != nil {
		return nil, err
	}
	in, err := f.root.Open(key)
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	plain, err := age.Decrypt(in, f.key.open...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open blob %s: %w", key, err), in.Close())
	}
	return &plainFile{plain, in}, nil
}

// plainFile is the readable side of an encrypted file.
type plainFile struct {
	io.Reader
	io.Closer
}

// Delete removes the file of a key, durably. Deleting it again is no error.
func (f *Files) Delete(_ context.Context, key string) error {
	dir, err := split(key)
	if err != nil {
		return err
	}
	err = f.root.Remove(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete blob: %w", err)
	}
	return syncDir(f.root, dir)
}

// split gives the folder of a key of one of the forms there are: "inc_…/evd_…" of evidence,
// "ast_…/pho_…" of a photo or paper of a thing.
func split(key string) (dir string, err error) {
	dir, name, ok := strings.Cut(key, "/")
	if !ok || !(id.Valid("inc", dir) && id.Valid("evd", name) || id.Valid("ast", dir) && id.Valid("pho", name)) {
		return "", fmt.Errorf("blob key %q is not of the form inc_…/evd_… or ast_…/pho_…", key)
	}
	return dir, nil
}

// syncDir forces a folder's names to disk. Windows has no such call and does it by itself.
func syncDir(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// reader ends with the context's error, so that a broken-off upload ends its Put.
type reader struct {
	ctx context.Context
	r   io.Reader
}

// Read reads on unless the context is done.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
