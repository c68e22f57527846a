package app

import (
	"context"

	"sekimori/internal/agent/host"
)

// demoPlugged are the made-up things that are plugged into the made-up PC of an employee.
// None is the company's: a guard that blocked would stop each.
func demoPlugged(number string) []host.USBDevice {
	stick := host.USBDevice{Path: "1-1", Plug: "demo-stick", Vendor: 0x1234, Product: 0x0001, Serial: "PRIVATE-02", Maker: "Sample", Model: "Private Stick 64", Authorized: true,
		Interfaces: []host.USBInterface{{Class: 0x08, Sub: 0x06, Protocol: 0x50, Authorized: true, Disk: true}}} // mass storage, SCSI, bulk only
	phone := host.USBDevice{Path: "1-2", Plug: "demo-phone", Vendor: 0x1234, Product: 0x0005, Serial: "PHONE-31", Maker: "Sample", Model: "Phone 5", Authorized: true,
		Interfaces: []host.USBInterface{{Class: 0x06, Sub: 0x01, Protocol: 0x01, Authorized: true}}} // still image, as phones show their pictures
	switch number {
	case "1101":
		return []host.USBDevice{phone}
	case "1206":
		return []host.USBDevice{stick, phone}
	}
	return nil
}

// A demoPC is a host.MediaGuard of what is made up: the real agent judges it and tells of
// it as on any PC, and nothing of this computer is looked at or touched.
var _ host.MediaGuard = demoPC{}

// Recover has nothing to do.
func (demoPC) Recover(context.Context) error { return nil }

// HoldUSB has nothing to hold.
func (demoPC) HoldUSB(context.Context, bool) error { return nil }

// WatchUSB waits: nothing comes or goes.
func (demoPC) WatchUSB(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// USB lists what is made up.
func (d demoPC) USB(context.Context) ([]host.USBDevice, error) { return demoPlugged(d.number), nil }

// Admit has nothing to let in.
func (demoPC) Admit(context.Context, string, []int) error { return nil }

// Refuse has nothing to take away.
func (demoPC) Refuse(context.Context, string, []int) error { return nil }

// Disks gives none: nothing can be read.
func (demoPC) Disks(context.Context, string) ([]host.Disk, error) { return nil, nil }

// ReadToken finds none.
func (demoPC) ReadToken(context.Context, host.Disk) (text []byte, volume string, err error) {
	return nil, "", host.ErrNoToken
}

// WriteToken has nothing to write to.
func (demoPC) WriteToken(context.Context, host.Disk, []byte) error { return host.ErrUnsupported }

// Offer has nothing to mount.
func (demoPC) Offer(context.Context, host.Disk, bool) error { return nil }

// Eject has nothing to end.
func (demoPC) Eject(context.Context, string, []int) (done string, err error) { return "", nil }

// Written waits: nothing is written.
func (demoPC) Written(ctx context.Context, _ host.Disk, _ func(name string, size int64)) error {
	<-ctx.Done()
	return ctx.Err()
}

// Tell shows nothing to whoever sits at this computer.
func (demoPC) Tell(context.Context, string) error { return nil }

// SignedIn is the invented account.
func (d demoPC) SignedIn(context.Context) string { return "p" + d.number }
