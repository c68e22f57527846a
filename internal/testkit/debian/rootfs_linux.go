package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	suite  = "bookworm"
	mirror = "http://deb.debian.org/debian" // signed by the archive's key, so plain http will do
	// recipe is raised when the same packages give another file system.
	recipe = "2"
)

// Rootfs returns the folder of a file system with Base and the further packages. It
// takes half a minute and a download of 60 MB the first time and nothing after that.
// Nobody may write into the folder: it is everybody's. Two processes that ask for the
// same one wait for each other.
func Rootfs(ctx context.Context, packages ...string) (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("making a Debian needs root")
	}
	all := slices.Concat(Base(), packages)
	slices.Sort(all)
	all = slices.Compact(all)
	dir, err := Cached(ctx, "debian-"+key(all), func(ctx context.Context, dir string) error { return build(ctx, dir, all) })
	if err != nil {
		return "", fmt.Errorf("a Debian for tests: %w", err)
	}
	return dir, nil
}

func key(packages []string) string {
	sum := sha256.Sum256([]byte(recipe + " " + suite + " " + mirror + " " + User + " " + strings.Join(packages, ",")))
	return hex.EncodeToString(sum[:8])
}

// lock holds the file for this process until unlock; a killed process lets go of it.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another test process that makes a Debian: %w", ctx.Err()), f.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// build makes the file system in an empty folder.
func build(ctx context.Context, dir string, packages []string) error {
	program, err := Find()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "--quiet", "--mode=root", "--format=directory", "--variant=minbase",
		"--include="+strings.Join(packages, ","), suite, dir, mirror)
	// In namespaces of its own nothing stays mounted or running, however it ends. The
	// death signal is sent when this thread ends, so it is kept until then.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w\n%s", err, out)
	}
	add := exec.CommandContext(ctx, "/usr/sbin/useradd", "--create-home", "--shell", "/bin/bash", User)
	add.Dir, add.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: dir}
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("add the account %s: %w\n%s", User, err, out)
	}
	// mmdebstrap has copied this machine's name and name servers.
	for name, text := range map[string]string{
		"hostname":    User + "s-pc\n",
		"hosts":       "127.0.0.1 localhost\n127.0.1.1 " + User + "s-pc\n::1 localhost ip6-localhost\n",
		"resolv.conf": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
