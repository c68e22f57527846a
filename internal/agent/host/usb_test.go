package host

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fn is one interface of a made-up device: number, alternate setting, class, subclass, protocol.
type fn [5]byte

// descriptors builds what Linux gives of a device with one configuration.
func descriptors(vendor, product uint16, class byte, fns ...fn) []byte {
	d := []byte{18, descDevice, 0, 2, class, 0, 0, 64, 0, 0, 0, 0, 0, 1, 1, 2, 3, 1}
	binary.LittleEndian.PutUint16(d[8:], vendor)
	binary.LittleEndian.PutUint16(d[10:], product)
	var body []byte
	numbers := map[byte]bool{}
	for _, f := range fns {
		numbers[f[0]] = true
		body = append(body, 9, descInterface, f[0], f[1], 1, f[2], f[3], f[4], 0)
		body = append(body, 7, 5, 0x81, 2, 0, 2, 0) // an endpoint
	}
	c := []byte{9, descConfig, 0, 0, byte(len(numbers)), 1, 0, 0x80, 50}
	binary.LittleEndian.PutUint16(c[2:], uint16(9+len(body)))
	return append(append(d, c...), body...)
}

func TestParseDescriptors(t *testing.T) {
	t.Parallel()
	// Two ways to the same storage, and a keyboard.
	d, err := parseDescriptors(descriptors(0x0781, 0x5567, 0, fn{0, 0, 8, 6, 0x50}, fn{0, 1, 8, 6, 0x62}, fn{1, 0, 3, 1, 1}, fn{1, 1, 3, 1, 1}))
	if err != nil {
		t.Fatal(err)
	}
	want := []USBInterface{{Number: 0, Class: 8, Sub: 6, Protocol: 0x50}, {Number: 0, Class: 8, Sub: 6, Protocol: 0x62}, {Number: 1, Class: 3, Sub: 1, Protocol: 1}}
	if d.Vendor != 0x0781 || d.Product != 0x5567 || !cmp.Equal(d.Interfaces, want) {
		t.Errorf("%+v", d)
	}
	two := append(descriptors(1, 2, 0, fn{0, 0, 3, 1, 1}), descriptors(1, 2, 0, fn{0, 0, 8, 6, 0x50})[18:]...)
	if d, err := parseDescriptors(two); err != nil || len(d.Interfaces) != 2 {
		t.Errorf("a second configuration: %+v, %v", d, err)
	}
}

func TestMalformedDescriptors(t *testing.T) {
	t.Parallel()
	good := descriptors(1, 2, 0, fn{0, 0, 3, 1, 1}, fn{1, 0, 8, 6, 0x50})
	change := func(at int, to byte) []byte {
		b := append([]byte{}, good...)
		b[at] = to
		return b
	}
	for what, raw := range map[string][]byte{
		"nothing": nil, "half a device": good[:10], "no configuration": good[:18], "cut short": good[:len(good)-3],
		"length 0": change(27, 0), "length 1": change(27, 1), "too long": change(27, 200), "short interface": change(27, 8),
		"total too small": change(20, 3), "total too large": change(20, 255), "no device": change(1, 9), "configuration of another kind": change(19, 4),
	} {
		if d, err := parseDescriptors(raw); err == nil {
			t.Errorf("%s: %+v", what, d)
		}
	}
	// What came before the nonsense is known: the keyboard.
	d, err := parseDescriptors(append(change(43, 200), 0))
	if err == nil || len(d.Interfaces) != 1 || d.Interfaces[0].Class != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	many := descriptors(1, 2, 0)
	for i := range 300 {
		many = append(many, 9, descInterface, byte(i), byte(i/256), 0, byte(i), 0, 0, 0)
	}
	binary.LittleEndian.PutUint16(many[20:], uint16(len(many)-18))
	if d, err := parseDescriptors(many); err == nil || len(d.Interfaces) > maxInterfaces {
		t.Errorf("%d interfaces, %v", len(d.Interfaces), err)
	}
}

func FuzzParseDescriptors(f *testing.F) {
	f.Add(descriptors(0x0781, 0x5567, 0, fn{0, 0, 8, 6, 0x50}, fn{1, 0, 3, 1, 1}))
	f.Add(descriptors(0x18d1, 0x4ee1, 0, fn{0, 0, 0xff, 0xff, 0}))
	f.Add([]byte{18, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := parseDescriptors(raw)
		if len(d.Interfaces) > maxInterfaces {
			t.Errorf("%d interfaces", len(d.Interfaces))
		}
		if err == nil && len(raw) < 27 {
			t.Errorf("%d bytes are taken for a device", len(raw))
		}
	})
}

func FuzzParseUevent(f *testing.F) {
	f.Add([]byte("add@/devices/usb2/2-1\x00ACTION=add\x00DEVPATH=/devices/usb2/2-1\x00SUBSYSTEM=usb\x00DEVTYPE=usb_device\x00"))
	f.Add([]byte("libudev\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if u, ok := parseUevent(raw); ok && (u.action == "" || u.subsystem == "") {
			t.Errorf("%+v", u)
		}
	})
}

func TestUeventsOfMedia(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"add@/x|ACTION=add|SUBSYSTEM=usb|DEVTYPE=usb_device":       true,
		"remove@/x|ACTION=remove|SUBSYSTEM=usb|DEVTYPE=usb_device": true,
		"bind@/x|ACTION=bind|SUBSYSTEM=usb|DEVTYPE=usb_device":     false,
		"add@/x|ACTION=add|SUBSYSTEM=usb|DEVTYPE=usb_interface":    false,
		"change@/x|ACTION=change|SUBSYSTEM=block|DEVTYPE=disk":     true,
		"add@/x|ACTION=add|SUBSYSTEM=mmc":                          true,
		"add@/x|ACTION=add|SUBSYSTEM=net":                          false,
	} {
		u, ok := parseUevent([]byte(strings.ReplaceAll(text, "|", "\x00") + "\x00"))
		if got := ok && u.ofMedia(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestPathsOfDevices(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{"1-4": true, "3-1.2.4": true, "usb1": false, "1-0:1.0": false, "1-": false, "-1": false, "1-1/../..": false, "1-1.": false, "": false} {
		if usbPath(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
	for s, want := range map[string]bool{"mmc0:aaaa": true, "mmc0:": false, "mmc:1": false, "mmc0:..": false, "mmc0:1/2": false} {
		if cardPath(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func FuzzVolumeOf(f *testing.F) {
	fat := make([]byte, volumeHead)
	copy(fat[54:], "FAT16   ")
	copy(fat[43:], "STICK      ")
	fat[510], fat[511] = 0x55, 0xaa
	if kind, name := volumeOf(fat); kind != "vfat" || name != "vfat 0000-0000 STICK" {
		f.Errorf("%s %q", kind, name)
	}
	f.Add(fat)
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, name := volumeOf(b)
		if (kind == "") != (name == "") || strings.ContainsAny(name, "\n\x00\x1b") {
			t.Errorf("%q %q", kind, name)
		}
	})
}
