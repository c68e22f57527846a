package host

import (
	"fmt"
	"slices"
	"strings"
)

// What a Mac tells of media, and what follows from it. The registry and Disk Arbitration are
// asked in arbitration_darwin.go; all here is values, and tested on every system.
//
// macOS gives every device its drivers. What can be held is the mount: Disk Arbitration asks
// whoever has registered for it before it mounts anything, and one refusal is enough.

// properties are those of an entry of the I/O registry, or of a disk as Disk Arbitration
// describes it. Values are a string, an int64 or a bool; what a device says of itself may be
// wrong on purpose.
type properties map[string]any

// maxProperty is how many bytes of a text are kept: USB allows 126 characters.
const maxProperty = 400

// text gives a property that can be shown, "" when there is none.
func (p properties) text(keys ...string) string {
	for _, key := range keys {
		if s, is := p[key].(string); is {
			if s = label([]byte(s)); s != "" {
				return clip(s, maxProperty)
			}
		}
	}
	return ""
}

func (p properties) number(key string) int64 {
	n, _ := p[key].(int64)
	return n
}

func (p properties) yes(key string) bool {
	b, _ := p[key].(bool)
	return b
}

// The properties that are read: of USB entries (IOUSBHostFamily; the older name second), and of
// disks (DADisk.h).
const (
	propVendor    = "idVendor"
	propProduct   = "idProduct"
	propPlace     = "locationID" // bus and ports, a nibble each
	propClass     = "bDeviceClass"
	propNumber    = "bInterfaceNumber"
	propKind      = "bInterfaceClass"
	propSub       = "bInterfaceSubClass"
	propProtocol  = "bInterfaceProtocol"
	propSerial    = "kUSBSerialNumberString"
	propOldSerial = "USB Serial Number"
	propMaker     = "kUSBVendorString"
	propOldMaker  = "USB Vendor Name"
	propModel     = "kUSBProductString"
	propOldModel  = "USB Product Name"
	propFunction  = "kUSBString"
	propOldName   = "USB Interface Name"

	diskProtocol  = "DADeviceProtocol"
	diskMaker     = "DADeviceVendor"
	diskModel     = "DADeviceModel"
	diskSize      = "DAMediaSize"
	diskWritable  = "DAMediaWritable"
	diskContent   = "DAMediaContent"
	diskMountable = "DAVolumeMountable"
	diskKind      = "DAVolumeKind"
	diskName      = "DAVolumeName"
	diskUUID      = "DAVolumeUUID"

	byUSB  = "USB"
	byCard = "Secure Digital"

	efiPartition = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" // what macOS puts first on a disk, and shows nobody
)

// macMedia is all of it at one moment.
type macMedia struct {
	devices []macDevice
	disks   []macDisk
	mounts  []macMount
}

// macDevice is a USB device.
type macDevice struct {
	id        uint64 // of its registry entry, given once between two starts of the system
	said      properties
	functions []properties
}

// macDisk is a disk, a partition, or a volume of an APFS container.
type macDisk struct {
	name     string // "disk4s1"
	whole    string // the disk that it is on in the end: "disk4", for APFS volumes too
	id       uint64 // of the registry entry of whole: another one for another card
	device   uint64 // the USB device that it is on; 0 for none
	function int64  // the number of its interface there; -1 when that cannot be told
	said     properties
}

// macMount is a mounted file system.
type macMount struct {
	from, at string // "/dev/disk4s1", "/Volumes/STICK"
	readOnly bool
}

// macHold is what is held, and what is not.
type macHold struct {
	on      bool
	offered map[uint64]bool // by macDisk.id, what people may mount; true: for reading only
	ours    map[string]bool // by name, what this process mounts or has mounted where nobody sees it
}

// mayMount decides on a disk by its name, as Disk Arbitration asks before each mount. It waits
// some seconds for the answer and then mounts, so nothing here asks anybody. A medium that
// may only be read is mounted by this process alone: whoever asks for a mount says how.
func (m macMedia) mayMount(h macHold, name string) bool {
	if !h.on || h.ours[name] {
		return true
	}
	at := slices.IndexFunc(m.disks, func(d macDisk) bool { return d.name == name })
	if at < 0 {
		return false // it went, or its place among the devices cannot be told
	}
	d := m.disks[at]
	if !d.portable() || m.system(d.device) {
		return true
	}
	readOnly, offered := h.offered[d.id]
	return offered && !readOnly
}

// portable reports whether a disk is one that is held. Its protocol counts too, for what has
// no place below its device, such as a volume that several disks make up.
func (d macDisk) portable() bool {
	protocol := d.said.text(diskProtocol)
	return d.device != 0 || strings.EqualFold(protocol, byUSB) || d.card()
}

// card reports whether a disk is a card in a reader that is built in and is no USB device.
func (d macDisk) card() bool {
	return d.device == 0 && strings.EqualFold(d.said.text(diskProtocol), byCard)
}

// mountsOf are the mounts of a disk.
func (m macMedia) mountsOf(d macDisk) (out []macMount) {
	for _, mount := range m.mounts {
		if mount.from == "/dev/"+d.name {
			out = append(out, mount)
		}
	}
	return out
}

// system reports whether the system runs from a USB device.
func (m macMedia) system(device uint64) bool {
	return device != 0 && slices.ContainsFunc(m.disks, func(d macDisk) bool {
		return d.device == device && slices.ContainsFunc(m.mountsOf(d), func(mount macMount) bool {
			return mount.at == "/" || strings.HasPrefix(mount.at, "/System/Volumes/")
		})
	})
}

// reachable reports whether people can use a disk that is portable.
func (m macMedia) reachable(h macHold, d macDisk) bool {
	if _, offered := h.offered[d.id]; offered || !h.on || m.system(d.device) {
		return true
	}
	return !h.ours[d.name] && len(m.mountsOf(d)) > 0
}

// usb lists what is plugged in.
func (m macMedia) usb(h macHold) []USBDevice {
	var out []USBDevice
	for _, d := range m.devices {
		if place := d.said.number(propPlace); place&0xffffff == 0 {
			continue // the root of a bus
		}
		out = append(out, m.usbDevice(h, d))
	}
	for _, d := range m.disks {
		if d.card() && d.name == d.whole {
			out = append(out, USBDevice{Path: cardAt + d.name, Plug: fmt.Sprintf("%x", d.id), Card: true,
				Maker: d.said.text(diskMaker), Model: d.said.text(diskModel), Authorized: m.anyReachable(h, cardAt+d.name, -1)})
		}
	}
	return out
}

// Paths of devices: their place, or the name of a card's disk.
const (
	usbAt  = "usb:"
	cardAt = "card:"
)

func (d macDevice) path() string {
	return fmt.Sprintf("%s%08x", usbAt, uint32(d.said.number(propPlace)))
}

func (m macMedia) usbDevice(h macHold, d macDevice) USBDevice {
	u := USBDevice{
		Path: d.path(), Plug: fmt.Sprintf("%x", d.id),
		Vendor: uint16(d.said.number(propVendor)), Product: uint16(d.said.number(propProduct)), Class: uint8(d.said.number(propClass)),
		Serial: d.said.text(propSerial, propOldSerial), Maker: d.said.text(propMaker, propOldMaker), Model: d.said.text(propModel, propOldModel),
		System: m.system(d.id),
	}
	u.Hub = u.Class == classHub
	u.Authorized = len(d.functions) == 0
	for _, f := range d.functions[:min(len(d.functions), maxInterfaces)] {
		i := USBInterface{Number: int(uint8(f.number(propNumber))), Class: uint8(f.number(propKind)), Sub: uint8(f.number(propSub)),
			Protocol: uint8(f.number(propProtocol)), Name: f.text(propFunction, propOldName)}
		i.Disk = slices.ContainsFunc(m.disks, func(at macDisk) bool { return at.device == d.id && at.function == int64(i.Number) })
		// Whatever is no disk works: nothing on a Mac keeps it from that.
		i.Authorized = !stores(i) || m.anyReachable(h, u.Path, int64(i.Number))
		u.Authorized = u.Authorized || i.Authorized
		u.Interfaces = append(u.Interfaces, i)
	}
	return u
}

// stores reports whether an interface is a disk, or says so.
func stores(i USBInterface) bool { return i.Disk || i.Class == 8 }

// anyReachable reports whether people can use a disk of a device, below -1 of one interface.
func (m macMedia) anyReachable(h macHold, path string, function int64) bool {
	if !h.on {
		return true
	}
	disks, _ := m.on(path)
	return slices.ContainsFunc(disks, func(d macDisk) bool {
		return (function < 0 || d.function < 0 || d.function == function) && m.reachable(h, d)
	})
}

// on gives all disks, partitions and volumes of a device; ok is false when it is not there.
func (m macMedia) on(path string) (out []macDisk, ok bool) {
	of := uint64(0)
	for _, d := range m.devices {
		if d.path() == path {
			of, ok = d.id, true
		}
	}
	card, isCard := strings.CutPrefix(path, cardAt)
	for _, d := range m.disks {
		if ok && d.device == of || isCard && d.card() && d.whole == card {
			out = append(out, d)
		}
	}
	return out, ok || len(out) > 0
}

// volumes are the file systems on a whole disk that macOS can mount, by their names. hidden
// ones are those that people do not see either.
func (m macMedia) volumes(whole string, hidden bool) (out []macDisk) {
	for _, d := range m.disks {
		if d.whole == whole && d.said.yes(diskMountable) && (hidden || !strings.EqualFold(d.said.text(diskContent), efiPartition)) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b macDisk) int { return strings.Compare(a.name, b.name) })
	return out
}

// disksOf gives the whole disks of a device. ready is false while one has no volume yet.
func (m macMedia) disksOf(h macHold, path string) (out []Disk, ready bool) {
	all, _ := m.on(path)
	ready = true
	for _, w := range all {
		if w.name != w.whole {
			continue
		}
		d := Disk{Name: w.name, Size: max(0, w.said.number(diskSize)), ReadOnly: !w.said.yes(diskWritable)}
		var names []string
		for _, v := range m.volumes(w.name, true) {
			names = append(names, v.volume())
		}
		d.Volume = clip(strings.Join(names, " "), maxProperty)
		for _, part := range all {
			if part.whole != w.name || h.ours[part.name] {
				continue
			}
			for _, mount := range m.mountsOf(part) {
				d.Mounts = append(d.Mounts, mount.at)
			}
		}
		ready = ready && d.Volume != ""
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Disk) int { return strings.Compare(a.Name, b.Name) })
	return out, ready
}

// volume is how a file system names itself, such as "exfat 1B2C…-… STICK".
func (d macDisk) volume() string {
	return strings.Join(strings.Fields(d.said.text(diskKind)+" "+d.said.text(diskUUID)+" "+d.said.text(diskName)), " ")
}

// mounted are the disks that people use already, which stay as they are when holding begins.
// A disk all of whose mounts are for reading stays so.
func (m macMedia) mounted() map[uint64]bool {
	out := map[uint64]bool{}
	for _, d := range m.disks {
		if !d.portable() {
			continue
		}
		for _, mount := range m.mountsOf(d) {
			before, known := out[d.id]
			out[d.id] = mount.readOnly && (before || !known)
		}
	}
	return out
}

// notStorage reports whether, of a device's interfaces with the given numbers or of all for
// nil, one is no disk: a Mac cannot take it away.
func notStorage(d USBDevice, numbers []int) bool {
	return slices.ContainsFunc(d.Interfaces, func(i USBInterface) bool {
		return !stores(i) && (numbers == nil || slices.Contains(numbers, i.Number))
	})
}

// macDiskName reports whether s names a disk as macOS does: "disk4", "disk5s1s1".
func macDiskName(s string) bool {
	rest, is := strings.CutPrefix(s, "disk")
	if !is || len(s) > 40 {
		return false
	}
	for part := range strings.SplitSeq(rest, "s") {
		if !number(part) {
			return false
		}
	}
	return true
}
