package cli

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// requestAnswer is an application as the server tells of it.
type requestAnswer struct {
	Label, Kind, Title, State, Digest, Reason string
	By                                        *ref
	Asked, Deadline                           time.Time
	UsedBy                                    string `json:"used_by"`
	MayDecide                                 bool   `json:"may_decide"`
	Form                                      json.RawMessage
	Steps                                     []struct {
		Role, State string
		Asked       []struct{ Person *ref }
		Stamps      []struct {
			Person, For   *ref
			Verdict, Note string
			At            time.Time
		}
	}
	Words []struct {
		By       *ref
		At       time.Time
		Question bool
		Text     string
	}
}

// shortDigest is how much of a digest people type.
const shortDigest = 12

func (s *shell) request() *cobra.Command {
	r := &remote{}
	c := s.group("request", s.requestList(r), s.requestShow(r), s.requestSubmit(r),
		s.requestDecide(r, "approve", "approve"), s.requestDecide(r, "refuse", "refuse"), s.requestDecide(r, "send-back", "send_back"), s.requestWithdraw(r))
	r.flags(c)
	return c
}

func (s *shell) requestList(r *remote) *cobra.Command {
	var box, state, text string
	var asJSON bool
	var limit int
	c := s.command("list", s.none, func(cmd *cobra.Command, _ []string) error {
		items, err := s.pages(cmd.Context(), r, "/requests", filters(map[string]string{"box": box, "state": state, "q": text}), limit)
		if err != nil {
			return err
		}
		return listed(s, items, asJSON, func(a requestAnswer) []string {
			return []string{a.Label, a.Asked.In(s.p.Location()).Format("2006-01-02 15:04"), s.word("requests.state.", a.State), nameOf(a.By), a.Title}
		})
	})
	c.Flags().StringVar(&box, "box", "mine", "`BOX`")
	c.Flags().StringVar(&state, "state", "", "`STATE`")
	c.Flags().StringVar(&text, "text", "", "`WORDS`")
	listFlags(c, &limit, &asJSON)
	return c
}

func (s *shell) requestShow(r *remote) *cobra.Command {
	return showCommand(s, r, "REQUEST", "/requests/", s.showRequest)
}

func (s *shell) showRequest(a requestAnswer) {
	s.say(a.Label + "  " + s.word("requests.state.", a.State) + "  " + nameOf(a.By))
	s.say(a.Title)
	if a.Reason != "" {
		s.say("  " + a.Reason)
	}
	s.say(string(a.Form))
	s.showSteps(a)
	for _, w := range a.Words {
		mark := "< "
		if w.Question {
			mark = "? "
		}
		s.say(mark + s.p.DateTime(w.At) + "  " + nameOf(w.By) + "  " + w.Text)
	}
	if a.MayDecide {
		s.say(s.p.T("cli.request_digest", "digest", a.Digest[:min(shortDigest, len(a.Digest))], "until", s.p.DateTime(a.Deadline)))
	}
}

// showSteps prints who decides, and what was decided.
func (s *shell) showSteps(a requestAnswer) {
	for _, x := range a.Steps {
		var names []string
		for _, who := range x.Asked {
			names = append(names, nameOf(who.Person))
		}
		line := s.word("requests.role.", x.Role) + "  " + s.word("requests.step_", x.State)
		if x.State == "open" {
			line += "  " + strings.Join(names, ", ")
		}
		s.say(line)
		for _, t := range x.Stamps {
			s.say("  " + s.p.DateTime(t.At) + "  " + nameOf(t.Person) + "  " + s.word("requests.verdict.", t.Verdict) + "  " + t.Note)
		}
	}
}

// requestSubmit asks for a loan with flags, or for anything with a form in a file.
func (s *shell) requestSubmit(r *remote) *cobra.Command {
	var kind, form, key string
	var asset, thing, purpose, contents, device, from, until string
	var people int
	var readOnly, asJSON bool
	c := s.command("submit", s.none, func(cmd *cobra.Command, _ []string) error {
		body := map[string]any{"kind": kind}
		if form != "" {
			raw, err := s.read(form)
			if err != nil {
				return err
			}
			if !json.Valid(raw) {
				return s.fail("cli.no_json", "file", form)
			}
			body["form"] = json.RawMessage(raw)
		} else {
			filled := map[string]any{"asset": asset, "kind": thing, "purpose": purpose, "contents": contents, "device": device,
				"personal_data": people > 0, "people": people, "read_only": readOnly}
			for name, given := range map[string]string{"from": from, "until": until} {
				if given == "" {
					return s.misuse("cli.flag_needed", "name", "--"+name)
				}
				at, err := s.moment("--"+name, given)
				if err != nil {
					return err
				}
				filled[name] = at
			}
			body["form"] = filled
		}
		answer, err := s.act(cmd.Context(), r, "/requests", key, body)
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, func(a requestAnswer) {
			s.say(a.Label)
			s.showSteps(a)
		})
	})
	f := c.Flags()
	f.StringVar(&kind, "kind", "loan", "`KIND`")
	f.StringVar(&form, "form", "", "`FILE.json`")
	f.StringVar(&asset, "asset", "", "`NUMBER`")
	f.StringVar(&thing, "thing", "", "`KIND`")
	f.StringVar(&purpose, "purpose", "", "`WORDS`")
	f.StringVar(&contents, "contents", "", "`WORDS`")
	f.StringVar(&device, "device", "", "`DEVICE`")
	f.StringVar(&from, "from", "", "`TIME`")
	f.StringVar(&until, "until", "", "`TIME`")
	f.IntVar(&people, "people", 0, "`N`")
	f.BoolVar(&readOnly, "read-only", false, "")
	f.StringVar(&key, "key", "", "`KEY`")
	f.BoolVar(&asJSON, "json", false, "")
	return c
}

// requestDecide sends a decision about what the person has read: the digest that show
// printed, of which the beginning is enough.
func (s *shell) requestDecide(r *remote, name, verdict string) *cobra.Command {
	var digest, note string
	var asJSON bool
	c := s.command(name+" REQUEST", s.exactly("REQUEST"), func(cmd *cobra.Command, args []string) error {
		switch {
		case len(digest) < 8:
			return s.misuse("cli.flag_needed", "name", "--digest")
		case verdict != "approve" && note == "":
			return s.misuse("cli.flag_needed", "name", "--note")
		}
		path := "/requests/" + url.PathEscape(args[0])
		raw, err := s.fetch(cmd.Context(), r, path)
		if err != nil {
			return err
		}
		var now requestAnswer
		if err := json.Unmarshal(raw, &now); err != nil {
			return s.fail("cli.odd_answer")
		}
		full := digest
		if strings.HasPrefix(now.Digest, digest) {
			full = now.Digest
		}
		answer, err := s.act(cmd.Context(), r, path+"/decide", "", map[string]any{"verdict": verdict, "note": note, "digest": full})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showRequest)
	})
	c.Flags().StringVar(&digest, "digest", "", "`HEX`")
	c.Flags().StringVar(&note, "note", "", "`WORDS`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) requestWithdraw(r *remote) *cobra.Command {
	var reason string
	var asJSON bool
	c := s.command("withdraw REQUEST", s.exactly("REQUEST"), func(cmd *cobra.Command, args []string) error {
		answer, err := s.act(cmd.Context(), r, "/requests/"+url.PathEscape(args[0])+"/withdraw", "", map[string]any{"reason": reason})
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, s.showRequest)
	})
	c.Flags().StringVar(&reason, "reason", "", "`WORDS`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}
