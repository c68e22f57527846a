package stage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// machineName is what this program is called while it furnishes a PC.
const machineName = "sekimori-machine"

// Enter must be called first of all by a program that has PCs: it is started again for
// every program of a PC, to take what the PC must not see of this machine away from it.
// In such a start it does not return.
func Enter() {
	if len(os.Args) < 3 || os.Args[0] != machineName {
		return
	}
	err := furnish(os.Args[1])
	if err == nil {
		err = unix.Exec(os.Args[2], os.Args[2:], os.Environ())
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", machineName, err)
	os.Exit(126)
}

// furnish makes this process's view of the files, which is its own, that of a PC without
// services and radios, whose name service is the company's.
func furnish(resolvConf string) error {
	names, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if errors.Is(err, os.ErrNotExist) { // a link into /run that leads nowhere
		names, err = os.Readlink("/etc/resolv.conf")
	}
	if err != nil {
		return fmt.Errorf("find the list of name servers: %w", err)
	}
	if !filepath.IsAbs(names) {
		names = filepath.Join("/etc", names)
	}
	if err := unix.Mount("none", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("hide the services: %w", err)
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("show the PC's own links: %w", err)
	}
	const radios = "/sys/class/rfkill"
	if _, err := os.Stat(radios); err == nil {
		if err := unix.Mount("none", radios, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("hide the radios: %w", err)
		}
	}
	if strings.HasPrefix(names, "/run/") {
		if err := os.MkdirAll(filepath.Dir(names), 0o755); err != nil {
			return fmt.Errorf("make room for the list of name servers: %w", err)
		}
		if err := os.WriteFile(names, nil, 0o644); err != nil {
			return fmt.Errorf("make room for the list of name servers: %w", err)
		}
	}
	if err := unix.Mount(resolvConf, names, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("put the list of name servers in: %w", err)
	}
	return nil
}

// furnished is a command that runs a program as a PC sees the world.
func furnished(resolvConf string, program []string, args ...string) *exec.Cmd {
	return &exec.Cmd{
		Path: "/proc/self/exe", Args: append(append([]string{machineName, resolvConf}, program...), args...),
		SysProcAttr: &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setpgid: true},
	}
}
