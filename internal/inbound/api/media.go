package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/wire"
)

// attemptView is one thing that happened with a medium at a PC: what the PC told.
type attemptView struct {
	ID      string    `json:"id"`
	Device  string    `json:"device"`
	PC      string    `json:"pc,omitempty" doc:"Name of the PC."`
	At      time.Time `json:"at" doc:"By the PC's trusted time."`
	Heard   time.Time `json:"heard"`
	What    string    `json:"what" enum:"refused,observed,admitted,ending,ended,removed,written,registered,unread"`
	Why     string    `json:"why,omitempty"`
	Class   string    `json:"class,omitempty" doc:"storage, phone or reader"`
	Vendor  string    `json:"vendor,omitempty"`
	Product string    `json:"product,omitempty"`
	Serial  string    `json:"serial,omitempty"`
	Name    string    `json:"name,omitempty"`
	Asset   string    `json:"asset,omitempty" doc:"Number of the thing, when it is one of ours."`
	User    string    `json:"user,omitempty" doc:"Signed in at the PC: a claim."`
	Files   int       `json:"files,omitempty"`
	Bytes   int64     `json:"bytes,omitempty"`
}

type attemptsIn struct {
	Device string `query:"device"`
	Asset  string `query:"asset" doc:"Number or id."`
	What   string `query:"what" enum:"refused,observed,admitted,ending,ended,removed,written,registered,unread"`
	After  string `query:"after" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type attemptsOut struct {
	Body struct {
		Items []attemptView `json:"items"`
		Next  string        `json:"next" doc:"Give it as after to get the next page; empty on the last."`
	}
}

type wouldView struct {
	Device  string    `json:"device"`
	PC      string    `json:"pc,omitempty"`
	Person  string    `json:"person,omitempty" doc:"Name of whose PC it is."`
	Class   string    `json:"class,omitempty"`
	Vendor  string    `json:"vendor,omitempty"`
	Product string    `json:"product,omitempty"`
	Serial  string    `json:"serial,omitempty"`
	Name    string    `json:"name,omitempty"`
	Why     string    `json:"why,omitempty"`
	Times   int       `json:"times"`
	Last    time.Time `json:"last"`
}

type wouldOut struct {
	Body struct {
		Items []wouldView `json:"items"`
	}
}

// GuardForm is how the guards on PCs deal with media that are not allowed.
type GuardForm struct {
	Version     int               `json:"version" doc:"0 is the built-in one. A change names the one that it was made from."`
	Mode        string            `json:"mode" enum:"off,observe,block"`
	Departments map[string]string `json:"departments,omitempty" doc:"Modes of departments, by id or code, for those below them too."`
}

type guardOut struct {
	Body struct {
		GuardForm
		By *PersonRef `json:"by,omitempty"`
		At time.Time  `json:"at,omitzero"`
	}
}

type guardIn struct {
	Body GuardForm
}

func (s *server) mediaRoutes() {
	if s.Assets == nil {
		return
	}
	const tag = "media"
	add(s, op(http.MethodGet, "/media/attempts", "list-media-attempts", tag, "What PCs have told of media, newest first"), s.listAttempts)
	add(s, op(http.MethodGet, "/media/would-block", "list-would-block", tag, "What would have been blocked in the last 30 days, where the guards only observe"), s.wouldBlock)
	add(s, op(http.MethodGet, "/media/policy", "get-guard-policy", tag, "How the guards on PCs deal with media"),
		func(ctx context.Context, by access.Actor, _ *none) (*guardOut, error) {
			p, err := s.Assets.GuardPolicy(ctx, by)
			return s.guardNow(ctx, p, err)
		})
	add(s, op(http.MethodPut, "/media/policy", "set-guard-policy", tag, "Say anew how the guards deal with media"), s.setGuard)
}

func (s *server) listAttempts(ctx context.Context, by access.Actor, in *attemptsIn) (*attemptsOut, error) {
	if in.After != "" && !id.Valid("med", in.After) {
		return nil, badCursor()
	}
	page, err := s.Assets.Attempts(ctx, by, asset.AttemptQuery{Device: in.Device, Asset: in.Asset, What: in.What, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &attemptsOut{}
	out.Body.Items, out.Body.Next = make([]attemptView, 0, len(page.Rows)), page.Next
	for _, r := range page.Rows {
		out.Body.Items = append(out.Body.Items, attemptOf(r))
	}
	return out, nil
}

func (s *server) wouldBlock(ctx context.Context, by access.Actor, _ *none) (*wouldOut, error) {
	found, err := s.Assets.WouldBlock(ctx, by)
	if err != nil {
		return nil, err
	}
	out := &wouldOut{}
	out.Body.Items = []wouldView{}
	for _, x := range found {
		out.Body.Items = append(out.Body.Items, wouldView(x))
	}
	return out, nil
}

func (s *server) setGuard(ctx context.Context, by access.Actor, in *guardIn) (*guardOut, error) {
	p := asset.Policy{Version: in.Body.Version, Mode: wire.GuardMode(in.Body.Mode), Departments: map[string]wire.GuardMode{}}
	for given, mode := range in.Body.Departments {
		d, err := s.department(ctx, given)
		if err != nil {
			return nil, err
		}
		p.Departments[d] = wire.GuardMode(mode)
	}
	next, err := s.Assets.SetGuardPolicy(ctx, by, p)
	return s.guardNow(ctx, next, err)
}

func (s *server) guardNow(ctx context.Context, p asset.Policy, err error) (*guardOut, error) {
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &guardOut{}
	out.Body.Version, out.Body.Mode, out.Body.By, out.Body.At = p.Version, string(p.Mode), refOf(o, p.By), p.At
	for d, m := range p.Departments {
		if out.Body.Departments == nil {
			out.Body.Departments = map[string]string{}
		}
		out.Body.Departments[d] = string(m)
	}
	return out, nil
}

func attemptOf(r asset.AttemptRow) attemptView {
	return attemptView{ID: r.ID, Device: r.Device, PC: r.PC, At: r.At, Heard: r.Heard, What: r.What, Why: r.Why, Class: r.Class, Vendor: r.Vendor,
		Product: r.Product, Serial: r.Serial, Name: r.Name, Asset: r.Number, User: r.User, Files: r.Files, Bytes: r.Bytes}
}
