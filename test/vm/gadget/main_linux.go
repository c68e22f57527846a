// Command gadget is a USB device of any kind, plugged into the machine that it runs on
// until it is told to end: for those that no emulator has. It needs the kernel's dummy_hcd
// and the gadget file system (Documentation/usb/gadget_configfs.rst of the kernel).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const config = "/sys/kernel/config"

// reportDescriptor says: eight keys that are up or down, which are the modifiers of a
// keyboard.
const reportDescriptor = "\x05\x01\x09\x06\xa1\x01\x05\x07\x19\xe0\x29\xe7\x15\x00\x25\x01\x75\x01\x95\x08\x81\x02\xc0"

// gadget is what the command line says.
type gadget struct {
	name, vendor, product, serial string
	storage                       string // file that holds what is on it
	keyboard, phone               bool
}

func main() {
	var g gadget
	flag.StringVar(&g.name, "name", "", "of this device among the others")
	flag.StringVar(&g.vendor, "vendor", "0525", "4 hex digits")
	flag.StringVar(&g.product, "product", "a4a5", "4 hex digits")
	flag.StringVar(&g.serial, "serial", "", "none: it has no serial number")
	flag.StringVar(&g.storage, "storage", "", "the file behind its disk")
	flag.BoolVar(&g.keyboard, "keyboard", false, "it has keys")
	flag.BoolVar(&g.phone, "phone", false, "it offers files as an Android phone does")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	if err := g.be(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gadget:", err)
		os.Exit(1)
	}
}

// be is the device until ctx ends.
func (g gadget) be(ctx context.Context) error {
	if err := prepare(); err != nil {
		return err
	}
	dir := filepath.Join(config, "usb_gadget", g.name)
	if err := errors.Join(os.Mkdir(dir, 0o755), g.describe(dir)); err != nil {
		return err
	}
	if g.phone {
		ep0, err := offer(g.name)
		if err != nil {
			return fmt.Errorf("phone: %w", err)
		}
		defer ep0.Close()
	}
	if err := plugIn(dir); err != nil {
		return err
	}
	<-ctx.Done()
	return os.WriteFile(filepath.Join(dir, "UDC"), []byte("\n"), 0)
}

func prepare() error {
	for _, module := range [][]string{{"dummy_hcd", "num=4"}, {"libcomposite"}, {"usb_f_mass_storage"}, {"usb_f_hid"}, {"usb_f_fs"}} {
		if out, err := exec.Command("modprobe", module...).CombinedOutput(); err != nil {
			return fmt.Errorf("modprobe %s: %w: %s", module[0], err, out)
		}
	}
	if err := unix.Mount("none", config, "configfs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mount configfs: %w", err)
	}
	return nil
}

// describe writes what the device says of itself, and what it can do.
func (g gadget) describe(dir string) error {
	write := func(name, value string) error {
		return errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(value), 0))
	}
	const strings, one = "strings/0x409/", "configs/c.1"
	err := errors.Join(write("idVendor", "0x"+g.vendor), write("idProduct", "0x"+g.product),
		write(strings+"manufacturer", "Maker"), write(strings+"product", "Device "+g.name), os.MkdirAll(filepath.Join(dir, one), 0o755))
	if g.serial != "" {
		err = errors.Join(err, write(strings+"serialnumber", g.serial))
	}
	use := func(function string) error {
		return errors.Join(os.MkdirAll(filepath.Join(dir, "functions", function), 0o755),
			os.Symlink(filepath.Join(dir, "functions", function), filepath.Join(dir, one, function)))
	}
	if g.storage != "" {
		const disk = "mass_storage.disk"
		err = errors.Join(err, use(disk), write("functions/"+disk+"/lun.0/removable", "1"), write("functions/"+disk+"/lun.0/file", g.storage))
	}
	if g.keyboard {
		const keys = "functions/hid.keys/"
		err = errors.Join(err, write(keys+"protocol", "1"), write(keys+"subclass", "1"), write(keys+"report_length", "1"),
			write(keys+"report_desc", reportDescriptor), use("hid.keys"))
	}
	if g.phone {
		err = errors.Join(err, use("ffs."+g.name))
	}
	return err
}

// plugIn puts the device into the first socket that is free.
func plugIn(dir string) error {
	sockets, err := os.ReadDir("/sys/class/udc")
	for _, s := range sockets {
		err = os.WriteFile(filepath.Join(dir, "UDC"), []byte(s.Name()), 0)
		if err == nil {
			return nil
		}
	}
	if err == nil {
		err = fs.ErrNotExist
	}
	return fmt.Errorf("find a free socket: %w", err)
}
