package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// textID is the beginning of the message ids of a command: cli.journal_verify.
func textID(c *cobra.Command) string { return "cli." + strings.ReplaceAll(c.CommandPath(), " ", "_") }

// help writes the help of a command in the person's language.
func (s *shell) help(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "%s\n\n%s\n  %s\n", s.p.T(textID(c)+".long"), s.p.T("cli.head.usage"), s.useLine(c))
	if members := visible(c); len(members) > 0 {
		fmt.Fprintf(w, "\n%s\n", s.p.T("cli.head.commands"))
		width := 0
		for _, m := range members {
			width = max(width, len(m.Name()))
		}
		for _, m := range members {
			fmt.Fprintf(w, "  %-*s  %s\n", width, m.Name(), s.p.T(textID(m)+".short"))
		}
	}
	s.flags(w, "cli.head.flags", c.NonInheritedFlags())
	s.flags(w, "cli.head.server_flags", c.InheritedFlags())
	if s.p.Has(textID(c) + ".example") {
		fmt.Fprintf(w, "\n%s\n  %s\n", s.p.T("cli.head.example"), strings.ReplaceAll(s.p.T(textID(c)+".example"), "\n", "\n  "))
	}
	if !c.HasParent() {
		fmt.Fprintf(w, "\n%s\n", s.p.T("cli.environment"))
	}
}

func visible(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, m := range c.Commands() {
		if !m.Hidden {
			out = append(out, m)
		}
	}
	return out
}

func (s *shell) useLine(c *cobra.Command) string {
	line := c.CommandPath()
	if len(visible(c)) > 0 {
		return line + " " + s.p.T("cli.head.command_place")
	}
	if _, rest, ok := strings.Cut(c.Use, " "); ok {
		line += " " + rest
	}
	return line + " [--…]"
}

// flags writes one line for each flag; the text is cli.flag.<name>, or
// cli.<path>.flag.<name> where a command means something of its own by it.
func (s *shell) flags(w io.Writer, head string, fs *pflag.FlagSet) {
	type line struct{ left, right string }
	var lines []line
	width := 0
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		left := "    --" + f.Name
		if f.Shorthand != "" {
			left = "-" + f.Shorthand + ", --" + f.Name
		}
		if f.Value.Type() != "bool" {
			name, _ := pflag.UnquoteUsage(f)
			left += " " + name
		}
		width = max(width, len(left))
		lines = append(lines, line{left, s.p.T(f.Annotations["text"][0])})
	})
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.p.T(head))
	for _, l := range lines {
		fmt.Fprintf(w, "  %-*s  %s\n", width, l.left, l.right)
	}
}

// finishFlags gives every command --help, and every flag the id of its text.
func (s *shell) finishFlags(c *cobra.Command) {
	c.Flags().BoolP("help", "h", false, "")
	c.Flags().SortFlags, c.PersistentFlags().SortFlags = false, false
	name := func(f *pflag.Flag) {
		text := "cli.flag." + f.Name
		if own := textID(c) + ".flag." + f.Name; s.p.Has(own) {
			text = own
		}
		f.Annotations = map[string][]string{"text": {text}}
	}
	c.Flags().VisitAll(name)
	c.PersistentFlags().VisitAll(name)
	for _, m := range c.Commands() {
		s.finishFlags(m)
	}
}

// helpCommand is `sekimori help journal verify`, the same as --help.
func (s *shell) helpCommand() *cobra.Command {
	return &cobra.Command{Use: "help", Hidden: true, Args: cobra.ArbitraryArgs, RunE: func(c *cobra.Command, args []string) error {
		at, rest, err := c.Root().Find(args)
		if err != nil || len(rest) > 0 {
			return s.misuse("cli.unknown_command", "name", strings.Join(args, " "))
		}
		s.help(s.out, at)
		return nil
	}}
}
