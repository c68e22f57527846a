package report

import (
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

type offlinePage struct {
	page.Base
	Kinds, Summary, Words page.Field
	MaxFile               int64
}

// offlinePhoto bounds one picture that a browser keeps, in bytes; outbox.js refuses more.
const offlinePhoto = 5 << 20

// offline is the form that a browser keeps for when there is no network. It shows nothing
// of anybody, whoever asks for it.
func (d rooms) offline(w http.ResponseWriter, r *page.Request) error {
	r.By = access.Actor{}
	p := offlinePage{Base: r.Kit.Base(r, "offline.title", "/report"), MaxFile: offlinePhoto}
	p.Width, p.Bare, p.Flash = "narrow", true, nil
	p.Kinds = page.Field{ID: "kind", Name: "kind", Type: "radio", Label: r.P.T("offline.kind"), Class: "cols", Required: true}
	for _, k := range incident.Kinds() {
		p.Kinds.Options = append(p.Kinds.Options, page.Option{Value: string(k), Label: r.P.T("kind." + string(k))})
	}
	p.Summary = page.Field{ID: "summary", Name: "summary", Label: r.P.T("report.summary"), Hint: r.P.T("report.summary_hint"),
		Required: true, MaxLen: incident.MaxSummary, Class: "full", Auto: "off"}
	p.Words = page.Field{ID: "words", Name: "words", Type: "textarea", Label: r.P.T("offline.words"), Rows: 3, MaxLen: incident.MaxText}
	return r.Kit.Render(w, r, http.StatusOK, "report_offline", p)
}
