package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// On Windows media are held by policy: their devices get no driver. Tokens are not read
// here yet, and without that nothing is admitted while media are held.

// errNotAdmitted says why.
var errNotAdmitted = errors.New("on Windows a medium on loan is not admitted yet: its token cannot be read before people can reach it")

// usbLook is how often devices are looked at; Windows calls only programs with a window or
// a handler of a service.
const usbLook = time.Second

var _ MediaGuard = (*windowsHost)(nil)

func (h *windowsHost) HoldUSB(_ context.Context, on bool) error {
	if on {
		for _, v := range mediaPolicy() {
			if err := setPolicy(v); err != nil {
				return fmt.Errorf("hold USB: %s: %w", v.name, err)
			}
		}
		return nil
	}
	var errs []error
	policy := mediaPolicy()
	for i := range policy { // the lists before the switches that make them count
		if v := policy[len(policy)-1-i]; !v.shared || len(valuesOf(denyIDs)) == 0 {
			errs = append(errs, clearPolicy(v))
		}
	}
	return errors.Join(errs...)
}

func setPolicy(v policyValue) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, v.key, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer k.Close()
	if v.text != "" {
		return k.SetStringValue(v.name, v.text)
	}
	return k.SetDWordValue(v.name, 1)
}

func clearPolicy(v policyValue) error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, v.key, registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("release USB: %s: %w", v.name, err)
	}
	defer k.Close()
	if err := k.DeleteValue(v.name); err != nil && !errors.Is(err, registry.ErrNotExist) {
		return fmt.Errorf("release USB: %s: %w", v.name, err)
	}
	return nil
}

func valuesOf(key string) []string {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
	if err != nil {
		return nil // there are none
	}
	defer k.Close()
	names, err := k.ReadValueNames(-1)
	if err != nil {
		return nil
	}
	return names
}

func (h *windowsHost) held() bool {
	for _, name := range valuesOf(denyIDs) {
		if strings.HasPrefix(name, "sekimori") {
			return true
		}
	}
	return false
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
	var out []USBDevice
	err := eachUSB(func(set windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		out = append(out, d)
		return ctx.Err()
	})
	return out, err
}

// eachUSB goes through the USB devices that are there.
func eachUSB(use func(windows.DevInfo, *windows.DevInfoData, USBDevice) error) error {
	set, err := windows.SetupDiGetClassDevsEx(nil, "USB", 0, windows.DIGCF_PRESENT|windows.DIGCF_ALLCLASSES, 0, "")
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
		if err := use(set, info, d); err != nil {
			return err
		}
	}
}

// Admit looks for a driver again, which the policy decides on.
func (h *windowsHost) Admit(_ context.Context, path string, interfaces []int) error {
	if interfaces != nil && len(interfaces) == 0 {
		return nil
	}
	return eachUSB(func(_ windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		if d.Path != path {
			return nil
		}
		medium := false
		for _, i := range d.Interfaces {
			medium = medium || i.Class == 8 || i.Class == 6 || i.Name == "MTP"
		}
		if medium && h.held() {
			return errNotAdmitted
		}
		if d.Authorized {
			return nil
		}
		const retryInstallation = 4 // CM_REENUMERATE_RETRY_INSTALLATION
		if code, _, _ := windows.NewLazySystemDLL("cfgmgr32.dll").NewProc("CM_Reenumerate_DevNode").Call(uintptr(info.DevInst), retryInstallation); code != 0 {
			return fmt.Errorf("admit %s: CONFIGRET %#x", path, code)
		}
		return nil
	})
}

// Refuse takes the device out of the system; when Windows finds it again, the policy decides.
func (h *windowsHost) Refuse(_ context.Context, path string, _ []int) error {
	return eachUSB(func(set windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		if d.Path != path || !d.Authorized {
			return nil
		}
		if err := set.CallClassInstaller(windows.DIF_REMOVE, info); err != nil {
			return fmt.Errorf("refuse %s: %w", path, err)
		}
		return nil
	})
}

// Eject asks Windows to remove the device safely first: its file systems are written back. A
// program that holds a file keeps it from that; then it is taken all the same.
func (h *windowsHost) Eject(ctx context.Context, path string, interfaces []int) (done string, err error) {
	done = "removed"
	err = eachUSB(func(_ windows.DevInfo, info *windows.DevInfoData, d USBDevice) error {
		if d.Path != path || !d.Authorized {
			return nil
		}
		const quietly = 1 // CM_REMOVE_UI_NOT_OK
		var veto uint32
		var name [260]uint16
		code, _, _ := windows.NewLazySystemDLL("cfgmgr32.dll").NewProc("CM_Query_And_Remove_SubTreeW").Call(uintptr(info.DevInst),
			uintptr(unsafe.Pointer(&veto)), uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), quietly)
		if code != 0 {
			done = fmt.Sprintf("in use (CONFIGRET %#x, veto %d by %s)", code, veto, windows.UTF16ToString(name[:]))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return done, h.Refuse(ctx, path, interfaces)
}

func (h *windowsHost) Disks(context.Context, string) ([]Disk, error) { return nil, errNotAdmitted }

func (h *windowsHost) ReadToken(context.Context, Disk) ([]byte, string, error) {
	return nil, "", errNotAdmitted
}

func (h *windowsHost) WriteToken(context.Context, Disk, []byte) error {
	return errors.New("media are not registered on Windows yet: use a PC with Linux")
}

func (h *windowsHost) Offer(context.Context, Disk, bool) error { return errNotAdmitted }

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

func (h *windowsHost) SignedIn(context.Context) string { return "" }
