package host

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Bounds of what is collected.
const (
	maxAutoruns = 5000
	maxLog      = 256 << 10 // bytes
)

// printedLine is a line that a program of macOS printed, masked.
type printedLine struct {
	Program string `json:"program"`
	Line    string `json:"line"`
}

// output writes what a program prints, line by line; no command line with a secret in it
// stays.
func output(ctx context.Context, r *records, path string, args ...string) error {
	text, err := start(ctx, "", path, args...)
	mask := newMasker()
	for line := range strings.Lines(text) {
		if !r.add(printedLine{filepath.Base(path), mask.line(clip(strings.TrimRight(line, "\n"), 2048))}) {
			return nil
		}
	}
	return err
}

// Glance writes the connections and neighbours as netstat, arp and ndp print them.
func (h *mac) Glance(ctx context.Context, item func(name string, write func(io.Writer) error) error) error {
	return writeItems(ctx, item, []source{
		{name: "connections.jsonl", read: func(ctx context.Context, r *records) error {
			return errors.Join(
				output(ctx, r, "/usr/sbin/netstat", "-anv", "-p", "tcp"),
				output(ctx, r, "/usr/sbin/netstat", "-anv", "-p", "udp"))
		}},
		{name: "neighbours.jsonl", read: func(ctx context.Context, r *records) error {
			return errors.Join(output(ctx, r, "/usr/sbin/arp", "-an"), output(ctx, r, "/usr/sbin/ndp", "-an"))
		}},
	})
}

// Collect writes what the system is doing, beside its connections.
func (h *mac) Collect(ctx context.Context, item func(name string, write func(io.Writer) error) error) error {
	sums := newHashes()
	return writeItems(ctx, item, []source{
		{name: "processes.jsonl", read: func(ctx context.Context, r *records) error { return macProcesses(ctx, r, sums) }},
		{name: "sessions.jsonl", read: func(ctx context.Context, r *records) error { return output(ctx, r, "/usr/bin/who") }},
		{name: "autoruns.jsonl", read: func(ctx context.Context, r *records) error { return macAutoruns(ctx, r, sums) }},
		{name: "mounts.jsonl", read: func(ctx context.Context, r *records) error { return output(ctx, r, "/sbin/mount") }},
		{name: "modules.jsonl", read: func(ctx context.Context, r *records) error {
			return output(ctx, r, "/usr/bin/kmutil", "showloaded", "--list-only")
		}},
		{name: "log.jsonl", max: maxLog, read: func(ctx context.Context, r *records) error {
			return output(ctx, r, "/usr/bin/log", "show", "--last", "2m", "--style", "compact",
				"--predicate", `process == "sudo" OR process == "loginwindow" OR process == "sshd" OR process == "XProtect"`)
		}},
	})
}

func macProcesses(ctx context.Context, r *records, sums *hashes) error {
	list, err := start(ctx, "", "/bin/ps", "-axo", "pid=,ppid=,uid=,lstart=,comm=")
	if err != nil {
		return err
	}
	lines, argsErr := start(ctx, "", "/bin/ps", "-axwwo", "pid=,args=")
	mask, args := newMasker(), map[int]string{}
	for line := range strings.Lines(lines) {
		if pid, a, ok := parsePSArgs(line); ok {
			args[pid] = mask.commandLine(a)
		}
	}
	for line := range strings.Lines(list) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p, err := parsePS(line, time.Local)
		if err != nil {
			r.say("%v", err)
			continue
		}
		if a := args[p.PID]; a != "" {
			p.Args = []string{a}
		}
		if far := macFar(p.Exe); far != "" {
			p.Note = "not hashed: " + far
		} else if p.SHA256, err = sums.of(ctx, p.Exe, p.Exe); err != nil {
			p.Note = reason(err)
		}
		if !r.add(p) {
			return nil
		}
	}
	return argsErr
}

func macAutoruns(ctx context.Context, r *records, sums *hashes) error {
	places := []place{
		{"launchd", "/Library/LaunchDaemons"}, {"launchd", "/Library/LaunchAgents"}, {"startup", "/Library/StartupItems"},
		{"cron", "/etc/crontab"}, {"cron", "/usr/lib/cron/tabs"}, {"cron", "/etc/periodic"},
	}
	people, err := os.ReadDir("/Users")
	for _, p := range people {
		places = append(places, place{"launchd", filepath.Join("/Users", p.Name(), "Library/LaunchAgents")})
	}
	return errors.Join(err, listAutoruns(ctx, r, places, maxAutoruns, sums, func(p string) string { return p }, macFar))
}

// macFar tells why a path must not be touched: shares and sticks are mounted there, and
// reading a share hangs while the PC is cut off.
func macFar(path string) string {
	if strings.HasPrefix(path, "/Volumes/") || strings.HasPrefix(path, "/net/") || strings.HasPrefix(path, "/Network/") {
		return "it may lie on a network drive"
	}
	return ""
}
