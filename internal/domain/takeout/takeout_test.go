package takeout_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/fault/faulttest"
)

// TestWay is one take-out from the application to its end, with what the record says.
func TestWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, emp := t.Context(), h.as("per_emp")
	r := h.approved(h.form())
	p := must(h.Make(ctx, emp, r.Label))(t)
	if again := must(h.Make(ctx, emp, r.Label))(t); again.ID != p.ID {
		t.Errorf("an approval was used twice: %s and %s", p.Label, again.Label)
	}
	p = must(h.Leave(ctx, emp, h.departure(p, takeout.ToThere)))(t)
	p = must(h.Arrive(ctx, emp, press(p)))(t)
	if p.State != takeout.There {
		t.Errorf("arrived: %s", p.State)
	}
	p = must(h.Leave(ctx, emp, h.departure(p, takeout.ToOffice)))(t)
	h.letters()
	p = must(h.Arrive(ctx, emp, press(p)))(t)
	if got := h.letters(); p.State != takeout.Office || got != "confirm to per_sales" {
		t.Errorf("back: %s, letters %q", p.State, got)
	}
	p = must(h.Confirm(ctx, h.as("per_sales"), p.Label, []takeout.Said{{Item: 0, Outcome: takeout.Destroyed, Note: "シュレッダー"}}))(t)
	if p.State != takeout.Office {
		t.Errorf("closed with an item left: %s", p.State)
	}
	p = must(h.Confirm(ctx, h.as("per_pm"), p.Label, []takeout.Said{{Item: 1, Outcome: takeout.Returned}}))(t)
	if got := h.now1(p); got.State != takeout.Closed || got.Over.IsZero() || !got.NextFire.IsZero() {
		t.Errorf("at the end: %+v", got)
	}
	if got, want := h.kinds(p), "made left arrived left arrived confirmed confirmed closed"; got != want {
		t.Errorf("record %q, want %q", got, want)
	}
}

// TestLate asks the carrier, then tells their superior, then climbs, and never stops by
// itself; what the carrier says starts it anew.
func TestLate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.gone()
	for n, tt := range []struct {
		d    time.Duration
		want string
	}{
		{74 * time.Minute, ""},
		{time.Minute, "late to per_emp"},
		{29 * time.Minute, ""},
		{time.Minute, "late_above to per_sales"},
		{30 * time.Minute, "late_above to per_pm, late_above to per_pres"},
		{3 * time.Hour, ""},
		{time.Hour, "late_above to per_pm, late_above to per_pres"}, // again, as long as nobody knows
	} {
		if got := h.after(tt.d); got != tt.want {
			t.Errorf("step %d: letters %q, want %q", n, got, tt.want)
		}
	}
	p = h.now1(p)
	p = must(h.Delay(t.Context(), h.as("per_emp"), press(p)))(t)
	if want := h.clock().Add(30 * time.Minute); !p.Expected.Equal(want) || p.LateLevel != 0 {
		t.Errorf("expected %v, want %v; level %d", p.Expected, want, p.LateLevel)
	}
	if got := h.after(44 * time.Minute); got != "" {
		t.Errorf("during the delay: %q", got)
	}
	if got := h.after(time.Minute); got != "late to per_emp" {
		t.Errorf("after the delay: %q", got)
	}
	if p = must(h.Arrive(t.Context(), h.as("per_emp"), takeout.Press{Pass: p.Label}))(t); p.State != takeout.There {
		t.Errorf("arrived: %s", p.State)
	}
	if got := h.after(5 * time.Hour); got != "" {
		t.Errorf("after the arrival: %q", got)
	}
}

// TestAskedByLink: the link of the question answers that question, and nothing else.
func TestAskedByLink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.gone()
	_, _, err := h.Asked(t.Context(), p.Label)
	faulttest.Refused(t, "before the question", "fault.link_expired", err)
	h.after(80 * time.Minute)
	by, asked, err := h.Asked(t.Context(), p.Label)
	ok(t, err)
	if by.Person != "per_emp" || by.Via != access.ByLink {
		t.Errorf("actor %+v", by)
	}
	_, err = h.Lose(t.Context(), by, p.Label)
	faulttest.Refused(t, "lost by link", "fault.denied", err)
	_, err = h.Leave(t.Context(), by, h.departure(asked, takeout.ToHome))
	faulttest.Refused(t, "left by link", "fault.takeout_state.moving", err)
	_, err = h.Get(t.Context(), by, p.Label)
	faulttest.Refused(t, "read by link", "fault.denied", err)
	must(h.Arrive(t.Context(), by, press(asked)))(t)
	_, _, err = h.Asked(t.Context(), p.Label)
	faulttest.Refused(t, "after the answer", "fault.link_expired", err)
}

// TestPressedTwice: a press that comes twice is made once, and one of an old page is told
// how it stands.
func TestPressedTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, emp := t.Context(), h.as("per_emp")
	ready := h.pass()
	d := h.departure(ready, takeout.ToThere)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := h.Leave(ctx, emp, d); err != nil {
				t.Errorf("leave: %v", err)
			}
		})
	}
	wg.Wait()
	left := h.now1(ready)
	must(h.Delay(ctx, emp, press(left)))(t)
	delayed := must(h.Delay(ctx, emp, press(left)))(t)
	if len(delayed.Legs) != 1 || delayed.Legs[0].Delays != 1 {
		t.Errorf("legs %+v", delayed.Legs)
	}
	_, err := h.Arrive(ctx, emp, press(left))
	faulttest.Refused(t, "arrive on the page of before", "fault.takeout_state.moving", err)
	must(h.Arrive(ctx, emp, press(delayed)))(t)
	must(h.Arrive(ctx, emp, press(delayed)))(t)
	if got, want := h.kinds(ready), "made left delayed arrived"; got != want {
		t.Errorf("record %q, want %q", got, want)
	}
}

// TestOrder: each press is told how it stands when it is not its turn.
func TestOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, emp := t.Context(), h.as("per_emp")
	p := h.pass()
	at := takeout.Press{Pass: p.Label}
	for name, f := range map[string]func() error{
		"arrive": func() error { _, err := h.Arrive(ctx, emp, at); return err },
		"delay":  func() error { _, err := h.Delay(ctx, emp, at); return err },
		"back":   func() error { _, err := h.Back(ctx, emp, at); return err },
		"lost":   func() error { _, err := h.Lose(ctx, emp, p.Label); return err },
		"confirm": func() error {
			_, err := h.Confirm(ctx, h.as("per_sales"), p.Label, []takeout.Said{{Item: 0, Outcome: takeout.Given, Note: "架空工業"}})
			return err
		},
	} {
		faulttest.Refused(t, name+" before leaving", "fault.takeout_state.ready", f())
	}
	d := h.departure(p, takeout.ToThere)
	d.Rules = false
	_, err := h.Leave(ctx, emp, d)
	faulttest.Refused(t, "without the rules", "rules:fault.takeout_rules", err)
	_, err = h.Leave(ctx, emp, h.departure(p, takeout.ToOffice))
	faulttest.Refused(t, "from the office to the office", "place:fault.takeout_in_office", err)
	d = h.departure(p, takeout.ToThere)
	d.Expected = h.clock()
	_, err = h.Leave(ctx, emp, d)
	faulttest.Refused(t, "expected now", "expected:fault.in_past", err)
	p = must(h.Leave(ctx, emp, h.departure(p, takeout.ToThere)))(t)
	_, err = h.Confirm(ctx, h.as("per_sales"), p.Label, []takeout.Said{{Item: 0, Outcome: takeout.Given, Note: "架空工業"}})
	faulttest.Refused(t, "confirmed on the way", "fault.takeout_state.moving", err)
	p = must(h.Arrive(ctx, emp, press(p)))(t)
	_, err = h.Confirm(ctx, h.as("per_sales"), p.Label, []takeout.Said{{Item: 0, Outcome: takeout.Returned}})
	faulttest.Refused(t, "returned while outside", "items.0:fault.takeout_not_back", err)
	_, err = h.Cancel(ctx, emp, press(p), "")
	faulttest.Refused(t, "cancelled after leaving", "fault.takeout_state.there", err)
	// What stays with its receiver closes a pass wherever the carrier is.
	p = must(h.Confirm(ctx, h.as("per_sales"), p.Label, []takeout.Said{{Item: 0, Outcome: takeout.Given, Note: "架空工業"}, {Item: 1, Outcome: takeout.Given, Note: "架空工業"}}))(t)
	if p.State != takeout.Closed {
		t.Errorf("all given: %s", p.State)
	}
	_, err = h.Confirm(ctx, h.as("per_pm"), p.Label, []takeout.Said{{Item: 0, Outcome: takeout.Destroyed, Note: "x"}})
	faulttest.Refused(t, "said otherwise", "items.0:fault.takeout_said", err)
}

// TestStraightHome counts as arrived; the next working day asks for the next leg.
func TestStraightHome(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, emp := t.Context(), h.as("per_emp") // Friday noon
	p := h.gone()
	p = must(h.Arrive(ctx, emp, press(p)))(t)
	p = must(h.Leave(ctx, emp, h.departure(p, takeout.ToHome)))(t)
	p = must(h.Arrive(ctx, emp, press(p)))(t)
	if p.State != takeout.Home || !p.NextFire.Equal(p.Until) {
		t.Errorf("at home: %s until %v", p.State, p.NextFire)
	}
	if got := h.after(47 * time.Hour); got != "" {
		t.Errorf("over the weekend: %q", got)
	}
	// The approved time ends on Sunday. Monday 23 November is a holiday: Tuesday at nine.
	if got := h.after(time.Hour); got != "overdue to per_emp" {
		t.Errorf("at the end: %q", got)
	}
	if got := h.after(45 * time.Hour); got != "morning to per_emp, overdue to per_emp, overdue_above to per_sales" {
		t.Errorf("on Tuesday at nine: %q", got)
	}
	p = must(h.Back(ctx, emp, takeout.Press{Pass: p.Label}))(t)
	if p.State != takeout.Office {
		t.Errorf("back: %s", p.State)
	}
}

// TestOverdue writes each working day, then to the superior, then to the managers.
func TestOverdue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	f := h.form()
	f.Until = h.clock().Add(2 * time.Hour)
	p := must(h.Make(t.Context(), h.as("per_emp"), h.approved(f).Label))(t)
	p = must(h.Leave(t.Context(), h.as("per_emp"), h.departure(p, takeout.ToThere)))(t)
	must(h.Arrive(t.Context(), h.as("per_emp"), press(p)))(t)
	h.letters()
	for n, tt := range []struct {
		d    time.Duration
		want string
	}{
		{2 * time.Hour, "overdue to per_emp"}, // Friday 14:00
		{66 * time.Hour, ""},                  // Monday 08:00, a holiday
		{25 * time.Hour, "overdue to per_emp, overdue_above to per_sales"},
		{24 * time.Hour, "overdue to per_emp"},
		{24 * time.Hour, "overdue to per_emp, overdue_above to per_pm"},
		{time.Hour, ""},
		{23 * time.Hour, "overdue to per_emp"},
	} {
		if got := h.after(tt.d); got != tt.want {
			t.Errorf("step %d at %s: letters %q, want %q", n, h.clock().In(jst()).Format("Mon 15:04"), got, tt.want)
		}
	}
}

// TestLapses: an approval that nobody used expires, and a pass that nobody left with lapses.
func TestLapses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	unused, p := h.approved(h.form()), h.pass()
	h.letters()
	if got := h.after(48 * time.Hour); got != "lapsed to per_emp" {
		t.Errorf("letters %q", got)
	}
	if got := h.now1(p); got.State != takeout.Lapsed || !got.NextFire.IsZero() {
		t.Errorf("pass %+v", got)
	}
	_, err := h.Make(t.Context(), h.as("per_emp"), unused.Label)
	faulttest.Refused(t, "an approval after its end", "request.is_expired", err)
	_, err = h.Leave(t.Context(), h.as("per_emp"), h.departure(p, takeout.ToThere))
	faulttest.Refused(t, "leave after the end", "fault.takeout_state.lapsed", err)
}

// TestLost: case, pass and ledger are one commit; pressed again it is the same case.
func TestLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, emp := t.Context(), h.as("per_emp")
	p := h.gone()
	h.fail = errLedger
	if _, err := h.Lose(ctx, emp, p.Label); !errors.Is(err, errLedger) {
		t.Errorf("with a broken ledger: %v", err)
	}
	if got := h.now1(p); got.State != takeout.Moving || h.kinds(p) != "made left" {
		t.Errorf("half a loss was kept: %s, %s", got.State, h.kinds(p))
	}
	h.fail, h.lost, h.cases = nil, nil, 0
	lost := must(h.Lose(ctx, emp, p.Label))(t)
	again := must(h.Lose(ctx, emp, p.Label))(t)
	if lost.Case != "INC-2026-0001" || again.Case != lost.Case || h.cases != 1 || strings.Join(h.lost, " ") != "ast_1 inc_1" {
		t.Errorf("case %s, %s, %d cases, ledger %q", lost.Case, again.Case, h.cases, h.lost)
	}
	if got := h.after(10 * time.Hour); got != "" {
		t.Errorf("after the report: %q", got)
	}
	_, err := h.Arrive(ctx, emp, takeout.Press{Pass: p.Label})
	faulttest.Refused(t, "arrive after the loss", "fault.takeout_state.lost", err)
	// The phone was in the bag: the superior presses.
	other := h.gone()
	if _, err := h.Lose(ctx, h.as("per_sales"), other.Label); err == nil {
		t.Error("one case took two passes") // the test's cases have one number
	}
	if _, err := h.Lose(ctx, h.as("per_gen"), other.Label); !fault.Is(err, fault.NotFound) {
		t.Errorf("a stranger reports: %v", err)
	}
}

// TestWhoSees: the carrier, those above, who allowed it, and who reads everything. The
// auditor changes nothing, nobody decides or confirms their own.
func TestWhoSees(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	p := h.gone()
	p = must(h.Back(ctx, h.as("per_emp"), press(p)))(t)
	said := []takeout.Said{{Item: 0, Outcome: takeout.Returned}}
	for person, want := range map[string]struct {
		sees    bool
		confirm string // the refusal; "" for none
	}{
		"per_emp": {true, "fault.takeout_self"}, "per_sales": {true, ""}, "per_pres": {true, ""}, "per_pm": {true, ""},
		"per_aud": {true, "fault.auditor_readonly"}, "per_gen": {false, "fault.not_found"}, "per_it": {false, "fault.not_found"},
	} {
		by := h.as(person)
		_, err := h.Get(ctx, by, p.Label)
		if want.sees != (err == nil) {
			t.Errorf("%s sees: %v", person, err)
		}
		list := must(h.List(ctx, by, takeout.Query{}))(t)
		if want.sees != (len(list.Rows) == 1) {
			t.Errorf("%s lists %d", person, len(list.Rows))
		}
		if _, err := h.Confirm(ctx, by, p.Label, said); want.confirm == "" {
			ok(t, err)
		} else {
			faulttest.Refused(t, person+" confirms", want.confirm, err)
		}
		if person != "per_emp" {
			if _, err := h.Arrive(ctx, by, takeout.Press{Pass: p.Label}); err == nil {
				t.Errorf("%s pressed for the carrier", person)
			}
		}
	}
	if got := h.now1(p); len(got.Accounts) != 1 {
		t.Errorf("the same was said %d times", len(got.Accounts))
	}
	// Who has used up somebody else's approval?
	r := h.approved(h.form())
	_, err := h.Make(ctx, h.as("per_sales"), r.Label)
	faulttest.Refused(t, "another's approval", "fault.not_found", err)
}

// TestForm refuses what cannot be decided about.
func TestForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for want, change := range map[string]func(*takeout.Form){
		"items:fault.takeout_nothing":     func(f *takeout.Form) { f.Items = nil },
		"items.0:fault.required":          func(f *takeout.Form) { f.Items[0].Name = " " },
		"items.0:fault.takeout_count":     func(f *takeout.Form) { f.Items[0].Count = 0 },
		"items.1:fault.takeout_no_thing":  func(f *takeout.Form) { f.Items[1].Number = "USB-7777" },
		"items.1:fault.takeout_gone":      func(f *takeout.Form) { f.Items[1].Number = "USB-0009" },
		"items.2:fault.takeout_twice":     func(f *takeout.Form) { f.Items = append(f.Items, f.Items[1]) },
		"kinds:fault.required":            func(f *takeout.Form) { f.Kinds = nil },
		"kinds:fault.unknown_choice":      func(f *takeout.Form) { f.Kinds = []string{"name", "shoe_size"} },
		"kinds:fault.takeout_none":        func(f *takeout.Form) { f.Kinds = []string{"name", takeout.NoPersonal} },
		"owners:fault.required":           func(f *takeout.Form) { f.Owners = nil },
		"headcount:fault.takeout_people":  func(f *takeout.Form) { f.People = 0 },
		"way:fault.unknown_choice":        func(f *takeout.Form) { f.Way = "drone" },
		"where:fault.required":            func(f *takeout.Form) { f.To = "" },
		"until:fault.ends_before_start":   func(f *takeout.Form) { f.Until = f.From },
		"until:fault.takeout_too_long":    func(f *takeout.Form) { f.Until = f.From.Add(93 * 24 * time.Hour) },
		"manifest:fault.takeout_manifest": func(f *takeout.Form) { f.Manifest = "tkm_none" },
		"certainty:fault.unknown_choice":  func(f *takeout.Form) { f.Certainty = "maybe" },
		"purpose:fault.required":          func(f *takeout.Form) { f.Purpose = "\u200b" },
		"from:fault.in_past":              func(f *takeout.Form) { f.From = f.From.Add(-25 * time.Hour) },
		"items.0:fault.unknown_choice":    func(f *takeout.Form) { f.Items[0].Kind = "teapot" },
		"items:fault.too_many_items":      func(f *takeout.Form) { f.Items = make([]takeout.Item, 51) },
		"owners:fault.unknown_choice":     func(f *takeout.Form) { f.Owners = []string{"martians"} },
		"until:fault.in_past":             func(f *takeout.Form) { f.From, f.Until = f.From.Add(-2*time.Hour), f.From.Add(-time.Hour) },
	} {
		f := h.form()
		change(&f)
		_, err := h.submit("per_emp", f)
		faulttest.Refused(t, want, want, err)
	}
	f := h.form()
	f.Kinds, f.Owners, f.People, f.Certainty = []string{takeout.NoPersonal}, []string{"customers"}, 5, takeout.Unknown
	r := must(h.submit("per_emp", f))(t)
	if s := string(r.Form); strings.Contains(s, "customers") || strings.Contains(s, "headcount") {
		t.Errorf("without personal data: %s", s)
	}
}

// TestManifest: what the files hold is part of what is approved, and judged.
func TestManifest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, emp := t.Context(), h.as("per_emp")
	hash := strings.Repeat("ab", 32)
	good := []takeout.Line{{Name: "名簿/a.csv", Size: 100, SHA256: strings.ToUpper(hash), Kinds: []string{"payment_card", "name", "name"}, People: 1001, Encrypted: "AES-256 ZIP"}, {Name: "b.txt", Size: 5, SHA256: hash}}
	m := must(h.KeepManifest(ctx, emp, good))(t)
	if again := must(h.KeepManifest(ctx, emp, good))(t); again.ID != m.ID {
		t.Error("the same list was kept twice")
	}
	f := h.form()
	f.Items, f.Manifest, f.Kinds, f.People = []takeout.Item{{Kind: takeout.Listed, Count: 7}}, m.ID, []string{takeout.NoPersonal}, 3
	_, err := h.submit("per_sales", f)
	faulttest.Refused(t, "another's manifest", "manifest:fault.takeout_manifest", err)
	r := h.approved(f)
	for _, want := range []string{`"count":2`, `"bytes":105`, m.SHA256, `"name"`, `"payment_card"`, `"manifest_people":1001`} {
		if !strings.Contains(string(r.Form), want) {
			t.Errorf("%s is missing in %s", want, r.Form)
		}
	}
	p := must(h.Make(ctx, emp, r.Label))(t)
	v := must(h.Get(ctx, h.as("per_pm"), p.Label))(t)
	if len(v.Manifest.Lines) != 2 || v.Judged.Verdict != takeout.Would || v.Judged.People != 1001 {
		t.Errorf("seen: %+v", v.Judged)
	}
	bad := func(change func(*takeout.Line)) []takeout.Line {
		l := good[1]
		change(&l)
		return []takeout.Line{good[0], l}
	}
	for name, lines := range map[string][]takeout.Line{
		"nothing": {}, "too many": make([]takeout.Line, takeout.MaxLines+1),
		"no name": bad(func(l *takeout.Line) { l.Name = "\n" }), "no hash": bad(func(l *takeout.Line) { l.SHA256 = "ab" }), "negative": bad(func(l *takeout.Line) { l.Size = -1 }),
		"kind": bad(func(l *takeout.Line) { l.Kinds = []string{"none"} }), "people": bad(func(l *takeout.Line) { l.People = -1 }), "broken name": bad(func(l *takeout.Line) { l.Name = "a\xff" }),
	} {
		if _, err := h.KeepManifest(ctx, emp, lines); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestErased: after the retention nobody knows who carried what.
func TestErased(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, pm := t.Context(), h.as("per_pm")
	p := h.pass()
	must(h.Cancel(ctx, h.as("per_emp"), press(p), "中止"))(t)
	open := h.pass()
	h.wait(100 * 24 * time.Hour)
	if _, err := h.EraseExpired(ctx, h.as("per_emp"), time.Hour); err == nil {
		t.Error("anybody erases")
	}
	if n := must(h.EraseExpired(ctx, pm, 0))(t); n != 0 {
		t.Errorf("%d erased without a retention", n)
	}
	if n := must(h.EraseExpired(ctx, pm, 99*24*time.Hour))(t); n != 1 {
		t.Errorf("%d erased, want 1", n)
	}
	v := must(h.Get(ctx, pm, p.Label))(t)
	if v.Person != "" || len(v.Form.Items) > 0 || v.Why != "" || v.ErasedAt.IsZero() || v.State != takeout.Cancelled {
		t.Errorf("erased: %+v", v.Pass)
	}
	if got := h.now1(open); got.Person != "per_emp" {
		t.Errorf("an open pass was erased: %+v", got)
	}
}

// TestNote is the line that the letter to whoever decides has more than others.
func TestNote(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	f := h.form()
	f.People = 1001
	must(h.submit("per_emp", f))(t)
	ls := must(h.db.ClaimLetters(t.Context(), h.clock(), time.Minute, 10))(t)
	if len(ls) != 1 || ls[0].Topic != "request.decide" || ls[0].Person != "per_sales" || ls[0].Args["note"] != "takeout.loss.would.known" || ls[0].Args["people"] != "1001" {
		t.Errorf("letters %+v", ls)
	}
}

// TestReadItems reads what people type.
func TestReadItems(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]takeout.Item{
		"顧客名簿 × 2": {Name: "顧客名簿", Count: 2}, "顧客名簿×10部": {Name: "顧客名簿", Count: 10}, "Customer list x 3": {Name: "Customer list", Count: 3},
		"見積、請求": {Name: "見積、請求", Count: 1}, "図面": {Name: "図面", Count: 1}, "名簿,5": {Name: "名簿", Count: 5}, "box × 0": {Name: "box × 0", Count: 1},
	} {
		got := takeout.ReadItems(takeout.Paper, "\n"+typed+"\n")
		if len(got) != 1 || got[0].Name != want.Name || got[0].Count != want.Count {
			t.Errorf("%q: %+v, want %+v", typed, got, want)
		}
	}
	if got := takeout.ReadItems(takeout.OfLedger, "USB-0001, USB-0002\nPC-1"); len(got) != 3 || got[1].Number != "USB-0002" {
		t.Errorf("numbers %+v", got)
	}
}
