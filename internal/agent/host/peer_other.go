//go:build !linux

package host

import "net"

// Peer is not known on this system.
func Peer(net.Conn) string { return "" }
