package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/testkit/debian"
	"sekimori/internal/testkit/qemu/call"
)

const (
	buildTime = 10 * time.Minute // a download may be slow
	bootTime  = 4 * time.Minute  // some ten seconds when nothing else runs
	endTime   = 2 * time.Minute  // for stopping in order
	diskSize  = "1536M"
)

// Machine is one emulated computer. Its methods are for the test's own goroutine; Run
// may be called from any.
type Machine struct {
	t    testing.TB
	opt  Options
	qemu string // the program
	dir  string // of this machine's files
	root string // what its disk was made of, for kernel and modules

	cmd     *exec.Cmd
	ended   <-chan struct{} // closed when cmd has ended and was waited for
	port    *port
	monitor *monitor
	sockets []plugged // those with something in them
}

// Boot makes a machine and waits until it has started everything. It is ended with the
// test, which then prints the end of its console if it failed.
func Boot(t testing.TB, opt Options) *Machine {
	t.Helper()
	program := Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), buildTime)
	defer cancel()
	packages := append(Packages(opt.USB), opt.Packages...)
	root, err := debian.Rootfs(ctx, packages...)
	if err != nil {
		t.Fatal(err)
	}
	disk, err := debian.Cached(ctx, "disk-"+filepath.Base(root), func(ctx context.Context, dir string) error {
		return makeDisk(ctx, root, filepath.Join(dir, "disk"))
	})
	if err != nil {
		t.Fatalf("make a disk: %v", err)
	}
	m := &Machine{t: t, opt: opt, qemu: program, dir: t.TempDir(), root: root}
	if err := output(exec.CommandContext(ctx, "cp", "--sparse=always", filepath.Join(disk, "disk"), m.path("disk"))); err != nil {
		t.Fatalf("copy the disk: %v", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", m.path("inside"), "sekimori/internal/testkit/qemu/inside")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := output(build); err != nil {
		t.Fatalf("build what runs inside: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the machine's console:\n%s", m.Console(4000))
		}
		m.CutPower()
	})
	if err := m.start(opt.Files); err != nil {
		t.Fatal(err)
	}
	return m
}

// Need skips the test where no machine can be booted, or ends it where that is no excuse.
// It returns the path of QEMU. Boot asks by itself.
func Need(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped under -short: boots an emulated machine")
	}
	program, err := Find()
	if _, missing := debian.Find(); missing != nil {
		err = errors.Join(err, missing)
	}
	if os.Geteuid() != 0 {
		err = errors.Join(err, errors.New("making a machine's disk needs root"))
	}
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	return program
}

func makeDisk(ctx context.Context, root, disk string) error {
	return output(exec.CommandContext(ctx, "/sbin/mke2fs", "-q", "-t", "ext4", "-m", "0", "-d", root, disk, diskSize))
}

// output runs a program whose words are wanted only when it fails.
func output(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}

func (m *Machine) path(name string) string { return filepath.Join(m.dir, name) }

// one finds the one file of the machine's Debian that a pattern means.
func (m *Machine) one(pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(m.root, pattern))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d files are %s, want one", len(found), pattern)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// commandLine is what the kernel and systemd are told.
func commandLine() string {
	words := []string{
		"console=ttyS0", "loglevel=4", "systemd.show_status=0", // a serial line is slow
		"panic=-1", // with QEMU's -no-reboot: ends it
		"nokaslr", "mitigations=off", "random.trust_cpu=on",
		// The kernel tests its timer against a clock that a busy computer does not keep, and
		// stops when they differ.
		"no_timer_check",
	}
	// What a machine without a screen, old disks or a trusted chip has no use for.
	for _, unit := range []string{"serial-getty@ttyS0.service", "getty@tty1.service", "apt-daily.timer", "apt-daily-upgrade.timer",
		"e2scrub_reap.service", "e2scrub_all.timer", "fstrim.timer", "dpkg-db-backup.timer", "modprobe@configfs.service", "modprobe@dm_mod.service",
		"modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@loop.service", "sys-kernel-config.mount",
		"sys-fs-fuse-connections.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount", "dev-mqueue.mount",
		"systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-pstore.service", "systemd-binfmt.service"} {
		words = append(words, "systemd.mask="+unit)
	}
	return strings.Join(words, " ")
}

// start switches the power on and waits for the boot.
func (m *Machine) start(files []File) error {
	kernel, err := m.one("boot/vmlinuz-*")
	if err != nil {
		return err
	}
	moduleDir, err := m.one("lib/modules/*")
	if err != nil {
		return err
	}
	first, err := initramfs(m.path("inside"), moduleDir, files)
	if err != nil {
		return fmt.Errorf("make the first file system: %w", err)
	}
	if err := os.WriteFile(m.path("initramfs"), first, 0o600); err != nil {
		return err
	}
	m.port, err = listen(m.path("port"))
	if err != nil {
		return err
	}
	monitors, err := listenMonitor(m.path("monitor"))
	if err != nil {
		m.port.close()
		return err
	}
	cmd := exec.Command(m.qemu, "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "512",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", kernel, "-initrd", m.path("initramfs"),
		"-append", commandLine(),
		"-chardev", "file,id=console,append=on,path="+m.path("console"), "-serial", "chardev:console",
		// Killing this process loses nothing that the machine has given to its disk.
		"-drive", "file="+m.path("disk")+",if=virtio,format=raw,cache=unsafe",
		"-device", "virtio-serial-pci", "-chardev", "socket,id=port,path="+m.path("port"),
		"-device", "virtserialport,chardev=port,name="+call.Port,
		"-netdev", "tap,id=net,ifname="+m.opt.Tap+",script=no,downscript=no",
		"-device", "virtio-net-pci,netdev=net,romfile=,mac="+MAC,
		"-S", "-chardev", "socket,id=monitor,path="+m.path("monitor"), "-mon", "chardev=monitor,mode=control")
	if m.opt.USB {
		// With fewer sockets of both speeds QEMU adds a hub by itself.
		cmd.Args = append(cmd.Args, "-device", "qemu-xhci,id=xhci,p2=15,p3=15")
	}
	if m.opt.Card != "" {
		cmd.Args = append(cmd.Args, "-device", "sdhci-pci", "-drive", "if=none,id=card,format=raw,file="+m.opt.Card, "-device", "sd-card,drive=card")
	}
	var words strings.Builder
	cmd.Stdout, cmd.Stderr = &words, &words
	ended, err := m.opt.Space.Keep(cmd)
	if err != nil {
		m.port.close()
		return errors.Join(fmt.Errorf("start QEMU: %w", err), monitors.Close())
	}
	m.cmd, m.ended = cmd, ended
	ctx, cancel := context.WithTimeout(m.t.Context(), bootTime)
	defer cancel()
	go func() { <-ended; monitors.Close() }() // nobody will connect
	err = m.begin(monitors)
	if err == nil {
		err = m.awaitBoot(ctx)
	}
	if err != nil {
		select {
		case <-ended:
			return fmt.Errorf("%w: QEMU has ended: %s", err, words.String())
		default:
			return err
		}
	}
	return nil
}

// begin lets the machine run, once everything is in its socket.
func (m *Machine) begin(monitors *net.UnixListener) error {
	var err error
	if m.monitor, err = meetMonitor(monitors); err != nil {
		return err
	}
	for _, p := range m.sockets {
		if err := p.in(m.monitor); err != nil {
			return err
		}
	}
	return m.monitor.do("cont", nil)
}

func (m *Machine) awaitBoot(ctx context.Context) error {
	if err := m.port.meet(ctx, m.ended); err != nil {
		return fmt.Errorf("the machine does not come up: %w", err)
	}
	state, err := m.Run(ctx, "systemctl", "is-system-running", "--wait") // its status says the same
	switch strings.TrimSpace(state) {
	case "running":
		return nil
	case "degraded", "maintenance":
		failed, err := m.Run(ctx, "systemctl", "--failed", "--no-legend")
		return errors.Join(fmt.Errorf("the machine is %s: %s", strings.TrimSpace(state), failed), err)
	}
	return fmt.Errorf("the machine is %q: %w", state, err)
}

// Run runs a program inside as root, with nothing on its standard input, and returns
// what it printed; what it complained about is part of the error.
func (m *Machine) Run(ctx context.Context, args ...string) (string, error) {
	a, err := m.port.ask(ctx, call.Request{Args: args})
	if err == nil && a.Err != "" {
		err = errors.New(a.Err)
	}
	if err != nil {
		return a.Out, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, a.Complaint)
	}
	return a.Out, nil
}

// Write makes a small file inside, owned by root, that outlives a power cut. Folders that
// are missing there are made.
func (m *Machine) Write(to, text string, mode fs.FileMode) {
	m.t.Helper()
	a, err := m.port.ask(m.t.Context(), call.Request{File: to, In: []byte(text), Mode: uint32(mode)})
	if err == nil && a.Err != "" {
		err = errors.New(a.Err)
	}
	if err != nil {
		m.t.Fatalf("write %s inside: %v", to, err)
	}
}

// CutPower ends the machine at once. What was not synced inside is lost. Without power
// nothing happens.
func (m *Machine) CutPower() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Kill() // fails only when it has ended
	m.gone()
}

// gone waits for the end of QEMU and tidies up.
func (m *Machine) gone() {
	<-m.ended
	m.port.close()
	if m.monitor != nil {
		m.monitor.conn.Close() // nobody is at its other end
	}
	m.cmd, m.monitor = nil, nil
}

// PowerOn boots a machine without power from its disk as it is, and waits until it has
// started everything.
func (m *Machine) PowerOn() {
	m.t.Helper()
	if err := m.start(nil); err != nil {
		m.t.Fatalf("boot again: %v", err)
	}
}

// ShutDown has the machine stop everything in order and waits until its power is off.
func (m *Machine) ShutDown() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), endTime)
	defer cancel()
	go m.Run(ctx, "systemctl", "--no-block", "poweroff") // it may be ended before it can answer
	select {
	case <-m.ended:
		m.gone()
	case <-ctx.Done():
		m.t.Fatal("the machine does not shut down")
	}
}

// Console returns the last bytes of what kernel and systemd have printed in all boots.
func (m *Machine) Console(n int) string {
	b, err := os.ReadFile(m.path("console"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}

// port is this end of the serial port.
type port struct {
	listener net.Listener
	met      chan struct{} // closed when the program inside has said that it is there
	done     chan struct{} // closed when nothing more will come

	mu     sync.Mutex
	conn   net.Conn
	out    *json.Encoder
	last   int
	asking map[int]chan call.Answer
}

// listen waits for QEMU to connect.
func listen(path string) (*port, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	p := &port{listener: l, met: make(chan struct{}), done: make(chan struct{}), asking: map[int]chan call.Answer{}}
	go p.hear()
	return p, nil
}

func (p *port) hear() {
	defer close(p.done)
	conn, err := p.listener.Accept()
	if err != nil {
		return
	}
	p.mu.Lock()
	p.conn, p.out = conn, json.NewEncoder(conn)
	p.mu.Unlock()
	in := json.NewDecoder(conn)
	for {
		var a call.Answer
		if err := in.Decode(&a); err != nil {
			return
		}
		if a.ID == 0 {
			close(p.met)
			continue
		}
		p.mu.Lock()
		to := p.asking[a.ID]
		delete(p.asking, a.ID)
		p.mu.Unlock()
		if to != nil {
			to <- a
		}
	}
}

func (p *port) meet(ctx context.Context, ended <-chan struct{}) error {
	select {
	case <-p.met:
		return nil
	case <-ended:
		return errors.New("it has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *port) ask(ctx context.Context, r call.Request) (call.Answer, error) {
	to := make(chan call.Answer, 1)
	p.mu.Lock()
	p.last++
	r.ID = p.last
	p.asking[r.ID] = to
	err := p.out.Encode(r)
	p.mu.Unlock()
	if err != nil {
		return call.Answer{}, err
	}
	select {
	case a := <-to:
		return a, nil
	case <-p.done:
		return call.Answer{}, errors.New("the machine is gone")
	case <-ctx.Done():
		return call.Answer{}, ctx.Err()
	}
}

func (p *port) close() {
	p.listener.Close()
	p.mu.Lock()
	if p.conn != nil {
		p.conn.Close()
	}
	p.mu.Unlock()
	<-p.done
}
