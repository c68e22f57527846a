package report

import (
	"net/http"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
)

type tilesPage struct {
	page.Base
	Tiles  []tile
	Phones []phone
}

type tile struct{ Href, Icon, Title, Hint, Class string }

func (d rooms) tiles(w http.ResponseWriter, r *page.Request) error {
	o, err := r.Org()
	if err != nil {
		return err
	}
	p := tilesPage{Base: r.Kit.Base(r, "report.title", "/report")}
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
	all := []notice.Receiver{notice.Manager, notice.Supervisor, notice.ITAdmin}
	p.Phones = phones(r, o, call{For: r.By.Person, Receivers: all})
	return r.Kit.Render(w, r, http.StatusOK, "report", p)
}
