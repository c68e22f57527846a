package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// serverAttr makes the server the leader of its own process group, ends it with
// its parent and, for root, runs it as the user postgres: the server refuses root.
func serverAttr() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	uid, gid, err := serverUser()
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	return attr, nil
}

func serverUser() (uid, gid uint32, err error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, fmt.Errorf("root needs the user postgres to run the server as: %w", err)
	}
	id, err1 := strconv.ParseUint(u.Uid, 10, 32)
	group, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return 0, 0, fmt.Errorf("read the ids of the user postgres: %w", err)
	}
	return uint32(id), uint32(group), nil
}

// giveToServerUser hands the folder to the user that the server will run as.
func giveToServerUser(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := serverUser()
	if err != nil {
		return err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return fmt.Errorf("hand the cluster folder over: %w", err)
	}
	return nil
}

// kill ends the server and its children at once.
func (p *process) kill() {
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		p.cmd.Process.Kill() // only fails when it has ended already
	}
}

// removeOrphans deletes folders whose owner was killed before it could. Their
// servers got the parent-death signal, so nobody uses them. What cannot be
// removed is left for the next run: it costs disk, not correctness.
func removeOrphans() {
	found, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range found {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), folderPrefix), "-")
		pid, err := strconv.Atoi(owner)
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		removeFolder(dir)
	}
}

// mountSmall makes dir a disk of its own, the server user's.
func mountSmall(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("mode=0700,size=%d", smallDisk)); err != nil {
		return fmt.Errorf("mount a small disk, which needs root: %w", err)
	}
	return giveToServerUser(dir)
}

// removeFolder removes a cluster's folder with the small disks that it may have.
func removeFolder(dir string) error {
	for _, disk := range []string{tableDisk, logDisk} {
		err := syscall.Unmount(filepath.Join(dir, disk), syscall.MNT_DETACH)
		if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EPERM) {
			return fmt.Errorf("unmount the %s of a cluster: %w", disk, err)
		}
	}
	return os.RemoveAll(dir)
}
