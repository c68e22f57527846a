package seal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"sekimori/internal/kit/fault"
)

// ageForm seals into an age file (age-encryption.org/v1) with a plain ZIP file in it, for a
// password or for those who have keys.
type ageForm struct {
	password string
	to       []*keepingRecipient
	compress bool
}

// ageWork is the work factor of the password's key, as a power of two: what the age program
// itself chooses, about a second.
const ageWork = 18

func newAgeForm(password string, keys []string, compress bool) (*ageForm, error) {
	a := &ageForm{password: password, compress: compress}
	to, err := readKeys(keys)
	if err != nil {
		return nil, err
	}
	for _, r := range to {
		a.to = append(a.to, &keepingRecipient{Recipient: r})
	}
	return a, nil
}

// readKeys reads public keys.
func readKeys(keys []string) ([]age.Recipient, error) {
	var out []age.Recipient
	for _, k := range keys {
		r, err := parseRecipient(k)
		if err != nil {
			return nil, fault.New(fault.Invalid, "seal.recipient", fault.Args{"value": shown(k)})
		}
		out = append(out, r...)
	}
	return out, nil
}

// parseRecipient takes age1…, ssh-ed25519 and ssh-rsa keys.
func parseRecipient(key string) ([]age.Recipient, error) {
	if strings.HasPrefix(key, "ssh-") {
		r, err := agessh.ParseRecipient(key)
		return []age.Recipient{r}, err
	}
	return age.ParseRecipients(strings.NewReader(key))
}

func (a *ageForm) method() Method {
	m := Method{Format: Age, Algorithm: "ChaCha20-Poly1305 (age v1)", KeyDerivation: "scrypt", Iterations: 1 << ageWork, Integrity: "Poly1305", NamesHidden: true}
	if a.password == "" {
		m.KeyDerivation, m.Iterations = "public keys of the receivers", 0
	}
	return m
}

func (a *ageForm) fits(*source) error { return nil }

// recipients gives who can open: age wants a password to stand alone.
func (a *ageForm) recipients() ([]age.Recipient, error) {
	if a.password != "" {
		r, err := age.NewScryptRecipient(a.password)
		if err != nil {
			return nil, fmt.Errorf("take the password: %w", err)
		}
		r.SetWorkFactor(ageWork)
		return []age.Recipient{r}, nil
	}
	var out []age.Recipient
	for _, r := range a.to {
		out = append(out, r)
	}
	return out, nil
}

func (a *ageForm) write(ctx context.Context, out *os.File, in []*source, tick ticker) error {
	to, err := a.recipients()
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(out, blockSize)
	sealed, err := age.Encrypt(buffered, to...)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	if err := writeInner(ctx, sealed, in, a.compress, tick); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	return buffered.Flush()
}

func (a *ageForm) compare(_ context.Context, out *os.File, in []*source, tick ticker) error {
	var key age.Identity
	if a.password != "" {
		s, err := age.NewScryptIdentity(a.password)
		if err != nil {
			return fmt.Errorf("take the password: %w", err)
		}
		key = s
	} else {
		key = age.NewInjectedFileKeyIdentity(a.to[0].key)
	}
	st, err := out.Stat()
	if err != nil {
		return err
	}
	opened, size, err := age.DecryptReaderAt(out, st.Size(), key)
	if err != nil {
		return fmt.Errorf("open what was sealed: %w", err)
	}
	return compareInner(opened, size, in, tick)
}

// keepingRecipient keeps the key of the one file that it is asked to wrap, until it has been
// compared: nobody here has the receivers' own keys to open it with.
type keepingRecipient struct {
	age.Recipient
	key []byte
}

// Wrap keeps the file's key and lets the receiver's key wrap it.
func (k *keepingRecipient) Wrap(key []byte) ([]*age.Stanza, error) {
	k.key = append([]byte{}, key...)
	return k.Recipient.Wrap(key)
}

// WrapWithLabels does so for receivers that say whom they may stand beside.
func (k *keepingRecipient) WrapWithLabels(key []byte) ([]*age.Stanza, []string, error) {
	k.key = append([]byte{}, key...)
	if r, ok := k.Recipient.(age.RecipientWithLabels); ok {
		return r.WrapWithLabels(key)
	}
	s, err := k.Recipient.Wrap(key)
	return s, nil, err
}
