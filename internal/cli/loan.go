package cli

import (
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// loanAnswer is a loan as the server tells of it.
type loanAnswer struct {
	Label, Asset, State, Purpose string
	Person                       *ref
	Device                       string
	From, Until                  time.Time
	Overdue                      bool
}

func (s *shell) loan() *cobra.Command {
	r := &remote{}
	c := s.group("loan", s.loanList(r), s.loanHandOver(r), s.loanVerb(r, "receive"), s.loanVerb(r, "take-back"), s.loanConfirm(r), s.loanRecall(r), s.loanVerb(r, "chase"))
	r.flags(c)
	return c
}

func (s *shell) loanRow(l loanAnswer) []string {
	state := s.word("loan.state.", l.State)
	if l.Overdue {
		state = s.word("asset.state.", "overdue")
	}
	return []string{l.Label, l.Asset, state, nameOf(l.Person), l.Until.In(s.p.Location()).Format("2006-01-02 15:04"), l.Purpose}
}

func (s *shell) showLoan(l loanAnswer) { s.columns([][]string{s.loanRow(l)}) }

func (s *shell) loanList(r *remote) *cobra.Command {
	var person, asset, state string
	var open, overdue, asJSON bool
	var limit int
	c := s.command("list", s.none, func(cmd *cobra.Command, _ []string) error {
		q := filters(map[string]string{"person": person, "asset": asset, "state": state})
		for name, on := range map[string]bool{"open": open, "overdue": overdue} {
			if on {
				q.Set(name, "true")
			}
		}
		items, err := s.pages(cmd.Context(), r, "/loans", q, limit)
		if err != nil {
			return err
		}
		return listed(s, items, asJSON, s.loanRow)
	})
	c.Flags().StringVar(&person, "person", "", "`NUMBER`")
	c.Flags().StringVar(&asset, "asset", "", "`NUMBER`")
	c.Flags().StringVar(&state, "state", "", "`STATE`")
	c.Flags().BoolVar(&open, "open", false, "")
	c.Flags().BoolVar(&overdue, "overdue", false, "")
	listFlags(c, &limit, &asJSON)
	return c
}

func (s *shell) loanHandOver(r *remote) *cobra.Command {
	var asset string
	var asJSON bool
	c := s.command("hand-over REQUEST", s.exactly("REQUEST"), func(cmd *cobra.Command, args []string) error {
		if asset == "" {
			return s.misuse("cli.flag_needed", "name", "--asset")
		}
		answer, err := s.act(cmd.Context(), r, "/loans", "", map[string]any{"request": args[0], "asset": asset})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showLoan)
	})
	c.Flags().StringVar(&asset, "asset", "", "`NUMBER`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// loanVerb is a verb that needs nothing but the loan.
func (s *shell) loanVerb(r *remote, verb string) *cobra.Command {
	var asJSON bool
	c := s.command(verb+" LOAN", s.exactly("LOAN"), func(cmd *cobra.Command, args []string) error {
		answer, err := s.act(cmd.Context(), r, "/loans/"+url.PathEscape(args[0])+"/"+verb, "", nil)
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showLoan)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) loanConfirm(r *remote) *cobra.Command {
	body := map[string]*string{"content": new(string), "erased": new(string), "note": new(string)}
	var asJSON bool
	c := s.command("confirm LOAN", s.exactly("LOAN"), func(cmd *cobra.Command, args []string) error {
		said := map[string]any{}
		for name, v := range body {
			if *v != "" {
				said[name] = *v
			}
		}
		answer, err := s.act(cmd.Context(), r, "/loans/"+url.PathEscape(args[0])+"/confirm", "", said)
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showLoan)
	})
	c.Flags().StringVar(body["content"], "content", "", "`WORD`")
	c.Flags().StringVar(body["erased"], "erased", "", "`WORD`")
	c.Flags().StringVar(body["note"], "note", "", "`WORDS`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) loanRecall(r *remote) *cobra.Command {
	var reason string
	var asJSON bool
	c := s.command("recall LOAN", s.exactly("LOAN"), func(cmd *cobra.Command, args []string) error {
		if reason == "" {
			return s.misuse("cli.flag_needed", "name", "--reason")
		}
		answer, err := s.act(cmd.Context(), r, "/loans/"+url.PathEscape(args[0])+"/recall", "", map[string]any{"reason": reason})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showLoan)
	})
	c.Flags().StringVar(&reason, "reason", "", "`WORDS`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}
