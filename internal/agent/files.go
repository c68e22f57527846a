package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"sekimori/internal/agent/host"
)

// maxStateFile bounds what is read back of a state file; ours are far smaller.
const maxStateFile = 4 << 20

// writeFile replaces a file whole or not at all, and returns when it is on the disk.
func writeFile(name string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	if mode&0o004 != 0 {
		if err = host.MakePublic(f.Name()); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Base(name), err)
		}
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return syncFolder(filepath.Dir(name))
}

// removeFile takes a file away for good; one that is not there is no error.
func removeFile(name string) error {
	if err := os.Remove(name); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("remove %s: %w", filepath.Base(name), err)
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes names durable. Windows has no such call and needs none.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// readFile reads a state file; nil without an error when there is none.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(name), err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxStateFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(name), err)
	}
	if len(b) > maxStateFile {
		return nil, fmt.Errorf("read %s: too large", filepath.Base(name))
	}
	return append([]byte{}, b...), nil
}
