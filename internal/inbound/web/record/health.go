package record

import (
	"net/http"
	"slices"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/inbound/web/page"
)

// HealthLine is one thing that is well or not, in words.
type HealthLine struct {
	Tag        page.Tag
	Name, Text string
}

// HealthLines says how the system itself is; the morning page shows the same lines.
func HealthLines(r *page.Request, h audit.Health) []HealthLine {
	wrong := h.Trouble()
	bad := func(id string) bool { return slices.Contains(wrong, id) }
	line := func(id, text string, ill bool) HealthLine {
		l := HealthLine{Tag: page.Tag{Kind: "matsu", Icon: "circle-check", Text: r.P.T("record.well")}, Name: r.P.T(id), Text: text}
		if ill {
			l.Tag = page.Tag{Kind: "shu", Icon: "circle-alert", Text: r.P.T("record.ill")}
		}
		return l
	}
	n := h.Notices
	sent := r.P.T("record.none_sent")
	if !n.LastSent.IsZero() {
		sent = r.P.T("record.last_sent", "at", r.P.DateTime(n.LastSent))
	}
	if waiting := n.Unsent + n.Letters; waiting > 0 {
		sent = r.P.T("record.unsent", "n", waiting, "length", r.P.Ago(n.Waiting(h.At))) + " " + sent
	}
	chains := r.P.T("record.chains_ok", "n", n.OpenTracks)
	if n.Unreachable > 0 {
		chains = r.P.T("record.unreachable", "n", n.Unreachable)
	}
	timers := r.P.T("record.timers_ok")
	if n.Overdue > 0 {
		timers = r.P.T("record.overdue", "n", n.Overdue)
	}
	refused := r.P.T("record.refused_none")
	if no := n.RefusedRecent + n.LettersRefused; no > 0 {
		refused = r.P.T("record.refused", "n", no)
	}
	sealed := r.P.T("record.no_checkpoint")
	if h.HasCheck {
		sealed = r.P.T("record.sealed", "at", r.P.DateTime(h.Checkpoint.At), "n", h.Checkpoint.Size)
	}
	if h.Unsealed > 0 {
		sealed = r.P.T("record.unsealed", "n", h.Unsealed) + " " + sealed
	}
	lines := []HealthLine{
		line("record.timers", timers, bad("health.overdue")),
		line("record.mail", sent, bad("health.unsent")),
		line("record.addresses", refused, bad("health.refused")),
		line("record.chains", chains, bad("health.unreachable")),
		line("record.journal", sealed, bad("health.unsealed")),
	}
	if h.Machine == nil {
		return lines
	}
	return append(lines, machineLines(r, h, line, bad)...)
}

// machineLines says how the machine is.
func machineLines(r *page.Request, h audit.Health, line func(id, text string, ill bool) HealthLine, bad func(string) bool) []HealthLine {
	m := h.Machine
	backup := r.P.T("operator.no_backup")
	if !m.Backup.IsZero() {
		backup = r.P.T("operator.last_backup", "at", r.P.DateTime(m.Backup))
	}
	lines := []HealthLine{line("operator.backup", backup, bad("health.backup"))}
	if m.Free >= 0 {
		lines = append(lines, line("operator.room", r.P.T("operator.free", "size", r.P.Bytes(m.Free)), bad("health.room")))
	}
	if bad("health.clock") {
		lines = append(lines, line("operator.clock", r.P.T("operator.behind", "length", r.P.Ago(m.Behind)), true))
	}
	if !m.CertEnds.IsZero() {
		lines = append(lines, line("operator.certificate", r.P.T("operator.ends", "at", r.P.DateTime(m.CertEnds)), bad("health.certificate")))
	}
	if bad("health.unmailed") {
		lines = append(lines, line("operator.auditors", r.P.T("operator.unmailed", "n", m.Unmailed), true))
	}
	return lines
}

// trouble is one thing that is wrong, and what to do about it.
type trouble struct{ What, Do string }

type healthPage struct {
	page.Base
	When       string
	Lines      []HealthLine
	Trouble    []trouble
	MayJournal bool
}

func (d Deps) health(w http.ResponseWriter, r *page.Request) error {
	h, err := d.Audit.Health(r.Context(), r.By)
	if err != nil {
		return err
	}
	p := healthPage{Base: r.Kit.Base(r, "record.health", "/health"), When: r.P.DateTime(h.At), Lines: HealthLines(r, h), MayJournal: r.By.May(access.ReadJournal) == nil}
	p.EventsURL = "/events"
	for _, id := range h.Trouble() {
		p.Trouble = append(p.Trouble, trouble{What: r.P.T(id), Do: r.P.T("operator.do." + strings.TrimPrefix(id, "health."))})
	}
	return r.Kit.Render(w, r, http.StatusOK, "health", p)
}
