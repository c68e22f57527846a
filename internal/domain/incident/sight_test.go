package incident_test

import (
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
)

// TestSight asks of many actors what they see of a case, by the rule itself, by loading
// it and by searching: the three must agree.
func TestSight(t *testing.T) {
	t.Parallel()
	session := func(h *house, p string) access.Actor { return h.as(p) }
	token := func(p string, scopes ...access.Permission) func(*house) access.Actor {
		return func(h *house) access.Actor {
			a := h.as(p)
			a.Via, a.Scopes = access.ByToken, append([]access.Permission{}, scopes...)
			return a
		}
	}
	person := func(p string) func(*house) access.Actor { return func(h *house) access.Actor { return session(h, p) } }
	// per_emp's report, found by per_dep, told per_sales and per_pm; per_gen is its assignee.
	const blind, finder, reader, worker = incident.Blind, incident.AsFinder, incident.AsReader, incident.AsWorker
	for _, tt := range []struct {
		name   string
		by     func(*house) access.Actor
		kind   incident.Kind
		minute int
		leave  []string
		want   incident.Sight
	}{
		{"the reporter", person("per_emp"), incident.Missent, 0, nil, finder},
		{"the finder, reported by another", person("per_dep"), incident.Missent, 0, nil, finder},
		{"the finder's superior, told", person("per_gen"), incident.Missent, 0, nil, worker},
		{"another superior, not told", person("per_sales"), incident.Missent, 0, nil, blind},
		{"the manager", person("per_pm"), incident.Missent, 0, nil, worker},
		{"the manager while away", person("per_pm"), incident.Missent, 15, nil, worker},
		{"the auditor", person("per_aud"), incident.Missent, 0, nil, reader},
		{"the manager's deputy before", person("per_pres"), incident.Missent, 0, nil, blind},
		{"the manager's deputy during", person("per_pres"), incident.Missent, 15, nil, worker},
		{"the manager's deputy after", person("per_pres"), incident.Missent, 25, nil, blind},
		{"the IT administrator, not technical", person("per_it"), incident.Missent, 0, nil, blind},
		{"the IT administrator, virus", person("per_it"), incident.Virus, 0, nil, worker},
		{"the IT administrator, malfunction", person("per_it"), incident.Malfunction, 0, nil, worker},
		{"left out: the manager", person("per_pm"), incident.Missent, 0, []string{"per_pm"}, blind},
		{"left out: the auditor", person("per_aud"), incident.Missent, 0, []string{"per_aud"}, blind},
		{"left out: the superior", person("per_gen"), incident.Missent, 0, []string{"per_gen"}, blind},
		{"left out: the IT administrator", person("per_it"), incident.Virus, 0, []string{"per_it"}, blind},
		{"left out: the deputy during", person("per_pres"), incident.Missent, 15, []string{"per_pres"}, blind},
		{"a leaver", person("per_old"), incident.Missent, 0, nil, blind},
		{"a link", func(h *house) access.Actor { a := h.as("per_pm"); a.Via = access.ByLink; return a }, incident.Missent, 0, nil, blind},
		{"the reporter by a link", func(h *house) access.Actor { a := h.as("per_emp"); a.Via = access.ByLink; return a }, incident.Missent, 0, nil, blind},
		{"nobody", func(*house) access.Actor { return access.Actor{} }, incident.Missent, 0, nil, blind},
		{"manager's token, all", token("per_pm", access.ReadCases, access.WorkCases), incident.Missent, 0, nil, worker},
		{"manager's token, reads", token("per_pm", access.ReadCases), incident.Missent, 0, nil, reader},
		{"manager's token, reports", token("per_pm", access.Report), incident.Missent, 0, nil, blind},
		{"told superior's token, reads", token("per_gen", access.ReadCases), incident.Missent, 0, nil, reader},
		{"told superior's token, works", token("per_gen", access.ReadCases, access.WorkCases), incident.Missent, 0, nil, worker},
		{"told superior's token, other things", token("per_gen", access.ReadDirectory), incident.Missent, 0, nil, blind},
		{"IT administrator's token, reads", token("per_it", access.ReadCases), incident.Virus, 0, nil, reader},
		{"reporter's token, reports", token("per_emp", access.Report), incident.Missent, 0, nil, finder},
		{"reporter's token, other things", token("per_emp", access.ManageOwn), incident.Missent, 0, nil, blind},
		{"reporter's token, nothing", token("per_emp"), incident.Missent, 0, nil, blind},
		{"auditor's token, works", token("per_aud", access.ReadCases, access.WorkCases), incident.Missent, 0, nil, reader},
		{"the program", func(*house) access.Actor { return access.System() }, incident.Missent, 0, []string{"per_pm"}, worker},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, deputyOf("per_pres"))
			i := h.report(tt.kind, "per_emp", func(r *incident.Report) { r.OnBehalf, r.LeaveOut = "per_dep", tt.leave })
			h.wait(time.Duration(tt.minute) * time.Minute)
			by := tt.by(h)
			o, err := h.people.Org(t.Context())
			h.must(err)
			_, told, _, err := h.db.TracksOf(t.Context(), i.ID)
			h.must(err)
			same(t, "sight", tt.want, incident.SightOf(by, i, o, told))
			c, err := h.cases.Case(t.Context(), by, i.ID)
			if (err == nil) != (tt.want != blind) || err == nil && c.Sight != tt.want {
				t.Errorf("case: %v", err)
			}
			p, err := h.cases.Find(t.Context(), by, incident.Query{})
			reads := by.Scopes == nil
			for _, s := range by.Scopes {
				reads = reads || s == access.ReadCases
			}
			if reads && (len(p.Rows) == 1) != (tt.want != blind) {
				t.Errorf("search finds %d: %v", len(p.Rows), err)
			}
			if !reads && err == nil {
				t.Error("a token without the scope may search")
			}
		})
	}
}

func TestFinderDoesNotSeeTheDesk(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.must(h.cases.AddNote(t.Context(), h.as("per_pm"), i.ID, "内緒"))
	h.must(ignore(h.cases.AddFact(t.Context(), h.as("per_pm"), i.ID, incident.Addition{Text: "電話した"})))
	h.must(h.cases.SetStep(t.Context(), h.as("per_pm"), i.ID, "1", true))
	c := h.see(i, h.as("per_emp"))
	same(t, "entries", 1, len(c.Entries))
	if c.Attempts != nil || c.History != nil || c.Steps.Items != nil || len(c.Tracks) != 2 || len(c.Told) != 2 {
		t.Errorf("sees %+v", c)
	}
	w := h.see(i, h.as("per_pm"))
	if len(w.Entries) != 3 || len(w.Attempts) != 2 || len(w.History) == 0 || len(w.Steps.Items) == 0 {
		t.Errorf("a worker sees %+v", w)
	}
}

// A token may not do more with a case than its scopes say.
func TestTokenScopesOnACase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := h.report(incident.Missent, "per_emp", nil)
	for _, person := range []string{"per_emp", "per_pm", "per_sales"} {
		by := h.as(person)
		by.Via, by.Scopes = access.ByToken, []access.Permission{access.ReadCases}
		if _, err := h.cases.AddFact(t.Context(), by, i.ID, incident.Addition{Text: "x"}); err == nil {
			t.Errorf("%s adds with a token that may only read", person)
		}
		if err := h.cases.AddNote(t.Context(), by, i.ID, "x"); err == nil {
			t.Errorf("%s notes with a token that may only read", person)
		}
	}
	by := h.as("per_emp")
	by.Via, by.Scopes = access.ByToken, []access.Permission{access.Report}
	h.must(ignore(h.cases.AddFact(t.Context(), by, i.ID, incident.Addition{Text: "x"})))
}
