package calls

import (
	"net/http"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/outside"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/report"
)

// codeShown is how long a fresh receipt code can be read out.
const codeShown = 10 * time.Minute

// codeOf holds the fresh receipt code of one call in the browser of who took it. It goes to
// the page of that call alone, so that two calls at once do not mix.
func codeOf(label string) page.Narrow {
	return page.Narrow{Name: "sekimori_call", Path: "/calls/" + label}
}

type donePage struct {
	page.Base
	Label, Kind, Icon string
	Here, Receipt     string
	Caller            string // who of us called; "" for anybody else
	Code              string // while it is fresh
	Address           string // where the code is typed in
	Facts             []report.CallFact
	Do, Dont          []page.Advice
	Phones            []outside.Phone
}

// done is what is read out to the caller before they ring off: number, receipt code, and
// what to do now. It is the page of who took the call; for others there is the receipt.
func (d rooms) done(w http.ResponseWriter, r *page.Request) error {
	c, err := d.Cases.Case(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	if c.Channel != incident.ByPhone || c.Reporter != r.By.Person {
		return r.Kit.See(w, r, "/receipt/"+c.Label, "")
	}
	o, err := r.Org()
	if err != nil {
		return err
	}
	kind := string(c.Kind)
	p := donePage{Base: r.Kit.Base(r, "", "/report"), Label: c.Label, Kind: r.P.T("kind." + kind), Icon: kind, Here: "/calls/" + c.Label, Receipt: "/receipt/" + c.Label,
		Caller: o.NameOf(c.OnBehalf), Address: r.Kit.BaseURL + "/r", Facts: report.CallFacts(r, o, c.Incident),
		Do: r.Advices("do." + kind + "."), Dont: r.Advices("dont." + kind + ".")}
	if c.Guessed { // what helps is not known either
		p.Kind, p.Icon, p.Do, p.Dont = r.P.T("calls.guessed"), "info", nil, nil
	}
	p.Title, p.Width, p.Scripts = c.Label, "narrow", []string{"print.js"}
	if code, err := incident.ParseCode(codeOf(c.Label).Get(r)); err == nil && c.Outside != nil {
		p.Code = code.String()
	}
	if p.Phones, err = outside.Phones(r); err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "call_done", p)
}

// kept puts the code away once the caller has written it down.
func (d rooms) kept(w http.ResponseWriter, r *page.Request) error {
	c, err := d.Cases.Case(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	codeOf(c.Label).Drop(w, r.Kit)
	return r.Kit.See(w, r, "/calls/"+c.Label, "")
}
