package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

// stockAnswer is a count as the server tells of it.
type stockAnswer struct {
	Label, Title, Due, Hash string
	Finished                time.Time
	Expected                int
	Totals                  stockTotals
}

type stockTotals struct {
	Expected, Found, Met, Missing, Twice, Unknown, Outside int
}

func (s *shell) stockTake() *cobra.Command {
	r := &remote{}
	c := s.group("stock-take", s.stockList(r), s.stockShow(r), s.stockOpen(r), s.stockSeen(r), s.stockNote(r), s.stockFinish(r), s.stockResult(r))
	r.flags(c)
	c.AddCommand(s.stockVerify())
	return c
}

func (s *shell) stockList(r *remote) *cobra.Command {
	var asJSON bool
	c := s.command("list", s.none, func(cmd *cobra.Command, _ []string) error {
		raw, err := s.fetch(cmd.Context(), r, "/stock-takes")
		if err != nil {
			return err
		}
		var page struct{ Items []json.RawMessage }
		if err := json.Unmarshal(raw, &page); err != nil {
			return s.fail("cli.odd_answer")
		}
		return listed(s, page.Items, asJSON, func(a stockAnswer) []string {
			state := s.p.T("cli.stock_open", "due", a.Due)
			if !a.Finished.IsZero() {
				state = s.p.T("cli.stock_finished", "at", s.p.DateTime(a.Finished))
			}
			return []string{a.Label, state, s.p.Count(a.Expected), a.Title}
		})
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) stockShow(r *remote) *cobra.Command {
	return showCommand(s, r, "LABEL", "/stock-takes/", s.showStock)
}

func (s *shell) showStock(a stockAnswer) {
	s.say(a.Label + "  " + a.Title)
	s.showTotals(a.Totals)
	if a.Hash != "" {
		s.say(s.p.T("cli.stock_hash", "hash", a.Hash))
	}
}

func (s *shell) showTotals(t stockTotals) {
	var rows [][]string
	for _, x := range []struct {
		name string
		n    int
	}{{"expected", t.Expected}, {"found", t.Found}, {"met", t.Met}, {"missing", t.Missing}, {"twice", t.Twice}, {"outside", t.Outside}, {"unknown", t.Unknown}} {
		rows = append(rows, []string{s.p.T("stock.result." + x.name), s.p.Count(x.n)})
	}
	s.columns(rows)
}

func (s *shell) stockOpen(r *remote) *cobra.Command {
	var due string
	var departments, kinds []string
	var asJSON bool
	c := s.command("open TITLE", s.exactly("TITLE"), func(cmd *cobra.Command, args []string) error {
		if due == "" {
			return s.misuse("cli.flag_needed", "name", "--due")
		}
		body := map[string]any{"title": args[0], "due": due}
		if len(departments) > 0 {
			body["departments"] = departments
		}
		if len(kinds) > 0 {
			body["kinds"] = kinds
		}
		answer, err := s.act(cmd.Context(), r, "/stock-takes", "", body)
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showStock)
	})
	c.Flags().StringVar(&due, "due", "", "`DATE`")
	c.Flags().StringSliceVar(&departments, "department", nil, "`A,B`")
	c.Flags().StringSliceVar(&kinds, "kind", nil, "`A,B`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// atLeast wants one argument for each name, and takes more of the last.
func (s *shell) atLeast(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return s.misuse("cli.missing_argument", "name", names[len(args)])
		}
		return nil
	}
}

func (s *shell) stockSeen(r *remote) *cobra.Command {
	var place string
	var asJSON bool
	c := s.command("seen LABEL NUMBER…", s.atLeast("LABEL", "NUMBER"), func(cmd *cobra.Command, args []string) error {
		answer, err := s.act(cmd.Context(), r, "/stock-takes/"+url.PathEscape(args[0])+"/seen", "", map[string]any{"codes": args[1:], "place": place})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, func(a struct {
			Items []struct{ Code, Number, Result, Why string }
		}) {
			var rows [][]string
			for _, x := range a.Items {
				word := s.p.T("cli.stock_no_code")
				switch {
				case x.Why != "":
					word = s.word("stock.why.", x.Why)
				case x.Result != "":
					word = s.word("stock.result.", x.Result)
				}
				rows = append(rows, []string{or(x.Number, x.Code), word})
			}
			s.columns(rows)
		})
	})
	c.Flags().StringVar(&place, "place", "", "`WORDS`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) stockNote(r *remote) *cobra.Command {
	var done, text string
	var asJSON bool
	c := s.command("note LABEL NUMBER…", s.atLeast("LABEL", "NUMBER"), func(cmd *cobra.Command, args []string) error {
		if done == "" {
			return s.misuse("cli.flag_needed", "name", "--done")
		}
		answer, err := s.act(cmd.Context(), r, "/stock-takes/"+url.PathEscape(args[0])+"/notes", "", map[string]any{"numbers": args[1:], "done": done, "text": text})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showStock)
	})
	c.Flags().StringVar(&done, "done", "", "`WORD`")
	c.Flags().StringVar(&text, "text", "", "`WORDS`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) stockFinish(r *remote) *cobra.Command {
	var hash, dir string
	c := s.command("finish LABEL", s.exactly("LABEL"), func(cmd *cobra.Command, args []string) error {
		if hash == "" {
			return s.misuse("cli.flag_needed", "name", "--hash")
		}
		if _, err := s.act(cmd.Context(), r, "/stock-takes/"+url.PathEscape(args[0])+"/finish", "", map[string]any{"hash": hash}); err != nil {
			return err
		}
		if dir == "" {
			return nil
		}
		return s.keepResult(cmd.Context(), r, args[0], dir)
	})
	c.Flags().StringVar(&hash, "hash", "", "`HASH`")
	c.Flags().StringVarP(&dir, "output", "o", "", "`DIR`")
	return c
}

func (s *shell) stockResult(r *remote) *cobra.Command {
	var dir string
	c := s.command("result LABEL", s.exactly("LABEL"), func(cmd *cobra.Command, args []string) error {
		return s.keepResult(cmd.Context(), r, args[0], or(dir, "."))
	})
	c.Flags().StringVarP(&dir, "output", "o", "", "`DIR`")
	return c
}

// resultName keeps a server's word for a count from naming another folder.
func resultName(label string) string { return filepath.Base(filepath.Clean("/" + label)) }

// keepResult writes the signed result into a folder: table, data and note.
func (s *shell) keepResult(ctx context.Context, r *remote, stock, dir string) error {
	raw, err := s.fetch(ctx, r, "/stock-takes/"+url.PathEscape(stock)+"/result")
	if err != nil {
		return err
	}
	var a struct {
		Label     string
		CSV, Data []byte
		Note      string
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.Label == "" {
		return s.fail("cli.odd_answer")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, f := range []struct {
		end  string
		body []byte
	}{{".csv", a.CSV}, {".json", a.Data}, {".note", []byte(a.Note)}} {
		name := filepath.Join(dir, resultName(a.Label)+f.end)
		if err := s.store(name, bytes.NewReader(f.body)); err != nil {
			return err
		}
		s.say(name)
	}
	return nil
}

// stockVerify checks a result offline, with the public key alone.
func (s *shell) stockVerify() *cobra.Command {
	var key string
	var asJSON bool
	c := s.command("verify DIR", s.exactly("DIR"), func(_ *cobra.Command, args []string) error {
		if key == "" {
			return s.misuse("cli.flag_needed", "name", "--key")
		}
		text, err := s.publicKey(key)
		if err != nil {
			return err
		}
		var parts [3][]byte
		for i, end := range []string{".csv", ".json", ".note"} {
			if parts[i], err = s.only(args[0], end); err != nil {
				return err
			}
		}
		v, err := app.VerifyStock(parts[0], parts[1], parts[2], text)
		if err != nil {
			return s.fail("cli.verify.impossible", "why", err.Error())
		}
		if asJSON {
			err = s.printJSON(v)
		} else {
			s.showStockVerdict(v)
		}
		if err == nil && !v.Intact {
			return errNo
		}
		return err
	})
	c.Flags().StringVar(&key, "key", "", "`KEY`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// only reads the one file of a folder that ends so.
func (s *shell) only(dir, end string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	var found []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == end {
			found = append(found, e.Name())
		}
	}
	if len(found) != 1 {
		return nil, s.fail("cli.stock_one_file", "dir", dir, "end", end, "n", len(found))
	}
	raw, err := os.ReadFile(filepath.Join(dir, found[0]))
	if err != nil {
		return nil, errors.Join(s.fail("cli.stock_one_file", "dir", dir, "end", end, "n", 0), err)
	}
	return raw, nil
}

func (s *shell) showStockVerdict(v app.StockVerdict) {
	if !v.Intact {
		s.say(s.p.T("cli.stock_refused." + v.Reason))
		return
	}
	r := v.Report
	s.say(s.p.T("cli.stock_intact", "label", r.Label, "by", r.FinishedBy, "at", s.p.DateTime(r.FinishedAt)))
	s.say(r.Company + "  " + r.Title)
	t := r.Totals
	s.showTotals(stockTotals{Expected: t.Expected, Found: t.Found, Met: t.Met, Missing: t.Missing, Twice: t.Twice, Unknown: t.Unknown, Outside: t.Outside})
}
