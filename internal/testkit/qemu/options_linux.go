package qemu

import (
	"io/fs"

	"sekimori/internal/testkit/netns"
)

// Packages are what every machine has beside debian.Base: the kernel that Debian makes
// for machines without hardware of their own, and what finds devices.
func Packages() []string {
	return []string{"linux-image-cloud-amd64", "tiny-initramfs", "kmod", "udev"}
}

// Options choose the machine. Its one network card is always there.
type Options struct {
	// Space and Tap are where the network card's cable ends: a link that Space.Tap has
	// made.
	Space *netns.Space
	Tap   string
	// Files are put onto the disk before the machine starts for the first time.
	Files []File
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
