// Package authenticator is a passkey device for tests: it makes keys and answers
// challenges as a browser with a fingerprint reader would, and lies when told to.
package authenticator

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Device holds one passkey. Change its fields to make it lie.
type Device struct {
	Origin     string // where the browser says that it is
	Site       string // host name that the key is for
	Unverified bool   // nobody showed a finger or typed a number
	Count      uint32 // of the next answer, which raises it
	Handle     []byte // whose it says that it is; set by Create

	id  []byte
	key *ecdsa.PrivateKey
	t   testing.TB
}

// New makes a device in a browser that is at origin; site is the host name in it.
func New(t testing.TB, origin, site string) *Device {
	t.Helper()
	d := &Device{Origin: origin, Site: site, Count: 1, t: t, id: make([]byte, 16)}
	rand.Read(d.id)
	var err error
	if d.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	return d
}

type options struct {
	Challenge string
	User      struct{ ID string }
}

func (d *Device) read(opts []byte) options {
	d.t.Helper()
	var o options
	if err := json.Unmarshal(opts, &o); err != nil {
		d.t.Fatalf("options %q: %v", opts, err)
	}
	return o
}

// Create answers the options for a new passkey.
func (d *Device) Create(opts []byte) []byte {
	d.t.Helper()
	o := d.read(opts)
	d.Handle = d.bytes(o.User.ID)
	pub, err := d.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		d.t.Fatal(err)
	}
	cose := d.cbor(map[int]any{1: 2, 3: -7, -1: 1, -2: pub[1:33], -3: pub[33:65]})
	var att bytes.Buffer
	att.Write(d.data(0x40))
	att.Write(make([]byte, 16))
	binary.Write(&att, binary.BigEndian, uint16(len(d.id)))
	att.Write(d.id)
	att.Write(cose)
	object := d.cbor(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": att.Bytes()})
	return d.answer(map[string]any{"clientDataJSON": text(d.client("webauthn.create", o.Challenge)), "attestationObject": text(object)})
}

// Get answers the options that ask for a passkey.
func (d *Device) Get(opts []byte) []byte {
	d.t.Helper()
	client, data := d.client("webauthn.get", d.read(opts).Challenge), d.data(0)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		d.t.Fatal(err)
	}
	return d.answer(map[string]any{"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(sig), "userHandle": text(d.Handle)})
}

// data is what the device itself vouches for.
func (d *Device) data(flags byte) []byte {
	flags |= 0x01 // somebody touched it
	if !d.Unverified {
		flags |= 0x04
	}
	site := sha256.Sum256([]byte(d.Site))
	out := append(site[:], flags)
	out = binary.BigEndian.AppendUint32(out, d.Count)
	d.Count++
	return out
}

func (d *Device) client(what, challenge string) []byte {
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`, what, challenge, d.Origin)
}

func (d *Device) answer(response map[string]any) []byte {
	d.t.Helper()
	b, err := json.Marshal(map[string]any{"id": text(d.id), "rawId": text(d.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func (d *Device) cbor(v any) []byte {
	d.t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func (d *Device) bytes(s string) []byte {
	d.t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
