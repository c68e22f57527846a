package cases

import (
	"net/http"
	"net/url"

	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// uploadRoom is what a form adds around its file, in bytes.
const uploadRoom = 64 << 10

// upload keeps a file with the case.
func (d Deps) upload(w http.ResponseWriter, r *page.Request) error {
	label := r.PathValue("label")
	err := r.Upload(w, func(u incident.Upload) error {
		_, err := d.Cases.AddEvidence(r.Context(), r.By, label, u)
		return err
	})
	if err != nil {
		return d.refused(w, r, label, "file", err)
	}
	return r.Kit.See(w, r, "/cases/"+url.PathEscape(label)+"#evidence", "cases.flash_file")
}
