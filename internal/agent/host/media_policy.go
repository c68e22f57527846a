package host

import "strings"

// Windows decides by policy which devices it installs ("Device Installation Restrictions",
// DeviceInstallation.admx) and who may reach portable ones ("Removable Storage Access",
// RemovableStorage.admx). A device whose id is denied gets no driver. The texts and values
// are made here, so that they are tested on every system.

// policyValue is one value below HKEY_LOCAL_MACHINE.
type policyValue struct {
	key, name string
	text      string // "" for a number, which is 1
	shared    bool   // a list of others may need it too
}

const (
	restrictions = `SOFTWARE\Policies\Microsoft\Windows\DeviceInstall\Restrictions`
	denyIDs      = restrictions + `\DenyDeviceIDs`
	portable     = `SOFTWARE\Policies\Microsoft\Windows\RemovableStorageDevices`
)

// mediaPolicy is everything that holds media: storage in every dialect, cameras and phones.
func mediaPolicy() []policyValue {
	out := []policyValue{
		{key: restrictions, name: "DenyDeviceIDs", shared: true},
		{key: restrictions, name: "DenyDeviceIDsRetroactive", shared: true},
	}
	for i, id := range []string{`USB\Class_08`, `USB\Class_06`, `USB\MS_COMP_MTP`, `SD\CLASS_STORAGE`} {
		out = append(out, policyValue{key: denyIDs, name: "sekimori" + string(rune('1'+i)), text: id})
	}
	// The two classes of Windows Portable Devices, for phones that come by another driver.
	for _, class := range []string{"{6AC27878-A6FA-4155-BA85-F98F491D4F33}", "{F33FDC04-D1AC-4E8E-9A30-19BBD4B108AE}"} {
		for _, name := range []string{"Deny_Read", "Deny_Write"} {
			out = append(out, policyValue{key: portable + `\` + class, name: name})
		}
	}
	return out
}

// windowsUSB reads a device's instance id, such as USB\VID_0781&PID_5567\4C53, and what it is
// compatible with, such as USB\Class_08&SubClass_06&Prot_50. ok is false for hubs' roots and
// everything that is no USB device.
func windowsUSB(instance string, compatible []string) (d USBDevice, ok bool) {
	parts := strings.Split(instance, `\`)
	if len(parts) != 3 || !strings.EqualFold(parts[0], "USB") {
		return d, false
	}
	d.Path, d.Plug = instance, instance
	var i USBInterface
	for field := range strings.SplitSeq(strings.ToUpper(parts[1]), "&") {
		name, value, _ := strings.Cut(field, "_")
		switch name {
		case "VID":
			d.Vendor = hexID(value)
		case "PID":
			d.Product, ok = hexID(value), true
		case "MI":
			i.Number = int(hexID(value))
		}
	}
	// Where the second character is &, Windows has made the serial up.
	if len(parts[2]) < 2 || parts[2][1] != '&' {
		d.Serial = parts[2]
	}
	found := false
	for _, id := range compatible {
		rest, is := strings.CutPrefix(strings.ToUpper(id), `USB\`)
		if !is {
			continue
		}
		for field := range strings.SplitSeq(rest, "&") {
			name, value, _ := strings.Cut(field, "_")
			switch name {
			case "CLASS":
				i.Class, found = uint8(hexID(value)), true
			case "SUBCLASS":
				i.Sub = uint8(hexID(value))
			case "PROT":
				i.Protocol = uint8(hexID(value))
			case "MS":
				if strings.HasPrefix(value, "COMP_MTP") {
					i.Name = "MTP"
				}
			}
		}
	}
	if found {
		d.Class, d.Hub = i.Class, i.Class == classHub
		d.Interfaces = []USBInterface{i}
	}
	return d, ok
}

func hexID(s string) uint16 {
	n := uint16(0)
	for _, c := range strings.ToUpper(s) {
		at := strings.IndexRune("0123456789ABCDEF", c)
		if at < 0 {
			return 0
		}
		n = n<<4 | uint16(at)
	}
	return n
}
