package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
)

// drillView is a drill and what it showed.
type drillView struct {
	IncidentView
	First      float64      `json:"first_seconds,omitempty" doc:"From the report to the first answer; absent as long as there is none."`
	Full       float64      `json:"full_seconds,omitempty" doc:"To the last answer that was needed; absent as long as one is missing."`
	UsualFirst float64      `json:"usual_first_seconds,omitempty" doc:"Median of the earlier drills of this urgency."`
	UsualFull  float64      `json:"usual_full_seconds,omitempty"`
	Tracks     []drillTrack `json:"tracks"`
}

type drillTrack struct {
	Receiver string     `json:"receiver"`
	Answered bool       `json:"answered"`
	Seconds  float64    `json:"seconds,omitempty" doc:"From the report to the answer."`
	By       *PersonRef `json:"by,omitempty"`
	Level    int        `json:"level"`
	Pass     int        `json:"pass"`
	Empty    bool       `json:"empty,omitempty" doc:"The chain found nobody."`
}

type drillsOut struct {
	Body struct {
		Items []drillView `json:"items"`
	}
}

type drillIn struct {
	Body struct {
		Kind    string `json:"kind" enum:"virus,missent,lost,tampered,odd_behaviour,service_stopped,malfunction,rule_broken,complaint,near_miss"`
		Finder  string `json:"finder" doc:"Whose report it plays: person id or employee number."`
		Summary string `json:"summary" doc:"One line, at most 200 characters."`
	}
}

type drillOut struct {
	Location string `header:"Location"`
	Body     IncidentView
}

type endDrillIn struct {
	Incident string `path:"incident" maxLength:"100"`
	Body     struct {
		Reason string `json:"reason"`
	}
}

func (s *server) drillRoutes() {
	add(s, op(http.MethodGet, "/drills", "list-drills", "incidents", "The drills and how long the answers took, newest first"), s.drills)
	start := op(http.MethodPost, "/drills", "start-drill", "incidents", "Start a drill: a marked report that runs the real chain")
	start.DefaultStatus = http.StatusCreated
	add(s, start, s.startDrill)
	add(s, op(http.MethodPost, "/drills/{incident}/end", "end-drill", "incidents", "End a drill and its notices, answered or not"),
		func(ctx context.Context, by access.Actor, in *endDrillIn) (*none, error) {
			return nil, s.Incidents.EndDrill(ctx, by, in.Incident, in.Body.Reason)
		})
}

func (s *server) drills(ctx context.Context, by access.Actor, _ *none) (*drillsOut, error) {
	all, err := s.Incidents.Drills(ctx, by)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &drillsOut{}
	out.Body.Items = []drillView{}
	for _, d := range all {
		out.Body.Items = append(out.Body.Items, drillOf(o, d))
	}
	return out, nil
}

func drillOf(o *directory.Org, d incident.DrillResult) drillView {
	seconds := func(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
	v := drillView{IncidentView: viewOf(o, d.Incident), First: seconds(d.First), Full: seconds(d.Full), UsualFirst: seconds(d.UsualFirst), UsualFull: seconds(d.UsualFull),
		Tracks: []drillTrack{}}
	for _, t := range d.Tracks {
		v.Tracks = append(v.Tracks, drillTrack{Receiver: string(t.Receiver), Answered: t.Answered, Seconds: seconds(t.After), By: refOf(o, t.By),
			Level: t.Level, Pass: t.Pass, Empty: t.Empty})
	}
	return v
}

func (s *server) startDrill(ctx context.Context, by access.Actor, in *drillIn) (*drillOut, error) {
	finder, err := s.person(ctx, in.Body.Finder)
	if err != nil {
		return nil, err
	}
	i, err := s.Incidents.StartDrill(ctx, by, incident.Drill{Kind: incident.Kind(in.Body.Kind), Finder: finder, Summary: in.Body.Summary, Channel: "api"})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &drillOut{Location: v1 + "/incidents/" + i.Label, Body: viewOf(o, i)}, nil
}
