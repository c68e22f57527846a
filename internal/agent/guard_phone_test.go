package agent

import (
	"testing"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// TestPhones is what phones, players and cameras are known by, and what looks like them.
func TestPhones(t *testing.T) {
	t.Parallel()
	i := func(class, sub, protocol uint8, name string) host.USBInterface {
		return host.USBInterface{Class: class, Sub: sub, Protocol: protocol, Name: name, Authorized: true}
	}
	for what, c := range map[string]struct {
		vendor, product uint16
		interfaces      []host.USBInterface
		phone           bool
	}{
		"Android, MTP of the kernel's own":         {0x04e8, 0x6860, []host.USBInterface{i(0xff, 0xff, 0, "MTP")}, true},
		"Android, MTP of a newer one":              {0x18d1, 0x4ee1, []host.USBInterface{i(6, 1, 1, "MTP")}, true},
		"Android that only charges, which is MTP":  {0x12d1, 0x107e, []host.USBInterface{i(0xff, 0xff, 0, "MTP")}, true},
		"Android, pictures only":                   {0x18d1, 0x4ee5, []host.USBInterface{i(6, 1, 1, "")}, true},
		"Android, debugging":                       {0x18d1, 0x4ee7, []host.USBInterface{i(0xff, 0x42, 1, "ADB Interface")}, true},
		"Android, tethering with debugging":        {0x18d1, 0x4ee4, []host.USBInterface{i(0xe0, 1, 3, ""), i(0x0a, 0, 0, ""), i(0xff, 0x42, 1, "")}, true},
		"Android, boot loader":                     {0x18d1, 0x4ee0, []host.USBInterface{i(0xff, 0x42, 3, "fastboot")}, true},
		"Android, an app of its own":               {0x18d1, 0x2d00, []host.USBInterface{i(0xff, 0xff, 0, "Android Accessory Interface")}, true},
		"Android as a camera for calls, debugging": {0x18d1, 0x4eec, []host.USBInterface{i(0x0e, 1, 0, ""), i(0xff, 0x42, 1, "")}, true},
		"a phone with a modem beside MTP":          {0x04e8, 0x6860, []host.USBInterface{i(6, 1, 1, "MTP"), i(2, 2, 1, ""), i(0x0a, 0, 0, "")}, true},
		"iPhone":                                   {0x05ac, 0x12a8, []host.USBInterface{i(6, 1, 1, "PTP"), i(0xff, 0xfe, 2, "Apple USB Multiplexor"), i(0xff, 0xfd, 1, "Apple USB Ethernet")}, true},
		"iPhone, synchronising alone":              {0x05ac, 0x12a8, []host.USBInterface{i(0xff, 0xfe, 2, "")}, true},
		"music player":                             {0x041e, 0x4150, []host.USBInterface{i(0xff, 0, 0, "MTP Device")}, true},
		"another responder":                        {0x1d6b, 0x0100, []host.USBInterface{i(0xff, 0xff, 0, "Test-mtp")}, true},
		"camera":                                   {0x04a9, 0x32d2, []host.USBInterface{i(6, 1, 1, "")}, true},
		"old camera with a class of its own":       {0x04a9, 0x3041, []host.USBInterface{i(0xff, 0, 0, "PTP")}, true},

		"Android, tethering alone":           {0x18d1, 0x4ee3, []host.USBInterface{i(0xe0, 1, 3, ""), i(0x0a, 0, 0, "")}, false},
		"iPhone in its recovery mode":        {0x05ac, 0x1281, []host.USBInterface{i(0xfe, 1, 0, ""), i(0xff, 0xff, 0x51, "")}, false},
		"keyboard of Apple's":                {0x05ac, 0x024f, []host.USBInterface{i(3, 1, 1, ""), i(3, 0, 0, "")}, false},
		"another maker's ff/fe/02":           {0x1234, 1, []host.USBInterface{i(0xff, 0xfe, 2, "Telemetry")}, false},
		"another maker's accessory number":   {0x1234, 0x2d00, []host.USBInterface{i(0xff, 0xff, 0, "Probe")}, false},
		"network adapter, MTP's own classes": {0x0b95, 0x1790, []host.USBInterface{i(0xff, 0xff, 0, "Network_Interface")}, false},
		"serial adapter":                     {0x0403, 0x6001, []host.USBInterface{i(0xff, 0xff, 0xff, "USB UART")}, false},
		"serial adapter of three endpoints":  {0x067b, 0x2303, []host.USBInterface{i(0xff, 0, 0, "")}, false},
		"card reader with its own driver":    {0x0bda, 0x0129, []host.USBInterface{i(0xff, 6, 0x50, "Bulk-In, Bulk-Out, Interface")}, false},
		"Bluetooth":                          {0x8087, 0x0026, []host.USBInterface{i(0xe0, 1, 1, "")}, false},
		"fingerprint reader":                 {0x06cb, 0x00bd, []host.USBInterface{i(0xff, 0, 0, "Fingerprint SMTPAD")}, false},
		"graphics adapter":                   {0x17e9, 0x6000, []host.USBInterface{i(0xff, 0, 3, "HTTP-less display")}, false},
		"security key":                       {0x1050, 0x0407, []host.USBInterface{i(3, 1, 1, ""), i(0x0b, 0, 0, "")}, false},
		"printer":                            {0x04b8, 0x08a8, []host.USBInterface{i(7, 1, 2, ""), i(0xff, 0xff, 0xff, "Scanner")}, false},
		"modem":                              {0x12d1, 0x1506, []host.USBInterface{i(0xff, 2, 0x12, "Mobile Modem"), i(0xff, 2, 0x16, "NCM")}, false},
		"camera for calls":                   {0x046d, 0x0825, []host.USBInterface{i(0x0e, 1, 0, ""), i(1, 1, 0, "")}, false},
	} {
		d := host.USBDevice{Vendor: c.vendor, Product: c.product, Interfaces: c.interfaces, Authorized: true}
		for n := range d.Interfaces {
			d.Interfaces[n].Number = n
		}
		v := judge(d, wire.Media{Mode: wire.GuardBlock}, 1)
		if phone := v.class == classPhone; phone != c.phone || !c.phone && v.class != "" {
			t.Errorf("%s: %+v", what, v)
		}
	}
}
