// Package passkey is what a server and a browser say to each other about passkeys
// (Web Authentication): it writes the options and checks the answers. It keeps nothing;
// challenges and keys are its caller's.
package passkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// ErrRefused is the reason for every answer that proves nothing: another site's, a wrong
// signature, nobody verified, or no answer at all.
var ErrRefused = errors.New("passkey refused")

// MaxAnswer bounds a browser's answer, in bytes.
const MaxAnswer = 32 << 10

// Party is one site that people have passkeys for.
type Party struct{ auth *webauthn.WebAuthn }

// Key is the public half of a passkey.
type Key struct {
	ID       []byte // chosen by the authenticator, at most 1023 bytes
	Public   []byte // COSE
	Count    uint32 // signatures so far; 0 where the authenticator does not count
	Copyable bool   // may be kept in several devices by whoever made it
}

// Owner is whom a new passkey is for.
type Owner struct {
	ID    string // at most 64 bytes, shown to nobody
	Login string
	Name  string
}

// New makes the party of a site as browsers reach it, such as https://sekimori.example.
// A passkey belongs to a name, never to an address: a site without a name gets no party,
// and loopback is called localhost.
func New(site, company string) (*Party, error) {
	u, err := url.Parse(site)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("site %q is no address of one", site)
	}
	name, origin := u.Hostname(), u.Scheme+"://"+u.Host
	if ip, err := netip.ParseAddr(name); err == nil {
		if !ip.IsLoopback() {
			return nil, nil
		}
		name, origin = "localhost", u.Scheme+"://localhost"
		if u.Port() != "" {
			origin += ":" + u.Port()
		}
	}
	if company == "" {
		company = name
	}
	auth, err := webauthn.New(&webauthn.Config{
		RPID: name, RPDisplayName: company, RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore, // none is asked for, and none is read
	})
	if err != nil {
		return nil, fmt.Errorf("prepare passkeys of %s: %w", site, err)
	}
	return &Party{auth}, nil
}

// Name is the host name that this party's passkeys belong to.
func (p *Party) Name() string { return p.auth.Config.RPID }

// Creation gives the options, as JSON, by which a browser makes a passkey. It makes none
// where one of have is already.
func (p *Party) Creation(challenge []byte, o Owner, have []Key) ([]byte, error) {
	var out []protocol.CredentialDescriptor
	for _, k := range have {
		out = append(out, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: k.ID})
	}
	c, _, err := p.auth.BeginRegistration(owner{Owner: o}, webauthn.WithExclusions(out),
		func(opt *protocol.PublicKeyCredentialCreationOptions) error { opt.Challenge = challenge; return nil })
	if err != nil {
		return nil, fmt.Errorf("write passkey options: %w", err)
	}
	return marshal(c.Response)
}

// Created checks a browser's answer to Creation. good says whether the challenge is one
// that was given for this; its error is passed on.
func (p *Party) Created(answer []byte, ownerID string, good func(challenge []byte) error) (Key, error) {
	if len(answer) > MaxAnswer {
		return Key{}, fmt.Errorf("%w: answer too long", ErrRefused)
	}
	in, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Key{}, refuse(err)
	}
	asked, err := challengeOf(in.Response.CollectedClientData.Challenge, good)
	if err != nil {
		return Key{}, err
	}
	o := owner{Owner: Owner{ID: ownerID}}
	c, err := p.auth.CreateCredential(o, webauthn.SessionData{Challenge: asked, UserID: o.WebAuthnID(), RelyingPartyID: p.Name(),
		UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault()}, in)
	if err != nil {
		return Key{}, refuse(err)
	}
	return Key{ID: c.ID, Public: c.PublicKey, Count: c.Authenticator.SignCount, Copyable: c.Flags.BackupEligible}, nil
}

// Request gives the options, as JSON, by which a browser shows a passkey: one of these,
// or any of the site's when there are none.
func (p *Party) Request(challenge []byte, these []Key) ([]byte, error) {
	var allowed []protocol.CredentialDescriptor
	for _, k := range these {
		allowed = append(allowed, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: k.ID})
	}
	a, _, err := p.auth.BeginDiscoverableLogin(webauthn.WithChallenge(challenge), webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithAllowedCredentials(allowed))
	if err != nil {
		return nil, fmt.Errorf("write passkey request: %w", err)
	}
	return marshal(a.Response)
}

// Shown is a passkey that was proven.
type Shown struct {
	Key           // with the new count
	Owner  string // id
	Copied bool   // the count did not grow: somebody may hold a copy
}

// Asserted checks a browser's answer to Request. find gives the key of an id and whose
// it is; the errors of find and good are passed on.
func (p *Party) Asserted(answer []byte, good func(challenge []byte) error, find func(id []byte) (Key, string, bool, error)) (Shown, error) {
	if len(answer) > MaxAnswer {
		return Shown{}, fmt.Errorf("%w: answer too long", ErrRefused)
	}
	in, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Shown{}, refuse(err)
	}
	asked, err := challengeOf(in.Response.CollectedClientData.Challenge, good)
	if err != nil {
		return Shown{}, err
	}
	k, whose, ok, err := find(in.RawID)
	if err != nil {
		return Shown{}, err
	}
	if !ok {
		return Shown{}, fmt.Errorf("%w: nobody's key", ErrRefused)
	}
	o := owner{Owner: Owner{ID: whose}, keys: []webauthn.Credential{{ID: k.ID, PublicKey: k.Public,
		Flags: webauthn.CredentialFlags{BackupEligible: k.Copyable}, Authenticator: webauthn.Authenticator{SignCount: k.Count}}}}
	c, err := p.auth.ValidateDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return o, nil },
		webauthn.SessionData{Challenge: asked, RelyingPartyID: p.Name(), UserVerification: protocol.VerificationRequired}, in)
	if err != nil {
		return Shown{}, refuse(err)
	}
	k.Count = c.Authenticator.SignCount
	return Shown{Key: k, Owner: whose, Copied: c.Authenticator.CloneWarning}, nil
}

// challengeOf gives the challenge of an answer when it is good.
func challengeOf(text string, good func([]byte) error) (string, error) {
	var c protocol.URLEncodedBase64
	if err := c.UnmarshalJSON([]byte(`"` + text + `"`)); err != nil {
		return "", refuse(err)
	}
	return text, good(c)
}

// refuse keeps what the library says for whoever looks for a mistake.
func refuse(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%w: %s %s", ErrRefused, e.Details, e.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

func marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write passkey options: %w", err)
	}
	return b, nil
}

// owner is an Owner as the library wants it.
type owner struct {
	Owner
	keys []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return []byte(o.ID) }
func (o owner) WebAuthnName() string                       { return o.Login }
func (o owner) WebAuthnDisplayName() string                { return o.Name }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }
