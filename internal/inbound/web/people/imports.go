package people

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// shownEntries bounds each list of a preview; the numbers are always whole.
const shownEntries = 200

// planView is what an import would do, in words.
type planView struct {
	File, Encoding string
	Lines          int
	Sections       []section
	Unchanged      int
	Problems       []problem
	MoreProblems   int
	Ready          bool // sound, and it changes something
	Content        string
	Hash           string
	Version        int64
}

// section is the additions, the changes or the leavers.
type section struct {
	Title   string
	N, More int
	Entries []entry
}

type entry struct {
	Line      int
	Key, Name string
	Fields    []change
}

type change struct {
	Column, Old, New string
	Was              bool
}

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
	if err := r.By.May(access.EditDirectory); err != nil {
		return err
	}
	return d.renderImport(w, r, http.StatusOK, nil, page.Refused{})
}

func (d Deps) renderImport(w http.ResponseWriter, r *page.Request, status int, plan *planView, bad page.Refused) error {
	p := importPage{Base: r.Kit.Base(r, "people.import", "/people"), Plan: plan, Error: bad.Fields["file"], MaxFile: maxFile}
	p.Errors = bad.Summary
	return r.Kit.Render(w, r, status, "import", p)
}

// preview says what the file would change. The file travels back inside the page's
// form, so that nothing of it is kept here and what is applied is what was seen.
func (d Deps) preview(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.EditDirectory); err != nil {
		return err
	}
	raw, err := r.File(maxFile)
	if err == nil {
		var plan directory.Plan
		if plan, err = d.People.PreviewImport(r.Context(), r.By, bytes.NewReader(raw)); err == nil {
			status := http.StatusOK
			if len(plan.Problems) > 0 {
				status = http.StatusUnprocessableEntity
			}
			return d.renderImport(w, r, status, planOf(r, plan, raw), page.Refused{})
		}
	}
	bad, ok := r.Refused(err, "file")
	if !ok {
		return err
	}
	return d.renderImport(w, r, bad.Status, nil, bad)
}

// apply does what the preview showed, or shows how things are by now.
func (d Deps) apply(w http.ResponseWriter, r *page.Request) error {
	raw, err := base64.StdEncoding.DecodeString(r.PostFormValue("content"))
	if err != nil {
		return fault.New(fault.Invalid, "fault.import_preview_first", nil)
	}
	version, err := strconv.ParseInt(r.Text("version"), 10, 64)
	if err != nil {
		version = -1 // no version: stale, as the service says
	}
	plan, err := d.People.ApplyImport(r.Context(), r.By, bytes.NewReader(raw), version, r.Text("hash"))
	if err == nil {
		return r.Kit.See(w, r, "/people", "people.flash_imported")
	}
	bad, ok := r.Refused(err, "file")
	if !ok {
		return err
	}
	return d.renderImport(w, r, bad.Status, planOf(r, plan, raw), bad)
}

func planOf(r *page.Request, p directory.Plan, raw []byte) *planView {
	if p.Hash == "" {
		return nil
	}
	v := &planView{File: r.P.T("directory.file." + string(p.Kind)), Encoding: string(p.Encoding), Lines: p.Lines, Unchanged: p.Unchanged, Hash: p.Hash, Version: p.Version}
	column := func(name string) string {
		if name == "" {
			return ""
		}
		return r.P.T("directory.column." + name)
	}
	for _, x := range p.Problems[:min(len(p.Problems), shownEntries)] {
		_, fields := r.P.Error(&fault.Error{Kind: fault.Invalid, ID: "fault.invalid", Fields: []fault.Field{{Name: "x", ID: x.ID, Args: x.Args}}})
		v.Problems = append(v.Problems, problem{Line: x.Line, Column: column(x.Column), Text: fields["x"]})
	}
	v.MoreProblems = len(p.Problems) - len(v.Problems)
	for _, s := range []struct {
		id string
		es []directory.Entry
	}{{"people.adds", p.Adds}, {"people.changes", p.Changes}, {"people.leaves", p.Leaves}} {
		out := section{Title: r.P.T(s.id), N: len(s.es), More: max(len(s.es)-shownEntries, 0)}
		for _, e := range s.es[:min(len(s.es), shownEntries)] {
			one := entry{Line: e.Line, Key: e.Key, Name: e.Name}
			for _, f := range e.Fields {
				one.Fields = append(one.Fields, change{Column: column(f.Column), Old: f.Old, New: f.New, Was: s.id != "people.adds"})
			}
			out.Entries = append(out.Entries, one)
		}
		v.Sections = append(v.Sections, out)
	}
	if v.Ready = len(p.Problems) == 0 && len(p.Adds)+len(p.Changes)+len(p.Leaves) > 0; v.Ready {
		v.Content = base64.StdEncoding.EncodeToString(raw)
	}
	return v
}

func (d Deps) exportPeople(w http.ResponseWriter, r *page.Request) error {
	header, rows, err := d.People.ExportPeople(r.Context(), r.By)
	if err != nil {
		return err
	}
	return r.Table(w, "people", header, rows)
}

func (d Deps) exportDepartments(w http.ResponseWriter, r *page.Request) error {
	header, rows, err := d.People.ExportDepartments(r.Context(), r.By)
	if err != nil {
		return err
	}
	return r.Table(w, "departments", header, rows)
}
