package device_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

func TestEnrol(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	key, in := enrolment(t, h.token("per_emp"))
	in.Host = "PC\x1b[31m\u202e-0011\n"
	out, err := h.pcs.Enrol(t.Context(), in, "192.0.2.50")
	h.must(err)
	if out.Person != "𠮷田 翔" || out.Device != wire.DeviceID(key.Public().(ed25519.PublicKey)) || len(out.Secret) != 32 || len(out.Keys) != 1 {
		t.Errorf("enrolled %+v", out)
	}
	d, err := wire.OpenDocument(out.Document, h.keys.verifiers(t), out.Device, 1)
	h.must(err)
	if d.Version != 1 || d.Isolation.On || d.Company != "青葉商事" || d.Until.Time().Sub(d.Issued.Time()) != 30*24*time.Hour {
		t.Errorf("first desired state %+v", d)
	}
	same(t, "whom to call", []wire.Contact{
		{Role: "it_admin", Name: "林 Anna", Phone: "03-0000-0022"},
		{Role: "protection_manager", Name: "石川 直樹", Phone: "03-0000-0021"},
		{Role: "supervisor", Name: "髙橋 恵", Phone: "03-0000-0010"}}, d.Contacts)
	v, err := h.pcs.Get(t.Context(), h.as("per_it"), out.Device)
	h.must(err)
	if v.Name != "PC [31m-0011" || v.PersonName != "𠮷田 翔" || v.EnrolledBy != "per_it" || v.Online || v.Desired != 1 {
		t.Errorf("device %+v", v.Device)
	}
	r, err := h.db.Device(t.Context(), out.Device)
	h.must(err)
	if bytes.Contains(r.Secret, out.Secret) {
		t.Error("the release secret is stored as it is")
	}
	same(t, "events", map[string]int{"device.enrolled": 1}, h.kinds(out.Device))

	_, again := enrolment(t, in.Token)
	_, err = h.pcs.Enrol(t.Context(), again, "")
	denied(t, "the token again", err, fault.Denied, "fault.device_token")
	h.wait(time.Second)
	in.Token = h.token("per_sales")
	in.Proof = ed25519.Sign(key, wire.EnrolText(in.Token, in.PublicKey))
	_, err = h.pcs.Enrol(t.Context(), in, "")
	denied(t, "the key again", err, fault.Conflict, "fault.device_enrolled")
	h.must(h.pcs.Refuse(t.Context(), h.as("per_it"), out.Device, "紛失"))
	_, err = h.pcs.Enrol(t.Context(), in, "")
	denied(t, "a refused key", err, fault.Conflict, "fault.device_enrolled")
	ts, err := h.pcs.Tokens(t.Context(), h.as("per_it"))
	h.must(err)
	if len(ts) != 2 || !ts[0].Used.IsZero() || ts[1].Device != out.Device || ts[1].Used.IsZero() {
		t.Errorf("tokens %+v", ts)
	}
}

func TestEnrolRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ctx := t.Context()
	good := h.token("per_emp")
	_, other := enrolment(t, good)
	for name, c := range map[string]struct {
		change func(*wire.Enrol)
		field  string
	}{
		"short key":       {func(e *wire.Enrol) { e.PublicKey = e.PublicKey[:31] }, "public_key:fault.device_key"},
		"no token":        {func(e *wire.Enrol) { e.Token = "" }, "token:fault.required"},
		"long token":      {func(e *wire.Enrol) { e.Token = strings.Repeat("x", 101) }, "token:fault.required"},
		"another's proof": {func(e *wire.Enrol) { e.Proof = other.Proof }, "proof:fault.device_key"},
		"no proof":        {func(e *wire.Enrol) { e.Proof = nil }, "proof:fault.device_key"},
	} {
		_, in := enrolment(t, good)
		c.change(&in)
		_, err := h.pcs.Enrol(ctx, in, "")
		bad(t, name, err, c.field)
	}
	_, in := enrolment(t, "enrol_0000")
	_, err := h.pcs.Enrol(ctx, in, "")
	denied(t, "a guess", err, fault.Denied, "fault.device_token")

	secret, revoked, err := h.pcs.CreateToken(ctx, h.as("per_it"), device.NewToken{Person: "per_emp", Life: device.MaxTokenLife})
	h.must(err)
	h.must(h.pcs.RevokeToken(ctx, h.as("per_it"), revoked.ID))
	denied(t, "revoked twice", h.pcs.RevokeToken(ctx, h.as("per_it"), revoked.ID), fault.Conflict, "fault.device_token_over")
	_, in = enrolment(t, secret)
	_, err = h.pcs.Enrol(ctx, in, "")
	denied(t, "a revoked token", err, fault.Denied, "fault.device_token")

	left := h.token("per_sales")
	h.must(h.db.UpdateDirectory(ctx, func(tx directory.Tx) error {
		p := directorytest.Company().People["per_sales"]
		p.Left = h.clock()
		return tx.SavePerson(ctx, p)
	}))
	_, in = enrolment(t, left)
	_, err = h.pcs.Enrol(ctx, in, "")
	denied(t, "for somebody who has left", err, fault.Denied, "fault.device_token")

	h.wait(time.Hour)
	_, in = enrolment(t, good)
	_, err = h.pcs.Enrol(ctx, in, "")
	denied(t, "after an hour", err, fault.Denied, "fault.device_token")
	if p, err := h.pcs.List(ctx, h.as("per_it"), device.Query{}); err != nil || len(p.Rows) != 0 {
		t.Errorf("enrolled all the same: %+v, %v", p, err)
	}
	denied(t, "no such token", h.pcs.RevokeToken(ctx, h.as("per_it"), "dtk_x"), fault.NotFound, "fault.not_found")
}

func TestTokenIsTypedByHand(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, in := enrolment(t, " "+strings.ToUpper(h.token("per_emp"))+"\n")
	_, err := h.pcs.Enrol(t.Context(), in, "")
	h.must(err)
}

func TestNewTokenChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for name, c := range map[string]struct {
		n    device.NewToken
		want string
	}{
		"nobody":   {device.NewToken{}, "person:fault.required"},
		"unknown":  {device.NewToken{Person: "per_x"}, "person:fault.unknown_person"},
		"has left": {device.NewToken{Person: "per_old"}, "person:fault.unknown_person"},
		"too long": {device.NewToken{Person: "per_emp", Life: device.MaxTokenLife + 1}, "life:fault.device_token_life"},
		"negative": {device.NewToken{Person: "per_emp", Life: -1}, "life:fault.device_token_life"},
		"note":     {device.NewToken{Person: "per_emp", Note: strings.Repeat("あ", 121)}, "note:fault.too_long"},
	} {
		_, _, err := h.pcs.CreateToken(t.Context(), h.as("per_it"), c.n)
		bad(t, name, err, c.want)
	}
}

// Every verb asks for its permission before it looks at anything else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	ctx := t.Context()
	const manager, reader = "per_it", "per_pm"
	verbs := map[string]struct {
		reads bool // readers of devices may, too
		do    func(by access.Actor) error
	}{
		"create token": {false, func(by access.Actor) error { _, _, err := h.pcs.CreateToken(ctx, by, device.NewToken{}); return err }},
		"tokens":       {false, func(by access.Actor) error { _, err := h.pcs.Tokens(ctx, by); return err }},
		"revoke":       {false, func(by access.Actor) error { return h.pcs.RevokeToken(ctx, by, "dtk_x") }},
		"refuse":       {false, func(by access.Actor) error { return h.pcs.Refuse(ctx, by, p.id, "") }},
		"isolate":      {false, func(by access.Actor) error { _, err := h.pcs.Isolate(ctx, by, p.id, device.Ask{Via: "x"}); return err }},
		"release":      {false, func(by access.Actor) error { _, err := h.pcs.Release(ctx, by, p.id, ""); return err }},
		"code":         {false, func(by access.Actor) error { _, err := h.pcs.ReleaseCode(ctx, by, p.id, "", ""); return err }},
		"ticket":       {false, func(by access.Actor) error { _, _, err := h.pcs.UninstallTicket(ctx, by, p.id, ""); return err }},
		"list":         {true, func(by access.Actor) error { _, err := h.pcs.List(ctx, by, device.Query{}); return err }},
		"get":          {true, func(by access.Actor) error { _, err := h.pcs.Get(ctx, by, p.id); return err }},
		"of person":    {true, func(by access.Actor) error { _, err := h.pcs.OfPerson(ctx, by, "per_emp"); return err }},
	}
	for name, v := range verbs {
		denied(t, name+" by nobody", v.do(access.Actor{}), fault.Unauthenticated, "fault.unauthenticated")
		link := h.as(manager)
		link.Via = access.ByLink
		if !fault.Is(v.do(link), fault.Denied) {
			t.Errorf("%s by link: %v", name, v.do(link))
		}
		scoped := h.as(manager)
		scoped.Via, scoped.Scopes = access.ByToken, []access.Permission{access.ReadHealth}
		denied(t, name+" by a token for something else", v.do(scoped), fault.Denied, "fault.scope")
		for _, person := range []string{"per_sales", "per_pres", "per_gen"} {
			if !fault.Is(v.do(h.as(person)), fault.Denied) {
				t.Errorf("%s by %s: %v", name, person, v.do(h.as(person)))
			}
		}
		for _, person := range []string{reader, "per_aud"} {
			if err := v.do(h.as(person)); fault.Is(err, fault.Denied) == v.reads {
				t.Errorf("%s by %s: %v", name, person, err)
			}
		}
		if err := v.do(h.as(manager)); fault.Is(err, fault.Denied) {
			t.Errorf("%s by %s: %v", name, manager, err)
		}
	}
	// Who may read nothing cannot tell which devices exist.
	_, there := h.pcs.Get(ctx, h.as("per_sales"), p.id)
	_, missing := h.pcs.Get(ctx, h.as("per_sales"), "dev_x")
	if there == nil || missing == nil || there.Error() != missing.Error() {
		t.Errorf("a device that is there: %v; one that is not: %v", there, missing)
	}
}

func TestRefusedKeyIsOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p, other := h.enrol("per_emp"), h.enrol("per_emp")
	p.isolate(device.Ask{})
	ctx := t.Context()
	bad(t, "without a reason", h.pcs.Refuse(ctx, h.as("per_it"), p.id, " \n"), "reason:fault.required")
	h.must(h.pcs.Refuse(ctx, h.as("per_it"), p.id, "盗難\x00"))
	denied(t, "twice", h.pcs.Refuse(ctx, h.as("per_it"), p.id, "盗難"), fault.Denied, "fault.device_refused")
	_, key := h.pcs.Key(ctx, p.id)
	_, _, document := h.pcs.Document(ctx, p.id, 0)
	_, report := h.pcs.Report(ctx, p.id, wire.Infection{Key: "k", Local: 1})
	_, isolate := h.pcs.Isolate(ctx, h.as("per_it"), p.id, device.Ask{})
	_, release := h.pcs.Release(ctx, h.as("per_it"), p.id, "済")
	for what, err := range map[string]error{"key": key, "document": document, "report": report, "isolate": isolate, "release": release,
		"facts": p.tell(map[string]any{"os.name": "x"}), "evidence": h.pcs.AddEvidence(ctx, p.id, "k", "a", "", strings.NewReader("x"))} {
		denied(t, what, err, fault.Denied, "fault.device_refused")
	}
	if v := p.view("per_it"); v.RefusedWhy != "盗難" || v.RefusedBy != "per_it" || v.RefusedAt.IsZero() {
		t.Errorf("refused %+v", v.Device)
	}
	// It must not stay cut off for ever.
	_, err := p.code("per_it", h.challenge())
	h.must(err)
	_, _, err = h.pcs.UninstallTicket(ctx, h.as("per_it"), p.id, "初期化する")
	h.must(err)
	vs, err := h.pcs.Version(ctx, []string{p.id, other.id, "dev_x"})
	h.must(err)
	same(t, "versions of those that are left", map[string]int64{other.id: 1}, vs)
	if k, err := h.pcs.Key(ctx, other.id); err != nil || !k.Equal(other.key.Public()) {
		t.Errorf("the other's key: %v", err)
	}
	_, err = h.pcs.Key(ctx, "dev_x")
	denied(t, "an unknown device", err, fault.NotFound, "fault.not_found")
}

func TestEnrolIsOneCommit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, in := enrolment(t, h.token("per_emp"))
	h.servers = nil // so that no document can be signed
	if _, err := h.pcs.Enrol(t.Context(), in, ""); !errors.Is(err, wire.ErrDocument) {
		t.Errorf("enrolled without a server: %v", err)
	}
	h.servers = []wire.Server{{URL: "https://sekimori.example", Port: 443, Addrs: newHouse(t, nil).servers[0].Addrs}}
	_, err := h.pcs.Enrol(t.Context(), in, "")
	h.must(err) // the token was not used up
}
