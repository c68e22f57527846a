package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A disk that the system itself uses is left alone, wherever it is plugged in: the one that
// it runs from, and those that /etc/fstab puts at a place of the system's, such as /home.
// Which these are is written down when media begin to be held. What comes later is held like
// everything else, so that no medium becomes free by being mounted at such a place.

const systemNames = "system" // in runFolder: what /etc/fstab had mounted when media began to be held

// runsFrom are the places that no system does without.
func runsFrom(point string) bool {
	switch point {
	case "/", "/usr", "/var", "/boot", "/boot/efi", "/efi":
		return true
	}
	return false
}

// systemDisks are the places below /sys/devices of the disks that the system itself uses.
func (h *linux) systemDisks() []string {
	table, err := h.mountTable()
	if err != nil {
		return nil
	}
	known, noted := h.notedMounts()
	if !noted {
		known = h.fstabMounts(table)
	}
	var out []string
	for _, m := range table {
		if runsFrom(m.Point) || slices.Contains(known, mountName(m)) {
			out = append(out, h.below(h.sys("dev/block", m.Device), 0)...)
			if strings.HasPrefix(m.Device, "0:") { // such as btrfs, which has a number of its own
				out = append(out, h.below(h.sys("class/block", filepath.Base(m.Source)), 0)...)
			}
		}
	}
	return out
}

// mountName tells a mount from a later one of another disk at the same place.
func mountName(m mount) string { return m.Device + " " + strings.ReplaceAll(m.Point, "\n", `\012`) }

// fstabMounts are the mounts at the places of the system's that /etc/fstab names.
func (h *linux) fstabMounts(table []mount) (names []string) {
	text, err := readSome(filepath.Join(h.o.Root, "/etc/fstab"), 1<<20)
	if err != nil {
		return nil // a system without one mounts nothing by it
	}
	points := parseFstab(string(text))
	for _, m := range table {
		if slices.Contains(points, m.Point) {
			names = append(names, mountName(m))
		}
	}
	return names
}

// noteSystem writes down once what /etc/fstab has mounted.
func (h *linux) noteSystem() error {
	if _, noted := h.notedMounts(); noted {
		return nil
	}
	table, err := h.mountTable()
	if err != nil {
		return err
	}
	text := strings.Join(h.fstabMounts(table), "\n") + "\n"
	if err := writeWhole(h.runtime(systemNames), []byte(text), 0o600); err != nil {
		return fmt.Errorf("note the system's own disks: %w", err)
	}
	return nil
}

// notedMounts are what noteSystem has written; noted is false before that.
func (h *linux) notedMounts() (names []string, noted bool) {
	text, err := readSome(h.runtime(systemNames), 1<<20)
	if err != nil {
		return nil, !errors.Is(err, fs.ErrNotExist) // one that cannot be read frees nothing
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n"), true
}

// forgetSystem lets the next hold look at /etc/fstab anew.
func (h *linux) forgetSystem() error {
	if err := os.Remove(h.runtime(systemNames)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the system's own disks: %w", err)
	}
	return nil
}

// parseFstab gives the places of the system's that a file such as /etc/fstab names (man 5
// fstab): not those for removable media, and not those that people may mount themselves.
func parseFstab(text string) (points []string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || strings.HasPrefix(f[0], "#") || !strings.HasPrefix(f[1], "/") {
			continue // a remark, or swap
		}
		point := path.Clean(unescape(f[1]))
		if slices.ContainsFunc([]string{"/media", "/run/media", "/mnt"}, func(at string) bool { return point == at || strings.HasPrefix(point, at+"/") }) {
			continue
		}
		if len(f) > 3 && slices.ContainsFunc(strings.Split(f[3], ","), func(o string) bool { return o == "user" || o == "users" || o == "owner" || o == "group" }) {
			continue
		}
		points = append(points, point)
	}
	return points
}
