package cli

import (
	"time"

	"github.com/spf13/cobra"
)

func (s *shell) incidentShow(r *remote) *cobra.Command {
	return showCommand(s, r, "LABEL", "/incidents/", func(i incidentAnswer) { s.showCase(&i) })
}

func (s *shell) showCase(i *incidentAnswer) {
	s.say(i.Label + "  " + s.kindOf(i) + "  " + s.word("status.", i.Status))
	s.say(i.Summary)
	s.say("")
	rows := [][]string{
		{s.p.T("cli.case.reported"), s.p.DateTime(i.Reported), nameOf(i.Reporter)},
		{s.p.T("cli.case.occurred"), s.given(i.Occurred)},
		{s.p.T("cli.case.discovered"), s.given(i.Discovered)},
	}
	if i.Outside != nil {
		rows = append(rows, []string{s.p.T("outside.who"), i.Outside.Name, i.Outside.Contact})
	}
	if i.Channel == "box" {
		rows = append(rows, []string{s.p.T("near.nobody")})
	}
	if i.Nearly != "" {
		rows = append(rows, []string{s.p.T("near.nearly_short"), s.word("kind.", i.Nearly)})
	}
	if i.Assignee != nil {
		rows = append(rows, []string{s.p.T("cli.case.assignee"), i.Assignee.Name})
	}
	s.columns(rows)
	s.say("")
	s.showTracks(i.Tracks)
	for n, x := range i.Steps {
		if n == 0 {
			s.say("")
		}
		mark := "[ ] "
		if x.Done {
			mark = "[x] "
		}
		s.say(mark + x.Text)
	}
	for n, e := range i.Entries {
		if n == 0 {
			s.say("")
		}
		text := or(e.Text, e.Key)
		if e.Type == "answer" {
			text = s.word("question.", e.Key) + " " + e.Text
		}
		s.say(e.At.In(s.p.Location()).Format("2006-01-02 15:04") + "  " + s.word("entry.", e.Type) + "  " + nameOf(e.By) + "  " + text)
	}
	for n, e := range i.Evidence {
		if n == 0 {
			s.say("")
		}
		s.say(e.Name + "  " + s.p.Bytes(e.Size) + "  sha256:" + e.SHA256)
	}
}

// given writes a time that a person gave, or that they do not know it.
func (s *shell) given(moment string) string {
	at, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		return s.p.T("word.unknown")
	}
	return s.p.DateTime(at)
}

func nameOf(r *ref) string {
	if r == nil {
		return ""
	}
	return r.Name
}
