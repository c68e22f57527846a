package cli

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// takeOutAnswer is a carry pass as the server tells of it.
type takeOutAnswer struct {
	Label, State, Where, Incident string
	Person                        *ref
	Late, Overdue                 bool
	Until, Expected               time.Time
	Items                         []struct {
		Kind, Name, Number, Outcome string
		Count                       int
	}
	Loss *struct {
		Verdict string
		People  int
		Grounds []struct {
			Verdict, Citation string
			Verified          bool
		}
	}
}

func (s *shell) takeOut() *cobra.Command {
	r := &remote{}
	c := s.group("take-out", s.takeOutAsk(r), s.takeOutList(r), s.takeOutShow(r), s.takeOutMake(r), s.takeOutLeave(r), s.takeOutPress(r, "arrive"), s.takeOutPress(r, "delay"),
		s.takeOutPress(r, "back"), s.takeOutPress(r, "cancel"), s.takeOutPress(r, "lost"), s.takeOutConfirm(r))
	r.flags(c)
	return c
}

func (s *shell) takeOutRow(a takeOutAnswer) []string {
	state := s.word("takeout.state.", a.State)
	switch {
	case a.Late:
		state = s.p.T("takeout.late")
	case a.Overdue:
		state = s.p.T("takeout.overdue")
	}
	return []string{a.Label, state, nameOf(a.Person), a.Until.In(s.p.Location()).Format("2006-01-02 15:04"), a.Where}
}

func (s *shell) showTakeOut(a takeOutAnswer) {
	s.columns([][]string{s.takeOutRow(a)})
	if a.Incident != "" {
		s.say("  " + a.Incident)
	}
	for n, i := range a.Items {
		line := strconv.Itoa(n+1) + "  "
		switch {
		case i.Kind == "manifest":
			line += s.p.T("takeout.manifest")
		case i.Number != "":
			line += i.Number + " " + i.Name
		default:
			line += i.Name
		}
		line += " × " + strconv.Itoa(i.Count)
		if i.Outcome != "" {
			line += "  " + s.word("takeout.outcome.", i.Outcome)
		}
		s.say(line)
	}
	if a.Loss == nil {
		return
	}
	s.say(s.p.T("takeout.loss") + ": " + s.word("takeout.verdict.", a.Loss.Verdict))
	for _, g := range a.Loss.Grounds {
		line := "  " + s.word("takeout.verdict.", g.Verdict) + "  " + g.Citation
		if !g.Verified {
			line += "  " + s.p.T("takeout.unverified")
		}
		s.say(line)
	}
}

func (s *shell) takeOutList(r *remote) *cobra.Command {
	var person, state, text string
	var open, late, asJSON bool
	var limit int
	c := s.command("list", s.none, func(cmd *cobra.Command, _ []string) error {
		q := filters(map[string]string{"person": person, "state": state, "q": text})
		for name, on := range map[string]bool{"open": open, "late": late} {
			if on {
				q.Set(name, "true")
			}
		}
		items, err := s.pages(cmd.Context(), r, "/take-outs", q, limit)
		if err != nil {
			return err
		}
		return listed(s, items, asJSON, s.takeOutRow)
	})
	c.Flags().StringVar(&person, "person", "", "`NUMBER`")
	c.Flags().StringVar(&state, "state", "", "`STATE`")
	c.Flags().StringVar(&text, "text", "", "`WORDS`")
	c.Flags().BoolVar(&open, "open", false, "")
	c.Flags().BoolVar(&late, "late", false, "")
	listFlags(c, &limit, &asJSON)
	return c
}

func (s *shell) takeOutShow(r *remote) *cobra.Command {
	return showCommand(s, r, "PASS", "/take-outs/", s.showTakeOut)
}

func (s *shell) takeOutMake(r *remote) *cobra.Command {
	var asJSON bool
	c := s.command("make REQUEST", s.exactly("REQUEST"), func(cmd *cobra.Command, args []string) error {
		answer, err := s.act(cmd.Context(), r, "/take-outs", "", map[string]any{"request": args[0]})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showTakeOut)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) takeOutLeave(r *remote) *cobra.Command {
	var expected, to, goal string
	var rules, asJSON bool
	c := s.command("leave PASS", s.exactly("PASS"), func(cmd *cobra.Command, args []string) error {
		if expected == "" {
			return s.misuse("cli.flag_needed", "name", "--expected")
		}
		at, err := s.moment("--expected", expected)
		if err != nil {
			return err
		}
		if !rules {
			for _, n := range []string{"1", "2", "3", "4", "5", "6"} {
				s.complain(s.p.T("takeout.rule." + n))
			}
			return s.misuse("cli.flag_needed", "name", "--rules-read")
		}
		body := map[string]any{"expected": at, "place": to, "rules": rules}
		if goal != "" {
			body["goal"] = goal
		}
		answer, err := s.act(cmd.Context(), r, "/take-outs/"+url.PathEscape(args[0])+"/leave", "", body)
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showTakeOut)
	})
	c.Flags().StringVar(&expected, "expected", "", "`TIME`")
	c.Flags().StringVar(&to, "to", "destination", "`PLACE`")
	c.Flags().StringVar(&goal, "goal", "", "`WORDS`")
	c.Flags().BoolVar(&rules, "rules-read", false, "")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// takeOutPress is a press that needs nothing but the pass.
func (s *shell) takeOutPress(r *remote, verb string) *cobra.Command {
	var asJSON bool
	c := s.command(verb+" PASS", s.exactly("PASS"), func(cmd *cobra.Command, args []string) error {
		var body any
		if verb != "lost" {
			body = map[string]any{}
		}
		answer, err := s.act(cmd.Context(), r, "/take-outs/"+url.PathEscape(args[0])+"/"+verb, "", body)
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showTakeOut)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) takeOutConfirm(r *remote) *cobra.Command {
	var items []string
	var outcome, note string
	var asJSON bool
	c := s.command("confirm PASS", s.exactly("PASS"), func(cmd *cobra.Command, args []string) error {
		path := "/take-outs/" + url.PathEscape(args[0])
		chosen, err := s.chosenItems(cmd.Context(), r, path, items)
		if err != nil {
			return err
		}
		said := []map[string]any{}
		for _, n := range chosen {
			one := map[string]any{"item": n, "outcome": outcome}
			if note != "" {
				one["note"] = note
			}
			said = append(said, one)
		}
		answer, err := s.act(cmd.Context(), r, path+"/confirm", "", map[string]any{"items": said})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showTakeOut)
	})
	c.Flags().StringSliceVar(&items, "item", nil, "`N`")
	c.Flags().StringVar(&outcome, "outcome", "returned", "`WORD`")
	c.Flags().StringVar(&note, "note", "", "`WORDS`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// chosenItems are the places of the items that somebody named by their number; without any,
// of all that nobody has confirmed.
func (s *shell) chosenItems(ctx context.Context, r *remote, path string, named []string) ([]int, error) {
	var out []int
	for _, x := range named {
		n, err := strconv.Atoi(x)
		if err != nil || n < 1 {
			return nil, s.misuse("cli.bad_flag_value", "name", "--item", "value", x)
		}
		out = append(out, n-1)
	}
	if len(out) > 0 {
		return out, nil
	}
	raw, err := s.fetch(ctx, r, path)
	if err != nil {
		return nil, err
	}
	var now takeOutAnswer
	if err := json.Unmarshal(raw, &now); err != nil {
		return nil, s.fail("cli.odd_answer")
	}
	for n, i := range now.Items {
		if i.Outcome == "" {
			out = append(out, n)
		}
	}
	return out, nil
}

// typedItem reads NAME=COUNT; one without a count is one.
func typedItem(kind, text string) map[string]any {
	if at := strings.LastIndexByte(text, '='); at > 0 {
		if n, err := strconv.Atoi(text[at+1:]); err == nil {
			return map[string]any{"kind": kind, "name": text[:at], "count": n}
		}
	}
	return map[string]any{"kind": kind, "name": text, "count": 1}
}

// takeOutAsk asks for a take-out; with --manifest the files are counted and hashed first.
func (s *shell) takeOutAsk(r *remote) *cobra.Command {
	var manifest, files, papers, things, kinds, owners []string
	var purpose, to, way, from, until, encrypted, certainty, key string
	var people int
	var asJSON bool
	c := s.command("ask [FILE…]", cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && len(manifest) == 0 {
			return s.misuse("cli.flag_needed", "name", "--manifest")
		}
		if certainty == "" {
			certainty = "known"
			if people == 0 {
				certainty = "unknown"
			}
		}
		form := map[string]any{"purpose": purpose, "where": to, "way": way, "kinds": kinds, "owners": owners, "headcount": people, "certainty": certainty}
		items := []map[string]any{}
		for _, x := range files {
			items = append(items, typedItem("files", x))
		}
		for _, x := range papers {
			items = append(items, typedItem("paper", x))
		}
		for _, x := range things {
			items = append(items, map[string]any{"kind": "thing", "number": x, "count": 1})
		}
		form["items"] = items
		for name, given := range map[string]string{"from": from, "until": until} {
			if given == "" {
				return s.misuse("cli.flag_needed", "name", "--"+name)
			}
			at, err := s.moment("--"+name, given)
			if err != nil {
				return err
			}
			form[name] = at
		}
		if len(manifest) > 0 {
			id, err := s.keepManifest(cmd.Context(), r, append(manifest, args...), encrypted)
			if err != nil {
				return err
			}
			form["manifest"] = id
		}
		answer, err := s.act(cmd.Context(), r, "/requests", key, map[string]any{"kind": "take_out", "form": form})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, func(a requestAnswer) {
			s.say(a.Label)
			s.showSteps(a)
		})
	})
	f := c.Flags()
	f.StringArrayVar(&manifest, "manifest", nil, "`PATH`")
	f.StringArrayVar(&files, "file", nil, "`NAME=COUNT`")
	f.StringArrayVar(&papers, "paper", nil, "`TITLE=COPIES`")
	f.StringArrayVar(&things, "thing", nil, "`NUMBER`")
	f.StringVar(&purpose, "purpose", "", "`WORDS`")
	f.StringVar(&to, "to", "", "`WORDS`")
	f.StringVar(&way, "way", "foot", "`WAY`")
	f.StringVar(&from, "from", "", "`TIME`")
	f.StringVar(&until, "until", "", "`TIME`")
	f.StringSliceVar(&kinds, "kinds", nil, "`KINDS`")
	f.StringSliceVar(&owners, "owners", nil, "`OWNERS`")
	f.IntVar(&people, "people", 0, "`N`")
	f.StringVar(&certainty, "certainty", "", "`WORD`")
	f.StringVar(&encrypted, "encrypted", "", "`WORDS`")
	f.StringVar(&key, "key", "", "`KEY`")
	f.BoolVar(&asJSON, "json", false, "")
	return c
}

// keepManifest counts files and has the server keep the list; it gives its id.
func (s *shell) keepManifest(ctx context.Context, r *remote, paths []string, encrypted string) (string, error) {
	lines, err := s.countFiles(ctx, paths, encrypted)
	if err != nil {
		return "", err
	}
	answer, err := s.act(ctx, r, "/take-out-manifests", "", lines)
	if err != nil {
		return "", err
	}
	var kept struct{ ID string }
	if err := json.Unmarshal(answer, &kept); err != nil || kept.ID == "" {
		return "", s.fail("cli.odd_answer")
	}
	return kept.ID, nil
}
