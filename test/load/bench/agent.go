package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// agents measures what the agent costs a PC on which nothing happens: memory, wake-ups
// and processor time, beside the least that such a program can be (test/load/minimal),
// both on a stream over TLS; and how large the program is. Ours runs as a dry run, so
// that nothing can happen to this machine.
func agents(ctx context.Context, b *bench) (err error) {
	cert, _, err := b.newCertificate()
	if err != nil {
		return err
	}
	ours, err := b.build(ctx, "sekimori-agent", "./cmd/sekimori-agent")
	if err != nil {
		return err
	}
	minimal, err := b.build(ctx, "minimal", "./test/load/minimal")
	if err != nil {
		return err
	}
	size, err := os.Stat(ours)
	if err != nil {
		return err
	}
	b.out.line("sekimori-agent, size of the program as released", fmt.Sprintf("%.1f MB", float64(size.Size())/1e6), "", "", "≤ 50 MB", yes(size.Size() <= 50e6))
	r, _, err := b.ourRoom(ctx, "SQLite", 1, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	bare, err := b.room(ctx, "streams", 1, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	token, err := r.order("token")
	if err != nil {
		return err
	}
	state := filepath.Join(b.dir, "agent-state")
	enrol := exec.CommandContext(ctx, ours, "enroll", "--server", "https://"+r.addr, "--token", token, "--ca", cert, "--state", state)
	if out, err := enrol.CombinedOutput(); err != nil {
		return fmt.Errorf("enroll: %w: %s", err, out)
	}
	var rss, rssBare, wakes, wakesBare, cpu, cpuBare []float64
	for range b.rounds {
		a, m, err := b.watch(ctx, exec.CommandContext(ctx, ours, "run", "--dry-run", "--state", state),
			exec.CommandContext(ctx, minimal, "-server", "https://"+bare.addr, "-ca", cert))
		if err != nil {
			return err
		}
		rss, rssBare = append(rss, a.rss), append(rssBare, m.rss)
		wakes, wakesBare = append(wakes, a.wakes), append(wakesBare, m.wakes)
		cpu, cpuBare = append(cpu, a.cpu), append(cpuBare, m.cpu)
	}
	b.out.ratio("idle agent, resident memory; yardstick: net/http client on a stream", " MiB", rss, rssBare, 2, "less")
	b.out.line("idle agent, wake-ups per second", spread(wakes), spread(wakesBare), "", "≤ 2", yes(median(wakes) <= 2))
	b.out.line("idle agent, processor time", spread(cpu)+" %", spread(cpuBare)+" %", "", "≤ 0.05 %", yes(median(cpu) <= 0.05))
	return nil
}

// build makes a program as it is released.
func (b *bench) build(ctx context.Context, name, pkg string) (string, error) {
	file := filepath.Join(b.dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, out)
	}
	return file, nil
}

// rested is what a process cost while it was watched.
type rested struct {
	rss   float64 // MiB at the end
	wakes float64 // per second, of all threads
	cpu   float64 // percent of one processor
}

// watch runs two programs side by side, lets them come to rest and watches them.
func (b *bench) watch(ctx context.Context, one, other *exec.Cmd) (x, y rested, err error) {
	for _, cmd := range []*exec.Cmd{one, other} {
		if err := cmd.Start(); err != nil {
			return x, y, fmt.Errorf("start: %w", err)
		}
		defer func() {
			cmd.Process.Signal(syscall.SIGTERM)
			cmd.Wait() // its status says how it was ended
		}()
	}
	const atStart = 15 * time.Second
	length := max(b.seconds, 60*time.Second) // two heartbeats
	if !pause(ctx, atStart) {
		return x, y, ctx.Err()
	}
	a, err1 := spentBy(one.Process.Pid)
	c, err2 := spentBy(other.Process.Pid)
	if !pause(ctx, length) {
		return x, y, ctx.Err()
	}
	a2, err3 := spentBy(one.Process.Pid)
	c2, err4 := spentBy(other.Process.Pid)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return x, y, fmt.Errorf("a program ended: %w", err)
	}
	over := func(from, to rested) rested {
		s := length.Seconds()
		return rested{rss: to.rss, wakes: (to.wakes - from.wakes) / s, cpu: (to.cpu - from.cpu) / s * 100}
	}
	return over(a, a2), over(c, c2), nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// spentBy reads a process's memory in MiB, and the wake-ups and CPU-seconds of its threads
// so far. A thread that gave the processor up of its own will slept, and was woken once
// for it; one that had to give it up was awake.
func spentBy(pid int) (r rested, err error) {
	n, err := residentOf(pid)
	if err != nil {
		return r, err
	}
	r.rss = float64(n) / (1 << 20)
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid))
	if err != nil || len(threads) == 0 {
		return r, fmt.Errorf("process %d has no threads: %w", pid, errors.Join(err, os.ErrNotExist))
	}
	for _, t := range threads {
		status, err1 := os.ReadFile(t + "/status")
		sched, err2 := os.ReadFile(t + "/schedstat") // nanoseconds on a processor come first
		if err := errors.Join(err1, err2); err != nil {
			return r, err
		}
		for line := range strings.Lines(string(status)) {
			if name, value, ok := strings.Cut(line, ":"); ok && name == "voluntary_ctxt_switches" {
				n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				if err != nil {
					return r, err
				}
				r.wakes += n
			}
		}
		ns, _, _ := strings.Cut(string(sched), " ")
		n, err := strconv.ParseFloat(ns, 64)
		if err != nil {
			return r, err
		}
		r.cpu += n / 1e9
	}
	return r, nil
}

// cut measures how fast a PC is off the network, in namespaces of its own: the rules alone,
// and from a press at a running agent to the last packet that comes in at the far side. It
// needs root and nftables.
func cut(ctx context.Context, b *bench) error {
	rules, err := b.timed(ctx, "./internal/agent/host", "BenchmarkCut", "first", "20x")
	if err != nil {
		return err
	}
	b.out.line("rules put in until every packet is blocked", spread(rules)+" ms", "", "", "≤ 50 ms", yes(median(rules) <= 50))
	press, err := b.timed(ctx, "./test/endpoint", "BenchmarkPress", "", "10x")
	if err != nil {
		return err
	}
	b.out.line("press at the PC → its last packet on the wire", spread(press)+" ms", "", "", "≤ 50 ms", yes(median(press) <= 50))
	return nil
}

// timed runs a benchmark of the tests and gives its milliseconds, one figure a round.
func (b *bench) timed(ctx context.Context, pkg, name, part, length string) ([]float64, error) {
	pattern, line := "^"+name+"$", name
	if part != "" {
		pattern, line = pattern+"/^"+part+"$", name+"/"+part
	}
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", length, "-count", strconv.Itoa(b.rounds), pkg).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	var took []float64
	for l := range strings.Lines(string(out)) {
		f := strings.Fields(l)
		if len(f) < 4 || !strings.HasPrefix(f[0], line) {
			continue
		}
		ns, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", l, err)
		}
		took = append(took, ns/1e6)
	}
	if len(took) == 0 {
		return nil, fmt.Errorf("no figure in: %s", out)
	}
	return took, nil
}
