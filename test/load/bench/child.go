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
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"sekimori/internal/app"
	"sekimori/test/load/parts"
	"sekimori/test/load/yardstick"
)

// childWord marks the command line of a child process.
const childWord = "child"

// process is a child that serves HTTP.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser // closing it ends the child
	lines chan string    // what it answers to orders; closed when it ends
	addr  string
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
	p := &process{cmd: cmd, in: in, lines: make(chan string, 1)}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, addr, ok := strings.Cut(lines.Text(), "://"); ok {
			p.addr = addr
			go func() { // ends with the child
				defer close(p.lines)
				for lines.Scan() {
					if answer, ok := strings.CutPrefix(lines.Text(), "= "); ok {
						p.lines <- answer
					}
				}
			}()
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

// order makes the child do something and gives its answer.
func (p *process) order(text string) (string, error) {
	if _, err := io.WriteString(p.in, text+"\n"); err != nil {
		return "", fmt.Errorf("order %q: %w", text, err)
	}
	answer, ok := <-p.lines
	if !ok {
		return "", fmt.Errorf("order %q: the child ended", text)
	}
	if why, bad := strings.CutPrefix(answer, "error: "); bad {
		return "", fmt.Errorf("order %q: %s", text, why)
	}
	return answer, nil
}

func (p *process) cpu() (float64, error) { return cpuOf(p.cmd.Process.Pid) }

// child plays a role until standard input ends.
func child(ctx context.Context, role string, args []string) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o := &orders{known: map[string]func(string) (string, error){"rest": atRest}}
	go func() {
		o.obey(os.Stdin)
		stop()
	}()
	fs := flag.NewFlagSet(role, flag.ContinueOnError)
	dsn := fs.String("dsn", "", "")
	gather := fs.Duration("gather", 0, "")
	delay := fs.Duration("delay", 0, "")
	noSeal := fs.Bool("no-seal", false, "")
	profile := fs.String("cpuprofile", "", "")
	cert := fs.String("cert", "", "")
	key := fs.String("key", "", "")
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
	case "seal":
		return sealChild(ctx, *dsn, *cert)
	case "scan":
		return scanChild(*dsn, *cert)
	case "walk":
		return walkChild(*dsn, *cert)
	case "devices":
		return serveDevices(ctx, o, parts.Options{DSN: *dsn, Log: logger()}, *cert, *key)
	case "streams":
		return serveStreams(ctx, o, *cert, *key)
	}
	return fmt.Errorf("unknown role %q", role)
}

// orders are what a child does when it is told a line.
type orders struct {
	mu    sync.Mutex
	known map[string]func(rest string) (string, error) // guarded by mu
}

func (o *orders) add(word string, do func(rest string) (string, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[word] = do
}

// obey reads orders until there are no more.
func (o *orders) obey(r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		o.mu.Lock()
		do := o.known[word]
		o.mu.Unlock()
		answer, err := "", fmt.Errorf("unknown order %q", word)
		if do != nil {
			answer, err = do(rest)
		}
		if err != nil {
			answer = "error: " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println("= " + answer)
	}
}

// atRest collects garbage, gives memory back, and tells how many bytes remain resident.
func atRest(string) (string, error) {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what the first round's finalizers let go
	n, err := residentOf(os.Getpid())
	return strconv.FormatInt(n, 10), err
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
