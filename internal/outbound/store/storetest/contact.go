package storetest

import (
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/store"
)

// seedContacts writes the contacts of a directory.
func seedContacts(t testing.TB, db *store.DB, o *directory.Org) {
	t.Helper()
	must(t, db.UpdateContacts(t.Context(), func(tx directory.ContactTx) error {
		for _, cs := range o.Contacts {
			for _, c := range cs {
				if err := tx.SaveContact(t.Context(), c); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

func contact(id, person string, channel directory.Channel, address string) directory.Contact {
	return directory.Contact{ID: id, Person: person, Channel: channel, Address: address, Name: kanji, Created: at(-9), Verified: at(-5)}
}

func testContacts(t *testing.T, db *store.DB) {
	o := directorytest.Company()
	push := contact("con_1", "per_pm", directory.Push, "push.example")
	push.Secret, push.Failed, push.FailedWhy = []byte{0, 1, 255}, at(-1), kanji
	mail := contact("con_2", "per_pm", directory.Mail, "other@aoba.example")
	mail.Created = at(-8)
	o.Contacts = map[string][]directory.Contact{"per_pm": {push, mail}, "per_old": {contact("con_3", "per_old", directory.Slack, "hooks.example")}}
	Seed(t, db, o)
	look := func(what string, want map[string][]directory.Contact) int64 {
		t.Helper()
		got, err := db.LoadOrg(t.Context())
		must(t, err)
		same(t, what, want, got.Contacts)
		return got.Version
	}
	v := look("seeded", o.Contacts)
	change := func(f func(tx directory.ContactTx) error) {
		t.Helper()
		must(t, db.UpdateContacts(t.Context(), f))
	}
	proof := directory.Proof{Contact: "con_2", Person: "per_pm", Code: []byte{9, 8}, Sent: at(1), Until: at(31)}
	change(func(tx directory.ContactTx) error { return tx.SaveProof(t.Context(), proof) })
	proof.Tries, proof.Code = 3, []byte{7}
	change(func(tx directory.ContactTx) error {
		if _, ok, err := tx.LockProof(t.Context(), "con_1"); ok || err != nil {
			t.Errorf("a proof that nobody made: %v, %v", ok, err)
		}
		return tx.SaveProof(t.Context(), proof)
	})
	change(func(tx directory.ContactTx) error {
		got, ok, err := tx.LockProof(t.Context(), "con_2")
		same(t, "proof", proof, got)
		cs, err2 := tx.ContactsOfPerson(t.Context(), "per_pm")
		same(t, "of a person", o.Contacts["per_pm"], cs)
		if !ok || err != nil {
			t.Errorf("proof: %v, %v", ok, err)
		}
		return err2
	})
	if now := look("a proof changes nobody's contacts", o.Contacts); now != v {
		t.Error("a proof raised the directory's version")
	}
	mail.Verified, mail.Name = at(2), "二つめ"
	o.Contacts["per_pm"] = []directory.Contact{push, mail}
	change(func(tx directory.ContactTx) error { return tx.SaveContact(t.Context(), mail) })
	if look("saved again", o.Contacts) <= v {
		t.Error("a contact did not raise the directory's version")
	}
	change(func(tx directory.ContactTx) error {
		n, err := tx.ForgetLeavers(t.Context(), directorytest.Noon())
		same(t, "leavers' contacts", 1, n)
		return err
	})
	delete(o.Contacts, "per_old")
	look("without leavers", o.Contacts)
	change(func(tx directory.ContactTx) error { return tx.DeleteContact(t.Context(), "con_2") })
	change(func(tx directory.ContactTx) error {
		_, ok, err := tx.LockProof(t.Context(), "con_2")
		same(t, "proof of a contact that is gone", false, ok)
		return err
	})
	o.Contacts["per_pm"] = []directory.Contact{push}
	look("deleted", o.Contacts)
}

// testContactsWork: what a notice's link and a provider's refusal say of a contact.
func testContactsWork(t *testing.T, db *store.DB) {
	o := directorytest.Company()
	o.Contacts = map[string][]directory.Contact{"per_pm": {contact("con_1", "per_pm", directory.Push, "push.example"),
		contact("con_2", "per_pm", directory.Mail, "other@aoba.example")}}
	Seed(t, db, o)
	own := o.People["per_pm"].Email
	state := func(n int) (verified, failed time.Time, why string) {
		t.Helper()
		got, err := db.LoadOrg(t.Context())
		must(t, err)
		c := got.ContactsOf("per_pm")[n]
		return c.Verified, c.Failed, c.FailedWhy
	}
	for n, c := range []struct{ channel, address string }{{"mail", own}, {"push", "con_1"}, {"mail", "other@aoba.example"}} {
		when := at(10 + n)
		must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
			failed, err := tx.ContactFailed(t.Context(), "per_pm", c.channel, c.address, kanji, when)
			same(t, c.address+" fails", []string{"per_pm", "con_1", "con_2"}[n], failed)
			if err != nil {
				return err
			}
			failed, err = tx.ContactFailed(t.Context(), "per_pm", c.channel, c.address, "again", when.Add(time.Minute))
			same(t, c.address+" fails again", "", failed)
			return err
		}))
		if verified, failed, why := state(n); c.address == own && !verified.IsZero() || c.address != own && (!failed.Equal(when) || why != kanji) {
			t.Errorf("%s failed at %v: %s", c.address, failed, why)
		}
		must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
			return tx.ContactWorked(t.Context(), "per_pm", c.channel, c.address, when.Add(time.Hour))
		}))
		if verified, failed, why := state(n); !verified.Equal(when.Add(time.Hour)) || !failed.IsZero() || why != "" {
			t.Errorf("%s worked at %v; failed at %v: %s", c.address, verified, failed, why)
		}
	}
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error { // nobody else's
		if failed, err := tx.ContactFailed(t.Context(), "per_it", "push", "con_1", "no", at(99)); failed != "" || err != nil {
			t.Errorf("another's contact failed: %v, %v", failed, err)
		}
		return tx.ContactWorked(t.Context(), "per_it", "push", "con_1", at(99))
	}))
	if verified, failed, _ := state(1); verified.Equal(at(99)) || !failed.IsZero() {
		t.Error("another person's word changed a contact")
	}
}
