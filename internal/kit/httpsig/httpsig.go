// Package httpsig signs requests with a device's Ed25519 key and checks them: one
// profile of HTTP Message Signatures (RFC 9421) over method, path, query and the body's
// digest (RFC 9530). A proxy may end TLS in between; the signature still says who asks.
package httpsig

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// label names the signature in its two fields.
const label = "sekimori"

// components are what every signature covers, in this order.
const components = `("@method" "@path" "@query" "content-digest")`

// Reasons why a request is refused.
var (
	ErrUnsigned = errors.New("httpsig: request is not signed as agreed")
	ErrWrong    = errors.New("httpsig: signature or digest is wrong")
	ErrTime     = errors.New("httpsig: signed at another time")
)

// Skew is how far a signature's time may be from the server's.
const Skew = 5 * time.Minute

// Sign adds Content-Digest, Signature-Input and Signature to r. body is what r will
// send; at is the server's time as far as the device knows it.
func Sign(r *http.Request, body []byte, keyID string, key ed25519.PrivateKey, at time.Time) {
	digest := digestOf(body)
	params := fmt.Sprintf(`%s;created=%d;keyid="%s";alg="ed25519"`, components, at.Unix(), keyID)
	r.Header.Set("Content-Digest", digest)
	r.Header.Set("Signature-Input", label+"="+params)
	sig := ed25519.Sign(key, base(r, digest, params))
	r.Header.Set("Signature", label+"=:"+base64.StdEncoding.EncodeToString(sig)+":")
}

// Signed is what the head of a request claims, before its body is read.
type Signed struct {
	KeyID  string
	digest string
	base   []byte
	sig    []byte
}

// Parse reads the head. It checks the form and the time, and nothing of the signature:
// the caller looks for KeyID's public key, then calls Verify.
func Parse(r *http.Request, now time.Time) (Signed, error) {
	params, ok := strings.CutPrefix(r.Header.Get("Signature-Input"), label+"=")
	if !ok || len(r.Header.Values("Signature-Input")) != 1 || len(params) > 300 {
		return Signed{}, ErrUnsigned
	}
	rest, ok := strings.CutPrefix(params, components+";created=")
	if !ok {
		return Signed{}, ErrUnsigned
	}
	created, rest, ok := strings.Cut(rest, `;keyid="`)
	id, alg, ok2 := strings.Cut(rest, `"`)
	if !ok || !ok2 || alg != `;alg="ed25519"` {
		return Signed{}, ErrUnsigned
	}
	at, err := strconv.ParseInt(created, 10, 64)
	if err != nil {
		return Signed{}, ErrUnsigned
	}
	text, ok := strings.CutPrefix(r.Header.Get("Signature"), label+"=:")
	text, ok2 = strings.CutSuffix(text, ":")
	sig, err := base64.StdEncoding.DecodeString(text)
	if !ok || !ok2 || err != nil || len(sig) != ed25519.SignatureSize {
		return Signed{}, ErrUnsigned
	}
	if d := now.Sub(time.Unix(at, 0)); d > Skew || d < -Skew {
		return Signed{KeyID: id}, ErrTime
	}
	digest := r.Header.Get("Content-Digest")
	return Signed{KeyID: id, digest: digest, base: base(r, digest, params), sig: sig}, nil
}

// Verify checks the signature with the key that belongs to KeyID. The digest of the
// body is checked by VerifyBody.
func (s Signed) Verify(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, s.base, s.sig) {
		return ErrWrong
	}
	return nil
}

// VerifyBody checks that body is the one that was signed.
func (s Signed) VerifyBody(body []byte) error {
	if s.digest != digestOf(body) {
		return ErrWrong
	}
	return nil
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// base is the signature base of RFC 9421, section 2.5.
func base(r *http.Request, digest, params string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "\"@method\": %s\n\"@path\": %s\n\"@query\": ?%s\n\"content-digest\": %s\n\"@signature-params\": %s",
		r.Method, r.URL.EscapedPath(), r.URL.RawQuery, digest, params)
	return []byte(b.String())
}
