package host

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// units are systemd's units and the desktop entry, with places for the program and the
// state folder. packaging/agent has them filled in, for those who make packages.
//
//go:embed unit
var units embed.FS

const (
	serviceUnit  = "sekimori-agent.service"
	bootUnit     = "sekimori-agent-boot.service"
	desktopEntry = "sekimori-infected.desktop"
	mediaRules   = "60-sekimori-media.rules" // after the rules that recognise disks, before those of desktops

	unitFolder    = "/etc/systemd/system"
	desktopFolder = "/usr/local/share/applications"
	rulesFolder   = "/etc/udev/rules.d"

	systemdName  = "org.freedesktop.systemd1"
	systemdPath  = "/org/freedesktop/systemd1"
	systemdCalls = systemdName + ".Manager"
)

// installed is where each file goes.
func (h *linux) installed() map[string]string {
	return map[string]string{
		serviceUnit:  filepath.Join(h.o.Root, unitFolder, serviceUnit),
		bootUnit:     filepath.Join(h.o.Root, unitFolder, bootUnit),
		desktopEntry: filepath.Join(h.o.Root, desktopFolder, desktopEntry),
		mediaRules:   filepath.Join(h.o.Root, rulesFolder, mediaRules), // udev sees by itself that it has changed
	}
}

func (h *linux) Install(ctx context.Context, exe, state string) error {
	for name, path := range h.installed() {
		text, err := unit(name, exe, state)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("install: %w", err)
		}
		if err := writeWhole(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("install: %w", err)
		}
	}
	// Its first start must find it, because systemd mounts it.
	if err := os.MkdirAll(state, 0o700); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return h.onBus(ctx, func(c *dbus.Conn) error {
		s := c.Object(systemdName, systemdPath)
		for _, step := range []struct {
			call string
			args []any
		}{
			{"Reload", nil},
			{"EnableUnitFiles", []any{[]string{serviceUnit, bootUnit}, false, true}},
			{"Reload", nil}, // only now it knows of the new links
		} {
			if err := s.CallWithContext(ctx, systemdCalls+"."+step.call, 0, step.args...).Err; err != nil {
				return fmt.Errorf("install: systemd: %s: %w", step.call, err)
			}
		}
		if err := job(ctx, c, "RestartUnit", serviceUnit); err != nil { // starts it too
			return fmt.Errorf("install: %w", err)
		}
		return nil
	})
}

func (h *linux) Uninstall(ctx context.Context) error {
	_, err := os.Stat(h.installed()[serviceUnit])
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err = h.onBus(ctx, func(c *dbus.Conn) error {
		if err := job(ctx, c, "StopUnit", serviceUnit); err != nil {
			return fmt.Errorf("uninstall: %w", err)
		}
		err := c.Object(systemdName, systemdPath).CallWithContext(ctx, systemdCalls+".DisableUnitFiles", 0,
			[]string{serviceUnit, bootUnit}, false).Err
		if err != nil {
			return fmt.Errorf("uninstall: systemd: %w", err)
		}
		if err := h.letAllGo(ctx); err != nil {
			return fmt.Errorf("uninstall: %w", err)
		}
		left := slices.Collect(maps.Values(h.installed()))
		if h.o.State != "" {
			left = append(left, h.wifiFile())
		}
		for _, path := range left {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("uninstall: %w", err)
			}
		}
		if err := c.Object(systemdName, systemdPath).CallWithContext(ctx, systemdCalls+".Reload", 0).Err; err != nil {
			return fmt.Errorf("uninstall: systemd: %w", err)
		}
		return nil
	})
	return err
}

// job has systemd start or stop a unit and waits until that is done.
func job(ctx context.Context, c *dbus.Conn, call, unit string) error {
	removed := make(chan *dbus.Signal, 64)
	c.Signal(removed)
	defer c.RemoveSignal(removed)
	match := []dbus.MatchOption{dbus.WithMatchInterface(systemdCalls), dbus.WithMatchMember("JobRemoved")}
	if err := c.AddMatchSignalContext(ctx, match...); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	systemd := c.Object(systemdName, systemdPath)
	if err := systemd.CallWithContext(ctx, systemdCalls+".Subscribe", 0).Err; err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	var path dbus.ObjectPath
	if err := systemd.CallWithContext(ctx, systemdCalls+"."+call, 0, unit, "replace").Store(&path); err != nil {
		return fmt.Errorf("systemd: %s %s: %w", call, unit, err)
	}
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("systemd: %s %s: %w", call, unit, ctx.Err())
		case s, open := <-removed:
			if !open {
				return fmt.Errorf("systemd: %s %s: the bus has closed", call, unit)
			}
			// its number, path, unit and result
			if len(s.Body) == 4 && s.Body[1] == path {
				if s.Body[3] != "done" {
					return fmt.Errorf("systemd: %s %s: %v", call, unit, s.Body[3])
				}
				return nil
			}
		}
	}
}

// unit fills in one of units.
func unit(name, exe, state string) (string, error) {
	for _, path := range []string{exe, state} {
		if !filepath.IsAbs(path) || strings.ContainsAny(path, "\n\r\"'\\`$") {
			return "", fmt.Errorf("install: %q is no path that a unit can have", path)
		}
	}
	text, err := units.ReadFile("unit/" + name)
	if err != nil {
		return "", err
	}
	return strings.NewReplacer("{{exe}}", quoted(exe), "{{state}}", quoted(state)).Replace(string(text)), nil
}

// quoted writes a path as systemd and desktop entries read it: both take double quotes
// and both expand the percent sign.
func quoted(path string) string {
	path = strings.ReplaceAll(path, "%", "%%")
	if strings.ContainsAny(path, " \t;") {
		return `"` + path + `"`
	}
	return path
}

// writeWhole writes a file so that it is there as a whole or as it was, also after a
// power cut.
func writeWhole(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil // it is there; only whether it outlives a power cut is not known
	}
	return errors.Join(dir.Sync(), dir.Close())
}
