package nspawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sekimori/internal/kit/id"
	"sekimori/internal/testkit/debian"
)

const (
	buildTime = 10 * time.Minute // a download may be slow
	bootTime  = 2 * time.Minute  // a second when nothing else runs
)

// Machine is one running Debian. Its methods are for the test's own goroutine; Run may
// be called from any.
type Machine struct {
	t      testing.TB
	opt    Options
	name   string
	nspawn string // the program
	disk   *disk

	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has ended and was waited for
	console bytes.Buffer  // what was printed while booting; read it after ended
	leader  int           // the machine's process 1, as this machine counts
}

// Boot makes a machine and waits until it has started everything. It is ended with the
// test, which then prints the end of the machine's log if it failed.
func Boot(t testing.TB, opt Options) *Machine {
	t.Helper()
	program := need(t)
	ctx, cancel := context.WithTimeout(t.Context(), buildTime)
	defer cancel()
	root, err := debian.Rootfs(ctx, opt.Packages...)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDisk(t.TempDir(), root)
	if err != nil {
		t.Fatalf("make the machine's disk: %v", err)
	}
	m := &Machine{t: t, opt: opt, name: "sekimori-" + id.Secret(8), nspawn: program, disk: d}
	t.Cleanup(func() {
		if t.Failed() && m.leader != 0 {
			out, err := m.Run(context.Background(), "journalctl", "--no-pager", "-n", "60")
			t.Logf("the end of the machine's log (%v):\n%s", err, out)
		}
		if err := m.Close(); err != nil {
			t.Errorf("end the machine: %v", err)
		}
	})
	if err := m.start(); err != nil {
		t.Fatal(err)
	}
	return m
}

// need skips the test where no machine can be booted, or ends it where that is no excuse.
func need(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped under -short: boots a machine")
	}
	program, err := Find()
	if _, missing := debian.Find(); missing != nil {
		err = errors.Join(err, missing)
	}
	if os.Geteuid() != 0 {
		err = errors.Join(err, errors.New("booting a machine needs root"))
	}
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	return program
}

// start boots from the disk as it is.
func (m *Machine) start() error {
	args := []string{"--quiet", "--directory=" + m.disk.root, "--machine=" + filepath.Base(m.disk.dir), "--register=no", "--keep-unit",
		"--console=pipe", "--resolv-conf=off", "--boot"}
	if m.opt.NetNS == "" {
		args = append(args, "--private-network")
	} else {
		args = append(args, "--network-namespace-path="+m.opt.NetNS)
	}
	for _, b := range m.opt.Binds {
		args = append(args, "--bind-ro="+b)
	}
	m.console.Reset()
	cmd := exec.Command(m.nspawn, args...)
	cmd.Stdout, cmd.Stderr = &m.console, &m.console
	cmd.WaitDelay = 5 * time.Second
	group, err := newGroup(m.name)
	if err != nil {
		return err
	}
	defer group.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, UseCgroupFD: true, CgroupFD: int(group.Fd())}
	if err := m.disk.run(cmd.Start); err != nil {
		return fmt.Errorf("start systemd-nspawn: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait() // how it ended is on the console
	}()
	m.cmd, m.ended = cmd, ended
	return m.awaitBoot()
}

func (m *Machine) awaitBoot() error {
	ctx, cancel := context.WithTimeout(m.t.Context(), bootTime)
	defer cancel()
	for {
		var state string
		if m.leader = m.findLeader(); m.leader != 0 {
			state, _ = m.Run(ctx, "systemctl", "is-system-running", "--wait") // its status says the same
		}
		switch strings.TrimSpace(state) {
		case "running":
			return nil
		case "degraded", "maintenance":
			failed, err := m.Run(ctx, "systemctl", "--failed", "--no-legend")
			return errors.Join(fmt.Errorf("the machine is %s: %s", strings.TrimSpace(state), failed), err)
		}
		select {
		case <-m.ended:
			m.leader = 0
			return fmt.Errorf("the machine ended while booting:\n%s", &m.console)
		case <-ctx.Done():
			return fmt.Errorf("the machine does not come up: %w", ctx.Err())
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// findLeader returns the child of systemd-nspawn that is process 1 of its own namespace;
// 0 while there is none. An earlier child prepares the namespaces and is still outside.
func (m *Machine) findLeader() int {
	pid := strconv.Itoa(m.cmd.Process.Pid)
	children, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil {
		return 0
	}
	for _, child := range strings.Fields(string(children)) {
		status, err := os.ReadFile(filepath.Join("/proc", child, "status"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			pids, ok := strings.CutPrefix(line, "NSpid:")
			if f := strings.Fields(pids); ok && len(f) > 1 && f[len(f)-1] == "1" {
				n, err := strconv.Atoi(child)
				if err == nil {
					return n
				}
			}
		}
	}
	return 0
}

// NetNS is the path of the network namespace that the machine lives in, for giving it
// links or a neighbour. It is good until the machine ends or reboots.
func (m *Machine) NetNS() string { return filepath.Join("/proc", strconv.Itoa(m.leader), "ns", "net") }

// Run runs a program inside as root, with nothing on its standard input, and returns
// what it printed; what it complained about is part of the error.
func (m *Machine) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target", strconv.Itoa(m.leader), "--all", "--"}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &complaint, 5*time.Second
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, &complaint)
	}
	return out.String(), nil
}

// CopyIn copies a file of this machine to an absolute path inside, owned by root.
// Folders that are missing there are made.
func (m *Machine) CopyIn(from, to string, mode fs.FileMode) {
	m.t.Helper()
	f, err := os.Open(from)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	if err := m.write(to, f, mode); err != nil {
		m.t.Fatalf("copy %s to %s inside: %v", from, to, err)
	}
}

// Write makes a file of the given text inside, as CopyIn does.
func (m *Machine) Write(to, text string, mode fs.FileMode) {
	m.t.Helper()
	if err := m.write(to, strings.NewReader(text), mode); err != nil {
		m.t.Fatalf("write %s inside: %v", to, err)
	}
}

// write keeps to the machine's own files, whatever links it has.
func (m *Machine) write(to string, from io.Reader, mode fs.FileMode) (err error) {
	root, err := os.OpenRoot(filepath.Join("/proc", strconv.Itoa(m.leader), "root"))
	if err != nil {
		return err
	}
	defer root.Close()
	name := strings.TrimPrefix(path.Clean(to), "/")
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// Reboot cuts the power and boots again. What was written is there again, synced or not:
// the disk itself loses nothing.
func (m *Machine) Reboot() {
	m.t.Helper()
	m.kill()
	if err := m.start(); err != nil {
		m.t.Fatalf("boot again: %v", err)
	}
}

// Close ends the machine and waits until it is gone, with its disk. Boot has arranged
// for it; calling it twice does no harm.
func (m *Machine) Close() error {
	m.kill()
	return errors.Join(m.disk.close(), removeGroup(m.name))
}

// kill ends process 1, and with it the kernel ends all others of the machine.
func (m *Machine) kill() {
	if m.cmd == nil {
		return
	}
	if m.leader == 0 {
		m.cmd.Process.Kill() // fails only when it has ended
	} else {
		syscall.Kill(m.leader, syscall.SIGKILL) // so does this
	}
	<-m.ended
	m.cmd, m.leader = nil, 0
}
