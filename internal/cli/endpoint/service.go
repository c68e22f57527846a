package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/pflag"

	"sekimori/internal/agent"
	"sekimori/internal/agent/host"
)

// enrol binds this PC to a person.
func (s *shell) enrol(fs *pflag.FlagSet) func(context.Context) error {
	server := fs.String("server", "", "URL")
	token := fs.String("token", "", "TOKEN")
	ca := fs.String("ca", "", "FILE")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		switch {
		case *server == "":
			return s.misuse("agent.give", "name", "--server")
		case *token == "":
			return s.misuse("agent.give", "name", "--token")
		}
		if _, err := agent.CheckServer(*server); err != nil {
			return s.misuse("agent.bad_server")
		}
		p := s.writable(*state)
		e := agent.Enrolment{Dir: p.state, Server: *server, Token: *token, Host: s.Host(p.state).Name(), Version: agent.Version}
		if *ca != "" {
			pem, err := os.ReadFile(*ca)
			if err != nil {
				return fmt.Errorf("read CA file: %w", err)
			}
			e.CA = string(pem)
		}
		id, err := agent.Enrol(ctx, e)
		if err != nil {
			return err
		}
		s.say(s.p.T("agent.enrolled", "person", id.Person, "device", id.Device))
		s.say(s.p.T("agent.enrolled_next", "program", s.Name))
		return nil
	}
}

// install makes the agent start with the system.
func (s *shell) install(fs *pflag.FlagSet) func(context.Context) error {
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		p := s.writable(*state)
		exe, err := s.program()
		if err != nil {
			return err
		}
		if err := s.Host(p.state).Install(ctx, exe, p.state); err != nil {
			return err
		}
		s.say(s.p.T("agent.installed", "file", exe))
		return nil
	}
}

// uninstall takes the agent away, when the server permits it.
func (s *shell) uninstall(fs *pflag.FlagSet) func(context.Context) error {
	ticket := fs.String("ticket", "", "FILE")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		p := s.writable(*state)
		text, err := s.ticket(*ticket)
		if err != nil {
			return err
		}
		if err := agent.CheckTicket(ctx, p.state, text, s.clock); err != nil {
			return err
		}
		h := s.Host(p.state)
		if err := h.Uninstall(ctx); err != nil {
			return err
		}
		if err := h.Open(ctx); err != nil { // of a PC that never was enrolled
			return err
		}
		if err := agent.Forget(p.state); err != nil {
			return err
		}
		s.say(s.p.T("agent.uninstalled"))
		return nil
	}
}

// ticket reads a permission: the text itself, a file, or standard input.
func (s *shell) ticket(given string) (string, error) {
	if given == "" || strings.Contains(given, "\n") {
		return given, nil
	}
	in := s.in
	if given != "-" {
		f, err := os.Open(given)
		if err != nil {
			return "", fmt.Errorf("read ticket: %w", err)
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return "", fmt.Errorf("read ticket: %w", err)
	}
	return string(raw), nil
}

// run serves this PC until it is told to end.
func (s *shell) run(fs *pflag.FlagSet) func(context.Context) error {
	dry := fs.Bool("dry-run", false, "")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		served, err := host.Serve(func(ctx context.Context) error { return s.serve(ctx, *state, *dry) })
		if served {
			return err
		}
		return errors.Join(err, s.serve(ctx, *state, *dry))
	}
}

func (s *shell) serve(ctx context.Context, state string, dry bool) error {
	runtime.GOMAXPROCS(2) // a guest on somebody's PC
	debug.SetGCPercent(40)
	p := s.writable(state)
	o := s.options(p, dry)
	o.Socket = p.socket
	o.Patience = watchTime // somebody may be pressing without the service
	o.Log = slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: s.level()}))
	if dry {
		o.Log = o.Log.With("mode", "dry run")
	}
	if err := o.Host.Privileged(); err != nil && !dry {
		o.Log.Warn("this agent cannot isolate", "why", err)
	}
	a, err := agent.New(ctx, o)
	if err != nil {
		return err
	}
	o.Log.Info("agent runs", "version", agent.Version, "state", p.state, "socket", p.socket)
	return errors.Join(a.Run(ctx), a.Close())
}

func (s *shell) level() slog.Level {
	var l slog.Level
	if l.UnmarshalText([]byte(s.env("SEKIMORI_LOG_LEVEL"))) != nil {
		return slog.LevelInfo
	}
	return l
}

// boot puts a standing isolation back before the network comes up.
func (s *shell) boot(fs *pflag.FlagSet) func(context.Context) error {
	dry := fs.Bool("dry-run", false, "")
	shutdown := fs.Bool("shutdown", false, "")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		p := s.writable(*state)
		o := s.options(p, *dry)
		s.dry = *dry
		if *shutdown {
			return agent.Shutdown(ctx, o)
		}
		isolated, err := agent.Boot(ctx, o)
		switch {
		case agent.Busy(err):
			return nil // the service is there already, and keeps the network as it must be
		case err != nil:
			return err
		case isolated:
			s.say(s.p.T("agent.boot.isolated"))
		}
		return nil
	}
}

func (s *shell) version(*pflag.FlagSet) func(context.Context) error {
	return func(context.Context) error {
		s.say(fmt.Sprintf("%s %s %s %s/%s", s.Name, agent.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
		return nil
	}
}
