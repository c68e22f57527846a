package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// reportIn is a report: kind and one line are all that it needs.
type reportIn struct {
	Key   string `header:"Idempotency-Key" maxLength:"100" doc:"Names this report: sent again, the first one is given again."`
	Agent string `header:"User-Agent" hidden:"true"`
	Body  struct {
		Kind       string   `json:"kind" enum:"virus,missent,lost,tampered,odd_behaviour,service_stopped,malfunction,rule_broken,complaint,near_miss"`
		Nearly     string   `json:"nearly,omitempty" enum:"virus,missent,lost,tampered,odd_behaviour,service_stopped,malfunction,rule_broken,complaint" doc:"Of a near_miss: what it nearly became."`
		Summary    string   `json:"summary" doc:"One line, at most 200 characters."`
		OnBehalf   string   `json:"on_behalf,omitempty" doc:"Who found it: person id or employee number."`
		LeaveOut   []string `json:"leave_out,omitempty" doc:"People whom the report concerns and who must not be told: ids or numbers."`
		Occurred   string   `json:"occurred,omitempty" doc:"RFC 3339, or \"unknown\"."`
		Discovered string   `json:"discovered,omitempty" doc:"RFC 3339, or \"unknown\"."`
	}
}

type reportOut struct {
	Location string `header:"Location"`
	Body     caseView
}

func (s *server) incidentRoutes() {
	post := op(http.MethodPost, "/incidents", "report-incident", "incidents", "Report an incident")
	post.DefaultStatus = http.StatusCreated
	post.Description = "The answer comes when the report is on disk and its first notices are planned."
	s.ownKey["POST "+post.Path] = true
	add(s, post, s.report)
	add(s, op(http.MethodGet, "/incidents", "list-incidents", "incidents", "List the incidents that you may see, newest first"), s.list)
	s.incidentTable()
}

func (s *server) report(ctx context.Context, by access.Actor, in *reportIn) (*reportOut, error) {
	if strings.ContainsFunc(in.Key, func(r rune) bool { return r < '!' || r > '~' }) {
		var c fault.Check
		c.Add(KeyHeader, "api.bad_key", fault.Args{"max": fmt.Sprint(maxKey)})
		return nil, c.Err()
	}
	var c fault.Check
	r := incident.Report{Kind: incident.Kind(in.Body.Kind), Nearly: incident.Kind(in.Body.Nearly), Summary: in.Body.Summary, Key: in.Key, Channel: "api",
		Occurred: moment(&c, "occurred", in.Body.Occurred), Discovered: moment(&c, "discovered", in.Body.Discovered)}
	if err := c.Err(); err != nil {
		return nil, err
	}
	if strings.HasPrefix(in.Agent, "sekimori-cli/") {
		r.Channel = "cli"
	}
	var err error
	if r.OnBehalf, err = s.person(ctx, in.Body.OnBehalf); err != nil {
		return nil, err
	}
	for _, given := range in.Body.LeaveOut {
		p, err := s.person(ctx, given)
		if err != nil {
			return nil, err
		}
		r.LeaveOut = append(r.LeaveOut, p)
	}
	i, seen, err := s.Incidents.ReportCase(ctx, by, r)
	if err != nil {
		return nil, err
	}
	out := &reportOut{Location: v1 + "/incidents/" + i.Label}
	// A token that may only report still gets its number: the report is on disk, and
	// nothing that goes wrong from here on may look as if it were not.
	o, err := s.People.Org(ctx)
	if err != nil {
		s.logFailure(ctx, err)
		out.Body = caseView{IncidentView: IncidentView{ID: i.ID, Label: i.Label, Kind: string(i.Kind), Reported: i.Reported}}
		return out, nil
	}
	out.Body = caseView{IncidentView: viewOf(o, i), Questions: i.Kind.Questions()}
	if seen == nil {
		seen, err = s.Incidents.Case(ctx, by, i.ID)
	}
	if err != nil {
		if fault.As(err) == nil {
			s.logFailure(ctx, err)
		}
		return out, nil
	}
	out.Body = s.caseOf(ctx, o, seen)
	return out, nil
}

// ListFilter are the filters of the list and of the table.
type ListFilter struct {
	Text       string   `query:"q" doc:"Part of the number, the summary or an addition."`
	Kinds      []string `query:"kind" doc:"Kinds, separated by commas."`
	Statuses   []string `query:"status" doc:"Statuses, separated by commas."`
	Department string   `query:"department" doc:"Department id or code."`
	Unanswered bool     `query:"unanswered" doc:"Only those that somebody has yet to answer."`
	From       string   `query:"from" doc:"Reported at or after: RFC 3339, or a date."`
	To         string   `query:"to" doc:"Reported before: RFC 3339, or a date."`
}

type listPage struct {
	ListFilter
	After string `query:"after" doc:"The next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type listOut struct {
	Body struct {
		Items []IncidentView `json:"items"`
		Next  string         `json:"next" doc:"Give it as after to get the next page; empty on the last."`
	}
}

// query reads the filters.
func (s *server) query(ctx context.Context, in *ListFilter) (incident.Query, error) {
	var c fault.Check
	q := incident.Query{Text: in.Text, Unanswered: in.Unanswered, Department: in.Department,
		From: s.instant(&c, "from", in.From), To: s.instant(&c, "to", in.To)}
	for _, k := range in.Kinds {
		q.Kinds = append(q.Kinds, incident.Kind(strings.TrimSpace(k)))
	}
	for _, st := range in.Statuses {
		q.Statuses = append(q.Statuses, incident.Status(strings.TrimSpace(st)))
	}
	if err := c.Err(); err != nil || in.Department == "" {
		return q, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return q, err
	}
	if _, ok := o.Departments[in.Department]; ok {
		return q, nil
	}
	for _, d := range o.Departments {
		if d.Code == in.Department {
			q.Department = d.ID
			return q, nil
		}
	}
	c.Add("department", "fault.unknown_choice", nil)
	return q, c.Err()
}

func (s *server) list(ctx context.Context, by access.Actor, in *listPage) (*listOut, error) {
	q, err := s.query(ctx, &in.ListFilter)
	if err != nil {
		return nil, err
	}
	if in.After != "" && !id.Valid("inc", in.After) {
		return nil, badCursor()
	}
	q.After, q.Limit = in.After, in.Limit
	page, err := s.Incidents.Find(ctx, by, q)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &listOut{}
	out.Body.Items, out.Body.Next = make([]IncidentView, 0, len(page.Rows)), page.Next
	for _, r := range page.Rows {
		out.Body.Items = append(out.Body.Items, rowView(o, r))
	}
	return out, nil
}

func badCursor() error {
	var c fault.Check
	c.Add("after", "api.bad_cursor", nil)
	return c.Err()
}
