package asset_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/kit/fault/faulttest"
	"sekimori/internal/kit/wire"
)

func (h *house) attempts(person string, q asset.AttemptQuery) []asset.AttemptRow {
	h.t.Helper()
	return must(h.Attempts(h.t.Context(), h.as(person), q))(h.t).Rows
}

func TestMediaEventsAreClaims(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	h.registered("USB-0002", "AA01")
	l := h.lend("USB-0001") // on dev_emp
	written := wire.MediaEvent{Key: "w1", What: wire.MediaWritten, Class: "storage", Vendor: "0951", Product: "1666", Serial: "AA00", Loan: l.Label, User: "yoshida",
		Files: []wire.WrittenFile{{Name: "見積/\x1b[2J書.xlsx", Size: 1234}, {Name: "b", Size: -5}, {Name: "c", Size: 1 << 62}}, More: 7}
	h.tell("dev_emp", written, written)
	h.tell("dev_emp", written) // the spool sends it again
	as := h.attempts("per_it", asset.AttemptQuery{Device: "dev_emp"})
	if len(as) != 1 || as[0].Number != "USB-0001" || as[0].Loan != l.ID || as[0].Files != 10 || as[0].PC != "PC of per_emp" {
		t.Fatalf("attempts %+v", as)
	}
	fs := must(h.FilesOf(ctx, h.as("per_emp"), l.Label))(t)
	if len(fs) != 3 || fs[0].Name != "b" && fs[0].Size < 0 || strings.ContainsRune(fs[2].Name, 0x1b) {
		t.Errorf("files %+v", fs)
	}
	_, err := h.FilesOf(ctx, h.as("per_sales"), l.Label)
	faulttest.Refused(t, "another's files", "fault.not_found", err)

	// Another PC names the loan, and writes files onto it: it is not its loan.
	forged := written
	forged.Key, forged.Serial, forged.Token = "w2", "ZZ", ""
	h.tell("dev_sales", forged)
	if as := h.attempts("per_it", asset.AttemptQuery{Device: "dev_sales"}); as[0].Loan != "" || as[0].Asset != "" {
		t.Errorf("another PC's event is kept as %+v", as[0])
	}
	if fs := must(h.FilesOf(ctx, h.as("per_emp"), l.Label))(t); len(fs) != 3 {
		t.Errorf("another PC wrote %d files onto the loan", len(fs))
	}
	// The loan decides which thing it is, whatever the event says beside.
	lie := wire.MediaEvent{Key: "a1", What: wire.MediaAdmitted, Loan: l.Label, Asset: "USB-0002", Vendor: "0951", Product: "1666", Serial: "AA01"}
	h.tell("dev_emp", lie)
	if as := h.attempts("per_it", asset.AttemptQuery{Device: "dev_emp", What: wire.MediaAdmitted}); as[0].Number != "USB-0001" {
		t.Errorf("admitted as %+v", as[0])
	}
	// Without a loan the token or the serial says which thing it is.
	h.tell("dev_sales", wire.MediaEvent{Key: "r1", What: wire.MediaRefused, Why: wire.WhyUnknown, Vendor: "0951", Product: "1666", Serial: "AA01", Name: "\u202eevil\n"})
	r := h.attempts("per_gen", asset.AttemptQuery{Asset: "USB-0002", What: wire.MediaRefused})
	if len(r) != 1 || r[0].Name != "evil" {
		t.Errorf("known by its serial: %+v", r)
	}
	for what, e := range map[string]wire.MediaEvent{"no key": {What: wire.MediaRefused}, "an odd word": {Key: "x", What: "exploded"}, "an odd reason": {Key: "x", What: wire.MediaRefused, Why: "because"},
		"a long key": {Key: strings.Repeat("k", 101), What: wire.MediaRefused}, "many files": {Key: "x", What: wire.MediaWritten, Files: make([]wire.WrittenFile, 201)}} {
		faulttest.Refused(t, what, "fault.media_events", h.TakeMedia(ctx, "dev_emp", []wire.MediaEvent{e}))
	}
	faulttest.Refused(t, "many events", "fault.media_events", h.TakeMedia(ctx, "dev_emp", make([]wire.MediaEvent, wire.MaxMediaEvents+1)))
}

func TestWhoReadsAttempts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	l := h.lend("USB-0001")
	h.tell("dev_emp", wire.MediaEvent{Key: "1", What: wire.MediaAdmitted, Loan: l.Label})
	for person, want := range map[string]string{"per_emp": "", "per_it": "", "per_aud": "", "per_gen": "fault.not_found", "per_sales": "fault.not_found"} {
		_, err := h.Attempts(ctx, h.as(person), asset.AttemptQuery{Device: "dev_emp"})
		if want == "" {
			ok(t, err)
		} else {
			faulttest.Refused(t, person+" reads another's PC", want, err)
		}
	}
	_, err := h.Attempts(ctx, h.as("per_emp"), asset.AttemptQuery{})
	faulttest.Refused(t, "everything", "fault.denied", err)
	_, err = h.Attempts(ctx, h.as("per_emp"), asset.AttemptQuery{Asset: "USB-0001"})
	faulttest.Refused(t, "what others did with a thing that one has", "fault.denied", err)
	_, err = h.Attempts(ctx, h.as("per_sales"), asset.AttemptQuery{Asset: "USB-0001"})
	faulttest.Refused(t, "a stranger", "fault.not_found", err)
	_, err = h.WouldBlock(ctx, h.as("per_gen"))
	faulttest.Refused(t, "the company's summary", "fault.denied", err)
}

func TestRegistrationIsOnePCsAndOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.stick("USB-0001")
	must(h.Add(ctx, h.as("per_it"), asset.Asset{Number: "LOCK-1", Kind: asset.WireLock, Department: "d_gen", Keeper: "per_gen"}))(t)
	_, err := h.AskRegistration(ctx, h.as("per_gen"), "LOCK-1", "dev_gen")
	faulttest.Refused(t, "a lock", "fault.asset_not_medium", err)
	_, err = h.AskRegistration(ctx, h.as("per_gen"), "USB-0001", "dev_emp")
	faulttest.Refused(t, "the keeper on another's PC", "fault.not_found", err)
	_, err = h.AskRegistration(ctx, h.as("per_it"), "USB-0001", "dev_none")
	faulttest.Refused(t, "no such PC", "fault.not_found", err)
	first := must(h.AskRegistration(ctx, h.as("per_it"), "USB-0001", "dev_emp"))(t)
	r := must(h.AskRegistration(ctx, h.as("per_gen"), "USB-0001", "dev_gen"))(t)
	if x := h.reg["dev_gen"]; x == nil || x.ID != r.ID || x.Asset != "USB-0001" || x.Token != r.Text || x.Until.Time() != r.Until {
		t.Fatalf("the PC is told %+v", x)
	}
	state := func() asset.Strength { return must(h.db.Asset(ctx, "USB-0001"))(t).Strength() }
	good := wire.MediaEvent{What: wire.MediaRegistered, Register: r.ID, Token: r.Token, Vendor: "0951", Product: "1666", Serial: "AA00", Capacity: 31e9}
	for n, change := range []func(*wire.MediaEvent){
		func(e *wire.MediaEvent) { e.Capacity = 0 }, func(e *wire.MediaEvent) { e.Capacity = -1 }, func(e *wire.MediaEvent) { e.Capacity = 1 << 60 },
		func(e *wire.MediaEvent) { e.Serial = "A\x00A" }, func(e *wire.MediaEvent) { e.Serial = "A\nA" }, func(e *wire.MediaEvent) { e.Vendor = "zz" },
		func(e *wire.MediaEvent) { e.Token = "tok_other" }, func(e *wire.MediaEvent) { e.Register = "reg_none" }, func(e *wire.MediaEvent) { e.Register = first.ID },
	} {
		e := good
		e.Key = fmt.Sprint("bad", n)
		change(&e)
		h.tell("dev_gen", e)
		if s := state(); s != asset.Unknown {
			t.Fatalf("event %d made it %s", n, s)
		}
	}
	if got := h.kinds("USB-0001"); strings.Count(got, "asset.registration_refused") != 7 {
		t.Errorf("record: %s", got)
	}
	good.Key = "stolen"
	h.tell("dev_emp", good) // another PC says that it has done it
	if s := state(); s != asset.Unknown {
		t.Fatalf("another PC made it %s", s)
	}
	good.Key = "good"
	h.tell("dev_gen", good)
	if s := state(); s != asset.Strong || h.reg["dev_gen"] != nil {
		t.Errorf("registered: %s, the PC still has %+v", s, h.reg["dev_gen"])
	}
	good.Key, good.Serial = "again", "BB"
	h.tell("dev_gen", good)
	if a := must(h.db.Asset(ctx, "USB-0001"))(t); a.Identity.Serial != "AA00" {
		t.Errorf("registered twice: %+v", a.Identity)
	}
	// Too late.
	h.stick("USB-0002")
	r = must(h.AskRegistration(ctx, h.as("per_gen"), "USB-0002", "dev_gen"))(t)
	h.wait(asset.RegistrationLife + time.Second)
	h.tell("dev_gen", wire.MediaEvent{Key: "late", What: wire.MediaRegistered, Register: r.ID, Token: r.Token, Vendor: "0951", Product: "1666", Serial: "CC", Capacity: 1})
	if a := must(h.db.Asset(ctx, "USB-0002"))(t); a.Strength() != asset.Unknown {
		t.Errorf("registered too late: %+v", a.Identity)
	}
	h.lend("USB-0001")
	_, err = h.AskRegistration(ctx, h.as("per_it"), "USB-0001", "dev_gen")
	faulttest.Refused(t, "while it is lent", "fault.asset_state.lent", err)
}

func TestRefusedAgainAndAgainIsADraftCase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	n := 0
	refuse := func() {
		n++
		h.tell("dev_emp", wire.MediaEvent{Key: fmt.Sprint("r", n), What: wire.MediaRefused, Why: wire.WhyUnknown, Class: "storage"})
	}
	refuse()
	refuse()
	h.fire()
	if len(h.drafts) != 0 {
		t.Fatal("a draft after two")
	}
	h.fail = errors.New("no case today")
	refuse()
	if _, err := h.FireDue(ctx); !errors.Is(err, h.fail) {
		t.Errorf("a draft that fails: %v", err)
	}
	if at, ok, err := h.NextDue(ctx); err != nil || !ok || at.Sub(h.clock()) > time.Minute {
		t.Errorf("tried again at %v %v %v", at, ok, err)
	}
	h.fail = nil
	h.fire()
	refuse()
	h.fire()
	if len(h.drafts) != 1 || h.drafts[0].Person != "per_emp" || len(h.drafts[0].Attempts) != 3 || h.drafts[0].Key == "" {
		t.Errorf("drafts %+v", h.drafts)
	}
	h.wait(25 * time.Hour)
	refuse()
	h.fire()
	if len(h.drafts) != 1 {
		t.Error("one refusal of a new day is a draft")
	}
	refuse()
	refuse()
	h.fire()
	if len(h.drafts) != 2 {
		t.Errorf("a day later: %d drafts", len(h.drafts))
	}
}

func TestAFloodIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	for batch := range 9 {
		events := make([]wire.MediaEvent, wire.MaxMediaEvents)
		for i := range events {
			events[i] = wire.MediaEvent{Key: fmt.Sprint(batch, ".", i), What: wire.MediaObserved, Why: wire.WhyUnknown, Vendor: "1234", Serial: "S"}
		}
		h.tell("dev_emp", events...)
	}
	kept, after := 0, ""
	for {
		p := must(h.Attempts(ctx, h.as("per_it"), asset.AttemptQuery{Device: "dev_emp", Limit: 200, After: after}))(t)
		kept += len(p.Rows)
		if after = p.Next; after == "" {
			break
		}
	}
	if kept != asset.MaxAttemptsPerHour {
		t.Errorf("%d were kept", kept)
	}
	ws := must(h.WouldBlock(ctx, h.as("per_it")))(t)
	if len(ws) != 1 || ws[0].Times != asset.MaxAttemptsPerHour || ws[0].PC != "PC of per_emp" {
		t.Errorf("would block %+v", ws)
	}
	h.tell("dev_sales", wire.MediaEvent{Key: "1", What: wire.MediaObserved})
	if as := h.attempts("per_it", asset.AttemptQuery{Device: "dev_sales"}); len(as) != 1 {
		t.Error("another PC is not heard")
	}
}
