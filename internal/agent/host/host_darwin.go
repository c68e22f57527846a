package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// mac is Host by pf, launchd and the programs of macOS.
type mac struct {
	o Options

	cutting sync.Mutex // one change of the rules at a time

	frameworks func() (*callbacks, error) // loaded when media are first asked for
	media      arbitration
}

// New gives the Host of this system.
func New(o Options) Host {
	h := &mac{o: o}
	h.frameworks = sync.OnceValues(h.bind)
	h.media.ours, h.media.answers = map[string]int{}, map[uintptr]*answer{}
	return h
}

func (h *mac) Privileged() error {
	if os.Geteuid() != 0 {
		return errors.New("this process may not change the firewall: start it as root")
	}
	return nil
}

func (h *mac) Boot() (string, error) {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "", fmt.Errorf("read the boot's id: %w", err)
	}
	return id, nil
}

func (h *mac) Name() string {
	name, err := os.Hostname()
	if err != nil {
		return "" // a PC without a name
	}
	return name
}

// Cut loads our anchor, switches pf on, and forgets the sessions that it remembers: what
// it once let through would not be asked again.
func (h *mac) Cut(ctx context.Context, allow Allow) error {
	h.cutting.Lock()
	defer h.cutting.Unlock()
	if _, err := start(ctx, pfText(allow), pfctl, "-a", pfAnchor, "-f", "-"); err != nil {
		return fmt.Errorf("cut: load the rules: %w", err)
	}
	if err := h.enable(ctx); err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	if _, err := start(ctx, "", pfctl, "-F", "states"); err != nil {
		return fmt.Errorf("cut: end the connections: %w", err)
	}
	return h.standing(ctx, allow)
}

// enable switches pf on once for each start of the system; the token it gives says that
// we need it on, also when others no longer do.
func (h *mac) enable(ctx context.Context) error {
	boot, err := h.Boot()
	if err != nil {
		return err
	}
	info, err := start(ctx, "", pfctl, "-s", "info")
	if err != nil {
		return err
	}
	if _, ok := h.token(boot); ok && pfEnabled(info) {
		return nil
	}
	out, err := start(ctx, "", pfctl, "-E")
	if err != nil {
		return fmt.Errorf("switch pf on: %w", err)
	}
	token, ok := pfToken(out)
	if !ok {
		return errors.New("switch pf on: it gave no token")
	}
	if h.o.State == "" {
		return nil
	}
	if err := os.WriteFile(h.tokenFile(), []byte(boot+" "+token+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep pf's token: %w", err)
	}
	return nil
}

func (h *mac) tokenFile() string { return filepath.Join(h.o.State, "pf.token") }

// token is the one of this start of the system.
func (h *mac) token(boot string) (string, bool) {
	b, err := os.ReadFile(h.tokenFile())
	if err != nil {
		return "", false
	}
	of, token, ok := strings.Cut(strings.TrimSpace(string(b)), " ")
	return token, ok && of == boot
}

func (h *mac) Standing(ctx context.Context, allow Allow) error {
	h.cutting.Lock()
	defer h.cutting.Unlock()
	return h.standing(ctx, allow)
}

func (h *mac) standing(ctx context.Context, allow Allow) error {
	info, err := start(ctx, "", pfctl, "-s", "info")
	if err != nil {
		return err
	}
	if !pfEnabled(info) {
		return errors.New("pf is switched off")
	}
	main, err := start(ctx, "", pfctl, "-s", "rules")
	if err != nil {
		return err
	}
	if !pfAsked(main) {
		return fmt.Errorf("the main rules of pf do not ask %s: /etc/pf.conf has been changed", pfMain)
	}
	ours, err := start(ctx, "", pfctl, "-q", "-a", pfAnchor, "-s", "rules")
	if err != nil {
		return err
	}
	return pfSame(ours, allow)
}

// Watch: pf tells nobody of a change.
func (h *mac) Watch(context.Context, func()) error { return ErrUnsupported }

func (h *mac) Open(ctx context.Context) error {
	h.cutting.Lock()
	defer h.cutting.Unlock()
	if _, err := start(ctx, "", pfctl, "-a", pfAnchor, "-F", "rules"); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	boot, err := h.Boot()
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if token, ok := h.token(boot); ok {
		if _, err := start(ctx, "", pfctl, "-X", token); err != nil {
			return fmt.Errorf("open: give pf back: %w", err)
		}
	}
	if err := os.Remove(h.tokenFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open: forget pf's token: %w", err)
	}
	return nil
}

func (h *mac) Plan(allow Allow) []string {
	lines := []string{"load these rules into the anchor " + pfAnchor + " of pf:"}
	for _, r := range pfRules(allow) {
		lines = append(lines, "  "+r)
	}
	return append(lines, "switch pf on, and end the connections that it remembers")
}

func (h *mac) SwitchWifi(ctx context.Context, on bool, keep []Endpoint, force bool) (string, error) {
	ports, err := start(ctx, "", networksetup, "-listallhardwareports")
	if err != nil {
		return "", fmt.Errorf("Wi-Fi: %w", err)
	}
	devices := wifiDevices(ports)
	if len(devices) == 0 {
		return "this PC has no Wi-Fi", nil
	}
	ways := map[string]bool{}
	if !on && !force {
		for _, s := range keep {
			family := "-inet"
			if s.Addr().Unmap().Is6() {
				family = "-inet6"
			}
			// No way at all is an error of route, and nothing to keep.
			out, _ := start(ctx, "", routeProgram, "-n", "get", family, s.Addr().Unmap().String())
			ways[routeInterface(out)] = true
		}
	}
	var said []string
	state := map[bool]string{true: "on", false: "off"}[on]
	for _, d := range devices {
		if ways[d] {
			said = append(said, d+" stays on: the way to the management server leads over it")
			continue
		}
		if _, err := start(ctx, "", networksetup, "-setairportpower", d, state); err != nil {
			return strings.Join(said, "; "), fmt.Errorf("Wi-Fi: %w", err)
		}
		said = append(said, d+" is "+state)
	}
	return strings.Join(said, "; "), nil
}

// HoldPower: macOS asks only programs with a window before it ends, and a background
// program can keep it from sleeping but not from being switched off.
func (h *mac) HoldPower(context.Context, string) (func() error, error) {
	return nil, fmt.Errorf("%w: macOS lets no background program refuse to be shut down", ErrUnsupported)
}

const launchdFile = "/Library/LaunchDaemons/" + launchdLabel + ".plist"

// Install makes launchd start the agent with the system. macOS orders no job before the
// network: after a restart the PC is open until the agent has run, a moment.
func (h *mac) Install(ctx context.Context, exe, state string) error {
	text, err := launchdJob(exe, state)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := os.WriteFile(launchdFile, []byte(text), 0o644); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	_, _ = start(ctx, "", launchctl, "bootout", "system/"+launchdLabel) // an earlier one, if there is
	if _, err := start(ctx, "", launchctl, "bootstrap", "system", launchdFile); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

func (h *mac) Uninstall(ctx context.Context) error {
	if _, err := os.Stat(launchdFile); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// The job may have been taken out by hand: the file decides.
	_, out := start(ctx, "", launchctl, "bootout", "system/"+launchdLabel)
	if err := os.Remove(launchdFile); err != nil {
		return fmt.Errorf("uninstall: %w", errors.Join(err, out))
	}
	return nil
}
