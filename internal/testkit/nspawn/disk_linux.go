package nspawn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// diskSize is what a machine may write beyond what it was made of; it is memory.
const diskSize = "1g"

// disk is a machine's file system: what was made, read-only, and what is written, over
// it. It is mounted in a mount namespace that only one thread of this process is in, so
// nothing of it is left when the process is killed.
type disk struct {
	dir  string // the mount point; empty outside the namespace
	root string // below dir: the file system to boot
	jobs chan func()
	gone chan struct{} // closed when the thread has unmounted and ended
	err  error         // of unmounting; read it after gone
}

func newDisk(dir, lower string) (*disk, error) {
	d := &disk{dir: dir, root: filepath.Join(dir, "root"), jobs: make(chan func()), gone: make(chan struct{})}
	ready := make(chan error)
	go onThreadOfItsOwn(func() {
		defer close(d.gone)
		err := d.mount(lower)
		ready <- err
		if err != nil {
			return
		}
		for job := range d.jobs {
			job()
		}
		d.err = errors.Join(syscall.Unmount(d.root, syscall.MNT_DETACH), syscall.Unmount(d.dir, syscall.MNT_DETACH))
	})
	if err := <-ready; err != nil {
		<-d.gone
		return nil, err
	}
	return d, nil
}

// onThreadOfItsOwn runs f on a thread that ends with it, because f changes what the
// thread sees. The first thread of a process cannot end, so it is passed by.
func onThreadOfItsOwn(f func()) {
	runtime.LockOSThread()
	if syscall.Gettid() != syscall.Getpid() {
		f()
		return // still locked: the thread ends here
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
	runtime.UnlockOSThread()
}

// mount leaves the common mount namespace and mounts the disk in the new one.
func (d *disk) mount(lower string) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("leave the mount namespace: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to oneself: %w", err)
	}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "mode=0755,size="+diskSize); err != nil {
		return fmt.Errorf("mount memory: %w", err)
	}
	upper, work := filepath.Join(d.dir, "written"), filepath.Join(d.dir, "work")
	for _, name := range []string{upper, work, d.root} {
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
	}
	if err := syscall.Mount("overlay", d.root, "overlay", 0, "lowerdir="+lower+",upperdir="+upper+",workdir="+work); err != nil {
		return fmt.Errorf("mount the file system: %w", err)
	}
	// systemd-nspawn keeps notes here and leaves some behind.
	const notes = "/run/systemd/nspawn"
	if err := os.MkdirAll(notes, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", notes, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount %s: %w", notes, err)
	}
	return nil
}

// run does something where the disk is seen, such as starting a process.
func (d *disk) run(f func() error) error {
	done := make(chan error)
	d.jobs <- func() { done <- f() }
	return <-done
}

func (d *disk) close() error {
	select {
	case <-d.gone:
	default:
		close(d.jobs)
		<-d.gone
	}
	return d.err
}
