package calls

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/outside"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/qr"
)

type sheetPage struct {
	page.Base
	Address string
	Code    template.HTML // QR code of the address
	Kinds   []string
	Phones  []outside.Phone
}

// sheet is the same form to write on by hand, for when no page can be opened: one sheet of
// A4, to be printed before it is needed.
func (d rooms) sheet(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.Report); err != nil {
		return err
	}
	p := sheetPage{Base: r.Kit.Base(r, "calls.sheet", "/report"), Address: r.Kit.BaseURL + "/calls/new"}
	p.Scripts = []string{"print.js"}
	for _, k := range incident.Kinds() {
		p.Kinds = append(p.Kinds, r.P.T("kind."+string(k)))
	}
	var err error
	if p.Code, err = drawn(p.Address); err != nil {
		return err
	}
	if p.Phones, err = outside.Phones(r); err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "call_sheet", p)
}

// quiet is the empty margin that a QR code needs, in modules.
const quiet = 4

// drawn is the QR code of a text as a drawing. The words beside it say the same.
func drawn(text string) (template.HTML, error) {
	c, err := qr.Encode(text)
	if err != nil {
		return "", fmt.Errorf("draw address: %w", err)
	}
	var path strings.Builder
	c.Runs(func(x, y, length int) { fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, length, length) })
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" shape-rendering="crispEdges" aria-hidden="true"><path d="%s"></path></svg>`,
		c.Size+2*quiet, c.Size+2*quiet, path.String())), nil
}
