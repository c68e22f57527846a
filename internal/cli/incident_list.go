package cli

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (s *shell) incidentList(r *remote) *cobra.Command {
	var kinds, statuses []string
	var text string
	var unanswered, asJSON bool
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
		if text != "" {
			q.Set("q", text)
		}
		if len(kinds) > 0 {
			q.Set("kind", strings.Join(kinds, ","))
		}
		if len(statuses) > 0 {
			q.Set("status", strings.Join(statuses, ","))
		}
		if unanswered {
			q.Set("unanswered", "true")
		}
		items := []json.RawMessage{}
		for len(items) < limit {
			q.Set("limit", strconv.Itoa(min(200, limit-len(items))))
			var page struct {
				Items []json.RawMessage
				Next  string
			}
			if err := api.call(cmd.Context(), "GET", "/incidents?"+q.Encode(), nil, &page); err != nil {
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
		return s.showList(items)
	})
	f := c.Flags()
	f.StringVar(&text, "text", "", "`WORDS`")
	f.StringSliceVar(&kinds, "kind", nil, "`A,B`")
	f.StringSliceVar(&statuses, "status", nil, "`A,B`")
	f.BoolVar(&unanswered, "unanswered", false, "")
	f.IntVar(&limit, "limit", 50, "`N`")
	f.BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) showList(items []json.RawMessage) error {
	var rows [][]string
	for _, raw := range items {
		var i incidentAnswer
		if err := json.Unmarshal(raw, &i); err != nil {
			return s.fail("cli.odd_answer")
		}
		open := ""
		if len(i.OpenTracks) > 0 {
			open = s.p.T("cli.unanswered")
		}
		rows = append(rows, []string{i.Label, i.Reported.In(s.p.Location()).Format("2006-01-02 15:04"),
			s.kindOf(&i), s.word("status.", i.Status), open, i.Summary})
	}
	s.columns(rows)
	return nil
}
