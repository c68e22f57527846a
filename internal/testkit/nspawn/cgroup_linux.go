package nspawn

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// control groups of machines lie directly below the root of the hierarchy, each under
// the machine's name: two machines in one group would end each other's services.

// hierarchies lists where groups lie: the common one, and the old one for systemd beside
// it on hosts that have both. systemd-nspawn makes a group of the same name in the second.
func hierarchies() []string {
	if _, err := os.Stat("/sys/fs/cgroup/unified"); err == nil {
		return []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"}
	}
	return []string{"/sys/fs/cgroup"}
}

// newGroup makes a machine's group and opens it for starting a process in it.
func newGroup(name string) (*os.File, error) {
	dir := filepath.Join(hierarchies()[0], name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	return os.Open(dir)
}

// removeGroup removes the group and those below, whose processes have ended.
func removeGroup(name string) error {
	var all []string
	for _, h := range hierarchies() {
		err := filepath.WalkDir(filepath.Join(h, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	slices.Reverse(all) // the deepest first
	for _, dir := range all {
		if err := os.Remove(dir); err != nil {
			return err
		}
	}
	return nil
}
