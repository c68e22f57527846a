package host

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Bounds of a glance.
const (
	glanceTime = 200 * time.Millisecond // when the caller sets no deadline
	maxSockets = 20000
	keepBack   = 50 * time.Millisecond // of the time, for writing what was read
)

// Glance writes the connections and neighbours of this instant.
func (h *linux) Glance(ctx context.Context, item func(name string, write func(io.Writer) error) error) error {
	e := h.evidence()
	if h.o.NetNS == "" {
		return e.glance(ctx, item)
	}
	// Tables are those of the thread's network namespace. A thread that has changed it
	// is not given back to the runtime: it ends with its goroutine.
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		ns, err := netns.GetFromPath(h.o.NetNS)
		if err != nil {
			ended <- fmt.Errorf("open the network namespace: %w", err)
			return
		}
		defer ns.Close()
		if err := netns.Set(ns); err != nil {
			ended <- fmt.Errorf("enter the network namespace: %w", err)
			return
		}
		ended <- e.glance(ctx, item)
	}()
	return <-ended
}

// evidence reads the volatile facts of a Linux system. The paths are "/proc", "/sys" and
// "/", or made trees in tests.
type evidence struct {
	proc, sys, root string
}

func (h *linux) evidence() evidence {
	return evidence{proc: cmp.Or(h.o.Proc, "/proc"), sys: cmp.Or(h.o.Sysfs, "/sys"), root: cmp.Or(h.o.Root, "/")}
}

// path is where a path of the system is found.
func (e evidence) path(path string) string { return filepath.Join(e.root, path) }

// of is a file of a process.
func (e evidence) of(pid int, file string) string {
	return filepath.Join(e.proc, strconv.Itoa(pid), file)
}

// glance takes the sockets and neighbours of this instant. Both tables are read before
// anything is written; looking up whose a socket is takes only the time that is left.
func (e evidence) glance(ctx context.Context, item func(name string, write func(io.Writer) error) error) error {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(glanceTime)
	}
	reading, stop := context.WithDeadline(ctx, end.Add(-keepBack))
	defer stop()
	sockets, socketsErr := e.sockets(reading)
	neighbours, neighboursErr := neighbours()
	ownersErr := e.owners(reading, sockets)
	// What was read is written, though the time is over.
	return writeItems(context.WithoutCancel(ctx), item, []source{
		{name: "connections.jsonl", read: func(_ context.Context, r *records) error {
			for _, s := range sockets {
				if !r.add(s) {
					break
				}
			}
			return errors.Join(socketsErr, ownersErr)
		}},
		{name: "neighbours.jsonl", read: func(_ context.Context, r *records) error {
			for _, n := range neighbours {
				if !r.add(n) {
					break
				}
			}
			return neighboursErr
		}},
	})
}

// sockets reads TCP and UDP of both families; what it has when an error comes is good.
// thread-self is where the calling thread's network namespace is seen.
func (e evidence) sockets(ctx context.Context) ([]connection, error) {
	var all []connection
	var problems []error
	for _, proto := range []string{"tcp", "tcp6", "udp", "udp6"} {
		err := eachLine(ctx, filepath.Join(e.proc, "thread-self/net", proto), func(n int, line string) error {
			if n == 0 {
				return nil
			}
			s, err := parseConnection(proto, line)
			if err != nil {
				return err
			}
			if len(all) == maxSockets {
				return fmt.Errorf("cut short: more than %d sockets", maxSockets)
			}
			all = append(all, s)
			return nil
		})
		if errors.Is(err, os.ErrNotExist) && strings.HasSuffix(proto, "6") {
			continue // IPv6 is switched off
		}
		problems = append(problems, err)
	}
	return all, errors.Join(problems...)
}

// owners finds the program of each connection, as far as the time reaches: newest processes
// first, for they are the likelier guests.
func (e evidence) owners(ctx context.Context, sockets []connection) error {
	wanted := make(map[uint64][]int, len(sockets)) // socket's inode → where in sockets
	for i, s := range sockets {
		if s.inode != 0 {
			wanted[s.inode] = append(wanted[s.inode], i)
		}
	}
	pids, err := e.pids()
	if err != nil {
		return err
	}
	denied := 0
	for _, pid := range slices.Backward(pids) {
		if len(wanted) == 0 {
			break
		}
		if ctx.Err() != nil {
			return errors.New("cut short: there was no time to find the programs of all sockets")
		}
		dir := e.of(pid, "fd")
		files, err := os.Open(dir)
		if err != nil {
			if errors.Is(err, os.ErrPermission) {
				denied++
			}
			continue // it has ended
		}
		name := ""
		for ctx.Err() == nil {
			names, err := files.Readdirnames(256)
			for _, fd := range names {
				target, _ := os.Readlink(filepath.Join(dir, fd))
				rest, ok := strings.CutPrefix(target, "socket:[")
				inode, parseErr := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64)
				if !ok || parseErr != nil {
					continue
				}
				for _, i := range wanted[inode] {
					if name == "" {
						name = e.name(pid)
					}
					sockets[i].PID, sockets[i].Program = pid, name
				}
				delete(wanted, inode)
			}
			if err != nil {
				break
			}
		}
		files.Close()
	}
	if denied > 0 {
		return fmt.Errorf("the sockets of %d programs are not named: this needs root", denied)
	}
	return nil
}

// name is a program's short name.
func (e evidence) name(pid int) string {
	b, err := readSome(e.of(pid, "comm"), 64)
	if err != nil {
		return ""
	}
	return clip(strings.TrimSpace(string(b)), 64)
}

// pids lists the processes, lowest number first.
func (e evidence) pids() ([]int, error) {
	names, err := os.ReadDir(e.proc)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// neighbours asks the kernel for its ARP and neighbour discovery tables.
func neighbours() ([]neighbour, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("neighbours: %w", err)
	}
	defer h.Close()
	if err := h.SetSocketTimeout(keepBack); err != nil {
		return nil, fmt.Errorf("neighbours: %w", err)
	}
	links := map[int]string{}
	list, err := h.LinkList()
	for _, l := range list {
		links[l.Attrs().Index] = l.Attrs().Name
	}
	problems := []error{err}
	var all []neighbour
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		found, err := h.NeighList(0, family)
		problems = append(problems, err) // an interrupted dump still gives what it had
		for _, n := range found {
			addr, ok := netip.AddrFromSlice(n.IP)
			if !ok || n.State&netlink.NUD_NOARP != 0 {
				continue
			}
			link := links[n.LinkIndex]
			if link == "" {
				link = strconv.Itoa(n.LinkIndex)
			}
			all = append(all, neighbour{Address: addr.Unmap(), MAC: n.HardwareAddr.String(), Link: link, State: neighbourState(n.State)})
		}
	}
	if err := errors.Join(problems...); err != nil {
		return all, fmt.Errorf("neighbours: %w", err)
	}
	return all, nil
}

func neighbourState(state int) string {
	for _, s := range []struct {
		bit  int
		name string
	}{
		{netlink.NUD_PERMANENT, "permanent"}, {netlink.NUD_REACHABLE, "reachable"}, {netlink.NUD_STALE, "stale"},
		{netlink.NUD_DELAY, "delay"}, {netlink.NUD_PROBE, "probe"}, {netlink.NUD_FAILED, "failed"}, {netlink.NUD_INCOMPLETE, "incomplete"},
	} {
		if state&s.bit != 0 {
			return s.name
		}
	}
	return strconv.Itoa(state)
}

// eachLine reads a text file line by line until its end, an error of use or the end of
// ctx. Lines are numbered from 0; one longer than 16 KiB is an error.
func eachLine(ctx context.Context, path string, use func(n int, line string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(inTime{ctx, f})
	lines.Buffer(make([]byte, 0, 4096), 16<<10)
	for n := 0; lines.Scan(); n++ {
		if err := use(n, lines.Text()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// readSome reads at most n bytes of a file.
func readSome(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, n))
	if err != nil {
		return b, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}
