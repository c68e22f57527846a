package notice_test

import (
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// Whether a link alone answers is set by who sets whom is told, from the next press on; what
// the configuration wants nobody ends.
func TestLinkProof(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	wanted := func(by string) notice.LinkProof {
		t.Helper()
		p, err := h.notice.LinkProof(t.Context(), h.as(by))
		h.must(err)
		return p
	}
	same(t, "at first", notice.LinkProof{}, wanted("per_emp"))
	refused(t, "by an employee", h.notice.SetLinkProof(t.Context(), h.as("per_emp"), true), fault.Denied, "fault.denied")
	if _, err := h.notice.LinkProof(t.Context(), access.Actor{}); err == nil {
		t.Error("read by nobody")
	}
	i := h.report(incident.Virus, "per_emp", nil)
	h.tick()
	answer := func(fresh bool) error {
		by := access.Actor{Person: "per_pm", Via: access.ByLink}
		if fresh {
			by.Fresh = noon()
		}
		_, err := h.notice.Acknowledge(t.Context(), by, notice.Ack{Track: h.track(i, notice.Manager).ID, Path: "link"})
		return err
	}
	h.must(h.notice.SetLinkProof(t.Context(), h.as("per_pm"), true))
	same(t, "set", notice.LinkProof{On: true}, wanted("per_emp"))
	badField(t, "the link alone", answer(false), "password", "fault.prove_link")
	h.must(answer(true))
	h.must(h.notice.SetLinkProof(t.Context(), h.as("per_pm"), false))
	h.must(answer(false))
	h.notice.AlwaysWantProof()
	same(t, "by the configuration", notice.LinkProof{On: true, Fixed: true}, wanted("per_pm"))
	refused(t, "ended", h.notice.SetLinkProof(t.Context(), h.as("per_pm"), false), fault.Conflict, "fault.link_proof_fixed")
}
