// Package qemu boots whole emulated machines for tests: Debian's own kernel, a real
// systemd that brings up a real network, a disk that loses what was not synced when the
// power is cut. Booting takes some ten seconds; where the kernel does not matter,
// internal/testkit/nspawn does it in one.
//
// It needs Linux, root, QEMU and what internal/testkit/debian needs. Where something of
// that is missing, tests are skipped with the reason, but fail when the variable CI is
// set. Under -short they are always skipped.
package qemu

import (
	"errors"
	"os/exec"
)

// Package is the Debian package that a message names when QEMU is missing.
const Package = "qemu-system-x86"

// Find returns the path of QEMU.
func Find() (string, error) {
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return "", errors.New("no qemu-system-x86_64 found: install the Debian package " + Package)
	}
	return path, nil
}
