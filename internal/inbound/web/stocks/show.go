package stocks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/qr"
)

// pageSize is the lines of one page.
const pageSize = 100

// tally is one figure above the lists.
type tally struct {
	Href, Label, Kind string
	N                 int
	Here              bool
}

// line is one thing of the list.
type line struct {
	Number, Href, Kind, Model, Keeper, Place string
	Tag                                      page.Tag
	Seen                                     []string
	Note                                     string
	Missing                                  bool
}

// stray is a number that was seen beside the list.
type stray struct{ Number, Why, Who string }

type stockPage struct {
	page.Base
	Label, Self, Heading, Where, Due string
	State                            page.Tag
	Open                             bool
	Tallies                          []tally
	Rows                             []line
	First, More                      string
	Strays                           []stray
	May                              asset.StockView
	Place                            string
	Done                             []page.Option
	Hash                             string
	Left                             int // missing things without a note
	Finished                         string
	Q                                string
	Result                           string
	Erased                           string // that its content was erased; "" while it stands

	Failed string
	Wrongs map[string]string
	Typed  url.Values
}

// Was gives back what was typed into a refused form.
func (p stockPage) Was(form, field string) string {
	if p.Failed == form {
		return p.Typed.Get(field)
	}
	return ""
}

// Wrong is what must be mended in a field of a refused form.
func (p stockPage) Wrong(form, field string) string {
	if p.Failed == form {
		return p.Wrongs[field]
	}
	return ""
}

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	return d.render(w, r, http.StatusOK, "", page.Refused{})
}

func (d Deps) render(w http.ResponseWriter, r *page.Request, status int, form string, bad page.Refused) error {
	v, err := d.Counts.Stock(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	if v.MayCount {
		// This page alone may ask for the camera.
		w.Header().Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()")
	}
	p := pageOf(r, org, v)
	if form != "" {
		p.Failed, p.Wrongs, p.Errors, p.Typed = form, bad.Fields, bad.Summary, r.PostForm
		for i, e := range p.Errors {
			if e.ID == "" && e.Field != "" {
				p.Errors[i].ID = form + "-" + e.Field
			}
		}
	}
	return r.Kit.Render(w, r, status, "stocktake", p)
}

func pageOf(r *page.Request, org *directory.Org, v asset.StockView) *stockPage {
	p := &stockPage{Base: r.Kit.Base(r, "", "/assets"), Label: v.Label, Self: "/stocktakes/" + v.Label, Heading: v.Title, Due: r.P.Date(v.Due.In(r.Kit.Zone, 0)), State: stateTag(r, v.StockTake), Open: v.Open(),
		May: v, Place: r.URL.Query().Get("place"), Hash: v.Hash, Left: v.Totals.Missing - v.Totals.Noted, Q: r.URL.Query().Get("q"), Result: r.URL.Query().Get("result")}
	p.Title = v.Label + " " + v.Title
	p.EventsURL = "/events?subject=" + v.ID
	if v.MayCount {
		p.Scripts = []string{"jsqr.js", "scan.js"}
	}
	switch {
	case !v.ErasedAt.IsZero():
		p.Title, p.Heading, p.Erased = v.Label, r.P.T("cases.erased"), r.P.T("stocks.erased", "at", r.P.DateTime(v.ErasedAt))
	case !v.Open():
		p.Finished = page.Line(org.NameOf(v.FinishedBy), r.P.DateTime(v.FinishedAt))
	}
	var names []string
	for _, id := range v.Departments {
		names = append(names, org.Departments[id].Name)
	}
	p.Where = strings.Join(names, " / ")
	if len(names) == 0 {
		p.Where = r.P.T("stock.paper.whole")
	}
	add := func(result asset.StockResult, n int, kind string) {
		if n == 0 {
			kind = ""
		}
		t := tally{Label: r.P.T("stock.result." + string(result)), N: n, Kind: kind, Here: p.Result == string(result), Href: p.Self + "?result=" + string(result) + "#rows"}
		if result == asset.StockUnknown || result == asset.StockOutside {
			t.Href = p.Self + "#strays"
		}
		p.Tallies = append(p.Tallies, t)
	}
	p.Tallies = []tally{{Href: p.Self + "#rows", Label: r.P.T("stock.result.expected"), N: v.Totals.Expected}}
	add(asset.StockFound, v.Totals.Found, "matsu")
	add(asset.StockMissing, v.Totals.Missing, "shu")
	add(asset.StockMet, v.Totals.Met, "yama")
	add(asset.StockTwice, v.Totals.Twice, "yama")
	add(asset.StockOutside, v.Totals.Outside, "yama")
	add(asset.StockUnknown, v.Totals.Unknown, "shu")
	rows, next := v.Rows(org, asset.StockQuery{Result: asset.StockResult(p.Result), Text: p.Q, After: r.URL.Query().Get("after"), Limit: pageSize})
	for _, x := range rows {
		p.Rows = append(p.Rows, lineOf(r, org, x))
	}
	if next != "" {
		p.More = p.Self + "?" + url.Values{"result": {p.Result}, "q": {p.Q}, "after": {next}}.Encode() + "#rows"
	}
	if r.URL.Query().Get("after") != "" {
		p.First = p.Self + "?" + url.Values{"result": {p.Result}, "q": {p.Q}}.Encode() + "#rows"
	}
	for _, g := range append(append([]asset.StockSighting(nil), v.Unknown...), v.Outside...) {
		p.Strays = append(p.Strays, stray{Number: g.Number, Why: r.P.T("stock.why." + g.Why), Who: page.Line(org.NameOf(g.By), r.P.DateTime(g.At), g.Place)})
	}
	for _, x := range asset.StockDone() {
		p.Done = append(p.Done, page.Option{Value: x, Label: r.P.T("stock.done." + x)})
	}
	return p
}

func lineOf(r *page.Request, org *directory.Org, x asset.StockRow) line {
	l := line{Number: x.Number, Href: "/assets/" + url.PathEscape(x.Number), Kind: r.P.T("asset.kind." + string(x.Kind)), Model: x.Model, Keeper: org.NameOf(x.Keeper), Place: x.Place,
		Tag: page.Tag{Text: r.P.T("stock.result." + string(x.Result))}, Missing: x.Result == asset.StockMissing || x.Result == asset.StockMet}
	switch x.Result {
	case asset.StockFound:
		l.Tag.Kind, l.Tag.Icon = "matsu", "check"
	case asset.StockMissing:
		l.Tag.Kind, l.Tag.Icon = "shu", "alert"
	default:
		l.Tag.Kind, l.Tag.Icon = "yama", "info"
	}
	for _, g := range x.Seen {
		l.Seen = append(l.Seen, page.Line(org.NameOf(g.By), r.P.DateTime(g.At), g.Place))
	}
	if !x.Proof.At.IsZero() {
		l.Seen = append(l.Seen, r.P.T("stocks.met_at", "at", r.P.DateTime(x.Proof.At)))
	}
	if x.Note.Done != "" {
		l.Note = page.Line(r.P.T("stock.done."+x.Note.Done), x.Note.Text, org.NameOf(x.Note.By))
	}
	return l
}

// answer is what the camera's script is told.
type answer struct {
	Result   string `json:"result"`
	Text     string `json:"text"`
	Sighting string `json:"sighting"`
}

// wantsJSON reports whether a script asks.
func wantsJSON(r *page.Request) bool { return r.Header.Get("Accept") == "application/json" }

func send(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// words says what came of one code.
func words(r *page.Request, g asset.StockSeen) answer {
	out := answer{Result: string(g.Result), Sighting: g.Sighting}
	switch {
	case g.Why != "":
		out.Text = page.Line(g.Number, r.P.T("stock.why."+g.Why))
	case g.Item != nil:
		out.Text = page.Line(g.Number, r.P.T("stock.result."+string(g.Result)), r.P.T("asset.kind."+string(g.Item.Kind)), g.Item.Model)
	default:
		out.Text = page.Line(g.Number, r.P.T("stock.result."+string(g.Result)))
	}
	return out
}

func (d Deps) seen(w http.ResponseWriter, r *page.Request) error {
	how := asset.StockByHand
	if r.Text("how") == asset.StockByCamera {
		how = asset.StockByCamera
	}
	g, err := d.Counts.Seen(r.Context(), r.By, r.PathValue("label"), r.Text("code"), how, r.Text("place"))
	return d.answer(w, r, g, err)
}

// answer tells a script or a person what came of a code.
func (d Deps) answer(w http.ResponseWriter, r *page.Request, g asset.StockSeen, err error) error {
	if err == nil {
		if wantsJSON(r) {
			return send(w, http.StatusOK, words(r, g))
		}
		flash := "stocks.flash_seen"
		switch g.Result {
		case asset.StockUnknown, asset.StockOutside:
			flash = "stocks.flash_stray"
		case asset.StockAgain:
			flash = "stocks.flash_again"
		case asset.StockTwice:
			flash = "stocks.flash_twice"
		}
		return r.Kit.See(w, r, "/stocktakes/"+r.PathValue("label")+"?place="+url.QueryEscape(r.Text("place"))+"#count", flash)
	}
	if wantsJSON(r) {
		if f := fault.As(err); f != nil {
			whole, fields := r.P.Error(err)
			for _, text := range fields {
				whole = text
			}
			return send(w, f.Kind.Status(), map[string]string{"detail": whole})
		}
		return err
	}
	bad, ok := r.Refused(err)
	if !ok {
		return err
	}
	return d.render(w, r, bad.Status, "seen", bad)
}

func (d Deps) undo(w http.ResponseWriter, r *page.Request) error {
	if err := d.Counts.Unsee(r.Context(), r.By, r.Text("sighting")); err != nil {
		return d.answer(w, r, asset.StockSeen{}, err)
	}
	if wantsJSON(r) {
		return send(w, http.StatusOK, answer{Text: r.P.T("stocks.undone")})
	}
	return r.Kit.See(w, r, "/stocktakes/"+r.PathValue("label")+"#count", "stocks.undone")
}

// picture counts the thing whose label is in a photograph.
func (d Deps) picture(w http.ResponseWriter, r *page.Request) error {
	var g asset.StockSeen
	err := r.Upload(w, func(u incident.Upload) error {
		code, err := d.Pictures.Read(r.Context(), u.Body)
		var c fault.Check
		switch {
		case errors.Is(err, qr.ErrNone):
			c.Add("file", "stocks.no_code", nil)
		case errors.Is(err, qr.ErrImage):
			c.Add("file", "stocks.no_picture", nil)
		case errors.Is(err, qr.ErrLarge):
			c.Add("file", "stocks.large_picture", nil)
		case err != nil:
			return err
		}
		if err := c.Err(); err != nil {
			return err
		}
		g, err = d.Counts.Seen(r.Context(), r.By, r.PathValue("label"), code, asset.StockByPhoto, "")
		if f := fault.As(err); f != nil {
			// What is wrong with the code is said beside the picture that it was read from.
			at := *f
			at.Fields = slices.Clone(f.Fields)
			for i := range at.Fields {
				at.Fields[i].Name = "file"
			}
			return &at
		}
		return err
	})
	return d.answer(w, r, g, err)
}

// do is one press on a count.
type do func(d Deps, r *page.Request, label string) (flash string, err error)

func (d Deps) verb(form string, f do) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		flash, err := f(d, r, r.PathValue("label"))
		if err == nil {
			return r.Kit.See(w, r, "/stocktakes/"+r.PathValue("label"), flash)
		}
		bad, ok := r.Refused(err)
		if !ok {
			return err
		}
		return d.render(w, r, bad.Status, form, bad)
	}
}

func note(d Deps, r *page.Request, label string) (string, error) {
	return "stocks.flash_note", d.Counts.NoteStock(r.Context(), r.By, label, r.Texts("number"), r.Text("done"), r.Text("text"))
}

func remind(d Deps, r *page.Request, label string) (string, error) {
	_, err := d.Counts.RemindStock(r.Context(), r.By, label)
	return "stocks.flash_remind", err
}

func finish(d Deps, r *page.Request, label string) (string, error) {
	_, err := d.Counts.FinishStock(r.Context(), r.By, label, r.Text("hash"))
	return "stocks.flash_finish", err
}
