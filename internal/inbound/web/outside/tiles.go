package outside

import (
	"net/http"
	"net/url"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
)

type tilesPage struct {
	page.Base
	SignIn string
	Tiles  []tile
	Phones []Phone
}

type tile struct{ Href, Icon, Title, Hint, Class string }

// Tiles is the report page of who is not signed in.
func (d *Room) Tiles(w http.ResponseWriter, r *page.Request) error {
	p := tilesPage{Base: r.Kit.Base(r, "report.title", "/report"), SignIn: signIn("/report")}
	for _, k := range incident.Kinds() {
		t := tile{Href: "/report/" + string(k), Icon: string(k), Title: r.P.T("kind." + string(k)), Hint: r.P.T("kind." + string(k) + ".hint")}
		switch {
		case k == incident.Virus:
			t.Class = "now"
		case k.Urgency() == notice.Light:
			t.Class = "light"
		}
		p.Tiles = append(p.Tiles, t)
	}
	var err error
	if p.Phones, err = Phones(r); err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "outside_tiles", p)
}

// signIn is the way to the same page with a name.
func signIn(next string) string { return "/login?next=" + url.QueryEscape(next) }

// Phone is an office that can be called. A stranger is told the number, never whose it is.
type Phone struct {
	Role, Number string
	First        bool
}

// Phones are the numbers of whoever holds the two offices at this moment.
func Phones(r *page.Request) ([]Phone, error) {
	o, err := r.Org()
	if err != nil {
		return nil, err
	}
	now := r.Kit.Now()
	var out []Phone
	for _, office := range []struct {
		duty access.Duty
		role notice.Receiver
	}{{access.ProtectionManager, notice.Manager}, {access.ITAdmin, notice.ITAdmin}} {
		for _, holder := range o.Holders(office.duty, now) {
			if who := o.StandIn(holder, now, nil); who != "" && o.People[who].Phone != "" {
				out = append(out, Phone{Role: r.P.T("receiver." + string(office.role)), Number: o.People[who].Phone, First: len(out) == 0})
				break
			}
		}
	}
	return out, nil
}
