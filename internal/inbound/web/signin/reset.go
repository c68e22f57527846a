package signin

import (
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web/page"
)

// resetPage is where who has forgotten a password asks for another.
type resetPage struct {
	page.Base
	Whose   page.Field
	ByMail  bool // people may ask here
	Asked   bool // somebody just has: the page is the same for everybody
	Minutes int
}

func (d rooms) resetForm(w http.ResponseWriter, r *page.Request) error {
	return d.showReset(w, r, http.StatusOK, page.Refused{})
}

func (d rooms) showReset(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	p := resetPage{Base: r.Kit.Base(r, "signin.reset", "/login"), ByMail: d.Door.ResetsByMail(), Asked: r.Checked("asked") && status == http.StatusOK,
		Minutes: int(access.MailedReset.Minutes())}
	p.Width, p.Errors = "narrow", bad.Summary
	p.Whose = page.Field{ID: "whose", Name: "whose", Label: r.P.T("signin.reset_whose"), Auto: "username", Class: "full", Required: true, MaxLen: 200,
		Value: r.Text("whose"), Error: bad.Fields["whose"]}
	return r.Kit.Render(w, r, status, "reset", p)
}

func (d rooms) reset(w http.ResponseWriter, r *page.Request) error {
	if err := d.Door.AskReset(r.Context(), r.Text("whose"), origin(r)); err != nil {
		bad, ok := r.Refused(err, "whose")
		if !ok {
			return err
		}
		return d.showReset(w, r, bad.Status, bad)
	}
	return r.Kit.See(w, r, "/reset?asked=1", "")
}
