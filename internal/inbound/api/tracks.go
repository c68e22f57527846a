package api

import (
	"context"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
)

// TrackRef names a track. Such parts of inputs are exported because the library passes
// over embedded ones that are not.
type TrackRef struct {
	Track string `path:"track" maxLength:"100"`
}

type ackIn struct {
	TrackRef
	Body struct {
		Note string `json:"note,omitempty" doc:"Shown to the reporter."`
	}
}

type ackOut struct{ Body trackView }

type climbIn struct {
	TrackRef
	Body struct {
		Level  int    `json:"level,omitempty" doc:"Level to tell now; 0 is the next one."`
		Reason string `json:"reason,omitempty"`
	}
}

type passIn struct {
	TrackRef
	Body struct {
		Person string `json:"person" doc:"Person id or employee number."`
		Reason string `json:"reason,omitempty"`
	}
}

type endIn struct {
	TrackRef
	Body struct {
		Reason string `json:"reason"`
	}
}

func (s *server) trackRoutes() {
	const at, tag = "/tracks/{track}", "tracks"
	add(s, op(http.MethodPost, at+"/acknowledge", "acknowledge", tag, "Answer: somebody has it in hand"), s.acknowledge)
	add(s, op(http.MethodPost, at+"/escalate", "escalate", tag, "Tell the next level now"),
		func(ctx context.Context, by access.Actor, in *climbIn) (*none, error) {
			return nil, s.Notices.Escalate(ctx, by, in.Track, in.Body.Level, in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/pass-on", "pass-on", tag, "Tell a named person"),
		func(ctx context.Context, by access.Actor, in *passIn) (*none, error) {
			p, err := s.person(ctx, in.Body.Person)
			if err != nil {
				return nil, err
			}
			return nil, s.Notices.PassOn(ctx, by, in.Track, p, in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/end", "end-track", tag, "End a track without an answer, with a reason"),
		func(ctx context.Context, by access.Actor, in *endIn) (*none, error) {
			return nil, s.Notices.End(ctx, by, in.Track, in.Body.Reason)
		})
}

func (s *server) acknowledge(ctx context.Context, by access.Actor, in *ackIn) (*ackOut, error) {
	t, err := s.Notices.Acknowledge(ctx, by, notice.Ack{Track: in.Track, Note: in.Body.Note, Path: "api"})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &ackOut{Body: trackOf(o, t, nil)}, nil
}
