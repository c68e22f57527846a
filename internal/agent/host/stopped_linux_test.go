package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper is a process that the made-up /proc shows; it holds file open for writing.
func (x *tree) sleeper(file *os.File) (pid int) {
	x.t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.Stdout = file
	must(x.t, cmd.Start())
	x.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	pid = cmd.Process.Pid
	must(x.t, os.Symlink(fmt.Sprintf("/proc/%d", pid), filepath.Join(x.dir, "proc", fmt.Sprint(pid))))
	return pid
}

// stands waits until a process is stopped, or runs.
func (x *tree) stands(pid int, stopped bool) {
	x.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		_, state, ok := x.h.writer(pid)
		if ok && (state == "T") == stopped {
			return
		}
		if time.Now().After(end) {
			x.t.Fatalf("process %d is %q", pid, state)
		}
	}
}

// TestWhoWasStoppedGoesOn after the process that has stopped it was killed.
func TestWhoWasStoppedGoesOn(t *testing.T) {
	t.Parallel()
	x, ctx := newTree(t), t.Context()
	file, err := os.Create(filepath.Join(x.dir, "busy.bin"))
	must(t, err)
	defer file.Close()
	var st unix.Stat_t
	must(t, unix.Fstat(int(file.Fd()), &st))
	here := map[string]bool{fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)): true}
	writes, idle, paused := x.sleeper(file), x.sleeper(nil), x.sleeper(file)
	must(t, unix.Kill(paused, unix.SIGSTOP)) // by its person
	x.stands(paused, true)

	stopped, err := x.h.stopWriters(ctx, "3-1", here)
	if err != nil || len(stopped) != 1 || stopped[0].pid != writes {
		t.Fatalf("%+v, %v", stopped, err)
	}
	x.stands(writes, true)
	x.stands(idle, false)
	if note := x.get("run/sekimori/stopped/3-1"); note != fmt.Sprintf("%d %d", writes, stopped[0].start) {
		t.Errorf("%q", note)
	}
	// Here it is killed, and another one comes. Somebody else has a number of that note.
	must(t, unix.Kill(idle, unix.SIGSTOP))
	x.stands(idle, true)
	x.set("run/sekimori/stopped/3-1", fmt.Sprintf("%d %d\n%d 1\nnonsense\n1 1\n4194305 7", writes, stopped[0].start, idle))
	again := New(x.h.o).(*linux)
	must(t, again.Recover(ctx))
	x.stands(writes, false)
	x.stands(idle, true)
	x.stands(paused, true)
	if _, err := os.Stat(filepath.Join(x.dir, "run/sekimori/stopped/3-1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the note stays: %v", err)
	}
	must(t, again.Recover(ctx))
}

// TestNobodyIsStoppedWithoutANote that would let them go on.
func TestNobodyIsStoppedWithoutANote(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	file, err := os.Create(filepath.Join(x.dir, "busy.bin"))
	must(t, err)
	defer file.Close()
	var st unix.Stat_t
	must(t, unix.Fstat(int(file.Fd()), &st))
	pid := x.sleeper(file)
	x.set("run/sekimori/stopped", "a file where a folder must be")
	stopped, err := x.h.stopWriters(t.Context(), "3-1", map[string]bool{fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)): true})
	if err == nil || len(stopped) != 0 {
		t.Errorf("%+v, %v", stopped, err)
	}
	x.stands(pid, false)
	if err := x.h.Recover(t.Context()); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("%v", err)
	}
}
