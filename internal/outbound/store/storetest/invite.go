package storetest

import (
	"errors"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/outbound/store"
)

func testInvitations(t *testing.T, db *store.DB) {
	first := access.Invitation{Person: "per_a", Hash: [32]byte{1, 0xff}, Login: "a@kaku.example", By: "per_it", Created: at(0), Expires: at(60)}
	other := access.Invitation{Person: "per_b", Hash: [32]byte{2}, Login: kanji, By: "per_it", Created: at(1), Expires: at(61)}
	change := func(f func(access.Tx) error) {
		t.Helper()
		must(t, db.UpdateAccess(t.Context(), f))
	}
	listed := func(what string, want ...access.Invitation) {
		t.Helper()
		got, err := db.Invitations(t.Context())
		must(t, err)
		same(t, what, want, got)
	}
	listed("none")
	change(func(tx access.Tx) error {
		return errors.Join(tx.SaveInvitation(t.Context(), other), tx.SaveInvitation(t.Context(), first))
	})
	listed("two", first, other)
	got, ok, err := db.InvitationByHash(t.Context(), first.Hash)
	must(t, err)
	same(t, "found", true, ok)
	same(t, "by its hash", first, got)

	// A new one ends the one before.
	again := first
	again.Hash, again.Login, again.Created, again.Expires = [32]byte{3}, "0001", at(5), at(65)
	change(func(tx access.Tx) error { return tx.SaveInvitation(t.Context(), again) })
	listed("replaced", again, other)
	if _, ok, err := db.InvitationByHash(t.Context(), first.Hash); ok || err != nil {
		t.Errorf("the one before: %v, %v", ok, err)
	}

	// It is taken once.
	for n, want := range []bool{true, false} {
		change(func(tx access.Tx) error {
			took, err := tx.TakeInvitation(t.Context(), again.Hash)
			if took != want {
				t.Errorf("time %d: taken %v", n+1, took)
			}
			return err
		})
	}
	change(func(tx access.Tx) error {
		return errors.Join(tx.DeleteInvitation(t.Context(), "per_b"), tx.DeleteInvitation(t.Context(), "per_nobody"))
	})
	listed("none again")

	a := access.Account{Person: "per_a", Login: "a@kaku.example", Password: "x"}
	b := access.Account{Person: "per_b", Login: "0002", Password: "y"}
	change(func(tx access.Tx) error {
		return errors.Join(tx.SaveAccount(t.Context(), b), tx.SaveAccount(t.Context(), a))
	})
	all, err := db.Accounts(t.Context())
	must(t, err)
	same(t, "accounts", []access.Account{a, b}, all)
	change(func(tx access.Tx) error {
		for _, tt := range []struct {
			person, login string
			want          int
		}{{"per_a", "0002", 2}, {"per_c", "0002", 1}, {"per_a", "a@kaku.example", 1}, {"per_c", "c", 0}} {
			like, err := tx.AccountsLike(t.Context(), tt.person, tt.login)
			if err != nil {
				return err
			}
			if len(like) != tt.want {
				t.Errorf("%s, %s: %v", tt.person, tt.login, like)
			}
		}
		return nil
	})
}
