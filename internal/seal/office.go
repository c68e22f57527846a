package seal

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf16"

	"sekimori/internal/kit/fault"
)

// officeForm seals documents the way Office itself does: Agile Encryption, section 2.3.4.10
// and following of [MS-OFFCRYPTO], AES-256 in CBC mode with SHA-512.
type officeForm struct{ password string }

const (
	officeSpins   = 100_000 // what Office 2013 and later write
	officeSegment = 4096
	officeSalt    = 16
	officeKey     = 32
	// officeMost, in bytes: the container's sizes have 31 bits, and Office opens no larger
	// document anyway.
	officeMost = 1 << 30
)

// The block keys of 2.3.4.11 to 2.3.4.14.
var (
	verifierInputKey = []byte{0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79}
	verifierValueKey = []byte{0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e}
	secretKeyKey     = []byte{0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6}
	hmacKeyKey       = []byte{0x5f, 0xb2, 0xad, 0x01, 0x0c, 0xb9, 0xe1, 0xf6}
	hmacValueKey     = []byte{0xa0, 0x67, 0x7f, 0x02, 0xb2, 0x2c, 0x84, 0x33}
)

func (o *officeForm) method() Method {
	return Method{Format: Office, Algorithm: "AES-256-CBC (ECMA-376 Agile Encryption)", KeyDerivation: "SHA-512", Iterations: officeSpins, Integrity: "HMAC-SHA512"}
}

// fits takes what Office has written since 2007, by what is in it: a ZIP file with
// "[Content_Types].xml" in it.
func (o *officeForm) fits(s *source) error {
	if s.size() > officeMost {
		return fault.New(fault.TooLarge, "seal.too_large", fault.Args{"name": shown(s.path)})
	}
	file, err := s.open()
	if err != nil {
		return err
	}
	defer file.Close() // was only read
	head := make([]byte, len(cfbSignature))
	if _, err := file.ReadAt(head, 0); err == nil && bytes.Equal(head, cfbSignature) {
		if found, err := lookCFB(file, s.size()); err == nil && found.Format == Office {
			return fault.New(fault.Conflict, "seal.already", fault.Args{"name": shown(s.path)})
		}
	}
	z, err := zip.NewReader(file, s.size())
	if err != nil || !slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == "[Content_Types].xml" }) {
		return fault.New(fault.Invalid, "seal.not_this_format", fault.Args{"name": shown(s.path)})
	}
	return nil
}

func (o *officeForm) write(ctx context.Context, out *os.File, in []*source, tick ticker) error {
	s := in[0]
	secret, salt, macKey := random(officeKey), random(officeSalt), random(sha512.Size)
	block, err := aes.NewCipher(secret)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	c := newContainer(officeHead+padded(s.size()), int64(len(agileInfo(agile{}))))
	mac := hmac.New(sha512.New, macKey)
	pkg := &packageWriter{w: io.MultiWriter(c.packageTo(out), mac), block: block, salt: salt}
	size := le.AppendUint64(nil, uint64(s.size()))
	if _, err := pkg.w.Write(size); err != nil {
		return fmt.Errorf("write %s: %w", shown(s.path), err)
	}
	if err := s.copyTo(ctx, pkg, tick); err != nil {
		return err
	}
	if err := pkg.end(); err != nil {
		return fmt.Errorf("write %s: %w", shown(s.path), err)
	}
	info, err := newAgile(o.password, secret, salt, macKey, mac.Sum(nil), block)
	if err != nil {
		return err
	}
	if err := c.finish(out, agileInfo(info)); err != nil {
		return fmt.Errorf("write %s: %w", shown(s.path), err)
	}
	return nil
}

// officeHead is the size in front of a package, in bytes.
const officeHead = 8

// padded is how long a package is when it is encrypted.
func padded(n int64) int64 { return (n + aes.BlockSize - 1) / aes.BlockSize * aes.BlockSize }

// packageWriter encrypts a package in segments, each with an IV of its own (2.3.4.15).
type packageWriter struct {
	w     io.Writer
	block cipher.Block
	salt  []byte
	buf   []byte
	n     uint32 // the segment
}

// Write takes plain text.
func (p *packageWriter) Write(b []byte) (int, error) {
	p.buf = append(p.buf, b...)
	at := 0
	for ; len(p.buf)-at >= officeSegment; at += officeSegment {
		p.crypt(p.buf[at : at+officeSegment])
	}
	if at > 0 {
		if _, err := p.w.Write(p.buf[:at]); err != nil {
			return 0, err
		}
		p.buf = append(p.buf[:0], p.buf[at:]...)
	}
	return len(b), nil
}

func (p *packageWriter) crypt(segment []byte) {
	cipher.NewCBCEncrypter(p.block, agileIV(p.salt, le.AppendUint32(nil, p.n))).CryptBlocks(segment, segment)
	p.n++
}

// end writes the last segment, filled up.
func (p *packageWriter) end() error {
	if len(p.buf) == 0 {
		return nil
	}
	p.buf = append(p.buf, make([]byte, padded(int64(len(p.buf)))-int64(len(p.buf)))...)
	p.crypt(p.buf)
	_, err := p.w.Write(p.buf)
	return err
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// agileIV is an initialisation vector made of a salt and what it is for (2.3.4.12).
func agileIV(salt, what []byte) []byte {
	h := sha512.Sum512(slices.Concat(salt, what))
	return h[:aes.BlockSize]
}

// agileHash is the slow hash of a password (2.3.4.11).
func agileHash(password string, salt []byte, spins int) []byte {
	var text []byte
	for _, u := range utf16.Encode([]rune(password)) {
		text = le.AppendUint16(text, u)
	}
	h := sha512.Sum512(slices.Concat(salt, text))
	buf := make([]byte, 4+sha512.Size)
	for i := range spins {
		le.PutUint32(buf, uint32(i))
		copy(buf[4:], h[:])
		h = sha512.Sum512(buf)
	}
	return h[:]
}

// agileKey is the key for one purpose.
func agileKey(hash, purpose []byte) (cipher.Block, error) {
	h := sha512.Sum512(slices.Concat(hash, purpose))
	return aes.NewCipher(h[:officeKey])
}

// agile holds the binary values of an EncryptionInfo stream.
type agile struct {
	salt               [officeSalt]byte // of the package
	hmacKey, hmacValue [sha512.Size]byte
	passwordSalt       [officeSalt]byte
	verifierInput      [officeSalt]byte
	verifierValue      [sha512.Size]byte
	keyValue           [officeKey]byte
}

// newAgile encrypts the package's key under the password.
func newAgile(password string, secret, salt, macKey, mac []byte, block cipher.Block) (agile, error) {
	var a agile
	copy(a.salt[:], salt)
	cipher.NewCBCEncrypter(block, agileIV(salt, hmacKeyKey)).CryptBlocks(a.hmacKey[:], macKey)
	cipher.NewCBCEncrypter(block, agileIV(salt, hmacValueKey)).CryptBlocks(a.hmacValue[:], mac)
	rand.Read(a.passwordSalt[:]) // never fails
	hash := agileHash(password, a.passwordSalt[:], officeSpins)
	input := random(officeSalt)
	value := sha512.Sum512(input)
	for _, p := range []struct{ purpose, to, from []byte }{
		{verifierInputKey, a.verifierInput[:], input},
		{verifierValueKey, a.verifierValue[:], value[:]},
		{secretKeyKey, a.keyValue[:], secret},
	} {
		key, err := agileKey(hash, p.purpose)
		if err != nil {
			return a, fmt.Errorf("make key: %w", err)
		}
		cipher.NewCBCEncrypter(key, a.passwordSalt[:]).CryptBlocks(p.to, p.from)
	}
	return a, nil
}

// agileInfo is the EncryptionInfo stream (2.3.4.10). Its length is always the same.
func agileInfo(a agile) []byte {
	b64 := base64.StdEncoding.EncodeToString
	const kind = `saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512"`
	b := []byte{4, 0, 4, 0, 0x40, 0, 0, 0}
	return fmt.Appendf(b, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`+"\r\n"+
		`<encryption xmlns="http://schemas.microsoft.com/office/2006/encryption" xmlns:p="http://schemas.microsoft.com/office/2006/keyEncryptor/password" xmlns:c="http://schemas.microsoft.com/office/2006/keyEncryptor/certificate">`+
		`<keyData `+kind+` saltValue="%s"/><dataIntegrity encryptedHmacKey="%s" encryptedHmacValue="%s"/>`+
		`<keyEncryptors><keyEncryptor uri="http://schemas.microsoft.com/office/2006/keyEncryptor/password"><p:encryptedKey spinCount="%d" `+kind+
		` saltValue="%s" encryptedVerifierHashInput="%s" encryptedVerifierHashValue="%s" encryptedKeyValue="%s"/></keyEncryptor></keyEncryptors></encryption>`,
		b64(a.salt[:]), b64(a.hmacKey[:]), b64(a.hmacValue[:]), officeSpins, b64(a.passwordSalt[:]), b64(a.verifierInput[:]), b64(a.verifierValue[:]), b64(a.keyValue[:]))
}

func (o *officeForm) compare(ctx context.Context, out *os.File, in []*source, tick ticker) error {
	opened, err := openOffice(ctx, out, o.password)
	if err != nil {
		return fmt.Errorf("open what was sealed: %w", err)
	}
	if err := in[0].compare(opened, tick); err != nil {
		return err
	}
	if err := opened.authentic(); err != nil {
		return errors.Join(fmt.Errorf("open what was sealed: %w", err))
	}
	return nil
}
