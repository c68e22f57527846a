package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// assetAnswer is a thing of the ledger as the server tells of it.
type assetAnswer struct {
	Number, Kind, Model, State, Place, Strength, Note string
	Keeper, Borrower                                  *ref
	Due                                               time.Time
	Loans                                             []loanAnswer
	History                                           []struct {
		At   time.Time
		Kind string
		By   *ref
	}
}

func (s *shell) asset() *cobra.Command {
	r := &remote{}
	c := s.group("asset", s.assetList(r), s.assetShow(r), s.assetImport(r), s.assetExport(r), s.assetRegister(r))
	r.flags(c)
	return c
}

func (s *shell) assetList(r *remote) *cobra.Command {
	var text, kind, state, department, keeper string
	var asJSON bool
	var limit int
	c := s.command("list", s.none, func(cmd *cobra.Command, _ []string) error {
		q := filters(map[string]string{"q": text, "kind": kind, "state": state, "department": department, "keeper": keeper})
		items, err := s.pages(cmd.Context(), r, "/assets", q, limit)
		if err != nil {
			return err
		}
		return listed(s, items, asJSON, func(a assetAnswer) []string {
			return []string{a.Number, s.word("asset.kind.", a.Kind), s.word("asset.state.", a.State), nameOf(a.Keeper), or(nameOf(a.Borrower), "—"), a.Model, a.Place}
		})
	})
	c.Flags().StringVar(&text, "text", "", "`WORDS`")
	c.Flags().StringVar(&kind, "kind", "", "`KIND`")
	c.Flags().StringVar(&state, "state", "", "`STATE`")
	c.Flags().StringVar(&department, "department", "", "`CODE`")
	c.Flags().StringVar(&keeper, "keeper", "", "`NUMBER`")
	listFlags(c, &limit, &asJSON)
	return c
}

func (s *shell) assetShow(r *remote) *cobra.Command {
	return showCommand(s, r, "NUMBER", "/assets/", s.showAsset)
}

func (s *shell) showAsset(a assetAnswer) {
	s.say(a.Number + "  " + s.word("asset.kind.", a.Kind) + "  " + s.word("asset.state.", a.State) + "  " + a.Model)
	rows := [][]string{{s.title("asset.column.keeper"), nameOf(a.Keeper)}, {s.title("asset.column.place"), or(a.Place, "—")}}
	if a.Strength != "nomedium" {
		rows = append(rows, []string{s.p.T("cli.asset_strength"), s.word("asset.strength.", a.Strength)})
	}
	if a.Note != "" {
		rows = append(rows, []string{s.title("asset.column.note"), a.Note})
	}
	s.columns(rows)
	for n, l := range a.Loans {
		if n == 0 {
			s.say("")
		}
		s.showLoan(l)
	}
	for n, e := range a.History {
		if n == 0 {
			s.say("")
		}
		s.say(e.At.In(s.p.Location()).Format("2006-01-02 15:04") + "  " + s.word("event.", e.Kind) + "  " + nameOf(e.By))
	}
}

// assetPlan is what an import of the ledger would do, or did.
type assetPlan struct {
	Version, Hash string
	Adds, Changes []struct {
		Number string
		Fields []struct{ Column, Old, New string }
	}
	Unchanged int
	Problems  []struct {
		Line            int
		Column, Message string
	}
}

func (s *shell) assetImport(r *remote) *cobra.Command {
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
		post := func(path string) (json.RawMessage, assetPlan, error) {
			return postTable[assetPlan](cmd.Context(), s, api, path, raw)
		}
		answer, p, err := post("/assets/preview")
		if err != nil {
			return err
		}
		if apply && len(p.Problems) == 0 {
			q := url.Values{"version": {p.Version}, "hash": {p.Hash}}
			if answer, p, err = post("/assets/import?" + q.Encode()); err != nil {
				return err
			}
		}
		if asJSON {
			err = s.printJSON(answer)
		} else {
			s.showAssetPlan(p, apply)
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

// showAssetPlan prints what would change, or has, and what must be mended.
func (s *shell) showAssetPlan(p assetPlan, apply bool) {
	for _, e := range p.Adds {
		s.say("+ " + e.Number)
	}
	for _, e := range p.Changes {
		s.say("~ " + e.Number)
		for _, f := range e.Fields {
			s.say(fmt.Sprintf("    %s: %s → %s", s.title("asset.column."+f.Column), or(f.Old, "—"), or(f.New, "—")))
		}
	}
	for _, x := range p.Problems {
		where := s.p.T("cli.import_line", "line", x.Line)
		if x.Column != "" {
			where += " " + s.title("asset.column."+x.Column)
		}
		s.say("! " + where + ": " + x.Message)
	}
	s.say(s.p.T("cli.asset_import_counts", "adds", len(p.Adds), "changes", len(p.Changes), "unchanged", p.Unchanged))
	switch {
	case len(p.Problems) > 0:
		s.say(s.p.T("cli.import_problems", "n", len(p.Problems)))
	case apply:
		s.say(s.p.T("cli.import_done"))
	default:
		s.say(s.p.T("cli.import_preview"))
	}
}

func (s *shell) assetExport(r *remote) *cobra.Command {
	var file, enc string
	c := s.command("export", s.none, func(cmd *cobra.Command, _ []string) error {
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		res, err := api.send(cmd.Context(), "GET", "/assets.csv?"+url.Values{"enc": {enc}}.Encode(), nil)
		if err != nil {
			return s.explain(err)
		}
		defer res.Close()
		return s.store(file, s.progress(res))
	})
	c.Flags().StringVarP(&file, "output", "o", "", "`FILE`")
	c.Flags().StringVar(&enc, "encoding", "utf8", "`NAME`")
	return c
}

func (s *shell) assetRegister(r *remote) *cobra.Command {
	var device string
	var asJSON bool
	c := s.command("register NUMBER", s.exactly("NUMBER"), func(cmd *cobra.Command, args []string) error {
		if device == "" {
			return s.misuse("cli.flag_needed", "name", "--device")
		}
		answer, err := s.act(cmd.Context(), r, "/assets/"+url.PathEscape(args[0])+"/registration", "", map[string]any{"device": device})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, func(a struct{ Until time.Time }) {
			s.say(s.p.T("cli.asset_register_now", "number", args[0], "until", s.second(a.Until)))
		})
	})
	c.Flags().StringVar(&device, "device", "", "`DEVICE`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}
