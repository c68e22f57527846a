package settings

import (
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/jpcal"
)

// daysPage is the company's own days off.
type daysPage struct {
	page.Base
	Days      []dayView
	May       bool
	Day, Name page.Field
}

// dayView is one day off.
type dayView struct{ Day, Text, Name, By string }

func (d Deps) days(w http.ResponseWriter, r *page.Request) error {
	return d.renderDays(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) renderDays(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	days, err := d.Notices.DaysOff(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	p := daysPage{Base: r.Kit.Base(r, "escalation.days", "/settings"), May: r.By.May(access.EditPolicy) == nil}
	p.Errors = bad.Summary
	for _, x := range days {
		p.Days = append(p.Days, dayView{Day: x.Day.String(), Text: r.P.Date(x.Day.In(r.P.Location(), 0)), Name: x.Name, By: page.Line(org.NameOf(x.By), r.P.DateTime(x.At))})
	}
	p.Day = page.Field{ID: "day", Name: "day", Type: "date", Class: "short", Label: r.P.T("escalation.day"), Required: true, Error: bad.Fields["day"]}
	p.Name = page.Field{ID: "name", Name: "name", Type: "text", Label: r.P.T("escalation.day_name"), Hint: r.P.T("escalation.day_name_hint"), Required: true, MaxLen: 60, Error: bad.Fields["name"]}
	if len(bad.Fields) > 0 {
		p.Day.Value, p.Name.Value = r.Text("day"), r.Text("name")
	}
	return r.Kit.Render(w, r, status, "daysoff", p)
}

func (d Deps) saveDay(w http.ResponseWriter, r *page.Request) error {
	day, _ := jpcal.ParseDate(r.Text("day")) // no day is refused by the service
	if r.Text("drop") != "" {
		if err := d.Notices.DropDayOff(r.Context(), r.By, day); err != nil {
			return err
		}
		return r.Kit.See(w, r, "/settings/days-off", "escalation.flash_day_dropped")
	}
	err := d.Notices.SetDayOff(r.Context(), r.By, notice.DayOff{Day: day, Name: r.Text("name")})
	if err == nil {
		return r.Kit.See(w, r, "/settings/days-off", "escalation.flash_day")
	}
	bad, ok := r.Refused(err, "day", "name")
	if !ok {
		return err
	}
	return d.renderDays(w, r, bad.Status, bad)
}
