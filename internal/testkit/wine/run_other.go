//go:build !linux

package wine

import "testing"

// Test builds the tests of a package for Windows and runs them all. pkg is its import
// path.
func Test(t *testing.T, _ string) {
	t.Helper()
	t.Skip("Wine runs on Linux")
}
