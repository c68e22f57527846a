package cli

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sekimori/internal/kit/id"
)

// ref is a person in an answer.
type ref struct{ Name string }

// incidentAnswer is a case as the server tells of it.
type incidentAnswer struct {
	Label, Kind, Nearly, Urgency, Summary string
	Status, Department, Channel           string
	Reporter, Assignee                    *ref
	Outside                               *struct{ Name, Contact string }
	Occurred, Discovered                  string
	Reported                              time.Time
	Drill                                 bool
	OpenTracks                            []string `json:"open_tracks"`
	Tracks                                []trackAnswer
	Entries                               []struct {
		Type, Key, Text string
		By              *ref
		At              time.Time
	}
	Evidence []struct {
		Name, SHA256 string
		Size         int64
	}
	Steps []struct {
		Text string
		Done bool
	}
}

type trackAnswer struct {
	Receiver, State, Note string
	AnsweredBy            *ref `json:"answered_by"`
	Answered              time.Time
	Nobody                bool `json:"nobody_reachable"`
	Told                  []struct{ Person ref }
}

func (s *shell) incident() *cobra.Command {
	r := &remote{}
	c := s.group("incident", s.incidentReport(r), s.incidentList(r), s.incidentShow(r))
	r.flags(c)
	return c
}

// reportTries is how often a report is sent before the person is told to phone.
const reportTries = 4

func (s *shell) incidentReport(r *remote) *cobra.Command {
	var kind, nearly, onBehalf, occurred, discovered, key string
	var asJSON bool
	c := s.command(`report "ONE LINE"`, s.exactly(`"ONE LINE"`), func(cmd *cobra.Command, args []string) error {
		if kind == "" {
			return s.misuse("cli.flag_needed", "name", "--kind")
		}
		body := map[string]any{"kind": kind, "summary": args[0]}
		for name, given := range map[string]string{"occurred": occurred, "discovered": discovered} {
			at, err := s.moment("--"+name, given)
			if err != nil {
				return err
			}
			body[name] = at
		}
		if nearly != "" {
			body["nearly"] = nearly
		}
		if onBehalf != "" {
			body["on_behalf"] = onBehalf
		}
		if key == "" {
			key = id.Secret(16)
		}
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		answer, err := api.report(cmd.Context(), body, key)
		if err != nil {
			return err
		}
		if asJSON {
			return s.printJSON(answer)
		}
		return s.showReceipt(answer)
	})
	f := c.Flags()
	f.StringVar(&kind, "kind", "", "`KIND`")
	f.StringVar(&nearly, "nearly", "", "`KIND`")
	f.StringVar(&onBehalf, "on-behalf", "", "`NUMBER`")
	f.StringVar(&occurred, "occurred", "", "`TIME`")
	f.StringVar(&discovered, "discovered", "", "`TIME`")
	f.StringVar(&key, "key", "", "`KEY`")
	f.BoolVar(&asJSON, "json", false, "")
	return c
}

// report sends a report until an answer comes, always with the same key, so that it is
// stored once however often it arrives.
func (c *client) report(ctx context.Context, body map[string]any, key string) (json.RawMessage, error) {
	var answer json.RawMessage
	pause := 500 * time.Millisecond
	for try := 1; ; try++ {
		err := c.call(ctx, "POST", "/incidents", body, &answer, "Idempotency-Key", key)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil || try == reportTries || !passing(err) {
			return nil, c.s.notReported(err, key)
		}
		if err := c.s.wait(ctx, pause); err != nil {
			return nil, c.s.notReported(err, key)
		}
		pause *= 2
	}
}

// notReported leaves no doubt that somebody must be told in another way.
func (s *shell) notReported(err error, key string) error {
	var gone *unreachable
	var p *problem
	if errors.As(err, &p) && p.Status < 500 {
		return err // the server says what to mend
	}
	why := s.sentence(err)
	if errors.As(err, &gone) {
		why = s.p.T("cli.unreachable", "url", gone.base, "why", gone.Error())
	}
	return &failure{text: s.p.T("cli.not_reported") + "\n" + why + "\n" + s.p.T("cli.report_again", "key", key)}
}

// explain adds to an error of the network what it means.
func (s *shell) explain(err error) error {
	var gone *unreachable
	if !errors.As(err, &gone) {
		return err
	}
	return s.fail("cli.unreachable", "url", gone.base, "why", gone.Error())
}

// moment reads a time: RFC 3339, a local "2026-01-05 09:30", or unknown.
func (s *shell) moment(flag, given string) (string, error) {
	if given == "" || given == "unknown" {
		return "unknown", nil
	}
	if _, err := time.Parse(time.RFC3339, given); err == nil {
		return given, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04"} {
		if at, err := time.ParseInLocation(layout, given, s.p.Location()); err == nil {
			return at.Format(time.RFC3339), nil
		}
	}
	return "", s.misuse("cli.bad_time", "name", flag, "value", given)
}

// showReceipt prints the number first, alone on its line, then who is being told.
func (s *shell) showReceipt(answer json.RawMessage) error {
	var i incidentAnswer
	if err := json.Unmarshal(answer, &i); err != nil || i.Label == "" {
		return s.fail("cli.odd_answer")
	}
	s.say(i.Label)
	s.say(s.p.T("cli.reported", "at", s.p.DateTime(i.Reported)))
	s.showTracks(i.Tracks)
	return nil
}

func (s *shell) showTracks(tracks []trackAnswer) {
	for _, t := range tracks {
		var names []string
		for _, x := range t.Told {
			names = append(names, x.Person.Name)
		}
		line := s.word("receiver.", t.Receiver) + ": "
		switch {
		case t.AnsweredBy != nil:
			line += s.p.T("cli.track.answered", "name", t.AnsweredBy.Name, "at", s.p.DateTime(t.Answered))
		case t.State != "open":
			line += s.p.T("cli.track.ended")
		case t.Nobody:
			line += s.p.T("cli.track.nobody")
		default:
			line += s.p.T("cli.track.open", "names", or(strings.Join(names, ", "), "—"))
		}
		s.say(line)
	}
}

// word is a value's name in the person's language, or the value where it has none.
func (s *shell) word(prefix, value string) string {
	if s.p.Has(prefix + value) {
		return s.p.T(prefix + value)
	}
	return value
}

// kindOf is the word of a case's kind, which says of a drill that it is one.
func (s *shell) kindOf(i *incidentAnswer) string {
	kind := s.word("kind.", i.Kind)
	if i.Drill {
		return s.p.T("drills.subject", "subject", kind)
	}
	return kind
}
