package agent

import (
	"slices"
	"strings"
	"unicode"

	"sekimori/internal/agent/host"
)

// Makers by which what their devices say of themselves means something of their own.
const (
	usbApple  = 0x05ac
	usbGoogle = 0x18d1
)

// isPhone reports whether an interface is one that phones, players and cameras hand their
// files over by. What a phone does besides, such as being a modem, is no medium; and what
// names its file transfer in Microsoft's own descriptors only (Windows Phone, some music
// players) is not seen here, as those are read by asking the device.
func isPhone(d host.USBDevice, i host.USBInterface) bool {
	switch {
	case i.Class == usbImage: // PTP, and MTP of newer Androids
		return true
	case i.Class != usbVendor:
		return false
	case i.Sub == 0x42 && (i.Protocol == 1 || i.Protocol == 3): // Android: debugging and fastboot
		return true
	case d.Vendor == usbApple && i.Sub == 0xfe && i.Protocol == 2: // synchronising (usbmux)
		return true
	case d.Vendor == usbGoogle && 0x2d00 <= d.Product && d.Product <= 0x2d05: // an app of the phone's, Android Open Accessory
		return true
	}
	return namesTransfer(i.Name)
}

// namesTransfer reports whether MTP or PTP is a word of an interface's name, or begins one.
func namesTransfer(name string) bool {
	words := strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "MTP") || strings.HasPrefix(w, "PTP") })
}
