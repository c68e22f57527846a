package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekimori/internal/kit/fault"
)

// blockSize is how much is read, encrypted and compared at once, in bytes.
const blockSize = 256 << 10

// source is one original.
type source struct {
	name string      // in the output: with slashes, composed (NFC) as Windows writes names
	path string      // as a person would type it
	root *os.Root    // the folder that it is read through, and not left
	rel  string      // below root
	info fs.FileInfo // as it was when the job began
	sum  []byte      // SHA-256, set by the comparison
}

func (s *source) size() int64 { return s.info.Size() }

func sizeOf(in []*source) int64 {
	var n int64
	for _, s := range in {
		n += s.size()
	}
	return n
}

// found is everything that the paths of a job name.
type found struct {
	sources []*source
	roots   []*os.Root
	folders []string // in the order in which they were entered
}

func (f *found) close() error {
	var errs []error
	for _, r := range f.roots {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// gather looks at all originals before anything is written. A link, a pipe or a device is
// refused rather than passed over: whoever seals a folder must not find later that a part of
// it was not in there.
func gather(ctx context.Context, paths []string) (_ *found, err error) {
	f := &found{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	for _, p := range paths {
		info, err := os.Lstat(p)
		if err != nil {
			return nil, unreadable(p, err)
		}
		if !info.IsDir() {
			abs, err := filepath.Abs(p) // "." and ".." have no name of their own
			if err != nil {
				return nil, unreadable(p, err)
			}
			root, err := f.enter(filepath.Dir(abs))
			if err != nil {
				return nil, err
			}
			if err := f.add(filepath.Base(abs), p, root, filepath.Base(abs), info); err != nil {
				return nil, err
			}
			continue
		}
		if err := f.walk(ctx, p); err != nil {
			return nil, err
		}
	}
	if len(f.sources) == 0 {
		return nil, fault.New(fault.Invalid, "seal.nothing", nil)
	}
	names := map[string]bool{}
	for _, s := range f.sources { // Windows and macOS do not tell A from a
		key := strings.ToLower(s.name)
		if names[key] {
			return nil, fault.New(fault.Conflict, "seal.same_name", fault.Args{"name": shown(s.name)})
		}
		names[key] = true
	}
	return f, nil
}

func (f *found) enter(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	f.roots = append(f.roots, root)
	return root, nil
}

// walk takes the files of a folder, below the folder's own name.
func (f *found) walk(ctx context.Context, dir string) error {
	root, err := f.enter(dir)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return unreadable(dir, err)
	}
	base := filepath.Base(abs)
	if base == string(filepath.Separator) { // a whole disk has no name
		base = ""
	}
	return fs.WalkDir(root.FS(), ".", func(rel string, d fs.DirEntry, err error) error {
		full := filepath.Join(dir, filepath.FromSlash(rel))
		switch {
		case err != nil:
			return unreadable(full, err)
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir():
			f.folders = append(f.folders, full)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return unreadable(full, err)
		}
		return f.add(path.Join(base, rel), full, root, filepath.FromSlash(rel), info)
	})
}

func (f *found) add(name, full string, root *os.Root, rel string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fault.New(fault.Invalid, "seal.not_a_file", fault.Args{"name": shown(full)})
	}
	if !utf8.ValidString(name) {
		return fault.New(fault.Invalid, "seal.name_not_utf8", fault.Args{"name": shown(full)})
	}
	f.sources = append(f.sources, &source{name: norm.NFC.String(name), path: full, root: root, rel: rel, info: info})
	return nil
}

// open opens the original if it still is what it was.
func (s *source) open() (*os.File, error) {
	file, err := s.root.OpenFile(s.rel, os.O_RDONLY|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.changed()
	}
	if err != nil {
		return nil, unreadable(s.path, err)
	}
	info, err := file.Stat()
	if err == nil && !s.same(info) {
		err = s.changed()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (s *source) same(now fs.FileInfo) bool {
	return os.SameFile(s.info, now) && now.Mode().IsRegular() && now.Size() == s.info.Size() && now.ModTime().Equal(s.info.ModTime())
}

// unchanged looks at the original once more, by its name.
func (s *source) unchanged() error {
	info, err := s.root.Lstat(s.rel)
	if err != nil || !s.same(info) {
		return s.changed()
	}
	return nil
}

func (s *source) changed() error {
	return fault.New(fault.Conflict, "seal.changed", fault.Args{"name": shown(s.path)})
}

// copyTo writes the original to w.
func (s *source) copyTo(ctx context.Context, w io.Writer, tick ticker) (err error) {
	file, err := s.open()
	if err != nil {
		return err
	}
	defer file.Close() // was only read
	buf := make([]byte, blockSize)
	left := s.size()
	for {
		n, err := file.Read(buf)
		if left -= int64(n); left < 0 {
			return s.changed()
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if err := tick(s, n); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(s.path, err)
		}
	}
	if left > 0 {
		return s.changed()
	}
	return ctx.Err()
}

// compare holds what was opened against the original, byte by byte, and keeps its SHA-256.
func (s *source) compare(opened io.Reader, tick ticker) error {
	file, err := s.open()
	if err != nil {
		return err
	}
	defer file.Close() // was only read
	sum := sha256.New()
	a, b := make([]byte, blockSize), make([]byte, blockSize)
	for {
		n, readErr := io.ReadFull(opened, a)
		if readErr != nil && !errors.Is(readErr, io.EOF) && !errors.Is(readErr, io.ErrUnexpectedEOF) {
			return errors.Join(differs(s), readErr)
		}
		m, err := io.ReadFull(file, b)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return unreadable(s.path, err)
		}
		if !bytes.Equal(a[:n], b[:m]) {
			return errors.Join(s.unchanged(), differs(s))
		}
		sum.Write(a[:n])
		if err := tick(s, n); err != nil {
			return err
		}
		if readErr != nil {
			break
		}
	}
	s.sum = sum.Sum(nil)
	return s.unchanged()
}

func unreadable(name string, err error) error {
	return errors.Join(fault.New(fault.Invalid, "seal.unreadable", fault.Args{"name": shown(name)}), fmt.Errorf("read %s: %w", name, err))
}

// shown is a name as it may be printed: bytes that are no text, and what a terminal would
// obey, are marked.
func shown(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(name, string(utf8.RuneError)))
}

// within makes reading end with ctx.
func within(ctx context.Context, r io.Reader) io.Reader { return &ctxReader{ctx, r} }

type ctxReader struct {
	ctx context.Context
	io.Reader
}

// Read reads unless the context has ended.
func (r *ctxReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// DeleteOriginals removes what was sealed, and the folders that are empty then. A file that
// changed since is kept and is an error ("seal.changed"); the others are removed.
func (m *Manifest) DeleteOriginals() error {
	var errs []error
	for _, s := range m.sources {
		info, err := os.Lstat(s.path)
		switch {
		case err != nil || !s.same(info):
			errs = append(errs, s.changed())
		default:
			if err := os.Remove(s.path); err != nil {
				errs = append(errs, fmt.Errorf("delete %s: %w", shown(s.path), err))
			}
		}
	}
	for i := len(m.folders) - 1; i >= 0; i-- {
		_ = os.Remove(m.folders[i]) // refused by the system while something is in it
	}
	return errors.Join(errs...)
}
