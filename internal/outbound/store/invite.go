package store

import (
	"context"
	"fmt"

	"sekimori/internal/domain/access"
)

const invitationColumns = "person, hash, login, invited_by, created_at, expires_at, id, reset"

// SaveInvitation inserts a person's invitation or replaces the one before.
func (t *txn) SaveInvitation(_ context.Context, v access.Invitation) error {
	return t.exec("INSERT INTO acc_invitation ("+invitationColumns+") VALUES ("+marks(1, 8)+`)
		ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, login = excluded.login, invited_by = excluded.invited_by,
			created_at = excluded.created_at, expires_at = excluded.expires_at, id = excluded.id, reset = excluded.reset`,
		v.Person, v.Hash[:], v.Login, v.By, micros(v.Created), micros(v.Expires), v.ID, v.Reset)
}

// TakeInvitation ends an invitation and reports whether it was there: of two who come at
// once, one.
func (t *txn) TakeInvitation(_ context.Context, hash [32]byte) (bool, error) {
	n, err := t.count("DELETE FROM acc_invitation WHERE hash = $1", hash[:])
	return n > 0, err
}

// DeleteInvitation ends a person's invitation, if there is one.
func (t *txn) DeleteInvitation(_ context.Context, person string) error {
	return t.exec("DELETE FROM acc_invitation WHERE person = $1", person)
}

// InvitationOf gives a person's invitation.
func (t *txn) InvitationOf(_ context.Context, person string) (access.Invitation, bool, error) {
	v, err := one(t.ctx, t, scanInvitation, "SELECT "+invitationColumns+" FROM acc_invitation WHERE person = $1", person)
	return maybe(v, err)
}

// AccountsLike gives the person's account and the one of that sign-in name.
func (t *txn) AccountsLike(_ context.Context, person, login string) ([]access.Account, error) {
	return all(t.ctx, t, scanAccount, "SELECT "+accountColumns+" FROM acc_account WHERE person = $1 OR login = $2", person, login)
}

// Accounts lists every account.
func (db *DB) Accounts(ctx context.Context) ([]access.Account, error) {
	as, err := all(ctx, db.read, scanAccount, "SELECT "+accountColumns+" FROM acc_account ORDER BY person")
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return as, nil
}

func scanInvitation(r scanner) (v access.Invitation, err error) {
	var hash []byte
	var created, expires int64
	if err = r.Scan(&v.Person, &hash, &v.Login, &v.By, &created, &expires, &v.ID, &v.Reset); err != nil {
		return v, err
	}
	copy(v.Hash[:], hash)
	v.Created, v.Expires = at(created), at(expires)
	return v, nil
}

// InvitationByHash finds an invitation.
func (db *DB) InvitationByHash(ctx context.Context, hash [32]byte) (access.Invitation, bool, error) {
	v, err := one(ctx, db.read, scanInvitation, "SELECT "+invitationColumns+" FROM acc_invitation WHERE hash = $1", hash[:])
	return maybe(v, err)
}

// Invitations lists those that were not used, the expired ones too.
func (db *DB) Invitations(ctx context.Context) ([]access.Invitation, error) {
	vs, err := all(ctx, db.read, scanInvitation, "SELECT "+invitationColumns+" FROM acc_invitation ORDER BY person")
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	return vs, nil
}
