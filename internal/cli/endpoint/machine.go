package endpoint

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/pflag"

	"sekimori/internal/agent"
	"sekimori/internal/agent/host"
)

func thisHost(state string) host.Host { return host.New(host.Options{State: state}) }

// systemState is the state folder of the service.
func (s *shell) systemState() string {
	switch runtime.GOOS {
	case "windows":
		base := s.env("ProgramData")
		if base == "" {
			base = `C:\ProgramData`
		}
		return filepath.Join(base, "Sekimori")
	case "darwin":
		return "/Library/Application Support/Sekimori"
	}
	return "/var/lib/sekimori-agent"
}

// ownState is the state folder of an account without rights.
func (s *shell) ownState() string {
	base := s.env("XDG_STATE_HOME")
	if base == "" {
		base = filepath.Join(s.env("HOME"), ".local", "state")
	}
	return filepath.Join(base, "sekimori-agent")
}

// place is a state folder and the socket of the service that works on it.
type place struct{ state, socket string }

func (s *shell) placeOf(state string) place {
	if state == s.systemState() && runtime.GOOS != "windows" {
		if runtime.GOOS == "darwin" {
			return place{state, "/var/run/sekimori-agent/control.sock"}
		}
		return place{state, "/run/sekimori-agent/control.sock"}
	}
	return place{state, filepath.Join(state, "control.sock")}
}

// writable is where this account keeps an agent of its own.
func (s *shell) writable(state string) place {
	if state != "" {
		return s.placeOf(state)
	}
	if os.Geteuid() > 0 { // -1 on Windows, where the folder's own rights decide
		return s.placeOf(s.ownState())
	}
	return s.placeOf(s.systemState())
}

// places are where an agent may be found, the service's first.
func (s *shell) places(state string) []place {
	if state != "" {
		return []place{s.placeOf(state)}
	}
	out := []place{s.placeOf(s.systemState())}
	if own := s.writable(""); own != out[0] {
		out = append(out, own)
	}
	return out
}

// find gives the running service, or nil and the folder to work on without one.
func (s *shell) find(ctx context.Context, state string) (*agent.Service, place) {
	all := s.places(state)
	for _, p := range all {
		if service, err := agent.Dial(ctx, p.socket); err == nil {
			return service, p
		}
	}
	// Without a service: where this PC was enrolled, else where this account may write.
	for _, p := range all {
		if _, err := os.Stat(filepath.Join(p.state, "agent.json")); err == nil {
			return nil, p
		}
	}
	return nil, all[len(all)-1]
}

func stateFlag(fs *pflag.FlagSet) *string { return fs.String("state", "", "DIR") }

func (s *shell) options(p place, dry bool) agent.Options {
	return agent.Options{Dir: p.state, Host: s.Host(p.state), Version: agent.Version, DryRun: dry, Clock: s.clock, Forbidden: s.Forbidden,
		Why: s.both[0].T("agent.power") + " / " + s.both[1].T("agent.power"),
		Say: func(id string, args ...any) string { return s.both[0].T(id, args...) + "\n" + s.both[1].T(id, args...) }}
}

// program is what a system starts: the slim agent, also when `sekimori` installs it.
func (s *shell) program() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	if exe, err = filepath.EvalSymlinks(exe); err != nil {
		return "", err
	}
	name := "sekimori-agent"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if filepath.Base(exe) == name {
		return exe, nil
	}
	beside := filepath.Join(filepath.Dir(exe), name)
	if _, err := os.Stat(beside); errors.Is(err, os.ErrNotExist) {
		return "", s.fail("agent.no_slim", "file", beside)
	}
	return beside, nil
}
