package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Cached returns the folder of this name in the cache, which build makes where it is
// missing: in a folder beside it, moved into place when it is whole. Two processes that
// ask for the same one wait for each other. Nobody may write into the folder: it is
// everybody's.
func Cached(ctx context.Context, name string, build func(ctx context.Context, dir string) error) (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	dir := filepath.Join(cache, name)
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	_, err = os.Stat(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil { // of a process that was killed
		return "", err
	}
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return "", err
	}
	if err := build(ctx, fresh); err != nil {
		return "", errors.Join(err, os.RemoveAll(fresh))
	}
	return dir, os.Rename(fresh, dir)
}
