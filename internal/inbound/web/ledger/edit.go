package ledger

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
)

// editPage adds a thing or changes one.
type editPage struct {
	page.Base
	Action, Back string
	Edited       int64 // the version that the form began with
	Fields       []page.Field
	Keeper       page.Field
	Choices      []people.Pick
	After        []page.Field
}

// order is the form from top to bottom, for the summary of what must be mended.
func order() []string {
	return []string{"number", "kind", "model", "capacity", "encryption", "department", "keeper", "place", "note", "vendor", "product", "serial"}
}

func (d Deps) newForm(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.ManageAssets); err != nil {
		return err
	}
	return d.showEdit(w, r, asset.Asset{Kind: asset.USBMemory, Department: r.By.Department, Keeper: r.By.Person}, http.StatusOK, page.Refused{})
}

func (d Deps) add(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.ManageAssets); err != nil {
		return err
	}
	a, err := d.typed(r)
	var kept *asset.Asset
	if err == nil {
		kept, err = d.Ledger.Add(r.Context(), r.By, a)
	}
	if err != nil {
		return d.editRefused(w, r, a, err)
	}
	return r.Kit.See(w, r, href(kept.Number), "assets.flash_added")
}

func (d Deps) editForm(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Ledger.Get(r.Context(), r.By, r.PathValue("number"))
	if err != nil {
		return err
	}
	if !v.May.Change {
		return fault.Deny(string(access.ManageAssets))
	}
	return d.showEdit(w, r, v.Asset, http.StatusOK, page.Refused{})
}

func (d Deps) change(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Ledger.Get(r.Context(), r.By, r.PathValue("number"))
	if err != nil {
		return err
	}
	a, err := d.typed(r)
	a.ID, a.Version = v.ID, int64(page.Int(r.Text("version"), 0))
	a.Identity.Capacity, a.Identity.Volume, a.Identity.Token, a.Identity.ReadAt, a.Identity.ReadOn = v.Identity.Capacity, v.Identity.Volume, v.Identity.Token, v.Identity.ReadAt, v.Identity.ReadOn
	var kept *asset.Asset
	if err == nil {
		kept, err = d.Ledger.Change(r.Context(), r.By, a)
	}
	if err != nil {
		return d.editRefused(w, r, a, err)
	}
	return r.Kit.See(w, r, href(kept.Number), "assets.flash_changed")
}

func (d Deps) editRefused(w http.ResponseWriter, r *page.Request, a asset.Asset, cause error) error {
	bad, ok := r.Refused(cause, order()...)
	if !ok {
		return cause
	}
	return d.showEdit(w, r, a, bad.Status, bad)
}

// typed reads the form.
func (d Deps) typed(r *page.Request) (asset.Asset, error) {
	org, err := r.Org()
	if err != nil {
		return asset.Asset{}, err
	}
	a := asset.Asset{Number: r.Text("number"), Kind: asset.Kind(r.Text("kind")), Model: r.Text("model"), Encryption: asset.Encryption(r.Text("encryption")),
		Department: r.Text("department"), Place: r.Text("place"), Note: r.Text("note"),
		Identity: asset.Identity{Vendor: r.Text("vendor"), Product: r.Text("product"), Serial: r.Text("serial")}}
	var c fault.Check
	var ok bool
	a.Capacity, ok = gigabytes(r.Text("capacity"))
	c.That(ok, "capacity", "fault.bad_number", nil)
	var wrong error
	a.Keeper, wrong = people.Resolve(org, r.Kit.Now(), r.Text("keeper"), "keeper")
	return a, page.Join(c.Err(), wrong)
}

// gigabytes reads a capacity as it is printed on a medium, in GB of 1000³ bytes.
func gigabytes(s string) (int64, bool) {
	s = strings.TrimSpace(strings.TrimSuffix(strings.ToUpper(s), "GB"))
	if s == "" {
		return 0, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 1e6 {
		return 0, false
	}
	return int64(math.Round(f * 1e9)), true
}

func (d Deps) showEdit(w http.ResponseWriter, r *page.Request, a asset.Asset, status int, bad page.Refused) error {
	org, err := r.Org()
	if err != nil {
		return err
	}
	title, action, back := "assets.add", "/assets/new", "/assets"
	if a.ID != "" {
		title, action, back = "assets.edit", href(r.PathValue("number"))+"/edit", href(r.PathValue("number"))
	}
	p := editPage{Base: r.Kit.Base(r, title, "/assets"), Action: action, Back: back, Edited: a.Version, Choices: people.Choices(org, r.Kit.Now(), []string{a.Keeper, r.By.Person}, nil)}
	p.Errors = bad.Summary
	field := func(name, value string, max int) page.Field {
		return page.Field{ID: name, Name: name, Label: r.P.T("assets.field." + name), Value: value, MaxLen: max, Error: bad.Fields[name]}
	}
	number, model := field("number", a.Number, 40), field("model", a.Model, 120)
	number.Required, number.Class, number.Hint = true, "short", r.P.T("assets.number_hint")
	model.Optional = true
	kind := field("kind", "", 0)
	kind.Type, kind.Required, kind.Options = "select", true, page.Choose(choices(r, "asset.kind.", asset.Kinds(), false), string(a.Kind))
	capacity := field("capacity", size(a.Capacity), 12)
	capacity.Optional, capacity.Class = true, "short"
	encryption := field("encryption", "", 0)
	encryption.Type, encryption.Options = "select", page.Choose(choices(r, "asset.encryption.", asset.Encryptions(), false), string(a.Encryption))
	department := field("department", "", 0)
	department.Type, department.Required, department.Options = "select", true, people.Tree(org, a.Department)
	p.Fields = []page.Field{number, kind, model, capacity, encryption, department}
	p.Keeper = field("keeper", written(org, a.Keeper), 100)
	if typed := r.Text("keeper"); typed != "" {
		p.Keeper.Value = typed
	}
	p.Keeper.Required, p.Keeper.Hint = true, r.P.T("assets.keeper_hint")
	place, note := field("place", a.Place, 120), field("note", a.Note, 1000)
	place.Optional, note.Optional, note.Type, note.Rows = true, true, "textarea", 2
	vendor, product, serial := field("vendor", a.Identity.Vendor, 4), field("product", a.Identity.Product, 4), field("serial", a.Identity.Serial, 200)
	for _, f := range []*page.Field{&vendor, &product, &serial} {
		f.Optional, f.Class = true, "short"
	}
	serial.Class, vendor.Hint = "", r.P.T("assets.identity_hint")
	p.After = []page.Field{place, note, vendor, product, serial}
	return r.Kit.Render(w, r, status, "asset_edit", p)
}

// size writes a capacity for the form.
func size(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(bytes)/1e9, 'f', -1, 64)
}
