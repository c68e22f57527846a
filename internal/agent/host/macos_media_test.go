package host

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// aMac is what a Mac might tell: a keyboard, a stick with a FAT file system, a disk with an
// APFS container, a phone, a card in the built-in reader, and the disk that macOS runs from. All
// names and serials are invented.
func aMac() macMedia {
	function := func(number, class, sub, protocol int64, name string) properties {
		return properties{propNumber: number, propKind: class, propSub: sub, propProtocol: protocol, propFunction: name}
	}
	disk := func(name, whole string, id, device uint64, fn int64, said properties) macDisk {
		return macDisk{name: name, whole: whole, id: id, device: device, function: fn, said: said}
	}
	usb := func(more properties) properties {
		p := properties{diskProtocol: "USB", diskMaker: "Kiso", diskModel: "Pocket 32", diskWritable: true}
		maps.Copy(p, more)
		return p
	}
	return macMedia{
		devices: []macDevice{
			{id: 0x10, said: properties{propVendor: int64(0x05ac), propPlace: int64(0x14000000), propClass: int64(9)}},
			{id: 0x11, said: properties{propVendor: int64(0x05ac), propProduct: int64(0x024f), propPlace: int64(0x14100000), propModel: "Keyboard"},
				functions: []properties{function(0, 3, 1, 1, "Keyboard")}},
			{id: 0x12, said: properties{propVendor: int64(0x0951), propProduct: int64(0x1666), propPlace: int64(0x14200000),
				propSerial: "AA00000000004711", propOldSerial: "older", propMaker: "Kiso", propModel: "Pocket 32"},
				functions: []properties{function(0, 8, 6, 0x50, "")}},
			{id: 0x13, said: properties{propVendor: int64(0x0bda), propProduct: int64(0x9210), propPlace: int64(0x14310000), propOldSerial: "0123456789AB", propOldMaker: "Hako"},
				functions: []properties{function(0, 8, 6, 0x62, "UAS"), function(1, 3, 0, 0, "Buttons")}},
			{id: 0x14, said: properties{propVendor: int64(0x04e8), propProduct: int64(0x6860), propPlace: int64(0x14320000), propSerial: "R58N00AAAAA"},
				functions: []properties{function(0, 6, 1, 1, "MTP")}},
		},
		disks: []macDisk{
			disk("disk0", "disk0", 0x20, 0, -1, properties{diskProtocol: "Apple Fabric", diskWritable: true}),
			disk("disk3s5", "disk0", 0x20, 0, -1, properties{diskProtocol: "Apple Fabric", diskKind: "apfs", diskMountable: true}),
			disk("disk4", "disk4", 0x21, 0x12, 0, usb(properties{diskSize: int64(31_000_000_000)})),
			disk("disk4s1", "disk4", 0x21, 0x12, 0, usb(properties{diskMountable: true, diskContent: efiPartition, diskKind: "msdos", diskUUID: "0E239BC6-F960-3107-89CF-1C97F78BB46B", diskName: "EFI"})),
			disk("disk4s2", "disk4", 0x21, 0x12, 0, usb(properties{diskMountable: true, diskKind: "exfat", diskUUID: "8A5B6C7D-0000-3000-8000-000000000001", diskName: "KAMI"})),
			disk("disk5", "disk5", 0x22, 0x13, 0, usb(properties{diskSize: int64(500_000_000_000)})),
			disk("disk6", "disk5", 0x22, 0x13, 0, usb(nil)),
			disk("disk6s1", "disk5", 0x22, 0x13, 0, usb(properties{diskMountable: true, diskKind: "apfs", diskUUID: "8A5B6C7D-0000-4000-8000-000000000002", diskName: "OKI"})),
			disk("disk7", "disk7", 0x23, 0, -1, properties{diskProtocol: "Secure Digital", diskMaker: "", diskModel: "SD Card Reader", diskSize: int64(64_000_000_000)}),
			disk("disk7s1", "disk7", 0x23, 0, -1, properties{diskProtocol: "Secure Digital", diskMountable: true, diskKind: "exfat"}),
			disk("disk8", "disk8", 0x24, 0, -1, properties{diskProtocol: "Virtual Interface", diskMountable: true, diskKind: "hfs"}),
			disk("disk9", "disk9", 0x25, 0, -1, properties{diskProtocol: "USB", diskMountable: true, diskKind: "hfs"}),
		},
		mounts: []macMount{{"/dev/disk3s1s1", "/", true}, {"/dev/disk3s5", "/System/Volumes/Data", false}},
	}
}

func TestMacListsWhatIsPluggedIn(t *testing.T) {
	t.Parallel()
	m := aMac()
	got := map[string]USBDevice{}
	for _, d := range m.usb(macHold{on: true}) {
		got[d.Path] = d
	}
	want := map[string]USBDevice{
		"usb:14100000": {Path: "usb:14100000", Plug: "11", Vendor: 0x05ac, Product: 0x024f, Model: "Keyboard", Authorized: true,
			Interfaces: []USBInterface{{Class: 3, Sub: 1, Protocol: 1, Name: "Keyboard", Authorized: true}}},
		"usb:14200000": {Path: "usb:14200000", Plug: "12", Vendor: 0x0951, Product: 0x1666, Serial: "AA00000000004711", Maker: "Kiso", Model: "Pocket 32",
			Interfaces: []USBInterface{{Class: 8, Sub: 6, Protocol: 0x50, Disk: true}}},
		"usb:14310000": {Path: "usb:14310000", Plug: "13", Vendor: 0x0bda, Product: 0x9210, Serial: "0123456789AB", Maker: "Hako", Authorized: true,
			Interfaces: []USBInterface{{Class: 8, Sub: 6, Protocol: 0x62, Name: "UAS", Disk: true}, {Number: 1, Class: 3, Name: "Buttons", Authorized: true}}},
		"usb:14320000": {Path: "usb:14320000", Plug: "14", Vendor: 0x04e8, Product: 0x6860, Serial: "R58N00AAAAA", Authorized: true,
			Interfaces: []USBInterface{{Class: 6, Sub: 1, Protocol: 1, Name: "MTP", Authorized: true}}},
		"card:disk7": {Path: "card:disk7", Plug: "23", Model: "SD Card Reader", Card: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	for _, d := range m.usb(macHold{}) {
		if !d.Authorized || slices.ContainsFunc(d.Interfaces, func(i USBInterface) bool { return !i.Authorized }) {
			t.Errorf("nothing is held, and this is: %+v", d)
		}
	}
}

func TestMacMounts(t *testing.T) {
	t.Parallel()
	stick, card := uint64(0x21), uint64(0x23)
	all := map[string]bool{"disk3s5": true, "disk4": true, "disk4s1": true, "disk4s2": true, "disk6s1": true, "disk7s1": true, "disk8": true, "disk9": true, "disk99s1": true}
	held := func(open ...string) map[string]bool {
		out := map[string]bool{"disk3s5": true, "disk8": true} // built in; an image
		for _, name := range open {
			out[name] = true
		}
		return out
	}
	for what, c := range map[string]struct {
		hold macHold
		want map[string]bool
	}{
		"nothing is held":             {macHold{}, all},
		"all is held":                 {macHold{on: true}, held()},
		"one stick is offered":        {macHold{on: true, offered: map[uint64]bool{stick: false}}, held("disk4", "disk4s1", "disk4s2")},
		"one is for reading only":     {macHold{on: true, offered: map[uint64]bool{stick: true}}, held()},
		"... and is mounted by us":    {macHold{on: true, offered: map[uint64]bool{stick: true}, ours: map[string]bool{"disk4s2": true}}, held("disk4s2")},
		"an APFS volume is offered":   {macHold{on: true, offered: map[uint64]bool{0x22: false}}, held("disk6s1")},
		"a card is offered":           {macHold{on: true, offered: map[uint64]bool{card: false}}, held("disk7s1")},
		"what was pulled out is back": {macHold{on: true, offered: map[uint64]bool{0x1021: false}}, held()},
	} {
		m := aMac()
		for name := range all {
			if got := m.mayMount(c.hold, name); got != c.want[name] {
				t.Errorf("%s: %s may be mounted: %t, want %t", what, name, got, c.want[name])
			}
		}
	}
}

func TestMacLeavesItsOwnDiskAlone(t *testing.T) {
	t.Parallel()
	m := aMac()
	m.mounts = []macMount{{"/dev/disk6s1", "/System/Volumes/Data", false}}
	hold := macHold{on: true}
	if !m.mayMount(hold, "disk6s1") || m.mayMount(hold, "disk4s2") {
		t.Error("of two disks the one that macOS runs from is mounted, and no other")
	}
	for _, d := range m.usb(hold) {
		if d.System != (d.Plug == "13") {
			t.Errorf("%s: the system runs from it: %t", d.Path, d.System)
		}
		if d.System && !d.Authorized {
			t.Errorf("%s works", d.Path)
		}
	}
}

func TestMacKeepsWhatIsMounted(t *testing.T) {
	t.Parallel()
	m := aMac()
	m.mounts = append(m.mounts, macMount{"/dev/disk4s2", "/Volumes/KAMI", true}, macMount{"/dev/disk6s1", "/Volumes/OKI", false}, macMount{"/dev/disk8", "/Volumes/Image", true})
	want := map[uint64]bool{0x21: true, 0x22: false}
	if diff := cmp.Diff(want, m.mounted()); diff != "" {
		t.Errorf("mounted before it is held (-want +got):\n%s", diff)
	}
	m.mounts = append(m.mounts, macMount{"/dev/disk4s1", "/Volumes/EFI", false})
	if m.mounted()[0x21] {
		t.Error("a disk with one mount for writing is taken to be for reading only")
	}
	// Mounted, and never offered: who sees the list can tell, and take it away.
	at := func(h macHold) bool {
		devices := m.usb(h)
		i := slices.IndexFunc(devices, func(d USBDevice) bool { return d.Plug == "12" })
		return devices[i].Authorized
	}
	if !at(macHold{on: true}) {
		t.Error("a mounted stick is taken to be out of reach")
	}
	if at(macHold{on: true, ours: map[string]bool{"disk4s1": true, "disk4s2": true}}) {
		t.Error("a stick that only this process has mounted is taken to be in reach")
	}
}

func TestMacDisks(t *testing.T) {
	t.Parallel()
	m := aMac()
	m.mounts = append(m.mounts, macMount{"/dev/disk4s2", "/Volumes/KAMI", false}, macMount{"/dev/disk6s1", "/Volumes/OKI", false})
	stick := Disk{Name: "disk4", Size: 31_000_000_000, Mounts: []string{"/Volumes/KAMI"},
		Volume: "msdos 0E239BC6-F960-3107-89CF-1C97F78BB46B EFI exfat 8A5B6C7D-0000-3000-8000-000000000001 KAMI"}
	for path, want := range map[string][]Disk{
		"usb:14200000": {stick},
		"usb:14310000": {{Name: "disk5", Size: 500_000_000_000, Mounts: []string{"/Volumes/OKI"}, Volume: "apfs 8A5B6C7D-0000-4000-8000-000000000002 OKI"}},
		"card:disk7":   {{Name: "disk7", Size: 64_000_000_000, ReadOnly: true, Volume: "exfat"}},
		"usb:14320000": nil,
		"usb:99999999": nil,
	} {
		got, ready := m.disksOf(macHold{on: true}, path)
		if diff := cmp.Diff(want, got); diff != "" || !ready {
			t.Errorf("%s: ready %t (-want +got):\n%s", path, ready, diff)
		}
	}
	m.disks = slices.DeleteFunc(m.disks, func(d macDisk) bool { return strings.HasPrefix(d.name, "disk4s") })
	if disks, ready := m.disksOf(macHold{}, "usb:14200000"); len(disks) != 1 || ready {
		t.Errorf("a stick whose volumes have not come yet: %v, ready %t", disks, ready)
	}
	m = aMac()
	if seen, all := m.volumes("disk4", false), m.volumes("disk4", true); len(seen) != 1 || seen[0].name != "disk4s2" || len(all) != 2 {
		t.Errorf("volumes that people see: %v; all: %v", seen, all)
	}
	if _, there := m.on("usb:14320000"); !there {
		t.Error("a device without a disk is not there")
	}
	if _, there := m.on("card:disk9"); there {
		t.Error("there is a card where none is")
	}
}

// TestMacWordsAreBounded: what a device says of itself is anything at all.
func TestMacWordsAreBounded(t *testing.T) {
	t.Parallel()
	m := macMedia{devices: []macDevice{{id: 1, said: properties{
		propVendor: int64(-1), propProduct: "no number", propPlace: int64(1 << 40), propSerial: "A\x00B", propMaker: "\x1b[31mred\r\n\xff", propModel: strings.Repeat("長", 4000),
	}, functions: slices.Repeat([]properties{{propNumber: int64(1 << 33), propKind: int64(8), propFunction: 7}}, 2*maxInterfaces)}, {id: 2, said: properties{propPlace: int64(0x1410_0000)}}}}
	devices := m.usb(macHold{on: true})
	if len(devices) != 1 {
		t.Fatalf("%d devices, want 1: a place of zeros is the root of a bus", len(devices))
	}
	m.devices[0].said[propPlace] = int64(0x1420_0000)
	d := m.usb(macHold{on: true})[0]
	if d.Vendor != 0xffff || d.Product != 0 || d.Serial != "A" || d.Maker != "[31mred" || len(d.Model) > maxProperty+len("…") || len(d.Interfaces) != maxInterfaces || d.Authorized {
		t.Errorf("%+v", d)
	}
	if d := (USBDevice{Interfaces: []USBInterface{{Number: 0, Class: 8}, {Number: 1, Class: 6}, {Number: 2, Disk: true, Class: 0xff}}}); !notStorage(d, nil) || !notStorage(d, []int{0, 1}) || notStorage(d, []int{0, 2}) {
		t.Error("of three interfaces one is no disk")
	}
	for name, want := range map[string]bool{"disk4": true, "disk12s3": true, "disk3s1s1": true, "": false, "disk": false, "disks1": false, "disk4s": false, "disk4/../sda": false, "rdisk4": false, "disk4 s1": false, "disk" + strings.Repeat("1s", 30) + "1": false} {
		if got := macDiskName(name); got != want {
			t.Errorf("%q names a disk: %t", name, got)
		}
	}
}
