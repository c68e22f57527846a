package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

// stepList is the first-response list of one kind.
type stepList struct {
	Kind    string     `json:"kind"`
	Version int        `json:"version"`
	Steps   []stepLine `json:"steps"`
}

type stepLine struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

type stepsOut struct {
	Body struct {
		Items []stepList `json:"items"`
	}
}

type stepsIn struct {
	Kind string `path:"kind"`
	Body struct {
		Steps []string `json:"steps" doc:"The lines, first to last: 1 to 20, each up to 200 characters."`
	}
}

type stepListOut struct{ Body stepList }

type policyOut struct {
	Body struct {
		Version int                                                  `json:"version"`
		By      string                                               `json:"by"`
		At      time.Time                                            `json:"at,omitzero"`
		Reason  string                                               `json:"reason,omitempty"`
		Chains  map[notice.Urgency]map[notice.Receiver][]policyLevel `json:"chains"`
		Lapse   map[notice.Urgency]policyLapse                       `json:"lapse,omitempty" doc:"How long an answer stands that no decision follows."`
		Hours   policyHours                                          `json:"hours" doc:"Working hours, for which what is not urgent waits; empty: it never waits."`
	}
}

type policyLevel struct {
	Who    []policyWho `json:"who"`
	Window int         `json:"window" doc:"Minutes until the next level."`
	Repeat int         `json:"repeat" doc:"Minutes between notices within the window."`

	Channels []policyChannel `json:"channels,omitempty" doc:"Which of a person's contacts are told, and in which order; all at once when absent."`
}

type policyChannel struct {
	Channel string `json:"channel" enum:"mail,push,slack,teams,lineworks,webhook"`
	After   int    `json:"after" doc:"Minutes from the level's first notice."`
}

type policyWho struct {
	Kind   string `json:"kind" doc:"supervisor, duty, person or roster"`
	Up     int    `json:"up,omitempty"`
	Duty   string `json:"duty,omitempty"`
	All    bool   `json:"all,omitempty"`
	Person string `json:"person,omitempty"`
	Roster string `json:"roster,omitempty"`
}

func (s *server) settingRoutes() {
	add(s, op(http.MethodGet, "/steps", "list-steps", "settings", "The first-response lists of the ten kinds"),
		func(ctx context.Context, _ access.Actor, _ *none) (*stepsOut, error) {
			out := &stepsOut{}
			for _, k := range incident.Kinds() {
				out.Body.Items = append(out.Body.Items, s.listOf(ctx, k))
			}
			return out, nil
		})
	add(s, op(http.MethodPut, "/steps/{kind}", "set-steps", "settings", "Save a new list for a kind; open cases keep theirs"), s.setSteps)
	add(s, op(http.MethodGet, "/policy", "get-policy", "settings", "Who is told until someone answers"), s.policy)
	s.termRoutes()
	s.rosterRoutes()
	s.drillRoutes()
}

func (s *server) listOf(ctx context.Context, k incident.Kind) stepList {
	l := s.Incidents.StepLists()[k]
	v := stepList{Kind: string(k), Version: l.Version, Steps: []stepLine{}}
	for _, x := range l.Items {
		v.Steps = append(v.Steps, stepLine{ID: x.ID, Text: stepText(ctx, k, x)})
	}
	return v
}

func (s *server) setSteps(ctx context.Context, by access.Actor, in *stepsIn) (*stepListOut, error) {
	items := make([]incident.Step, len(in.Body.Steps))
	for i, text := range in.Body.Steps {
		items[i].Text = text
	}
	k := incident.Kind(in.Kind)
	if err := s.Incidents.SetSteps(ctx, by, k, items); err != nil {
		return nil, err
	}
	return &stepListOut{Body: s.listOf(ctx, k)}, nil
}

func (s *server) policy(ctx context.Context, by access.Actor, _ *none) (*policyOut, error) {
	p, err := s.Notices.Policy(ctx, by)
	if err != nil {
		return nil, err
	}
	out := &policyOut{}
	out.Body.Version, out.Body.By, out.Body.At, out.Body.Reason = p.Version, p.By, p.At, p.Reason
	out.Body.Lapse, out.Body.Hours = lapseOf(p), policyHours{p.Hours.From, p.Hours.To}
	out.Body.Chains = map[notice.Urgency]map[notice.Receiver][]policyLevel{}
	for u, of := range p.Chains {
		out.Body.Chains[u] = map[notice.Receiver][]policyLevel{}
		for r, chain := range of {
			for _, l := range chain {
				v := policyLevel{Window: l.Window, Repeat: l.Repeat}
				for _, w := range l.Who {
					v.Who = append(v.Who, policyWho{Kind: w.Kind, Up: w.Up, Duty: string(w.Duty), All: w.All, Person: w.ID, Roster: w.Roster})
				}
				for _, o := range l.Channels {
					v.Channels = append(v.Channels, policyChannel(o))
				}
				out.Body.Chains[u][r] = append(out.Body.Chains[u][r], v)
			}
		}
	}
	return out, nil
}
