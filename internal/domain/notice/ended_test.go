package notice_test

import (
	"testing"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// A case that has ended waits for nobody: telling somebody by hand would open its track
// again, and the track would call for an answer for ever.
func TestEndedCaseTellsNobodyByHand(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.tick() // both are told
	h.must(h.ack(i, notice.Supervisor, h.as("per_sales")))
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	tr := h.track(i, notice.Supervisor)

	// Asked to be closed is not closed: whoever must be told now still can be.
	h.must(h.cases.AskClose(t.Context(), h.as("per_pm"), i.ID, "済み"))
	h.must(h.notice.Escalate(t.Context(), h.as("per_pm"), tr.ID, 0, "念のため"))
	same(t, "while the close waits", notice.Open, h.track(i, notice.Supervisor).State)
	h.must(h.ack(i, notice.Supervisor, h.as("per_sales")))
	h.must(h.cases.RefuseClose(t.Context(), h.as("per_pm"), i.ID, "まだ"))

	h.must(h.cases.SetStatus(t.Context(), h.as("per_pm"), i.ID, incident.Withdrawn, "誤報だった"))
	before := h.track(i, notice.Supervisor)
	refused(t, "the next level", h.notice.Escalate(t.Context(), h.as("per_pm"), tr.ID, 0, "x"), fault.Conflict, "fault.case_ended")
	refused(t, "a named person", h.notice.PassOn(t.Context(), h.as("per_pm"), tr.ID, "per_gen", "x"), fault.Conflict, "fault.case_ended")
	same(t, "the track", before, h.track(i, notice.Supervisor))
	same(t, "in the record", 1, len(h.events(i, "notice.escalated")))
	same(t, "passed on", 0, len(h.events(i, "notice.passed_on")))
}
