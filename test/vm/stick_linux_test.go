package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/qemu"
)

// stick is a USB memory with a FAT file system, as shops sell them.
type stick struct {
	t      *testing.T
	image  string // the file that holds it
	serial string
	label  string
	start  int64 // of the file system in the image: some have a partition table before it
	log    string
}

const (
	stickSize = 16 << 20
	smallSize = 128 << 10 // of one that goes into the machine as a file
	partition = 1 << 20   // where the first one begins
)

// newStick makes a stick of this serial number with a label and files.
func newStick(t *testing.T, serial, label string, files map[string]string) *stick {
	t.Helper()
	s := &stick{t: t, image: filepath.Join(t.TempDir(), "stick"), serial: serial, label: label}
	s.make(stickSize, files)
	return s
}

// newSmall makes the content of a stick that no socket is for, and returns it.
func newSmall(t *testing.T, label string, files map[string]string) string {
	t.Helper()
	s := &stick{t: t, image: filepath.Join(t.TempDir(), "stick"), label: label}
	s.make(smallSize, files)
	raw, err := os.ReadFile(s.image)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// newPartitioned makes one whose file system is in a partition.
func newPartitioned(t *testing.T, serial, label string, files map[string]string) *stick {
	t.Helper()
	s := &stick{t: t, image: filepath.Join(t.TempDir(), "stick"), serial: serial, label: label, start: partition}
	s.make(stickSize, files)
	table := make([]byte, 512)
	const sector, fat32 = 512, 0x0c
	table[446+4] = fat32
	binary.LittleEndian.PutUint32(table[446+8:], partition/sector)
	binary.LittleEndian.PutUint32(table[446+12:], (stickSize-partition)/sector)
	table[510], table[511] = 0x55, 0xaa
	f, err := os.OpenFile(s.image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(table, 0); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stick) make(size int64, files map[string]string) {
	s.t.Helper()
	fs := filepath.Join(s.t.TempDir(), "fat")
	if err := os.WriteFile(fs, make([]byte, size-s.start), 0o600); err != nil {
		s.t.Fatal(err)
	}
	tool(s.t, "/sbin/mkfs.vfat", "-n", s.label, fs)
	for name, text := range files {
		from := filepath.Join(s.t.TempDir(), "file")
		if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
		tool(s.t, "mcopy", "-i", fs, from, "::"+name)
	}
	raw, err := os.ReadFile(fs)
	if err == nil {
		err = os.WriteFile(s.image, append(make([]byte, s.start), raw...), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// newLinux makes a stick with the file system of Linux, which can hold more than files.
func newLinux(t *testing.T, serial, label string, fill func(dir string) error) *stick {
	t.Helper()
	s := &stick{t: t, image: filepath.Join(t.TempDir(), "stick"), serial: serial, label: label}
	dir := t.TempDir()
	if err := errors.Join(fill(dir), os.WriteFile(s.image, make([]byte, stickSize), 0o600)); err != nil {
		t.Fatal(err)
	}
	tool(t, "/sbin/mke2fs", "-q", "-t", "ext4", "-L", label, "-d", dir, s.image)
	return s
}

// needTools skips the test where sticks cannot be made, or ends it where that is no excuse.
func needTools(t *testing.T) {
	t.Helper()
	for _, name := range []string{"/sbin/mkfs.vfat", "/sbin/fsck.fat", "mcopy", "mtype"} {
		_, err := exec.LookPath(name)
		if err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("install the Debian packages dosfstools and mtools: %v", err)
	}
}

// tool runs a program of the Debian packages dosfstools and mtools.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
	return string(out)
}

// device is the stick as it is plugged in.
func (s *stick) device() qemu.Stick {
	return qemu.Stick{Image: s.image, Serial: s.serial, Log: s.log}
}

// allowed is a loan of it from an hour ago until an hour from now.
func (s *stick) allowed(asset, loan, token string) wire.Medium {
	return wire.Medium{Asset: asset, Loan: loan, Vendor: "46f4", Product: "0001", Serial: s.serial, Token: token, From: soon(-3600), Until: soon(3600)}
}

// lists reports whether the root folder, which is at its beginning, has this name.
func (s *stick) lists(short string) bool {
	s.t.Helper()
	f, err := os.Open(s.image)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 256<<10)
	if _, err := f.ReadAt(head, s.start); err != nil {
		s.t.Fatal(err)
	}
	return bytes.Contains(head, []byte(short))
}

// content reads a file of a stick that is unplugged.
func (s *stick) content(name string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), "mtype", "-i", s.image+"@@"+itoa(s.start), "::"+name).CombinedOutput()
	if err != nil {
		s.t.Errorf("read %s of the stick: %v\n%s", name, err, out)
	}
	return string(out)
}

// sound checks the file system of a stick that is unplugged. Nothing may be wrong with it
// but the mark that it was not unmounted in order.
func (s *stick) sound() {
	s.t.Helper()
	if wrong := s.wrong(false); wrong != "" {
		s.t.Errorf("the file system is damaged: %s", wrong)
	}
}

// safe is sound, but for a token that was being written: room may be taken that no file has
// yet, and the second of the two tables of FAT may wait for its turn.
func (s *stick) safe() {
	s.t.Helper()
	if wrong := s.wrong(true); wrong != "" {
		s.t.Errorf("the file system is damaged: %s", wrong)
	}
}

// wrong is what fsck says of damage, or "".
func (s *stick) wrong(midway bool) string {
	s.t.Helper()
	raw, err := os.ReadFile(s.image)
	fs := filepath.Join(s.t.TempDir(), "fat")
	if err == nil {
		err = os.WriteFile(fs, raw[s.start:], 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := exec.CommandContext(s.t.Context(), "/sbin/fsck.fat", "-n", fs).CombinedOutput()
	if err == nil {
		return ""
	}
	harmless := []string{"fsck.fat ", fs + ":", "Leaving filesystem unchanged", "Automatically ", "Dirty bit is set"}
	if midway {
		harmless = append(harmless, "/"+wire.TokenFile, "File size is 0 bytes, cluster chain length is > 0 bytes.",
			"Truncating file to 0 bytes.", "Reclaim", "FATs differ but appear to be intact.", "Using first FAT.")
	}
	for line := range strings.Lines(string(out)) {
		line := strings.TrimSpace(line)
		if line != "" && !slices.ContainsFunc(harmless, func(h string) bool { return strings.HasPrefix(line, h) }) {
			return string(out)
		}
	}
	return ""
}
