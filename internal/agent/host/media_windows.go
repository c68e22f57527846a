package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// On Windows media are held by policy: their devices get no driver. A medium that may be on
// loan is allowed by the id of its device instance for as long as it is plugged in and lent.
// From then on everybody can reach it; its token is read in the next moment, and when it is
// not the right one the medium is taken away again.

// errNotLayered says why a medium cannot be let in.
var errNotLayered = errors.New("a policy of this PC prevents every device that no other policy describes (DenyUnspecified); " +
	"Windows ignores it as soon as evaluation is layered, so it is not layered and media on loan are refused")

// usbLook is how often devices are looked at; Windows calls only programs with a window or
// a handler of a service.
const usbLook = time.Second

var _ MediaGuard = (*windowsHost)(nil)

func (h *windowsHost) HoldUSB(_ context.Context, on bool) error {
	h.media.Lock()
	defer h.media.Unlock()
	if !on {
		if err := releasePolicy(registryStore{}); err != nil {
			return fmt.Errorf("release USB: %w", err)
		}
		return nil
	}
	entries, err := registryStore{}.names(allowInstances)
	if err != nil {
		return fmt.Errorf("hold USB: %w", err)
	}
	listed := map[string]bool{}
	for _, name := range entries {
		listed[name] = true
	}
	var allowed []string // what was let in and is still there; the rest is taken out of the list
	err = eachUSB(windows.DIGCF_PRESENT, func(_ windows.DevInfo, _ *windows.DevInfoData, d USBDevice) error {
		if d.System || listed[allowEntry(d.Path).name] {
			allowed = append(allowed, d.Path)
		}
		return nil
	})
	if err := errors.Join(err, holdPolicy(registryStore{}, allowed)); err != nil { // it is held also when nothing can be listed
		return fmt.Errorf("hold USB: %w", err)
	}
	return forgetAbsent()
}

// letAllGo takes the policy back and lets Windows install what it held.
func (h *windowsHost) letAllGo(ctx context.Context) error {
	if err := h.HoldUSB(ctx, false); err != nil {
		return err
	}
	return eachUSB(windows.DIGCF_PRESENT, func(_ windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		if d.Authorized || !isStorage(d) && !isPortable(d) {
			return nil
		}
		return findAgain(info.DevInst)
	})
}

// forgetAbsent takes storage that is not plugged in out of the list of installed devices: the
// policy is asked when a device is installed, not when it comes back.
func forgetAbsent() error {
	return eachUSB(0, func(set windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		var status, problem uint32
		if err := windows.CM_Get_DevNode_Status(&status, &problem, info.DevInst, 0); !isStorage(d) || !errors.Is(err, windows.CR_NO_SUCH_DEVNODE) {
			return nil
		}
		return uninstall(set, info, d.Path)
	})
}

func isStorage(d USBDevice) bool { return len(d.Interfaces) > 0 && d.Interfaces[0].Class == 8 }

func isPortable(d USBDevice) bool {
	return len(d.Interfaces) > 0 && (d.Interfaces[0].Class == 6 || d.Interfaces[0].Name == "MTP")
}

// uninstall removes a device and what hangs on it from the system's devices.
func uninstall(set windows.DevInfo, info *windows.DevInfoData, path string) error {
	var reboot int32
	ok, _, err := windows.NewLazySystemDLL("newdev.dll").NewProc("DiUninstallDevice").Call(0, uintptr(set), uintptr(unsafe.Pointer(info)), 0, uintptr(unsafe.Pointer(&reboot)))
	if ok == 0 {
		return fmt.Errorf("take %s away: %w", path, err)
	}
	if reboot != 0 {
		return fmt.Errorf("take %s away: Windows has to be started again for that", path)
	}
	return nil
}

// registryStore is the policyStore of this PC.
type registryStore struct{}

func (registryStore) number(key, name string) (uint32, bool, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", key, err)
	}
	defer k.Close()
	n, kind, err := k.GetIntegerValue(name)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("read %s: %w", name, err)
	case kind != registry.DWORD:
		return 0, false, fmt.Errorf("read %s: it is no REG_DWORD", name)
	}
	return uint32(n), true, nil
}

func (registryStore) set(key, name string, set func(registry.Key) error) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE)
	if err == nil {
		defer k.Close()
		err = set(k)
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

func (s registryStore) setNumber(key, name string, n uint32) error {
	return s.set(key, name, func(k registry.Key) error { return k.SetDWordValue(name, n) })
}

func (s registryStore) setText(key, name, text string) error {
	return s.set(key, name, func(k registry.Key) error { return k.SetStringValue(name, text) })
}

func (registryStore) clear(key, name string) error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE)
	if err == nil {
		defer k.Close()
		err = k.DeleteValue(name)
	}
	if err != nil && !errors.Is(err, registry.ErrNotExist) {
		return fmt.Errorf("clear %s: %w", name, err)
	}
	return nil
}

func (registryStore) names(key string) ([]string, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", key, err)
	}
	defer k.Close()
	return k.ReadValueNames(-1)
}

func (h *windowsHost) WatchUSB(ctx context.Context, changed func()) error {
	last := ""
	for {
		now := ""
		devices, err := h.USB(ctx)
		if err != nil {
			return err
		}
		for _, d := range devices {
			now += d.Path + "\n"
		}
		if now != last {
			last = now
			changed()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(usbLook):
		}
	}
}

func (h *windowsHost) USB(ctx context.Context) ([]USBDevice, error) {
	h.media.RLock()
	defer h.media.RUnlock()
	var out []USBDevice
	err := eachUSB(windows.DIGCF_PRESENT, func(set windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		out = append(out, d)
		return ctx.Err()
	})
	return out, err
}

// eachUSB goes through the USB devices that are there, with which 0 also through those that
// were installed once.
func eachUSB(which windows.DIGCF, use func(windows.DevInfo, *windows.DevInfoData, USBDevice) error) error {
	set, err := windows.SetupDiGetClassDevsEx(nil, "USB", 0, which|windows.DIGCF_ALLCLASSES, 0, "")
	if err != nil {
		return fmt.Errorf("list USB: %w", err)
	}
	defer set.Close()
	for n := 0; ; n++ {
		info, err := set.EnumDeviceInfo(n)
		if errors.Is(err, windows.ERROR_NO_MORE_ITEMS) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list USB: %w", err)
		}
		instance, err := set.DeviceInstanceID(info)
		if err != nil {
			continue // it has gone
		}
		var compatible []string
		if v, err := set.DeviceRegistryProperty(info, windows.SPDRP_COMPATIBLEIDS); err == nil {
			compatible, _ = v.([]string)
		}
		d, ok := windowsUSB(instance, compatible)
		if !ok {
			continue
		}
		if v, err := set.DeviceRegistryProperty(info, windows.SPDRP_DEVICEDESC); err == nil {
			d.Model, _ = v.(string)
		}
		var status, problem uint32
		d.Authorized = windows.CM_Get_DevNode_Status(&status, &problem, info.DevInst, 0) == nil && problem == 0
		for i := range d.Interfaces {
			d.Interfaces[i].Authorized = d.Authorized
		}
		d.System = d.Authorized && isStorage(d) && holdsSystem(info.DevInst)
		if err := use(set, info, d); err != nil {
			return err
		}
	}
}

// Admit lets Windows install a device. A medium is allowed by its instance id first, which
// stays so until it is refused or pulled out.
func (h *windowsHost) Admit(_ context.Context, path string, interfaces []int) error {
	if interfaces != nil && len(interfaces) == 0 {
		return nil
	}
	h.media.Lock()
	defer h.media.Unlock()
	return oneUSB(path, func(_ windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		store := registryStore{}
		holding, err := held(store)
		if err != nil {
			return err
		}
		if !holding || !isStorage(d) && !isPortable(d) {
			if d.Authorized {
				return nil
			}
			return findAgain(info.DevInst)
		}
		if err := allowable(d); err != nil {
			return err
		}
		layered, err := mayLayer(store)
		if err != nil {
			return err
		}
		if !layered {
			return errNotLayered
		}
		entry := allowEntry(d.Path)
		if err := put(store, entry); err != nil {
			return err
		}
		if d.Authorized {
			return nil
		}
		if err := findAgain(info.DevInst); err != nil {
			return errors.Join(err, store.clear(entry.key, entry.name))
		}
		return nil
	})
}

// oneUSB uses one device; it is an os.ErrNotExist when it is not there.
func oneUSB(path string, use func(windows.DevInfo, *windows.DevInfoData, USBDevice) error) error {
	found := false
	err := eachUSB(windows.DIGCF_PRESENT, func(set windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		if d.Path != path {
			return nil
		}
		found = true
		return use(set, info, d)
	})
	if err == nil && !found {
		err = fmt.Errorf("%s: %w", path, os.ErrNotExist)
	}
	return err
}

// findAgain looks for what is on a device node, and tries installations again that failed.
func findAgain(node windows.DEVINST) error {
	if err := mayLoadDrivers(); err != nil {
		return err
	}
	const retryInstallation = 2 // CM_REENUMERATE_RETRY_INSTALLATION, and waiting for it
	if code, _, _ := cfgmgr("CM_Reenumerate_DevNode").Call(uintptr(node), retryInstallation); code != 0 {
		return fmt.Errorf("look for devices: CONFIGRET %#x", code)
	}
	return nil
}

func cfgmgr(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("cfgmgr32.dll").NewProc(name)
}

// mayLoadDrivers switches the privilege on that looking for devices needs; a service has it,
// switched off.
func mayLoadDrivers() error {
	var token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_ADJUST_PRIVILEGES|windows.TOKEN_QUERY, &token); err != nil {
		return fmt.Errorf("privileges: %w", err)
	}
	defer token.Close()
	p := windows.Tokenprivileges{PrivilegeCount: 1}
	p.Privileges[0].Attributes = windows.SE_PRIVILEGE_ENABLED
	name, err := windows.UTF16PtrFromString("SeLoadDriverPrivilege")
	if err == nil {
		err = windows.LookupPrivilegeValue(nil, name, &p.Privileges[0].Luid)
	}
	if err == nil {
		err = windows.AdjustTokenPrivileges(token, false, &p, 0, nil, nil)
	}
	if err != nil {
		return fmt.Errorf("privileges: %w", err)
	}
	return nil
}

func (h *windowsHost) Refuse(_ context.Context, path string, _ []int) error {
	_, err := h.take(path, false)
	return err
}

// Eject asks Windows to remove the device safely first: its file systems are written back. A
// program that holds a file keeps it from that; then it is taken all the same.
func (h *windowsHost) Eject(_ context.Context, path string, _ []int) (done string, err error) {
	return h.take(path, true)
}

// take takes a device out of the list of what is allowed and out of the system, and lets
// Windows find it again: the policy then gives it no driver.
func (h *windowsHost) take(path string, gently bool) (done string, err error) {
	h.media.Lock()
	defer h.media.Unlock()
	err = oneUSB(path, func(set windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		if d.System {
			return ErrSystemDisk
		}
		entry := allowEntry(path)
		if err := (registryStore{}).clear(entry.key, entry.name); err != nil {
			return err // Windows would install it again at once
		}
		done = "removed" // also while Windows is at it still
		if gently {
			done = removeSafely(info.DevInst)
		}
		var hub windows.DEVINST
		code, _, _ := cfgmgr("CM_Get_Parent").Call(uintptr(unsafe.Pointer(&hub)), uintptr(info.DevInst), 0)
		if err := uninstall(set, info, path); err != nil || code != 0 {
			return err // without its hub it is found again when it is plugged in again
		}
		return findAgain(hub)
	})
	return done, err
}

func removeSafely(node windows.DEVINST) string {
	const quietly = 1 // CM_REMOVE_UI_NOT_OK
	var veto uint32
	var name [260]uint16
	code, _, _ := cfgmgr("CM_Query_And_Remove_SubTreeW").Call(uintptr(node),
		uintptr(unsafe.Pointer(&veto)), uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), quietly)
	if code != 0 {
		return fmt.Sprintf("in use (CONFIGRET %#x, veto %d by %s)", code, veto, windows.UTF16ToString(name[:]))
	}
	return "removed"
}

// Offer does nothing: people can reach a medium since it was admitted. It cannot be made
// read-only by the interfaces that are used here.
func (h *windowsHost) Offer(_ context.Context, _ Disk, readOnly bool) error {
	if readOnly {
		return errors.New("a medium is not lent for reading only on Windows: it could be written to")
	}
	return nil
}

func (h *windowsHost) Written(context.Context, Disk, func(string, int64)) error {
	return ErrUnsupported
}

// Tell shows a message in every session.
func (h *windowsHost) Tell(_ context.Context, text string) error {
	var sessions *windows.WTS_SESSION_INFO
	var n uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &sessions, &n); err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(sessions)))
	title, err := windows.UTF16FromString("Sekimori")
	if err != nil {
		return err
	}
	body, err := windows.UTF16FromString(text)
	if err != nil {
		return err
	}
	send := windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSSendMessageW")
	var errs []error
	for _, s := range unsafe.Slice(sessions, n) {
		if s.State != windows.WTSActive {
			continue
		}
		const warning = 0x30 // MB_ICONWARNING, with one button
		var answer uint32
		ok, _, err := send.Call(0, uintptr(s.SessionID), uintptr(unsafe.Pointer(&title[0])), uintptr(2*(len(title)-1)),
			uintptr(unsafe.Pointer(&body[0])), uintptr(2*(len(body)-1)), warning, 0, uintptr(unsafe.Pointer(&answer)), 0)
		if ok == 0 {
			errs = append(errs, fmt.Errorf("tell session %d: %w", s.SessionID, err))
		}
	}
	return errors.Join(errs...)
}

// Recover has nothing to do: no program is ever stopped here.
func (h *windowsHost) Recover(context.Context) error { return nil }

func (h *windowsHost) SignedIn(context.Context) string { return "" }
