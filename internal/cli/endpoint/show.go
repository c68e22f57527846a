package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sekimori/internal/agent"
	"sekimori/internal/kit/wire"
)

// here opens the folder of this PC where no service runs. The caller closes it.
func (s *shell) here(ctx context.Context, p place) (*agent.Agent, error) {
	o := s.options(p, false)
	o.Patience = 2 * time.Second
	return agent.New(ctx, o)
}

// status shows how things stand.
func (s *shell) status(fs *pflag.FlagSet) func(context.Context) error {
	asJSON := fs.Bool("json", false, "")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		service, p := s.find(ctx, *state)
		running := service != nil
		var st agent.Status
		var err error
		if running {
			st, err = service.Status(ctx)
		} else {
			st, err = agent.Look(ctx, s.options(p, false))
		}
		if err != nil {
			return err
		}
		s.dry = st.DryRun
		if *asJSON {
			return s.printJSON(struct {
				Running bool `json:"running"`
				agent.Status
			}{running, st})
		}
		s.show(st, running)
		if st.Isolated && !st.DryRun && !cut(st) && running {
			return errNo
		}
		return nil
	}
}

func (s *shell) show(st agent.Status, running bool) {
	switch {
	case st.Isolated:
		s.proof(st)
	default:
		s.say(s.p.T("agent.state.off"))
	}
	for _, step := range st.Isolation.Steps {
		s.say("  " + step)
	}
	if st.Enrolled {
		s.say(s.p.T("agent.show.device", "device", st.Device, "person", st.Person))
		s.say(s.p.T("agent.show.server", "server", st.Server))
		s.say(s.p.T("agent.show.version", "n", st.Document))
	} else {
		s.say(s.p.T("agent.not_enrolled", "program", s.Name))
	}
	switch {
	case !running:
		s.say(s.p.T("agent.show.no_service"))
	case st.Connected:
		s.say(s.p.T("agent.show.connected"))
	case st.Enrolled:
		s.say(s.p.T("agent.show.away", "at", s.p.DateTime(st.Heard.Time())))
	}
	if !st.Privileged {
		s.say(s.p.T("agent.unprivileged", "detail", st.Why))
	}
	if st.Unsent > 0 {
		s.say(s.p.T("agent.show.unsent", "n", st.Unsent))
	}
	if n := st.Waiting - st.Unsent; n > 0 {
		s.say(s.p.T("agent.show.waiting", "n", n))
	}
	if st.Label != "" {
		s.say(s.p.T("agent.report.filed", "label", st.Label))
	}
	if st.Trouble != "" {
		s.say(s.p.T("agent.show.problem", "detail", st.Trouble))
	}
	for _, p := range st.Problems {
		s.say(s.p.T("agent.show.problem", "detail", p))
	}
	if st.Isolated {
		s.say(s.p.T("agent.todo.call"))
		s.whom(st.Contacts)
	}
}

// release ends the isolation with a code, or shows what to read to the administrator.
func (s *shell) release(fs *pflag.FlagSet) func(context.Context) error {
	code := fs.String("code", "", "CODE")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		service, p := s.find(ctx, *state)
		if service == nil {
			a, err := s.here(ctx, p)
			if err != nil {
				return err
			}
			err = s.releaseBy(ctx, *code, a.Status(), a.Challenge, a.Release)
			return errors.Join(err, a.Close())
		}
		st, err := service.Status(ctx)
		if err != nil {
			return err
		}
		challenge := func() (string, time.Duration, error) {
			c, err := service.Challenge(ctx)
			return c.Challenge, c.Life, err
		}
		return s.releaseBy(ctx, *code, st, challenge, func(ctx context.Context, code string) error {
			_, err := service.Release(ctx, code)
			return err
		})
	}
}

func (s *shell) releaseBy(ctx context.Context, code string, st agent.Status, challenge func() (string, time.Duration, error), try func(context.Context, string) error) error {
	s.dry = st.DryRun
	if code != "" {
		if err := try(ctx, code); err != nil {
			return err
		}
		s.say(s.p.T("agent.release.done"))
		return nil
	}
	text, life, err := challenge()
	if errors.Is(err, agent.ErrNotEnrolled) {
		return s.fail("agent.release.not_enrolled", "program", s.Name)
	}
	if err != nil {
		return err
	}
	s.say(s.p.T("agent.release.read"))
	s.say("")
	s.say("    " + wire.Spoken(text))
	s.say("")
	s.say(s.p.T("agent.release.device", "device", st.Device, "person", st.Person))
	s.say(s.p.T("agent.release.life", "time", s.p.Ago(max(life, time.Minute))))
	s.whom(st.Contacts)
	s.say(s.p.T("agent.release.then", "program", s.Name))
	return nil
}

// facts shows what is reported of this PC.
func (s *shell) facts(fs *pflag.FlagSet) func(context.Context) error {
	asJSON := fs.Bool("json", false, "")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		service, p := s.find(ctx, *state)
		var all map[string]wire.Fact
		var err error
		if service != nil {
			all, err = service.Facts(ctx)
		} else {
			all, err = agent.LookFacts(ctx, s.options(p, false))
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return s.printJSON(all)
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			f := all[name]
			text := string(f.Value)
			if f.Unread != "" {
				text = s.p.T("agent.show.unread", "why", f.Unread)
			}
			s.say(name + ": " + strings.TrimSpace(text))
		}
		return nil
	}
}

// printJSON prints a value for a script.
func (s *shell) printJSON(v any) error {
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
