// Package pushd is a browser's side of push messages, for tests: a subscription whose
// messages it can open (RFC 8291), and the check of who sent them (RFC 8292). It is
// written from the standards and shares nothing with what the program sends by.
package pushd

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Browser is one subscription.
type Browser struct {
	Endpoint string
	key      *ecdh.PrivateKey
	auth     []byte
}

// NewBrowser subscribes at a push service.
func NewBrowser(endpoint string) (*Browser, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	b := &Browser{Endpoint: endpoint, key: key, auth: make([]byte, 16)}
	rand.Read(b.auth)
	return b, nil
}

// JSON is what PushSubscription.toJSON gives a page.
func (b *Browser) JSON() string {
	encode := base64.RawURLEncoding.EncodeToString
	out, _ := json.Marshal(map[string]any{"endpoint": b.Endpoint, "expirationTime": nil, // never fails: texts only
		"keys": map[string]string{"p256dh": encode(b.key.PublicKey().Bytes()), "auth": encode(b.auth)}})
	return string(out)
}

// Open decrypts a message's body: one record of aes128gcm (RFC 8188).
func (b *Browser) Open(body []byte) ([]byte, error) {
	if len(body) < 21 || len(body) < 21+int(body[20]) {
		return nil, errors.New("no header")
	}
	salt, size, id, record := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:21+body[20]], body[21+body[20]:]
	if len(record) > int(size) {
		return nil, fmt.Errorf("more than one record of %d", size)
	}
	theirs, err := ecdh.P256().NewPublicKey(id)
	if err != nil {
		return nil, fmt.Errorf("the sender's key: %w", err)
	}
	shared, err := b.key.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(id)
	ikm, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, fmt.Errorf("open record: %w", err)
	}
	text := strings.TrimRight(string(plain), "\x00")
	if !strings.HasSuffix(text, "\x02") {
		return nil, errors.New("the last record has no end")
	}
	return []byte(strings.TrimSuffix(text, "\x02")), nil
}

// Sender checks a message's Authorization header and gives the key that signed it.
func Sender(authorization, audience string, now time.Time) (publicKey string, err error) {
	rest, ok := strings.CutPrefix(authorization, "vapid t=")
	token, key, two := strings.Cut(rest, ", k=")
	parts := strings.Split(token, ".")
	if !ok || !two || len(parts) != 3 {
		return "", fmt.Errorf("header Authorization is %q", authorization)
	}
	decode := base64.RawURLEncoding.DecodeString
	point, err := decode(key)
	if err != nil {
		return "", err
	}
	signature, err := decode(parts[2])
	if err != nil || len(signature) != 64 {
		return "", fmt.Errorf("signature of %d bytes: %w", len(signature), err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return "", errors.New("the signature does not fit")
	}
	raw, err := decode(parts[1])
	if err != nil {
		return "", err
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return "", err
	}
	left := time.Unix(claims.Exp, 0).Sub(now)
	if claims.Aud != audience || left <= 0 || left > 24*time.Hour || !strings.HasPrefix(claims.Sub, "mailto:") && !strings.HasPrefix(claims.Sub, "https:") {
		return "", fmt.Errorf("claims %s", raw)
	}
	return key, nil
}
