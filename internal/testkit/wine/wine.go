// Package wine runs the Windows tests of a package under Wine, as far as Wine answers:
// registry, services, sockets and processes are real there, the firewall is not. What
// passes is a smoke test, no proof for Windows.
//
// It needs Linux on amd64, Wine, and mingw's C compiler for one small library. Where
// something of that is missing, tests are skipped with the reason, but fail when the
// variable CI is set. Under -short they are always skipped.
package wine

import (
	"errors"
	"os/exec"
)

// Packages are the Debian packages that a message names when Wine is missing.
func Packages() []string { return []string{"wine", "wine64", compilerPackage} }

const (
	compiler        = "x86_64-w64-mingw32-gcc"
	compilerPackage = "gcc-mingw-w64-x86-64-posix"
)

// Find returns the path of wine; it fails also when the compiler is missing.
func Find() (string, error) {
	path, err := exec.LookPath("wine")
	if err != nil {
		return "", errors.New("no wine found: install the Debian packages wine and wine64")
	}
	if _, err := exec.LookPath(compiler); err != nil {
		return "", errors.New("no " + compiler + " found: install the Debian package " + compilerPackage)
	}
	return path, nil
}
