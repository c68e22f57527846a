package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Bounds of what is collected.
const (
	maxAutoruns = 5000
	maxDrivers  = 4096
)

// Collect writes what the system is doing, beside its connections. The event log is not
// copied: it is not text, and other tools keep it whole.
func (h *windowsHost) Collect(ctx context.Context, item func(name string, write func(io.Writer) error) error) error {
	sums := newHashes()
	return writeItems(ctx, item, []source{
		{name: "processes.jsonl", read: func(ctx context.Context, r *records) error { return winProcesses(ctx, r, sums) }},
		{name: "sessions.jsonl", read: func(_ context.Context, r *records) error { return winSessions(r) }},
		{name: "autoruns.jsonl", read: func(ctx context.Context, r *records) error { return winAutoruns(ctx, r, sums) }},
		{name: "mounts.jsonl", read: func(_ context.Context, r *records) error { return winDrives(r) }},
		{name: "modules.jsonl", read: func(_ context.Context, r *records) error { return winDrivers(r) }},
		{name: "log.jsonl", read: func(context.Context, *records) error {
			return errors.New("the event log of Windows is not copied: read it with the event viewer, or export it with wevtutil")
		}},
	})
}

func winProcesses(ctx context.Context, r *records, sums *hashes) error {
	mask := newMasker()
	err := eachProcess(func(e *windows.ProcessEntry32) bool {
		p := process{PID: int(e.ProcessID), PPID: int(e.ParentProcessID), Name: windows.UTF16ToString(e.ExeFile[:])}
		if err := p.look(ctx, mask, sums); err != nil {
			p.Note = reason(err)
		}
		return r.add(p) && ctx.Err() == nil
	})
	return errors.Join(err, ctx.Err())
}

// look opens a process and reads what its list does not say.
func (p *process) look(ctx context.Context, mask *masker, sums *hashes) error {
	if p.PID == 0 {
		return nil // the idle process
	}
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(p.PID))
	if err != nil {
		return fmt.Errorf("not opened: %w", err)
	}
	defer func() { _ = windows.CloseHandle(handle) }() // it was only read
	var started, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(handle, &started, &ended, &kernel, &user) == nil {
		p.Started = new(time.Unix(0, started.Nanoseconds()).UTC())
	}
	p.User = owner(handle)
	if line := commandLine(handle); line != "" {
		p.Args = []string{mask.commandLine(line)}
	}
	var path [windows.MAX_LONG_PATH]uint16
	size := uint32(len(path))
	if err := windows.QueryFullProcessImageName(handle, 0, &path[0], &size); err != nil {
		return fmt.Errorf("no file: %w", err)
	}
	p.Exe = windows.UTF16ToString(path[:size])
	if remote(p.Exe) {
		return errors.New("not hashed: the file lies on a network drive")
	}
	p.SHA256, err = sums.of(ctx, p.Exe, p.Exe)
	return err
}

// owner is the account of a process; "" when it is not told.
func owner(handle windows.Handle) string {
	var token windows.Token
	if windows.OpenProcessToken(handle, windows.TOKEN_QUERY, &token) != nil {
		return ""
	}
	defer func() { _ = token.Close() }() // it was only read
	user, err := token.GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}

// commandLine asks the kernel for a process's command line (Windows 8.1 and later).
func commandLine(handle windows.Handle) string {
	buffer := make([]uint64, 64<<10/8) // a UNICODE_STRING and its text; aligned for it
	size := uint32(len(buffer) * 8)
	if windows.NtQueryInformationProcess(handle, windows.ProcessCommandLineInformation, unsafe.Pointer(&buffer[0]), size, &size) != nil {
		return ""
	}
	return (*windows.NTUnicodeString)(unsafe.Pointer(&buffer[0])).String()
}

// remote reports whether a path lies on another machine: while the PC is cut off, reading
// it hangs.
func remote(path string) bool {
	volume := filepath.VolumeName(path)
	if strings.HasPrefix(volume, `\\`) && !strings.HasPrefix(volume, `\\?\`) {
		return true
	}
	root, err := windows.UTF16PtrFromString(volume + `\`)
	return err == nil && windows.GetDriveType(root) == windows.DRIVE_REMOTE
}

func winSessions(r *records) error {
	var first *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &first, &count); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	if first == nil {
		return nil
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(first)))
	states := [...]string{"active", "connected", "connect query", "shadow", "disconnected", "idle", "listen", "reset", "down", "init"}
	for _, s := range unsafe.Slice(first, count) {
		l := login{ID: fmt.Sprint(s.SessionID), Line: windows.UTF16PtrToString(s.WindowStationName)}
		if int(s.State) < len(states) {
			l.State = states[s.State]
		}
		const userName, clientName = 5, 10 // WTSUserName, WTSClientName
		l.User, l.From = sessionText(s.SessionID, userName), sessionText(s.SessionID, clientName)
		if !r.add(l) {
			break
		}
	}
	return nil
}

// sessionText asks for one text about a session; "" when it is not told.
func sessionText(id uint32, class uintptr) string {
	ask := windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")
	if ask.Find() != nil {
		return ""
	}
	var text *uint16
	var size uint32
	if ok, _, _ := ask.Call(0, uintptr(id), class, uintptr(unsafe.Pointer(&text)), uintptr(unsafe.Pointer(&size))); ok == 0 || text == nil {
		return ""
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(text)))
	return clip(windows.UTF16PtrToString(text), 256)
}

// startKey is a value of the registry that makes something start by itself.
type startKey struct {
	Kind    string `json:"kind"`
	Path    string `json:"path"`
	Command string `json:"command"` // masked
	Start   string `json:"start,omitempty"`
}

func winAutoruns(ctx context.Context, r *records, sums *hashes) error {
	mask := newMasker()
	var problems []error
	for _, k := range runKeys() {
		problems = append(problems, k.values(r, mask))
	}
	problems = append(problems, winServices(ctx, r, mask))

	system, err := windows.GetSystemDirectory()
	problems = append(problems, err)
	places := []place{
		{"task", filepath.Join(system, "Tasks")},
		{"startup", filepath.Join(os.Getenv("ProgramData"), `Microsoft\Windows\Start Menu\Programs\StartUp`)},
	}
	profiles, err := windows.KnownFolderPath(windows.FOLDERID_UserProfiles, 0)
	problems = append(problems, err)
	people, err := os.ReadDir(profiles)
	problems = append(problems, err)
	for _, p := range people {
		places = append(places, place{"startup", filepath.Join(profiles, p.Name(), `AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup`)})
	}
	far := func(path string) string {
		if remote(path) {
			return "it lies on a network drive"
		}
		return ""
	}
	problems = append(problems, listAutoruns(ctx, r, places, maxAutoruns, sums, func(p string) string { return p }, far))
	return errors.Join(problems...)
}

// runKey is a key whose values are command lines.
type runKey struct {
	root registry.Key
	name string // of root
	path string
}

// runKeys are the Run keys of the machine and of everybody who is logged in.
func runKeys() []runKey {
	paths := []string{
		`Software\Microsoft\Windows\CurrentVersion\Run`, `Software\Microsoft\Windows\CurrentVersion\RunOnce`,
		`Software\WOW6432Node\Microsoft\Windows\CurrentVersion\Run`, `Software\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce`,
		`Software\Microsoft\Windows NT\CurrentVersion\Winlogon`,
	}
	var all []runKey
	for _, p := range paths {
		all = append(all, runKey{registry.LOCAL_MACHINE, "HKLM", p})
	}
	people, err := registry.USERS.ReadSubKeyNames(1000)
	if err != nil && !errors.Is(err, io.EOF) {
		return all
	}
	for _, sid := range people {
		for _, p := range paths {
			all = append(all, runKey{registry.USERS, "HKU", sid + `\` + p})
		}
	}
	return all
}

func (k runKey) values(r *records, mask *masker) error {
	key, err := registry.OpenKey(k.root, k.path, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf(`%s\%s: %w`, k.name, k.path, err)
	}
	defer key.Close()
	names, err := key.ReadValueNames(1000)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf(`%s\%s: %w`, k.name, k.path, err)
	}
	for _, name := range names {
		if strings.HasSuffix(k.path, "Winlogon") && !strings.EqualFold(name, "Shell") && !strings.EqualFold(name, "Userinit") {
			continue // the rest of this key is no autorun, and one of its values may be a password
		}
		command, _, err := key.GetStringValue(name)
		if err != nil {
			continue // no text
		}
		if !r.add(startKey{"run", clip(k.name+`\`+k.path+`\`+name, 1024), mask.commandLine(command), ""}) {
			return nil
		}
	}
	return nil
}

// winServices lists services and drivers that Windows knows, with how they start.
func winServices(ctx context.Context, r *records, mask *masker) error {
	const path = `SYSTEM\CurrentControlSet\Services`
	services, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return fmt.Errorf("services: %w", err)
	}
	defer services.Close()
	names, err := services.ReadSubKeyNames(maxAutoruns)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("services: %w", err)
	}
	starts := [...]string{"boot", "system", "automatic", "manual", "disabled"}
	for _, name := range names {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		key, err := registry.OpenKey(services, name, registry.QUERY_VALUE)
		if err != nil {
			continue // it has just gone
		}
		s := startKey{Kind: "service", Path: clip(`HKLM\`+path+`\`+name, 1024)}
		command, _, commandErr := key.GetStringValue("ImagePath")
		start, _, startErr := key.GetIntegerValue("Start")
		key.Close()
		if commandErr != nil {
			continue // a group of settings, no service
		}
		s.Command = mask.commandLine(command)
		if startErr == nil && start < uint64(len(starts)) {
			s.Start = starts[start]
		}
		if !r.add(s) {
			return nil
		}
	}
	return nil
}

// winDrives lists the drives; the label of a stick says whose it is, and is left out.
func winDrives(r *records) error {
	mask, err := windows.GetLogicalDrives()
	if err != nil {
		return fmt.Errorf("drives: %w", err)
	}
	types := [...]string{"unknown", "none", "removable", "fixed", "network", "optical", "memory"}
	for n := range 26 {
		if mask&(1<<n) == 0 {
			continue
		}
		m := mount{Point: string(rune('A'+n)) + `:\`}
		root, err := windows.UTF16PtrFromString(m.Point)
		if err != nil {
			return fmt.Errorf("drives: %w", err)
		}
		kind := windows.GetDriveType(root)
		if int(kind) < len(types) {
			m.Source = types[kind]
		}
		m.Removable = new(kind == windows.DRIVE_REMOVABLE)
		if kind != windows.DRIVE_REMOTE {
			var system [64]uint16
			var serial uint32
			if err := windows.GetVolumeInformation(root, nil, 0, &serial, nil, nil, &system[0], uint32(len(system))); err != nil {
				m.Note = reason(err)
			} else {
				m.Type, m.Device = windows.UTF16ToString(system[:]), fmt.Sprintf("%08X", serial)
			}
		}
		if !r.add(m) {
			return nil
		}
	}
	return nil
}

// winDrivers lists the drivers that are loaded.
func winDrivers(r *records) error {
	dll := windows.NewLazySystemDLL("psapi.dll")
	list, path := dll.NewProc("EnumDeviceDrivers"), dll.NewProc("GetDeviceDriverFileNameW")
	if err := errors.Join(list.Find(), path.Find()); err != nil {
		return fmt.Errorf("drivers: %w", err)
	}
	bases := make([]uintptr, maxDrivers)
	var size uint32
	if ok, _, err := list.Call(uintptr(unsafe.Pointer(&bases[0])), uintptr(len(bases))*unsafe.Sizeof(bases[0]), uintptr(unsafe.Pointer(&size))); ok == 0 {
		return fmt.Errorf("drivers: %w", err)
	}
	for _, base := range bases[:min(len(bases), int(size)/int(unsafe.Sizeof(bases[0])))] {
		var name [1024]uint16
		if n, _, err := path.Call(base, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name))); n == 0 {
			if errors.Is(err, syscall.ERROR_ACCESS_DENIED) {
				return errors.New("the names of drivers are told to administrators only")
			}
			continue
		}
		if !r.add(module{Name: windows.UTF16ToString(name[:])}) {
			return nil
		}
	}
	return nil
}
