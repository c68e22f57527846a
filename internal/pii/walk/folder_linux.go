package walk

import (
	"encoding/binary"
	"errors"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// folder is an open folder. What lies in it is opened by way of it and never through a link, so that nobody who renames
// folders meanwhile can lead the walk out of the tree.
type folder struct {
	fd     int
	system uint64 // the file system it lies on
	uses   atomic.Int32
}

const folderFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK

func openTop(path string) (*folder, error) { return newFolder(unix.Open(path, folderFlags, 0)) }

// sub opens a folder in the folder.
func (f *folder) sub(name string) (*folder, error) {
	return newFolder(unix.Openat(f.fd, name, folderFlags, 0))
}

func newFolder(fd int, err error) (*folder, error) {
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	f := &folder{fd: fd, system: st.Dev}
	f.uses.Store(1)
	return f, nil
}

// hold keeps the folder open for one more who will release it.
func (f *folder) hold() { f.uses.Add(1) }

func (f *folder) release() {
	if f.uses.Add(-1) == 0 {
		_ = unix.Close(f.fd) // nothing was written
	}
}

// open opens a file of the folder for reading, without waiting for whoever writes to a pipe.
func (f *folder) open(name string) (*os.File, error) {
	fd, err := unix.Openat(f.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// list reads the names of the folder, in any order, into buf's room.
func (f *folder) list(each func(name string, kind entryKind)) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Getdents(f.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		for rest := buf[:n]; len(rest) > 19; {
			size := int(binary.NativeEndian.Uint16(rest[16:]))
			name := rest[19:size]
			for i, c := range name {
				if c == 0 {
					name = name[:i]
					break
				}
			}
			if s := string(name); s != "." && s != ".." {
				each(s, kindOf(rest[18]))
			}
			rest = rest[size:]
		}
	}
}

func kindOf(t byte) entryKind {
	switch t {
	case unix.DT_REG:
		return isFile
	case unix.DT_DIR:
		return isFolder
	case unix.DT_LNK:
		return isLink
	case unix.DT_UNKNOWN:
		return isUnknown
	}
	return isSpecial
}

// look fills in what the folder alone does not tell.
func (f *folder) look(e *entry) error {
	var st unix.Stat_t
	for {
		err := unix.Fstatat(f.fd, e.name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.kind = isFile
	case unix.S_IFDIR:
		e.kind = isFolder
	case unix.S_IFLNK:
		e.kind = isLink
	default:
		e.kind = isSpecial
	}
	e.size, e.modified, e.changed = st.Size, st.Mtim.Nano(), st.Ctim.Nano()
	return nil
}
