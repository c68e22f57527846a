package host

import (
	"context"
	"errors"
)

// MediaGuard is a Host that can keep what is plugged in from being read. All methods may
// be called again and again, at the same time for different devices, and say what they
// cannot do.
//
// A device is named by its Path. What is done to a device that is gone is an
// os.ErrNotExist.
type MediaGuard interface {
	// Recover ends what an earlier process began and did not live to end: programs that
	// Eject has stopped go on. It is called before everything else, and not beside an Eject.
	Recover(ctx context.Context) error
	// HoldUSB makes every device that is plugged in from now on wait for Admit: its
	// interfaces get no driver, so there is nothing that could be mounted. What is
	// plugged in already stays as it is. It lasts until the system stops, also when this
	// process ends. Off puts back what was so before; devices that wait go on waiting. On
	// macOS it is the mount that waits, for Offer, and only as long as WatchUSB runs.
	HoldUSB(ctx context.Context, on bool) error
	// WatchUSB calls changed after devices or media have come or gone, until ctx ends.
	WatchUSB(ctx context.Context, changed func()) error
	// USB lists what is plugged in, hubs built into the machine left out.
	USB(ctx context.Context) ([]USBDevice, error)
	// Admit lets the system use a device: all interfaces for nil, else those with the
	// given numbers, for an empty list none. With none, the names of interfaces can be read.
	Admit(ctx context.Context, path string, interfaces []int) error
	// Refuse takes a device away from the system: the whole of it for nil, else
	// interfaces. What was being written is lost; Eject is the gentle way.
	Refuse(ctx context.Context, path string, interfaces []int) error

	// Disks gives the block devices of an admitted device. When there are none yet it
	// waits some seconds for them; a reader without a card has a Disk of size 0.
	Disks(ctx context.Context, path string) ([]Disk, error)
	// ReadToken reads the file wire.TokenFile in the root of a disk or of its first
	// partition, on a mount that nobody else sees; on Windows, which has none, people can
	// reach the disk from Admit on. volume names the file system as it
	// names itself. It gives ErrNoToken when there is no such file.
	ReadToken(ctx context.Context, d Disk) (text []byte, volume string, err error)
	// WriteToken writes that file.
	WriteToken(ctx context.Context, d Disk, text []byte) error
	// Offer lets people mount a disk, which was hidden from them; the mount cannot be
	// written to when readOnly is set.
	Offer(ctx context.Context, d Disk, readOnly bool) error
	// Eject ends the use of a device or of some interfaces, as Refuse does, but first
	// writes everything back and unmounts. When a program is in the way, it is stopped
	// for the moment. done says in English how it went.
	Eject(ctx context.Context, path string, interfaces []int) (done string, err error)
	// Written calls each for every file that was written and closed on a disk, until ctx
	// ends, also over several mounts. name is relative to the root of the file system, and
	// "" for files that there were too many of to see.
	Written(ctx context.Context, d Disk, each func(name string, size int64)) error

	// Tell shows a text to everyone who is signed in.
	Tell(ctx context.Context, text string) error
	// SignedIn names who sits at the PC: accounts, "" when nobody does.
	SignedIn(ctx context.Context) string
}

// ErrNoToken says that a medium holds no token.
var ErrNoToken = errors.New("host: there is no token on this medium")

// ErrSystemDisk says that the system itself uses a device: it is left alone.
var ErrSystemDisk = errors.New("host: the system itself uses this device")

// USBDevice is one device, or a card in a reader that is built in: of such a card, Vendor and
// Product are its maker and OEM, and Serial is its CID without the checksum, in hex.
type USBDevice struct {
	Path   string // Linux: "3-1.2", of a card "mmc0:aaaa"
	Plug   string // names this plugging-in: another one when it was out in between
	Vendor uint16
	// Serial, Maker and Model are the device's own words.
	Product              uint16
	Serial, Maker, Model string
	Class                uint8
	// Interfaces are those of every configuration and alternate setting, so that a number
	// may come more than once.
	Interfaces []USBInterface
	Authorized bool
	Hub        bool
	Card       bool   // a card in a reader that is built in
	System     bool   // the system itself runs from it, or keeps what is its own there
	Malformed  string // what makes no sense in its descriptors; Interfaces are those that do
}

// USBInterface is one function of a device.
type USBInterface struct {
	Number               int
	Class, Sub, Protocol uint8
	Name                 string // readable once the device is authorised
	Authorized           bool
	Driver               string
	Disk                 bool // it has a block device, also where its class speaks of none
}

// Disk is one block device of a device.
type Disk struct {
	Name     string // "sda"
	Size     int64  // in bytes, as the device claims: some lie
	ReadOnly bool
	Mounts   []string // where it, or a part of it, is mounted
	Volume   string   // how its file systems name themselves; "" when nothing is recognised
}
