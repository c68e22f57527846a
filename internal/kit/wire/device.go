package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// idCode writes 160 bits as 32 characters.
var idCode = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// DeviceID is a device's name: dev_ and 160 bits of its public key's SHA-256. Nobody can
// take another's name without its key.
func DeviceID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return "dev_" + idCode.EncodeToString(sum[:20])
}

// ValidDeviceID reports whether s has the form of a device's name.
func ValidDeviceID(s string) bool {
	rest, ok := strings.CutPrefix(s, "dev_")
	if !ok || len(rest) != 32 {
		return false
	}
	_, err := idCode.DecodeString(rest)
	return err == nil
}

// Enrol is what a PC sends once, with the token that a person was given. Proof is the
// device key's signature over EnrolText, so that nobody enrols a key that is not theirs.
type Enrol struct {
	Token     string `json:"token"`
	PublicKey []byte `json:"public_key"` // Ed25519, 32 bytes
	Proof     []byte `json:"proof"`
	Host      string `json:"host"`   // the PC's own name for itself: a claim
	System    string `json:"system"` // "linux/amd64"
	Agent     string `json:"agent"`  // version
}

// EnrolText is what Enrol.Proof signs.
func EnrolText(token string, key ed25519.PublicKey) []byte {
	return []byte("sekimori enrol v1\n" + token + "\n" + DeviceID(key) + "\n")
}

// Enrolled is the server's answer.
type Enrolled struct {
	Device   string   `json:"device"`
	Person   string   `json:"person"`   // display name of whom the PC is bound to
	Keys     []string `json:"keys"`     // verifier keys of desired states, in the note form
	Secret   []byte   `json:"secret"`   // of release codes, 32 bytes
	Document string   `json:"document"` // the first desired state, a signed note
}

// KeyChanges is the answer of PathKeys: each key's word for the next (SignKeyChange), and on
// those before it (SignRetirement), oldest first.
type KeyChanges struct {
	Changes []string `json:"changes"`
}
