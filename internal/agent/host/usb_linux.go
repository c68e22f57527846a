package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// USB as Linux shows it below /sys (Documentation/usb/authorization.rst). A device that
// is not authorised is not configured: no interface, no driver, no block device. One that
// is authorised while interface_authorized_default is 0 is configured, and each of its
// interfaces waits.

const (
	usbDevices = "bus/usb/devices"
	usbDefault = "module/usbcore/parameters/authorized_default" // of hosts that come later

	runFolder  = "/run/sekimori" // below Options.Root
	mediaNames = "media"         // in it: a file for each block device that people may use
	wasBefore  = "held"          // in it: what HoldUSB found
)

func (h *linux) sys(parts ...string) string {
	return filepath.Join(append([]string{h.o.Sysfs}, parts...)...)
}

func (h *linux) runtime(parts ...string) string {
	return filepath.Join(append([]string{h.o.Root, runFolder}, parts...)...)
}

// attribute reads one attribute; "" when there is none.
func attribute(parts ...string) string {
	b, err := readSome(filepath.Join(parts...), 4096)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// setAttribute writes one attribute that is there.
func setAttribute(value string, parts ...string) error {
	f, err := os.OpenFile(filepath.Join(parts...), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// usbKnown keeps what was read of devices, so that a new one is not kept waiting while thirty
// others are read again. What was read counts until the device is another one, in another
// configuration, or something was done to it here.
type usbKnown struct {
	mu    sync.Mutex
	known map[string]knownUSB // by path
}

type knownUSB struct {
	state string
	dev   USBDevice
}

func (k *usbKnown) get(path, state string) (USBDevice, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	has, ok := k.known[path]
	return has.dev, ok && has.state == state
}

func (k *usbKnown) put(path, state string, d USBDevice) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]knownUSB{}
	}
	k.known[path] = knownUSB{state, d}
}

func (k *usbKnown) forget(path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, path)
}

// keepOnly forgets devices that are gone.
func (k *usbKnown) keepOnly(present []USBDevice) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) > len(present) {
		maps.DeleteFunc(k.known, func(path string, _ knownUSB) bool {
			return !slices.ContainsFunc(present, func(d USBDevice) bool { return d.Path == path })
		})
	}
}

var _ MediaGuard = (*linux)(nil)

func (h *linux) HoldUSB(_ context.Context, on bool) error {
	if on {
		return h.hold()
	}
	before, err := os.ReadFile(h.runtime(wasBefore))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("release USB: %w", err)
	}
	var errs []error
	for line := range strings.Lines(string(before)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.Contains(name, "..") {
			continue
		}
		if err := setAttribute(value, h.sys(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("release USB: %w", err))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, h.lift(), h.forgetSystem(), os.RemoveAll(h.runtime(mediaNames)), os.Remove(h.runtime(wasBefore)))
		h.show()
	}
	return errors.Join(errs...)
}

// show has udev judge the disks that are plugged in anew, so that none stays hidden.
func (h *linux) show() {
	names := map[string]bool{}
	for _, place := range h.diskPlaces() {
		names[filepath.Base(place)] = strings.Contains(place, "/usb") || strings.Contains(place, "/mmc_host/")
	}
	for disk, removable := range names {
		for _, name := range h.parts(disk) {
			if removable {
				setAttribute("change", h.sys("class/block", name, "uevent")) // one that went is not hidden
			}
		}
	}
}

// letAllGo gives everything that is held back to the system, for good.
func (h *linux) letAllGo(ctx context.Context) error {
	errs := []error{h.Recover(ctx)}
	if _, err := os.Stat(h.runtime(wasBefore)); errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errs...) // nothing is
	}
	devices, err := h.USB(ctx)
	errs = append(errs, err, h.HoldUSB(ctx, false))
	for _, d := range devices {
		errs = append(errs, h.Admit(ctx, d.Path, nil))
	}
	return errors.Join(errs...)
}

// hold sets the defaults of everything that comes, now and with a host controller that
// is found later.
func (h *linux) hold() error {
	roots, err := filepath.Glob(h.sys(usbDevices, "usb*"))
	if err != nil {
		return fmt.Errorf("hold USB: %w", err)
	}
	wanted := []string{usbDefault, mmcProbe}
	for _, root := range roots {
		at := filepath.Join(usbDevices, filepath.Base(root))
		wanted = append(wanted, filepath.Join(at, "interface_authorized_default"), filepath.Join(at, "authorized_default"))
	}
	known, err := os.ReadFile(h.runtime(wasBefore))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("hold USB: %w", err)
	}
	_, err = os.Lstat(h.runtime(mediaNames))
	already := err == nil
	before, found := string(known), 0
	for _, name := range wanted {
		was := attribute(h.sys(name))
		if was == "" {
			continue // not in this kernel, or its module is not there yet
		}
		if was == "0" && already {
			was = "1" // of what came since, udev has set it
		}
		found++
		if strings.Contains("\n"+before, "\n"+name+" ") {
			continue
		}
		if name != usbDefault && strings.Contains("\n"+string(known), "\n"+usbDefault+" ") && !strings.Contains("\n"+string(known), "\n"+usbDefault+" 0") {
			was = "1" // of a host that came while we held: its 0 is ours
		}
		before += name + " " + was + "\n"
	}
	// Its presence tells udev to hold and hide what comes.
	if err := os.MkdirAll(h.runtime(mediaNames), 0o755); errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("this process may not hold USB devices: start it as root: %w", err)
	} else if err != nil {
		return fmt.Errorf("hold USB: %w", err)
	}
	if found == 0 {
		return fmt.Errorf("hold USB: this kernel shows neither USB nor card readers: %w", ErrUnsupported)
	}
	if err := h.noteSystem(); err != nil {
		return fmt.Errorf("hold USB: %w", err)
	}
	if before != string(known) {
		if err := writeWhole(h.runtime(wasBefore), []byte(before), 0o600); err != nil {
			return fmt.Errorf("hold USB: %w", err)
		}
	}
	var errs []error
	for _, name := range wanted {
		if was := attribute(h.sys(name)); was != "" && was != "0" {
			if err := setAttribute("0", h.sys(name)); err != nil {
				errs = append(errs, fmt.Errorf("hold USB: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

func (h *linux) USB(ctx context.Context) ([]USBDevice, error) {
	entries, err := os.ReadDir(h.sys(usbDevices))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list USB: %w", err)
	}
	h.forgetGone()
	system, disks := h.systemDisks(), h.diskPlaces()
	var out []USBDevice
	for _, e := range entries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !usbPath(e.Name()) {
			continue // a root hub, or an interface
		}
		if d, ok := h.usbDevice(e.Name()); ok {
			d.System = h.holds(system, e.Name())
			d.Interfaces = withDisks(d, disks)
			out = append(out, d)
		}
	}
	cards, err := os.ReadDir(h.sys(mmcDevices))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list cards: %w", err)
	}
	for _, e := range cards {
		if d, ok := h.card(e.Name()); ok {
			d.System = h.holds(system, e.Name())
			out = append(out, d)
		}
	}
	h.usb.keepOnly(out)
	slices.SortFunc(out, func(a, b USBDevice) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

// usbDevice reads one device; ok is false when it went away meanwhile.
func (h *linux) usbDevice(path string) (d USBDevice, ok bool) {
	dir := h.sys(usbDevices, path)
	plug, authorized := attribute(dir, "devnum"), attribute(dir, "authorized")
	state := plug + " " + authorized + " " + attribute(dir, "bConfigurationValue")
	if d, ok := h.usb.get(path, state); ok {
		return d, true
	}
	raw, err := readSome(filepath.Join(dir, "descriptors"), maxDescriptors)
	if plug == "" || errors.Is(err, fs.ErrNotExist) && attribute(dir, "idVendor") == "" {
		return d, false
	}
	d, err = parseDescriptors(raw)
	if err != nil {
		if attribute(dir, "devnum") == "" {
			return d, false // they made no sense because it was going
		}
		d.Malformed = err.Error()
	}
	d.Path, d.Plug = path, plug
	d.Serial, d.Maker, d.Model = label([]byte(attribute(dir, "serial"))), label([]byte(attribute(dir, "manufacturer"))), label([]byte(attribute(dir, "product")))
	// What the kernel itself goes by.
	d.Vendor, d.Product = hex16(attribute(dir, "idVendor"), d.Vendor), hex16(attribute(dir, "idProduct"), d.Product)
	d.Class = hex8(attribute(dir, "bDeviceClass"), d.Class)
	d.Authorized = authorized != "0"
	if d.Authorized {
		h.usbInterfaces(path, &d)
	}
	d.Hub = d.Class == classHub
	// An interface that waits may be let in by others, and nothing else here would change.
	if !d.Authorized || !slices.ContainsFunc(d.Interfaces, func(i USBInterface) bool { return !i.Authorized }) {
		h.usb.put(path, state, d)
	}
	return d, true
}

// diskPlaces are where below /sys/devices the disks are.
func (h *linux) diskPlaces() (out []string) {
	entries, err := os.ReadDir(h.sys("block"))
	if err != nil {
		return nil // none in this kernel
	}
	for _, e := range entries {
		if real, err := filepath.EvalSymlinks(h.sys("block", e.Name())); err == nil {
			out = append(out, real)
		}
	}
	return out
}

// withDisks marks the interfaces that have a disk. The kernel's storage drivers take many
// devices by vendor and product alone, whatever class those name (unusual_devs.h).
func withDisks(d USBDevice, disks []string) []USBInterface {
	inside := "/" + d.Path + "/" + d.Path + ":" // then "1.0/host0/…": configuration and interface
	var has []int
	for _, place := range disks {
		_, rest, ok := strings.Cut(place, inside)
		name, _, _ := strings.Cut(rest, "/")
		_, n, _ := strings.Cut(name, ".")
		if number, err := strconv.Atoi(n); ok && err == nil && !strings.Contains(rest, "/mmc_host/") { // cards are judged as such
			has = append(has, number)
		}
	}
	if len(has) == 0 {
		return d.Interfaces
	}
	out := slices.Clone(d.Interfaces) // the others are kept for the next time
	for n := range out {
		out[n].Disk = slices.Contains(has, out[n].Number)
	}
	return out
}

// usbInterfaces adds what the kernel made of the device's words.
func (h *linux) usbInterfaces(path string, d *USBDevice) {
	for number, dir := range h.interfaceFolders(path) {
		i := USBInterface{Number: number, Class: hex8(attribute(dir, "bInterfaceClass"), 0xff), Sub: hex8(attribute(dir, "bInterfaceSubClass"), 0),
			Protocol: hex8(attribute(dir, "bInterfaceProtocol"), 0)}
		d.add(i)
		name, authorized, driver := label([]byte(attribute(dir, "interface"))), attribute(dir, "authorized") != "0", ""
		if to, err := os.Readlink(filepath.Join(dir, "driver")); err == nil {
			driver = filepath.Base(to)
		}
		for n := range d.Interfaces {
			if x := &d.Interfaces[n]; x.Number == number {
				x.Name, x.Authorized, x.Driver = name, authorized, driver
			}
		}
	}
}

// interfaceFolders are the interfaces of the configuration in force, by number.
func (h *linux) interfaceFolders(path string) map[int]string {
	found, err := filepath.Glob(h.sys(usbDevices, path, path+":*"))
	if err != nil {
		return nil // path was checked
	}
	out := map[int]string{}
	for _, dir := range found {
		_, n, ok := strings.Cut(strings.TrimPrefix(filepath.Base(dir), path+":"), ".")
		if number, err := strconv.Atoi(n); ok && err == nil {
			out[number] = dir
		}
	}
	return out
}

func hex16(s string, otherwise uint16) uint16 {
	n, err := strconv.ParseUint(s, 16, 16)
	if err != nil {
		return otherwise
	}
	return uint16(n)
}

func hex8(s string, otherwise uint8) uint8 {
	n, err := strconv.ParseUint(s, 16, 8)
	if err != nil {
		return otherwise
	}
	return uint8(n)
}

func (h *linux) Admit(_ context.Context, path string, interfaces []int) error {
	if cardPath(path) {
		return h.bindCard(path, true)
	}
	if !usbPath(path) {
		return fmt.Errorf("admit %q: no such device", path)
	}
	defer h.usb.forget(path)
	dir := h.sys(usbDevices, path)
	if attribute(dir, "authorized") != "1" {
		if interfaces != nil {
			// Or all of them would be in use with the device.
			bus, _, _ := strings.Cut(path, "-")
			if err := setAttribute("0", h.sys(usbDevices, "usb"+bus, "interface_authorized_default")); err != nil {
				return fmt.Errorf("admit %s: %w", path, err)
			}
		}
		if err := setAttribute("1", dir, "authorized"); err != nil {
			return fmt.Errorf("admit %s: %w", path, err)
		}
	}
	var errs []error
	for number, at := range h.interfaceFolders(path) {
		if interfaces != nil && !slices.Contains(interfaces, number) || attribute(at, "authorized") == "1" {
			continue
		}
		if err := setAttribute("1", at, "authorized"); err != nil {
			errs = append(errs, fmt.Errorf("admit %s: %w", path, err))
			continue
		}
		// Its answer is that of the driver, of which there may be none.
		if err := setAttribute(filepath.Base(at), h.sys("bus/usb/drivers_probe")); err != nil && errors.Is(err, fs.ErrPermission) {
			errs = append(errs, fmt.Errorf("admit %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

func (h *linux) Refuse(_ context.Context, path string, interfaces []int) error {
	defer h.usb.forget(path)
	switch {
	case h.holds(h.systemDisks(), path):
		return fmt.Errorf("refuse %s: %w", path, ErrSystemDisk)
	case cardPath(path):
		return h.bindCard(path, false)
	case !usbPath(path):
		return fmt.Errorf("refuse %q: no such device", path)
	case interfaces == nil:
		if err := setAttribute("0", h.sys(usbDevices, path, "authorized")); err != nil {
			return fmt.Errorf("refuse %s: %w", path, err)
		}
		return nil
	}
	var errs []error
	for number, at := range h.interfaceFolders(path) {
		if !slices.Contains(interfaces, number) {
			continue
		}
		if err := setAttribute("0", at, "authorized"); err != nil {
			errs = append(errs, fmt.Errorf("refuse %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}
