// Package vm isolates a PC that is as real as a test can have it: an emulated machine with
// Debian's kernel and a real systemd, the agent installed by its own command, the real
// server on the other end of its only cable, and every frame on that cable looked at.
//
// The tests need Linux, root and internal/testkit/qemu; under -short they do not run.
// The test command runs this package apart from all others.
package vm
