package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
)

// personView is one line of the directory.
type personView struct {
	PersonRef
	Kana       string         `json:"kana,omitempty"`
	Email      string         `json:"email,omitempty"`
	Phone      string         `json:"phone,omitempty"`
	Department *departmentRef `json:"department,omitempty"`
	Title      string         `json:"title,omitempty"`
	Supervisor *PersonRef     `json:"supervisor,omitempty"`
	Duties     []string       `json:"duties" doc:"Those that the person may exercise now."`
	Lang       string         `json:"lang,omitempty"`
	AwayUntil  time.Time      `json:"away_until,omitzero"`
	Left       time.Time      `json:"left,omitzero"`
}

type departmentRef struct {
	ID   string `json:"id"`
	Code string `json:"code"`
	Name string `json:"name"`
}

type peopleIn struct {
	Left  bool   `query:"left" doc:"Leavers too."`
	After string `query:"after" doc:"The next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type peopleOut struct {
	Body struct {
		Items []personView `json:"items"`
		Next  string       `json:"next"`
	}
}

type meOut struct {
	Body struct {
		PersonRef
		Department  *departmentRef `json:"department,omitempty"`
		Duties      []string       `json:"duties"`
		Permissions []string       `json:"permissions" doc:"What this token may do now."`
	}
}

func (s *server) peopleRoutes() {
	add(s, op(http.MethodGet, "/me", "me", "people", "Whose token this is and what it may do"), s.me)
	add(s, op(http.MethodGet, "/people", "list-people", "people", "The directory, by reading"), s.listPeople)
	s.importRoutes()
}

func (s *server) me(ctx context.Context, by access.Actor, _ *none) (*meOut, error) {
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &meOut{}
	out.Body.PersonRef = PersonRef{ID: by.Person, Number: o.People[by.Person].Number, Name: by.Name}
	out.Body.Department = departmentOf(o, by.Department)
	out.Body.Duties, out.Body.Permissions = duties(by.Duties), []string{}
	for _, p := range access.Permissions() {
		if by.May(p) == nil {
			out.Body.Permissions = append(out.Body.Permissions, string(p))
		}
	}
	return out, nil
}

func (s *server) listPeople(ctx context.Context, by access.Actor, in *peopleIn) (*peopleOut, error) {
	o, err := s.People.View(ctx, by)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	all := o.Sorted()
	if !in.Left {
		all = slices.DeleteFunc(all, func(p directory.Person) bool { return !p.Active(now) })
	}
	if in.After != "" {
		i := slices.IndexFunc(all, func(p directory.Person) bool { return p.ID == in.After })
		if i < 0 {
			return nil, badCursor()
		}
		all = all[i+1:]
	}
	out := &peopleOut{}
	out.Body.Items = []personView{}
	if len(all) > in.Limit {
		all = all[:in.Limit]
		out.Body.Next = all[in.Limit-1].ID
	}
	for _, p := range all {
		v := personView{PersonRef: *refOf(o, p.ID), Kana: p.Kana(), Email: p.Email, Phone: p.Phone, Title: p.Title, Lang: p.Lang, Left: p.Left,
			Department: departmentOf(o, p.Department), Supervisor: refOf(o, o.Supervisor(p.ID)), Duties: duties(o.DutiesOf(p.ID, now))}
		v.AwayUntil, _ = o.Away(p.ID, now)
		out.Body.Items = append(out.Body.Items, v)
	}
	return out, nil
}

func departmentOf(o *directory.Org, department string) *departmentRef {
	d, ok := o.Departments[department]
	if !ok {
		return nil
	}
	return &departmentRef{ID: d.ID, Code: d.Code, Name: d.Name}
}

func duties(ds []access.Duty) []string {
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = string(d)
	}
	return out
}
