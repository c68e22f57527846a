package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sekimori/internal/kit/id"
)

// deviceAnswer is an enrolled PC as the server tells of it.
type deviceAnswer struct {
	ID, Name, System, Agent string
	Person                  *ref
	Online                  bool
	Seen                    time.Time `json:"last_seen"`
	Refused                 time.Time
	Desired                 int64 `json:"desired_version"`
	Applied                 int64 `json:"applied_version"`
	DryRun                  bool  `json:"dry_run"`
	Isolation               struct {
		Wanted, Failing bool
		Problems, Steps []string
		Order           *orderAnswer
	}
	Facts []struct {
		Name, Unread string
		Value        json.RawMessage
	}
	Orders []orderAnswer
}

type orderAnswer struct {
	ID, Kind, Via, Reason      string
	By                         *ref
	Requested, Applied, Proven time.Time
}

func (s *shell) device() *cobra.Command {
	r := &remote{}
	c := s.group("device", s.deviceList(r), s.deviceShow(r), s.deviceIsolate(r), s.deviceRelease(r), s.deviceCode(r), s.deviceToken(r))
	r.flags(c)
	c.AddCommand(s.deviceRotateKey())
	return c
}

func (s *shell) deviceList(r *remote) *cobra.Command {
	var text, state string
	var asJSON bool
	var limit int
	c := s.command("list", s.none, func(cmd *cobra.Command, _ []string) error {
		if limit < 1 {
			return s.misuse("cli.bad_flag_value", "name", "--limit", "value", strconv.Itoa(limit))
		}
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		q := url.Values{}
		for name, v := range map[string]string{"q": text, "state": state} {
			if v != "" {
				q.Set(name, v)
			}
		}
		items := []json.RawMessage{}
		for len(items) < limit {
			q.Set("limit", strconv.Itoa(min(200, limit-len(items))))
			var page struct {
				Items []json.RawMessage
				Next  string
			}
			if err := api.call(cmd.Context(), "GET", "/devices?"+q.Encode(), nil, &page); err != nil {
				return s.explain(err)
			}
			items = append(items, page.Items...)
			if page.Next == "" || len(page.Items) == 0 {
				break
			}
			q.Set("after", page.Next)
		}
		if asJSON {
			return s.printJSON(items)
		}
		return s.showDevices(items)
	})
	c.Flags().StringVar(&text, "text", "", "`WORDS`")
	c.Flags().StringVar(&state, "state", "", "`STATE`")
	c.Flags().IntVar(&limit, "limit", 50, "`N`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) showDevices(items []json.RawMessage) error {
	var rows [][]string
	for _, raw := range items {
		var d deviceAnswer
		if err := json.Unmarshal(raw, &d); err != nil {
			return s.fail("cli.odd_answer")
		}
		rows = append(rows, []string{d.ID, or(d.Name, "—"), nameOf(d.Person), s.presence(d), s.p.T("devices.state." + d.state()), s.document(d)})
	}
	s.columns(rows)
	return nil
}

// state is one word for how a PC stands to the network, the most pressing first.
func (d deviceAnswer) state() string {
	o := d.Isolation.Order
	switch {
	case !d.Refused.IsZero():
		return "refused"
	case d.Isolation.Failing && d.Isolation.Wanted:
		return "failing"
	case d.Isolation.Failing:
		return "stuck"
	case o == nil:
		return "normal"
	case d.Isolation.Wanted && d.DryRun:
		return "dry_run"
	case d.Isolation.Wanted && !o.Proven.IsZero():
		return "proven"
	case d.Isolation.Wanted && !o.Applied.IsZero():
		return "applied"
	case d.Isolation.Wanted:
		return "requested"
	case o.Applied.IsZero() && !d.DryRun:
		return "releasing"
	}
	return "normal"
}

func (s *shell) presence(d deviceAnswer) string {
	switch {
	case d.Online:
		return s.p.T("devices.online")
	case d.Seen.IsZero():
		return s.p.T("devices.never_seen")
	}
	return s.p.T("devices.last_seen", "at", s.second(d.Seen))
}

func (s *shell) document(d deviceAnswer) string {
	return s.p.T("devices.version", "applied", d.Applied, "desired", d.Desired)
}

// second writes a time to the second: an isolation is a matter of them.
func (s *shell) second(t time.Time) string {
	return t.In(s.p.Location()).Format("2006-01-02 15:04:05")
}

func (s *shell) deviceShow(r *remote) *cobra.Command {
	return showCommand(s, r, "DEVICE", "/devices/", s.showDevice)
}

func (s *shell) showDevice(d deviceAnswer) {
	s.say(or(d.Name, d.ID) + "  " + s.p.T("devices.state."+d.state()))
	for _, x := range d.Isolation.Problems {
		s.say("! " + x)
	}
	s.say("")
	rows := [][]string{
		{s.p.T("devices.col.id"), d.ID},
		{s.p.T("devices.col.person"), nameOf(d.Person)},
		{s.p.T("devices.col.connection"), s.presence(d)},
		{s.p.T("devices.col.version"), s.document(d)},
		{s.p.T("devices.col.system"), d.System + " " + d.Agent},
	}
	if d.DryRun {
		rows = append(rows, []string{s.p.T("devices.dry_run"), s.p.T("devices.means.dry_run")})
	}
	for _, f := range d.Facts {
		if f.Unread != "" {
			rows = append(rows, []string{f.Name, s.p.T("devices.unread_why", "what", f.Name, "why", f.Unread)})
		}
	}
	s.columns(rows)
	for _, x := range d.Isolation.Steps {
		s.say("- " + x)
	}
	for n, o := range d.Orders {
		if n == 0 {
			s.say("")
		}
		s.showOrder(o)
	}
}

// showOrder prints an order with how far it has come.
func (s *shell) showOrder(o orderAnswer) {
	line := s.second(o.Requested) + "  " + s.p.T("devices.order."+o.Kind) + "  " + or(nameOf(o.By), s.p.T("devices.via."+o.Via))
	if !o.Applied.IsZero() {
		line += "  " + s.p.T("devices.col.applied") + " " + s.second(o.Applied)
	}
	if !o.Proven.IsZero() {
		line += "  " + s.p.T("devices.col.proven") + " " + s.second(o.Proven)
	}
	if o.Reason != "" {
		line += "  " + s.p.T("devices.because", "reason", o.Reason)
	}
	s.say(line)
}

// order sends one order and prints what came of it.
func (s *shell) order(cmd *cobra.Command, r *remote, device, verb string, body map[string]any, asJSON bool) error {
	api, err := s.dial(r)
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := api.call(cmd.Context(), "POST", "/devices/"+url.PathEscape(device)+"/"+verb, body, &answer, "Idempotency-Key", id.Secret(16)); err != nil {
		return s.explain(err)
	}
	if asJSON {
		return s.printJSON(answer)
	}
	var o orderAnswer
	if err := json.Unmarshal(answer, &o); err != nil {
		return s.fail("cli.odd_answer")
	}
	s.showOrder(o)
	return nil
}

func (s *shell) deviceIsolate(r *remote) *cobra.Command {
	var reason, incident string
	var wifi, asJSON bool
	c := s.command("isolate DEVICE", s.exactly("DEVICE"), func(cmd *cobra.Command, args []string) error {
		return s.order(cmd, r, args[0], "isolate", map[string]any{"reason": reason, "incident": incident, "wifi": wifi}, asJSON)
	})
	c.Flags().StringVar(&reason, "reason", "", "`WORDS`")
	c.Flags().StringVar(&incident, "incident", "", "`LABEL`")
	c.Flags().BoolVar(&wifi, "wifi", false, "")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) deviceRelease(r *remote) *cobra.Command {
	var reason string
	var asJSON bool
	c := s.command("release DEVICE", s.exactly("DEVICE"), func(cmd *cobra.Command, args []string) error {
		if reason == "" {
			return s.misuse("cli.flag_needed", "name", "--reason")
		}
		return s.order(cmd, r, args[0], "release", map[string]any{"reason": reason}, asJSON)
	})
	c.Flags().StringVar(&reason, "reason", "", "`WORDS`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) deviceCode(r *remote) *cobra.Command {
	var reason string
	c := s.command("code DEVICE CHALLENGE", s.exactly("DEVICE", "CHALLENGE"), func(cmd *cobra.Command, args []string) error {
		if reason == "" {
			return s.misuse("cli.flag_needed", "name", "--reason")
		}
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		var answer struct{ Spoken string }
		if err := api.call(cmd.Context(), "POST", "/devices/"+url.PathEscape(args[0])+"/release-code", map[string]any{"challenge": args[1], "reason": reason}, &answer); err != nil {
			return s.explain(err)
		}
		s.say(answer.Spoken)
		return nil
	})
	c.Flags().StringVar(&reason, "reason", "", "`WORDS`")
	return c
}

func (s *shell) deviceToken(r *remote) *cobra.Command {
	var person, note string
	var minutes int
	c := s.command("token", s.none, func(cmd *cobra.Command, _ []string) error {
		if person == "" {
			return s.misuse("cli.flag_needed", "name", "--person")
		}
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		var answer struct {
			Secret  string
			Expires time.Time
		}
		if err := api.call(cmd.Context(), "POST", "/devices/tokens", map[string]any{"person": person, "minutes": minutes, "note": note}, &answer); err != nil {
			return s.explain(err)
		}
		s.say(answer.Secret)
		fmt.Fprintln(s.err, s.p.T("cli.device_token_until", "until", s.second(answer.Expires)))
		return nil
	})
	c.Flags().StringVar(&person, "person", "", "`NUMBER`")
	c.Flags().IntVar(&minutes, "minutes", 60, "`N`")
	c.Flags().StringVar(&note, "note", "", "`WORDS`")
	return c
}
