package walk

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Idle lets this process, and those that it starts from now on, have only what nobody else wants of the processors. It
// cannot be taken back. The system's background mode would spare the disk as well, but leaves a process too little memory.
func Idle() error {
	if err := windows.SetPriorityClass(windows.CurrentProcess(), windows.IDLE_PRIORITY_CLASS); err != nil {
		return fmt.Errorf("lower the priority: %w", err)
	}
	return nil
}

// Battery reports whether the computer runs on its battery. One that does not say so has none.
func Battery() bool {
	var status struct {
		ac, flag, percent, saver byte
		life, full               uint32
	}
	ok, _, _ := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemPowerStatus").Call(uintptr(unsafe.Pointer(&status)))
	return ok != 0 && status.ac == 0
}

// Load is how many programs want each processor; nobody knows here.
func Load() float64 { return 0 }
