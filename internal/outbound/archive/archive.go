// Package archive writes and reads the one file of a backup.
//
// It is a tar, encrypted with age where somebody is named who may open it: both can be
// read without this program. The last two members are manifest.json, with the size and
// SHA-256 of every member before it, and manifest.sig, a signed note over the manifest.
// A reader takes nothing for whole that is not, byte for byte, what a writer makes of the
// same contents, so that no changed bit and no cut end is passed over.
package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
)

const (
	manifestName  = "manifest.json"
	signatureName = "manifest.sig"
	// signedHead begins what is signed, so that it can be taken for nothing else that the
	// same key signs.
	signedHead = "sekimori backup\n"
	// manifestLimit, in bytes, is more than a manifest can be.
	manifestLimit = 512 << 20
)

var (
	// ErrDamaged says that a file is not, or no longer, a whole backup.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrKey says that none of the given keys opens the file.
	ErrKey = errors.New("the key does not open the backup")
	// ErrSignature says that none of the known keys signed the backup.
	ErrSignature = errors.New("the backup is not signed by this server")
)

// Member is one file within a backup.
type Member struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // in bytes
	SHA256 string `json:"sha256"` // hex
}

// Manifest is what a backup says of itself. About belongs to who made it.
type Manifest struct {
	Format  int             `json:"format"`
	About   json.RawMessage `json:"about"`
	Members []Member        `json:"members"`
}

// Format is the number of the form that Writer writes.
const Format = 1

// Writer writes a backup from its beginning to its end.
type Writer struct {
	tar     *tar.Writer
	sealed  io.Closer // of age; nil when the backup is not encrypted
	members []Member
}

// NewWriter begins a backup that the recipients can open; without any it is not encrypted.
func NewWriter(w io.Writer, to []age.Recipient) (*Writer, error) {
	out := &Writer{}
	if len(to) > 0 {
		sealed, err := age.Encrypt(w, to...)
		if err != nil {
			return nil, fmt.Errorf("encrypt backup: %w", err)
		}
		out.sealed, w = sealed, sealed
	}
	out.tar = tar.NewWriter(w)
	return out, nil
}

// header is the only one that a member of that name and size has.
func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: tar.FormatPAX}
}

// Add writes a member of size bytes.
func (w *Writer) Add(name string, size int64, r io.Reader) error {
	if err := w.tar.WriteHeader(header(name, size)); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(w.tar, io.TeeReader(io.LimitReader(r, size), sum))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("write %s into the backup: %w", name, err)
	}
	w.members = append(w.members, Member{name, size, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// Close writes the signed manifest and ends the backup. A backup without it is damaged.
func (w *Writer) Close(about any, signer note.Signer) error {
	raw, err := json.Marshal(about)
	if err != nil {
		return fmt.Errorf("marshal manifest: %w", err)
	}
	manifest, err := json.MarshalIndent(Manifest{Format, raw, w.members}, "", " ")
	if err != nil {
		return fmt.Errorf("marshal manifest: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: signedText(manifest)}, signer)
	if err != nil {
		return fmt.Errorf("sign manifest: %w", err)
	}
	for _, m := range []struct {
		name string
		data []byte
	}{{manifestName, manifest}, {signatureName, signed}} {
		if err := w.Add(m.name, int64(len(m.data)), bytes.NewReader(m.data)); err != nil {
			return err
		}
	}
	if err := w.tar.Close(); err != nil {
		return fmt.Errorf("end backup: %w", err)
	}
	if w.sealed == nil {
		return nil
	}
	if err := w.sealed.Close(); err != nil {
		return fmt.Errorf("end backup: %w", err)
	}
	return nil
}

func signedText(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return signedHead + hex.EncodeToString(sum[:]) + "\n"
}

// Contents is a backup that was read through and found whole.
type Contents struct {
	Manifest
	manifest, signature []byte
}

// SignedBy reports with ErrSignature that none of the keys signed the backup.
func (c *Contents) SignedBy(keys note.Verifiers) error {
	n, err := note.Open(c.signature, keys)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if n.Text != signedText(c.manifest) {
		return fmt.Errorf("%w: more was signed than a manifest", ErrDamaged)
	}
	for _, sig := range n.Sigs { // a changed last character may decode to the same bytes
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return fmt.Errorf("%w: loose base64", ErrSignature)
		}
	}
	return nil
}

// ageHead begins every file that age encrypted.
const ageHead = "age-encryption.org/"

// Open gives the tar within a file, which is opened with the keys when it is encrypted.
func open(r io.Reader, keys []age.Identity) (io.Reader, error) {
	head := make([]byte, len(ageHead))
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read backup: %w", err)
	}
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	if string(head[:n]) != ageHead {
		return r, nil
	}
	if len(keys) == 0 {
		return nil, ErrKey
	}
	plain, err := age.Decrypt(r, keys...)
	var no *age.NoIdentityMatchError
	switch {
	case errors.As(err, &no):
		return nil, ErrKey
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return plain, nil
}

// Read reads a whole backup and gives what it says of itself. With each, every member
// but the last two is given while it is read, before it is known to be whole: read twice,
// and use what the second reading gives.
func Read(r io.Reader, keys []age.Identity, each func(name string, size int64, content io.Reader) error) (*Contents, error) {
	plain, err := open(r, keys)
	if err != nil {
		return nil, err
	}
	raw, again := sha256.New(), sha256.New()
	in := reading{from: io.TeeReader(plain, raw), tar: tar.NewWriter(again), each: each}
	if err := in.members(); err != nil {
		return nil, err
	}
	return in.judge(raw, again)
}

// reading is one reading of a tar, which is written anew as it is read.
type reading struct {
	from    io.Reader
	tar     *tar.Writer
	each    func(string, int64, io.Reader) error
	found   []Member
	content Contents
}

// callerError is an error of the caller's function, which says nothing about the file.
type callerError struct{ error }

// Unwrap gives the caller's error.
func (e callerError) Unwrap() error { return e.error }

func (in *reading) members() error {
	members := tar.NewReader(in.from)
	for {
		h, err := members.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = in.member(h, members)
		}
		var mine callerError
		if errors.As(err, &mine) {
			return mine.error
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	if _, err := io.Copy(io.Discard, in.from); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

func (in *reading) member(h *tar.Header, content io.Reader) error {
	if h.Typeflag != tar.TypeReg || !plainName(h.Name) {
		return fmt.Errorf("%q is no member of a backup", h.Name)
	}
	if err := in.tar.WriteHeader(header(h.Name, h.Size)); err != nil {
		return err
	}
	sum := sha256.New()
	content = io.TeeReader(content, io.MultiWriter(sum, in.tar))
	keep := map[string]*[]byte{manifestName: &in.content.manifest, signatureName: &in.content.signature}[h.Name]
	var err error
	switch {
	case keep != nil && h.Size > manifestLimit:
		return errors.New("the manifest is too long")
	case keep != nil:
		*keep, err = io.ReadAll(content)
	case in.each != nil:
		if e := in.each(h.Name, h.Size, content); e != nil {
			return callerError{e}
		}
	}
	if err == nil {
		_, err = io.Copy(io.Discard, content)
	}
	in.found = append(in.found, Member{h.Name, h.Size, hex.EncodeToString(sum.Sum(nil))})
	return err
}

// plainName reports whether a name leads nowhere but into the folder of a restore.
func plainName(name string) bool {
	return name != "" && !strings.HasPrefix(name, "/") && !strings.ContainsAny(name, "\\:\x00") && !strings.Contains("/"+name+"/", "/../") && !strings.Contains("/"+name+"/", "/./") && !strings.Contains("/"+name+"/", "//")
}

// judge compares what was read with the manifest and with itself.
func (in *reading) judge(raw, again hash.Hash) (*Contents, error) {
	c := &in.content
	if c.manifest == nil || c.signature == nil {
		return nil, fmt.Errorf("%w: its end is missing", ErrDamaged)
	}
	if !bytes.HasPrefix(c.signature, []byte(signedText(c.manifest)+"\n")) { // seen without any key
		return nil, fmt.Errorf("%w: its manifest was changed", ErrDamaged)
	}
	if err := json.Unmarshal(c.manifest, &c.Manifest); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if c.Format != Format {
		return nil, fmt.Errorf("the backup is of form %d, this program reads form %d", c.Format, Format)
	}
	n := len(in.found) - 2
	if n != len(c.Members) || in.found[n].Name != manifestName || in.found[n+1].Name != signatureName {
		return nil, fmt.Errorf("%w: it has other members than its manifest says", ErrDamaged)
	}
	for i, want := range c.Members {
		if in.found[i] != want {
			return nil, fmt.Errorf("%w: %s was changed", ErrDamaged, want.Name)
		}
	}
	if err := in.tar.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !bytes.Equal(raw.Sum(nil), again.Sum(nil)) {
		return nil, fmt.Errorf("%w: there is something between its members", ErrDamaged)
	}
	return c, nil
}
