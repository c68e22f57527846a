package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const cardCID = "aa585951454d552101deadbeef006219"

// card puts a card into the made-up reader, without a driver.
func (x *tree) card() (path string) {
	x.t.Helper()
	at := "sys/devices/pci/mmc_host/mmc0/mmc0:4567"
	x.set(at+"/type", "SD")
	x.set(at+"/cid", cardCID)
	x.set(at+"/name", "QEMU!")
	x.link(at, "sys/bus/mmc/devices/mmc0:4567")
	x.set("sys/bus/mmc/drivers/mmcblk/bind", "")
	x.set("sys/bus/mmc/drivers/mmcblk/unbind", "")
	return "mmc0:4567"
}

func TestACardIsKnownByItsCID(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	x.card()
	first := x.usb()[0]
	if first.Vendor != 0xaa || first.Product != 0x5859 || first.Serial != cardCID[:30] || first.Model != "QEMU!" || !first.Card || first.Authorized {
		t.Errorf("%+v", first)
	}
	if again := x.usb()[0]; again.Plug != first.Plug {
		t.Errorf("%q is plugged in as %q", first.Plug, again.Plug)
	}
	// Out and in again between two looks.
	at := filepath.Join(x.dir, "sys/devices/pci/mmc_host/mmc0/mmc0:4567")
	must(t, os.Rename(at, at+" that was"))
	must(t, os.Remove(filepath.Join(x.dir, "sys/bus/mmc/devices/mmc0:4567")))
	x.card()
	if again := x.usb()[0]; again.Plug == first.Plug {
		t.Error("a card that was out is the same plug")
	}
	x.set("sys/devices/pci/mmc_host/mmc0/mmc0:4567/cid", "nonsense")
	if d := x.usb()[0]; d.Serial != "" || d.Vendor != 0 || !d.Card {
		t.Errorf("without a CID: %+v", d)
	}
}

func TestACardIsGivenToItsDriverAndTaken(t *testing.T) {
	t.Parallel()
	x, ctx := newTree(t), t.Context()
	path := x.card()
	must(t, x.h.Admit(ctx, path, nil))
	if got := x.get("sys/bus/mmc/drivers/mmcblk/bind"); got != path {
		t.Errorf("given to its driver: %q", got)
	}
	must(t, x.h.Refuse(ctx, path, nil)) // nothing has it
	if got := x.get("sys/bus/mmc/drivers/mmcblk/unbind"); got != "" {
		t.Errorf("taken: %q", got)
	}
	x.link("sys/bus/mmc/drivers/mmcblk", "sys/devices/pci/mmc_host/mmc0/mmc0:4567/driver")
	if d := x.usb()[0]; !d.Authorized {
		t.Errorf("%+v", d)
	}
	x.set("sys/devices/pci/mmc_host/mmc0/mmc0:4567/block/mmcblk0/size", "2048")
	x.link("sys/devices/pci/mmc_host/mmc0/mmc0:4567/block/mmcblk0", "sys/block/mmcblk0")
	if disks, err := x.h.Disks(ctx, path); err != nil || len(disks) != 1 || disks[0].Name != "mmcblk0" || disks[0].Size != 1<<20 {
		t.Errorf("%+v, %v", disks, err)
	}
	must(t, x.h.Refuse(ctx, path, nil))
	if got := x.get("sys/bus/mmc/drivers/mmcblk/unbind"); got != path {
		t.Errorf("taken: %q", got)
	}
}

// TestACardWithoutADriver is no card that is gone.
func TestACardWithoutADriver(t *testing.T) {
	t.Parallel()
	x, ctx := newTree(t), t.Context()
	path := x.card()
	must(t, os.RemoveAll(filepath.Join(x.dir, "sys/bus/mmc/drivers/mmcblk")))
	if err := x.h.Admit(ctx, path, nil); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no driver: %v", err)
	}
	if err := x.h.Admit(ctx, "mmc1:0001", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no card: %v", err)
	}
	if _, err := x.h.Disks(ctx, "mmc1:0001"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("disks of no card: %v", err)
	}
}
