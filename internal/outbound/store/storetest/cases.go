package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
)

// sample is a case with every column set to something of its own.
func sample(n int) *incident.Incident {
	return &incident.Incident{ID: fmt.Sprintf("inc_%04d", n), Year: 2026, Number: n, Label: incident.Label(2026, n), Kind: incident.Virus,
		Urgency: notice.Urgent, Summary: kanji, Reporter: "per_emp", OnBehalf: "per_it", Department: "d_sales1", Channel: "web",
		LeftOut: []string{"per_a", "per_b"}, Occurred: incident.Moment{At: at(-30), Known: true}, Discovered: incident.Moment{At: at(-20), Known: true},
		Reported: at(n), Status: incident.Received, Assignee: "per_pm", StepList: 3, CloseBy: "per_x", CloseWhy: kanji, ClosedBy: "per_y",
		ClosedAt: at(40), Demo: true, Key: fmt.Sprintf("key-%d", n)}
}

// plain is a case of per_emp with nothing special.
func plain(n int, change func(*incident.Incident)) *incident.Incident {
	i := &incident.Incident{ID: fmt.Sprintf("inc_%04d", n), Year: 2026, Number: n, Label: incident.Label(2026, n), Kind: incident.Missent,
		Urgency: notice.Urgent, Summary: "宛先を間違えた", Reporter: "per_emp", Department: "d_sales1", Channel: "web", Reported: at(n),
		Status: incident.Received, StepList: 1}
	if change != nil {
		change(i)
	}
	return i
}

func insert(t testing.TB, db *store.DB, is ...*incident.Incident) {
	t.Helper()
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		for _, i := range is {
			if err := tx.InsertIncident(t.Context(), i); err != nil {
				return err
			}
		}
		return nil
	}))
}

func testIncidents(t *testing.T, db *store.DB) {
	full := sample(1)
	bare := &incident.Incident{ID: "inc_0002", Label: "INC-2026-0002"}
	insert(t, db, full, bare)
	for _, want := range []*incident.Incident{full, bare} {
		for _, by := range []string{want.ID, want.Label} {
			got, err := db.Incident(t.Context(), by)
			must(t, err)
			same(t, by, want, got)
		}
	}
	if _, err := db.Incident(t.Context(), "inc_none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing case: %v", err)
	}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		got, found, err := tx.IncidentByKey(t.Context(), "per_emp", "key-1")
		if err != nil || !found {
			t.Errorf("by key: %v, %v", found, err)
		}
		same(t, "by key", full, got)
		if _, found, err := tx.IncidentByKey(t.Context(), "per_pm", "key-1"); found || err != nil {
			t.Errorf("another's key: %v, %v", found, err)
		}
		if _, found, err := tx.IncidentByKey(t.Context(), "", ""); found || err != nil {
			t.Errorf("no key: %v, %v", found, err)
		}
		if _, err := tx.LockIncident(t.Context(), "inc_none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("lock a missing case: %v", err)
		}
		got, err = tx.LockIncident(t.Context(), full.ID)
		if err != nil {
			return err
		}
		same(t, "locked", full, got)
		// What was reported stays, whatever a caller puts there.
		got.Summary, got.Reporter, got.Kind, got.Reported = "changed", "per_x", incident.Lost, at(99)
		got.Status, got.Assignee, got.CloseBy, got.CloseWhy, got.ClosedBy, got.ClosedAt = incident.Closed, "", "", "", "", time.Time{}
		got.Occurred, got.Discovered = incident.Moment{}, incident.Moment{At: at(-1), Known: true}
		return tx.SaveIncident(t.Context(), got)
	}))
	full.Status, full.Assignee, full.CloseBy, full.CloseWhy, full.ClosedBy, full.ClosedAt = incident.Closed, "", "", "", "", time.Time{}
	full.Occurred, full.Discovered = incident.Moment{}, incident.Moment{At: at(-1), Known: true}
	got, err := db.Incident(t.Context(), full.ID)
	must(t, err)
	same(t, "saved", full, got)
	twice := sample(3)
	twice.Key = "key-1"
	if err := db.UpdateIncidents(t.Context(), func(tx incident.Tx) error { return tx.InsertIncident(t.Context(), twice) }); err == nil {
		t.Error("two reports with the same key")
	}
}

func testEntries(t *testing.T, db *store.DB) {
	want := []incident.Entry{
		{ID: "ent_b", Incident: "inc_1", Type: incident.Fact, Text: kanji, By: "per_emp", At: at(1)},
		{ID: "ent_c", Incident: "inc_1", Type: incident.Correction, Key: "summary", Text: "二", By: "per_emp", At: at(1), Corrects: "ent_b"},
		{ID: "ent_a", Incident: "inc_1", Type: incident.Note, Text: "三", By: "per_pm", At: at(2), Internal: true},
	}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		for _, n := range []int{2, 0, 1} {
			if err := tx.InsertEntry(t.Context(), want[n]); err != nil {
				return err
			}
		}
		return tx.InsertEntry(t.Context(), incident.Entry{ID: "ent_d", Incident: "inc_2", At: at(0)})
	}))
	got, err := db.Entries(t.Context(), "inc_1")
	must(t, err)
	same(t, "entries, oldest first", want, got)
}

func testEvidence(t *testing.T, db *store.DB) {
	a := incident.Evidence{ID: "evd_a", Incident: "inc_1", Name: kanji, Media: "image/png", Size: 1 << 40, Blob: "inc_1/evd_a", By: "per_emp", At: at(1), ErasedAt: at(2)}
	b := incident.Evidence{ID: "evd_b", Incident: "inc_1", Name: "b", Blob: "inc_1/evd_b", At: at(1)}
	for i := range a.SHA256 {
		a.SHA256[i] = byte(i)
	}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		if err := tx.InsertEvidence(t.Context(), b); err != nil {
			return err
		}
		return tx.InsertEvidence(t.Context(), a)
	}))
	list, err := db.EvidenceOf(t.Context(), "inc_1")
	must(t, err)
	same(t, "evidence", []incident.Evidence{a, b}, list)
	got, err := db.EvidenceByID(t.Context(), "evd_a")
	must(t, err)
	same(t, "by id", a, got)
	if _, err := db.EvidenceByID(t.Context(), "evd_none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}

	once := incident.Evidence{ID: "evd_c", Incident: "inc_1", Once: "dev_1:k:" + kanji, At: at(3)}
	again := incident.Evidence{ID: "evd_d", Incident: "inc_1", Once: once.Once, At: at(3)}
	insert := func(e incident.Evidence) error {
		return db.UpdateIncidents(t.Context(), func(tx incident.Tx) error { return tx.InsertEvidence(t.Context(), e) })
	}
	must(t, insert(once))
	if insert(again) == nil {
		t.Error("what a case keeps once was kept twice")
	}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		got, there, err := tx.EvidenceOnce(t.Context(), "inc_1", once.Once)
		same(t, "by its one name", once, got)
		_, elsewhere, err2 := tx.EvidenceOnce(t.Context(), "inc_2", once.Once)
		_, nameless, err3 := tx.EvidenceOnce(t.Context(), "inc_1", "")
		same(t, "there", [3]bool{true, false, false}, [3]bool{there, elsewhere, nameless})
		return errors.Join(err, err2, err3)
	}))
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error { _, err := tx.EraseIncident(t.Context(), "inc_1", at(4)); return err }))
	erased, err := db.EvidenceByID(t.Context(), once.ID)
	must(t, err)
	same(t, "its one name after erasing", "", erased.Once)
}

func testSteps(t *testing.T, db *store.DB) {
	list := func(k incident.Kind, v int) incident.Steps {
		return incident.Steps{Kind: k, Version: v, Items: []incident.Step{{ID: "1", Text: kanji}, {ID: "2"}}, By: "per_pm", At: at(v)}
	}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		for _, s := range []incident.Steps{list(incident.Virus, 2), list(incident.Virus, 10), list(incident.Lost, 2)} {
			if err := tx.SaveSteps(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	}))
	got, err := db.AllSteps(t.Context())
	must(t, err)
	same(t, "newest of each", []incident.Steps{list(incident.Lost, 2), list(incident.Virus, 10)}, got)
	old, err := db.StepsVersion(t.Context(), incident.Virus, 2)
	must(t, err)
	same(t, "an old version", list(incident.Virus, 2), old)
	if _, err := db.StepsVersion(t.Context(), incident.Virus, 3); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
}

func testExpired(t *testing.T, db *store.DB) {
	closed := func(when int, st incident.Status) func(*incident.Incident) {
		return func(i *incident.Incident) { i.ClosedAt, i.Status = at(when), st }
	}
	insert(t, db, plain(1, closed(5, incident.Closed)), plain(2, closed(3, incident.Withdrawn)), plain(3, closed(9, incident.Closed)), plain(4, nil),
		plain(5, closed(1, incident.Investigating)), plain(6, func(i *incident.Incident) { i.ClosedAt, i.Status, i.ErasedAt = at(1), incident.Closed, at(2) }))
	got, err := db.Expired(t.Context(), at(9), 10)
	must(t, err)
	same(t, "expired, oldest first", []string{"inc_0002", "inc_0001"}, got)
	got, err = db.Expired(t.Context(), at(10), 1)
	must(t, err)
	same(t, "one at a time", []string{"inc_0002"}, got)
}

// ids runs a query and gives the numbers of what it found.
func ids(t testing.TB, db *store.DB, q incident.Query) []int {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 50
	}
	p, err := db.Find(t.Context(), q)
	must(t, err)
	var out []int
	for _, r := range p.Rows {
		out = append(out, r.Number)
	}
	return out
}

func testFindFilters(t *testing.T, db *store.DB) {
	insert(t, db, plain(1, nil), sample(2),
		plain(3, func(i *incident.Incident) { i.Kind, i.Status, i.Department = incident.Lost, incident.Closed, "d_gen" }))
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		for _, tr := range []notice.Track{track("trk_b", "inc_0002", notice.Open), track("trk_a", "inc_0002", notice.Open), track("trk_c", "inc_0003", notice.Acked)} {
			if err := tx.InsertFired(t.Context(), notice.Fired{Track: tr}); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, tt := range []struct {
		name string
		q    incident.Query
		want []int
	}{
		{"everything, newest first", incident.Query{}, []int{3, 2, 1}},
		{"one kind", incident.Query{Kinds: []incident.Kind{incident.Lost}}, []int{3}},
		{"two kinds", incident.Query{Kinds: []incident.Kind{incident.Lost, incident.Missent}}, []int{3, 1}},
		{"status", incident.Query{Statuses: []incident.Status{incident.Received}}, []int{2, 1}},
		{"department", incident.Query{Department: "d_gen"}, []int{3}},
		{"unanswered", incident.Query{Unanswered: true}, []int{2}},
		{"from, included", incident.Query{From: at(2)}, []int{3, 2}},
		{"to, excluded", incident.Query{To: at(2)}, []int{1}},
		{"together", incident.Query{From: at(1), To: at(9), Statuses: []incident.Status{incident.Received}, Department: "d_sales1", Kinds: []incident.Kind{incident.Missent}}, []int{1}},
		{"nothing", incident.Query{Department: "d_none"}, nil},
	} {
		tt.q.All, tt.q.Hidden = true, "per_pm"
		same(t, tt.name, tt.want, ids(t, db, tt.q))
	}
	p, err := db.Find(t.Context(), incident.Query{All: true, Hidden: "per_pm", Limit: 50})
	must(t, err)
	same(t, "the row is the whole case", incident.Row{Incident: *sample(2), OpenTracks: []notice.Receiver{notice.Manager, notice.Manager}}, p.Rows[1])
	same(t, "an answered case has no open track", 0, len(p.Rows[0].OpenTracks))
}

func testFindScope(t *testing.T, db *store.DB) {
	insert(t, db,
		plain(1, func(i *incident.Incident) { i.Reporter = "per_a" }),
		plain(2, func(i *incident.Incident) { i.OnBehalf = "per_a" }),
		plain(3, func(i *incident.Incident) { i.Assignee = "per_a" }),
		plain(4, nil), // told
		plain(5, func(i *incident.Incident) { i.Kind = incident.Malfunction }),
		plain(6, nil), // nobody's
		plain(7, func(i *incident.Incident) {
			i.Reporter, i.LeftOut, i.Kind = "per_b", []string{"per_a", "per_c"}, incident.Virus
		}),
		plain(8, func(i *incident.Incident) { i.Reporter, i.LeftOut = "per_a", []string{"per_ab", "perXa"} }))
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		return tx.InsertFired(t.Context(), notice.Fired{Track: track("trk_a", "inc_0004", notice.Acked), Told: []notice.Told{{Track: "trk_a", Person: "per_a", At: at(1)}}})
	}))
	kin := []string{string(incident.Virus), string(incident.Malfunction)}
	for _, tt := range []struct {
		name string
		q    incident.Query
		want []int
	}{
		{"own, on behalf, assigned, told", incident.Query{Person: "per_a", Hidden: "per_a"}, []int{8, 4, 3, 2, 1}},
		{"IT administrator", incident.Query{Person: "per_a", Hidden: "per_a", Technical: true, Kin: kin}, []int{8, 5, 4, 3, 2, 1}},
		{"reads all, but not what leaves them out", incident.Query{All: true, Person: "per_a", Hidden: "per_a"}, []int{8, 6, 5, 4, 3, 2, 1}},
		{"the second who is left out", incident.Query{All: true, Person: "per_c", Hidden: "per_c"}, []int{8, 6, 5, 4, 3, 2, 1}},
		{"a longer id is another person", incident.Query{All: true, Person: "per_ab", Hidden: "per_ab"}, []int{7, 6, 5, 4, 3, 2, 1}},
		{"an id is no pattern", incident.Query{All: true, Person: "%", Hidden: "%"}, []int{8, 7, 6, 5, 4, 3, 2, 1}},
		{"a stranger", incident.Query{Person: "per_z", Hidden: "per_z"}, nil},
		{"a filter within the scope", incident.Query{Person: "per_a", Hidden: "per_a", From: at(3), To: at(5)}, []int{4, 3}},
	} {
		same(t, tt.name, tt.want, ids(t, db, tt.q))
	}
}

func testFindPages(t *testing.T, db *store.DB) {
	for n := 1; n <= 7; n++ {
		insert(t, db, plain(n, nil))
	}
	var seen []int
	q := incident.Query{All: true, Limit: 3}
	for page := 1; ; page++ {
		p, err := db.Find(t.Context(), q)
		must(t, err)
		for _, r := range p.Rows {
			seen = append(seen, r.Number)
		}
		if page == 1 {
			insert(t, db, plain(8, nil)) // a new one does not shift the pages
		}
		if q.After = p.Next; q.After == "" {
			break
		}
	}
	same(t, "page after page", []int{7, 6, 5, 4, 3, 2, 1}, seen)
	p, err := db.Find(t.Context(), incident.Query{All: true, Limit: 8})
	must(t, err)
	same(t, "a page that is just full is the last", "", p.Next)
}

func testFindText(t *testing.T, db *store.DB) {
	texts := []string{"100% sure", "100 sure", `C:\tmp_a`, "C:/tmpXa", "ＵＳＢを失くした", "usb lost", "𠮷田さん", "Ünïcode"}
	for n, s := range texts {
		insert(t, db, plain(n+1, func(i *incident.Incident) { i.Summary = s }))
	}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		if err := tx.InsertEntry(t.Context(), incident.Entry{ID: "ent_1", Incident: "inc_0002", Text: "追記: 電車", At: at(1)}); err != nil {
			return err
		}
		return tx.InsertEntry(t.Context(), incident.Entry{ID: "ent_2", Incident: "inc_0003", Text: "内部: 電車", At: at(1), Internal: true})
	}))
	for text, want := range map[string][]int{
		"100%": {1}, "tmp_": {3}, `\`: {3}, "%": {1}, "_": {3}, "ＵＳＢ": {5}, "USB": {6}, "Usb": {6}, "𠮷": {7}, "Ü": {8},
		"inc-2026-0004": {4}, "電車": {2}, "'": nil, "?": nil, "$1": nil,
	} {
		same(t, text, want, ids(t, db, incident.Query{All: true, Text: text}))
	}
}

func testCount(t *testing.T, db *store.DB) {
	zone := time.FixedZone("JST", 9*60*60)
	monday := time.Date(2028, 2, 28, 0, 0, 0, 0, zone) // the week of a leap day
	when := func(n int, at time.Time, k incident.Kind, dep string) *incident.Incident {
		return plain(n, func(i *incident.Incident) { i.Reported, i.Kind, i.Department = at, k, dep })
	}
	insert(t, db,
		when(1, monday.Add(-time.Microsecond), incident.Lost, "d_a"),
		when(2, monday, incident.Lost, "d_a"),
		when(3, monday.Add(7*24*time.Hour-time.Microsecond), incident.Lost, "d_a"),
		when(4, monday.Add(7*24*time.Hour), incident.Lost, "d_a"),
		when(5, time.Date(2028, 2, 29, 12, 0, 0, 0, zone), incident.NearMiss, "d_a"),
		when(6, monday.Add(time.Hour), incident.Lost, "d_b"))
	got, err := db.Count(t.Context(), monday)
	must(t, err)
	next := time.Date(2028, 3, 6, 0, 0, 0, 0, zone)
	same(t, "tallies", []incident.Tally{
		{Week: monday, Kind: incident.Lost, Department: "d_a", N: 2},
		{Week: monday, Kind: incident.Lost, Department: "d_b", N: 1},
		{Week: monday, Kind: incident.NearMiss, Department: "d_a", N: 1},
		{Week: next, Kind: incident.Lost, Department: "d_a", N: 1},
	}, got)
}
