package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Programs that Eject stops for the moment are written down first. When this process is
// killed before it has let them go on, the next one does: Recover.

const (
	stoppedNames = "stopped" // in runFolder: a file for each device, with the programs that wait
	maxWriters   = 256       // how many programs are stopped
)

// writer is a process, and no later one of its number.
type writer struct {
	pid   int
	start uint64 // ticks after the boot
}

// writer reads who has a number now; state is one letter of man 5 proc. ok is false when
// nobody has.
func (h *linux) writer(pid int) (p writer, state string, ok bool) {
	s, ticks, err := parseStat(attribute(h.o.Proc, strconv.Itoa(pid), "stat"))
	return writer{s.PID, ticks}, s.State, err == nil && s.PID == pid
}

// signal sends to p, and to nobody who has its number now.
func (h *linux) signal(p writer, s unix.Signal) error {
	to, err := os.FindProcess(p.pid) // from here on that very process
	if err != nil {
		return err
	}
	defer to.Release()
	if now, _, ok := h.writer(p.pid); !ok || now != p {
		return os.ErrProcessDone
	}
	return to.Signal(s)
}

// stopWriters stops the programs that hold a file on the devices with these numbers open for
// writing, and gives those that must be let go on. path is what they are stopped for. It
// stops nobody whom it could not write down.
func (h *linux) stopWriters(ctx context.Context, path string, numbers map[string]bool) (stopped []writer, err error) {
	var note strings.Builder
	for _, p := range h.writers(ctx, numbers) {
		stopped = append(stopped, p)
		fmt.Fprintf(&note, "%d %d\n", p.pid, p.start)
	}
	if len(stopped) == 0 {
		return nil, nil
	}
	err = os.MkdirAll(h.runtime(stoppedNames), 0o700)
	if err == nil {
		err = writeWhole(h.runtime(stoppedNames, path), []byte(note.String()), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("stop who writes: %w", err)
	}
	for _, p := range stopped {
		if serr := h.signal(p, unix.SIGSTOP); serr != nil && !errors.Is(serr, os.ErrProcessDone) {
			err = errors.Join(err, fmt.Errorf("stop process %d: %w", p.pid, serr))
		}
	}
	return stopped, err
}

// writers are the programs that write. Who is stopped already writes nothing, and goes on
// when whoever has stopped it says so.
func (h *linux) writers(ctx context.Context, numbers map[string]bool) (out []writer) {
	processes, err := filepath.Glob(filepath.Join(h.o.Proc, "[0-9]*"))
	if err != nil {
		return nil // the pattern is right
	}
	for _, dir := range processes {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid <= 1 || pid == os.Getpid() || ctx.Err() != nil || len(out) == maxWriters {
			continue
		}
		p, state, ok := h.writer(pid)
		if ok && state != "T" && state != "t" && writesTo(dir, numbers) {
			out = append(out, p)
		}
	}
	return out
}

// goOn lets programs go on that were stopped for a device.
func (h *linux) goOn(path string, stopped []writer) error {
	if len(stopped) == 0 {
		return nil
	}
	var errs []error
	for _, p := range stopped {
		if err := h.signal(p, unix.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("let process %d go on: %w", p.pid, err))
		}
	}
	if err := os.Remove(h.runtime(stoppedNames, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, fmt.Errorf("let programs go on: %w", err))
	}
	return errors.Join(errs...)
}

func (h *linux) Recover(context.Context) error {
	notes, err := os.ReadDir(h.runtime(stoppedNames))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nobody was ever stopped
	}
	if err != nil {
		return fmt.Errorf("find who was stopped: %w", err)
	}
	var errs []error
	for _, note := range notes {
		if strings.HasPrefix(note.Name(), ".") {
			continue // half a note: nobody was stopped for it
		}
		text, err := readSome(h.runtime(stoppedNames, note.Name()), maxWriters*64)
		if err != nil {
			errs = append(errs, fmt.Errorf("find who was stopped: %w", err))
			continue
		}
		errs = append(errs, h.goOn(note.Name(), stoppedIn(string(text))))
	}
	return errors.Join(errs...)
}

// stoppedIn reads a note.
func stoppedIn(note string) (out []writer) {
	for line := range strings.Lines(note) {
		pid, start, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(pid)
		ticks, terr := strconv.ParseUint(start, 10, 64)
		if err == nil && terr == nil && n > 1 {
			out = append(out, writer{n, ticks})
		}
	}
	return out
}
