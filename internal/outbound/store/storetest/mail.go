package storetest

import (
	"testing"
	"time"

	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/store"
)

// testMails: which mail became which case, found by its names and by ours, until the
// retention takes it; and mails of ours that come back.
func testMails(t *testing.T, db *store.DB) {
	ctx := t.Context()
	Seed(t, db, directorytest.Company())
	i := plain(1, func(i *incident.Incident) { i.Guessed = true })
	insert(t, db, i, plain(2, nil))
	got, err := db.Incident(ctx, i.ID)
	must(t, err)
	same(t, "a guessed kind", i, got)
	change := func(f func(tx incident.Tx) error) {
		t.Helper()
		must(t, db.UpdateIncidents(ctx, f))
	}
	a := incident.MailRow{Mail: "m1", Message: "id1", Sender: "s", Incident: i.ID, Receipt: true, At: at(1)}
	b := incident.MailRow{Mail: "m2", Message: "id1", Sender: "t", Incident: "inc_0002", Added: true, At: at(2)}
	for n, want := range []struct {
		row   incident.MailRow
		fresh bool
	}{{a, true}, {b, true}, {a, false}} {
		change(func(tx incident.Tx) error {
			fresh, err := tx.InsertMail(ctx, want.row)
			if fresh != want.fresh {
				t.Errorf("mail %d: fresh %v", n, fresh)
			}
			return err
		})
	}
	row, found, err := db.Mail(ctx, "m2")
	must(t, err)
	if same(t, "mail", b, row); !found {
		t.Error("mail is not found")
	}
	if _, found, err := db.Mail(ctx, "m3"); found || err != nil {
		t.Errorf("a mail that never came: %v, %v", found, err)
	}
	if of, sender, found, err := db.CaseOfMessage(ctx, "id1"); of != i.ID || sender != "s" || !found || err != nil {
		t.Errorf("case of message: %q %q %v %v", of, sender, found, err)
	}
	if _, _, found, err := db.CaseOfMessage(ctx, ""); found || err != nil {
		t.Errorf("case of a mail without a name: %v, %v", found, err)
	}
	change(func(tx incident.Tx) error {
		for since, want := range map[time.Time]int{at(0): 1, at(1): 0} {
			if n, err := tx.MailReceipts(ctx, "s", since); n != want || err != nil {
				t.Errorf("%d receipts since %v, want %d, %v", n, since, want, err)
			}
		}
		for _, l := range []notice.Letter{{ID: "ltr_in", Key: "in", Topic: "x", About: i.ID, Person: "per_emp", Planned: at(1), NextTry: at(1), State: notice.Sent, SentAt: at(1)},
			{ID: "ltr_out", Key: "out", Topic: "x", About: "inc_0002", Planned: at(1), NextTry: at(1), State: notice.Planned},
			{ID: "ltr_else", Key: "else", Topic: "x", About: "req_1", Person: "per_emp", Planned: at(1), NextTry: at(1), State: notice.Planned}} {
			if err := tx.PlanLetter(ctx, l); err != nil {
				return err
			}
		}
		return nil
	})
	fire(t, db, notice.Fired{Track: track("trk_a", i.ID, notice.Open), Attempts: []notice.Attempt{
		{ID: "ntc_1", Key: "k1", Track: "trk_a", Incident: i.ID, Person: "per_pm", Channel: "mail", Address: "ishikawa@aoba.example", State: notice.Sent, Planned: at(1), NextTry: at(1)},
		{ID: "ntc_2", Key: "k2", Track: "trk_a", Incident: i.ID, Person: "per_pm", Channel: "push", Address: "con_1", State: notice.Sent, Planned: at(1), NextTry: at(1)}}})
	for ours, want := range map[string]struct {
		of             string
		outside, found bool
	}{"ltr_in": {i.ID, false, true}, "ltr_out": {"inc_0002", true, true}, "ltr_else": {}, "ltr_none": {}, "ntc_1": {i.ID, false, true}, "ntc_none": {}, "": {}} {
		if of, outside, found, err := db.CaseOfOurs(ctx, ours); of != want.of || outside != want.outside || found != want.found || err != nil {
			t.Errorf("case of our %q: %q %v %v %v", ours, of, outside, found, err)
		}
	}
	to := func(ours string, want ...notice.Mailed) {
		t.Helper()
		got, err := db.Mailed(ctx, ours)
		must(t, err)
		same(t, "mailed as "+ours, want, got)
	}
	to("ntc_1", notice.Mailed{Attempt: "ntc_1", About: i.ID, Person: "per_pm", Address: "ishikawa@aoba.example"})
	to("ntc_2")
	to("ltr_in", notice.Mailed{About: i.ID, Person: "per_emp", Address: "yoshida@aoba.example"})
	to("ltr_out")
	must(t, db.UpdateNotices(ctx, func(tx notice.Tx) error {
		for n, want := range []string{"per_pm", ""} {
			failed, err := tx.ContactFailed(ctx, "per_pm", "mail", "ishikawa@aoba.example", kanji, at(3))
			if err != nil || failed != want {
				t.Errorf("bounce %d: contact %q, %v", n, failed, err)
			}
		}
		return nil
	}))
	o, err := db.LoadOrg(ctx)
	must(t, err)
	if !o.People["per_pm"].Verified.IsZero() || o.People["per_emp"].Verified.IsZero() {
		t.Errorf("verified %v and %v", o.People["per_pm"].Verified, o.People["per_emp"].Verified)
	}
	i.Kind, i.Urgency, i.StepList, i.Guessed = incident.Virus, notice.Urgent, 3, false
	change(func(tx incident.Tx) error { return tx.SaveKind(ctx, i) })
	got, err = db.Incident(ctx, i.ID)
	must(t, err)
	same(t, "a chosen kind", i, got)
	change(func(tx incident.Tx) error { _, err := tx.EraseIncident(ctx, i.ID, at(9)); return err })
	if _, found, err := db.Mail(ctx, "m1"); found || err != nil {
		t.Errorf("the mail of an erased case: %v, %v", found, err)
	}
}
