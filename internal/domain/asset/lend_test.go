package asset_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault/faulttest"
)

// A whole loan: what the PC is told, and the record of it.
func TestALoanFromHandOverToStore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	req := h.grant("per_emp", asset.KindLoan, h.form("USB-0001", "dev_emp"), request.Approved)
	l := must(h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: req, Asset: "usb-0001"}))(t)
	if l.Label != "LOAN-2026-0001" || l.Person != "per_emp" || l.Device != "dev_emp" || l.State != asset.Handed {
		t.Fatalf("handed over %+v", l)
	}
	if m := h.media["dev_emp"]; len(m) != 0 {
		t.Errorf("works before it was received: %+v", m)
	}
	l = must(h.Receive(ctx, h.as("per_emp"), l.Label))(t)
	m := h.media["dev_emp"]
	if len(m) != 1 || m[0].Asset != "USB-0001" || m[0].Loan != l.Label || m[0].Vendor != "0951" || m[0].Serial != "AA00" || m[0].Token == "" || m[0].Until.Time() != l.Until {
		t.Fatalf("the PC is told %+v", m)
	}
	l = must(h.TakeBack(ctx, h.as("per_gen"), l.Label))(t)
	if len(h.media["dev_emp"]) != 0 {
		t.Error("still works after it was taken back")
	}
	if a := must(h.db.Asset(ctx, "USB-0001"))(t); a.State != asset.Lent || a.Borrower != "" || a.Loan != l.ID {
		t.Errorf("while content is unconfirmed: %+v", a)
	}
	l = must(h.Confirm(ctx, h.as("per_pm"), asset.Check{Loan: l.Label, Content: "work_files", Erased: "overwritten"}))(t)
	if l.State != asset.Done || l.DoneBy != "per_pm" {
		t.Errorf("confirmed: %+v", l)
	}
	if a := must(h.db.Asset(ctx, "USB-0001"))(t); a.State != asset.InStore || a.Loan != "" {
		t.Errorf("in store again: %+v", a)
	}
	const want = "asset.added asset.registration_asked asset.registered media.registered loan.handed loan.received loan.back loan.confirmed"
	if got := h.kinds("USB-0001"); got != want {
		t.Errorf("record: %s", got)
	}
	r := must(h.db.Request(ctx, req))(t)
	if r.UsedBy != l.ID {
		t.Errorf("the approval is used by %q", r.UsedBy)
	}
}

// Whoever tries to get around a second or third person is refused, and nothing is changed.
func TestLoanRefusesWhoTricksIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	h.registered("USB-0002", "AA01")
	hand := func(person, req, number, device string) error {
		_, err := h.HandOver(ctx, h.as(person), asset.HandOver{Request: req, Asset: number, Device: device})
		return err
	}
	mine := h.grant("per_gen", asset.KindLoan, h.form("USB-0001", "dev_gen"), request.Approved)
	faulttest.Refused(t, "keeper hands over to self", "fault.loan_self", hand("per_gen", mine, "USB-0001", ""))
	for state, id := range map[request.State]string{request.Waiting: "request.not_approved", request.Refused: "request.not_approved", request.Expired: "request.not_approved"} {
		faulttest.Refused(t, string(state), id, hand("per_gen", h.grant("per_emp", asset.KindLoan, h.form("USB-0001", "dev_emp"), state), "USB-0001", ""))
	}
	good := h.grant("per_emp", asset.KindLoan, h.form("USB-0001", "dev_emp"), request.Approved)
	faulttest.Refused(t, "another thing", "fault.loan_other_thing", hand("per_gen", good, "USB-0002", ""))
	faulttest.Refused(t, "another PC", "fault.loan_other_device", hand("per_gen", good, "USB-0001", "dev_sales"))
	faulttest.Refused(t, "no such request", "fault.not_found", hand("per_gen", "REQ-2026-9999", "USB-0001", ""))
	faulttest.Refused(t, "somebody without duty", "fault.not_found", hand("per_emp", good, "USB-0001", ""))
	faulttest.Refused(t, "the auditor", "fault.auditor_readonly", hand("per_aud", good, "USB-0001", ""))
	theirs := h.grant("per_emp", asset.KindLoan, h.form("USB-0001", "dev_sales"), request.Approved)
	faulttest.Refused(t, "a PC that is not the borrower's", "fault.loan_other_device", hand("per_gen", theirs, "USB-0001", ""))
	other := h.grant("per_emp", asset.KindExtension, asset.ExtensionForm{Loan: "LOAN-2026-0001"}, request.Approved)
	faulttest.Refused(t, "approval of another kind", "fault.not_found", hand("per_gen", other, "USB-0001", ""))
	if got := h.kinds("USB-0001"); strings.Contains(got, "loan.") {
		t.Fatalf("something was done: %s", got)
	}

	ok(t, hand("per_gen", good, "USB-0001", "dev_emp"))
	faulttest.Refused(t, "the same approval again", "fault.asset_state.lent", hand("per_gen", good, "USB-0001", ""))
	some := h.form("", "dev_emp")
	twice := h.grant("per_emp", asset.KindLoan, some, request.Approved)
	ok(t, hand("per_gen", twice, "USB-0002", ""))
	h.registered("USB-0003", "AA02")
	faulttest.Refused(t, "the same approval for another thing", "request.is_used", hand("per_gen", twice, "USB-0003", ""))
	l := must(h.db.Loan(ctx, "LOAN-2026-0001"))(t)

	_, err := h.Receive(ctx, h.as("per_gen"), l.Label)
	faulttest.Refused(t, "another receives", "fault.loan_not_yours", err)
	_, err = h.Receive(ctx, h.as("per_sales"), l.Label)
	faulttest.Refused(t, "a stranger receives", "fault.not_found", err)
	link := h.as("per_emp")
	link.Via = access.ByLink
	_, err = h.Receive(ctx, link, l.Label)
	faulttest.Refused(t, "by a link", "fault.denied", err)
	_, err = h.TakeBack(ctx, h.as("per_emp"), l.Label)
	faulttest.Refused(t, "borrower takes back", "fault.loan_own_return", err)
	_, err = h.Receive(ctx, h.as("per_emp"), l.Label)
	ok(t, err)
	_, err = h.Receive(ctx, h.as("per_emp"), l.Label)
	faulttest.Refused(t, "twice", "fault.loan_state.out", err)
	_, err = h.Confirm(ctx, h.as("per_pm"), asset.Check{Loan: l.Label, Content: "empty", Erased: "erased"})
	faulttest.Refused(t, "confirmed while it is out", "fault.loan_state.out", err)
	_, err = h.TakeBack(ctx, h.as("per_gen"), l.Label)
	ok(t, err)
	_, err = h.Confirm(ctx, h.as("per_gen"), asset.Check{Loan: l.Label, Content: "empty", Erased: "erased"})
	faulttest.Refused(t, "who took it back confirms", "fault.loan_third_person", err)
	// The borrower may see their loan still, and confirms nothing.
	_, err = h.Confirm(ctx, h.as("per_emp"), asset.Check{Loan: l.Label, Content: "empty", Erased: "erased"})
	faulttest.Refused(t, "borrower confirms", "fault.denied", err)
	for _, k := range []struct {
		id string
		asset.Check
	}{{"content:fault.unknown_choice", asset.Check{Content: "", Erased: "erased"}}, {"erased:fault.unknown_choice", asset.Check{Content: "empty", Erased: "washed"}},
		{"fault.loan_kept_why", asset.Check{Content: "work_files", Erased: "kept"}}, {"fault.too_long", asset.Check{Content: "empty", Erased: "erased", Note: strings.Repeat("あ", 1001)}}} {
		k.Loan = l.Label
		_, err = h.Confirm(ctx, h.as("per_it"), k.Check)
		faulttest.Refused(t, k.id, k.id, err)
	}
}

// A borrower who also manages the ledger cannot confirm their own return either.
func TestBorrowerWithDutiesConfirmsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	h.pcs["dev_it"] = "per_it"
	req := h.grant("per_it", asset.KindLoan, h.form("USB-0001", "dev_it"), request.Approved)
	l := must(h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: req, Asset: "USB-0001"}))(t)
	must(h.Receive(ctx, h.as("per_it"), l.ID))(t)
	_, err := h.TakeBack(ctx, h.as("per_it"), l.ID)
	faulttest.Refused(t, "takes back", "fault.loan_own_return", err)
	must(h.TakeBack(ctx, h.as("per_gen"), l.ID))(t)
	_, err = h.Confirm(ctx, h.as("per_it"), asset.Check{Loan: l.ID, Content: "empty", Erased: "erased"})
	faulttest.Refused(t, "confirms", "fault.loan_third_person", err)
}

func TestLoanFormRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.registered("USB-0001", "AA00") // of d_gen, which per_emp does not see
	h.pcs["dev_dep"] = "per_dep"
	check := func(person string, f asset.LoanForm) error {
		raw, err := json.Marshal(f)
		ok(t, err)
		_, err = h.LoanKind().Check(t.Context(), h.as(person), raw, h.clock())
		return err
	}
	good := h.form("USB-0001", "dev_dep")
	ok(t, check("per_dep", good))
	week := 7 * 24 * time.Hour
	for what, tt := range map[string]struct {
		id     string
		change func(*asset.LoanForm)
	}{
		"no purpose":        {"purpose:fault.required", func(f *asset.LoanForm) { f.Purpose = " \u200b" }},
		"no contents":       {"contents:fault.required", func(f *asset.LoanForm) { f.Contents = "" }},
		"in the past":       {"until:fault.in_past", func(f *asset.LoanForm) { f.From, f.Until = f.From.Add(-2*week), f.Until.Add(-2*week) }},
		"begins long ago":   {"from:fault.in_past", func(f *asset.LoanForm) { f.From = f.From.Add(-week) }},
		"backwards":         {"until:fault.ends_before_start", func(f *asset.LoanForm) { f.Until = f.From }},
		"no end":            {"until:fault.required", func(f *asset.LoanForm) { f.Until = time.Time{} }},
		"two years":         {"until:fault.loan_too_long", func(f *asset.LoanForm) { f.Until = f.From.AddDate(2, 0, 0) }},
		"begins in a while": {"from:fault.loan_too_far", func(f *asset.LoanForm) { f.From, f.Until = f.From.AddDate(3, 0, 0), f.Until.AddDate(3, 0, 0) }},
		"another's PC":      {"device:fault.loan_device", func(f *asset.LoanForm) { f.Device = "dev_emp" }},
		"no such PC":        {"device:fault.loan_device", func(f *asset.LoanForm) { f.Device = "dev_none" }},
		"no PC":             {"device:fault.required", func(f *asset.LoanForm) { f.Device = "" }},
		"no thing":          {"asset:fault.required", func(f *asset.LoanForm) { f.Asset, f.Kind = "", "" }},
		"no such thing":     {"asset:fault.asset_unknown", func(f *asset.LoanForm) { f.Asset = "USB-9999" }},
		"how many people":   {"people:fault.required", func(f *asset.LoanForm) { f.PersonalData = true }},
		"fewer than nobody": {"people:fault.unknown_choice", func(f *asset.LoanForm) { f.People = -1 }},
	} {
		f := good
		tt.change(&f)
		faulttest.Refused(t, what, tt.id, check("per_dep", f))
	}
	// Another department's thing looks as one that is not there.
	f := good
	f.Device = "dev_emp"
	faulttest.Refused(t, "another department's", "asset:fault.asset_unknown", check("per_emp", f))
	_, err := h.LoanKind().Check(t.Context(), h.as("per_dep"), json.RawMessage(`{"from":7}`), h.clock())
	faulttest.Refused(t, "no form", "fault.bad_json", err)

	// Somebody who leaves before the end.
	o := must(h.db.LoadOrg(t.Context()))(t)
	p := o.People["per_dep"]
	p.Left = h.clock().Add(72 * time.Hour)
	ok(t, h.db.UpdateDirectory(t.Context(), func(tx directory.Tx) error { return tx.SavePerson(t.Context(), p) }))
	faulttest.Refused(t, "leaves before the end", "until:fault.loan_leaves", check("per_dep", good))
	req := h.grant("per_dep", asset.KindLoan, good, request.Approved)
	_, err = h.HandOver(t.Context(), h.as("per_gen"), asset.HandOver{Request: req, Asset: "USB-0001"})
	faulttest.Refused(t, "leaves before the end, at the hand-over", "fault.loan_leaves", err)
}

// Two loans of one thing never overlap, whichever way the second one comes.
func TestLoansDoNotOverlap(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	h.pcs["dev_dep"] = "per_dep"
	l := h.lend("USB-0001")
	f := h.form("USB-0001", "dev_dep")
	raw := must(json.Marshal(f))(t)
	_, err := h.LoanKind().Check(ctx, h.as("per_dep"), raw, h.clock())
	faulttest.Refused(t, "asked for within the other's time", "asset:fault.loan_overlap", err)
	f.From, f.Until = l.Until.Add(time.Hour), l.Until.Add(48*time.Hour)
	_, err = h.LoanKind().Check(ctx, h.as("per_dep"), must(json.Marshal(f))(t), h.clock())
	ok(t, err)
	req := h.grant("per_dep", asset.KindLoan, f, request.Approved)
	_, err = h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: req, Asset: "USB-0001"})
	faulttest.Refused(t, "handed over while it is out", "fault.asset_state.lent", err)
}

// Two keepers hand over one stick at the same moment: one of them does.
func TestHandOverOfTwoAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.registered("USB-0001", "AA00")
	reqs := []string{h.grant("per_emp", asset.KindLoan, h.form("USB-0001", "dev_emp"), request.Approved), h.grant("per_sales", asset.KindLoan, h.form("USB-0001", "dev_sales"), request.Approved)}
	errs := make(chan error)
	for _, r := range reqs {
		go func() {
			_, err := h.HandOver(context.Background(), h.as("per_gen"), asset.HandOver{Request: r, Asset: "USB-0001"})
			errs <- err
		}()
	}
	var got []bool
	for range reqs {
		got = append(got, <-errs == nil)
	}
	if got[0] == got[1] {
		t.Errorf("handed over: %v", got)
	}
}

func TestRemindersEndAndWhatFollows(t *testing.T) {
	t.Parallel()
	h := newHouse(t) // Friday noon, JST
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	h.registered("USB-0002", "AA01")
	h.pcs["dev_emp2"] = "per_emp"
	l := h.lend("USB-0001") // until the next Friday noon
	h.wait(time.Minute)
	two := h.lend("USB-0002")
	same := func(what string, want ...string) {
		t.Helper()
		h.fire()
		got := h.letters()
		slices.Sort(got)
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	same("on hand-over", "loan.handed to per_emp", "loan.handed to per_emp")
	to := func(at time.Time) { h.wait(at.Sub(h.clock())) }
	to(l.Until.Add(-27*time.Hour - time.Second))
	same("before the day before")
	// Monday 23 November is a holiday; Thursday is the working day before.
	to(time.Date(2026, 11, 26, 9, 0, 0, 0, jst()))
	same("a working day before", "loan.reminder to per_emp", "loan.reminder to per_emp")
	same("once only")
	to(two.Until.Add(-time.Hour))
	same("an hour before", "loan.reminder to per_emp", "loan.reminder to per_emp")
	if len(h.media["dev_emp"]) != 2 {
		t.Errorf("works until the end: %+v", h.media["dev_emp"])
	}
	to(two.Until)
	same("at the end one letter about both", "loan.overdue to per_emp")
	if len(h.media["dev_emp"]) != 0 {
		t.Errorf("works after the end: %+v", h.media["dev_emp"])
	}
	if s := must(h.Find(ctx, h.as("per_it"), asset.Query{State: asset.Overdue}))(t); len(s.Rows) != 2 || s.Rows[0].Now != asset.Overdue {
		t.Errorf("overdue in the ledger: %+v", s.Rows)
	}
	// Nothing new while it is overdue.
	h.registered("USB-0003", "AA02")
	_, err := h.LoanKind().Check(ctx, h.as("per_emp"), must(json.Marshal(h.form("", "dev_emp")))(t), h.clock())
	faulttest.Refused(t, "a new request", "fault.loan_overdue", err)
	req := h.grant("per_emp", asset.KindLoan, h.form("USB-0003", "dev_emp"), request.Approved)
	_, err = h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: req, Asset: "USB-0003"})
	faulttest.Refused(t, "a new hand-over", "fault.loan_overdue", err)
	_, err = h.ExtensionKind().Check(ctx, h.as("per_emp"), must(json.Marshal(asset.ExtensionForm{Loan: l.Label, Until: h.clock().Add(48 * time.Hour), Why: "x"}))(t), h.clock())
	faulttest.Refused(t, "an extension when it is over", "fault.loan_state.ended", err)

	to(time.Date(2026, 11, 30, 9, 0, 0, 0, jst())) // Monday
	same("a working day later also the superior", "loan.overdue to per_emp", "loan.overdue_above to per_sales")
	to(time.Date(2026, 12, 1, 9, 0, 0, 0, jst()))
	same("each working day", "loan.overdue to per_emp")
	to(time.Date(2026, 12, 2, 9, 0, 0, 0, jst()))
	same("three working days later the protection manager", "loan.overdue to per_emp", "loan.overdue_manager to per_pm")

	must(h.Chase(ctx, h.as("per_gen"), l.Label))(t)
	_, err = h.Chase(ctx, h.as("per_it"), l.Label)
	faulttest.Refused(t, "chased twice a day", "fault.loan_chased", err)
	same("chased", "loan.chase to per_emp")
	to(time.Date(2026, 12, 3, 9, 0, 0, 0, jst()))
	h.fire()
	must(h.TakeBack(ctx, h.as("per_gen"), l.Label))(t)
	same("one of two is back", "loan.overdue to per_emp")
	to(time.Date(2026, 12, 4, 9, 0, 0, 0, jst()))
	h.fire()
	must(h.TakeBack(ctx, h.as("per_gen"), two.Label))(t)
	same("all is back: what was planned is called off")
	_, err = h.Chase(ctx, h.as("per_gen"), l.Label)
	faulttest.Refused(t, "chased when it is back", "fault.loan_not_overdue", err)
	to(time.Date(2026, 12, 7, 9, 0, 0, 0, jst()))
	same("back: nothing more")
}

// Firing twice, on two servers, does everything once.
func TestTimersOfTwoServers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.registered("USB-0001", "AA00")
	l := h.lend("USB-0001")
	h.letters()
	h.wait(l.Until.Sub(h.clock()))
	done := make(chan error)
	for range 4 {
		go func() {
			_, err := h.FireDue(context.Background())
			done <- err
		}()
	}
	for range 4 {
		ok(t, <-done)
	}
	if got := h.letters(); len(got) != 1 {
		t.Errorf("letters: %v", got)
	}
	if n := strings.Count(h.kinds("USB-0001"), "loan.ended"); n != 1 {
		t.Errorf("ended %d times", n)
	}
	if at, ok, err := h.NextDue(t.Context()); err != nil || !ok || !at.After(h.clock()) {
		t.Errorf("next: %v %v %v", at, ok, err)
	}
}

func TestExtension(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	l := h.lend("USB-0001")
	f := asset.ExtensionForm{Loan: strings.ToLower(l.Label), Until: l.Until.Add(72 * time.Hour), Why: "客先の都合"}
	check := func(person string, f asset.ExtensionForm) error {
		_, err := h.ExtensionKind().Check(ctx, h.as(person), must(json.Marshal(f))(t), h.clock())
		return err
	}
	ok(t, check("per_emp", f))
	faulttest.Refused(t, "another's loan", "loan:fault.loan_unknown", check("per_sales", f))
	short, long := f, f
	short.Until, long.Until = l.Until, l.Until.AddDate(2, 0, 0)
	faulttest.Refused(t, "not longer", "until:fault.loan_not_longer", check("per_emp", short))
	faulttest.Refused(t, "too long", "until:fault.loan_too_long", check("per_emp", long))
	f.Loan = l.Label
	_, err := h.Extend(ctx, h.as("per_emp"), h.grant("per_emp", asset.KindExtension, f, request.Waiting))
	faulttest.Refused(t, "not approved", "request.not_approved", err)
	_, err = h.Extend(ctx, h.as("per_emp"), h.grant("per_sales", asset.KindExtension, f, request.Approved))
	faulttest.Refused(t, "somebody else's request", "fault.not_found", err)
	req := h.grant("per_emp", asset.KindExtension, f, request.Approved)
	_, err = h.Extend(ctx, h.as("per_sales"), req)
	faulttest.Refused(t, "by a stranger", "fault.not_found", err)
	got := must(h.Extend(ctx, h.as("per_emp"), req))(t)
	if !got.Until.Equal(f.Until) || h.media["dev_emp"][0].Until.Time() != f.Until {
		t.Errorf("until %v, the PC has %+v", got.Until, h.media["dev_emp"])
	}
	_, err = h.Extend(ctx, h.as("per_emp"), req)
	faulttest.Refused(t, "used again", "fault.loan_not_longer", err)
	if must(h.db.Asset(ctx, "USB-0001"))(t).Due != f.Until {
		t.Error("the ledger has another end")
	}
}

func TestRecallAndLoss(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	h.registered("USB-0002", "AA01")
	req := h.grant("per_emp", asset.KindLoan, h.form("USB-0001", "dev_emp"), request.Approved)
	l := must(h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: req, Asset: "USB-0001"}))(t)
	_, err := h.Recall(ctx, h.as("per_gen"), l.Label, " ")
	faulttest.Refused(t, "without a reason", "reason:fault.required", err)
	_, err = h.Recall(ctx, h.as("per_emp"), l.Label, "x")
	faulttest.Refused(t, "by the borrower", "fault.denied", err)
	l = must(h.Recall(ctx, h.as("per_gen"), l.Label, "取りに来ない"))(t)
	if a := must(h.db.Asset(ctx, "USB-0001"))(t); l.State != asset.Recalled || a.State != asset.InStore || a.Borrower != "" {
		t.Errorf("never received: %s, %+v", l.State, a)
	}
	out := h.lend("USB-0001")
	h.wait(time.Hour)
	got := must(h.Recall(ctx, h.as("per_pm"), out.Label, "急ぎで必要"))(t)
	if got.State != asset.Ended || len(h.media["dev_emp"]) != 0 {
		t.Errorf("called back: %s, the PC has %+v", got.State, h.media["dev_emp"])
	}
	must(h.TakeBack(ctx, h.as("per_gen"), out.Label))(t)

	lent := h.lend("USB-0002")
	faulttest.Refused(t, "lost, says a stranger", "fault.not_found", h.ReportLost(ctx, h.as("per_sales"), "USB-0002", ""))
	ok(t, h.ReportLost(ctx, h.as("per_emp"), "USB-0002", "INC-2026-0001"))
	if l := must(h.db.Loan(ctx, lent.ID))(t); l.State != asset.Broken || len(h.media["dev_emp"]) != 0 {
		t.Errorf("lost: %s, the PC has %+v", l.State, h.media["dev_emp"])
	}
	faulttest.Refused(t, "lost twice", "fault.not_found", h.ReportLost(ctx, h.as("per_emp"), "USB-0002", "")) // no longer theirs to see
	_, err = h.TakeBack(ctx, h.as("per_gen"), lent.Label)
	faulttest.Refused(t, "taken back when lost", "fault.loan_state.lost", err)
	ok(t, h.SetState(ctx, h.as("per_gen"), "USB-0002", asset.InStore, "机の裏で見つかった"))
}

// What one may not see looks as if it were not there.
func TestSight(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00") // d_gen, kept by per_gen
	must(h.Add(ctx, h.as("per_pm"), asset.Asset{Number: "CASE-1", Kind: asset.DocumentCase, Department: "d_sales1", Keeper: "per_emp"}))(t)
	l := h.lend("USB-0001")
	for person, want := range map[string][]string{
		"per_it": {"CASE-1", "USB-0001"}, "per_pm": {"CASE-1", "USB-0001"}, "per_aud": {"CASE-1", "USB-0001"}, "per_pres": {"CASE-1", "USB-0001"},
		"per_gen": {"USB-0001"}, "per_emp": {"CASE-1", "USB-0001"}, "per_sales": {"CASE-1"}, "per_dep": nil,
	} {
		p := must(h.Find(ctx, h.as(person), asset.Query{}))(t)
		var got []string
		for _, r := range p.Rows {
			got = append(got, r.Number)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s lists (-want +got):\n%s", person, d)
		}
		for _, number := range []string{"CASE-1", "USB-0001"} {
			_, err := h.Get(ctx, h.as(person), number)
			if slices.Contains(want, number) {
				ok(t, err)
			} else {
				faulttest.Refused(t, person+" opens "+number, "fault.not_found", err)
			}
		}
		n := 0
		for _, c := range must(h.Count(ctx, h.as(person)))(t) {
			n += c
		}
		if n != len(want) {
			t.Errorf("%s counts %d", person, n)
		}
	}
	for person, sees := range map[string]bool{"per_it": true, "per_gen": true, "per_emp": true, "per_sales": false, "per_dep": false} {
		p := must(h.Loans(ctx, h.as(person), asset.LoanQuery{}))(t)
		_, err := h.Loan(ctx, h.as(person), l.Label)
		if (len(p.Rows) == 1) != sees || (err == nil) != sees {
			t.Errorf("%s: %d loans, %v", person, len(p.Rows), err)
		}
	}
	for _, via := range []access.Via{access.ByLink, access.ByDevice} {
		a := h.as("per_it")
		a.Via = via
		if _, err := h.Find(ctx, a, asset.Query{}); err == nil {
			t.Errorf("by %s everything is listed", via)
		}
	}
	if _, err := h.Find(ctx, access.Actor{}, asset.Query{}); err == nil {
		t.Error("nobody lists everything")
	}
	narrow := h.as("per_it")
	narrow.Scopes = []access.Permission{access.Submit}
	if p := must(h.Find(ctx, narrow, asset.Query{}))(t); len(p.Rows) != 0 {
		t.Errorf("a token without asset:read lists %+v", p.Rows)
	}
	v := must(h.Get(ctx, h.as("per_emp"), "USB-0001"))(t)
	if len(v.Loans) != 1 || v.History != nil || v.Attempts != nil || v.May.TakeBack || v.May.Change {
		t.Errorf("the borrower's view: %+v", v)
	}
	if v := must(h.Get(ctx, h.as("per_gen"), "USB-0001"))(t); !v.May.TakeBack || len(v.History) == 0 {
		t.Errorf("the keeper's view: %+v", v.May)
	}
	mine := must(h.Mine(ctx, h.as("per_emp")))(t)
	if len(mine) != 1 || mine[0].Number != "USB-0001" {
		t.Errorf("mine: %+v", mine)
	}
	if cs := must(h.Choices(ctx, h.as("per_dep")))(t); len(cs) != 1 || cs[0].Number != "USB-0001" {
		t.Errorf("choices: %+v", cs)
	}
}

// TestLettersOfExtensionAndRecall: the letters that no other test takes have all that they
// must say.
func TestLettersOfExtensionAndRecall(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	l := h.lend("USB-0001")
	h.letters()
	f := asset.ExtensionForm{Loan: l.Label, Until: l.Until.Add(72 * time.Hour), Why: "客先の都合"}
	must(h.Extend(ctx, h.as("per_emp"), h.grant("per_emp", asset.KindExtension, f, request.Approved)))(t)
	got := h.letters()
	must(h.Recall(ctx, h.as("per_gen"), l.Label, "点検のため"))(t)
	if d := cmp.Diff([]string{"loan.extended to per_emp", "loan.recalled to per_emp"}, append(got, h.letters()...)); d != "" {
		t.Error(d)
	}
}
