// Package host installs the server on a whole Debian machine with a real systemd, by the
// very commands of docs/operations.md, and looks at what the service manager makes of it:
// starts and restarts, what the unit keeps the server from, what the log says.
//
// The tests need Linux, root and internal/testkit/nspawn; under -short they do not run.
// The test command runs this package apart from all others.
package host
