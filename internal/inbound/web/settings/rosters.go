package settings

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

func (d Deps) rosterRoutes() []page.Route {
	return []page.Route{
		{Pattern: "GET /settings/rosters", Do: d.rosters},
		{Pattern: "GET /settings/rosters/{roster}", Do: d.roster},
		{Pattern: "POST /settings/rosters/{roster}", Do: d.saveRoster},
		{Pattern: "POST /settings/rosters/{roster}/changes", Do: d.saveChange},
		{Pattern: "POST /settings/rosters/{roster}/drop", Do: d.dropRoster},
	}
}

// freshRoster is the place of a new roster in an address.
const freshRoster = "new"

// extraTurns is how many empty places the form of a rotation has.
const extraTurns = 3

// rostersPage is every roster with its next 30 days.
type rostersPage struct {
	page.Base
	Rosters []rosterView
	May     bool
	Choices []people.Pick
}

// rosterView is one roster in words.
type rosterView struct {
	ID, Name, Turns, People string
	Used                    bool
	Gaps                    int
	Silent, Ended           []string
	Shifts                  []shiftView
	Changes                 []changeView
	Form                    changeForm
}

// shiftView is one line of the next 30 days.
type shiftView struct {
	From, Until, Who string
	Instead          string // who would be told in their place
	Gap              string
}

// changeView is one exception.
type changeView struct{ ID, Text, Times string }

// changeForm is the form of a new exception.
type changeForm struct {
	Open                            bool
	Kind, Person, With, From, Until page.Field
}

func (d Deps) rosters(w http.ResponseWriter, r *page.Request) error {
	return d.renderRosters(w, r, http.StatusOK, page.Refused{})
}

// renderRosters shows the rosters; what was refused belongs to the one in the address.
func (d Deps) renderRosters(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	all, err := d.Notices.Rosters(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	p := rostersPage{Base: r.Kit.Base(r, "rosters.title", "/settings"), May: r.By.May(access.EditPolicy) == nil,
		Choices: people.Choices(org, r.Kit.Now(), nil, nil)}
	for _, x := range all {
		v := rosterOf(r, org, x)
		mine := page.Refused{}
		if x.ID == r.PathValue("roster") && len(bad.Summary) > 0 {
			mine = bad
			for _, e := range bad.Summary {
				if e.ID != "" {
					e.ID += "-" + x.ID
				}
				p.Errors = append(p.Errors, e)
			}
		}
		v.Form = formOfChange(r, x.ID, mine)
		p.Rosters = append(p.Rosters, v)
	}
	return r.Kit.Render(w, r, status, "rosters", p)
}

func rosterOf(r *page.Request, org *directory.Org, x notice.RosterView) rosterView {
	name := func(ids []string) []string {
		out := make([]string, len(ids))
		for i, p := range ids {
			out[i] = org.NameOf(p)
		}
		return out
	}
	v := rosterView{ID: x.ID, Name: x.Name, Used: x.Used, Gaps: len(x.Gaps()), People: strings.Join(name(x.People), " → "), Silent: name(x.Silent), Ended: name(x.Ended)}
	v.Turns = r.P.T("rosters.turns", "days", x.Days, "handover", x.Handover, "start", r.P.Date(x.Start.In(r.P.Location(), 0)))
	for _, s := range x.Shifts {
		line := shiftView{From: r.P.DateTime(s.From), Until: r.P.DateTime(s.Until), Who: strings.Join(name(s.People), ", ")}
		if told := strings.Join(name(s.Tells), ", "); told != line.Who && told != "" {
			line.Instead = r.P.T("rosters.instead", "names", told)
		}
		if s.Gap != notice.NoGap {
			line.Gap = r.P.T("rosters.gap." + string(s.Gap))
		}
		v.Shifts = append(v.Shifts, line)
	}
	now := r.Kit.Now()
	for _, c := range x.Changes {
		if now.Before(c.Until) {
			v.Changes = append(v.Changes, changeView{ID: c.ID, Text: r.P.T("rosters.change."+string(c.Kind), "name", org.NameOf(c.Person), "with", org.NameOf(c.With)),
				Times: r.P.T("rosters.span", "from", r.P.DateTime(c.From), "until", r.P.DateTime(c.Until))})
		}
	}
	return v
}

func formOfChange(r *page.Request, roster string, bad page.Refused) changeForm {
	field := func(name, kind string) page.Field {
		f := page.Field{ID: name + "-" + roster, Name: name, Type: kind, Label: r.P.T("rosters.form_" + name), Required: true, Error: bad.Fields[name]}
		if len(bad.Summary) > 0 {
			f.Value = r.Text(name)
		}
		return f
	}
	f := changeForm{Open: len(bad.Summary) > 0, Kind: field("kind", "select"), Person: field("person", "text"), With: field("with", "text"),
		From: field("from", "datetime-local"), Until: field("until", "datetime-local")}
	f.With.Required, f.With.Hint = false, r.P.T("rosters.form_with_hint")
	f.Kind.Options = page.Choose([]page.Option{{Value: string(notice.ReplaceWith), Label: r.P.T("rosters.kind.replace")},
		{Value: string(notice.AddPerson), Label: r.P.T("rosters.kind.add")}, {Value: string(notice.RemovePerson), Label: r.P.T("rosters.kind.remove")}}, f.Kind.Value)
	return f
}

// rosterPage is the form of a rotation.
type rosterPage struct {
	page.Base
	Action, Drop                string
	Name, Days, Handover, Start page.Field
	Turns                       []page.Field
	Choices                     []people.Pick
	Used                        bool
}

func (d Deps) roster(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.EditPolicy); err != nil {
		return err
	}
	x := notice.RosterView{Roster: notice.Roster{Days: 7, Handover: "09:00", Start: nextMonday(r.Kit.Now(), r.P.Location())}}
	if id := r.PathValue("roster"); id != freshRoster {
		var err error
		if x, err = d.Notices.Roster(r.Context(), r.By, id); err != nil {
			return err
		}
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	var turns []string
	for _, p := range x.People {
		turns = append(turns, people.Written(org.People[p]))
	}
	return d.renderRoster(w, r, http.StatusOK, x, turns, page.Refused{})
}

func nextMonday(now time.Time, zone *time.Location) jpcal.Date {
	d := jpcal.DateOf(now, zone)
	return d.Add((8 - int(d.Weekday())) % 7)
}

func (d Deps) renderRoster(w http.ResponseWriter, r *page.Request, status int, x notice.RosterView, turns []string, bad page.Refused) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	p := rosterPage{Base: r.Kit.Base(r, "rosters.new", "/settings"), Action: "/settings/rosters/" + r.PathValue("roster"), Used: x.Used,
		Choices: people.Choices(org, r.Kit.Now(), nil, nil)}
	if x.ID != "" {
		p.Title, p.Drop = r.P.T("rosters.edit", "name", x.Name), p.Action+"/drop"
	}
	p.Errors = bad.Summary
	field := func(name, kind, value string, max int) page.Field {
		return page.Field{ID: name, Name: name, Type: kind, Class: "short", Required: true, MaxLen: max, Label: r.P.T("rosters.form_" + name), Hint: r.P.T("rosters.form_" + name + "_hint"), Value: value, Error: bad.Fields[name]}
	}
	p.Name, p.Days = field("name", "text", x.Name, 60), field("days", "text", strconv.Itoa(x.Days), 2)
	p.Handover, p.Start = field("handover", "text", x.Handover, 5), field("start", "date", x.Start.String(), 0)
	p.Name.Class = ""
	if status != http.StatusOK {
		p.Days.Value, p.Start.Value = r.Text("days"), r.Text("start")
	}
	for n := range min(len(turns)+extraTurns, notice.MaxRosterPeople) {
		f := page.Field{ID: fmt.Sprintf("people-%d", n+1), Name: "people", Type: "text", Label: r.P.T("rosters.turn_n", "n", n+1)}
		if n < len(turns) {
			f.Value = turns[n]
		}
		if n == 0 {
			f.ID, f.Error = "people", bad.Fields["people"]
		}
		p.Turns = append(p.Turns, f)
	}
	return r.Kit.Render(w, r, status, "roster", p)
}

func (d Deps) saveRoster(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.EditPolicy); err != nil {
		return err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	x := notice.Roster{Name: r.Text("name"), Days: page.Int(r.Text("days"), 0), Handover: r.Text("handover")}
	x.Start, _ = jpcal.ParseDate(r.Text("start")) // no day is refused by the service
	if id := r.PathValue("roster"); id != freshRoster {
		x.ID = id
	}
	turns := r.Texts("people")
	var wrong error
	for _, typed := range turns {
		p, err := people.Resolve(org, r.Kit.Now(), typed, "people")
		wrong = page.Join(wrong, err)
		x.People = append(x.People, p)
	}
	if wrong == nil {
		_, wrong = d.Notices.SetRoster(r.Context(), r.By, x)
	}
	if wrong == nil {
		return r.Kit.See(w, r, "/settings/rosters", "rosters.flash_saved")
	}
	bad, ok := r.Refused(wrong, "name", "days", "handover", "start", "people")
	if !ok {
		return wrong
	}
	return d.renderRoster(w, r, bad.Status, notice.RosterView{Roster: x}, turns, bad)
}

func (d Deps) saveChange(w http.ResponseWriter, r *page.Request) error {
	roster := r.PathValue("roster")
	if id := r.Text("drop"); id != "" {
		if _, err := d.Notices.DropChange(r.Context(), r.By, roster, id); err != nil {
			return err
		}
		return r.Kit.See(w, r, "/settings/rosters#"+roster, "rosters.flash_change_dropped")
	}
	if err := r.By.May(access.EditPolicy); err != nil {
		return err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	var c fault.Check
	x := notice.Change{Kind: notice.ChangeKind(r.Text("kind")), From: r.Time(&c, "from"), Until: r.Time(&c, "until")}
	var errs []error
	x.Person, err = people.Resolve(org, r.Kit.Now(), r.Text("person"), "person")
	errs = append(errs, err)
	x.With, err = people.Resolve(org, r.Kit.Now(), r.Text("with"), "with")
	errs = append(errs, err, c.Err())
	wrong := page.Join(errs...)
	if wrong == nil {
		_, wrong = d.Notices.AddChange(r.Context(), r.By, roster, x)
	}
	if wrong == nil {
		return r.Kit.See(w, r, "/settings/rosters#"+roster, "rosters.flash_change")
	}
	bad, ok := r.Refused(wrong, "kind", "person", "with", "from", "until")
	if !ok {
		return wrong
	}
	return d.renderRosters(w, r, bad.Status, bad)
}

func (d Deps) dropRoster(w http.ResponseWriter, r *page.Request) error {
	if err := d.Notices.DropRoster(r.Context(), r.By, r.PathValue("roster")); err != nil {
		return err
	}
	return r.Kit.See(w, r, "/settings/rosters", "rosters.flash_dropped")
}

// rosterNames are the names of the rosters by id, for who reads a chain.
func (d Deps) rosterNames(r *page.Request) (map[string]string, error) {
	all, err := d.Notices.Rosters(r.Context(), r.By)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, x := range all {
		out[x.ID] = x.Name
	}
	return out, nil
}
