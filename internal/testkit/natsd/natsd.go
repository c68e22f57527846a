// Package natsd starts a real NATS server for tests.
package natsd

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Package is Debian's name of the server.
const Package = "nats-server"

// Find gives the server's program.
func Find() (string, error) {
	for _, p := range []string{"nats-server", "/usr/sbin/nats-server"} {
		if found, err := exec.LookPath(p); err == nil {
			return found, nil
		}
	}
	return "", errors.New("nats-server is not installed")
}

// Server is one running server.
type Server struct {
	URL  string
	port string
	exe  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Start runs a server on loopback until the test ends. Without the program the test is
// skipped on a desk and fails in CI.
func Start(t testing.TB) *Server {
	t.Helper()
	exe, err := Find()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v; make test installs it", err)
	}
	s := &Server{exe: exe, port: "-1"}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// listening is what the server says when it takes connections.
const listening = "Listening for client connections on "

func (s *Server) start() error {
	cmd := exec.Command(s.exe, "-a", "127.0.0.1", "-p", s.port)
	out, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("start nats-server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start nats-server: %w", err)
	}
	s.cmd, s.done = cmd, make(chan struct{})
	ready := make(chan string, 1)
	var once sync.Once
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, at, ok := strings.Cut(lines.Text(), listening); ok {
				once.Do(func() { ready <- at })
			}
		}
		cmd.Wait()
		once.Do(func() { ready <- "" })
	}()
	select {
	case at := <-ready:
		if at == "" {
			return errors.New("nats-server ended at once")
		}
		s.URL = "nats://" + at
		s.port = at[strings.LastIndexByte(at, ':')+1:]
		return nil
	case <-time.After(20 * time.Second):
		s.Kill()
		return errors.New("nats-server did not get ready")
	}
}

// Kill ends the server at once.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.done
	s.cmd = nil
}

// Again starts the server that was killed, at the same address.
func (s *Server) Again() error { return s.start() }
