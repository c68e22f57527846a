package host

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Wi-Fi is switched off where a person would do it: in NetworkManager, so that its
// menu shows it; where there is none, in the kernel's rfkill.

// wifiOff is what was switched off here, and so is switched on again. It is kept on
// disk: the Wi-Fi of a PC that was isolated for a weekend must come back too.
type wifiOff struct {
	NetworkManager bool     `json:"network_manager,omitempty"`
	Radios         []string `json:"radios,omitempty"` // their names, such as phy0
}

const (
	nmName = "org.freedesktop.NetworkManager"
	nmPath = "/org/freedesktop/NetworkManager"
	nmWifi = "WirelessEnabled"
)

func (h *linux) SwitchWifi(ctx context.Context, on bool, keep []Endpoint, force bool) (done string, err error) {
	h.wifi.Lock()
	defer h.wifi.Unlock()
	if err := h.recallWifi(); err != nil {
		return "", err
	}
	if on {
		return h.wifiOn(ctx)
	}
	cards, err := h.wirelessCards()
	switch {
	case err != nil:
		return "", err
	case len(cards) == 0:
		return "there is no Wi-Fi in this PC", nil
	}
	if !force {
		if why := h.wifiIsTheWay(cards, keep); why != "" {
			return "Wi-Fi was left on: " + why, nil
		}
	}
	return h.wifiOffNow(ctx)
}

func (h *linux) wifiOffNow(ctx context.Context) (string, error) {
	enabled, err := h.networkManager(ctx)
	switch {
	case err == nil && !enabled:
		return "Wi-Fi was off already", nil
	case err == nil:
		h.off.NetworkManager = true
		if err := h.keepWifi(); err != nil { // first, so that a crash does not leave it off for good
			return "", err
		}
		return "NetworkManager has switched Wi-Fi off", h.setNetworkManager(ctx, false)
	}
	radios, listErr := h.radios()
	if listErr != nil {
		return "", errors.Join(err, listErr)
	}
	if len(radios) == 0 {
		return "", fmt.Errorf("there is a Wi-Fi card, but no switch for it: %w", err)
	}
	radios = slices.DeleteFunc(radios, func(r radio) bool { return r.blocked })
	if len(radios) == 0 {
		return "Wi-Fi was off already", nil
	}
	var names []string
	for _, r := range radios {
		names = append(names, r.name)
	}
	h.off.Radios = append(h.off.Radios, names...)
	if err := h.keepWifi(); err != nil {
		return "", err
	}
	for _, r := range radios {
		if err := h.rfkill(r.index, true); err != nil {
			return "", err
		}
	}
	return "switched off: " + strings.Join(names, ", "), nil
}

func (h *linux) wifiOn(ctx context.Context) (string, error) {
	var done []string
	if h.off.NetworkManager {
		if err := h.setNetworkManager(ctx, true); err != nil {
			return "", err
		}
		h.off.NetworkManager = false
		done = append(done, "NetworkManager has switched Wi-Fi on again")
	}
	if len(h.off.Radios) > 0 {
		radios, err := h.radios()
		if err != nil {
			return "", err
		}
		for _, r := range radios {
			if slices.Contains(h.off.Radios, r.name) && r.blocked {
				if err := h.rfkill(r.index, false); err != nil {
					return "", err
				}
				done = append(done, r.name+" was switched on again")
			}
		}
		h.off.Radios = nil
	}
	if len(done) == 0 {
		return "Wi-Fi was left as it is: it was not switched off from here", h.keepWifi()
	}
	return strings.Join(done, ", "), h.keepWifi()
}

// wifiIsTheWay says which of keep is reached by Wi-Fi; "" when none is. A way that
// cannot be found out counts as one: the PC must stay in reach of its server.
func (h *linux) wifiIsTheWay(cards []string, keep []Endpoint) string {
	for _, e := range servers(Allow{keep}) {
		card, err := h.wayTo(e)
		switch {
		case errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH):
		case err != nil:
			return fmt.Sprintf("the way to %v could not be found out: %v", e.Addr(), err)
		case h.leadsOver(card, cards, 0):
			return fmt.Sprintf("the way to %v leads over %s", e.Addr(), card)
		}
	}
	return ""
}

// wayTo names the network interface that packets to e leave by.
func (h *linux) wayTo(e Endpoint) (string, error) {
	ns, done, err := h.netns()
	if err != nil {
		return "", err
	}
	defer done()
	handle, err := routeHandle(ns)
	if err != nil {
		return "", err
	}
	defer handle.Close()
	routes, err := handle.RouteGet(net.IP(e.Addr().AsSlice()))
	if err != nil {
		return "", err
	}
	if len(routes) == 0 {
		return "", unix.ENETUNREACH
	}
	link, err := handle.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", err
	}
	return link.Attrs().Name, nil
}

// leadsOver reports whether a network interface is one of cards or stands on one, as a
// bridge or a bond does.
func (h *linux) leadsOver(name string, cards []string, depth int) bool {
	if slices.Contains(cards, name) {
		return true
	}
	lower, err := filepath.Glob(filepath.Join(h.o.Sysfs, "class/net", name, "lower_*"))
	if err != nil || depth == 8 {
		return true // nothing known that stands higher
	}
	return slices.ContainsFunc(lower, func(l string) bool {
		return h.leadsOver(strings.TrimPrefix(filepath.Base(l), "lower_"), cards, depth+1)
	})
}

// wirelessCards names the network interfaces that are radios.
func (h *linux) wirelessCards() ([]string, error) {
	all, err := os.ReadDir(filepath.Join(h.o.Sysfs, "class/net"))
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	var cards []string
	for _, e := range all {
		for _, mark := range []string{"phy80211", "wireless"} {
			if _, err := os.Stat(filepath.Join(h.o.Sysfs, "class/net", e.Name(), mark)); err == nil {
				cards = append(cards, e.Name())
				break
			}
		}
	}
	return cards, nil
}

// networkManager reports whether it has Wi-Fi switched on.
func (h *linux) networkManager(ctx context.Context) (on bool, err error) {
	err = h.onBus(ctx, func(c *dbus.Conn) error {
		var v dbus.Variant
		err := c.Object(nmName, nmPath).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart,
			nmName, nmWifi).Store(&v)
		if err != nil {
			return fmt.Errorf("ask NetworkManager: %w", err)
		}
		return v.Store(&on)
	})
	return on, err
}

func (h *linux) setNetworkManager(ctx context.Context, on bool) error {
	return h.onBus(ctx, func(c *dbus.Conn) error {
		err := c.Object(nmName, nmPath).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Set", dbus.FlagNoAutoStart,
			nmName, nmWifi, dbus.MakeVariant(on)).Err
		if err != nil {
			return fmt.Errorf("switch Wi-Fi by NetworkManager: %w", err)
		}
		return nil
	})
}

// radio is one Wi-Fi transmitter as rfkill sees it.
type radio struct {
	name    string
	index   uint32
	blocked bool // by software
}

func (h *linux) radios() ([]radio, error) {
	all, err := filepath.Glob(filepath.Join(h.o.Sysfs, "class/rfkill/rfkill*"))
	if err != nil {
		return nil, err
	}
	var radios []radio
	for _, dir := range all {
		var text [3]string
		for i, name := range []string{"type", "name", "soft"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // pulled out just now
				return nil, fmt.Errorf("read the radios: %w", err)
			}
			text[i] = strings.TrimSpace(string(b))
		}
		var index uint32
		if _, err := fmt.Sscanf(filepath.Base(dir), "rfkill%d", &index); err == nil && text[0] == "wlan" {
			radios = append(radios, radio{name: text[1], index: index, blocked: text[2] == "1"})
		}
	}
	return radios, nil
}

// rfkill switches one radio (struct rfkill_event of linux/rfkill.h).
func (h *linux) rfkill(index uint32, block bool) (err error) {
	const change = 2 // RFKILL_OP_CHANGE
	event := binary.NativeEndian.AppendUint32(nil, index)
	event = append(event, 0, change, 0, 0)
	if block {
		event[6] = 1
	}
	f, err := os.OpenFile(filepath.Join(h.o.Root, "/dev/rfkill"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("switch a radio: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(event); err != nil {
		return fmt.Errorf("switch a radio: %w", err)
	}
	return nil
}

func (h *linux) wifiFile() string { return filepath.Join(h.o.State, "wifi.json") }

// recallWifi reads what an earlier process switched off.
func (h *linux) recallWifi() error {
	if h.off != nil {
		return nil
	}
	off := &wifiOff{}
	if h.o.State != "" {
		b, err := os.ReadFile(h.wifiFile())
		if err == nil {
			err = json.Unmarshal(b, off)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read what was switched off: %w", err)
		}
	}
	h.off = off
	return nil
}

// keepWifi writes it for a later one.
func (h *linux) keepWifi() error {
	if h.o.State == "" {
		return nil
	}
	b, err := json.Marshal(h.off)
	if err != nil {
		return err
	}
	if err := writeWhole(h.wifiFile(), b, 0o600); err != nil {
		return fmt.Errorf("remember what was switched off: %w", err)
	}
	return nil
}

// routeHandle asks the kernel for ways in a namespace; 0 is the process's own.
func routeHandle(ns int) (*netlink.Handle, error) {
	if ns == 0 {
		return netlink.NewHandle(unix.NETLINK_ROUTE)
	}
	return netlink.NewHandleAt(netns.NsHandle(ns), unix.NETLINK_ROUTE)
}
