package storetest

import (
	"errors"
	"math"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/passkey"
	"sekimori/internal/outbound/store"
)

func testPasskeys(t *testing.T, db *store.DB) {
	change := func(f func(access.Tx) error) {
		t.Helper()
		must(t, db.UpdateAccess(t.Context(), f))
	}
	one := access.Passkey{ID: "pky_1", Person: "per_a", Name: kanji, Key: passkey.Key{ID: []byte{0, 1, 0xff}, Public: []byte{9}, Count: math.MaxUint32, Copyable: true}, Created: at(0)}
	two := access.Passkey{ID: "pky_2", Person: "per_a", Name: "x", Key: passkey.Key{ID: []byte{2}, Public: []byte{8}}, Created: at(1), Seen: at(2), Copied: at(3)}
	other := access.Passkey{ID: "pky_3", Person: "per_b", Name: "y", Key: passkey.Key{ID: []byte{3}, Public: []byte{7}}, Created: at(1)}
	change(func(tx access.Tx) error {
		return errors.Join(tx.InsertPasskey(t.Context(), two), tx.InsertPasskey(t.Context(), other), tx.InsertPasskey(t.Context(), one))
	})
	listed := func(what string, want ...access.Passkey) {
		t.Helper()
		got, err := db.Passkeys(t.Context(), "per_a")
		must(t, err)
		same(t, what, want, got)
	}
	listed("two", one, two)
	got, ok, err := db.PasskeyByCredential(t.Context(), one.Key.ID)
	must(t, err)
	same(t, "found", true, ok)
	same(t, "by its credential", one, got)
	if _, ok, err := db.PasskeyByCredential(t.Context(), []byte{77}); ok || err != nil {
		t.Errorf("nobody's: %v, %v", ok, err)
	}
	again := one
	again.ID = "pky_4"
	if err := db.UpdateAccess(t.Context(), func(tx access.Tx) error { return tx.InsertPasskey(t.Context(), again) }); err == nil {
		t.Error("one credential twice")
	}
	one.Name, one.Key.Count, one.Seen, one.Copied = "新しい名前", 5, at(7), at(7)
	change(func(tx access.Tx) error {
		like, err := tx.PasskeysLike(t.Context(), "per_a", other.Key.ID)
		same(t, "like", 3, len(like))
		for want, f := range map[bool]func() (bool, error){
			true:  func() (bool, error) { return tx.RenamePasskey(t.Context(), "per_a", "pky_1", one.Name) },
			false: func() (bool, error) { return tx.RenamePasskey(t.Context(), "per_b", "pky_1", "z") },
		} {
			if there, err := f(); there != want || err != nil {
				t.Errorf("rename: %v, %v", there, err)
			}
		}
		there, err2 := tx.UsePasskey(t.Context(), one)
		same(t, "used", true, there)
		return errors.Join(err, err2)
	})
	listed("used", one, two)
	for n, want := range []bool{true, false} {
		change(func(tx access.Tx) error {
			took, err := tx.DeletePasskey(t.Context(), "per_a", "pky_2")
			if took != want {
				t.Errorf("time %d: deleted %v", n+1, took)
			}
			gone, err2 := tx.UsePasskey(t.Context(), two)
			same(t, "use of one that is gone", false, gone)
			return errors.Join(err, err2)
		})
	}
	listed("one", one)

	// A challenge is spent once, and forgotten when it has run out.
	spend := func(what string, now time.Time, want bool) {
		t.Helper()
		change(func(tx access.Tx) error {
			first, err := tx.Spend(t.Context(), [32]byte{5}, at(9), now)
			same(t, what, want, first)
			return err
		})
	}
	spend("first", at(4), true)
	spend("second", at(5), false)
	spend("once it has run out", at(10), true)

	// A session gets another secret.
	s := access.Session{ID: "ses_1", Hash: [32]byte{1}, Person: "per_a", Created: at(0), Seen: at(0), Expires: at(60 * 24), Fresh: at(0)}
	change(func(tx access.Tx) error { return tx.InsertSession(t.Context(), s) })
	s.Hash, s.Seen, s.Fresh = [32]byte{2}, at(3), at(3)
	change(func(tx access.Tx) error {
		_, stranger, err := tx.RenewSession(t.Context(), "per_b", "ses_1", s.Hash, at(3))
		same(t, "another's session", false, stranger)
		fresh, there, err2 := tx.RenewSession(t.Context(), "per_a", "ses_1", s.Hash, at(3))
		same(t, "there", true, there)
		same(t, "renewed", s, fresh)
		return errors.Join(err, err2)
	})
	found, ok, err := db.SessionByHash(t.Context(), s.Hash)
	must(t, err)
	same(t, "by the new secret", s, found)
	if _, old, err := db.SessionByHash(t.Context(), [32]byte{1}); !ok || old || err != nil {
		t.Errorf("by the old secret: %v, %v", old, err)
	}

	// An invitation of either kind, with its id.
	v := access.Invitation{ID: "inv_1", Person: "per_a", Hash: [32]byte{1, 0xff}, Login: "a", By: access.Nobody, Created: at(0), Expires: at(60), Reset: true}
	change(func(tx access.Tx) error {
		err := tx.SaveInvitation(t.Context(), v)
		got, ok, err2 := tx.InvitationOf(t.Context(), "per_a")
		same(t, "of a person", true, ok)
		same(t, "the invitation", v, got)
		_, none, err3 := tx.InvitationOf(t.Context(), "per_z")
		same(t, "of nobody", false, none)
		return errors.Join(err, err2, err3)
	})

	// A browser is known until it runs out, or everything of its person's is forgotten.
	b := access.Known{Hash: [32]byte{7, 0xff}, Person: "per_a", Created: at(0), Expires: at(9)}
	change(func(tx access.Tx) error { return tx.InsertKnown(t.Context(), b) })
	known, ok, err := db.KnownByHash(t.Context(), b.Hash)
	must(t, err)
	same(t, "known", true, ok)
	same(t, "browser", b, known)
	change(func(tx access.Tx) error {
		return errors.Join(tx.DeleteKnown(t.Context(), "per_b"), tx.InsertKnown(t.Context(), access.Known{Hash: [32]byte{8}, Person: "per_b", Created: at(20), Expires: at(30)}))
	})
	if _, ok, err := db.KnownByHash(t.Context(), b.Hash); ok || err != nil {
		t.Errorf("one that has run out: %v, %v", ok, err)
	}
	change(func(tx access.Tx) error { return tx.DeleteKnown(t.Context(), "per_b") })
	if _, ok, err := db.KnownByHash(t.Context(), [32]byte{8}); ok || err != nil {
		t.Errorf("forgotten: %v, %v", ok, err)
	}

	// A mail about an account is planned once.
	l := access.Letter{ID: "inv_1", Topic: "account.reset", Person: "per_a", Args: map[string]string{"login": "a"}, Path: "/invite/{secret}", At: at(1)}
	change(func(tx access.Tx) error { return errors.Join(tx.Post(t.Context(), l), tx.Post(t.Context(), l)) })
	ls, err := db.ClaimLetters(t.Context(), at(2), time.Minute, 9)
	must(t, err)
	if len(ls) != 1 || ls[0].About != "inv_1" || ls[0].Path != l.Path || ls[0].Args["login"] != "a" || ls[0].Topic != l.Topic {
		t.Errorf("letters %+v", ls)
	}
}

func testProofWanted(t *testing.T, db *store.DB) {
	wanted := func(want bool) {
		t.Helper()
		got, err := db.ProofWanted(t.Context())
		must(t, err)
		same(t, "wanted", want, got)
	}
	wanted(false)
	for _, on := range []bool{true, true, false} {
		must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error { return tx.SaveProofWanted(t.Context(), on) }))
		wanted(on)
	}
}
