package device_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/kit/wire"
)

func (h *house) list(q device.Query) []string {
	h.t.Helper()
	p, err := h.pcs.List(h.t.Context(), h.as("per_it"), q)
	h.must(err)
	out := []string{}
	for _, r := range p.Rows {
		out = append(out, r.ID)
	}
	return out
}

func TestList(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var pcs []*pc
	for _, person := range []string{"per_emp", "per_sales", "per_emp", "per_gen", "per_emp"} {
		pcs = append(pcs, h.enrol(person))
		h.wait(time.Second)
	}
	ids := func(ns ...int) []string {
		out := []string{}
		for _, n := range ns {
			out = append(out, pcs[n].id)
		}
		return out
	}
	h.must(h.pcs.Refuse(t.Context(), h.as("per_it"), pcs[4].id, "返却"))
	pcs[0].isolate(device.Ask{})
	pcs[1].says(wire.IsolationFact{State: wire.IsolationProven})
	h.must(pcs[2].tell(map[string]any{wire.FactAgent: wire.AgentFact{Host: "営業_100%"}}))
	h.must(h.pcs.Presence(t.Context(), "srv_a", []string{pcs[0].id, pcs[3].id}, nil))

	same(t, "all", ids(3, 2, 1, 0), h.list(device.Query{}))
	same(t, "refused", ids(4), h.list(device.Query{State: device.StateRefused}))
	same(t, "isolated", ids(1, 0), h.list(device.Query{State: device.StateIsolated}))
	same(t, "offline", ids(2, 1), h.list(device.Query{State: device.StateOffline}))
	same(t, "of a person", ids(2, 0), h.list(device.Query{Person: "per_emp"}))
	same(t, "by name", ids(2), h.list(device.Query{Text: "営業_100%"}))
	same(t, "a sign is no pattern", ids(), h.list(device.Query{Text: "%"})[:0])
	same(t, "by the PC's name", ids(3, 1, 0), h.list(device.Query{Text: "pc-00"}))
	same(t, "by the person's name", ids(1), h.list(device.Query{Text: "髙橋"}))
	same(t, "by the reading", ids(3), h.list(device.Query{Text: "モリ"}))
	same(t, "by id", ids(2), h.list(device.Query{Text: pcs[2].id[:20]}))
	same(t, "nothing", []string{}, h.list(device.Query{Text: "居ない"}))
	vs, err := h.pcs.OfPerson(t.Context(), h.as("per_it"), "per_emp")
	h.must(err)
	same(t, "a person's PCs, newest first", 2, len(vs))

	var walked []string
	q := device.Query{Limit: 3}
	for {
		p, err := h.pcs.List(t.Context(), h.as("per_it"), q)
		h.must(err)
		for _, r := range p.Rows {
			walked = append(walked, r.ID)
		}
		if q.After = p.Next; q.After == "" {
			break
		}
	}
	same(t, "page by page", ids(3, 2, 1, 0), walked)
	_, err = h.pcs.List(t.Context(), h.as("per_it"), device.Query{State: "x", Text: strings.Repeat("x", 101)})
	bad(t, "query", err, "q:fault.too_long", "state:fault.unknown_choice")
}

func TestPresence(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p, other := h.enrol("per_emp"), h.enrol("per_emp")
	ctx := t.Context()
	online := func() []bool { return []bool{p.view("per_it").Online, other.view("per_it").Online} }
	h.must(h.pcs.Presence(ctx, "srv_a", nil, nil))
	h.must(h.pcs.Presence(ctx, "srv_a", []string{p.id, other.id, "dev_x"}, nil))
	same(t, "come", []bool{true, true}, online())
	h.wait(time.Minute)
	h.must(h.pcs.Presence(ctx, "srv_b", []string{p.id}, nil))
	came := h.clock()
	h.wait(time.Minute)
	h.must(h.pcs.Presence(ctx, "srv_a", nil, []string{p.id, other.id}))
	same(t, "one has gone, one has moved", []bool{true, false}, online())
	if v := p.view("per_it"); !v.Seen.Equal(came) {
		t.Errorf("seen %v, came %v", v.Seen, came)
	}
	h.must(h.pcs.ClearPresence(ctx, "srv_a"))
	same(t, "the other server starts", []bool{true, false}, online())
	h.must(h.pcs.ClearPresence(ctx, "srv_b"))
	same(t, "its own starts", []bool{false, false}, online())
	p.expect("presence is no event", map[string]int{"enrolled": 1})
	same(t, "version", int64(1), p.document().Version)
}

func TestDocumentAndVersion(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	ctx := t.Context()
	for have, want := range map[int64]bool{0: true, 1: false, 2: false} {
		signed, version, err := h.pcs.Document(ctx, p.id, have)
		h.must(err)
		if (signed != "") != want || version != 1 {
			t.Errorf("who has %d gets %q, version %d", have, signed, version)
		}
	}
	p.isolate(device.Ask{})
	vs, err := h.pcs.Version(ctx, []string{p.id})
	h.must(err)
	same(t, "versions", map[string]int64{p.id: 2}, vs)
	vs, err = h.pcs.Version(ctx, nil)
	h.must(err)
	same(t, "of nobody", map[string]int64{}, vs)
}

func TestRenew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var pcs []*pc
	for range 120 {
		pcs = append(pcs, h.enrol("per_emp"))
	}
	p, other, refused := pcs[0], pcs[1], pcs[2]
	h.must(h.pcs.Refuse(t.Context(), h.as("per_it"), refused.id, "返却"))
	o := p.isolate(device.Ask{Wifi: true})
	renew := func(what string, want int) {
		t.Helper()
		n, err := h.pcs.Renew(t.Context())
		h.must(err)
		same(t, what, want, n)
		n, err = h.pcs.Renew(t.Context())
		h.must(err)
		same(t, what+", once more", 0, n)
	}
	renew("nothing is old", 0)
	h.wait(15*24*time.Hour - time.Second)
	renew("one second before half its time", 0)
	h.wait(time.Second)
	renew("half its time", 119)
	d := p.document()
	if d.Version != 3 || !d.Isolation.On || d.Isolation.Order != o.ID || !d.Isolation.Wifi || d.Isolation.Since != wire.MicrosOf(o.Requested) || !d.Issued.Time().Equal(h.clock()) {
		t.Errorf("renewed %+v", d)
	}

	h.mu.Lock()
	h.servers = append(h.servers, wire.Server{URL: "https://two.example", Port: 443, Addrs: []netip.Addr{netip.MustParseAddr("2001:db8::2")}})
	h.mu.Unlock()
	renew("another server", 119)
	same(t, "servers", 2, len(other.document().Servers))

	h.must(h.db.UpdateDirectory(t.Context(), func(tx directory.Tx) error {
		x := directorytest.Company().People["per_it"]
		x.Phone = "03-0000-0999"
		return tx.SavePerson(t.Context(), x)
	}))
	renew("another telephone number", 119)
	same(t, "whom to call", "03-0000-0999", other.document().Contacts[0].Phone)

	over := wire.KeyName(h.keys.Signers()[0])
	same(t, "no key is over", 0, len(other.document().Retired))
	h.keys.turn(t)
	renew("another key", 119)
	same(t, "keys that are over", []string{over}, other.document().Retired)
	same(t, "version", int64(5), other.document().Version) // opens with the new key alone

	h.mu.Lock()
	h.servers = nil
	h.mu.Unlock()
	renew("no address known for now", 0)
	p.isolate(device.Ask{Incident: caseID})
	same(t, "servers of an isolation meanwhile", 2, len(p.document().Servers))
	if !slices.Equal(p.document().Servers[1].Addrs, []netip.Addr{netip.MustParseAddr("2001:db8::2")}) {
		t.Errorf("servers %+v", p.document().Servers)
	}
	vs, err := h.pcs.Version(t.Context(), []string{refused.id})
	h.must(err)
	same(t, "the refused one", 0, len(vs))
}
