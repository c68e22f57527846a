package cases

import (
	"context"
	"strings"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// together is what a case has to do with others.
type together struct {
	Main       string // number of the case that this one goes on as
	Reads      bool   // and the reader may read that
	Related    []relative
	Likely     []relative // perhaps about the same
	Duplicates []duplicate
	MayMerge   bool
}

// relative is another case.
type relative struct {
	Label, Summary string
	Kind, Status   page.Tag
	Why, Who       string
}

// duplicate is a case that goes on as this one, with what was told with it.
type duplicate struct {
	relative
	Said     []statement
	Evidence []evidenceView
}

func relate(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "#together", "talk.flash_related", d.Cases.Relate(ctx, r.By, label, numberOf(r), r.Text("reason"))
}

func unrelate(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "#together", "talk.flash_unrelated", d.Cases.Unrelate(ctx, r.By, label, numberOf(r), r.Text("reason"))
}

func merge(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "", "talk.flash_merged", d.Cases.Merge(ctx, r.By, label, numberOf(r), r.Text("reason"))
}

func unmerge(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "", "talk.flash_unmerged", d.Cases.Unmerge(ctx, r.By, label, r.Text("reason"))
}

func reopen(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "", "talk.flash_reopened", d.Cases.Reopen(ctx, r.By, label, r.Text("reason"))
}

// numberOf reads the number of another case as people type it.
func numberOf(r *page.Request) string { return strings.ToUpper(r.Text("other")) }

func (d Deps) together(ctx context.Context, r *page.Request, org *directory.Org, c *incident.Case) (together, error) {
	t := together{Main: c.Main, MayMerge: c.Status.Open() && len(c.Duplicates) == 0 && !c.Owns(r.By)}
	if c.Main != "" {
		m, err := d.Cases.Case(ctx, r.By, c.Main)
		t.Reads = err == nil && m.Sight >= incident.AsReader
	}
	for _, x := range c.Related {
		v := relativeOf(r, x.Incident)
		v.Why, v.Who = x.Why, signed(r, org, x.By, x.At)
		t.Related = append(t.Related, v)
	}
	likely, err := d.Cases.Likely(ctx, r.By, c)
	if err != nil {
		return t, err
	}
	for _, x := range likely {
		v := relativeOf(r, &x.Incident)
		v.Who = r.P.DateTime(x.Reported)
		t.Likely = append(t.Likely, v)
	}
	for _, x := range c.Duplicates {
		v := duplicate{relative: relativeOf(r, x.Incident)}
		v.Who = signed(r, org, x.Teller(), x.Reported)
		for _, e := range byTime(x.Entries) {
			s := statement{Head: r.P.T("entry." + string(e.Type)), Text: words(r, e.Text), Who: signed(r, org, e.By, e.At)}
			if e.Type == incident.Answer {
				s.Head = r.P.T("question." + e.Key)
			}
			if e.Type == incident.Correction && (e.Key == "occurred" || e.Key == "discovered") {
				s.Text = moments(r, e.Text)
			}
			v.Said = append(v.Said, s)
		}
		for _, e := range x.Evidence {
			v.Evidence = append(v.Evidence, evidenceOf(r, org, e))
		}
		t.Duplicates = append(t.Duplicates, v)
	}
	return t, nil
}

func relativeOf(r *page.Request, i *incident.Incident) relative {
	v := relative{Label: i.Label, Summary: i.Summary, Kind: KindTag(r, i), Status: StatusTag(r, i.Status)}
	if v.Summary == "" {
		v.Summary = r.P.T("cases.erased")
	}
	return v
}

// Why is the reason's field of one of the page's forms.
func (p casePage) Why(form string) page.Field {
	return page.Field{ID: form + "-reason", Value: p.Was(form, "reason"), Error: p.Wrong(form, "reason")}
}

// Other is the field for the number of another case.
func (p casePage) Other(form string) page.Field {
	return page.Field{ID: form + "-other", Value: p.Was(form, "other"), Error: p.Wrong(form, "other")}
}
