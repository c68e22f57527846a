package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sekimori/internal/kit/fault"
)

// usageError says that the command line itself is wrong; text is already for people,
// and empty when everything was said.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// misuse makes a usage error from a message.
func (s *shell) misuse(id string, args ...any) error { return &usageError{text: s.p.T(id, args...)} }

// failure is an error with a sentence for people.
type failure struct{ text string }

func (e *failure) Error() string { return e.text }

// fail makes a failure from a message; the cause stays readable behind it.
func (s *shell) fail(id string, args ...any) error { return &failure{text: s.p.T(id, args...)} }

// errNo ends a command with status 1 when its output has said everything.
var errNo = errors.New("no")

// finish says what went wrong and gives the exit status.
func (s *shell) finish(cmd *cobra.Command, err error) int {
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errNo):
		return exitFailed
	case errors.As(err, &wrong):
		if wrong.text != "" {
			s.complain(wrong.text)
			fmt.Fprintln(s.err, s.p.T("cli.see_help", "command", cmd.CommandPath()))
		}
		return exitUsage
	case errors.Is(err, context.Canceled):
		s.complain(s.p.T("cli.interrupted"))
		return exitFailed
	}
	s.complain(s.sentence(err))
	return exitFailed
}

func (s *shell) complain(text string) { fmt.Fprintln(s.err, "sekimori: "+plain(text)) }

// sentence writes an error for a person: a fault or a problem of the server in their
// language with each field below, anything else as it is, for the operator.
func (s *shell) sentence(err error) string {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p.sentence()
	case fault.As(err) == nil:
		return err.Error()
	}
	text, fields := s.p.Error(err)
	var b strings.Builder
	b.WriteString(text)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(&b, "\n  %s: %s", name, fields[name])
	}
	return b.String()
}

// flagError turns what the flag parser found wrong into our words.
func (s *shell) flagError(_ *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		dashes := "--"
		if len(unknown.GetSpecifiedName()) == 1 {
			dashes = "-"
		}
		return s.misuse("cli.unknown_flag", "name", dashes+unknown.GetSpecifiedName())
	case errors.As(err, &empty):
		return s.misuse("cli.flag_without_value", "name", "--"+empty.GetFlag().Name)
	case errors.As(err, &bad):
		return s.misuse("cli.bad_flag_value", "name", "--"+bad.GetFlag().Name, "value", bad.GetValue())
	}
	return s.misuse("cli.bad_flags", "detail", err.Error())
}
