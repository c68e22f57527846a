package endpoint

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sekimori/internal/agent"
	"sekimori/internal/kit/wire"
)

// watchTime is how long "infected" stays to show the proof and the case's number.
const watchTime = 12 * time.Second

// infected cuts this PC off, first of all, and then says what to do.
func (s *shell) infected(fs *pflag.FlagSet) func(context.Context) error {
	note := fs.String("note", "", "TEXT")
	dry := fs.Bool("dry-run", false, "")
	stay := fs.Bool("stay", false, "")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		if *dry {
			return s.wouldIsolate(ctx, *state)
		}
		err := s.press(ctx, *state, *note)
		if *stay { // a window that closes by itself would take the words with it
			s.say(s.p.T("agent.stay"))
			bufio.NewReader(io.LimitReader(s.in, 4096)).ReadString('\n')
		}
		return err
	}
}

func (s *shell) press(ctx context.Context, state, note string) error {
	service, p := s.find(ctx, state)
	if service != nil {
		st, problem, err := service.Infected(ctx, note)
		if err == nil {
			s.dry = st.DryRun
			s.verdict(st, problem)
			return s.follow(ctx, st, service.Status)
		}
		s.complain(err.Error()) // it died under our hands: do it ourselves
	}
	return s.infectedHere(ctx, p, note)
}

// infectedHere does without a service what the service would do.
func (s *shell) infectedHere(ctx context.Context, p place, note string) error {
	o := s.options(p, false)
	o.Patience = 2 * time.Second
	a, err := agent.New(ctx, o)
	if err != nil {
		why := s.sentence(err)
		if perr := o.Host.Privileged(); perr != nil {
			why = s.p.T("agent.unprivileged", "detail", perr.Error())
		}
		s.verdict(agent.Status{Isolation: wire.IsolationFact{State: wire.IsolationFailing}, Contacts: agent.Contacts(p.state)}, why)
		s.say(s.p.T("agent.report.never"))
		return errNo
	}
	defer func() {
		if err := a.Close(); err != nil {
			s.complain(err.Error())
		}
	}()
	var problem string
	st, err := a.Infected(ctx, note, account(s.env))
	if err != nil {
		problem = err.Error()
		if perr := o.Host.Privileged(); perr != nil {
			problem = s.p.T("agent.unprivileged", "detail", perr.Error())
		}
	}
	s.verdict(st, problem)
	serr := a.Settle(ctx)
	if errors.Is(serr, context.Canceled) {
		return serr
	}
	now := a.Status()
	s.proof(now)
	s.filed(now)
	return s.outcome(now)
}

func account(env func(string) string) string {
	for _, name := range []string{"SUDO_USER", "USER", "USERNAME"} {
		if v := env(name); v != "" {
			return v
		}
	}
	return ""
}

// wouldIsolate is the dry run: it says what would be done, and does nothing.
func (s *shell) wouldIsolate(ctx context.Context, state string) error {
	s.dry = true
	_, p := s.find(ctx, state)
	s.say(s.p.T("agent.dry.head"))
	h := s.Host(p.state)
	if err := h.Privileged(); err != nil {
		s.say(s.p.T("agent.unprivileged", "detail", err.Error()))
	}
	for _, line := range agent.Preview(p.state, h) {
		s.say("  " + line)
	}
	s.say(s.p.T("agent.dry.tail"))
	return nil
}

// verdict says, at once, whether this PC is off the network, and what to do now.
func (s *shell) verdict(st agent.Status, problem string) {
	s.say("")
	switch {
	case st.DryRun:
		s.loud(s.p.T("agent.verdict.dry"), false)
		for _, line := range st.Plan {
			s.say("  " + line)
		}
	case problem == "" && cut(st):
		s.loud(s.p.T("agent.verdict.cut"), true)
	default:
		s.loud(s.p.T("agent.verdict.open"), false)
		if problem == "" {
			problem = strings.Join(st.Isolation.Problems, "; ")
		}
		s.say(s.p.T("agent.verdict.why", "detail", problem))
	}
	s.say("")
	s.say(s.p.T("agent.todo.head"))
	s.say("  1. " + s.p.T("agent.todo.cable"))
	s.say("  2. " + s.p.T("agent.todo.power"))
	s.say("  3. " + s.p.T("agent.todo.call"))
	s.whom(st.Contacts)
	s.say("")
}

func (s *shell) whom(contacts []wire.Contact) {
	if len(contacts) == 0 {
		s.say("     " + s.p.T("agent.todo.nobody"))
	}
	for _, c := range contacts {
		role := c.Role
		if s.p.Has("agent.role." + c.Role) {
			role = s.p.T("agent.role." + c.Role)
		}
		s.say("     " + s.p.T("agent.todo.whom", "role", role, "name", c.Name, "phone", c.Phone))
	}
}

// loud prints a line that nobody overlooks.
func (s *shell) loud(text string, good bool) {
	bar := strings.Repeat("=", 64)
	if s.color() {
		paint := "\x1b[1;97;41m"
		if good {
			paint = "\x1b[1;97;42m"
		}
		s.say(bar)
		fmt.Fprintln(s.out, paint+"  "+plain(text)+"  \x1b[0m")
		s.say(bar)
		return
	}
	s.say(bar)
	s.say("  " + text)
	s.say(bar)
}

// color is for a person at a terminal who has not said no to it (https://no-color.org).
func (s *shell) color() bool {
	return s.env("NO_COLOR") == "" && s.env("TERM") != "dumb" && !s.dry && terminal(s.out)
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// cut reports whether the rules stand.
func cut(st agent.Status) bool {
	return st.Isolation.State == wire.IsolationApplied || st.Isolation.State == wire.IsolationProven
}

// follow shows the proof and the case's number when they come, for a while.
func (s *shell) follow(ctx context.Context, st agent.Status, ask func(context.Context) (agent.Status, error)) error {
	end := time.Now().Add(watchTime)
	for !s.told(st) && time.Now().Before(end) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		now, err := ask(ctx)
		if err != nil {
			break
		}
		st = now
	}
	s.proof(st)
	s.filed(st)
	return s.outcome(st)
}

// told reports whether there is nothing more to wait for.
func (s *shell) told(st agent.Status) bool {
	settled := st.DryRun || st.Isolation.State == wire.IsolationProven || len(st.Isolation.Problems) > 0
	return settled && (st.Label != "" || !st.Enrolled)
}

// proof says how sure it is.
func (s *shell) proof(st agent.Status) {
	detail := strings.Join(st.Isolation.Problems, "; ")
	switch {
	case st.DryRun:
		s.say(s.p.T("agent.state.dry"))
	case st.Isolation.State == wire.IsolationProven:
		s.say(s.p.T("agent.state.proven"))
	case st.Isolation.State == wire.IsolationApplied && detail == "":
		s.say(s.p.T("agent.state.applied"))
	case st.Isolation.State == wire.IsolationApplied:
		s.say(s.p.T("agent.state.applied_why", "detail", detail))
	default:
		s.say(s.p.T("agent.state.failing", "detail", detail))
	}
}

// filed says what became of the report.
func (s *shell) filed(st agent.Status) {
	switch {
	case st.Label != "":
		s.say(s.p.T("agent.report.filed", "label", st.Label))
	case !st.Enrolled:
		s.say(s.p.T("agent.report.never"))
	default:
		s.say(s.p.T("agent.report.waiting"))
	}
}

func (s *shell) outcome(st agent.Status) error {
	if st.DryRun || cut(st) {
		return nil
	}
	return errNo
}
