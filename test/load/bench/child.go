package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"time"

	"sekimori/internal/app"
	"sekimori/test/load/parts"
	"sekimori/test/load/yardstick"
)

// childWord marks the command line of a child process.
const childWord = "child"

// process is a child that serves HTTP.
type process struct {
	cmd  *exec.Cmd
	in   io.Closer // closing it ends the child
	addr string
}

// spawn starts this very program in another role and waits until it serves.
func spawn(ctx context.Context, env []string, role string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, append([]string{childWord, role}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	p := &process{cmd: cmd, in: in}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "http://"); ok {
			p.addr = addr
			go io.Copy(io.Discard, out)
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s did not start", role), p.stop())
}

// stop ends the child and waits for it.
func (p *process) stop() error {
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("child: %w", err)
	}
	return nil
}

func (p *process) cpu() (float64, error) { return cpuOf(p.cmd.Process.Pid) }

// child plays a role until standard input ends.
func child(ctx context.Context, role string, args []string) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	fs := flag.NewFlagSet(role, flag.ContinueOnError)
	dsn := fs.String("dsn", "", "")
	gather := fs.Duration("gather", 0, "")
	delay := fs.Duration("delay", 0, "")
	noSeal := fs.Bool("no-seal", false, "")
	profile := fs.String("cpuprofile", "", "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	switch role {
	case "serve": // what `sekimori serve` runs, with settings from the environment
		cfg, err := app.LoadConfig("", os.Getenv)
		if err != nil {
			return err
		}
		return app.Serve(ctx, cfg, os.Stdout, logger())
	case "parts":
		s, err := parts.Open(ctx, parts.Options{DSN: *dsn, Delay: *delay, NoSeal: *noSeal, Log: logger()})
		if err != nil {
			return err
		}
		return serve(ctx, s.API, s.Close)
	case "yardstick":
		h, end, err := yardstick.New(ctx, yardstick.Options{DSN: *dsn, Gather: *gather, Delay: *delay})
		if err != nil {
			return err
		}
		return serve(ctx, h, end)
	}
	return fmt.Errorf("unknown role %q", role)
}

// serve answers on a free loopback port until ctx ends.
func serve(ctx context.Context, h http.Handler, end func() error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, end())
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	fmt.Printf("http://%s\n", l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, end())
	}
	return end()
}
