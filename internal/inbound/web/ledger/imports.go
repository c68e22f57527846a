package ledger

import (
	"bytes"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
)

// imports is the page that reads the ledger from a file.
func (d Deps) imports() page.Import {
	return page.Import{
		May: access.ManageAssets, Home: "/assets", At: "/assets/import", Do: "/assets/apply", Max: maxFile,
		Heading: "assets.import", ListTitle: "assets.title", Lead: "assets.import_lead", FileHint: "assets.csv_hint", ExportHint: "assets.export_hint", Done: "assets.flash_imported",
		Exports: []page.ImportLink{{Href: "/assets.csv?enc=utf8", Label: "cases.csv_utf8"}, {Href: "/assets.csv?enc=sjis", Label: "cases.csv_sjis"}},
		Preview: func(r *page.Request, raw []byte) (page.ImportPlan, error) {
			plan, err := d.Ledger.PreviewImport(r.Context(), r.By, bytes.NewReader(raw))
			return planOf(r, plan), err
		},
		Apply: func(r *page.Request, raw []byte, version, hash string) (page.ImportPlan, error) {
			plan, err := d.Ledger.ApplyImport(r.Context(), r.By, bytes.NewReader(raw), version, hash)
			return planOf(r, plan), err
		},
	}
}

func planOf(r *page.Request, p asset.Plan) page.ImportPlan {
	v := page.ImportPlan{Encoding: string(p.Encoding), Lines: p.Lines, Unchanged: p.Unchanged, Hash: p.Hash, Version: p.Version}
	for _, x := range p.Problems {
		v.Wrong(r, x.Line, page.ImportColumn(r, "asset.column.", x.Column), x.ID, x.Args)
	}
	for n, es := range [][]asset.Entry{p.Adds, p.Changes} {
		v.Section(r.P.T([]string{"people.adds", "people.changes"}[n]), len(es), func(i int) page.ImportEntry {
			one := page.ImportEntry{Line: es[i].Line, Key: es[i].Number}
			for _, f := range es[i].Fields {
				one.Fields = append(one.Fields, page.ImportChange{Column: page.ImportColumn(r, "asset.column.", f.Column), Old: f.Old, New: f.New, Was: n == 1})
			}
			return one
		})
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
