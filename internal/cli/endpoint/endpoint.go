// Package endpoint is the agent's command line: the verbs of `sekimori-agent` and of
// `sekimori agent`, which are the same. It holds no server code.
//
// What a person or a script asked for goes to standard output, what went wrong to
// standard error. The exit status is 0, 1 (found or failed) or 2 (wrong usage).
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"sekimori/internal/agent"
	"sekimori/internal/agent/host"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/pii/read"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Program is how the command line was started.
type Program struct {
	Name string // "sekimori-agent" or "sekimori agent"
	// Host makes the operating system's part over a state folder; default: this one's.
	Host func(state string) host.Host
	// Forbidden are places that an isolated PC must not reach; default: the agent's choice.
	Forbidden func(allow host.Allow) []agent.Target
	// Clock is the PC's; default: the machine's.
	Clock agent.Clock
	// Idle lowers the priority of this process for a scan; default: for good.
	Idle func() error
}

// shell is what a verb works with.
type shell struct {
	Program
	env   func(string) string
	in    io.Reader
	out   io.Writer
	err   io.Writer
	p     i18n.Printer
	both  [2]i18n.Printer // Japanese and English, for texts that many people see
	dry   bool            // every line says so
	clock agent.Clock
}

// verb is one command.
type verb struct {
	name  string
	alias string
	place string // what stands behind the verb; empty: nothing may
	flags func(s *shell, fs *pflag.FlagSet) (do func(ctx context.Context) error)
}

func verbs() []verb {
	return []verb{
		{name: "infected", flags: (*shell).infected},
		{name: "report", flags: (*shell).report},
		{name: "status", flags: (*shell).status},
		{name: "release", flags: (*shell).release},
		{name: "facts", flags: (*shell).facts},
		{name: "scan", place: "PATH…", flags: (*shell).scan},
		{name: "enroll", alias: "enrol", flags: (*shell).enrol},
		{name: "install", flags: (*shell).install},
		{name: "uninstall", flags: (*shell).uninstall},
		{name: "run", flags: (*shell).run},
		{name: "boot", flags: (*shell).boot},
		{name: "version", flags: (*shell).version},
	}
}

// Main runs one command line and gives the exit status.
func Main(ctx context.Context, p Program, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == read.Verb {
		return ReadDocuments(stdin, stdout, stderr)
	}
	cat, err := i18n.LoadOnly("agent", "agentgw", "device", "fault", "guard", "scan")
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return exitFailed
	}
	if p.Host == nil {
		p.Host = thisHost
	}
	if p.Clock.Now == nil {
		p.Clock = agent.MachineClock()
	}
	s := &shell{Program: p, env: env, in: stdin, out: stdout, err: stderr, clock: p.Clock,
		p: cat.PrinterIn(language(env), zone()), both: [2]i18n.Printer{cat.Printer(i18n.JA), cat.Printer(i18n.EN)}}
	return s.main(ctx, args)
}

func (s *shell) main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		s.help(s.err)
		return exitUsage
	}
	switch args[0] {
	case "--help", "-h", "help":
		if len(args) > 1 && args[0] == "help" {
			return s.main(ctx, []string{args[1], "--help"})
		}
		s.help(s.out)
		return exitOK
	}
	for _, v := range verbs() {
		if args[0] == v.name || v.alias != "" && args[0] == v.alias {
			return s.finish(v.name, s.play(ctx, v, args[1:]))
		}
	}
	return s.finish("", s.misuse("agent.unknown_command", "name", args[0]))
}

func (s *shell) play(ctx context.Context, v verb, args []string) error {
	fs := pflag.NewFlagSet(v.name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard)
	do := v.flags(s, fs)
	help := fs.BoolP("help", "h", false, "")
	if err := fs.Parse(args); err != nil {
		return s.flagError(err)
	}
	if *help {
		s.verbHelp(s.out, v, fs)
		return nil
	}
	if fs.NArg() > 0 && v.place == "" {
		return s.misuse("agent.no_arguments", "name", fs.Arg(0))
	}
	return do(ctx)
}

// language is Japanese for a Japanese environment, else English.
func language(env func(string) string) i18n.Lang {
	for _, name := range []string{"SEKIMORI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			if strings.HasPrefix(strings.ToLower(v), "ja") {
				return i18n.JA
			}
			return i18n.EN
		}
	}
	return i18n.EN
}

// zone is the PC's own time zone; Japan's (nil) on one that was left at UTC.
func zone() *time.Location {
	if name, offset := time.Now().Zone(); name == "UTC" && offset == 0 {
		return nil
	}
	return time.Local
}

// help lists the verbs.
func (s *shell) help(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n%s\n  %s %s\n\n%s\n", s.p.T("agent.long"), s.p.T("agent.head.usage"), s.Name, s.p.T("agent.head.place"), s.p.T("agent.head.commands"))
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-9s  %s\n", v.name, s.p.T("agent.verb."+v.name+".short"))
	}
	fmt.Fprintf(w, "\n%s\n", s.p.T("agent.environment"))
}

func (s *shell) verbHelp(w io.Writer, v verb, fs *pflag.FlagSet) {
	use := strings.TrimSpace(v.name + " " + v.place)
	fmt.Fprintf(w, "%s\n\n%s\n  %s %s [--…]\n\n%s\n", s.p.T("agent.verb."+v.name+".long"), s.p.T("agent.head.usage"), s.Name, use, s.p.T("agent.head.flags"))
	fs.VisitAll(func(f *pflag.Flag) {
		left := "    --" + f.Name
		if f.Shorthand != "" {
			left = "-" + f.Shorthand + ", --" + f.Name
		}
		if f.Value.Type() != "bool" {
			left += " " + f.Usage
		}
		text := "agent.flag." + f.Name
		if own := "agent.verb." + v.name + ".flag." + f.Name; s.p.Has(own) {
			text = own
		}
		fmt.Fprintf(w, "  %-22s  %s\n", left, s.p.T(text))
	})
}

// usageError says that the command line itself is wrong; text is for people.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func (s *shell) misuse(id string, args ...any) error { return &usageError{s.p.T(id, args...)} }

// failure is an error with a sentence for people.
type failure struct{ text string }

func (e *failure) Error() string { return e.text }

func (s *shell) fail(id string, args ...any) error { return &failure{s.p.T(id, args...)} }

// errNo ends a verb with status 1 when its output has said everything.
var errNo = errors.New("no")

// errBroken ends a verb whose status 1 means something else with status 2, when everything was said.
var errBroken = errors.New("broken")

func (s *shell) flagError(err error) error {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return s.misuse("agent.unknown_flag", "name", "--"+unknown.GetSpecifiedName())
	case errors.As(err, &empty):
		return s.misuse("agent.flag_without_value", "name", "--"+empty.GetFlag().Name)
	case errors.As(err, &bad):
		return s.misuse("agent.bad_flag_value", "name", "--"+bad.GetFlag().Name, "value", bad.GetValue())
	}
	return &usageError{err.Error()}
}

// finish says what went wrong and gives the exit status.
func (s *shell) finish(verb string, err error) int {
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errNo):
		return exitFailed
	case errors.Is(err, errBroken):
		return exitUsage
	case errors.As(err, &wrong):
		s.complain(wrong.text)
		s.complain(s.p.T("agent.see_help", "command", strings.TrimSpace(s.Name+" "+verb)))
		return exitUsage
	case errors.Is(err, context.Canceled):
		s.complain(s.p.T("agent.interrupted"))
		return exitFailed
	}
	s.complain(s.sentence(err))
	return exitFailed
}

// sentence writes an error for a person; what is only for operators stays as it is.
func (s *shell) sentence(err error) string {
	var refused *agent.Refused
	switch {
	case errors.Is(err, agent.ErrNotEnrolled):
		return s.p.T("agent.not_enrolled", "program", s.Name)
	case errors.Is(err, agent.ErrEnrolled):
		return s.p.T("agent.enrolled_already")
	case errors.Is(err, agent.ErrServerURL):
		return s.p.T("agent.bad_server")
	case errors.Is(err, agent.ErrForeign):
		return s.p.T("agent.foreign")
	case errors.Is(err, agent.ErrNotIsolated):
		return s.p.T("agent.release.not_isolated")
	case errors.Is(err, agent.ErrNoChallenge):
		return s.p.T("agent.release.no_challenge", "program", s.Name)
	case errors.Is(err, agent.ErrCodeForm):
		return s.p.T("agent.release.code_form")
	case errors.Is(err, agent.ErrCodeWrong):
		return s.p.T("agent.release.code_wrong")
	case errors.Is(err, agent.ErrTooManyCodes):
		return s.p.T("agent.release.too_many")
	case errors.Is(err, agent.ErrTooManyReports):
		return s.p.T("agent.told.too_many")
	case errors.Is(err, agent.ErrTicket):
		return s.p.T("agent.ticket_invalid")
	case errors.Is(err, agent.ErrIsolated):
		return s.p.T("agent.isolated_now")
	case agent.Busy(err):
		return s.p.T("agent.busy")
	case errors.Is(err, os.ErrPermission):
		return s.p.T("agent.no_rights", "detail", err.Error())
	case errors.As(err, &refused):
		if s.p.Has(refused.Code) {
			return s.p.T("agent.server_says", "text", s.p.T(refused.Code))
		}
		return s.p.T("agent.server_refused", "status", refused.Status)
	}
	return err.Error()
}

func (s *shell) complain(text string) { fmt.Fprintln(s.err, s.Name+": "+plain(text)) }

// say prints lines for the person; in a dry run each says so.
func (s *shell) say(text string) {
	for line := range strings.Lines(plain(text) + "\n") {
		line = strings.TrimRight(line, "\n")
		if s.dry {
			line = strings.TrimRight(s.p.T("agent.dry_tag")+" "+line, " ")
		}
		fmt.Fprintln(s.out, line)
	}
}

// plain drops what a terminal would obey.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}
