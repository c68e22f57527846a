package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// wlan is a session with the native Wi-Fi interface (wlanapi.h).
type wlan struct {
	dll    *windows.LazyDLL
	handle uintptr
}

// wlanInterface is WLAN_INTERFACE_INFO.
type wlanInterface struct {
	guid        windows.GUID
	description [256]uint16
	state       uint32
}

func openWlan() (*wlan, error) {
	dll := windows.NewLazySystemDLL("wlanapi.dll")
	open := dll.NewProc("WlanOpenHandle")
	if err := open.Find(); err != nil {
		return nil, fmt.Errorf("%w: Wi-Fi: %w", ErrUnsupported, err)
	}
	w := &wlan{dll: dll}
	var version uint32
	if r, _, _ := open.Call(2, 0, uintptr(unsafe.Pointer(&version)), uintptr(unsafe.Pointer(&w.handle))); r != 0 {
		return nil, fmt.Errorf("Wi-Fi: WlanOpenHandle: %w", syscall.Errno(r))
	}
	return w, nil
}

func (w *wlan) call(name string, args ...uintptr) error {
	proc := w.dll.NewProc(name)
	if err := proc.Find(); err != nil {
		return fmt.Errorf("Wi-Fi: %w", err)
	}
	if r, _, _ := proc.Call(append([]uintptr{w.handle}, args...)...); r != 0 {
		return fmt.Errorf("Wi-Fi: %s: %w", name, syscall.Errno(r))
	}
	return nil
}

func (w *wlan) close() error { return w.call("WlanCloseHandle", 0) }

func (w *wlan) free(p unsafe.Pointer) {
	_, _, _ = w.dll.NewProc("WlanFreeMemory").Call(uintptr(p)) // gives nothing back
}

func (w *wlan) interfaces() ([]wlanInterface, error) {
	var list *struct {
		count, index uint32
		first        wlanInterface
	}
	if err := w.call("WlanEnumInterfaces", 0, uintptr(unsafe.Pointer(&list))); err != nil {
		return nil, err
	}
	defer w.free(unsafe.Pointer(list))
	return append([]wlanInterface(nil), unsafe.Slice(&list.first, list.count)...), nil
}

// radio sets the software switch of each radio of an interface: WLAN_RADIO_STATE holds
// their number and for each its index, software and hardware state, 12 bytes.
func (w *wlan) radio(i *wlanInterface, on bool) error {
	const opcode = 4 // wlan_intf_opcode_radio_state
	var size uint32
	var state *[4 + 64*12]byte
	if err := w.call("WlanQueryInterface", uintptr(unsafe.Pointer(&i.guid)), opcode, 0, uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&state)), 0); err != nil {
		return err
	}
	defer w.free(unsafe.Pointer(state))
	if size < 4 {
		return fmt.Errorf("Wi-Fi: a radio state of %d bytes", size)
	}
	known := state[:min(int(size), len(state))]
	want := uint32(2) // dot11_radio_state_off
	if on {
		want = 1
	}
	for n := range min(binary.LittleEndian.Uint32(known), uint32(len(known)-4)/12) {
		phy := [3]uint32{binary.LittleEndian.Uint32(known[4+12*n:]), want, 0} // WLAN_PHY_RADIO_STATE
		if err := w.call("WlanSetInterface", uintptr(unsafe.Pointer(&i.guid)), opcode, unsafe.Sizeof(phy), uintptr(unsafe.Pointer(&phy)), 0); err != nil {
			return err
		}
	}
	return nil
}

// SwitchWifi uses the same software switch as the taskbar's button.
func (h *windowsHost) SwitchWifi(_ context.Context, on bool, keep []Endpoint, force bool) (done string, err error) {
	w, err := openWlan()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	list, err := w.interfaces()
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "this PC has no Wi-Fi", nil
	}
	ways := map[uint32]bool{}
	if !on && !force {
		ways = waysTo(keep)
	}
	var said []string
	for n := range list {
		i := &list[n]
		name := windows.UTF16ToString(i.description[:])
		index, err := interfaceIndex(&i.guid)
		if err != nil {
			return strings.Join(said, "; "), err
		}
		if ways[index] {
			said = append(said, name+" stays on: the way to the management server leads over it")
			continue
		}
		if err := w.radio(i, on); err != nil {
			return strings.Join(said, "; "), err
		}
		said = append(said, name+map[bool]string{true: " is on", false: " is off"}[on])
	}
	return strings.Join(said, "; "), nil
}

// waysTo are the interfaces that packets to any of keep would leave by.
func waysTo(keep []Endpoint) map[uint32]bool {
	ways := map[uint32]bool{}
	for _, s := range keep {
		var to windows.Sockaddr
		if addr := s.Addr().Unmap(); addr.Is4() {
			to = &windows.SockaddrInet4{Addr: addr.As4()}
		} else {
			to = &windows.SockaddrInet6{Addr: addr.As16()}
		}
		var index uint32
		if windows.GetBestInterfaceEx(to, &index) == nil { // else there is no way to it at all
			ways[index] = true
		}
	}
	return ways
}

// interfaceIndex turns an interface's GUID into the number that routes use.
func interfaceIndex(guid *windows.GUID) (uint32, error) {
	dll := windows.NewLazySystemDLL("iphlpapi.dll")
	toLUID, toIndex := dll.NewProc("ConvertInterfaceGuidToLuid"), dll.NewProc("ConvertInterfaceLuidToIndex")
	if err := errors.Join(toLUID.Find(), toIndex.Find()); err != nil {
		return 0, fmt.Errorf("interface: %w", err)
	}
	var luid uint64
	var index uint32
	if r, _, _ := toLUID.Call(uintptr(unsafe.Pointer(guid)), uintptr(unsafe.Pointer(&luid))); r != 0 {
		return 0, fmt.Errorf("interface: %w", syscall.Errno(r))
	}
	if r, _, _ := toIndex.Call(uintptr(unsafe.Pointer(&luid)), uintptr(unsafe.Pointer(&index))); r != 0 {
		return 0, fmt.Errorf("interface: %w", syscall.Errno(r))
	}
	return index, nil
}
