package ledger

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/inbound/web/cases"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
)

// fact is one line of what is known of a thing.
type fact struct {
	Label, Text, Hint string
	Tag               page.Tag
}

// moment is one line of the history.
type moment struct{ When, What, Who string }

// photoView is one picture or paper.
type photoView struct {
	ID, Name, Who, Hash string
	Picture             bool
}

// assetPage is one thing.
type assetPage struct {
	page.Base
	Number, Self string
	Kind         string
	State        page.Tag
	Facts        []fact
	Identity     []fact
	Medium       bool
	Current      *lent.Loan // the loan that holds it
	Loans        []lent.Loan
	Photos       []photoView
	History      []moment
	Attempts     []lent.Attempt
	Disposal     *disposalView
	May          asset.Rights
	To           string // the state that a press may bring it to; "" for none
	Lost         string
	PCs          []page.Option
	Methods      []page.Option
	Proofs       []page.Option
	NewLoan      bool
	MaxPhoto     int64
	Print        string

	Failed string
	Wrongs map[string]string
	Typed  url.Values
}

// disposalView is how a thing is put out of use.
type disposalView struct {
	Method, Note, Asked, Confirmed string
	Open                           bool
}

// Was gives back what was typed into a refused form.
func (p assetPage) Was(form, field string) string {
	if p.Failed == form {
		return p.Typed.Get(field)
	}
	return ""
}

// Wrong is what must be mended in a field of a refused form.
func (p assetPage) Wrong(form, field string) string {
	if p.Failed == form {
		return p.Wrongs[field]
	}
	return ""
}

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Ledger.Get(r.Context(), r.By, r.PathValue("number"))
	if err != nil {
		return err
	}
	if r.PathValue("number") != v.Number {
		return r.Kit.See(w, r, href(v.Number), "")
	}
	p, err := d.page(r, v)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "asset", p)
}

// refused shows the thing again with what was typed and what to mend.
func (d Deps) refused(w http.ResponseWriter, r *page.Request, number, form string, cause error) error {
	bad, ok := r.Refused(cause)
	if !ok {
		return cause
	}
	v, err := d.Ledger.Get(r.Context(), r.By, number)
	if err != nil {
		return cause
	}
	p, err := d.page(r, v)
	if err != nil {
		return err
	}
	p.Failed, p.Typed, p.Wrongs, p.Errors = form, r.PostForm, bad.Fields, bad.Summary
	for i, e := range p.Errors {
		if e.ID == "" && e.Field != "" {
			p.Errors[i].ID = form + "-" + e.Field
		}
	}
	return r.Kit.Render(w, r, bad.Status, "asset", p)
}

func (d Deps) page(r *page.Request, v asset.View) (*assetPage, error) {
	org, err := r.Org()
	if err != nil {
		return nil, err
	}
	p := &assetPage{Base: r.Kit.Base(r, "", "/assets"), Number: v.Number, Self: href(v.Number), Kind: r.P.T("asset.kind." + string(v.Kind)), State: StateTag(r, v.Now),
		Medium: v.Kind.Medium(), May: v.May, To: next(r, v), MaxPhoto: maxPhoto - 1<<20}
	p.Title = v.Number
	p.EventsURL = "/events?subject=" + v.ID
	p.Print = "/assets/labels?number=" + url.QueryEscape(v.Number)
	p.facts(r, org, v)
	for _, l := range v.Loans {
		x := lent.LoanOf(r, l)
		if l.ID == v.Loan {
			p.Current = &x
		}
		p.Loans = append(p.Loans, x)
	}
	for _, f := range v.Photos {
		p.Photos = append(p.Photos, photoView{ID: f.ID, Name: f.Name, Who: page.Line(org.NameOf(f.By), r.P.DateTime(f.At), r.P.Bytes(f.Size)), Hash: fmt.Sprintf("%x", f.SHA256), Picture: strings.HasPrefix(f.Type, "image/")})
		p.Proofs = append(p.Proofs, page.Option{Value: f.ID, Label: f.Name})
	}
	for _, e := range v.History {
		p.History = append(p.History, momentOf(r, org, e))
	}
	pcs := map[string]string{}
	for _, a := range v.Attempts {
		if _, known := pcs[a.Device]; !known {
			if pcs[a.Device], err = d.Ledger.PCName(r.Context(), "", a.Device); err != nil {
				return nil, err
			}
		}
		p.Attempts = append(p.Attempts, lent.AttemptOf(r, asset.AttemptRow{Attempt: a, PC: pcs[a.Device]}))
	}
	if x := v.Disposal; x != nil {
		p.Disposal = &disposalView{Method: r.P.T("asset.disposal." + x.Method), Note: x.Note, Open: x.Open(), Asked: page.Line(org.NameOf(x.By), r.P.DateTime(x.At))}
		if !x.Open() {
			p.Disposal.Confirmed = page.Line(org.NameOf(x.ConfirmedBy), r.P.DateTime(x.ConfirmedAt))
		}
	}
	p.Methods = choices(r, "asset.disposal.", asset.Methods(), false)
	p.NewLoan = v.State == asset.InStore && r.By.May(access.Submit) == nil
	if v.May.ReportLost {
		p.Lost = lostHref(v.Number)
	}
	if v.May.Register {
		if p.PCs, err = d.registrars(r); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// next is the state that the reader can bring the thing to: to repair and back, and back
// when what was lost is found.
func next(r *page.Request, v asset.View) string {
	handles := r.By.May(access.ManageAssets) == nil || v.Keeper == r.By.Person && r.By.May(access.Submit) == nil
	switch {
	case !handles || v.Loan != "" || v.Disposal.Open():
	case v.State == asset.InStore:
		return string(asset.InRepair)
	case v.State == asset.InRepair || v.State == asset.Lost:
		return string(asset.InStore)
	}
	return ""
}

// registrars are the PCs on which a medium can be read in: the reader's own first.
func (d Deps) registrars(r *page.Request) ([]page.Option, error) {
	if d.PCs == nil {
		return nil, nil
	}
	own, err := d.PCs.OfPerson(r.Context(), r.By, r.By.Person)
	if err != nil {
		return nil, err
	}
	var rest device.Page
	if r.By.May(access.ReadDevices) == nil {
		if rest, err = d.PCs.List(r.Context(), r.By, device.Query{Limit: 200}); err != nil {
			return nil, err
		}
	}
	var out []page.Option
	seen := map[string]bool{}
	for _, v := range append(own, rest.Rows...) {
		if seen[v.ID] || !v.RefusedAt.IsZero() {
			continue
		}
		seen[v.ID] = true
		out = append(out, page.Option{Value: v.ID, Label: page.Line(v.Name, v.PersonName)})
	}
	return out, nil
}

func (p *assetPage) facts(r *page.Request, org *directory.Org, v asset.View) {
	add := func(id, text string) {
		if text != "" {
			p.Facts = append(p.Facts, fact{Label: r.P.T("assets.field." + id), Text: text})
		}
	}
	add("model", v.Model)
	if v.Capacity > 0 {
		add("capacity", strings.TrimSpace(size(v.Capacity)+" GB"))
	}
	if v.Kind.Medium() || v.Kind == asset.PC || v.Kind == asset.Phone {
		add("encryption", r.P.T("asset.encryption."+string(v.Encryption)))
	}
	add("department", strings.Join(v.Path, " / "))
	add("keeper", v.KeeperName)
	add("place", v.Place)
	add("note", v.Note)
	p.Facts = append(p.Facts, fact{Label: r.P.T("assets.since"), Text: r.P.DateTime(v.Since)})
	if !v.Kind.Medium() {
		return
	}
	i := v.Identity
	p.Identity = append(p.Identity, fact{Label: r.P.T("assets.strength"), Tag: strengthTag(r, v.Row.Strength), Hint: r.P.T("asset.strength_why." + string(v.Row.Strength))})
	ids, number := "assets.usb_id", "assets.field.serial"
	if v.Kind == asset.SDCard && cardID(i.Serial) { // read in a reader that is built in: see wire.Medium
		ids, number = "assets.card_id", "assets.card_cid"
	}
	if i.Vendor != "" {
		p.Identity = append(p.Identity, fact{Label: r.P.T(ids), Text: i.Vendor + ":" + i.Product})
	}
	serial := fact{Label: r.P.T(number), Text: i.Serial}
	switch {
	case i.Serial == "" && !i.ReadAt.IsZero():
		serial.Text, serial.Tag = r.P.T("word.none"), page.Tag{Kind: "yama", Icon: "alert", Text: r.P.T("assets.no_serial")}
	case v.SerialTwin:
		serial.Tag = page.Tag{Kind: "yama", Icon: "alert", Text: r.P.T("assets.twin")}
	case i.Serial != "":
		serial.Tag = page.Tag{Kind: "matsu", Icon: "check", Text: r.P.T("assets.unique")}
	}
	if serial.Text != "" {
		p.Identity = append(p.Identity, serial)
	}
	if i.Capacity > 0 {
		p.Identity = append(p.Identity, fact{Label: r.P.T("assets.read_capacity"), Text: r.P.Bytes(i.Capacity)})
	}
	if i.Volume != "" {
		p.Identity = append(p.Identity, fact{Label: r.P.T("assets.volume"), Text: i.Volume})
	}
	if !i.ReadAt.IsZero() {
		p.Identity = append(p.Identity, fact{Label: r.P.T("assets.read_at"), Text: r.P.DateTime(i.ReadAt)})
	}
}

// momentOf tells of one event of the record.
func momentOf(r *page.Request, org *directory.Org, e journal.Event) moment {
	m := moment{When: r.P.DateTime(e.At), What: e.Kind, Who: cases.Actor(r, org, e.Actor)}
	if id := "event." + e.Kind; r.P.Has(id) {
		m.What = r.P.T(id)
	}
	var data struct {
		Loan, Reason, Place, State string
	}
	if json.Unmarshal(e.Data, &data) == nil {
		m.What = page.Line(m.What, data.Loan, data.Reason)
	}
	return m
}

// do is one press on a thing.
type do func(d Deps, r *page.Request, number string) (flash string, err error)

func (d Deps) verb(form string, f do) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		number := r.PathValue("number")
		flash, err := f(d, r, number)
		if err != nil {
			return d.refused(w, r, number, form, err)
		}
		return r.Kit.See(w, r, href(number), flash)
	}
}

func setState(d Deps, r *page.Request, number string) (string, error) {
	to := asset.State(r.Text("to"))
	flash := "assets.flash_in_store"
	if to == asset.InRepair {
		flash = "assets.flash_in_repair"
	}
	return flash, d.Ledger.SetState(r.Context(), r.By, number, to, r.Text("reason"))
}

func askDisposal(d Deps, r *page.Request, number string) (string, error) {
	return "assets.flash_disposal", d.Ledger.AskDisposal(r.Context(), r.By, number, asset.Disposal{Method: r.Text("method"), Note: r.Text("note"), Proof: r.Text("proof")})
}

func confirmDisposal(d Deps, r *page.Request, number string) (string, error) {
	return "assets.flash_disposed", d.Ledger.ConfirmDisposal(r.Context(), r.By, number)
}

func dropDisposal(d Deps, r *page.Request, number string) (string, error) {
	return "assets.flash_kept", d.Ledger.DropDisposal(r.Context(), r.By, number, r.Text("reason"))
}

func register(d Deps, r *page.Request, number string) (string, error) {
	_, err := d.Ledger.AskRegistration(r.Context(), r.By, number, r.Text("device"))
	return "assets.flash_register", err
}

func (d Deps) upload(w http.ResponseWriter, r *page.Request) error {
	number := r.PathValue("number")
	err := r.Upload(w, func(u incident.Upload) error {
		_, err := d.Ledger.AddPhoto(r.Context(), r.By, number, asset.Upload{Name: u.Name, Type: u.Media, Body: u.Body})
		return err
	})
	if err != nil {
		return d.refused(w, r, number, "photo", err)
	}
	return r.Kit.See(w, r, href(number)+"#photos", "assets.flash_photo")
}

// photo sends a picture or a paper. Nothing in it may act on this site.
func (d Deps) photo(w http.ResponseWriter, r *page.Request) error {
	f, body, err := d.Ledger.OpenPhoto(r.Context(), r.By, r.PathValue("id"))
	if err != nil {
		return err
	}
	defer body.Close()
	h := w.Header()
	kind := "inline"
	if !strings.HasPrefix(f.Type, "image/") {
		kind = "attachment"
	}
	h.Set("Content-Type", f.Type)
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("Content-Disposition", kind+"; filename*=UTF-8''"+url.PathEscape(f.Name))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-store")
	if _, err := io.Copy(w, body); err != nil && r.Context().Err() == nil {
		return fmt.Errorf("send photo %s: %w", f.ID, err)
	}
	return nil
}

func written(org *directory.Org, person string) string {
	if p, ok := org.People[person]; ok {
		return fmt.Sprintf("%s (%s)", p.Name(), p.Number)
	}
	return ""
}

// cardID reports whether a serial is what a card says of itself, without its checksum.
func cardID(serial string) bool {
	return len(serial) == 30 && strings.Trim(strings.ToLower(serial), "0123456789abcdef") == ""
}
