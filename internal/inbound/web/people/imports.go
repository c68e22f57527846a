package people

import (
	"bytes"
	"net/http"
	"strconv"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
)

// imports is the page that reads people or departments from a file.
func (d Deps) imports() page.Import {
	return page.Import{
		May: access.EditDirectory, Home: "/people", At: "/people/import", Do: "/people/import/apply", Max: maxFile,
		Heading: "people.import", ListTitle: "people.title", Lead: "people.import_lead", FileHint: "people.csv_hint", ExportHint: "people.export_hint", Done: "people.flash_imported",
		Exports: []page.ImportLink{{Href: "/people/export.csv?enc=utf8", Label: "people.export_people_utf8"}, {Href: "/people/export.csv?enc=sjis", Label: "people.export_people_sjis"},
			{Href: "/people/departments.csv?enc=utf8", Label: "people.export_departments_utf8"}, {Href: "/people/departments.csv?enc=sjis", Label: "people.export_departments_sjis"}},
		Preview: func(r *page.Request, raw []byte) (page.ImportPlan, error) {
			plan, err := d.People.PreviewImport(r.Context(), r.By, bytes.NewReader(raw))
			return planOf(r, plan), err
		},
		Apply: func(r *page.Request, raw []byte, version, hash string) (page.ImportPlan, error) {
			v, err := strconv.ParseInt(version, 10, 64)
			if err != nil {
				v = -1 // no version: stale, as the service says
			}
			plan, err := d.People.ApplyImport(r.Context(), r.By, bytes.NewReader(raw), v, hash)
			return planOf(r, plan), err
		},
	}
}

func planOf(r *page.Request, p directory.Plan) page.ImportPlan {
	v := page.ImportPlan{Encoding: string(p.Encoding), Lines: p.Lines, Unchanged: p.Unchanged, Hash: p.Hash, Version: strconv.FormatInt(p.Version, 10)}
	if p.Kind != "" {
		v.File = r.P.T("directory.file." + string(p.Kind))
	}
	for _, x := range p.Problems {
		v.Wrong(r, x.Line, page.ImportColumn(r, "directory.column.", x.Column), x.ID, x.Args)
	}
	for _, s := range []struct {
		id string
		es []directory.Entry
	}{{"people.adds", p.Adds}, {"people.changes", p.Changes}, {"people.leaves", p.Leaves}} {
		v.Section(r.P.T(s.id), len(s.es), func(i int) page.ImportEntry {
			one := page.ImportEntry{Line: s.es[i].Line, Key: s.es[i].Key, Name: s.es[i].Name}
			for _, f := range s.es[i].Fields {
				one.Fields = append(one.Fields, page.ImportChange{Column: page.ImportColumn(r, "directory.column.", f.Column), Old: f.Old, New: f.New, Was: s.id != "people.adds"})
			}
			return one
		})
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
