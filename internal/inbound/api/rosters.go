package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/jpcal"
)

// rosterView is a roster with its next 30 days.
type rosterView struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	People   []PersonRef    `json:"people" doc:"In the order of their turns."`
	Days     int            `json:"days" doc:"Of a turn."`
	Handover string         `json:"handover" doc:"HH:MM in the company's time zone."`
	Start    string         `json:"start" doc:"YYYY-MM-DD: the first day of the first turn."`
	Changes  []rosterChange `json:"changes"`
	Shifts   []rosterShift  `json:"shifts" doc:"Who has the turn in the next 30 days."`
	Silent   []PersonRef    `json:"silent" doc:"Members without a contact that is known to arrive."`
	Ended    []PersonRef    `json:"ended" doc:"Members who have left."`
	Used     bool           `json:"used" doc:"The policy in force names it."`
}

type rosterChange struct {
	ID     string     `json:"id,omitempty" readOnly:"true"`
	Kind   string     `json:"kind" enum:"add,remove,replace"`
	Person *PersonRef `json:"person"`
	With   *PersonRef `json:"with,omitempty"`
	From   time.Time  `json:"from"`
	Until  time.Time  `json:"until"`
}

type rosterShift struct {
	From   time.Time   `json:"from"`
	Until  time.Time   `json:"until"`
	People []PersonRef `json:"people" doc:"Who has the turn."`
	Tells  []PersonRef `json:"tells" doc:"Who would be told: they, or their deputies."`
	Gap    string      `json:"gap,omitempty" doc:"Why nobody would be told: nobody, away or contact."`
}

type rostersOut struct {
	Body struct {
		Items []rosterView `json:"items"`
	}
}

type rosterOut struct {
	Body rosterView
}

// rosterBody is the rotation of a roster.
type rosterBody struct {
	Name     string   `json:"name"`
	People   []string `json:"people" doc:"Person ids or employee numbers, in the order of their turns."`
	Days     int      `json:"days"`
	Handover string   `json:"handover" doc:"HH:MM"`
	Start    string   `json:"start" doc:"YYYY-MM-DD"`
}

type newRosterIn struct{ Body rosterBody }

type rosterIn struct {
	Roster string `path:"roster" maxLength:"100"`
	Body   rosterBody
}

type rosterRef struct {
	Roster string `path:"roster" maxLength:"100"`
}

type rosterChangeIn struct {
	Roster string `path:"roster" maxLength:"100"`
	Body   struct {
		Kind   string    `json:"kind" enum:"add,remove,replace"`
		Person string    `json:"person" doc:"Person id or employee number."`
		With   string    `json:"with,omitempty" doc:"replace: who takes the place."`
		From   time.Time `json:"from"`
		Until  time.Time `json:"until"`
	}
}

type rosterChangeRef struct {
	Roster string `path:"roster" maxLength:"100"`
	Change string `path:"change" maxLength:"100"`
}

func (s *server) rosterRoutes() {
	add(s, op(http.MethodGet, "/rosters", "list-rosters", "settings", "The rosters, with their next 30 days and gaps"), s.rosters)
	create := op(http.MethodPost, "/rosters", "add-roster", "settings", "Add a roster")
	create.DefaultStatus = http.StatusCreated
	add(s, create, func(ctx context.Context, by access.Actor, in *newRosterIn) (*rosterOut, error) {
		return s.setRoster(ctx, by, "", in.Body)
	})
	add(s, op(http.MethodPut, "/rosters/{roster}", "set-roster", "settings", "Save the rotation of a roster anew; its exceptions stay"),
		func(ctx context.Context, by access.Actor, in *rosterIn) (*rosterOut, error) {
			return s.setRoster(ctx, by, in.Roster, in.Body)
		})
	add(s, op(http.MethodDelete, "/rosters/{roster}", "drop-roster", "settings", "Take away a roster that the policy does not name"),
		func(ctx context.Context, by access.Actor, in *rosterRef) (*none, error) {
			return nil, s.Notices.DropRoster(ctx, by, in.Roster)
		})
	add(s, op(http.MethodPost, "/rosters/{roster}/changes", "add-roster-change", "settings", "Add an exception to a roster"), s.addRosterChange)
	add(s, op(http.MethodDelete, "/rosters/{roster}/changes/{change}", "drop-roster-change", "settings", "Take back an exception of a roster"),
		func(ctx context.Context, by access.Actor, in *rosterChangeRef) (*rosterOut, error) {
			if _, err := s.Notices.DropChange(ctx, by, in.Roster, in.Change); err != nil {
				return nil, err
			}
			return s.oneRoster(ctx, by, in.Roster)
		})
}

func (s *server) rosters(ctx context.Context, by access.Actor, _ *none) (*rostersOut, error) {
	all, err := s.Notices.Rosters(ctx, by)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &rostersOut{}
	out.Body.Items = []rosterView{}
	for _, r := range all {
		out.Body.Items = append(out.Body.Items, rosterOf(o, r))
	}
	return out, nil
}

func (s *server) oneRoster(ctx context.Context, by access.Actor, roster string) (*rosterOut, error) {
	r, err := s.Notices.Roster(ctx, by, roster)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &rosterOut{Body: rosterOf(o, r)}, nil
}

func rosterOf(o *directory.Org, r notice.RosterView) rosterView {
	v := rosterView{ID: r.ID, Name: r.Name, People: refsOf(o, r.People), Days: r.Days, Handover: r.Handover, Start: r.Start.String(), Used: r.Used,
		Changes: []rosterChange{}, Shifts: []rosterShift{}, Silent: refsOf(o, r.Silent), Ended: refsOf(o, r.Ended)}
	for _, x := range r.Changes {
		v.Changes = append(v.Changes, rosterChange{ID: x.ID, Kind: string(x.Kind), Person: refOf(o, x.Person), With: refOf(o, x.With), From: x.From, Until: x.Until})
	}
	for _, x := range r.Shifts {
		v.Shifts = append(v.Shifts, rosterShift{From: x.From, Until: x.Until, People: refsOf(o, x.People), Tells: refsOf(o, x.Tells), Gap: string(x.Gap)})
	}
	return v
}

func (s *server) setRoster(ctx context.Context, by access.Actor, id string, b rosterBody) (*rosterOut, error) {
	r := notice.Roster{ID: id, Name: b.Name, Days: b.Days, Handover: b.Handover}
	r.Start, _ = jpcal.ParseDate(b.Start) // no day is refused by the service
	for _, given := range b.People {
		p, err := s.person(ctx, given)
		if err != nil {
			return nil, err
		}
		r.People = append(r.People, p)
	}
	saved, err := s.Notices.SetRoster(ctx, by, r)
	if err != nil {
		return nil, err
	}
	return s.oneRoster(ctx, by, saved.ID)
}

func (s *server) addRosterChange(ctx context.Context, by access.Actor, in *rosterChangeIn) (*rosterOut, error) {
	x := notice.Change{Kind: notice.ChangeKind(in.Body.Kind), From: in.Body.From.UTC(), Until: in.Body.Until.UTC()}
	var err error
	if x.Person, err = s.person(ctx, in.Body.Person); err != nil {
		return nil, err
	}
	if x.With, err = s.person(ctx, in.Body.With); err != nil {
		return nil, err
	}
	if _, err := s.Notices.AddChange(ctx, by, in.Roster, x); err != nil {
		return nil, err
	}
	return s.oneRoster(ctx, by, in.Roster)
}
