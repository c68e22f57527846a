package directory

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"sekimori/internal/kit/fault"
)

// Target is what leads to a contact that is not mail, and what proves that a message is
// ours. It is kept sealed: whoever knows a room's URL can write into the room.
type Target struct {
	URL    string `json:"url"`
	Key    string `json:"key,omitempty"`    // webhook: signs each message
	P256dh string `json:"p256dh,omitempty"` // push: the browser's public key, base64url
	Auth   string `json:"auth,omitempty"`   // push: its secret, base64url
}

// maxURL bounds an address that somebody typed, in bytes.
const maxURL = 2000

// host gives the host that a URL leads to; "" when it is not one that a message can be
// posted to.
func host(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || len(raw) > maxURL || u.Scheme != "https" && u.Scheme != "http",
		u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "":
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// ParseSubscription reads what a browser gives as JSON when it subscribes to push
// messages (PushSubscription.toJSON): endpoint, and keys of its own in base64url.
// Anything else is refused with a fault.
func ParseSubscription(text string) (Target, error) {
	var s struct {
		Endpoint string `json:"endpoint"`
		Keys     struct {
			P256dh string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	}
	bad := func(why string) (Target, error) {
		return Target{}, fmt.Errorf("%w: %s", fault.New(fault.Invalid, "fault.bad_subscription", nil), why)
	}
	if len(text) > 2*maxURL {
		return bad("too long")
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return bad(err.Error())
	}
	if host(s.Endpoint) == "" {
		return bad("no endpoint")
	}
	unpadded := func(key string) ([]byte, error) {
		return base64.RawURLEncoding.DecodeString(strings.TrimRight(key, "="))
	}
	public, err := unpadded(s.Keys.P256dh)
	if err != nil {
		return bad("p256dh is not base64url")
	}
	if _, err := ecdh.P256().NewPublicKey(public); err != nil {
		return bad("p256dh is no point of P-256")
	}
	auth, err := unpadded(s.Keys.Auth)
	if err != nil || len(auth) != 16 {
		return bad("auth is not 16 bytes")
	}
	encode := base64.RawURLEncoding.EncodeToString
	return Target{URL: s.Endpoint, P256dh: encode(public), Auth: encode(auth)}, nil
}
