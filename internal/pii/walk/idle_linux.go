package walk

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	leastPriority  = 19
	ioWhoProcess   = 1
	ioIdle         = 3 << 13 // the class idle, which has no levels
	threadsSettled = 8       // rounds: threads that are started meanwhile take over what their starter has
)

// Idle lets this process, and those that it starts from now on, have only what nobody else wants of processors and disks.
// It cannot be taken back.
func Idle() error {
	done := map[int]bool{}
	for range threadsSettled {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("lower the priority: %w", err)
		}
		fresh := false
		for _, t := range tasks {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[id] {
				continue
			}
			done[id], fresh = true, true
			if err := unix.Setpriority(unix.PRIO_PROCESS, id, leastPriority); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("lower the priority: %w", err)
			}
			if _, _, e := unix.Syscall(unix.SYS_IOPRIO_SET, ioWhoProcess, uintptr(id), ioIdle); e != 0 && e != unix.ESRCH && e != unix.ENOSYS && e != unix.EPERM {
				return fmt.Errorf("lower the priority at disks: %w", e)
			}
		}
		if !fresh {
			break
		}
	}
	return nil
}

// Battery reports whether the computer runs on its battery. One that does not say so has none.
func Battery() bool { return onBattery(os.DirFS("/sys/class/power_supply")) }

func onBattery(supplies fs.FS) bool {
	all, err := fs.ReadDir(supplies, ".")
	if err != nil {
		return false
	}
	word := func(supply, name string) string {
		b, _ := fs.ReadFile(supplies, path.Join(supply, name)) // one that is not there says nothing
		return strings.TrimSpace(string(b))
	}
	empties := false
	for _, d := range all {
		switch word(d.Name(), "type") {
		case "Mains", "USB":
			if word(d.Name(), "online") == "1" {
				return false
			}
		case "Battery":
			empties = empties || word(d.Name(), "scope") != "Device" && word(d.Name(), "status") == "Discharging"
		}
	}
	return empties
}

// Load is how many programs want each processor, over the last minute; 0 where nobody knows.
func Load() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	n, err := strconv.ParseFloat(first, 64)
	if err != nil || math.IsNaN(n) {
		return 0
	}
	return n / float64(runtime.NumCPU())
}
