package storetest

import (
	"errors"
	"testing"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
)

func change(t testing.TB, db *store.DB, f func(incident.Tx) error) {
	t.Helper()
	must(t, db.UpdateIncidents(t.Context(), f))
}

// testTalk: who has not read what, from both sides, counted and chosen alike.
func testTalk(t *testing.T, db *store.DB) {
	ctx := t.Context()
	insert(t, db, plain(1, nil), plain(2, func(i *incident.Incident) { i.Reporter, i.Outside = "", &incident.Outsider{} }), plain(3, nil))
	said := func(id, of, by string, minute int) incident.Entry {
		return incident.Entry{ID: id, Incident: of, Type: incident.Message, Text: kanji, By: by, At: at(minute)}
	}
	change(t, db, func(tx incident.Tx) error {
		return errors.Join(tx.InsertEntry(ctx, said("msg_1", "inc_0001", "per_pm", 1)), tx.InsertEntry(ctx, said("msg_2", "inc_0001", "per_it", 2)),
			tx.InsertEntry(ctx, said("msg_3", "inc_0001", "per_emp", 3)), tx.InsertEntry(ctx, said("msg_4", "inc_0002", "outside", 4)),
			tx.InsertEntry(ctx, incident.Entry{ID: "fct_1", Incident: "inc_0003", Type: incident.Fact, By: "per_emp", At: at(5)}),
			tx.SaveRead(ctx, "inc_0001", "per_emp", at(1)))
	})
	unread := func(person string) map[string]int {
		t.Helper()
		all, err := db.Find(ctx, incident.Query{All: true, Person: person, Limit: 10})
		must(t, err)
		out := map[string]int{}
		for _, r := range all.Rows {
			if r.Unread > 0 {
				out[r.ID] = r.Unread
			}
		}
		only, err := db.Find(ctx, incident.Query{All: true, Person: person, Unread: true, Limit: 10})
		must(t, err)
		same(t, "chosen for "+person, len(out), len(only.Rows))
		return out
	}
	same(t, "the reporter, who reads all", map[string]int{"inc_0001": 1, "inc_0002": 1}, unread("per_emp"))
	same(t, "who wrote to them", map[string]int{"inc_0001": 1, "inc_0002": 1}, unread("per_pm"))
	change(t, db, func(tx incident.Tx) error {
		return errors.Join(tx.SaveRead(ctx, "inc_0001", "per_pm", at(9)), tx.SaveRead(ctx, "inc_0001", "per_pm", at(2)), tx.SaveRead(ctx, "inc_0002", "per_pm", at(4)))
	})
	same(t, "read, and never unread again", map[string]int{}, unread("per_pm"))
	reads, err := db.Reads(ctx, "inc_0001")
	must(t, err)
	same(t, "reads", map[string]time.Time{"per_emp": at(1), "per_pm": at(9)}, reads)
}

func testRelations(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := incident.Relation{ID: "rel_1", A: "inc_0001", B: "inc_0002", Why: kanji, By: "per_pm", At: at(1)}
	change(t, db, func(tx incident.Tx) error { return tx.InsertRelation(ctx, r) })
	for _, of := range []string{r.A, r.B} {
		got, err := db.RelatedTo(ctx, of)
		must(t, err)
		same(t, "of "+of, []incident.Relation{r}, got)
	}
	again := r
	again.ID = "rel_2"
	if err := db.UpdateIncidents(ctx, func(tx incident.Tx) error { return tx.InsertRelation(ctx, again) }); err == nil {
		t.Error("two relations of one pair")
	}
	change(t, db, func(tx incident.Tx) error {
		n, err := tx.CountRelated(ctx, r.B)
		same(t, "count", 1, n)
		ended := r
		ended.Ended, ended.EndBy, ended.EndOf = at(2), "per_it", "x"
		return errors.Join(err, tx.EndRelation(ctx, ended), tx.InsertRelation(ctx, again))
	})
	got, err := db.RelatedTo(ctx, r.A)
	must(t, err)
	same(t, "that hold", []incident.Relation{again}, got)
}

// testMerged: a merged case is found under the other, and erased after it.
func testMerged(t *testing.T, db *store.DB) {
	ctx := t.Context()
	insert(t, db, plain(1, nil), plain(2, nil), plain(3, nil))
	change(t, db, func(tx incident.Tx) error {
		i, err := tx.LockIncident(ctx, "inc_0002")
		if err != nil {
			return err
		}
		i.Status, i.MergedInto, i.MergedWas = incident.Merged, "inc_0001", incident.Confirming
		n, err := tx.CountDuplicates(ctx, "inc_0001")
		same(t, "none yet", 0, n)
		return errors.Join(err, tx.SaveIncident(ctx, i), tx.InsertLesson(ctx, incident.Lesson{ID: "lsn_1", Incident: "inc_0001", State: incident.LessonDraft}),
			tx.InsertLesson(ctx, incident.Lesson{ID: "lsn_2", Incident: "inc_0001", State: incident.LessonPublished, WrittenBy: "per_it", DoneBy: "per_pm", Title: "t"}))
	})
	got, err := db.DuplicatesOf(ctx, "inc_0001")
	must(t, err)
	if len(got) != 1 || got[0].ID != "inc_0002" || got[0].MergedWas != incident.Confirming {
		t.Errorf("duplicates %+v", got)
	}
	expired := func() []string {
		t.Helper()
		ids, err := db.Expired(ctx, at(100), 10)
		must(t, err)
		return ids
	}
	same(t, "kept while the other is", 0, len(expired()))
	change(t, db, func(tx incident.Tx) error {
		_, err := tx.EraseIncident(ctx, "inc_0001", at(50))
		return err
	})
	same(t, "goes after it", []string{"inc_0002"}, expired())
	ls, err := db.LessonsOf(ctx, "inc_0001")
	must(t, err)
	same(t, "what is published stays without its writers", []incident.Lesson{{ID: "lsn_2", Incident: "inc_0001", State: incident.LessonPublished, Title: "t"}}, ls)
}

func testLessons(t *testing.T, db *store.DB) {
	ctx := t.Context()
	l := incident.Lesson{ID: "lsn_1", Incident: "inc_0001", Kind: incident.Lost, Title: kanji, Happened: kanji, Now: kanji, Version: 3, State: incident.LessonDraft,
		WrittenBy: "per_it", WrittenAt: at(1), DoneBy: "per_pm", DoneAt: at(2), EndBy: "per_x", EndAt: at(3), EndWhy: kanji}
	later := l
	later.ID, later.State, later.DoneAt = "lsn_2", incident.LessonPublished, at(9)
	change(t, db, func(tx incident.Tx) error { return errors.Join(tx.InsertLesson(ctx, l), tx.InsertLesson(ctx, later)) })
	list := func(k incident.Kind) []incident.Lesson {
		t.Helper()
		got, err := db.Published(ctx, k, 10)
		must(t, err)
		return got
	}
	same(t, "published", []incident.Lesson{later}, list(""))
	change(t, db, func(tx incident.Tx) error {
		got, err := tx.LockLesson(ctx, l.ID)
		same(t, "locked", l, got)
		l.State, l.Title, l.Version = incident.LessonPublished, "二", 4
		return errors.Join(err, tx.SaveLesson(ctx, l))
	})
	same(t, "newest first", []incident.Lesson{later, l}, list(incident.Lost))
	same(t, "another kind", 0, len(list(incident.Virus)))
	got, err := db.LessonByID(ctx, l.ID)
	must(t, err)
	same(t, "by id", l, got)
	if _, err := db.LessonByID(ctx, "lsn_none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
}
