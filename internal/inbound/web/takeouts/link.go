package takeouts

import (
	"net/http"

	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// askedPage is the page behind the link in the letter that asks a late carrier where they
// are. It works without signing in, and says nothing of what is carried.
type askedPage struct {
	page.Base
	Label, Self, Goal, Expected string
	Step                        int
	Open                        bool   // an answer is wanted
	Said                        string // how it stands instead
}

// linked finds the pass of a link, and speaks to its carrier.
func (d Deps) linked(r *page.Request) (*takeout.Pass, error) {
	by, p, err := d.Passes.Asked(r.Context(), r.PathValue("label"))
	if p == nil {
		return nil, err
	}
	if !d.sealed(p, r.PathValue("token")) {
		return nil, fault.New(fault.NotFound, "fault.bad_link", nil)
	}
	if err != nil {
		return p, err
	}
	if r.By.Person != "" && r.By.Person != p.Person {
		// Whoever came by somebody else's mail must not speak for them.
		return nil, fault.New(fault.Denied, "fault.takeout_not_yours", nil)
	}
	r.SpeakTo(by.Person)
	r.By = by
	return p, nil
}

func (d Deps) asked(w http.ResponseWriter, r *page.Request) error {
	p, err := d.linked(r)
	if p == nil {
		return err
	}
	return showAsked(w, r, p, err == nil)
}

func showAsked(w http.ResponseWriter, r *page.Request, p *takeout.Pass, open bool) error {
	x := askedPage{Base: r.Kit.Base(r, "takeout.where", ""), Label: p.Label, Self: r.URL.Path, Step: p.Step, Open: open}
	x.Width = "narrow"
	if l := p.Leg(); l != nil {
		x.Goal, x.Expected = Goal(r.P, *l), r.P.DateTime(l.Expected)
	}
	if !open {
		x.Said = r.P.T("takeout.where_known", "state", r.P.T("takeout.state."+string(p.State)))
	}
	return r.Kit.Render(w, r, http.StatusOK, "take_out_asked", x)
}

// say takes the answer: arrived, or a little late.
func (d Deps) say(w http.ResponseWriter, r *page.Request) error {
	p, err := d.linked(r)
	switch {
	case p == nil:
		return err
	case err != nil: // answered meanwhile
		return showAsked(w, r, p, false)
	}
	in := pressOf(r)
	do, flash := d.Passes.Arrive, "takeout.flash_arrived"
	if r.Text("say") == "delay" {
		do, flash = d.Passes.Delay, "takeout.flash_delayed"
	}
	if _, err := do(r.Context(), r.By, in); err != nil {
		if f := fault.As(err); f == nil || f.Kind != fault.Conflict {
			return err
		}
		flash = ""
	}
	return r.Kit.See(w, r, r.URL.Path, flash)
}
