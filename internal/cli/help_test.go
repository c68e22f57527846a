package cli

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"sekimori/internal/kit/i18n"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestHelp compares the help of every command, in both languages, with what was read
// and found good.
func TestHelp(t *testing.T) {
	t.Parallel()
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range i18n.Langs() {
		var got bytes.Buffer
		s := &shell{env: func(string) string { return "" }, p: cat.PrinterIn(lang, time.UTC)}
		var walk func(c *cobra.Command)
		walk = func(c *cobra.Command) {
			got.WriteString("$ " + c.CommandPath() + " --help\n")
			s.help(&got, c)
			got.WriteString("\n")
			for _, m := range visible(c) {
				walk(m)
			}
		}
		walk(s.root())
		if strings.Contains(got.String(), "⟦") {
			t.Errorf("%s: a text is missing:\n%s", lang, got.String())
		}
		file := filepath.Join("testdata", "help."+string(lang)+".txt")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", lang, diff)
		}
	}
}

// TestNoTextIsIdle finds texts of commands and flags that no longer exist.
func TestNoTextIsIdle(t *testing.T) {
	t.Parallel()
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{env: func(string) string { return "" }, p: cat.Printer(i18n.EN)}
	known := map[string]bool{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		known[textID(c)] = true
		for _, m := range c.Commands() {
			walk(m)
		}
	}
	walk(s.root())
	for _, id := range cat.IDs(i18n.EN) {
		if !strings.HasPrefix(id, "cli.sekimori") {
			continue
		}
		path, _, _ := strings.Cut(strings.TrimPrefix(id, "cli."), ".")
		if !known["cli."+path] {
			t.Errorf("%s is of no command", id)
		}
	}
}

// play runs a command line with an environment of name=value and without waiting.
func play(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return playIn(t, "", env, args...)
}

func playIn(t *testing.T, stdin string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	get := func(name string) string {
		for _, e := range env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	}
	code = run(t.Context(), args, get, strings.NewReader(stdin), &out, &errs, func(context.Context, time.Duration) error { return nil })
	return code, out.String(), errs.String()
}
