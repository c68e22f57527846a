package storetest

import (
	"testing"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
)

func testRosters(t *testing.T, db *store.DB) {
	a := notice.Roster{ID: "rst_a", Name: kanji, People: []string{"per_1", "per_2"}, Days: 7, Handover: "09:00", Start: jpcal.Date{Year: 2028, Month: 2, Day: 29},
		Changes: []notice.Change{{ID: "chg_1", Kind: notice.ReplaceWith, Person: "per_1", With: "per_3", From: at(1), Until: at(2), By: "per_pm"}}, By: "per_pm", At: at(3)}
	b := notice.Roster{ID: "rst_b", Name: "A", People: []string{"per_1"}, Days: 1, Handover: "00:00", Start: jpcal.Date{Year: 2026, Month: 12, Day: 31}, By: "per_pm", At: at(4)}
	save := func(rs ...notice.Roster) {
		t.Helper()
		must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
			for _, r := range rs {
				if err := tx.SaveRoster(t.Context(), r); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	save(a, b)
	got, err := db.Rosters(t.Context())
	must(t, err)
	same(t, "by name", []notice.Roster{b, a}, got)
	a.Name, a.Changes = "0", nil
	save(a)
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		held, err := tx.LockRosters(t.Context())
		same(t, "held", []notice.Roster{a, b}, held)
		if err != nil {
			return err
		}
		return tx.DropRoster(t.Context(), b.ID)
	}))
	got, err = db.Rosters(t.Context())
	must(t, err)
	same(t, "after one was dropped", []notice.Roster{a}, got)
}

func testDrills(t *testing.T, db *store.DB) {
	since, err := db.Since(t.Context())
	must(t, err)
	same(t, "an empty record", time.Time{}, since)
	make := func(id string, n int, drill bool) incident.Incident {
		return incident.Incident{ID: id, Year: 2026, Number: n, Label: incident.Label(2026, n), Kind: incident.Lost, Urgency: notice.Urgent, Summary: kanji,
			Reporter: "per_pm", OnBehalf: "per_emp", Channel: "web", Reported: at(n), Status: incident.Received, Drill: drill}
	}
	drill, real, later := make("inc_1", 1, true), make("inc_2", 2, false), make("inc_3", 3, true)
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		for _, i := range []incident.Incident{drill, real, later} {
			if err := tx.InsertIncident(t.Context(), &i); err != nil {
				return err
			}
		}
		return nil
	}))
	ids := func(limit int) (out []string) {
		t.Helper()
		list, err := db.Drills(t.Context(), limit)
		must(t, err)
		for _, i := range list {
			out = append(out, i.ID)
		}
		return out
	}
	same(t, "newest first", []string{"inc_3", "inc_1"}, ids(9))
	same(t, "one", []string{"inc_3"}, ids(1))
	got, err := db.Incident(t.Context(), "inc_1")
	must(t, err)
	same(t, "marked", true, got.Drill)
	got, err = db.Incident(t.Context(), "inc_2")
	must(t, err)
	same(t, "not marked", false, got.Drill)
	tallies, err := db.Count(t.Context(), at(0))
	must(t, err)
	same(t, "counted", 1, len(tallies))
	same(t, "once", 1, tallies[0].N)
}
