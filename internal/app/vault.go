package app

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// vault seals secrets in the database under a key of the keys folder.
type vault struct{ aead cipher.AEAD }

// openVault takes an AES-256 key.
func openVault(key []byte) (vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return vault{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return vault{aead}, err
}

// Seal encrypts a secret, bound to its name.
func (v vault) Seal(name string, secret []byte) ([]byte, error) {
	return v.aead.Seal(nil, nil, secret, []byte(name)), nil
}

// Open decrypts it again.
func (v vault) Open(name string, sealed []byte) ([]byte, error) {
	out, err := v.aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("open the secret of %s: %w", name, err)
	}
	return out, nil
}
