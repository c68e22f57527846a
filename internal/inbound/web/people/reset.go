package people

import (
	"net/http"
	"net/url"

	"sekimori/internal/inbound/web/page"
)

// resetPage is the slip with a link to a new password, shown this once.
type resetPage struct {
	page.Base
	Slip  slip
	Until string
}

// resetCode makes the link and answers with it: it is kept nowhere.
func (d Deps) resetCode(w http.ResponseWriter, r *page.Request) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	v, err := d.Access.ResetCode(r.Context(), r.By, id)
	if err != nil {
		return r.ProveFirst(w, err, "/people/"+url.PathEscape(id)+"#account")
	}
	x := org.People[id]
	p := resetPage{Base: r.Kit.Base(r, "people.reset", "/people"), Until: r.P.DateTime(v.Expires),
		Slip: slip{Name: x.Name(), Place: Place(org, x.Department), Number: x.Number, Login: v.Login, Href: r.Kit.BaseURL + "/invite/" + v.Secret}}
	return r.Kit.Render(w, r, http.StatusOK, "reset_code", p)
}
