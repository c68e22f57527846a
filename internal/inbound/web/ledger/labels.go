package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/paper"
)

// labelsPage chooses the sheet that labels are printed on.
type labelsPage struct {
	page.Base
	Action        string
	Hidden        []page.Option // the filters that choose the things
	N             int
	Sheet, Start  page.Field
	ShiftX        page.Field
	ShiftY        page.Field
	More, Outline bool
}

// chosen are the things whose labels are asked for: one, or those of the list's filters.
func (d Deps) chosen(r *page.Request) (out []asset.Asset, more bool, err error) {
	v := r.URL.Query()
	if n := v.Get("number"); n != "" {
		x, err := d.Ledger.Get(r.Context(), r.By, n)
		return []asset.Asset{x.Asset}, false, err
	}
	q := asset.Query{Text: v.Get("q"), Kind: asset.Kind(v.Get("kind")), State: asset.State(v.Get("state")), Department: v.Get("department"), Limit: 200}
	for len(out) < paper.MaxLabels {
		found, err := d.Ledger.Find(r.Context(), r.By, q)
		if err != nil {
			return nil, false, err
		}
		for _, x := range found.Rows {
			if x.State != asset.Disposed {
				out = append(out, x.Asset)
			}
		}
		if q.After = found.Next; q.After == "" {
			return out, false, nil
		}
	}
	return out[:paper.MaxLabels], true, nil
}

func (d Deps) labels(w http.ResponseWriter, r *page.Request) error {
	things, more, err := d.chosen(r)
	if err != nil {
		return err
	}
	if len(things) == 0 {
		return fault.Missing("asset")
	}
	sheets, err := paper.Sheets()
	if err != nil {
		return err
	}
	p := labelsPage{Base: r.Kit.Base(r, "assets.labels", "/assets"), Action: "/assets/labels.pdf", N: len(things), More: more}
	p.Hidden = hidden(r.URL.Query())
	p.Sheet = page.Field{ID: "sheet", Name: "sheet", Type: "select", Label: r.P.T("assets.label.sheet"), Hint: r.P.T("assets.label.sheet_hint")}
	for _, s := range sheets {
		label := r.P.T("assets.label.size", "n", r.P.Count(s.Labels()), "width", millimetres(s.Width), "height", millimetres(s.Height))
		if !s.Verified {
			label = page.Line(label, r.P.T("assets.label.unverified"))
		}
		p.Sheet.Options = append(p.Sheet.Options, page.Option{Value: s.ID, Label: label})
	}
	field := func(name, value, hint string) page.Field {
		return page.Field{ID: name, Name: name, Class: "short", MaxLen: 6, Optional: true, Label: r.P.T("assets.label." + name), Hint: hint, Value: value}
	}
	p.Start = field("start", "1", r.P.T("assets.label.start_hint"))
	p.ShiftX, p.ShiftY = field("shift_x", "0", r.P.T("assets.label.shift_hint")), field("shift_y", "0", "")
	return r.Kit.Render(w, r, http.StatusOK, "labels", p)
}

// hidden carries the filters into the next form.
func hidden(v url.Values) []page.Option {
	var out []page.Option
	for _, k := range []string{"number", "q", "kind", "state", "department"} {
		if s := v.Get(k); s != "" {
			out = append(out, page.Option{Label: k, Value: s})
		}
	}
	return out
}

func millimetres(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// labelSheet prints the labels.
func (d Deps) labelSheet(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.ReadDirectory); err != nil {
		return err
	}
	things, _, err := d.chosen(r)
	if err != nil {
		return err
	}
	var c fault.Check
	sheet, ok, err := paper.SheetOf(r.Text("sheet"))
	if err != nil {
		return err
	}
	c.That(ok, "sheet", "fault.unknown_choice", nil)
	number := func(name string) float64 {
		s := r.Text(name)
		if s == "" {
			return 0
		}
		f, err := strconv.ParseFloat(s, 64)
		c.That(err == nil, name, "fault.bad_number", nil)
		return f
	}
	how := paper.Print{Start: page.Int(r.Text("start"), 1) - 1, ShiftX: number("shift_x"), ShiftY: number("shift_y"), Outline: r.Checked("outline")}
	how.Title, how.Author, how.Created = r.P.T("assets.labels"), d.Company, r.Kit.Now()
	if err := c.Err(); err != nil {
		return err
	}
	var out bytes.Buffer
	_, err = paper.Labels(&out, d.Font, sheet, asset.StockLabels(things, d.Words, d.Company, d.Words.T("assets.label.found", "company", d.Company), r.Kit.BaseURL), how)
	if errors.Is(err, paper.ErrPrint) {
		return fault.New(fault.Invalid, "fault.label_print", nil)
	}
	if err != nil {
		return fmt.Errorf("print labels: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `inline; filename="labels.pdf"`)
	h.Set("Cache-Control", "no-store")
	if _, err := w.Write(out.Bytes()); err != nil && r.Context().Err() == nil {
		return fmt.Errorf("send labels: %w", err)
	}
	return nil
}
