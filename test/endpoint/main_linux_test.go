package endpoint

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"sekimori/internal/agent"
	"sekimori/internal/app"
	"sekimori/internal/cli"
	"sekimori/internal/cli/endpoint"
	"sekimori/internal/testkit/pg"
	"sekimori/internal/tool/isolation/stage"
)

// built are the real programs, made once for all tests.
var built stage.Programs

func TestMain(m *testing.M) {
	stage.Enter()
	if len(os.Args) > 2 && os.Args[1] == wrongClock {
		os.Exit(movedPC(os.Args[2], os.Args[3:]))
	}
	if f := os.Getenv(clockFile); f != "" {
		os.Exit(movedServer(f))
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if testing.Short() {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "sekimori-built-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755) // agents without rights start from here too
	}
	if err == nil {
		built, err = stage.Build(context.Background(), dir)
	}
	if p := flag.Lookup("test.parallel"); err == nil && p.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		err = p.Value.Set("6") // they wait for one another far more than they work
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return pg.Run(m)
}

// notShort skips a test that takes its time.
func notShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped under -short: real programs in network namespaces")
	}
	t.Parallel()
}

// clockFile names the variable with a file that says by how much the clock of the
// server's machine is wrong.
const clockFile = "ENDPOINT_CLOCK"

// movedServer is the real server on a machine whose clock can be moved.
func movedServer(file string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx = app.WithClock(ctx, func() time.Time { return time.Now().Add(offset(file)) })
	return cli.Main(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
}

// wrongClock makes this program the real agent, on a PC whose clock is wrong by what the file
// says that follows.
const wrongClock = "pc-with-a-wrong-clock"

func movedPC(file string, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	clock := agent.MachineClock()
	clock.Now = func() time.Time { return time.Now().Add(offset(file)) }
	p := endpoint.Program{Name: "sekimori-agent", Clock: clock}
	return endpoint.Main(ctx, p, args, os.Getenv, os.Stdin, os.Stdout, os.Stderr)
}

func offset(file string) time.Duration {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return d
}
