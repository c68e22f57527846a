package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxManifestFiles is how many files one manifest may list.
const maxManifestFiles = 5000

// manifestLine is one file of a manifest.
type manifestLine struct {
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	Encrypted string `json:"encrypted,omitempty"`
}

// errTooMany ends a walk.
var errTooMany = errors.New("too many files")

// countFiles lists files, and those below folders, with their size and SHA-256. What is no
// plain file (a link, a pipe) is refused: it would not be what leaves the building.
func (s *shell) countFiles(ctx context.Context, paths []string, encrypted string) ([]manifestLine, error) {
	out := []manifestLine{}
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case d.IsDir():
				return nil
			case len(out) == maxManifestFiles:
				return errTooMany
			}
			l, err := countFile(path)
			l.Encrypted = encrypted
			out = append(out, l)
			return err
		})
		if errors.Is(err, errTooMany) {
			return nil, s.fail("cli.takeout_too_many", "max", maxManifestFiles)
		}
		if err != nil {
			return nil, s.fail("cli.takeout_unread", "file", root, "why", err.Error())
		}
	}
	return out, nil
}

// countFile reads one file. The size is what was read.
func countFile(path string) (manifestLine, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return manifestLine{}, err
	}
	if !info.Mode().IsRegular() {
		return manifestLine{}, &fs.PathError{Op: "read", Path: path, Err: errors.New("no plain file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return manifestLine{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return manifestLine{Name: filepath.ToSlash(path), Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}
