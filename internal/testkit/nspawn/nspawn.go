// Package nspawn boots whole Debian machines for tests, each with a real systemd, its
// own disk, processes and network, in about a second. The machines share this machine's
// kernel: there is no USB, Wi-Fi or kernel module in them.
//
// It needs Linux, root, systemd-nspawn and what internal/testkit/debian needs. Where
// something of that is missing, tests are skipped with the reason, but fail when the
// variable CI is set. Under -short they are always skipped.
package nspawn

import (
	"errors"
	"os/exec"
)

// Package is the Debian package that a message names when systemd-nspawn is missing.
const Package = "systemd-container"

// Options choose the machine. The zero value is a machine alone in the world.
type Options struct {
	// NetNS is the path of a network namespace to live in, such as /run/netns/pc1. It
	// stays its maker's. Without one the machine has a namespace with loopback only.
	NetNS string
	// Binds are folders or files of this machine that are seen inside, read-only, each
	// "PATH" or "PATH:PATH INSIDE".
	Binds []string
	// Packages are Debian's names of what is installed beside debian.Base.
	Packages []string
}

// Find returns the path of systemd-nspawn.
func Find() (string, error) {
	path, err := exec.LookPath("systemd-nspawn")
	if err != nil {
		return "", errors.New("no systemd-nspawn found: install the Debian package " + Package)
	}
	return path, nil
}
