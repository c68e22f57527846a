package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A card in a reader that is built in is a device of its own on the bus "mmc". While that
// bus does not look for drivers by itself (drivers_autoprobe) a card waits, and is given to
// its driver, or taken from it, by name (drivers/base/bus.c: bind, unbind).

const (
	mmcDevices = "bus/mmc/devices"
	mmcDriver  = "bus/mmc/drivers/mmcblk"
	mmcProbe   = "bus/mmc/drivers_autoprobe"
)

// card reads an SD card. Memory that is soldered in (type MMC) is none, and radios (SDIO)
// are on another bus.
func (h *linux) card(path string) (d USBDevice, ok bool) {
	dir := h.sys(mmcDevices, path)
	if !cardPath(path) || attribute(dir, "type") != "SD" {
		return d, false
	}
	var at unix.Stat_t
	if err := unix.Stat(dir, &at); err != nil {
		return d, false // it is going
	}
	cid := attribute(dir, "cid")
	// The folder is another one when the same card comes again.
	d = USBDevice{Path: path, Plug: fmt.Sprintf("%s %d", cid, at.Ino), Card: true, Model: label([]byte(attribute(dir, "name")))}
	// Without a CID that makes sense it is no card that anybody could have registered.
	d.Vendor, d.Product, d.Serial, _ = parseCID(cid)
	_, err := os.Lstat(filepath.Join(dir, "driver"))
	d.Authorized = err == nil
	return d, true
}

// bindCard gives a card to its driver, or takes it away: then it has no block device.
func (h *linux) bindCard(path string, on bool) error {
	at := h.sys(mmcDevices, path)
	_, err := os.Lstat(filepath.Join(at, "driver"))
	if on == (err == nil) {
		return nil
	}
	way := "unbind"
	if on {
		way = "bind"
	}
	err = setAttribute(path, h.sys(mmcDriver, way))
	if err == nil {
		return nil
	}
	if _, gone := os.Lstat(at); errors.Is(gone, fs.ErrNotExist) {
		return fmt.Errorf("%s card %s: %w", way, path, fs.ErrNotExist)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("the kernel's driver for cards (mmc_block) is not there") // the card is
	}
	return fmt.Errorf("%s card %s: %w", way, path, err)
}
