package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sekimori/internal/kit/fault"
)

// partPrefix begins the name of an output while it is written.
const partPrefix = ".sekimori-seal-"

// place is where an output is written, beside the place that it will have.
type place struct {
	to    string
	file  *os.File // locked, so that another run tells it from a leftover
	named bool
}

// newPlace makes the file, and removes what runs that were killed have left in that folder:
// it holds nothing but encrypted bytes.
func newPlace(to string) (*place, error) {
	if err := free(to); err != nil {
		return nil, err
	}
	dir := filepath.Dir(to)
	if err := sweep(dir); err != nil {
		return nil, err
	}
	for range placeTries {
		f, err := os.CreateTemp(dir, partPrefix+"*")
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", shown(to), err)
		}
		p := &place{to: to, file: f}
		if lock(f) == nil && p.there() {
			return p, nil
		}
		if err := p.end(false); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("write %s: no file can be locked in %s", shown(to), shown(dir))
}

// placeTries is how often another run may take a file for a leftover in the moment before
// it is locked.
const placeTries = 10

// there reports whether the file still has its first name.
func (p *place) there() bool {
	mine, err := p.file.Stat()
	now, nowErr := os.Lstat(p.file.Name())
	return err == nil && nowErr == nil && os.SameFile(mine, now)
}

// free refuses a name that is taken.
func free(name string) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Conflict, "seal.exists", fault.Args{"name": shown(name)})
	}
	return nil
}

func sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(globQuote(dir), partPrefix+"*"))
	if err != nil {
		return fmt.Errorf("look for leftovers in %s: %w", shown(dir), err)
	}
	for _, name := range left {
		f, err := os.OpenFile(name, os.O_RDWR|openFlags, 0)
		if err != nil {
			continue // gone meanwhile, or another person's
		}
		abandoned := lock(f) == nil
		f.Close() // was not written
		if abandoned {
			_ = os.Remove(name) // the next run tries again
		}
	}
	return nil
}

// name gives the whole file its name, and never another file's.
func (p *place) name() error {
	err := os.Link(p.file.Name(), p.to)
	switch {
	case err == nil:
		p.named = true
	case errors.Is(err, fs.ErrExist):
		return fault.New(fault.Conflict, "seal.exists", fault.Args{"name": shown(p.to)})
	default: // a file system without hard links: FAT, exFAT, some shares
		if err := free(p.to); err != nil {
			return err
		}
		if err := rename(p.file, p.to); err != nil {
			return fmt.Errorf("name %s: %w", shown(p.to), err)
		}
		p.named = true
	}
	if err := syncDir(filepath.Dir(p.to)); err != nil {
		return fmt.Errorf("name %s: %w", shown(p.to), err)
	}
	return nil
}

// end closes the file and removes its first name, and the last one unless all went well.
func (p *place) end(well bool) error {
	err := p.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		err = nil
	}
	if e := os.Remove(p.file.Name()); !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	if p.named && !well {
		err = errors.Join(err, os.Remove(p.to))
	}
	if err != nil {
		return fmt.Errorf("end %s: %w", shown(p.to), err)
	}
	return nil
}

// globQuote keeps a folder's name from being read as a pattern.
func globQuote(dir string) string {
	var out []rune
	for _, r := range dir {
		if r == '*' || r == '?' || r == '[' || r == '\\' && os.PathSeparator != '\\' {
			out = append(out, '[', r, ']')
			continue
		}
		out = append(out, r)
	}
	return string(out)
}

// roomOr makes of a full disk the fault "seal.disk_full".
func roomOr(err error) error {
	if full(err) {
		return errors.Join(fault.New(fault.Unavailable, "seal.disk_full", nil), err)
	}
	return err
}
