package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
)

// otherIn names another case, with a reason.
type otherIn struct {
	CaseRef
	Body struct {
		Other  string `json:"other" doc:"The other case: id or label."`
		Reason string `json:"reason"`
	}
}

// LessonRef names a lesson.
type LessonRef struct {
	Lesson string `path:"lesson" maxLength:"100"`
}

// LessonBody is the words of a lesson.
type LessonBody struct {
	Title    string `json:"title" doc:"One line."`
	Happened string `json:"happened" doc:"What happened, without a name."`
	Now      string `json:"now" doc:"What is done now."`
}

func (b LessonBody) words() incident.LessonWords { return incident.LessonWords(b) }

type lessonIn struct {
	CaseRef
	Body LessonBody
}

type lessonOut struct{ Body lessonView }

type lessonEditIn struct {
	LessonRef
	Body struct {
		LessonBody
		Version int `json:"version" doc:"The version that was read."`
	}
}

type publishIn struct {
	LessonRef
	Body struct {
		Version int  `json:"version" doc:"The version that was read."`
		Sure    bool `json:"sure,omitempty" doc:"What only looks like a name is none."`
	}
}

type withdrawIn struct {
	LessonRef
	Body struct {
		Reason string `json:"reason"`
	}
}

type lessonsIn struct {
	Kind string `query:"kind" doc:"Of this kind alone."`
}

type lessonsOut struct {
	Body struct {
		Items []lessonView `json:"items"`
	}
}

// lessonView is a lesson; who wrote it and what stands in its way only with its case.
type lessonView struct {
	ID       string      `json:"id"`
	Kind     string      `json:"kind"`
	Title    string      `json:"title"`
	Happened string      `json:"happened"`
	Now      string      `json:"now"`
	Version  int         `json:"version"`
	State    string      `json:"state" doc:"draft, published or withdrawn"`
	Done     time.Time   `json:"published,omitzero"`
	By       *PersonRef  `json:"written_by,omitempty"`
	DoneBy   *PersonRef  `json:"published_by,omitempty"`
	Traces   []traceView `json:"traces,omitempty" doc:"Of a draft: words that may tell who it was."`
}

type traceView struct {
	Field string `json:"field"`
	Found string `json:"found"`
	Sure  bool   `json:"sure,omitempty" doc:"Names somebody of the case: it is not published as it is."`
}

// OtherView is another case that the caller may read.
type OtherView struct {
	Label   string `json:"label"`
	Kind    string `json:"kind"`
	Status  string `json:"status"`
	Summary string `json:"summary"`
	Reason  string `json:"reason,omitempty"`
}

// duplicateView is a case that goes on as this one.
type duplicateView struct {
	OtherView
	Entries  []entryView    `json:"entries"`
	Evidence []evidenceView `json:"evidence"`
}

func (s *server) caseWorkRoutes() {
	const at, tag = "/incidents/{incident}", "cases"
	say := op(http.MethodPost, at+"/messages", "say", tag, "Write to the other side of the case: its reporter, or those who work on it")
	say.DefaultStatus = http.StatusCreated
	add(s, say, s.say)
	add(s, op(http.MethodPost, at+"/related", "relate", tag, "Say that another case has to do with this one"),
		func(ctx context.Context, by access.Actor, in *otherIn) (*none, error) {
			return nil, s.Incidents.Relate(ctx, by, in.Incident, in.Body.Other, in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/related/end", "unrelate", tag, "Take that back"),
		func(ctx context.Context, by access.Actor, in *otherIn) (*none, error) {
			return nil, s.Incidents.Unrelate(ctx, by, in.Incident, in.Body.Other, in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/merge", "merge", tag, "Merge a duplicate into another case"),
		func(ctx context.Context, by access.Actor, in *otherIn) (*none, error) {
			return nil, s.Incidents.Merge(ctx, by, in.Incident, in.Body.Other, in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/unmerge", "unmerge", tag, "Make a merged case one of its own again"),
		func(ctx context.Context, by access.Actor, in *reasonIn) (*none, error) {
			return nil, s.Incidents.Unmerge(ctx, by, in.Incident, in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/reopen", "reopen", tag, "Take an ended case up again"),
		func(ctx context.Context, by access.Actor, in *reasonIn) (*none, error) {
			return nil, s.Incidents.Reopen(ctx, by, in.Incident, in.Body.Reason)
		})
	s.lessonRoutes()
}

func (s *server) lessonRoutes() {
	const tag = "lessons"
	write := op(http.MethodPost, "/incidents/{incident}/lessons", "write-lesson", tag, "Draft a lesson of a case, without names")
	write.DefaultStatus = http.StatusCreated
	add(s, write, func(ctx context.Context, by access.Actor, in *lessonIn) (*lessonOut, error) {
		l, err := s.Incidents.WriteLesson(ctx, by, in.Incident, in.Body.words())
		if err != nil {
			return nil, err
		}
		return &lessonOut{Body: lessonOf(nil, incident.CaseLesson{Lesson: l})}, nil
	})
	add(s, op(http.MethodGet, "/lessons", "list-lessons", tag, "List the published lessons, newest first"), s.listLessons)
	add(s, op(http.MethodPut, "/lessons/{lesson}", "edit-lesson", tag, "Change a draft"),
		func(ctx context.Context, by access.Actor, in *lessonEditIn) (*none, error) {
			return nil, s.Incidents.EditLesson(ctx, by, in.Lesson, in.Body.Version, in.Body.words())
		})
	add(s, op(http.MethodPost, "/lessons/{lesson}/publish", "publish-lesson", tag, "Publish, as the second person, a draft"),
		func(ctx context.Context, by access.Actor, in *publishIn) (*none, error) {
			return nil, s.Incidents.PublishLesson(ctx, by, in.Lesson, in.Body.Version, in.Body.Sure)
		})
	add(s, op(http.MethodPost, "/lessons/{lesson}/withdraw", "withdraw-lesson", tag, "Take a lesson away"),
		func(ctx context.Context, by access.Actor, in *withdrawIn) (*none, error) {
			return nil, s.Incidents.WithdrawLesson(ctx, by, in.Lesson, in.Body.Reason)
		})
}

func (s *server) say(ctx context.Context, by access.Actor, in *textIn) (*factOut, error) {
	e, err := s.Incidents.Say(ctx, by, in.Incident, in.Body.Text)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &factOut{Body: entryOf(o, e)}, nil
}

func (s *server) listLessons(ctx context.Context, by access.Actor, in *lessonsIn) (*lessonsOut, error) {
	ls, err := s.Incidents.Lessons(ctx, by, incident.Kind(in.Kind))
	if err != nil {
		return nil, err
	}
	out := &lessonsOut{}
	out.Body.Items = make([]lessonView, 0, len(ls))
	for _, l := range ls {
		out.Body.Items = append(out.Body.Items, lessonOf(nil, incident.CaseLesson{Lesson: l}))
	}
	return out, nil
}

// lessonOf writes a lesson; without a directory nobody is named.
func lessonOf(o *directory.Org, l incident.CaseLesson) lessonView {
	v := lessonView{ID: l.ID, Kind: string(l.Kind), Title: l.Title, Happened: l.Happened, Now: l.Now, Version: l.Version, State: string(l.State), Done: l.DoneAt}
	if o != nil {
		v.By, v.DoneBy = refOf(o, l.WrittenBy), refOf(o, l.DoneBy)
	}
	for _, t := range l.Traces {
		v.Traces = append(v.Traces, traceView(t))
	}
	return v
}

func otherOf(i *incident.Incident, why string) OtherView {
	return OtherView{Label: i.Label, Kind: string(i.Kind), Status: string(i.Status), Summary: i.Summary, Reason: why}
}

// togetherOf fills what a case has to do with others.
func (v *caseView) togetherOf(o *directory.Org, c *incident.Case) {
	v.Unread, v.Main = c.Unread, c.Main
	for _, x := range c.Related {
		v.Related = append(v.Related, otherOf(x.Incident, x.Why))
	}
	for _, x := range c.Duplicates {
		d := duplicateView{OtherView: otherOf(x.Incident, ""), Entries: []entryView{}, Evidence: []evidenceView{}}
		for _, e := range x.Entries {
			d.Entries = append(d.Entries, entryOf(o, e))
		}
		for _, e := range x.Evidence {
			d.Evidence = append(d.Evidence, evidenceOf(o, e))
		}
		v.Duplicates = append(v.Duplicates, d)
	}
}
