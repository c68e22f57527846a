package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// plan is what an import would do, or did.
type plan struct {
	Kind      string
	Encoding  string
	Version   int64
	Hash      string
	Lines     int
	Adds      []planEntry
	Changes   []planEntry
	Leaves    []planEntry
	Unchanged int
	Problems  []struct {
		Line            int
		Column, Message string
	}
}

type planEntry struct {
	Line      int
	Key, Name string
	Fields    []struct{ Column, Old, New string }
}

func (s *shell) people() *cobra.Command {
	r := &remote{}
	c := s.group("people", s.peopleImport(r))
	r.flags(c)
	return c
}

func (s *shell) peopleImport(r *remote) *cobra.Command {
	var apply, asJSON bool
	c := s.command("import FILE.csv", s.exactly("FILE.csv"), func(cmd *cobra.Command, args []string) error {
		raw, err := s.read(args[0])
		if err != nil {
			return err
		}
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		post := func(path string) (json.RawMessage, plan, error) {
			return postTable[plan](cmd.Context(), s, api, path, raw)
		}
		answer, p, err := post("/people/preview")
		if err != nil {
			return err
		}
		if apply && len(p.Problems) == 0 {
			if answer, p, err = post(fmt.Sprintf("/people/import?version=%d&hash=%s", p.Version, url.QueryEscape(p.Hash))); err != nil {
				return err
			}
		}
		if asJSON {
			err = s.printJSON(answer)
		} else {
			s.showPlan(p, apply)
		}
		if err == nil && len(p.Problems) > 0 {
			return errNo
		}
		return err
	})
	c.Flags().BoolVar(&apply, "apply", false, "")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// read reads a file, or standard input for "-".
func (s *shell) read(file string) ([]byte, error) {
	if file == "-" {
		raw, err := io.ReadAll(s.in)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return raw, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	return raw, nil
}

// showPlan prints what would change, or has, and what must be mended.
func (s *shell) showPlan(p plan, apply bool) {
	for _, part := range []struct {
		sign    string
		entries []planEntry
	}{{"+", p.Adds}, {"~", p.Changes}, {"-", p.Leaves}} {
		for _, e := range part.entries {
			s.say(fmt.Sprintf("%s %s %s", part.sign, e.Key, e.Name))
			if part.sign == "+" {
				continue
			}
			for _, f := range e.Fields {
				s.say(fmt.Sprintf("    %s: %s → %s", s.title("directory.column."+f.Column), or(f.Old, "—"), or(f.New, "—")))
			}
		}
	}
	for _, x := range p.Problems {
		where := s.p.T("cli.import_line", "line", x.Line)
		if x.Column != "" {
			where += " " + s.title("directory.column."+x.Column)
		}
		s.say("! " + where + ": " + x.Message)
	}
	s.say(s.p.T("cli.import_counts", "adds", len(p.Adds), "changes", len(p.Changes), "leaves", len(p.Leaves), "unchanged", p.Unchanged))
	switch {
	case len(p.Problems) > 0:
		s.say(s.p.T("cli.import_problems", "n", len(p.Problems)))
	case apply:
		s.say(s.p.T("cli.import_done"))
	default:
		s.say(s.p.T("cli.import_preview"))
	}
}

// title is a column's name as the table has it; id ends with its wire name.
func (s *shell) title(id string) string {
	if s.p.Has(id) {
		return s.p.T(id)
	}
	return id[strings.LastIndex(id, ".")+1:]
}
