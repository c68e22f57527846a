package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
)

// application is a request that waits for per_pm.
func application(n int, applicant string) *request.Request {
	return &request.Request{ID: fmt.Sprintf("req_%03d", n), Label: fmt.Sprintf("REQ-2026-%04d", n), Kind: "key", By: applicant, Revision: 1,
		Content: request.Content{Form: json.RawMessage(`{"room":"a"}`), Title: fmt.Sprintf("鍵 %d", n)}, State: request.Waiting,
		Steps: []request.Step{{Rule: request.Rule{Role: request.Manager, Need: request.One}, State: request.StepOpen, Opened: at(0),
			Asked: []request.Asked{{Person: "per_pm", At: at(0)}}}}, Asked: at(0), Deadline: at(600), NextFire: at(n)}
}

func ask(t testing.TB, db *store.DB, rs ...*request.Request) {
	t.Helper()
	must(t, db.UpdateRequests(t.Context(), func(tx request.Tx) error {
		for _, r := range rs {
			if err := tx.InsertRequest(t.Context(), r, ""); err != nil {
				return err
			}
		}
		return nil
	}))
}

func saveRequest(t testing.TB, db *store.DB, r *request.Request) {
	t.Helper()
	must(t, db.UpdateRequests(t.Context(), func(tx request.Tx) error { return tx.SaveRequest(t.Context(), r) }))
}

func testRequests(t *testing.T, db *store.DB) {
	ctx := t.Context()
	full := &request.Request{ID: "req_a", Label: "REQ-2026-0001", Kind: "loan", By: "per_emp", Revision: 3,
		Content: request.Content{Form: json.RawMessage(`{"a":"𠮷"}`), Title: kanji, About: "ast_1", Expires: at(9)}, State: request.Approved, Chain: 4,
		Steps: []request.Step{{Rule: request.Rule{Role: request.Head, Need: request.Quorum, Quorum: 2}, State: request.StepPassed, Why: request.WhyByTop, Opened: at(1), Ended: at(2),
			Asked:  []request.Asked{{Person: "per_pm", For: "per_gen", Climb: 2, At: at(1)}},
			Stamps: []request.Stamp{{Person: "per_pm", For: "per_gen", Verdict: request.Approve, Note: kanji, Digest: "d", Path: "link", At: at(2), Carried: true}}},
			{Rule: request.Rule{Role: request.Manager, Need: request.All}, State: request.StepLater}},
		Asked: at(1), Deadline: at(5), NextFire: at(6), Reminded: 2, Climbed: 1, Ended: at(7), Reason: kanji, UsedBy: "lon_1", UsedAt: at(8)}
	bare := application(2, "per_emp")
	ask(t, db, full, bare)
	for _, name := range []string{"req_a", "REQ-2026-0001"} {
		got, err := db.Request(ctx, name)
		must(t, err)
		same(t, name, full, got)
	}
	for _, name := range []string{"req_none", "REQ-2026-9999", "REQ-\x00", "a\xffb"} {
		if _, err := db.Request(ctx, name); !fault.Is(err, fault.NotFound) {
			t.Errorf("missing %q: %v", name, err)
		}
	}
	must(t, db.UpdateRequests(ctx, func(tx request.Tx) error {
		if _, err := tx.LockRequest(ctx, "req_none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("lock a missing request: %v", err)
		}
		got, err := tx.LockRequest(ctx, bare.Label)
		if err != nil {
			return err
		}
		same(t, "locked", bare, got)
		id, label, kind, by := got.ID, got.Label, got.Kind, got.By
		*got = *full
		got.ID, got.Label, got.Kind, got.By = id, label, kind, by
		bare = got
		return tx.SaveRequest(ctx, got)
	}))
	got, err := db.Request(ctx, bare.ID)
	must(t, err)
	same(t, "all that may change", bare, got)

	for person, want := range map[string]bool{"per_pm": true, "per_gen": true, "per_emp": false, "": false} {
		for _, r := range []string{"req_a", bare.ID} {
			asked, err := db.WasAsked(ctx, r, person)
			must(t, err)
			same(t, "was asked: "+person, want, asked)
		}
	}
	if err := db.UpdateRequests(ctx, func(tx request.Tx) error {
		return errors.Join(tx.InsertRequest(ctx, application(3, "per_emp"), ""), errNo)
	}); !errors.Is(err, errNo) {
		t.Error(err)
	}
	if _, err := db.Request(ctx, "req_003"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a request of a failed change is kept: %v", err)
	}
}

func testRequestNumbers(t *testing.T, db *store.DB) {
	ctx := t.Context()
	numbers := make([]int, 30)
	for _, err := range each(len(numbers), func(n int) error {
		return db.UpdateRequests(ctx, func(tx request.Tx) (err error) {
			if numbers[n], err = tx.NextRequestNumber(ctx, 2026); err != nil {
				return err
			}
			return tx.InsertRequest(ctx, application(numbers[n], "per_emp"), fmt.Sprint("key", n))
		})
	}) {
		must(t, err)
	}
	slices.Sort(numbers)
	same(t, "first and last", []int{1, 30}, []int{numbers[0], numbers[29]})
	same(t, "each once", 30, len(slices.Compact(numbers)))
	must(t, db.UpdateRequests(ctx, func(tx request.Tx) error {
		n, err := tx.NextRequestNumber(ctx, 2027)
		same(t, "another year", 1, n)
		return err
	}))
	if r, ok, err := db.RequestByKey(ctx, "per_emp", "key7"); !ok || err != nil {
		t.Errorf("by key, outside: %v, %v", r, err)
	}
	if _, ok, err := db.RequestByKey(ctx, "per_emp", ""); ok || err != nil {
		t.Errorf("no key: %v, %v", ok, err)
	}
	must(t, db.UpdateRequests(ctx, func(tx request.Tx) error {
		r, ok, err := tx.RequestByKey(ctx, "per_emp", "key7")
		if !ok || err != nil {
			t.Errorf("by key: %v, %v", r, err)
		}
		if _, ok, err := tx.RequestByKey(ctx, "per_gen", "key7"); ok || err != nil {
			t.Errorf("somebody else's key: %v, %v", ok, err)
		}
		open, err := tx.OpenRequestsOf(ctx, "per_emp")
		same(t, "open", 30, open)
		return err
	}))
}

// testSameRequestKey: of many that come with one key at once, one is made.
func testSameRequestKey(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ids := make([]string, 12)
	for _, err := range each(len(ids), func(n int) error {
		return db.UpdateRequests(ctx, func(tx request.Tx) error {
			r, ok, err := tx.RequestByKey(ctx, "per_emp", "k")
			if err != nil {
				return err
			}
			if !ok {
				r = application(n, "per_emp")
				err = tx.InsertRequest(ctx, r, "k")
			}
			ids[n] = r.ID
			return err
		})
	}) {
		must(t, err)
	}
	slices.Sort(ids)
	same(t, "requests", 1, len(slices.Compact(ids)))
}

func testRequestWords(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ws := []request.Word{{ID: "wrd_a", Request: "req_1", By: "per_pm", At: at(1), Question: true, Text: kanji}, {ID: "wrd_b", Request: "req_1", By: "per_emp", At: at(2), Text: "b"}}
	must(t, db.UpdateRequests(ctx, func(tx request.Tx) error {
		for _, w := range slices.Backward(ws) {
			if err := tx.InsertWord(ctx, w); err != nil {
				return err
			}
		}
		if err := tx.InsertWord(ctx, request.Word{ID: "wrd_c", Request: "req_2", At: at(0)}); err != nil {
			return err
		}
		got, err := tx.WordsIn(ctx, "req_1")
		same(t, "in the transaction", ws, got)
		return err
	}))
	got, err := db.Words(ctx, "req_1")
	must(t, err)
	same(t, "words", ws, got)
}

func testRequestChains(t *testing.T, db *store.DB) {
	ctx := t.Context()
	c := request.Chain{Kind: "loan", Version: 1, Steps: []request.Rule{{Role: request.Head, Need: request.Quorum, Quorum: 3}}, Remind: time.Hour, Climb: 2 * time.Hour, Life: 72 * time.Hour}
	second, other := c, c
	second.Version, second.Steps = 2, []request.Rule{{Role: request.Manager, Need: request.All}}
	other.Kind = "extension"
	must(t, db.UpdateRequests(ctx, func(tx request.Tx) error {
		if _, ok, err := tx.LatestChain(ctx, "loan"); ok || err != nil {
			t.Errorf("none yet: %v, %v", ok, err)
		}
		for _, x := range []request.Chain{c, second, other} {
			if err := tx.SaveChain(ctx, x, "per_pm", at(1)); err != nil {
				return err
			}
		}
		got, ok, err := tx.LatestChain(ctx, "loan")
		same(t, "newest", second, got)
		same(t, "there is one", true, ok)
		return err
	}))
	got, err := db.Chains(ctx)
	must(t, err)
	same(t, "newest of each", []request.Chain{other, second}, got)
	old, err := db.ChainVersion(ctx, "loan", 1)
	must(t, err)
	same(t, "old", c, old)
	if _, err := db.ChainVersion(ctx, "loan", 3); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
	if err := db.UpdateRequests(ctx, func(tx request.Tx) error { return tx.SaveChain(ctx, c, "per_pm", at(2)) }); err == nil {
		t.Error("a version was written twice")
	}
}

func testRequestsDue(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if _, ok, err := db.NextRequestDue(ctx); ok || err != nil {
		t.Errorf("none yet: %v, %v", ok, err)
	}
	rests := application(9, "per_emp")
	rests.NextFire = time.Time{}
	ask(t, db, application(3, "per_emp"), application(1, "per_emp"), application(2, "per_emp"), rests)
	due := func(minute, limit int) []string {
		t.Helper()
		ids, err := db.DueRequests(ctx, at(minute), limit)
		must(t, err)
		return ids
	}
	same(t, "too early", []string(nil), due(0, 9))
	same(t, "oldest first", []string{"req_001", "req_002"}, due(2, 9))
	same(t, "limit", []string{"req_001"}, due(9, 1))
	next, ok, err := db.NextRequestDue(ctx)
	must(t, err)
	same(t, "next", fmt.Sprint(at(1), true), fmt.Sprint(next, ok))
}

func testFindRequests(t *testing.T, db *store.DB) {
	ctx := t.Context()
	mine, other, done, stood := application(1, "per_emp"), application(2, "per_gen"), application(3, "per_emp"), application(4, "per_gen")
	other.Kind, other.About = "loan", "ast_1"
	done.State, done.Steps[0].State = request.Approved, request.StepPassed
	done.Steps[0].Stamps = []request.Stamp{{Person: "per_pm", Verdict: request.Approve, At: at(1)}}
	stood.Steps[0].Asked = []request.Asked{{Person: "per_dep", For: "per_pm", At: at(0)}}
	stood.Title = kanji
	ask(t, db, mine, other, done, stood)
	find := func(q request.Find) []string {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 50
		}
		rs, _, err := db.FindRequests(ctx, q)
		must(t, err)
		var out []string
		for _, r := range rs {
			out = append(out, r.ID)
		}
		return out
	}
	q := func(box request.Box, person string) request.Find {
		return request.Find{Query: request.Query{Box: box}, Person: person}
	}
	with := func(change func(*request.Find)) request.Find {
		f := q(request.Every, "")
		change(&f)
		return f
	}
	none := []string(nil)
	same(t, "every", []string{"req_004", "req_003", "req_002", "req_001"}, find(q(request.Every, "")))
	same(t, "mine", []string{"req_003", "req_001"}, find(q(request.Mine, "per_emp")))
	same(t, "for me, and where another stands in", []string{"req_004", "req_002", "req_001"}, find(q(request.ForMe, "per_pm")))
	same(t, "for the deputy", []string{"req_004"}, find(q(request.ForMe, "per_dep")))
	same(t, "for nobody", none, find(q(request.ForMe, "")))
	same(t, "decided", []string{"req_003"}, find(q(request.Decided, "per_pm")))
	same(t, "kind", []string{"req_002"}, find(with(func(f *request.Find) { f.Kind = "loan" })))
	same(t, "state", []string{"req_003"}, find(with(func(f *request.Find) { f.State = request.Approved })))
	same(t, "about", []string{"req_002"}, find(with(func(f *request.Find) { f.About = "ast_1" })))
	same(t, "label", []string{"req_003"}, find(with(func(f *request.Find) { f.Text = "req-2026-0003" })))
	same(t, "title", []string{"req_004"}, find(with(func(f *request.Find) { f.Text = "100% _ \\" })))
	same(t, "no pattern", none, find(with(func(f *request.Find) { f.Text = "鍵_1" })))
	same(t, "hostile", none, find(with(func(f *request.Find) { f.Text, f.Kind, f.After = "a\x00b", "\xff", "\x00" })))
	page := with(func(f *request.Find) { f.Limit = 3 })
	rs, next, err := db.FindRequests(ctx, page)
	must(t, err)
	same(t, "page", 3, len(rs))
	page.After = next
	same(t, "next page", []string{"req_001"}, find(page))

	// Decided since, mended since: who was asked once goes on seeing it.
	mine.Steps[0].Stamps = []request.Stamp{{Person: "per_pm", Verdict: request.SendBack, At: at(1)}}
	mine.State, mine.Steps[0].State = request.Returned, request.StepEnded
	saveRequest(t, db, mine)
	same(t, "sent back", []string{"req_004", "req_002"}, find(q(request.ForMe, "per_pm")))
	mine.State = request.Waiting
	mine.Steps = []request.Step{{Rule: mine.Steps[0].Rule, State: request.StepOpen, Asked: []request.Asked{{Person: "per_gen", At: at(2)}}}}
	saveRequest(t, db, mine)
	same(t, "another is asked now", []string{"req_001"}, find(q(request.ForMe, "per_gen")))
	same(t, "and it stays decided", []string{"req_003", "req_001"}, find(q(request.Decided, "per_pm")))
	asked, err := db.WasAsked(ctx, "req_001", "per_pm")
	must(t, err)
	same(t, "and seen", true, asked)
}

// testApprovalUsedOnce: of many who would use an approval one comes first.
func testApprovalUsedOnce(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := application(1, "per_emp")
	r.State = request.Approved
	ask(t, db, r)
	used := 0
	for _, err := range each(8, func(n int) error {
		return db.UpdateRequests(ctx, func(tx request.Tx) error {
			a := tx.(request.Approvals)
			held, err := a.UseApproval(ctx, r.Label)
			if err != nil {
				return err
			}
			return request.Use(ctx, a, held, fmt.Sprintf("lon_%d", n), "per_it", at(1))
		})
	}) {
		switch {
		case err == nil:
			used++
		case !fault.Is(err, fault.Conflict):
			t.Error(err)
		}
	}
	same(t, "used", 1, used)
}

// testRequestsErased: what ended before a time is erased once, with its words and the
// content of its events; what is open, recent or has a timer stays.
func testRequestsErased(t *testing.T, db *store.DB) {
	ctx := t.Context()
	over := func(n, ended int, change func(*request.Request)) *request.Request {
		r := application(n, "per_emp")
		r.State, r.Ended, r.NextFire, r.Reason, r.About = request.Refused, at(ended), time.Time{}, kanji, "ast_1"
		if change != nil {
			change(r)
		}
		return r
	}
	ask(t, db, over(1, 5, nil), over(2, 4, nil), over(3, 10, nil), application(4, "per_emp"),
		over(5, 3, func(r *request.Request) { r.State, r.NextFire, r.UsedBy = request.Approved, at(700), "lon_1" }),
		over(6, 3, func(r *request.Request) { r.State = request.Approved }))
	must(t, db.UpdateRequests(ctx, func(tx request.Tx) error {
		ev, err := journal.NewEvent(at(1), "request.submitted", "req_001", "per_emp", map[string]string{"reason": kanji})
		if err != nil {
			return err
		}
		return errors.Join(tx.InsertWord(ctx, request.Word{ID: "wrd_1", Request: "req_001", By: "per_emp", At: at(1), Text: kanji}), tx.Record(ctx, ev))
	}))
	list := func(before int) []string {
		t.Helper()
		got, err := db.ExpiredRequests(ctx, at(before), 10)
		must(t, err)
		return got
	}
	same(t, "ended", []string{"req_002", "req_001"}, list(10))
	must(t, db.UpdateRequests(ctx, func(tx request.Tx) error { return tx.EraseRequest(ctx, "req_001", at(20)) }))
	same(t, "the rest", []string{"req_002"}, list(10))
	got, err := db.Request(ctx, "req_001")
	must(t, err)
	want := over(1, 5, func(r *request.Request) {
		r.By, r.Title, r.Form, r.About, r.Reason, r.Steps = "", "", json.RawMessage("{}"), "", "", []request.Step{}
	})
	same(t, "erased", want, got)
	words, err := db.Words(ctx, "req_001")
	must(t, err)
	same(t, "words", 0, len(words))
	asked, err := db.WasAsked(ctx, "req_001", "per_pm")
	must(t, err)
	same(t, "asked", false, asked)
	history, err := db.History(ctx, "req_001")
	must(t, err)
	if len(history) != 1 || history[0].Data != nil {
		t.Errorf("history of an erased request: %+v", history)
	}
	kept, err := db.Request(ctx, "req_002")
	must(t, err)
	same(t, "another", over(2, 4, nil), kept)
}
