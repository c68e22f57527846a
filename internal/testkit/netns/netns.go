// Package netns makes small networks, for tests and for showing, out of the kernel's
// network namespaces: machines of their own addresses, rules and sockets, joined by
// switches. Everything is in this process and is gone with it.
//
// It needs Linux and root. Elsewhere tests are skipped with the reason, but fail when
// the variable CI is set.
package netns
