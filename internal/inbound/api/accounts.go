package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
)

// TokenView is a token without its secret.
type TokenView struct {
	ID      string    `json:"id"`
	Person  string    `json:"person"`
	Name    string    `json:"name"`
	Scopes  []string  `json:"scopes"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Seen    time.Time `json:"last_used,omitzero"`
}

func tokenOf(t access.Token) TokenView {
	v := TokenView{ID: t.ID, Person: t.Person, Name: t.Name, Scopes: []string{}, Created: t.Created, Expires: t.Expires, Seen: t.Seen}
	for _, p := range t.Scopes {
		v.Scopes = append(v.Scopes, string(p))
	}
	return v
}

type tokenIn struct {
	Body struct {
		Person string   `json:"person,omitempty" doc:"Whose: id or employee number; your own when absent."`
		Name   string   `json:"name"`
		Scopes []string `json:"scopes" doc:"Permissions, such as incident:report."`
		Days   int      `json:"days" doc:"Life in days, 1 to 366."`
	}
}

type tokenOut struct {
	Body struct {
		TokenView
		Secret string `json:"secret,omitempty" doc:"Shown this once. A repeated request with the same key does not show it again."`
	}
}

// OwnerFilter says whose tokens are meant.
type OwnerFilter struct {
	Person string `query:"person" doc:"Whose: id or employee number; your own when absent."`
}

type tokensOut struct {
	Body struct {
		Items []TokenView `json:"items"`
		Next  string      `json:"next"`
	}
}

type tokenRef struct {
	OwnerFilter
	Token string `path:"token" maxLength:"100"`
}

// PasskeyView is a passkey without its key.
type PasskeyView struct {
	ID      string    `json:"id"`
	Person  string    `json:"person"`
	Name    string    `json:"name"`
	Synced  bool      `json:"synced" doc:"Kept in several devices by whoever made it."`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"last_used,omitzero"`
	Copied  time.Time `json:"copied,omitzero" doc:"When its count last failed to grow: somebody may hold a copy."`
}

type passkeysOut struct {
	Body struct {
		Items []PasskeyView `json:"items"`
		Next  string        `json:"next"`
	}
}

type passkeyRef struct {
	OwnerFilter
	Passkey string `path:"passkey" maxLength:"100"`
}

func (s *server) accountRoutes() {
	add(s, op(http.MethodGet, "/passkeys", "list-passkeys", "passkeys", "List passkeys, oldest first"), s.listPasskeys)
	add(s, op(http.MethodDelete, "/passkeys/{passkey}", "remove-passkey", "passkeys", "End a passkey at once"),
		func(ctx context.Context, by access.Actor, in *passkeyRef) (*none, error) {
			p, err := s.owner(ctx, by, in.Person)
			if err != nil {
				return nil, err
			}
			return nil, s.Access.RemovePasskey(ctx, by, p, in.Passkey)
		})
	create := op(http.MethodPost, "/tokens", "create-token", "tokens", "Make an API token")
	create.DefaultStatus = http.StatusCreated
	add(s, create, s.createToken)
	add(s, op(http.MethodGet, "/tokens", "list-tokens", "tokens", "List tokens, newest first"), s.listTokens)
	add(s, op(http.MethodDelete, "/tokens/{token}", "revoke-token", "tokens", "End a token at once"),
		func(ctx context.Context, by access.Actor, in *tokenRef) (*none, error) {
			p, err := s.owner(ctx, by, in.Person)
			if err != nil {
				return nil, err
			}
			return nil, s.Access.RevokeToken(ctx, by, p, in.Token)
		})
}

// owner is the person meant: the caller when nobody is named.
func (s *server) owner(ctx context.Context, by access.Actor, given string) (string, error) {
	if given == "" {
		return by.Person, nil
	}
	return s.person(ctx, given)
}

func (s *server) createToken(ctx context.Context, by access.Actor, in *tokenIn) (*tokenOut, error) {
	n := access.NewToken{Name: in.Body.Name, Days: in.Body.Days}
	for _, x := range in.Body.Scopes {
		n.Scopes = append(n.Scopes, access.Permission(x))
	}
	var err error
	if n.Person, err = s.owner(ctx, by, in.Body.Person); err != nil {
		return nil, err
	}
	callOf(ctx).redact = without("secret")
	secret, t, err := s.Access.CreateToken(ctx, by, n)
	if err != nil {
		return nil, err
	}
	out := &tokenOut{}
	out.Body.TokenView, out.Body.Secret = tokenOf(t), secret
	return out, nil
}

// without gives the reply as it may be kept, without some fields at its top: a secret is
// stored nowhere.
func without(fields ...string) func(reply []byte) []byte {
	return func(reply []byte) []byte {
		var v map[string]any
		if err := json.Unmarshal(reply, &v); err != nil {
			return nil
		}
		for _, f := range fields {
			delete(v, f)
		}
		kept, err := json.Marshal(v)
		if err != nil {
			return nil
		}
		return kept
	}
}

func (s *server) listTokens(ctx context.Context, by access.Actor, in *OwnerFilter) (*tokensOut, error) {
	p, err := s.owner(ctx, by, in.Person)
	if err != nil {
		return nil, err
	}
	ts, err := s.Access.Tokens(ctx, by, p)
	if err != nil {
		return nil, err
	}
	out := &tokensOut{}
	out.Body.Items = []TokenView{}
	for _, t := range ts {
		out.Body.Items = append(out.Body.Items, tokenOf(t))
	}
	return out, nil
}

func (s *server) listPasskeys(ctx context.Context, by access.Actor, in *OwnerFilter) (*passkeysOut, error) {
	p, err := s.owner(ctx, by, in.Person)
	if err != nil {
		return nil, err
	}
	ks, err := s.Access.Passkeys(ctx, by, p)
	if err != nil {
		return nil, err
	}
	out := &passkeysOut{}
	out.Body.Items = []PasskeyView{}
	for _, k := range ks {
		out.Body.Items = append(out.Body.Items, PasskeyView{ID: k.ID, Person: k.Person, Name: k.Name, Synced: k.Key.Copyable, Created: k.Created, Seen: k.Seen, Copied: k.Copied})
	}
	return out, nil
}
