package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestScanProgress: a terminal is told how far it is; stopped there, the scan says so and clears its line.
func TestScanProgress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 3000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.csv", i)), []byte(customers), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		program := Program{Name: "sekimori-agent", Idle: func() error { return nil }}
		env := func(string) string { return "" }
		args := []string{"scan", "--state", "", "--cap", "1%", dir}
		var out bytes.Buffer
		ended <- Main(ctx, program, args, env, strings.NewReader(""), &out, terminal)
	}()
	seen := ""
	buf := make([]byte, 4096)
	for !strings.Contains(seen, " left") {
		k, err := master.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
		seen += string(buf[:k])
	}
	cancel()
	if !strings.Contains(seen, " of 3,000 files") {
		t.Errorf("%q", seen)
	}
	for seen = ""; !strings.Contains(seen, "Stopped before"); {
		k, err := master.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
		seen += string(buf[:k])
	}
	if !strings.Contains(seen, "\r\x1b[K") {
		t.Errorf("the line was not cleared: %q", seen)
	}
	select {
	case code := <-ended:
		if code != exitUsage {
			t.Errorf("status %d", code)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	if err := terminal.Close(); err != nil {
		t.Error(err)
	}
}
