// Package cli is the command line: one file for each command. Verbs that concern the
// data of a server go through its REST API with a token; only what belongs to the
// machine itself (serve, init, demo, token create, config check) starts it from here.
//
// What a person or a script asked for goes to standard output, what went wrong to
// standard error. The exit status is 0, 1 (found or failed) or 2 (wrong usage).
package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sekimori/internal/cli/endpoint"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/pii/read"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// shell is what a command works with.
type shell struct {
	env  func(string) string
	in   io.Reader
	out  io.Writer
	err  io.Writer
	p    i18n.Printer
	wait func(context.Context, time.Duration) error // between tries
}

// Main runs one command line and gives the exit status.
func Main(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == read.Verb { // before anything that a reader has no use for
		return endpoint.ReadDocuments(stdin, stdout, stderr)
	}
	return run(ctx, args, env, stdin, stdout, stderr, endpoint.Pause)
}

func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer, wait func(context.Context, time.Duration) error) int {
	cat, err := i18n.Load()
	if err != nil {
		fmt.Fprintf(stderr, "sekimori: %v\n", err)
		return exitFailed
	}
	s := &shell{env: env, in: stdin, out: stdout, err: stderr, p: cat.PrinterIn(language(env), zone(env)), wait: wait}
	root := s.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	return s.finish(cmd, err)
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

// zone is the time zone of what is printed and typed: the company's where it is set,
// else the machine's, else Japan's (nil), because servers are often left at UTC.
func zone(env func(string) string) *time.Location {
	if name := env("SEKIMORI_TIME_ZONE"); name != "" {
		if loc, err := time.LoadLocation(name); err == nil {
			return loc
		}
	}
	if name, offset := time.Now().Zone(); env("TZ") == "" && name == "UTC" && offset == 0 {
		return nil
	}
	return time.Local
}

func (s *shell) root() *cobra.Command {
	root := s.group("sekimori")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { s.help(s.out, c) })
	root.SetUsageFunc(func(c *cobra.Command) error { s.help(s.err, c); return nil })
	root.SetFlagErrorFunc(s.flagError)
	root.SetHelpCommand(s.helpCommand())
	root.AddCommand(s.account(), s.demo(), s.serve(), s.init(), s.config(), s.backup(), s.restore(), s.key(), s.people(), s.token(), s.journal(), s.incident(), s.request(), s.loan(), s.takeOut(), s.asset(), s.stockTake(), s.device(), s.agent(), s.seal(), s.scan(), s.loadTest(), s.version())
	s.finishFlags(root)
	return root
}

// command makes a command; its texts are cli.<path>.short, .long and .example.
func (s *shell) command(use string, args cobra.PositionalArgs, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Args: args, RunE: do}
}

// group makes a command that only holds others.
func (s *shell) group(use string, members ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Args: cobra.ArbitraryArgs, RunE: func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			s.help(s.err, c)
			return &usageError{}
		}
		near := strings.Join(c.SuggestionsFor(args[0]), ", ")
		if near == "" {
			return s.misuse("cli.unknown_command", "name", args[0])
		}
		return s.misuse("cli.unknown_command_near", "name", args[0], "near", near)
	}}
	c.SuggestionsMinimumDistance = 2
	c.AddCommand(members...)
	return c
}

// none refuses arguments.
func (s *shell) none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return s.misuse("cli.no_arguments", "name", args[0])
	}
	return nil
}

// exactly wants one argument for each name.
func (s *shell) exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return s.misuse("cli.missing_argument", "name", names[len(args)])
		case len(args) > len(names):
			return s.misuse("cli.no_arguments", "name", args[len(names)])
		}
		return nil
	}
}
