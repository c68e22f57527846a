// Package vm isolates a PC that is as real as a test can have it: an emulated machine with
// Debian's kernel and a real systemd, the agent installed by its own command, the real
// server on the other end of its only cable, and every frame on that cable looked at.
//
// It also plugs real (emulated) USB devices into such a machine, on which the agent guards
// media: sticks that are lent and sticks that are not, phones, keyboards, and what pretends to
// be another thing than it is.
//
// The tests need Linux, root and internal/testkit/qemu, and for media the Debian packages
// dosfstools and mtools; under -short they do not run.
// The test command runs this package apart from all others.
package vm
