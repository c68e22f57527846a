package requests

import (
	"encoding/json"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/request"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// choosePage asks what one wants to apply for.
type choosePage struct {
	page.Base
	Kinds []page.Option // Value is the address
}

// formPage is the form of one kind.
type formPage struct {
	page.Base
	Kind, Lead, Action, Back string
	Key                      string // makes a repeated press harmless
	Revision                 int
	Fields                   []page.Field
	Reason                   string // why it was sent back
	Mending                  bool
}

func (d Deps) choose(w http.ResponseWriter, r *page.Request) error {
	p := choosePage{Base: r.Kit.Base(r, "requests.new", "/requests")}
	p.Width = "narrow"
	for _, f := range d.Forms {
		p.Kinds = append(p.Kinds, page.Option{Value: "/requests/new?kind=" + f.Kind(), Label: r.P.T("request.kind." + f.Kind()), Hint: r.P.T("request.kind_hint." + f.Kind())})
	}
	return r.Kit.Render(w, r, http.StatusOK, "request_choose", p)
}

func (d Deps) form(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.Submit); err != nil {
		return err
	}
	if r.Text("kind") == "" {
		return d.choose(w, r)
	}
	f := d.formOf(r.Text("kind"))
	if f == nil {
		return fault.Missing("page")
	}
	return d.showForm(w, r, f, http.StatusOK, page.Refused{})
}

func (d Deps) showForm(w http.ResponseWriter, r *page.Request, f Form, status int, bad page.Refused) error {
	fields, err := f.Fields(r, nil, bad)
	if err != nil {
		return err
	}
	p := formPage{Base: r.Kit.Base(r, "request.kind."+f.Kind(), "/requests"), Kind: f.Kind(), Lead: r.P.T("request.kind_hint." + f.Kind()),
		Action: "/requests/new?kind=" + f.Kind(), Back: "/requests", Key: r.Text("key"), Fields: fields}
	if p.Key == "" {
		p.Key = id.Secret(15)
	}
	p.Errors = bad.Summary
	return r.Kit.Render(w, r, status, "request_form", p)
}

func (d Deps) submit(w http.ResponseWriter, r *page.Request) error {
	f := d.formOf(r.URL.Query().Get("kind"))
	if f == nil {
		return fault.Missing("page")
	}
	if err := r.By.May(access.Submit); err != nil {
		return err
	}
	raw, err := f.Read(r)
	var sent *request.Request
	if err == nil {
		sent, err = d.Engine.Submit(r.Context(), r.By, request.New{Kind: f.Kind(), Form: raw, Key: r.Text("key")})
	}
	if err != nil {
		bad, ok := r.Refused(err, f.Names()...)
		if !ok {
			return err
		}
		return d.showForm(w, r, f, bad.Status, bad)
	}
	return r.Kit.See(w, r, "/requests/"+sent.Label, "requests.flash_sent")
}

// mendForm shows what was sent, to be changed and asked again.
func (d Deps) mendForm(w http.ResponseWriter, r *page.Request) error {
	v, f, err := d.mine(r)
	if err != nil {
		return err
	}
	return d.showMend(w, r, v, f, http.StatusOK, page.Refused{})
}

func (d Deps) showMend(w http.ResponseWriter, r *page.Request, v request.View, f Form, status int, bad page.Refused) error {
	fields, err := f.Fields(r, v.Form, bad)
	if err != nil {
		return err
	}
	p := formPage{Base: r.Kit.Base(r, "requests.mend", "/requests"), Kind: v.Kind, Action: "/requests/" + v.Label + "/mend", Back: "/requests/" + v.Label,
		Revision: v.Revision, Fields: fields, Mending: true}
	if v.State == request.Returned {
		p.Reason = v.Reason
	}
	p.Errors = bad.Summary
	return r.Kit.Render(w, r, status, "request_form", p)
}

func (d Deps) mend(w http.ResponseWriter, r *page.Request) error {
	v, f, err := d.mine(r)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if raw, err = f.Read(r); err == nil {
		_, err = d.Engine.Mend(r.Context(), r.By, v.ID, raw, page.Int(r.Text("revision"), 0))
	}
	if err != nil {
		bad, ok := r.Refused(err, f.Names()...)
		if !ok {
			return err
		}
		return d.showMend(w, r, v, f, bad.Status, bad)
	}
	return r.Kit.See(w, r, "/requests/"+v.Label, "requests.flash_sent")
}

// mine is a request that the reader may mend.
func (d Deps) mine(r *page.Request) (request.View, Form, error) {
	v, err := d.Engine.Get(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return v, nil, err
	}
	f := d.formOf(v.Kind)
	if f == nil || !v.MayMend {
		return v, nil, fault.Clash("fault.request_not_yours_now", nil)
	}
	return v, f, nil
}
