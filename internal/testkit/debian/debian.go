// Package debian makes a small Debian 12 to boot in tests, once for each list of
// packages, and keeps it in a cache folder that all test processes share.
//
// It needs Linux, root and mmdebstrap. internal/testkit/nspawn boots what it makes.
package debian

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// Package is the Debian package that a message names when mmdebstrap is missing.
const Package = "mmdebstrap"

// CacheEnv names the folder where the file systems are kept; the default is
// sekimori-test in the user's cache folder. Emptying it is always allowed while no
// test runs.
const CacheEnv = "SEKIMORI_TEST_CACHE"

// User is an ordinary account of every file system made here: it has a home, a shell
// and no rights.
const User = "person"

// Base lists the packages that every file system has beside Debian's essential ones:
// enough to boot, to be a service's host and to have its network filtered.
func Base() []string {
	return []string{"systemd", "systemd-sysv", "dbus", "libpam-systemd", "sudo", "nftables", "iproute2", "ca-certificates", "curl"}
}

// Find returns the path of mmdebstrap.
func Find() (string, error) {
	path, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return "", errors.New("no mmdebstrap found: install the Debian package " + Package)
	}
	return path, nil
}

func cacheFolder() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", errors.Join(errors.New("there is no cache folder: name one in "+CacheEnv), err)
	}
	return filepath.Join(dir, "sekimori-test"), nil
}
