package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Glance writes the connections and neighbours of this instant. Each table is one call
// into the kernel, so there is nothing to cut short.
func (h *windowsHost) Glance(ctx context.Context, item func(name string, write func(io.Writer) error) error) error {
	var tables [4][]byte
	var problems []error
	for t := range tables {
		b, err := socketTable(winTable(t))
		tables[t] = b
		problems = append(problems, err)
	}
	near, nearErr := winNeighbours()
	names, err := programs()
	problems = append(problems, err)
	return writeItems(context.WithoutCancel(ctx), item, []source{
		{name: "connections.jsonl", read: func(_ context.Context, r *records) error {
			for t, b := range tables {
				for _, row := range rows(b, winTable(t)) {
					c, err := winTable(t).parseRow(row)
					if err != nil {
						return err
					}
					c.Program = names[c.PID]
					if !r.add(c) {
						return nil
					}
				}
			}
			return errors.Join(problems...)
		}},
		{name: "neighbours.jsonl", read: func(_ context.Context, r *records) error {
			for _, n := range near {
				if !r.add(n) {
					break
				}
			}
			return nearErr
		}},
	})
}

// socketTable asks for one of the tables, with the process that owns each row.
func socketTable(t winTable) ([]byte, error) {
	name, class := "GetExtendedTcpTable", uintptr(5) // TCP_TABLE_OWNER_PID_ALL
	if t == udpTable4 || t == udpTable6 {
		name, class = "GetExtendedUdpTable", 1 // UDP_TABLE_OWNER_PID
	}
	family := uintptr(windows.AF_INET)
	if t == tcpTable6 || t == udpTable6 {
		family = windows.AF_INET6
	}
	proc := windows.NewLazySystemDLL("iphlpapi.dll").NewProc(name)
	if err := proc.Find(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b := make([]byte, 64<<10)
	for range 5 { // the table may grow between two calls
		size := uint32(len(b))
		r, _, _ := proc.Call(uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&size)), 0, family, class, 0)
		switch {
		case r == 0:
			return b, nil
		case syscall.Errno(r) != windows.ERROR_INSUFFICIENT_BUFFER || size > 64<<20:
			return nil, fmt.Errorf("%s: %w", name, syscall.Errno(r))
		}
		b = make([]byte, size+4096)
	}
	return nil, fmt.Errorf("%s: the table grows faster than it is read", name)
}

// winNeighbours asks for the neighbours of both families.
func winNeighbours() ([]neighbour, error) {
	dll := windows.NewLazySystemDLL("iphlpapi.dll")
	get, free := dll.NewProc("GetIpNetTable2"), dll.NewProc("FreeMibTable")
	if err := errors.Join(get.Find(), free.Find()); err != nil {
		return nil, fmt.Errorf("neighbours: %w", err)
	}
	var table *struct {
		count uint32
		_     uint32
		first [winNeighbourRow]byte
	}
	if r, _, _ := get.Call(windows.AF_UNSPEC, uintptr(unsafe.Pointer(&table))); r != 0 {
		return nil, fmt.Errorf("GetIpNetTable2: %w", syscall.Errno(r))
	}
	defer func() { _, _, _ = free.Call(uintptr(unsafe.Pointer(table))) }() // gives nothing back
	var all []neighbour
	for _, row := range unsafe.Slice(&table.first, table.count) {
		n, err := parseWinNeighbour(row[:])
		if err != nil {
			return all, err
		}
		all = append(all, n)
	}
	return all, nil
}

// programs names the running processes by their numbers.
func programs() (map[int]string, error) {
	names := map[int]string{}
	err := eachProcess(func(e *windows.ProcessEntry32) bool {
		names[int(e.ProcessID)] = windows.UTF16ToString(e.ExeFile[:])
		return true
	})
	return names, err
}

// eachProcess walks a snapshot of the running processes until use says no.
func eachProcess(use func(*windows.ProcessEntry32) bool) error {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	defer func() { _ = windows.CloseHandle(snapshot) }() // it was only read
	e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
		if !use(&e) {
			return nil
		}
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return fmt.Errorf("list processes: %w", err)
	}
	return nil
}
