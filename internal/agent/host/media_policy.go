package host

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Windows decides by policy which devices it installs ("Device Installation Restrictions",
// DeviceInstallation.admx) and who may reach portable ones ("Removable Storage Access",
// RemovableStorage.admx). A device whose id is denied gets no driver. With layered
// evaluation (Windows 10 and 11 since the updates of July 2021) a device instance that is
// allowed outranks an id that is denied, and nothing else changes. What is written is made
// here, so that it is tested on every system.
//
// The disk class is not denied: disks that are built in belong to it. USB\Class_08 is the
// node that USBSTOR and UASPStor are drivers of, and without it there is no disk below.

// policyStore holds values below HKEY_LOCAL_MACHINE. What is not there is no error to clear.
type policyStore interface {
	// number reads a DWORD; there is false where the value does not exist.
	number(key, name string) (n uint32, there bool, err error)
	setNumber(key, name string, n uint32) error
	setText(key, name, text string) error
	clear(key, name string) error
	// names lists the values of a key, none where there is no such key.
	names(key string) ([]string, error)
}

// policyValue is one value below HKEY_LOCAL_MACHINE.
type policyValue struct {
	key, name string
	text      string // "" for a switch: the number 1
	list      string // the key of the list that a switch makes count
}

const (
	restrictions   = `SOFTWARE\Policies\Microsoft\Windows\DeviceInstall\Restrictions`
	denyIDs        = restrictions + `\DenyDeviceIDs`
	allowInstances = restrictions + `\AllowInstanceIDs`
	portable       = `SOFTWARE\Policies\Microsoft\Windows\RemovableStorageDevices`
	// formerPolicy remembers what switches said before: the number, or formerNone.
	formerPolicy = `SOFTWARE\Sekimori\FormerPolicy`
	formerNone   = ^uint32(0)
	// ourEntry begins the name of every entry of ours in a list that others may use too.
	ourEntry = "sekimori"
)

// mediaPolicy is what holds everything that holds media: storage in every dialect, cameras
// and phones. The order is that of writing: what allows comes before what denies. Without
// layered nothing that is allowed would count, and nothing of it is written.
func mediaPolicy(layered bool, allowed []string) []policyValue {
	var out []policyValue
	if layered {
		for _, instance := range allowed {
			out = append(out, allowEntry(instance))
		}
		out = append(out, policyValue{key: restrictions, name: "AllowInstanceIDs", list: allowInstances},
			policyValue{key: restrictions, name: "AllowDenyLayered"})
	}
	for i, id := range []string{`USB\Class_08`, `USB\Class_06`, `USB\MS_COMP_MTP`, `SD\CLASS_STORAGE`} {
		out = append(out, policyValue{key: denyIDs, name: ourEntry + string(rune('1'+i)), text: id})
	}
	out = append(out, policyValue{key: restrictions, name: "DenyDeviceIDs", list: denyIDs}, policyValue{key: restrictions, name: "DenyDeviceIDsRetroactive", list: denyIDs})
	// The two classes of Windows Portable Devices, for phones that come by another driver.
	for _, class := range []string{"{6AC27878-A6FA-4155-BA85-F98F491D4F33}", "{F33FDC04-D1AC-4E8E-9A30-19BBD4B108AE}"} {
		for _, name := range []string{"Deny_Read", "Deny_Write"} {
			out = append(out, policyValue{key: portable + `\` + class, name: name})
		}
	}
	return out
}

// allowEntry allows one device instance: Windows compares the whole id, and knows no pattern.
func allowEntry(instance string) policyValue {
	return policyValue{key: allowInstances, name: ourEntry + " " + strings.ToUpper(strings.ReplaceAll(instance, `\`, "#")), text: instance}
}

// holdPolicy writes the policy, or what is missing of it. Entries that allow devices which
// are not among the allowed are taken out. What switches said before is remembered first, so
// that a failure in the middle leaves nothing that releasePolicy does not know.
func holdPolicy(s policyStore, allowed []string) error {
	layered, err := mayLayer(s)
	if err != nil {
		return err
	}
	before, err := held(s)
	if err != nil {
		return err
	}
	policy := mediaPolicy(layered, allowed)
	for _, v := range policy {
		if v.text == "" {
			if err := remember(s, v, before); err != nil {
				return err
			}
		}
	}
	keep := map[string]bool{}
	for _, v := range policy {
		keep[v.key+v.name] = true
	}
	if err := clearEntries(s, allowInstances, keep); err != nil {
		return err
	}
	for _, v := range policy {
		if err := put(s, v); err != nil {
			return err
		}
	}
	if layered {
		return nil
	}
	return restore(s, policyValue{key: restrictions, name: "AllowDenyLayered"}) // somebody prevents the unspecified since
}

// releasePolicy takes everything back, what denies before what allows.
func releasePolicy(s policyStore) error {
	var errs []error
	policy := mediaPolicy(true, nil)
	for i := range policy {
		v := policy[len(policy)-1-i]
		if v.text != "" {
			errs = append(errs, s.clear(v.key, v.name))
		} else {
			errs = append(errs, restore(s, v))
		}
	}
	return errors.Join(append(errs, clearEntries(s, allowInstances, nil))...)
}

// mayLayer reports whether layered evaluation weakens no policy of the company: with it,
// "prevent what is not described" is ignored.
func mayLayer(s policyStore) (bool, error) {
	n, _, err := s.number(restrictions, "DenyUnspecified")
	return n == 0, err
}

// held reports whether entries of ours are there.
func held(s policyStore) (bool, error) {
	names, err := s.names(denyIDs)
	for _, name := range names {
		if strings.HasPrefix(name, ourEntry) {
			return true, err
		}
	}
	return false, err
}

// remember keeps what a switch says, once. ours tells that it was set by us, by a version
// that did not remember.
func remember(s policyStore, v policyValue, ours bool) error {
	name := v.key + `\` + v.name
	if _, known, err := s.number(formerPolicy, name); known || err != nil {
		return err
	}
	former, there, err := s.number(v.key, v.name)
	if err != nil {
		return err
	}
	if !there || ours {
		former = formerNone
	}
	return s.setNumber(formerPolicy, name, former)
}

// restore gives a switch back what it said, where that is known: what was never set by us
// is left alone, and so is a switch whose list somebody else has begun since.
func restore(s policyStore, v policyValue) error {
	name := v.key + `\` + v.name
	former, known, err := s.number(formerPolicy, name)
	if !known || err != nil {
		return err
	}
	needed, err := others(s, v.list)
	if err != nil {
		return err
	}
	switch {
	case former != formerNone:
		err = s.setNumber(v.key, v.name, former)
	case !needed:
		err = s.clear(v.key, v.name)
	}
	if err != nil {
		return err
	}
	return s.clear(formerPolicy, name)
}

// others reports whether a list holds entries that are not ours.
func others(s policyStore, list string) (bool, error) {
	if list == "" {
		return false, nil
	}
	names, err := s.names(list)
	return slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, ourEntry) }), err
}

// put writes a value. Switches are read first: each change makes Windows look at its policy.
func put(s policyStore, v policyValue) error {
	if v.text != "" {
		return s.setText(v.key, v.name, v.text)
	}
	if n, there, err := s.number(v.key, v.name); err != nil || there && n == 1 {
		return err
	}
	return s.setNumber(v.key, v.name, 1)
}

// clearEntries takes entries of ours out of a list, but for those to keep.
func clearEntries(s policyStore, key string, keep map[string]bool) error {
	names, err := s.names(key)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, ourEntry) && !keep[key+name] {
			if err := s.clear(key, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// allowable says why a medium cannot be let in by its instance id, which is the only thing
// that Windows allows one device by.
func allowable(d USBDevice) error {
	for _, i := range d.Interfaces {
		if i.Class == 6 || i.Name == "MTP" {
			return errors.New("phones and cameras are not let in on Windows")
		}
	}
	if d.Serial == "" {
		return fmt.Errorf("%s shows no serial of its own on Windows, or is part of a device with several functions, or another one with the same serial is plugged in: "+
			"its instance id names the socket, and to allow that would allow every medium of its kind there", d.Path)
	}
	return nil
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
