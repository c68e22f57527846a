package takeout_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
	"sekimori/internal/testkit/letters"
)

// house is take-outs of the made-up company on a real database. per_emp carries; per_sales
// heads their department, per_pres is above, per_pm the protection manager.
type house struct {
	*takeout.Service
	requests *request.Service
	t        *testing.T
	db       *store.DB

	mu     sync.Mutex
	now    time.Time
	org    *directory.Org
	things map[string]takeout.Thing
	lost   []string // things, as the ledger was told
	fail   error    // of Lose
	cases  int
}

func jst() *time.Location { return time.FixedZone("JST", 9*60*60) }

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: storetest.SQLite(t), now: directorytest.Noon(), org: directorytest.Company(), things: map[string]takeout.Thing{
		"USB-0001": {Asset: "ast_1", Number: "USB-0001", Kind: "usb_memory", Model: "架空 UX-1"}, "USB-0009": {Asset: "ast_9", Number: "USB-0009", Kind: "usb_memory", Gone: true}}}
	storetest.Seed(t, h.db, h.org)
	people := directory.NewService(h.db, h.clock)
	cal := jpcal.New(jst(), jpcal.Options{})
	h.Service = takeout.NewService(takeout.Parts{Store: h.db, People: people, Now: h.clock, Zone: jst(), Calendar: cal, Law: grounds(t), Things: h.thing, Report: h.report, Lose: h.lose})
	var err error
	h.requests, err = request.NewService(request.Parts{Store: h.db, People: people, Now: h.clock, Zone: jst(), Calendar: cal, Kinds: []request.Kind{h.Kind()}})
	ok(t, err)
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) thing(_ context.Context, _ access.Actor, number string) (takeout.Thing, bool, error) {
	t, found := h.things[number]
	return t, found, nil
}

// report does what the cases do: also runs in the commit of the case.
func (h *house) report(ctx context.Context, _ access.Actor, _ takeout.Loss, also func(tx takeout.Tx, incident, label string) error) error {
	return h.db.UpdateIncidents(ctx, func(tx incident.Tx) error {
		h.cases++
		return also(tx.(takeout.Tx), "inc_1", "INC-2026-0001")
	})
}

func (h *house) lose(_ context.Context, _ takeout.Tx, _ access.Actor, asset, incident string) error {
	h.lost = append(h.lost, asset+" "+incident)
	return h.fail
}

func (h *house) as(person string) access.Actor { return directorytest.As(h.org, person, h.clock()) }

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// form is papers and a stick for two days.
func (h *house) form() takeout.Form {
	return takeout.Form{Items: []takeout.Item{{Kind: takeout.Paper, Name: "顧客名簿", Count: 2}, {Kind: takeout.OfLedger, Number: "USB-0001"}}, Purpose: "展示会", To: "架空ホール",
		Way: takeout.OnFoot, From: h.clock(), Until: h.clock().Add(48 * time.Hour), Owners: []string{"customers"}, Kinds: []string{"name"}, People: 3, Certainty: takeout.Known}
}

func (h *house) submit(person string, f takeout.Form) (*request.Request, error) {
	h.t.Helper()
	raw, err := json.Marshal(f)
	ok(h.t, err)
	return h.requests.Submit(h.t.Context(), h.as(person), request.New{Kind: takeout.KindTakeOut, Form: raw})
}

// approved is an application that both have allowed.
func (h *house) approved(f takeout.Form) *request.Request {
	h.t.Helper()
	r := must(h.submit("per_emp", f))(h.t)
	for _, who := range []string{"per_sales", "per_pm"} {
		r = must(h.requests.Decide(h.t.Context(), h.as(who), request.Decision{Request: r.ID, Verdict: request.Approve, Digest: request.Digest(r), Path: "web"}))(h.t)
	}
	return r
}

// pass is made of an approval.
func (h *house) pass() *takeout.Pass {
	h.t.Helper()
	return must(h.Make(h.t.Context(), h.as("per_emp"), h.approved(h.form()).Label))(h.t)
}

// gone is a pass whose carrier is expected in an hour.
func (h *house) gone() *takeout.Pass {
	h.t.Helper()
	p := h.pass()
	h.letters()
	return must(h.Leave(h.t.Context(), h.as("per_emp"), h.departure(p, takeout.ToThere)))(h.t)
}

func (h *house) departure(p *takeout.Pass, to takeout.Place) takeout.Departure {
	return takeout.Departure{Press: takeout.Press{Pass: p.Label, Step: p.Step}, To: to, Expected: h.clock().Add(time.Hour), Rules: true}
}

func press(p *takeout.Pass) takeout.Press { return takeout.Press{Pass: p.Label, Step: p.Step} }

// letters are those that are planned, which are sent.
func (h *house) letters() string {
	h.t.Helper()
	ls := must(h.db.ClaimLetters(h.t.Context(), h.clock(), time.Minute, 1000))(h.t)
	var out []string
	for _, l := range ls {
		if strings.HasPrefix(l.Topic, "takeout.") {
			out = append(out, strings.TrimPrefix(l.Topic, "takeout.")+" to "+l.Person)
			letters.Complete(h.t, l.Topic, l.Args)
		}
		l.State, l.SentAt = notice.Sent, h.clock()
		ok(h.t, h.db.UpdateLetters(h.t.Context(), func(tx notice.LetterTx) error { return tx.SaveLetter(h.t.Context(), l) }))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// after lets time pass, runs what is due, and gives the letters.
func (h *house) after(d time.Duration) string {
	h.t.Helper()
	h.wait(d)
	for range 50 {
		if must(h.FireDue(h.t.Context()))(h.t) == 0 {
			return h.letters()
		}
	}
	h.t.Fatal("timers never rest")
	return ""
}

func (h *house) now1(p *takeout.Pass) *takeout.Pass {
	h.t.Helper()
	return must(h.db.Pass(h.t.Context(), p.ID))(h.t)
}

// kinds are the events of a pass.
func (h *house) kinds(p *takeout.Pass) string {
	h.t.Helper()
	evs := must(h.db.AssetHistory(h.t.Context(), p.ID, 200))(h.t)
	var out []string
	for i := len(evs) - 1; i >= 0; i-- {
		out = append(out, strings.TrimPrefix(evs[i].Kind, "takeout."))
	}
	return strings.Join(out, " ")
}

var errLedger = errors.New("the ledger does not answer")
