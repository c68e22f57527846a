package qemu

import (
	"io/fs"

	"sekimori/internal/testkit/netns"
)

// Packages are what every machine has beside debian.Base: a kernel, and what finds
// devices. The kernel that Debian makes for machines without hardware of their own is the
// smaller one, and knows no USB. With USB there is also what mounts sticks for people.
func Packages(usb bool) []string {
	all := []string{"tiny-initramfs", "kmod", "udev"}
	if usb {
		return append(all, "linux-image-amd64", "udisks2")
	}
	return append(all, "linux-image-cloud-amd64")
}

// Options choose the machine. Its one network card is always there.
type Options struct {
	// Space and Tap are where the network card's cable ends: a link that Space.Tap has
	// made.
	Space *netns.Space
	Tap   string
	// Files are put onto the disk before the machine starts for the first time.
	Files []File
	// USB gives the machine sockets to Plug devices into.
	USB bool
	// Card is a file of this machine: what is on an SD card in a reader that is built in.
	// Its size is a power of two. "" for no reader; it wants USB, for the kernel's sake.
	Card string
	// Packages are Debian's names of what is installed beside Packages.
	Packages []string
}

// MAC is the network card's address.
const MAC = "02:00:00:00:00:01"

// File is a file of this machine to be copied to an absolute path inside, owned by root.
type File struct {
	From, To string
	Mode     fs.FileMode
}
