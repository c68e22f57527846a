// Package host is the operating system as the agent needs it: one contract, one file
// for each system. Nothing above it knows which system it runs on.
//
// What a system cannot do says so in its error, in one English line; nothing pretends.
package host

import (
	"context"
	"errors"
	"io"
	"net/netip"
)

// ErrUnsupported says that this system has no such thing.
var ErrUnsupported = errors.New("host: not supported on this system")

// ErrLocked says that another process holds a lock.
var ErrLocked = errors.New("host: another process holds this folder")

// Endpoint is one address and TCP port of the management server.
type Endpoint = netip.AddrPort

// Allow is what stays open while everything else is cut: loopback always, and these.
type Allow struct {
	Servers []Endpoint
}

// Unplugger is a Host whose system may lose its firewall rules before its network when it
// shuts down.
type Unplugger interface {
	// Unplug takes every network link but loopback down.
	Unplug(ctx context.Context) error
}

// Host is the operating system. All methods may be called again and again: putting in
// what stands already changes nothing, taking away what is not there is no error.
type Host interface {
	// Privileged is nil when this process may do all that follows, else why not.
	Privileged() error

	// Cut closes the network but for loopback and allow, in one step, for IPv4 and
	// IPv6, in, out and through; then ends the connections that were open. When it
	// returns nil the rules stand, also if the process dies.
	Cut(ctx context.Context, allow Allow) error
	// Standing is nil when the rules are exactly those that Cut puts in.
	Standing(ctx context.Context, allow Allow) error
	// Watch calls changed when somebody changes the firewall, until ctx ends. It
	// gives ErrUnsupported where a system tells nobody; the caller then looks now and then.
	Watch(ctx context.Context, changed func()) error
	// Open takes the rules away.
	Open(ctx context.Context) error
	// Plan says in English, a line each, what Cut would do.
	Plan(allow Allow) []string

	// SwitchWifi switches Wi-Fi off or on again. When the way to one of keep leads
	// over Wi-Fi and force is false, it leaves it on and says so in done.
	SwitchWifi(ctx context.Context, on bool, keep []Endpoint, force bool) (done string, err error)
	// HoldPower keeps people from shutting the PC down by mistake and shows why,
	// until release is called or the process ends.
	HoldPower(ctx context.Context, why string) (release func() error, err error)

	// Glance writes the connections and neighbours of this instant: what a cut
	// destroys. It must return soon; the caller gives it 200 ms.
	Glance(ctx context.Context, item func(name string, write func(io.Writer) error) error) error
	// Collect writes the rest of the volatile facts: processes with hashes, sessions,
	// autoruns, mounted media, modules, recent log lines. Each item is bounded; an
	// item that cannot be read says why in its own text.
	Collect(ctx context.Context, item func(name string, write func(io.Writer) error) error) error

	// Install makes the agent start with the system, before the network, and Uninstall
	// undoes that. exe is the program's path, state its folder.
	Install(ctx context.Context, exe, state string) error
	Uninstall(ctx context.Context) error

	// Boot names the present boot; it changes when the system starts anew.
	Boot() (string, error)
	// Name is the PC's own name.
	Name() string
}
