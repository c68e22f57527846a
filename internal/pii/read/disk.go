package read

import (
	"fmt"
	"os"
)

// Disk is a file of this computer as a [Source].
type Disk struct {
	file  *os.File
	begin os.FileInfo
}

// Open opens a regular file without following a link and without waiting, as a pipe would make one wait. What is no
// regular file is refused; [ReasonOf] tells why.
func Open(path string) (*Disk, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	d, err := NewDisk(f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return d, nil
}

// NewDisk takes a file that is open. The caller, or [Disk.Close], closes it.
func NewDisk(f *os.File) (*Disk, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, because(NotRegular)
	}
	return &Disk{f, info}, nil
}

// ReasonOf names why a file could not be opened.
func ReasonOf(err error) Reason { return reasonOf(err) }

// ReadAt implements [Source].
func (d *Disk) ReadAt(p []byte, off int64) (int, error) { return d.file.ReadAt(p, off) }

// Size implements [Source].
func (d *Disk) Size() int64 { return d.begin.Size() }

// Changed reports whether somebody has written to the file since it was opened.
func (d *Disk) Changed() bool {
	now, err := d.file.Stat()
	return err != nil || now.Size() != d.begin.Size() || !now.ModTime().Equal(d.begin.ModTime())
}

// Close closes the file.
func (d *Disk) Close() error { return d.file.Close() }
