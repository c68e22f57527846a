package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// step is one thing that must pass.
type step struct {
	name string
	run  func(context.Context) error
}

// raceFolders hold the packages where goroutines meet.
var raceFolders = []string{"internal/domain", "internal/outbound", "internal/inbound", "internal/app", "internal/agent", "internal/seal"}

// aloneTests are the packages that boot machines or play whole networks. They run alone:
// a busy computer would make them slow, and they the others.
var aloneTests = []string{"sekimori/test/host", "sekimori/test/endpoint", "sekimori/test/vm"}

// steps are in the order of their cost, the whole test run last.
func steps(fuzzTime time.Duration) []step {
	return []step{
		{"parts of the system", installParts},
		{"gofmt", gofmt},
		{"vet for linux", vet("linux")},
		{"vet for windows", vet("windows")},
		{"vet for darwin", vet("darwin")},
		{"staticcheck", command("go", "tool", "-modfile=tools/go.mod", "staticcheck", "./...")},
		{"third-party notices", command("go", "run", "./internal/tool/notices", "-check")},
		{"known vulnerabilities", vulnerabilities},
		{"fuzz", command("go", "run", "./internal/tool/fuzzall", "-time", fuzzTime.String())},
		{"race", race},
		{"host", command("go", "test", "-count=1", "-timeout=15m", aloneTests[0])},
		{"endpoint", withPostgres("go", "test", "-count=1", "-timeout=15m", aloneTests[1])},
		{"vm", command("go", "test", "-count=1", "-timeout=20m", aloneTests[2])},
		{"tests", tests},
	}
}

// shortSteps need nothing but Go.
func shortSteps() []step {
	return []step{
		{"gofmt", gofmt},
		{"vet", command("go", "vet", "./...")},
		{"third-party notices", command("go", "run", "./internal/tool/notices", "-check")},
		{"tests", command("go", "test", "-short", "-shuffle=on", "./...")},
	}
}

// command runs a program in the root folder; its output goes straight through.
func command(name string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error { return start(ctx, nil, name, args...) }
}

// withPostgres runs a program with one PostgreSQL server for all it starts.
func withPostgres(args ...string) func(context.Context) error {
	return command("go", append([]string{"run", "./internal/tool/pgtemp", "--"}, args...)...)
}

// tests runs all tests but those that have run alone.
func tests(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "list", "./...").Output()
	if err != nil {
		return fmt.Errorf("list the packages: %w", err)
	}
	args := []string{"go", "test", "-shuffle=on", "-timeout=40m"}
	for p := range strings.FieldsSeq(string(out)) {
		if !slices.Contains(aloneTests, p) {
			args = append(args, p)
		}
	}
	return withPostgres(args...)(ctx)
}

func start(ctx context.Context, env []string, name string, args ...string) error {
	fmt.Println(strings.Join(append(append([]string{}, env...), append([]string{name}, args...)...), " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func vet(goos string) func(context.Context) error {
	return func(ctx context.Context) error {
		return start(ctx, []string{"GOOS=" + goos, "CGO_ENABLED=0"}, "go", "vet", "./...")
	}
}

// gofmt names the files that are not in the one format.
func gofmt(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "gofmt", "-l", ".")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("gofmt: %w", err)
	}
	if files := bytes.TrimSpace(out); len(files) > 0 {
		return fmt.Errorf("run gofmt -w on these files:\n%s", files)
	}
	return nil
}

// race runs the short tests with the race detector, which needs cgo to build but
// leaves nothing of it in the programs that we ship.
func race(ctx context.Context) error {
	args := []string{"run", "./internal/tool/pgtemp", "--", "go", "test", "-race", "-short", "-shuffle=on", "-timeout=30m"}
	for _, folder := range raceFolders {
		_, err := os.Stat(filepath.FromSlash(folder))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("look at %s: %w", folder, err)
		default:
			args = append(args, "./"+folder+"/...")
		}
	}
	return start(ctx, []string{"CGO_ENABLED=1"}, "go", args...)
}
