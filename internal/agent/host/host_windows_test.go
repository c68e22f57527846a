package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/tailscale/wf"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// TestMain is also the service that TestService installs: it runs until it is stopped.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "run" {
		until := func(ctx context.Context) error { <-ctx.Done(); return nil }
		if err := svc.Run(serviceName, &service{run: until}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// inWine skips a test that would change the machine it runs on, unless that is Wine.
func inWine(t *testing.T) {
	t.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() != nil {
		t.Skip("this would change the machine: it runs under Wine only")
	}
}

func items(t *testing.T, take func(context.Context, func(string, func(io.Writer) error) error) error) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := take(t.Context(), func(name string, write func(io.Writer) error) error {
		var b bytes.Buffer
		err := write(&b)
		all[name] = b.String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// lines reads the lines of an item that are no notes; the notes are logged.
func lines[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, `{"note"`) {
			t.Log(line)
			continue
		}
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, v)
	}
	return all
}

func TestWhatWindowsIsCalled(t *testing.T) {
	h := New(Options{})
	if h.Name() == "" {
		t.Error("this PC has no name")
	}
	first, err := h.Boot()
	if err != nil || first == "" {
		t.Fatalf("%q, %v", first, err)
	}
	if second, err := h.Boot(); err != nil || second != first {
		t.Errorf("the boot is %q and then %q, %v", first, second, err)
	}
}

// Wine has no filter engine. Then nothing may seem to have worked.
func TestNoFilterEngineIsSaid(t *testing.T) {
	inWine(t)
	h := New(Options{})
	allow := Allow{Servers: []Endpoint{netip.MustParseAddrPort("192.0.2.1:8420")}}
	for what, err := range map[string]error{
		"cut": h.Cut(t.Context(), allow), "standing": h.Standing(t.Context(), allow), "open": h.Open(t.Context()),
	} {
		if err == nil || !strings.Contains(err.Error(), "Windows Filtering Platform") {
			t.Errorf("%s gave %v", what, err)
		}
	}
}

// The library's session still has the handle that transactions need, and the engine's own
// structure is laid out as in fwpmtypes.h for 64 bits.
func TestFilterLibrary(t *testing.T) {
	if _, err := sessionHandle(&wf.Session{}); err != nil {
		t.Error(err)
	}
	var f filterHead
	for name, at := range map[string][2]uintptr{
		"flags": {unsafe.Offsetof(f.flags), 32}, "provider": {unsafe.Offsetof(f.provider), 40}, "data": {unsafe.Offsetof(f.data), 56},
		"layer": {unsafe.Offsetof(f.layer), 64}, "sublayer": {unsafe.Offsetof(f.sublayer), 80},
		"conditions": {unsafe.Offsetof(f.conditions), 112}, "action": {unsafe.Offsetof(f.action), 128},
	} {
		if at[0] != at[1] {
			t.Errorf("%s lies at %d, not %d", name, at[0], at[1])
		}
	}
}

func TestFiltersForTheLibrary(t *testing.T) {
	filters := wfpFilters(Allow{Servers: []Endpoint{netip.MustParseAddrPort("192.0.2.1:8420")}})
	keys := map[wf.RuleID]bool{}
	for n, f := range filters {
		r := wfpRule(n, f)
		if r.Layer.IsZero() || keys[r.ID] || r.Persistent == r.BootTime || r.BootTime != f.boot || r.HardAction != f.permit {
			t.Errorf("%s became %+v", f, r)
		}
		keys[r.ID] = true
	}
	last := wfpRule(len(filters)-1, filters[len(filters)-1])
	var got []string
	for _, m := range last.Conditions {
		got = append(got, fmt.Sprint(m.Value))
	}
	if !slices.Equal(got, []string{"TCP", "192.0.2.1/32", "8420"}) || last.Action != wf.ActionPermit {
		t.Errorf("the server's permit is %v, %v", last.Action, got)
	}
}

func TestGlanceOnWindows(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	mine := listener.Addr().(*net.TCPAddr).AddrPort()
	all := items(t, New(Options{}).Glance)
	found := lines[connection](t, all["connections.jsonl"])
	at := slices.IndexFunc(found, func(c connection) bool { return c.Local == mine && c.State == "listen" })
	if at < 0 {
		t.Fatalf("the listener on %v is not among %d", mine, len(found))
	}
	if pid := found[at].PID; pid != os.Getpid() && pid != 0 { // Wine may not know
		t.Errorf("it belongs to %d, not to %d", pid, os.Getpid())
	}
	if _, ok := all["neighbours.jsonl"]; !ok {
		t.Error("no neighbours")
	}
}

func TestCollectOnWindows(t *testing.T) {
	inWine(t)
	const run = `Software\Microsoft\Windows\CurrentVersion\Run`
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, run, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if err := key.SetStringValue("Sekimori test", `"C:\tool.exe" --password hunter2`); err != nil {
		t.Fatal(err)
	}
	defer key.DeleteValue("Sekimori test")

	all := items(t, New(Options{}).Collect)
	for _, name := range []string{"processes.jsonl", "sessions.jsonl", "autoruns.jsonl", "mounts.jsonl", "modules.jsonl", "log.jsonl"} {
		if _, ok := all[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	processes := lines[process](t, all["processes.jsonl"])
	at := slices.IndexFunc(processes, func(p process) bool { return p.PID == os.Getpid() })
	if at < 0 {
		t.Fatalf("this process is not among %+v", processes)
	}
	if p := processes[at]; len(p.SHA256) != 64 || p.Started == nil || !strings.HasSuffix(p.Exe, "test.exe") {
		t.Errorf("this process is %+v", p)
	}
	runs := lines[startKey](t, all["autoruns.jsonl"])
	if !slices.ContainsFunc(runs, func(s startKey) bool {
		return s.Path == `HKLM\`+run+`\Sekimori test` && s.Command == `C:\tool.exe --password ***`
	}) {
		t.Errorf("the run key is not among %d", len(runs))
	}
	if !slices.ContainsFunc(runs, func(s startKey) bool { return s.Kind == "service" && s.Start != "" }) {
		t.Error("no service starts by itself")
	}
	drives := lines[mount](t, all["mounts.jsonl"])
	if !slices.ContainsFunc(drives, func(m mount) bool { return m.Point == `C:\` }) {
		t.Errorf("the drives are %+v", drives)
	}
}

func TestService(t *testing.T) {
	inWine(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := New(Options{})
	for range 2 { // the second time over the first
		if err := h.Install(t.Context(), exe, `C:\Program Data\Sekimori`); err != nil {
			t.Fatal(err)
		}
	}
	m, err := mgr.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Disconnect()
	s, err := m.OpenService(serviceName)
	if err != nil {
		t.Fatal(err)
	}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\`+serviceName, registry.QUERY_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if path, _, err := key.GetStringValue("ImagePath"); err != nil || !strings.HasSuffix(path, ` run --state "C:\Program Data\Sekimori"`) {
		t.Errorf("it starts %s, %v", path, err)
	}
	if start, _, err := key.GetIntegerValue("Start"); err != nil || start != mgr.StartAutomatic {
		t.Errorf("it starts as %d, %v", start, err)
	}
	if status, err := s.Query(); err != nil || status.State != svc.Running {
		t.Errorf("it is %+v, %v", status, err)
	}
	s.Close()
	for range 2 { // the second time there is nothing
		if err := h.Uninstall(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.OpenService(serviceName); !errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		t.Errorf("after the removal: %v", err)
	}
}

func TestWhatWindowsCannotDo(t *testing.T) {
	inWine(t)
	h := New(Options{})
	if err := h.Watch(t.Context(), func() {}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("watching gave %v", err)
	}
	if done, err := h.SwitchWifi(t.Context(), false, nil, true); err != nil || done != "this PC has no Wi-Fi" {
		t.Errorf("Wi-Fi: %q, %v", done, err)
	}
}

// Wine opens windows but knows no reason against shutting down: that is said, and no
// window is left.
func TestHoldPower(t *testing.T) {
	inWine(t)
	if _, err := New(Options{}).HoldPower(t.Context(), strings.Repeat("感染の疑い ", 100)); err == nil || !strings.Contains(err.Error(), "ShutdownBlockReasonCreate") {
		t.Errorf("holding the power gave %v", err)
	}
	if windowThere(t) {
		t.Error("the window stays")
	}
	if got := holdProcedure(0, messageQueryEndSession, 0, 0); got != 0 {
		t.Errorf("the end of the session is answered with %d", got)
	}
}

func TestHoldWindow(t *testing.T) {
	inWine(t)
	begun, ended := make(chan uint32, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		w, err := openWindow()
		begun <- windows.GetCurrentThreadId()
		if err == nil {
			answer()
			err = user32("DestroyWindow", uintptr(w))
		}
		ended <- err
	}()
	thread := <-begun
	if !windowThere(t) {
		t.Error("there is no window")
	}
	if err := user32("PostThreadMessageW", uintptr(thread), messageQuit, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if windowThere(t) {
		t.Error("the window stays")
	}
}

func windowThere(t *testing.T) bool {
	t.Helper()
	name, err := windows.UTF16PtrFromString(windowClass)
	if err != nil {
		t.Fatal(err)
	}
	return user32("FindWindowW", uintptr(unsafe.Pointer(name)), 0) == nil
}
