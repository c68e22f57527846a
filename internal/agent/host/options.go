package host

// Options choose what a Host works on. The zero value is this very system; the other
// fields are for tests. A system takes no notice of what it does not have.
type Options struct {
	// State is a folder that outlives a restart. What the host must remember, such as
	// that it has switched off Wi-Fi, is kept there; without one it is forgotten when
	// the process ends.
	State string

	NetNS      string // path of a network namespace; "" is the process's own
	Table      string // name of the nftables table; "" is sekimori
	Sysfs      string // "" is /sys
	Proc       string // "" is /proc
	Root       string // before every other path, such as /etc and /dev
	BusAddress string // of D-Bus; "" is the system bus
}
