package qemu

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// needed are the modules without which there is no disk and no port; systemd has the
// rest loaded.
func needed() []string {
	return []string{"virtio_pci", "crc32c_generic", "virtio_blk", "ext4", "virtio_console"}
}

// moduleFiles lists the files of modules below dir, each after those that it builds upon.
func moduleFiles(dir string, names []string) ([]string, error) {
	dep, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, err
	}
	builtin, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	upon := map[string][]string{} // by path
	paths := map[string]string{}  // by name
	name := func(file string) string { return strings.TrimSuffix(path.Base(file), ".ko") }
	for line := range strings.Lines(string(dep)) {
		file, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		upon[file], paths[name(file)] = strings.Fields(rest), file
	}
	for line := range strings.Lines(string(builtin)) {
		paths[name(strings.TrimSpace(line))] = ""
	}
	var order []string
	for _, n := range names {
		file, known := paths[n]
		if !known {
			return nil, fmt.Errorf("the kernel has no module %s", n)
		}
		if file == "" {
			continue
		}
		under := slices.Clone(upon[file]) // the first is the one to load last
		slices.Reverse(under)
		for _, f := range append(under, file) {
			if !slices.Contains(order, f) {
				order = append(order, f)
			}
		}
	}
	return order, nil
}

// archive is a cpio archive of the form that the kernel unpacks ("newc": see
// Documentation/driver-api/early-userspace/buffer-format.rst of the kernel).
type archive struct {
	buf  bytes.Buffer
	ino  int
	dirs map[string]bool
}

func (a *archive) entry(name string, mode uint32, data []byte) {
	a.ino++
	fmt.Fprintf(&a.buf, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	a.buf.WriteString(name + "\x00")
	a.pad()
	a.buf.Write(data)
	a.pad()
}

func (a *archive) pad() {
	for a.buf.Len()%4 != 0 {
		a.buf.WriteByte(0)
	}
}

// dir adds a folder, given without a slash in front, and those above it.
func (a *archive) dir(name string) {
	if name == "." || a.dirs[name] {
		return
	}
	a.dir(path.Dir(name))
	if a.dirs == nil {
		a.dirs = map[string]bool{}
	}
	a.dirs[name] = true
	const folder = 0o040000
	a.entry(name, folder|0o755, nil)
}

func (a *archive) file(name, from string, mode fs.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	a.dir(path.Dir(name))
	const regular = 0o100000
	a.entry(name, regular|uint32(mode.Perm()), data)
	return nil
}

func (a *archive) bytes() []byte {
	a.entry("TRAILER!!!", 0, nil)
	return a.buf.Bytes()
}

// initramfs makes the first file system: the program inside, modules, and files for the
// disk.
func initramfs(inside, moduleDir string, files []File) ([]byte, error) {
	var a archive
	for _, d := range []string{"dev", "proc", "sys", "run", "root", "modules"} {
		a.dir(d)
	}
	if err := a.file("init", inside, 0o755); err != nil {
		return nil, err
	}
	order, err := moduleFiles(moduleDir, needed())
	if err != nil {
		return nil, err
	}
	for i, m := range order {
		if err := a.file(fmt.Sprintf("modules/%03d-%s", i, path.Base(m)), filepath.Join(moduleDir, m), 0o644); err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		if err := a.file(path.Join("files", f.To), f.From, f.Mode); err != nil {
			return nil, err
		}
	}
	return a.bytes(), nil
}
