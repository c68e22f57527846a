package host

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// frameworks are the functions of macOS that media are held with, called without cgo. What is
// a pointer of theirs is a uintptr here and never looked into; what they give with Create or
// Copy in its name is released. Numbers of types, encodings and options are those of their headers.
type frameworks struct {
	// CoreFoundation
	release           func(ref uintptr)
	typeOf            func(ref uintptr) uintptr
	stringType        func() uintptr
	numberType        func() uintptr
	booleanType       func() uintptr
	uuidType          func() uintptr
	stringCreate      func(allocator uintptr, text string, encoding uint32) uintptr
	stringLength      func(ref uintptr) int
	stringBytes       func(ref uintptr, to *byte, size int, encoding uint32) bool
	numberValue       func(ref uintptr, kind int, to *int64) bool
	booleanValue      func(ref uintptr) bool
	uuidString        func(allocator, ref uintptr) uintptr
	dictionaryValue   func(ref, key uintptr) uintptr
	urlCreate         func(allocator uintptr, path *byte, size int, folder bool) uintptr
	runLoop           func() uintptr
	runLoopRun        func(mode uintptr, seconds float64, once bool) int32
	notificationShown func(timeout float64, flags uint, icon, sound, localization, header, message, button uintptr) int32

	// IOKit
	matching      func(class string) uintptr
	services      func(port uint32, matching uintptr, iterator *uint32) int32
	next          func(iterator uint32) uint32
	iteratorValid func(iterator uint32) int32
	objectRelease func(object uint32) int32
	conforms      func(object uint32, class string) int32
	parent        func(entry uint32, plane string, parent *uint32) int32
	entryID       func(entry uint32, id *uint64) int32
	entryProperty func(entry uint32, key, allocator uintptr, options uint32) uintptr

	// DiskArbitration
	sessionCreate   func(allocator uintptr) uintptr
	schedule        func(session, loop, mode uintptr)
	unschedule      func(session, loop, mode uintptr)
	onAppeared      func(session, match, callback, context uintptr)
	onDisappeared   func(session, match, callback, context uintptr)
	onChanged       func(session, match, watch, callback, context uintptr)
	onMount         func(session, match, callback, context uintptr)
	diskNamed       func(allocator, session uintptr, name string) uintptr
	diskName        func(disk uintptr) string
	diskDescription func(disk uintptr) uintptr
	diskMount       func(disk, path uintptr, options uint32, callback, context uintptr, arguments *uintptr)
	diskUnmount     func(disk uintptr, options uint32, callback, context uintptr)
	dissenterCreate func(allocator uintptr, status int32, text uintptr) uintptr
	dissenterStatus func(dissenter uintptr) int32
	dissenterText   func(dissenter uintptr) uintptr
}

const (
	utf8Encoding  = 0x08000100 // kCFStringEncodingUTF8
	int64Number   = 4          // kCFNumberSInt64Type
	maxText       = 1024       // UTF-16 units of a text that is read; a longer one is none
	servicePlane  = "IOService"
	maxAbove      = 64                 // entries between a volume and its device
	maxEntries    = 4096               // of one class
	notPermitted  = int32(-0x0725fff8) // kDAReturnNotPermitted, 0xF8DA0008
	unmountForce  = 0x00080000         // kDADiskUnmountOptionForce
	loopFinished  = 1                  // kCFRunLoopRunFinished: there is nothing to wait for
	cautionNotice = 2                  // kCFUserNotificationCautionAlertLevel
)

// loadFrameworks binds every function, or says which is missing.
func loadFrameworks() (*frameworks, error) {
	f := &frameworks{}
	for _, l := range []struct {
		name  string
		binds map[string]any
	}{
		{"CoreFoundation", map[string]any{
			"CFRelease": &f.release, "CFGetTypeID": &f.typeOf,
			"CFStringGetTypeID": &f.stringType, "CFNumberGetTypeID": &f.numberType, "CFBooleanGetTypeID": &f.booleanType, "CFUUIDGetTypeID": &f.uuidType,
			"CFStringCreateWithCString": &f.stringCreate, "CFStringGetLength": &f.stringLength, "CFStringGetCString": &f.stringBytes,
			"CFNumberGetValue": &f.numberValue, "CFBooleanGetValue": &f.booleanValue, "CFUUIDCreateString": &f.uuidString,
			"CFDictionaryGetValue": &f.dictionaryValue, "CFURLCreateFromFileSystemRepresentation": &f.urlCreate,
			"CFRunLoopGetCurrent": &f.runLoop, "CFRunLoopRunInMode": &f.runLoopRun, "CFUserNotificationDisplayNotice": &f.notificationShown,
		}},
		{"IOKit", map[string]any{
			"IOServiceMatching": &f.matching, "IOServiceGetMatchingServices": &f.services, "IOIteratorNext": &f.next, "IOIteratorIsValid": &f.iteratorValid,
			"IOObjectRelease": &f.objectRelease, "IOObjectConformsTo": &f.conforms, "IORegistryEntryGetParentEntry": &f.parent,
			"IORegistryEntryGetRegistryEntryID": &f.entryID, "IORegistryEntryCreateCFProperty": &f.entryProperty,
		}},
		{"DiskArbitration", map[string]any{
			"DASessionCreate": &f.sessionCreate, "DASessionScheduleWithRunLoop": &f.schedule, "DASessionUnscheduleFromRunLoop": &f.unschedule,
			"DARegisterDiskAppearedCallback": &f.onAppeared, "DARegisterDiskDisappearedCallback": &f.onDisappeared,
			"DARegisterDiskDescriptionChangedCallback": &f.onChanged, "DARegisterDiskMountApprovalCallback": &f.onMount,
			"DADiskCreateFromBSDName": &f.diskNamed, "DADiskGetBSDName": &f.diskName, "DADiskCopyDescription": &f.diskDescription,
			"DADiskMountWithArguments": &f.diskMount, "DADiskUnmount": &f.diskUnmount,
			"DADissenterCreate": &f.dissenterCreate, "DADissenterGetStatus": &f.dissenterStatus, "DADissenterGetStatusString": &f.dissenterText,
		}},
	} {
		library, err := purego.Dlopen("/System/Library/Frameworks/"+l.name+".framework/"+l.name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", l.name, err)
		}
		for name, to := range l.binds {
			at, err := purego.Dlsym(library, name)
			if err != nil {
				return nil, fmt.Errorf("load %s: %w", l.name, err)
			}
			purego.RegisterFunc(to, at)
		}
	}
	return f, nil
}

// text makes a CFString, to be released; what cannot be one is left out.
func (f *frameworks) text(s string) uintptr {
	return f.stringCreate(0, strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""), utf8Encoding)
}

// free releases what may be NULL.
func (f *frameworks) free(refs ...uintptr) {
	for _, ref := range refs {
		if ref != 0 {
			f.release(ref)
		}
	}
}

// value gives a CFString, CFNumber, CFBoolean or CFUUID as a Go value, nil for all else.
func (f *frameworks) value(ref uintptr) any {
	if ref == 0 {
		return nil
	}
	switch f.typeOf(ref) {
	case f.stringType():
		n := f.stringLength(ref)
		if n < 0 || n > maxText {
			return nil
		}
		b := make([]byte, 4*n+1)
		if !f.stringBytes(ref, &b[0], len(b), utf8Encoding) {
			return nil
		}
		s, _, _ := strings.Cut(string(b), "\x00")
		return s
	case f.numberType():
		var n int64
		if !f.numberValue(ref, int64Number, &n) {
			return nil
		}
		return n
	case f.booleanType():
		return f.booleanValue(ref)
	case f.uuidType():
		s := f.uuidString(0, ref)
		defer f.free(s)
		return f.value(s)
	}
	return nil
}

// read gives the properties that get has, by their names.
func (f *frameworks) read(names []string, get func(key uintptr) (ref uintptr, owned bool)) properties {
	out := properties{}
	for _, name := range names {
		key := f.text(name)
		if key == 0 {
			continue
		}
		ref, owned := get(key)
		if v := f.value(ref); v != nil {
			out[name] = v
		}
		if owned {
			f.free(ref)
		}
		f.free(key)
	}
	return out
}

// entry reads properties of an entry of the registry.
func (f *frameworks) entry(entry uint32, names ...string) properties {
	return f.read(names, func(key uintptr) (uintptr, bool) { return f.entryProperty(entry, key, 0, 0), true })
}

// describe asks Disk Arbitration for a disk; there is nothing when it is gone.
func (f *frameworks) describe(session uintptr, name string, names []string) properties {
	disk := f.diskNamed(0, session, name)
	if disk == 0 {
		return properties{}
	}
	defer f.free(disk)
	all := f.diskDescription(disk)
	if all == 0 {
		return properties{}
	}
	defer f.free(all)
	return f.read(names, func(key uintptr) (uintptr, bool) { return f.dictionaryValue(all, key), false })
}

// each goes through the registry's entries of a class. What came or went meanwhile ends the
// iteration early; then it begins anew.
func (f *frameworks) each(class string, use func(entry uint32, id uint64)) error {
	for range 5 {
		entries, whole, err := f.entries(class)
		if err == nil && whole {
			for _, e := range entries {
				var id uint64
				if f.entryID(e, &id) == 0 {
					use(e, id)
				}
			}
		}
		for _, e := range entries {
			f.objectRelease(e)
		}
		if err != nil || whole {
			return err
		}
	}
	return fmt.Errorf("list %s: the list changes too fast", class)
}

func (f *frameworks) entries(class string) (out []uint32, whole bool, err error) {
	var iterator uint32
	// It takes the dictionary over.
	if code := f.services(0, f.matching(class), &iterator); code != 0 {
		return nil, false, fmt.Errorf("list %s: %#x", class, uint32(code))
	}
	if iterator == 0 {
		return nil, true, nil
	}
	defer f.objectRelease(iterator)
	for len(out) < maxEntries {
		e := f.next(iterator)
		if e == 0 {
			break
		}
		out = append(out, e)
	}
	return out, f.iteratorValid(iterator) != 0, nil
}

// above goes up from an entry towards the root of the registry, until use wants no more.
func (f *frameworks) above(entry uint32, use func(parent uint32) (more bool)) {
	held := uint32(0)
	for range maxAbove {
		var parent uint32
		code := f.parent(entry, servicePlane, &parent)
		if held != 0 {
			f.objectRelease(held)
			held = 0
		}
		if code != 0 || parent == 0 {
			return
		}
		held, entry = parent, parent
		if !use(parent) {
			break
		}
	}
	if held != 0 {
		f.objectRelease(held)
	}
}

// dissent reads why Disk Arbitration refused; nil when it did not.
func (f *frameworks) dissent(dissenter uintptr) error {
	if dissenter == 0 {
		return nil
	}
	text, _ := f.value(f.dissenterText(dissenter)).(string)
	return fmt.Errorf("disk arbitration refused: %#x %s", uint32(f.dissenterStatus(dissenter)), clip(label([]byte(text)), 200))
}

// folderURL makes a CFURL, to be released.
func (f *frameworks) folderURL(path string) uintptr {
	b := []byte(path)
	return f.urlCreate(0, unsafe.SliceData(b), len(b), true)
}
