package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// windowsHost is Host by the Windows Filtering Platform, the service manager and the
// native Wi-Fi interface.
type windowsHost struct {
	o     Options
	media sync.RWMutex // held while a device is taken out and found again: nobody lists what is there meanwhile
}

// New gives the Host of this system.
func New(o Options) Host { return &windowsHost{o: o} }

func (h *windowsHost) Privileged() error {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return errors.New("this process may not change the firewall: start it as an administrator")
	}
	return nil
}

// Boot is Windows' own count of starts where it is kept, else the moment of the start.
func (h *windowsHost) Boot() (string, error) {
	const prefetch = `SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters`
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, prefetch, registry.QUERY_VALUE); err == nil {
		defer k.Close()
		if n, _, err := k.GetIntegerValue("BootId"); err == nil {
			return "boot-" + strconv.FormatUint(n, 10), nil
		}
	}
	// SYSTEM_TIMEOFDAY_INFORMATION: boot time, now, zone, …, and at 32 by how much the
	// clock was set since, which is in the boot time too.
	var info [48]byte
	err := windows.NtQuerySystemInformation(windows.SystemTimeOfDayInformation, unsafe.Pointer(&info), uint32(len(info)), nil)
	if err != nil {
		return "", fmt.Errorf("read the time of the start: %w", err)
	}
	started := binary.LittleEndian.Uint64(info[0:]) - binary.LittleEndian.Uint64(info[32:])
	return "start-" + strconv.FormatUint(started/1e7, 10), nil // seconds since 1601
}

func (h *windowsHost) Name() string {
	name, err := os.Hostname()
	if err != nil {
		return "" // a PC without a name
	}
	return name
}
