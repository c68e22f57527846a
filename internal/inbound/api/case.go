package api

import (
	"context"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
)

// CaseRef names a case by id or label.
type CaseRef struct {
	Incident string `path:"incident" doc:"Id, or label such as INC-2026-0042." maxLength:"100"`
}

type caseOut struct{ Body caseView }

type textIn struct {
	CaseRef
	Body struct {
		Text string `json:"text"`
	}
}

type reasonIn struct {
	CaseRef
	Body struct {
		Reason string `json:"reason"`
	}
}

type factIn struct {
	CaseRef
	Body struct {
		Text     string `json:"text,omitempty" doc:"\"unknown\" is an answer too."`
		Question string `json:"question,omitempty" doc:"The follow-up question that it answers."`
		Corrects string `json:"corrects,omitempty" doc:"An entry's id, or summary, occurred or discovered."`
		Moment   string `json:"moment,omitempty" doc:"The right time, when a time is corrected: RFC 3339, or \"unknown\"."`
	}
}

type factOut struct{ Body entryView }

type stepIn struct {
	CaseRef
	Step string `path:"step"`
	Body struct {
		Done bool `json:"done"`
	}
}

type statusIn struct {
	CaseRef
	Body struct {
		Status string `json:"status"`
		Reason string `json:"reason"`
	}
}

type confirmIn struct {
	CaseRef
	Body *struct {
		Thanks string `json:"thanks,omitempty" doc:"Words to whose report it was; they get a letter."`
	}
}

type kindIn struct {
	CaseRef
	Body struct {
		Kind string `json:"kind" enum:"virus,missent,lost,tampered,odd_behaviour,service_stopped,malfunction,rule_broken,complaint,near_miss" doc:"The guessed one confirms it."`
	}
}

func (in *confirmIn) thanks() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Thanks
}

type assignIn struct {
	CaseRef
	Body struct {
		Person string `json:"person" doc:"Person id or employee number."`
	}
}

func (s *server) caseRoutes() {
	const at, tag = "/incidents/{incident}", "cases"
	add(s, op(http.MethodGet, at, "get-incident", tag, "Read one case"), s.readCase)
	fact := op(http.MethodPost, at+"/facts", "add-fact", tag, "Add a fact, an answer or a correction")
	fact.DefaultStatus = http.StatusCreated
	add(s, fact, s.addFact)
	add(s, op(http.MethodPost, at+"/notes", "add-note", tag, "Add a note between those who work on the case"),
		func(ctx context.Context, by access.Actor, in *textIn) (*none, error) {
			return nil, s.Incidents.AddNote(ctx, by, in.Incident, in.Body.Text)
		})
	add(s, op(http.MethodPost, at+"/steps/{step}", "set-step", tag, "Mark a first-response step done, or not done"),
		func(ctx context.Context, by access.Actor, in *stepIn) (*none, error) {
			return nil, s.Incidents.SetStep(ctx, by, in.Incident, in.Step, in.Body.Done)
		})
	add(s, op(http.MethodPost, at+"/status", "set-status", tag, "Move the case to another status"),
		func(ctx context.Context, by access.Actor, in *statusIn) (*none, error) {
			return nil, s.Incidents.SetStatus(ctx, by, in.Incident, incident.Status(in.Body.Status), in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/kind", "choose-kind", tag, "Say of what kind a case is whose kind was guessed"),
		func(ctx context.Context, by access.Actor, in *kindIn) (*none, error) {
			return nil, s.Incidents.ChooseKind(ctx, by, in.Incident, incident.Kind(in.Body.Kind))
		})
	add(s, op(http.MethodPost, at+"/assign", "assign", tag, "Give the case to a person"), s.assign)
	add(s, op(http.MethodPost, at+"/close-request", "ask-close", tag, "Ask a second person to confirm that the case is done"),
		func(ctx context.Context, by access.Actor, in *reasonIn) (*none, error) {
			return nil, s.Incidents.AskClose(ctx, by, in.Incident, in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/close-confirm", "confirm-close", tag, "Confirm, as the second person, that the case is done"),
		func(ctx context.Context, by access.Actor, in *confirmIn) (*none, error) {
			return nil, s.Incidents.ConfirmClose(ctx, by, in.Incident, in.thanks())
		})
	add(s, op(http.MethodPost, at+"/close-refuse", "refuse-close", tag, "Send the case back to work"),
		func(ctx context.Context, by access.Actor, in *reasonIn) (*none, error) {
			return nil, s.Incidents.RefuseClose(ctx, by, in.Incident, in.Body.Reason)
		})
}

func (s *server) readCase(ctx context.Context, by access.Actor, in *CaseRef) (*caseOut, error) {
	c, err := s.Incidents.Case(ctx, by, in.Incident)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &caseOut{Body: s.caseOf(ctx, o, c)}
	lessons, err := s.Incidents.LessonsOf(ctx, by, c)
	if err != nil {
		return nil, err
	}
	for _, l := range lessons {
		out.Body.Lessons = append(out.Body.Lessons, lessonOf(o, l))
	}
	return out, nil
}

func (s *server) addFact(ctx context.Context, by access.Actor, in *factIn) (*factOut, error) {
	var c fault.Check
	a := incident.Addition{Text: in.Body.Text, Question: in.Body.Question, Corrects: in.Body.Corrects,
		Moment: moment(&c, "moment", in.Body.Moment)}
	if err := c.Err(); err != nil {
		return nil, err
	}
	e, err := s.Incidents.AddFact(ctx, by, in.Incident, a)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &factOut{Body: entryOf(o, e)}, nil
}

func (s *server) assign(ctx context.Context, by access.Actor, in *assignIn) (*none, error) {
	p, err := s.person(ctx, in.Body.Person)
	if err != nil {
		return nil, err
	}
	return nil, s.Incidents.Assign(ctx, by, in.Incident, p)
}

func (s *server) caseOf(ctx context.Context, o *directory.Org, c *incident.Case) caseView {
	v := caseView{IncidentView: viewOf(o, c.Incident), Guessed: c.Guessed, Sight: sightName(c.Sight), Questions: c.Kind.Questions(),
		Entries: []entryView{}, Evidence: []evidenceView{}, Tracks: []trackView{}}
	for _, e := range c.Entries {
		v.Entries = append(v.Entries, entryOf(o, e))
	}
	for _, e := range c.Evidence {
		v.Evidence = append(v.Evidence, evidenceOf(o, e))
	}
	for _, t := range c.Tracks {
		v.Tracks = append(v.Tracks, trackOf(o, t, c.Told))
	}
	for _, e := range c.History {
		v.History = append(v.History, eventOf(o, e))
	}
	v.togetherOf(o, c)
	v.Steps = s.stepsOf(ctx, o, c.Steps, c.Entries)
	return v
}

// stepsOf joins a list with the entries that say which steps were done.
func (s *server) stepsOf(ctx context.Context, o *directory.Org, l incident.Steps, entries []incident.Entry) []stepView {
	out := make([]stepView, 0, len(l.Items))
	for _, x := range l.Items {
		v := stepView{ID: x.ID, Text: stepText(ctx, l.Kind, x)}
		for _, e := range entries {
			switch {
			case e.Key != x.ID:
			case e.Type == incident.StepDone:
				v.Done, v.By, v.At = true, refOf(o, e.By), e.At
			case e.Type == incident.StepUndone:
				v.Done, v.By, v.At = false, refOf(o, e.By), e.At
			}
		}
		out = append(out, v)
	}
	return out
}

// stepText is the company's own words, or those of the built-in step.
func stepText(ctx context.Context, k incident.Kind, x incident.Step) string {
	if x.Text != "" {
		return x.Text
	}
	return callOf(ctx).p.T("step." + string(k) + "." + x.ID)
}

func sightName(s incident.Sight) string {
	switch s {
	case incident.AsWorker:
		return "worker"
	case incident.AsReader:
		return "reader"
	}
	return "finder"
}
