package host

import (
	"errors"
	"slices"
	"testing"
)

func TestParseFstab(t *testing.T) {
	t.Parallel()
	got := parseFstab("# what is mounted\n" +
		"UUID=1 / ext4 errors=remount-ro 0 1\n" +
		"UUID=2 none swap sw 0 0\n" +
		"/dev/disk/by-id/usb /home ext4 defaults,nofail 0 2\n" +
		"LABEL=x\t/srv/big\\040disk/ xfs\n" +
		"UUID=3 /mnt/backup ext4 defaults\nUUID=4 /media/usb vfat defaults\nUUID=5 /run/media/x vfat defaults\nUUID=6 /mnt ext4 defaults\n" +
		"UUID=7 /data vfat noauto,user 0 0\nUUID=8 /data2 vfat users\nUUID=9 /data3 vfat owner\nUUID=9 /data4 vfat rw,group\n" +
		"UUID=10 /mntx ext4 defaults,usrquota\n/srv/a/../b /opt/./c none bind\nhalf /line\n\n")
	want := []string{"/", "/home", "/srv/big disk", "/mntx", "/opt/c"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// aDisk plugs a stick in whose disk has a device number, and returns its path.
func (x *tree) aDisk(path, name, number string) {
	x.t.Helper()
	x.plug(path, descriptors(1, 2, 0, fn{0, 0, 8, 6, 0x50}), "")
	at := "sys/devices/usb3/" + path + "/" + path + ":1.0/host0/block/" + name
	x.set(at+"/dev", number)
	x.link(at, "sys/dev/block/"+number)
}

// TestHomeOnAUSBDisk is the system's, as what was mounted by /etc/fstab when media began to
// be held; nothing that is mounted later is, wherever.
func TestHomeOnAUSBDisk(t *testing.T) {
	t.Parallel()
	x, ctx := newTree(t), t.Context()
	x.set("etc/fstab", "UUID=1 /home ext4 defaults 0 2\nUUID=2 /srv ext4 noauto 0 2\nUUID=3 /mnt/x ext4 defaults")
	x.aDisk("3-1", "sda", "8:0")
	x.aDisk("3-2", "sdb", "8:16")
	x.aDisk("3-3", "sdc", "8:32")
	systems := func() (out []string) {
		for _, d := range x.usb() {
			if d.System {
				out = append(out, d.Path)
			}
		}
		return out
	}
	const home = "1 0 8:0 / /home rw - ext4 /dev/sda rw\n"
	x.set("proc/1/mountinfo", home+"2 0 8:32 / /mnt/x rw - ext4 /dev/sdc rw")
	if got := systems(); !slices.Equal(got, []string{"3-1"}) { // also while nothing is held
		t.Errorf("%q", got)
	}
	must(t, x.h.HoldUSB(ctx, true))
	x.set("proc/1/mountinfo", home+"2 0 8:16 / /srv rw - ext4 /dev/sdb rw\n3 0 8:32 / /home/u/x rw - ext4 /dev/sdc rw\n4 0 8:16 / /home rw - ext4 /dev/sdb rw")
	again := New(x.h.o).(*linux) // after a restart of the agent
	must(t, again.HoldUSB(ctx, true))
	x.h = again
	if got := systems(); !slices.Equal(got, []string{"3-1"}) {
		t.Errorf("mounted later: %q", got)
	}
	if err := again.Refuse(ctx, "3-1", nil); !errors.Is(err, ErrSystemDisk) {
		t.Errorf("%v", err)
	}
	must(t, again.Refuse(ctx, "3-2", nil))
	// It is unmounted: then it is a disk like others.
	x.set("proc/1/mountinfo", "2 0 8:16 / /srv rw - ext4 /dev/sdb rw")
	if got := systems(); len(got) != 0 {
		t.Errorf("unmounted: %q", got)
	}
	must(t, again.HoldUSB(ctx, false))
	if got := systems(); !slices.Equal(got, []string{"3-2"}) {
		t.Errorf("the hold is over: %q", got)
	}
}
