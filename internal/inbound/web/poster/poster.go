// Package poster prints how to report without an account: a sheet for the wall, and cards
// for the wallet, with a QR code that opens the report page.
package poster

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web/outside"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/paper"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Deps are what the room needs.
type Deps struct {
	Font    *paper.Font
	Company string
}

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	return []page.Route{
		{Pattern: "GET /settings/poster", Do: d.show},
		{Pattern: "GET /settings/poster/poster.pdf", Do: d.wall},
		{Pattern: "GET /settings/poster/cards.pdf", Do: d.cards},
	}
}

type posterPage struct {
	page.Base
	Address string
	Calls   []paper.Call
	Langs   []lang
}

type lang struct{ Code, Name string }

// May is nil for those whose work it is to tell people how to report.
func May(by access.Actor) error {
	if slices.ContainsFunc([]access.Permission{access.EditDirectory, access.EditPolicy, access.ManageDevices},
		func(p access.Permission) bool { return by.May(p) == nil }) {
		return nil
	}
	return fault.Deny(string(access.EditDirectory))
}

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	o, err := d.of(r)
	if err != nil {
		return err
	}
	p := posterPage{Base: r.Kit.Base(r, "poster.title", "/settings"), Address: o.Address, Calls: o.Calls,
		Langs: []lang{{"ja", "日本語"}, {"en", "English"}}}
	p.Width = "narrow"
	return r.Kit.Render(w, r, http.StatusOK, "poster", p)
}

// of is what the paper says, in the language that was asked for.
func (d Deps) of(r *page.Request) (paper.Poster, error) {
	if err := May(r.By); err != nil {
		return paper.Poster{}, err
	}
	if l := i18n.Lang(r.Text("lang")); slices.Contains(i18n.Langs(), l) {
		r.P = r.Kit.Printer(l)
	}
	phones, err := outside.Phones(r)
	if err != nil {
		return paper.Poster{}, err
	}
	address := r.Kit.BaseURL + "/report"
	o := paper.Poster{Title: r.P.T("poster.heading"), Lines: []string{r.P.T("poster.line1"), r.P.T("poster.line2"), r.P.T("poster.line3")},
		Code: address, Address: readable(address), Caption: r.P.T("poster.caption"), Owner: d.Company}
	for _, p := range phones {
		o.Calls = append(o.Calls, paper.Call{Role: p.Role, Number: p.Number})
	}
	return o, nil
}

// readable is the address as it is typed: the scheme of every browser is left out.
func readable(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return address
	}
	return strings.TrimPrefix(address, "https://")
}

func (d Deps) wall(w http.ResponseWriter, r *page.Request) error {
	return d.print(w, r, "poster.pdf", func(out io.Writer, o paper.Poster, info paper.Options) error {
		_, err := paper.WritePoster(out, d.Font, o, info)
		return err
	})
}

// cardSheet is the sheet of ten cards as it is sold everywhere.
const cardSheet = "a4-10"

func (d Deps) cards(w http.ResponseWriter, r *page.Request) error {
	return d.print(w, r, "cards.pdf", func(out io.Writer, o paper.Poster, info paper.Options) error {
		sheet, ok, err := paper.SheetOf(cardSheet)
		if err != nil || !ok {
			return fmt.Errorf("sheet %s: known %v: %w", cardSheet, ok, err)
		}
		_, err = paper.WriteCards(out, d.Font, o, sheet, info)
		return err
	})
}

func (d Deps) print(w http.ResponseWriter, r *page.Request, name string, draw func(io.Writer, paper.Poster, paper.Options) error) error {
	o, err := d.of(r)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := draw(&out, o, paper.Options{Title: r.P.T("poster.title"), Author: d.Company, Created: r.Kit.Now()}); err != nil {
		return fmt.Errorf("print %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `inline; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	if _, err := w.Write(out.Bytes()); err != nil && r.Context().Err() == nil {
		return fmt.Errorf("send %s: %w", name, err)
	}
	return nil
}
