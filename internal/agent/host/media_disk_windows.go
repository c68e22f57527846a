package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"sekimori/internal/kit/wire"
)

// How long a disk, and then its volumes, are waited for.
const (
	diskWait   = 10 * time.Second
	volumeWait = 5 * time.Second
	diskLook   = 200 * time.Millisecond
)

// Controls of storage (winioctl.h).
const (
	ioctlDeviceNumber = 0x2d1080 // IOCTL_STORAGE_GET_DEVICE_NUMBER
	ioctlLength       = 0x7405c  // IOCTL_DISK_GET_LENGTH_INFO
)

// diskPrefix is how a Disk is named: with the number that Windows gave it.
const diskPrefix = "PhysicalDrive"

// storageNumber is STORAGE_DEVICE_NUMBER: the disk, and the partition on it.
type storageNumber struct{ kind, disk, partition uint32 }

func (h *windowsHost) Disks(ctx context.Context, path string) ([]Disk, error) {
	id, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	for began := time.Now(); ; {
		var node windows.DEVINST
		if code, _, _ := cfgmgr("CM_Locate_DevNodeW").Call(uintptr(unsafe.Pointer(&node)), uintptr(unsafe.Pointer(id)), 0); code != 0 {
			return nil, fmt.Errorf("disks of %s: %w", path, os.ErrNotExist)
		}
		disks, whole := disksOf(node)
		waited := time.Since(began)
		if len(disks) > 0 && (whole || waited > volumeWait) {
			return disks, nil
		}
		if waited > diskWait {
			return nil, fmt.Errorf("disks of %s: none came; Windows lets single media in only with the updates of July 2021: %w", path, context.DeadlineExceeded)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(diskLook):
		}
	}
}

// disksOf gives the disks below a device; whole is false while one has no volume.
func disksOf(node windows.DEVINST) (disks []Disk, whole bool) {
	whole = true
	for _, path := range diskPaths(node) {
		f, err := openStorage(path, windows.GENERIC_READ)
		if err != nil {
			continue // it is not started yet, or gone
		}
		n, err := numberOf(f)
		var size int64
		var got uint32
		if windows.DeviceIoControl(f, ioctlLength, nil, 0, (*byte)(unsafe.Pointer(&size)), uint32(unsafe.Sizeof(size)), &got, nil) != nil {
			size = 0 // no card is in it
		}
		windows.CloseHandle(f)
		if err != nil {
			continue
		}
		d := Disk{Name: diskPrefix + fmt.Sprint(n.disk), Size: size}
		var names []string
		for _, v := range volumesOn(d.Name) {
			names = append(names, volumeName(v))
			d.Mounts = append(d.Mounts, mountsOf(v)...)
		}
		d.Volume = strings.TrimSpace(strings.Join(names, " "))
		whole = whole && (size == 0 || len(names) > 0)
		disks = append(disks, d)
	}
	return disks, whole
}

// diskPaths are the interfaces of the disks below a device, such as those of each slot.
func diskPaths(node windows.DEVINST) (out []string) {
	disk := windows.GUID{Data1: 0x53f56307, Data2: 0xb6bf, Data3: 0x11d0, Data4: [8]byte{0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b}} // GUID_DEVINTERFACE_DISK
	var child windows.DEVINST
	code, _, _ := cfgmgr("CM_Get_Child").Call(uintptr(unsafe.Pointer(&child)), uintptr(node), 0)
	for code == 0 {
		var id [201]uint16 // MAX_DEVICE_ID_LEN and its end
		if got, _, _ := cfgmgr("CM_Get_Device_IDW").Call(uintptr(child), uintptr(unsafe.Pointer(&id[0])), uintptr(len(id)), 0); got == 0 {
			if paths, err := windows.CM_Get_Device_Interface_List(windows.UTF16ToString(id[:]), &disk, 0); err == nil {
				out = append(out, slices.DeleteFunc(paths, func(p string) bool { return p == "" })...)
			}
		}
		code, _, _ = cfgmgr("CM_Get_Sibling").Call(uintptr(unsafe.Pointer(&child)), uintptr(child), 0)
	}
	return out
}

func openStorage(path string, access uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return windows.InvalidHandle, err
	}
	return windows.CreateFile(name, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
}

func numberOf(f windows.Handle) (n storageNumber, err error) {
	var got uint32
	err = windows.DeviceIoControl(f, ioctlDeviceNumber, nil, 0, (*byte)(unsafe.Pointer(&n)), uint32(unsafe.Sizeof(n)), &got, nil)
	return n, err
}

// holdsSystem reports whether Windows itself is on a disk of a device.
func holdsSystem(node windows.DEVINST) bool {
	folder, err := windows.GetSystemWindowsDirectory()
	if err != nil || len(folder) < 2 {
		return false
	}
	f, err := openStorage(`\\.\`+folder[:2], 0)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(f)
	system, err := numberOf(f)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(diskPaths(node), func(path string) bool {
		f, err := openStorage(path, 0)
		if err != nil {
			return false
		}
		defer windows.CloseHandle(f)
		n, err := numberOf(f)
		return err == nil && n.disk == system.disk
	})
}

// volumesOn are the volumes of a disk by their partitions, as \\?\Volume{…}\
func volumesOn(disk string) []string {
	type volume struct {
		name      string
		partition uint32
	}
	var found []volume
	var name [windows.MAX_PATH]uint16
	search, err := windows.FindFirstVolume(&name[0], uint32(len(name)))
	if err != nil {
		return nil
	}
	defer windows.FindVolumeClose(search)
	for ; err == nil; err = windows.FindNextVolume(search, &name[0], uint32(len(name))) {
		v := windows.UTF16ToString(name[:])
		f, err := openStorage(strings.TrimSuffix(v, `\`), 0)
		if err != nil {
			continue
		}
		n, err := numberOf(f) // one that lies over several disks has none
		windows.CloseHandle(f)
		if err == nil && disk == diskPrefix+fmt.Sprint(n.disk) {
			found = append(found, volume{v, n.partition})
		}
	}
	slices.SortFunc(found, func(a, b volume) int { return cmp.Compare(a.partition, b.partition) })
	var out []string
	for _, v := range found {
		out = append(out, v.name)
	}
	return out
}

// volumeName is how a file system names itself, such as "exfat 1A2B-3C4D STICK".
func volumeName(volume string) string {
	root, err := windows.UTF16PtrFromString(volume)
	if err != nil {
		return ""
	}
	var title, kind [windows.MAX_PATH + 1]uint16
	var serial uint32
	if windows.GetVolumeInformation(root, &title[0], uint32(len(title)), &serial, nil, nil, &kind[0], uint32(len(kind))) != nil {
		return "" // nothing that Windows reads, or it is locked
	}
	return strings.TrimSpace(fmt.Sprintf("%s %04X-%04X %s", strings.ToLower(windows.UTF16ToString(kind[:])), serial>>16, serial&0xffff, label([]byte(windows.UTF16ToString(title[:])))))
}

func mountsOf(volume string) []string {
	root, err := windows.UTF16PtrFromString(volume)
	if err != nil {
		return nil
	}
	var paths [1024]uint16
	var n uint32
	if windows.GetVolumePathNamesForVolumeName(root, &paths[0], uint32(len(paths)), &n) != nil {
		return nil
	}
	return strings.Fields(windows.UTF16ToString(paths[:])) // the first is enough to say that there is one
}

func (h *windowsHost) ReadToken(_ context.Context, d Disk) (text []byte, volume string, err error) {
	for _, v := range volumesOn(d.Name) {
		name := volumeName(v)
		volume = cmp.Or(volume, name)
		text, err := readToken(v + wire.TokenFile)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, windows.ERROR_UNRECOGNIZED_VOLUME) {
			continue
		}
		if err != nil {
			return nil, volume, fmt.Errorf("read the token on %s: %w", d.Name, err)
		}
		return text, name, nil
	}
	return nil, volume, ErrNoToken
}

// readToken reads a file that is no link to another one.
func readToken(path string) ([]byte, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(h), path)
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("it is no file"))
	}
	return io.ReadAll(io.LimitReader(f, wire.MaxMediumToken+1)) // OpenMedium refuses what is longer
}

func (h *windowsHost) WriteToken(_ context.Context, d Disk, text []byte) error {
	for _, v := range volumesOn(d.Name) {
		if volumeName(v) == "" {
			continue
		}
		if err := writeToken(v, text); err != nil {
			return fmt.Errorf("write the token on %s: %w", d.Name, err)
		}
		return nil
	}
	return fmt.Errorf("write the token: no file system on %s is one that can be written here", d.Name)
}

// writeToken writes the file in place, and not by a rename, which FAT does in two writes: a
// medium pulled out between them has two names for one cluster. Half a token is none, since
// its signature does not hold.
func writeToken(volume string, text []byte) error {
	name := volume + wire.TokenFile
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	// A token written on Linux is marked read-only.
	err = windows.SetFileAttributes(path, windows.FILE_ATTRIBUTE_NORMAL)
	if err == nil {
		err = os.Remove(name)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	h, err := windows.CreateFile(path, windows.GENERIC_WRITE, 0, nil, windows.CREATE_NEW,
		windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_WRITE_THROUGH, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(h), name)
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
