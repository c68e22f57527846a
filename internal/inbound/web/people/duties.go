package people

import (
	"net/http"
	"slices"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
)

// dutyView is one duty with those who hold it.
type dutyView struct {
	ID, Name, What string
	Holders        []holder
	Add            page.Field
}

// holder is one person who holds a duty.
type holder struct {
	ID, Name, Href, Away, StandIn string
	Keep                          bool
}

type dutiesPage struct {
	page.Base
	Duties     []dutyView
	MayEdit    bool
	Candidates []Pick
}

func (d Deps) duties(w http.ResponseWriter, r *page.Request) error {
	return d.renderDuties(w, r, http.StatusOK, "", page.Refused{})
}

func (d Deps) renderDuties(w http.ResponseWriter, r *page.Request, status int, form string, bad page.Refused) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	now := r.Kit.Now()
	p := dutiesPage{Base: r.Kit.Base(r, "people.duties", "/people"), MayEdit: r.By.May(access.EditDirectory) == nil}
	p.Errors = bad.Summary
	for i := range p.Errors {
		if p.Errors[i].ID != "" {
			p.Errors[i].ID = "add-" + form
		}
	}
	for _, duty := range access.Duties() {
		v := dutyView{ID: string(duty), Name: r.P.T("duty." + string(duty)), What: r.P.T("people.duty." + string(duty))}
		v.Add = page.Field{ID: "add-" + v.ID, Name: "add", Type: "text", Label: r.P.T("people.duty_add")}
		for _, h := range org.Holders(duty, now) {
			v.Holders = append(v.Holders, holderOf(r, org, h, form == v.ID))
		}
		if form == v.ID {
			v.Add.Value = r.Text("add")
			if len(bad.Summary) > 0 {
				v.Add.Error = bad.Summary[0].Text
			}
		}
		p.Duties = append(p.Duties, v)
	}
	if p.MayEdit {
		p.Candidates = Choices(org, now, nil, nil)
	}
	return r.Kit.Render(w, r, status, "duties", p)
}

func holderOf(r *page.Request, org *directory.Org, id string, typed bool) holder {
	now := r.Kit.Now()
	h := holder{ID: id, Name: Written(org.People[id]), Href: "/people/" + id, Keep: !typed || slices.Contains(r.Texts("keep"), id)}
	if until, away := org.Away(id, now); away {
		h.Away = r.P.T("people.away_until", "until", r.P.DateTime(until))
		if in := org.StandIn(id, now, []string{id}); in != "" {
			h.StandIn = r.P.T("people.stood_in", "name", org.NameOf(in))
		} else {
			h.StandIn = r.P.T("people.stood_in_nobody")
		}
	}
	return h
}

// setDuty says who holds one duty from now on: those kept, and the one added.
func (d Deps) setDuty(w http.ResponseWriter, r *page.Request) error {
	duty := r.Text("duty")
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	holders := r.Texts("keep")
	added, err := Resolve(org, r.Kit.Now(), r.Text("add"), "people")
	if err == nil {
		if added != "" && !slices.Contains(holders, added) {
			holders = append(holders, added)
		}
		err = d.People.SetDuties(r.Context(), r.By, access.Duty(duty), holders)
	}
	if err == nil {
		return r.Kit.See(w, r, "/people/duties#"+duty, "people.flash_duty")
	}
	bad, ok := r.Refused(err, "people", "duty")
	if !ok {
		return err
	}
	return d.renderDuties(w, r, bad.Status, duty, bad)
}
