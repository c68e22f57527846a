package walk

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// userHZ is how many parts of a second /proc counts in, on every Linux that Go runs on.
const userHZ = 100

// meterOf tells how much processor time this process and its children have used. started must hear of each child.
func meterOf() (used func() time.Duration, started func(*os.Process)) {
	var mu sync.Mutex
	alive := map[int]bool{}
	used = func() time.Duration {
		sum := usage(unix.RUSAGE_SELF) + usage(unix.RUSAGE_CHILDREN)
		mu.Lock()
		defer mu.Unlock()
		for pid := range alive {
			d, ok := usedBy(pid)
			if !ok {
				delete(alive, pid) // it ended, and is one of the children above
			}
			sum += d
		}
		return sum
	}
	return used, func(p *os.Process) {
		mu.Lock()
		defer mu.Unlock()
		alive[p.Pid] = true
	}
}

func usage(of int) time.Duration {
	var r unix.Rusage
	if unix.Getrusage(of, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// usedBy reads the processor time of another process. A name in its line may hold anything up to the last bracket.
func usedBy(pid int) (time.Duration, bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(f) < 13 {
		return 0, false
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * (time.Second / userHZ), err1 == nil && err2 == nil
}
