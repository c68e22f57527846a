package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The words of include/uapi/linux/usb/functionfs.h.
const (
	descriptorsMagic = 3
	stringsMagic     = 2
	hasFullSpeed     = 1
	hasHighSpeed     = 2
)

// offer makes a phone's one interface, as Android's: of the vendor's own class, with the
// name "MTP" and two endpoints. It lives as long as the returned file is open.
func offer(name string) (*os.File, error) {
	dir := filepath.Join("/run", "phone-"+name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount(name, dir, "functionfs", 0, ""); err != nil {
		return nil, fmt.Errorf("mount functionfs: %w", err)
	}
	ep0, err := os.OpenFile(filepath.Join(dir, "ep0"), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	for _, said := range [][]byte{descriptors(), names("MTP")} {
		if _, err := ep0.Write(said); err != nil {
			ep0.Close()
			return nil, err
		}
	}
	return ep0, nil
}

// descriptors are the interface and its endpoints for two speeds.
func descriptors() []byte {
	atSpeed := func(most uint16) []byte {
		const interfaceKind, endpointKind, bulk, vendorsOwn = 4, 5, 2, 0xff
		d := []byte{9, interfaceKind, 0, 0, 2, vendorsOwn, vendorsOwn, 0, 1}
		for _, endpoint := range []byte{0x81, 0x02} {
			d = append(d, 7, endpointKind, endpoint, bulk)
			d = append(binary.LittleEndian.AppendUint16(d, most), 0)
		}
		return d
	}
	full, high := atSpeed(64), atSpeed(512)
	head := uint32(5 * 4)
	return append(append(words(descriptorsMagic, head+uint32(len(full)+len(high)), hasFullSpeed|hasHighSpeed, 3, 3), full...), high...)
}

// names is one English text.
func names(text string) []byte {
	body := append(binary.LittleEndian.AppendUint16(nil, 0x409), text+"\x00"...)
	return append(words(stringsMagic, uint32(4*4+len(body)), 1, 1), body...)
}

func words(all ...uint32) []byte {
	var b []byte
	for _, w := range all {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}
