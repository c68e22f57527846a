package settings

import (
	"net/http"
	"strconv"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// stepList is the list of one kind.
type stepList struct {
	ID, Changed string
	Kind        page.Tag
	Steps       []string
}

type stepsPage struct {
	page.Base
	Lists []stepList
	May   bool
}

type kindPage struct {
	page.Base
	List  stepList
	Field page.Field
}

func (d Deps) steps(w http.ResponseWriter, r *page.Request) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	lists := d.Cases.StepLists()
	p := stepsPage{Base: r.Kit.Base(r, "settings.steps", "/settings"), May: r.By.May(access.EditSteps) == nil}
	for _, k := range incident.Kinds() {
		p.Lists = append(p.Lists, listOf(r, org, lists[k]))
	}
	return r.Kit.Render(w, r, http.StatusOK, "steps", p)
}

func listOf(r *page.Request, org *directory.Org, l incident.Steps) stepList {
	v := stepList{ID: string(l.Kind), Kind: page.Tag{Icon: string(l.Kind), Text: r.P.T("kind." + string(l.Kind))}}
	v.Changed = changed(r, org, l.By, l.Version, l.At)
	for _, s := range l.Items {
		text := s.Text
		if text == "" {
			text = r.P.T("step." + string(l.Kind) + "." + s.ID)
		}
		v.Steps = append(v.Steps, text)
	}
	return v
}

func (d Deps) kind(w http.ResponseWriter, r *page.Request) error {
	return d.renderKind(w, r, http.StatusOK, nil, nil)
}

func (d Deps) renderKind(w http.ResponseWriter, r *page.Request, status int, typed *string, bad *page.Refused) error {
	if err := r.By.May(access.EditSteps); err != nil {
		return err
	}
	k := incident.Kind(r.PathValue("kind"))
	if !k.Valid() {
		return fault.Missing("kind")
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	p := kindPage{Base: r.Kit.Base(r, "settings.steps", "/settings"), List: listOf(r, org, d.Cases.StepLists()[k])}
	p.Title = r.P.T("settings.steps_of", "kind", p.List.Kind.Text)
	p.Width = "narrow"
	p.Field = page.Field{ID: "steps", Name: "steps", Type: "textarea", Label: r.P.T("settings.steps_field"), Hint: r.P.T("settings.steps_hint"),
		Value: strings.Join(p.List.Steps, "\n"), Rows: max(6, len(p.List.Steps)+2), Required: true, MaxLen: 5000}
	if typed != nil {
		p.Field.Value = *typed
	}
	if bad != nil {
		p.Errors = bad.Summary
		for i := range p.Errors {
			p.Errors[i].ID, p.Field.Error = "steps", p.Errors[0].Text
		}
	}
	return r.Kit.Render(w, r, status, "kindsteps", p)
}

func (d Deps) saveKind(w http.ResponseWriter, r *page.Request) error {
	k := incident.Kind(r.PathValue("kind"))
	if !k.Valid() {
		return fault.Missing("kind")
	}
	typed := r.Text("steps")
	var items []incident.Step
	for line := range strings.Lines(typed) {
		if line = strings.TrimSpace(line); line != "" {
			items = append(items, incident.Step{Text: line})
		}
	}
	err := d.Cases.SetSteps(r.Context(), r.By, k, items)
	if err == nil {
		return r.Kit.See(w, r, "/settings/steps#"+string(k), "settings.flash_steps")
	}
	bad, ok := r.Refused(err)
	if !ok {
		return err
	}
	// A field "steps.3" is the third line: say so, as the page has one field for all.
	for i, f := range fault.As(err).Fields {
		if n, numbered := strings.CutPrefix(f.Name, "steps."); numbered && i < len(bad.Summary) {
			if _, err := strconv.Atoi(n); err == nil {
				bad.Summary[i].Text = r.P.T("settings.line", "n", n, "text", bad.Summary[i].Text)
			}
		}
	}
	return d.renderKind(w, r, bad.Status, &typed, &bad)
}
