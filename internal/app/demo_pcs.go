package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sekimori/internal/agent"
	"sekimori/internal/agent/host"
	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
)

// demoPC is a PC of the made-up company: this machine's real host behind a dry run,
// under an invented name, of which nothing is read.
type demoPC struct {
	host.Host
	name, number string // the PC's, and its employee's
}

// Name is the invented name.
func (d demoPC) Name() string { return d.name }

// Glance writes that the demo reads nothing.
func (d demoPC) Glance(_ context.Context, item func(string, func(io.Writer) error) error) error {
	return item("connections.txt", d.nothing)
}

// Collect writes that the demo reads nothing.
func (d demoPC) Collect(_ context.Context, item func(string, func(io.Writer) error) error) error {
	return item("processes.txt", d.nothing)
}

func (d demoPC) nothing(w io.Writer) error {
	_, err := fmt.Fprintf(w, "Demo, dry run: nothing was read from this computer. On a real PC this file holds what its name says.\nPC: %s\n", d.name)
	return err
}

// demoMachines lists whose PCs are enrolled. The first belongs to the reporter of the
// story's infection.
func demoMachines() []struct{ number, name string } {
	return []struct{ number, name string }{
		{"1102", "PC-1102"}, {"1101", "PC-1101"}, {"1205", "PC-1205"}, {"1206", "PC-1206"}, {"1304", "PC-1304"}, {"1402", "PC-1402"}, {"1502", "PC-1502"},
	}
}

// demoPCs runs the company's PCs in dry run until ctx ends. Their agents are the real
// ones and speak to the server as any PC would.
func (h *house) demoPCs(ctx context.Context, c *crew, dir string) error {
	var open []*agent.Agent
	close := func() {
		for _, a := range open {
			a.Close()
		}
	}
	for _, m := range demoMachines() {
		a, err := h.demoPC(ctx, m.number, m.name, filepath.Join(dir, m.name))
		if err != nil {
			close()
			return fmt.Errorf("start %s: %w", m.name, err)
		}
		open = append(open, a)
	}
	for _, a := range open {
		c.start(func() {
			if err := a.Run(ctx); err != nil && ctx.Err() == nil {
				h.log.ErrorContext(ctx, "demo PC", "error", err)
			}
			a.Close()
		})
	}
	return nil
}

func (h *house) demoPC(ctx context.Context, number, name, dir string) (*agent.Agent, error) {
	pc := demoPC{host.New(host.Options{}), name, number}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		admin, err := h.as(ctx, "1502")
		if err != nil {
			return nil, err
		}
		owner, err := h.as(ctx, number)
		if err != nil {
			return nil, err
		}
		secret, _, err := h.devices.CreateToken(ctx, admin, device.NewToken{Person: owner.Person, Note: "demo"})
		if err != nil {
			return nil, err
		}
		if _, err := agent.Enrol(ctx, agent.Enrolment{Dir: dir, Server: h.cfg.BaseURL, Token: secret, Host: name, Version: agent.Version}); err != nil {
			return nil, err
		}
	}
	return agent.New(ctx, agent.Options{Dir: dir, Host: pc, Version: agent.Version, DryRun: true, Log: h.log,
		Socket: filepath.Join(dir, "control.sock"), Patience: time.Second})
}

// demoIsolation orders the PC of the story's infection off the network.
func (h *house) demoIsolation(ctx context.Context) error {
	admin, err := h.as(ctx, "1502")
	if err != nil {
		return err
	}
	owner, err := h.as(ctx, "1102")
	if err != nil {
		return err
	}
	pcs, err := h.devices.OfPerson(ctx, admin, owner.Person)
	if err != nil || len(pcs) == 0 {
		return err
	}
	found, err := h.incidents.Find(ctx, admin, incident.Query{Kinds: []incident.Kind{incident.Virus}, Limit: 1})
	if err != nil || len(found.Rows) == 0 {
		return err
	}
	_, err = h.devices.Isolate(ctx, admin, pcs[0].ID, device.Ask{Incident: found.Rows[0].ID, Via: device.ViaCase,
		Reason: "添付ファイルを開いた報告を受けたため。"})
	return err
}

// as is a person of the demo's company, by employee number.
func (h *house) as(ctx context.Context, number string) (access.Actor, error) {
	org, err := h.people.Org(ctx)
	if err != nil {
		return access.Actor{}, err
	}
	for id, p := range org.People {
		if p.Number == number {
			return access.Actor{Person: id, Name: p.Name(), Department: p.Department, Duties: org.DutiesOf(id, h.now()), Via: access.BySession}, nil
		}
	}
	return access.Actor{}, fmt.Errorf("nobody has number %s", number)
}
