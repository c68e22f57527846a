package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// autorun is a file that makes something start by itself. Its content is never taken.
type autorun struct {
	Kind     string    `json:"kind"`
	Path     string    `json:"path"`
	Target   string    `json:"target,omitempty"` // of a link
	Mode     string    `json:"mode"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256,omitempty"`
	Note     string    `json:"note,omitempty"`
}

// place is a file, or a folder with the one below it, where autoruns are found.
type place struct {
	kind, path string
}

// listAutoruns writes every entry of the places. shown gives the path to write down for
// one that was read; far tells why a path must not be touched, or "".
func listAutoruns(ctx context.Context, r *records, places []place, most int, sums *hashes, shown func(string) string, far func(string) string) error {
	n := 0
	for _, p := range places {
		if why := far(p.path); why != "" {
			r.say("%s: not read: %s", shown(p.path), why)
			continue
		}
		err := filepath.WalkDir(p.path, func(path string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				r.say("%s: %s", shown(path), reason(err))
				return nil
			case d.IsDir():
				if rel, _ := filepath.Rel(p.path, path); depth(rel) > 1 {
					return fs.SkipDir
				}
				return nil
			}
			if n == most {
				return fmt.Errorf("cut short: more than %d entries", most)
			}
			n++
			info, err := d.Info()
			if err != nil {
				return nil // it has just gone
			}
			a := autorun{Kind: p.kind, Path: clip(shown(path), 1024), Mode: info.Mode().String(), Size: info.Size(), Modified: info.ModTime().UTC()}
			if info.Mode()&fs.ModeSymlink != 0 {
				target, _ := os.Readlink(path)
				a.Target = clip(target, 1024)
			} else if a.SHA256, err = sums.of(ctx, path, path); err != nil {
				a.Note = reason(err)
			}
			if !r.add(a) {
				return errEnough
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// depth counts the folders of a relative path; "." has none.
func depth(rel string) int {
	if rel == "." {
		return 0
	}
	n := 1
	for _, c := range rel {
		if c == filepath.Separator {
			n++
		}
	}
	return n
}

// reason shortens an error of the file system to what happened.
func reason(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err.Error()
	}
	return clip(err.Error(), 200)
}
