package wine

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sekimori/internal/testkit/debian"
)

const (
	runTime = 3 * time.Minute // for one test program
	endTime = 20 * time.Second
)

//go:embed testdata/bcryptprimitives.c
var shim []byte

// Test builds the tests of a package for Windows and runs them all. pkg is its import
// path.
func Test(t *testing.T, pkg string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not under -short: Wine takes some seconds to start")
	}
	path, err := Find()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	w := prefix(t, path)

	exe := filepath.Join(t.TempDir(), "test.exe")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", exe, pkg)
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for Windows: %v\n%s", err, out)
	}
	out, err := w.run(t.Context(), exe, "-test.v=true", "-test.timeout=2m")
	if err != nil || !strings.Contains(out, "\nPASS") {
		t.Fatalf("under Wine: %v\n%s", err, out)
	}
	t.Log(out)
}

// world is a Windows system of Wine: a folder with its registry and drive C.
type world struct {
	wine, folder string
}

// noDisplay is what the registry holds so that windows can be opened and nobody sees them.
func noDisplay() []string {
	return []string{`HKCU\Software\Wine\Drivers`, "/v", "Graphics", "/d", "null", "/f"}
}

// recipe tells systems apart that were made in different ways.
func recipe() string {
	sum := sha256.Sum256(slices.Concat(shim, []byte(strings.Join(noDisplay(), " "))))
	return hex.EncodeToString(sum[:8])
}

// prefix gives the system that all tests of this machine share, made when it is missing.
// Only one test program at a time works in it: they would end each other's services.
func prefix(t *testing.T, path string) world {
	t.Helper()
	cache := os.Getenv(debian.CacheEnv)
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("there is no cache folder: name one in %s: %v", debian.CacheEnv, err)
		}
		cache = filepath.Join(user, "sekimori-test")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	name := "wine-" + recipe()
	lock, err := os.OpenFile(filepath.Join(cache, name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() }) // and with it the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("lock Wine's folder: %v", err)
	}

	w := world{path, filepath.Join(cache, name)}
	t.Cleanup(w.end)
	dll := filepath.Join(w.folder, "drive_c/windows/system32/bcryptprimitives.dll")
	_, err = os.Stat(dll)
	if err == nil {
		return w
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.RemoveAll(w.folder); err != nil { // half made
		t.Fatal(err)
	}
	if out, err := w.run(t.Context(), "wineboot", "--init"); err != nil {
		t.Fatalf("make a Windows system: %v\n%s", err, out)
	}
	if out, err := w.run(t.Context(), append([]string{"reg", "add"}, noDisplay()...)...); err != nil {
		t.Fatalf("choose no display: %v\n%s", err, out)
	}
	// Whoever began to write the registry must have ended before it is used.
	if err := w.server("-w"); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "bcryptprimitives.c")
	if err := os.WriteFile(source, shim, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), compiler, "-shared", "-nostdlib", "-o", dll, source, "-ladvapi32", "-Wl,-e,0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build bcryptprimitives.dll: %v\n%s", err, out)
	}
	return w
}

func (w world) env() []string {
	return append(os.Environ(), "WINEPREFIX="+w.folder, "WINEDEBUG=-all", "WINEARCH=win64",
		"WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=d") // else it asks for a browser and adds to the menu
}

// run starts a Windows program and gives what it wrote. Output goes through a file:
// Wine's own background processes would hold a pipe open for a minute.
func (w world) run(ctx context.Context, args ...string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, runTime)
	defer stop()
	out, err := os.CreateTemp("", "wine")
	if err != nil {
		return "", fmt.Errorf("wine: %w", err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.CommandContext(ctx, w.wine, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env(), out, out
	cmd.SysProcAttr = alone()
	ended := cmd.Run()
	text, err := os.ReadFile(out.Name())
	return string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))), errors.Join(ended, err)
}

// alone gives a program a network of its own: Windows programs under test see, and can
// reach, nothing of this machine's.
func alone() *syscall.SysProcAttr {
	if os.Geteuid() == 0 {
		return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	}
	same := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
	}
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
		UidMappings: same(os.Geteuid()), GidMappings: same(os.Getegid()),
	}
}

// server speaks to the background process of this system alone.
func (w world) server(arg string) error {
	path, err := exec.LookPath("wineserver")
	if err != nil { // Debian keeps it beside the programs
		path = "/usr/lib/wine/wineserver"
	}
	ctx, stop := context.WithTimeout(context.Background(), endTime)
	defer stop()
	cmd := exec.CommandContext(ctx, path, arg)
	cmd.Env = w.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("wineserver %s: %w\n%s", arg, err, out)
	}
	return nil
}

// end ends everything that runs in it; there may be nothing left.
func (w world) end() { _ = w.server("-k") }
