package ledger

import (
	"bytes"
	"encoding/base64"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// shownEntries bounds each list of a preview; the numbers are always whole.
const shownEntries = 200

// planView is what an import would do, in words.
type planView struct {
	Encoding               string
	Lines, Unchanged       int
	Sections               []section
	Problems               []problem
	MoreProblems           int
	Ready                  bool // sound, and it changes something
	Content, Hash, Version string
}

// section is the additions or the changes.
type section struct {
	Title   string
	N, More int
	Entries []entry
}

// entry is one line that adds or changes something.
type entry struct {
	Line   int
	Number string
	Fields []fieldChange
}

type fieldChange struct {
	Column, Old, New string
	Was              bool
}

// problem is one thing to mend in the file.
type problem struct {
	Line         int
	Column, Text string
}

type importPage struct {
	page.Base
	Plan    *planView
	Error   string
	MaxFile int64
}

func (d Deps) importForm(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.ManageAssets); err != nil {
		return err
	}
	return d.renderImport(w, r, http.StatusOK, nil, page.Refused{})
}

func (d Deps) renderImport(w http.ResponseWriter, r *page.Request, status int, plan *planView, bad page.Refused) error {
	p := importPage{Base: r.Kit.Base(r, "assets.import", "/assets"), Plan: plan, Error: bad.Fields["file"], MaxFile: maxFile}
	p.Errors = bad.Summary
	return r.Kit.Render(w, r, status, "asset_import", p)
}

// preview says what the file would change. The file travels back inside the page's form,
// so that nothing of it is kept here and what is applied is what was seen.
func (d Deps) preview(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.ManageAssets); err != nil {
		return err
	}
	raw, err := r.File(maxFile)
	var plan asset.Plan
	if err == nil {
		plan, err = d.Ledger.PreviewImport(r.Context(), r.By, bytes.NewReader(raw))
	}
	if err != nil {
		bad, ok := r.Refused(err, "file")
		if !ok {
			return err
		}
		return d.renderImport(w, r, bad.Status, nil, bad)
	}
	status := http.StatusOK
	if len(plan.Problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return d.renderImport(w, r, status, planOf(r, plan, raw), page.Refused{})
}

// apply does what the preview showed, or shows how things are by now.
func (d Deps) apply(w http.ResponseWriter, r *page.Request) error {
	raw, err := base64.StdEncoding.DecodeString(r.PostFormValue("content"))
	if err != nil {
		return fault.New(fault.Invalid, "fault.import_preview_first", nil)
	}
	plan, err := d.Ledger.ApplyImport(r.Context(), r.By, bytes.NewReader(raw), r.Text("version"), r.Text("hash"))
	if err == nil {
		return r.Kit.See(w, r, "/assets", "assets.flash_imported")
	}
	bad, ok := r.Refused(err, "file")
	if !ok {
		return err
	}
	return d.renderImport(w, r, bad.Status, planOf(r, plan, raw), bad)
}

func planOf(r *page.Request, p asset.Plan, raw []byte) *planView {
	if p.Hash == "" {
		return nil
	}
	v := &planView{Encoding: string(p.Encoding), Lines: p.Lines, Unchanged: p.Unchanged, Hash: p.Hash, Version: p.Version}
	column := func(name string) string {
		if name == "" {
			return ""
		}
		return r.P.T("asset.column." + name)
	}
	for _, x := range p.Problems[:min(len(p.Problems), shownEntries)] {
		_, fields := r.P.Error(&fault.Error{Kind: fault.Invalid, ID: "fault.invalid", Fields: []fault.Field{{Name: "x", ID: x.ID, Args: x.Args}}})
		v.Problems = append(v.Problems, problem{Line: x.Line, Column: column(x.Column), Text: fields["x"]})
	}
	v.MoreProblems = len(p.Problems) - len(v.Problems)
	for i, es := range [][]asset.Entry{p.Adds, p.Changes} {
		out := section{Title: r.P.T([]string{"people.adds", "people.changes"}[i]), N: len(es), More: max(len(es)-shownEntries, 0)}
		for _, e := range es[:min(len(es), shownEntries)] {
			one := entry{Line: e.Line, Number: e.Number}
			for _, f := range e.Fields {
				one.Fields = append(one.Fields, fieldChange{Column: column(f.Column), Old: f.Old, New: f.New, Was: i == 1})
			}
			out.Entries = append(out.Entries, one)
		}
		v.Sections = append(v.Sections, out)
	}
	if v.Ready = len(p.Problems) == 0 && len(p.Adds)+len(p.Changes) > 0; v.Ready {
		v.Content = base64.StdEncoding.EncodeToString(raw)
	}
	return v
}

// export sends the whole ledger as a file that can be imported again.
func (d Deps) export(w http.ResponseWriter, r *page.Request) error {
	header, rows, failed, err := d.Ledger.Export(r.Context(), r.By)
	if err != nil {
		return err
	}
	return r.Table(w, "assets", header, rows, failed)
}
