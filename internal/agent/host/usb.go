package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The descriptors of a USB device are the device's own words about itself (USB 2.0, chapter
// 9.6). They may be wrong on purpose.

const (
	descDevice    = 1
	descConfig    = 2
	descInterface = 4

	classHub = 9

	maxDescriptors = 64 << 10 // bytes; a configuration has at most 65,535
	maxInterfaces  = 256
)

// parseDescriptors reads what Linux gives as "descriptors" of a device: the device's own,
// and each configuration whole. err says what makes no sense; what was read before that
// comes with it.
func parseDescriptors(raw []byte) (d USBDevice, err error) {
	if len(raw) < 18 || raw[0] != 18 || raw[1] != descDevice {
		return d, fmt.Errorf("no device descriptor in %d bytes", len(raw))
	}
	d.Class = raw[4]
	d.Vendor, d.Product = binary.LittleEndian.Uint16(raw[8:]), binary.LittleEndian.Uint16(raw[10:])
	rest, seen := raw[18:], 0
	for len(rest) > 0 {
		if len(rest) < 9 || rest[0] < 9 || rest[1] != descConfig {
			return d, fmt.Errorf("no configuration where number %d must be", seen+1)
		}
		total := int(binary.LittleEndian.Uint16(rest[2:]))
		if total < int(rest[0]) || total > len(rest) {
			return d, fmt.Errorf("configuration %d has %d bytes of %d", seen+1, len(rest), total)
		}
		if err := parseConfig(rest[rest[0]:total], &d); err != nil {
			return d, fmt.Errorf("configuration %d: %w", seen+1, err)
		}
		rest, seen = rest[total:], seen+1
	}
	if seen == 0 {
		return d, errors.New("no configuration")
	}
	return d, nil
}

// parseConfig reads what follows a configuration's own descriptor. How many interfaces that
// one promises is not looked at: sound devices get it wrong too.
func parseConfig(b []byte, d *USBDevice) error {
	for len(b) > 0 {
		n := int(b[0])
		if n < 2 || n > len(b) {
			return fmt.Errorf("a descriptor of %d bytes where %d are left", n, len(b))
		}
		if b[1] == descInterface {
			if n < 9 {
				return fmt.Errorf("an interface of %d bytes", n)
			}
			if len(d.Interfaces) == maxInterfaces {
				return fmt.Errorf("more than %d interfaces", maxInterfaces)
			}
			i := USBInterface{Number: int(b[2]), Class: b[5], Sub: b[6], Protocol: b[7]}
			d.add(i)
		}
		b = b[n:]
	}
	return nil
}

// add notes a function once, however many settings repeat it.
func (d *USBDevice) add(i USBInterface) {
	for _, has := range d.Interfaces {
		if has.Number == i.Number && has.Class == i.Class && has.Sub == i.Sub && has.Protocol == i.Protocol {
			return
		}
	}
	d.Interfaces = append(d.Interfaces, i)
}

// uevent is what the kernel says of a device that came, changed or went.
type uevent struct {
	action, path, subsystem, kind string
}

// parseUevent reads one message: a head, then NAME=value, each ended by a zero byte.
func parseUevent(raw []byte) (u uevent, ok bool) {
	head, rest, ok := strings.Cut(string(raw), "\x00")
	if !ok || !strings.Contains(head, "@") {
		return u, false
	}
	for field := range strings.SplitSeq(rest, "\x00") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "ACTION":
			u.action = value
		case "DEVPATH":
			u.path = value
		case "SUBSYSTEM":
			u.subsystem = value
		case "DEVTYPE":
			u.kind = value
		}
	}
	return u, u.action != "" && u.subsystem != ""
}

// ofMedia reports whether a guard must look again.
func (u uevent) ofMedia() bool {
	switch u.subsystem {
	case "usb":
		return u.kind == "usb_device" && (u.action == "add" || u.action == "remove")
	case "mmc":
		return u.action == "add" || u.action == "remove"
	case "block":
		return u.kind == "disk" // a reader's card is changed without its plug
	}
	return false
}

// usbPath reports whether s names a device as the kernel does: "1-4", "3-1.2.4".
func usbPath(s string) bool {
	bus, ports, ok := strings.Cut(s, "-")
	if !ok || !number(bus) || len(s) > 40 {
		return false
	}
	for port := range strings.SplitSeq(ports, ".") {
		if !number(port) {
			return false
		}
	}
	return true
}

// cardPath reports whether s names a card: "mmc0:aaaa".
func cardPath(s string) bool {
	rest, mmc := strings.CutPrefix(s, "mmc")
	slot, address, ok := strings.Cut(rest, ":")
	return mmc && ok && number(slot) && address != "" && len(address) <= 8 && strings.Trim(address, "0123456789abcdef") == ""
}

func number(s string) bool { return s != "" && len(s) < 5 && strings.Trim(s, "0123456789") == "" }
