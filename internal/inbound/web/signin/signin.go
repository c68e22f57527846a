// Package signin is the door for browsers: signing in and out, and the page of one's
// own account with its password, sessions and API tokens.
package signin

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web/page"
)

// Door opens and closes sessions.
type Door interface {
	SignIn(ctx context.Context, login, password string, from access.Origin) (secret string, s access.Session, err error)
	Remember(ctx context.Context, person string, from access.Origin) (devices string, until time.Time, err error)
	SignOut(ctx context.Context, by access.Actor) error
	ChangePassword(ctx context.Context, by access.Actor, old, fresh string) error
	Invited(ctx context.Context, link string) (access.Invitation, error)
	Accept(ctx context.Context, link, password string, from access.Origin) (secret string, s access.Session, err error)
	PasskeySite() string
	PasskeyOptions() ([]byte, error)
	SignInByPasskey(ctx context.Context, answer []byte, from access.Origin) (secret string, s access.Session, err error)
	NewPasskeyOptions(ctx context.Context, by access.Actor) ([]byte, error)
	AddPasskey(ctx context.Context, by access.Actor, name string, answer []byte) (access.Passkey, error)
	RenamePasskey(ctx context.Context, by access.Actor, key, name string) error
	Fresh(by access.Actor) bool
	Confirm(ctx context.Context, by access.Actor, password string, from access.Origin) (secret string, s access.Session, err error)
	ConfirmOptions(ctx context.Context, by access.Actor) ([]byte, error)
	ConfirmByPasskey(ctx context.Context, by access.Actor, answer []byte, from access.Origin) (secret string, s access.Session, err error)
	ResetsByMail() bool
	AskReset(ctx context.Context, whose string, from access.Origin) error
}

// Keys lists and ends what lets a person in.
type Keys interface {
	Sessions(ctx context.Context, by access.Actor, person string) ([]access.Session, error)
	RevokeSession(ctx context.Context, by access.Actor, person, session string) error
	Tokens(ctx context.Context, by access.Actor, person string) ([]access.Token, error)
	CreateToken(ctx context.Context, by access.Actor, n access.NewToken) (secret string, t access.Token, err error)
	RevokeToken(ctx context.Context, by access.Actor, person, token string) error
	Passkeys(ctx context.Context, by access.Actor, person string) ([]access.Passkey, error)
	RemovePasskey(ctx context.Context, by access.Actor, person, key string) error
}

// Demo is what the sign-in page of the demo offers.
type Demo struct{ SignIns []Ready }

// Ready is one ready-made sign-in; Role is a message id such as "duty.it_admin".
type Ready struct{ Role, Name, Login, Password string }

// Deps are what the room needs.
type Deps struct {
	Door Door
	Keys Keys
	Demo *Demo // nil unless demo
}

//go:embed templates/*.html
var files embed.FS

// Templates are the room's pages.
func Templates() fs.FS { return page.Folder(files) }

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	r := rooms(d)
	return []page.Route{
		{Pattern: "GET /login", Do: r.form, Public: true},
		{Pattern: "POST /login", Do: r.enter, Public: true},
		{Pattern: "POST /logout", Do: r.leave, Public: true},
		{Pattern: "GET /language", Do: language, Public: true},
		{Pattern: "GET /invite/{link}", Do: r.invited, Public: true},
		{Pattern: "POST /invite/{link}", Do: r.accept, Public: true},
		{Pattern: "GET /account", Do: r.account},
		{Pattern: "POST /account/password", Do: r.password},
		{Pattern: "POST /account/sessions/{id}/revoke", Do: r.revokeSession},
		{Pattern: "POST /account/tokens", Do: r.createToken},
		{Pattern: "POST /account/tokens/{id}/revoke", Do: r.revokeToken},
		{Pattern: "GET /login/passkey", Do: r.options(r.anybodys), Public: true},
		{Pattern: "POST /login/passkey", Do: r.enterByPasskey, Public: true},
		{Pattern: "GET /account/passkeys/options", Do: r.options(d.Door.NewPasskeyOptions)},
		{Pattern: "POST /account/passkeys", Do: r.addPasskey},
		{Pattern: "POST /account/passkeys/{id}/rename", Do: r.renamePasskey},
		{Pattern: "POST /account/passkeys/{id}/remove", Do: r.removePasskey},
		{Pattern: "GET /account/confirm", Do: r.confirmForm},
		{Pattern: "POST /account/confirm", Do: r.confirm},
		{Pattern: "GET /account/confirm/options", Do: r.options(d.Door.ConfirmOptions)},
		{Pattern: "GET /reset", Do: r.resetForm, Public: true},
		{Pattern: "POST /reset", Do: r.reset, Public: true},
	}
}

type rooms Deps
