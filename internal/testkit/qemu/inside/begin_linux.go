package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Where the first file system keeps what it was given.
const (
	modules = "/modules" // named 000, 001 … in the order of loading
	files   = "/files"   // a tree for the disk
	root    = "/root"    // where the disk is mounted
)

// begin never returns but for an error: systemd takes the process over.
func begin() error {
	for _, m := range []struct{ kind, at, opt string }{
		{"devtmpfs", "/dev", ""}, {"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"tmpfs", "/run", "mode=0755"},
	} {
		if err := unix.Mount(m.kind, m.at, m.kind, unix.MS_NOSUID, m.opt); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := mountDisk(); err != nil {
		return err
	}
	if err := fill(); err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	if err := settle(); err != nil {
		return err
	}
	for _, at := range []string{"/dev", "/proc", "/sys", "/run"} {
		if err := unix.Mount(at, root+at, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", at, err)
		}
	}
	if err := errors.Join(unix.Chdir(root), unix.Mount(".", "/", "", unix.MS_MOVE, ""), unix.Chroot("."), unix.Chdir("/")); err != nil {
		return fmt.Errorf("change to the disk: %w", err)
	}
	return unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
}

func loadModules() error {
	all, err := os.ReadDir(modules)
	if err != nil {
		return err
	}
	for _, m := range all {
		f, err := os.Open(filepath.Join(modules, m.Name()))
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load module %s: %w", m.Name(), err)
		}
	}
	return nil
}

func mountDisk() error {
	var err error
	for range 500 {
		if err = unix.Mount("/dev/vda", root, "ext4", 0, ""); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("mount the disk: %w", err)
}

// fill copies the tree that was given onto the disk, where there is one.
func fill() error {
	err := filepath.WalkDir(files, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == files {
			return nil
		}
		if err != nil {
			return err
		}
		to := root + strings.TrimPrefix(path, files)
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return copyFile(path, to, info.Mode())
	})
	if err != nil {
		return err
	}
	unix.Sync()
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// unit has the service started before anything else that systemd starts.
const unit = `[Unit]
Description=What the test asks for
DefaultDependencies=no
[Service]
ExecStart=/run/sekimori-test/inside
`

// settle leaves the service in /run, so that nothing of it is on the disk.
func settle() error {
	const (
		wants = "/run/systemd/system/sysinit.target.wants"
		name  = "sekimori-test.service"
	)
	if err := errors.Join(os.MkdirAll(wants, 0o755), os.MkdirAll("/run/sekimori-test", 0o755)); err != nil {
		return err
	}
	err := errors.Join(copyFile("/init", "/run/sekimori-test/inside", 0o755),
		os.WriteFile("/run/systemd/system/"+name, []byte(unit), 0o644), os.Symlink("../"+name, wants+"/"+name))
	if err != nil {
		return err
	}
	id := filepath.Join(root, "etc/machine-id")
	if was, err := os.ReadFile(id); err == nil && len(was) > 1 {
		return nil
	}
	var b [16]byte
	rand.Read(b[:])
	return os.WriteFile(id, fmt.Appendf(nil, "%x\n", b), 0o444)
}
