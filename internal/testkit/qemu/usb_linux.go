package qemu

import (
	"errors"
	"slices"
)

// Device is something to plug into a USB socket of a machine: a Stick, Phone, Keyboard
// or Hub.
type Device interface {
	plug(m *monitor, at args) error
	unplug(m *monitor, id string) error
}

// Stick is a USB memory, with the ids 46f4:0001. QEMU gives it a serial number of its own
// when it has none here: one without any cannot be had.
type Stick struct {
	Image  string // file of this machine that holds what is on it
	Serial string
	// UAS makes it a disk that speaks the newer protocol, with the ids 46f4:0003.
	UAS bool
	// Locked is the little switch that some have against writing.
	Locked bool
	// Log is an empty file that gets each write in its order, in the format of the kernel's
	// dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst). "" for none.
	Log string
}

func (s Stick) plug(m *monitor, at args) error {
	id := at["id"].(string)
	node := args{"node-name": "image-" + id, "driver": "raw", "read-only": s.Locked, "file": args{"driver": "file", "filename": s.Image}}
	if s.Log != "" {
		node["driver"], node["log"] = "blklogwrites", args{"driver": "file", "filename": s.Log}
	}
	if err := m.do("blockdev-add", node); err != nil {
		return err
	}
	if s.Serial != "" {
		at["serial"] = s.Serial
	}
	if !s.UAS {
		at["driver"], at["drive"], at["removable"] = "usb-storage", "image-"+id, true
		return m.do("device_add", at)
	}
	at["driver"] = "usb-uas"
	if err := m.do("device_add", at); err != nil {
		return err
	}
	if err := m.do("device_add", args{"driver": "scsi-hd", "bus": id + ".0", "drive": "image-" + id, "scsi-id": 0, "lun": 0}); err != nil {
		return err
	}
	return m.do("qom-set", args{"path": "/machine/peripheral/" + id, "property": "attached", "value": true})
}

func (s Stick) unplug(m *monitor, id string) error {
	return errors.Join(m.remove(id), m.do("blockdev-del", args{"node-name": "image-" + id}))
}

// Phone is one that offers its photos and files (MTP, interface class 06:01:01).
type Phone struct {
	Folder string // of this machine, that it shows
	Name   string
	Serial string
}

func (p Phone) plug(m *monitor, at args) error {
	at["driver"], at["rootdir"], at["desc"] = "usb-mtp", p.Folder, p.Name
	if p.Serial != "" {
		at["serial"] = p.Serial
	}
	return m.do("device_add", at)
}

func (p Phone) unplug(m *monitor, id string) error { return m.remove(id) }

// Keyboard is one with keys and nothing else.
type Keyboard struct{}

func (Keyboard) plug(m *monitor, at args) error {
	at["driver"] = "usb-kbd"
	return m.do("device_add", at)
}

func (Keyboard) unplug(m *monitor, id string) error { return m.remove(id) }

// Hub has eight sockets: those of one in socket "1" are "1.1" to "1.8".
type Hub struct{}

func (Hub) plug(m *monitor, at args) error {
	at["driver"] = "usb-hub"
	return m.do("device_add", at)
}

func (Hub) unplug(m *monitor, id string) error { return m.remove(id) }

// plugged is a device in a socket.
type plugged struct {
	id, socket string
	device     Device
}

func (p plugged) in(m *monitor) error {
	return p.device.plug(m, args{"id": p.id, "bus": "xhci.0", "port": p.socket})
}

// Plug puts a device, under a name of the test's own, into one of the sockets "1" to
// "15" or into one of a Hub. It stays there through a power cut; without power it is
// there from the first moment of the next boot.
func (m *Machine) Plug(id, socket string, d Device) {
	m.t.Helper()
	p := plugged{id, socket, d}
	if m.cmd != nil {
		if err := p.in(m.monitor); err != nil {
			m.t.Fatalf("plug %s in: %v", id, err)
		}
	}
	m.sockets = append(m.sockets, p)
}

// Unplug takes a device out. Its image then holds what the machine has written to it.
func (m *Machine) Unplug(id string) {
	m.t.Helper()
	i := slices.IndexFunc(m.sockets, func(p plugged) bool { return p.id == id })
	if i < 0 {
		m.t.Fatalf("%s is in no socket", id)
	}
	if m.cmd != nil {
		if err := m.sockets[i].device.unplug(m.monitor, id); err != nil {
			m.t.Fatalf("unplug %s: %v", id, err)
		}
	}
	m.sockets = slices.Delete(m.sockets, i, i+1)
}

// Cable puts the network cable in or pulls it out.
func (m *Machine) Cable(in bool) {
	m.t.Helper()
	if err := m.monitor.do("set_link", args{"name": "net", "up": in}); err != nil {
		m.t.Fatal(err)
	}
}
