package host

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// linux is Host by nftables, sock_diag, NetworkManager or rfkill, logind and systemd.
type linux struct {
	o Options

	cutting  sync.Mutex // one change of the rules at a time; guards noBridge
	noBridge bool       // this kernel has no rules for bridges

	usb usbKnown

	wifi sync.Mutex // one switching at a time
	off  *wifiOff   // what was switched off here; nil until it was read from o.State
}

// New gives the Host of this system.
func New(o Options) Host {
	o.Table = cmp.Or(o.Table, "sekimori")
	o.Sysfs = cmp.Or(o.Sysfs, "/sys")
	o.Proc = cmp.Or(o.Proc, "/proc")
	return &linux{o: o}
}

func (h *linux) Privileged() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("read the capabilities of this process: %w", err)
	}
	if data[0].Effective&(1<<unix.CAP_NET_ADMIN) == 0 {
		return errors.New("this process may not change the firewall (CAP_NET_ADMIN is missing): start it as root")
	}
	return nil
}

func (h *linux) Boot() (string, error) {
	b, err := os.ReadFile(filepath.Join(h.o.Proc, "sys/kernel/random/boot_id"))
	if err != nil {
		return "", fmt.Errorf("read the boot's id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (h *linux) Name() string {
	name, err := os.Hostname()
	if err != nil {
		return "" // a PC without a name
	}
	return name
}

// netns opens the network namespace to work in, as the file descriptor that netlink
// wants: 0 is the process's own.
func (h *linux) netns() (fd int, done func(), err error) {
	if h.o.NetNS == "" {
		return 0, func() {}, nil
	}
	f, err := os.Open(h.o.NetNS)
	if err != nil {
		return 0, nil, fmt.Errorf("open the network namespace: %w", err)
	}
	return int(f.Fd()), func() { f.Close() }, nil
}
