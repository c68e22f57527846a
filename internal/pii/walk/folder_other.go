//go:build !linux

package walk

import (
	"io/fs"
	"os"
	"path/filepath"

	"sekimori/internal/pii/read"
)

// folder is a folder by its path. Links are seen before they would be followed.
type folder struct {
	path   string
	system uint64
	seen   map[string]fs.FileInfo
}

func openTop(path string) (*folder, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	return &folder{path: path, system: systemOf(info)}, nil
}

// sub opens a folder in the folder.
func (f *folder) sub(name string) (*folder, error) {
	path := filepath.Join(f.path, name)
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fs.ErrNotExist // it was a folder a moment ago
	}
	return &folder{path: path, system: systemOf(info)}, nil
}

func (f *folder) hold()    {}
func (f *folder) release() {}

// open opens a file of the folder for reading.
func (f *folder) open(name string) (*os.File, error) {
	path := filepath.Join(f.path, name)
	d, err := read.Open(path) // refuses links and pipes
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// list reads the names of the folder, in any order.
func (f *folder) list(each func(name string, kind entryKind)) error {
	all, err := os.ReadDir(f.path)
	f.seen = make(map[string]fs.FileInfo, len(all))
	for _, d := range all {
		if info, err := d.Info(); err == nil {
			f.seen[d.Name()] = info
		}
		each(d.Name(), kindOf(d.Type()))
	}
	return err
}

func kindOf(m fs.FileMode) entryKind {
	switch {
	case m.IsRegular():
		return isFile
	case m.IsDir():
		return isFolder
	case m&(fs.ModeSymlink|fs.ModeIrregular) != 0: // a junction of Windows is irregular
		return isLink
	}
	return isSpecial
}

// look fills in what the folder alone does not tell.
func (f *folder) look(e *entry) error {
	info := f.seen[e.name]
	if info == nil {
		return fs.ErrNotExist
	}
	e.kind = kindOf(info.Mode().Type())
	e.size, e.modified, e.changed = info.Size(), info.ModTime().UnixNano(), changedOf(info)
	return nil
}
