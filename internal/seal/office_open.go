package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// agileXML is the descriptor of an EncryptionInfo stream as it is read.
type agileXML struct {
	Data      agileKind `xml:"keyData"`
	Integrity struct {
		Key   string `xml:"encryptedHmacKey,attr"`
		Value string `xml:"encryptedHmacValue,attr"`
	} `xml:"dataIntegrity"`
	Encryptors []struct {
		URI string `xml:"uri,attr"`
		Key struct {
			agileKind
			Spins int    `xml:"spinCount,attr"`
			Input string `xml:"encryptedVerifierHashInput,attr"`
			Hash  string `xml:"encryptedVerifierHashValue,attr"`
			Value string `xml:"encryptedKeyValue,attr"`
		} `xml:"encryptedKey"`
	} `xml:"keyEncryptors>keyEncryptor"`
}

type agileKind struct {
	Salt     string `xml:"saltValue,attr"`
	KeyBits  int    `xml:"keyBits,attr"`
	Cipher   string `xml:"cipherAlgorithm,attr"`
	Chaining string `xml:"cipherChaining,attr"`
	Hash     string `xml:"hashAlgorithm,attr"`
}

// strong reports whether a part is encrypted the one way that we write.
func (k agileKind) strong() bool {
	return k.KeyBits == 256 && k.Cipher == "AES" && k.Chaining == "ChainingModeCBC" && k.Hash == "SHA512"
}

var errNotAgile = errors.New("this is not Agile Encryption with AES-256 and SHA-512")

// mostSpins keeps a made-up file from holding us up for long.
const mostSpins = 10_000_000

// readAgile reads an EncryptionInfo stream and refuses what is weaker than ours.
func readAgile(info []byte) (*agileXML, error) {
	const version = "\x04\x00\x04\x00"
	if len(info) < 8 || string(info[:4]) != version {
		return nil, errNotAgile
	}
	var x agileXML
	if err := xml.NewDecoder(bytes.NewReader(info[8:])).Decode(&x); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotAgile, err)
	}
	if len(x.Encryptors) != 1 || !x.Data.strong() {
		return nil, errNotAgile
	}
	if k := x.Encryptors[0].Key; !k.strong() || k.Spins < officeSpins || k.Spins > mostSpins {
		return nil, errNotAgile
	}
	return &x, nil
}

// openedOffice reads the document out of an encrypted package.
type openedOffice struct {
	in    io.Reader // the stream, and the HMAC beside it
	block cipher.Block
	salt  []byte
	left  int64 // of the plain text
	n     uint32
	buf   []byte // opened and not yet read
	mac   hash.Hash
	want  []byte
}

func openOffice(ctx context.Context, file *os.File, password string) (*openedOffice, error) {
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	c, err := openCFB(file, st.Size())
	if err != nil {
		return nil, err
	}
	info, err := c.small("EncryptionInfo")
	if err != nil {
		return nil, err
	}
	x, err := readAgile(info)
	if err != nil {
		return nil, err
	}
	secret, err := x.secret(password)
	if err != nil {
		return nil, err
	}
	o := &openedOffice{}
	if o.block, err = aes.NewCipher(secret); err != nil {
		return nil, err
	}
	if o.salt, err = exactly(x.Data.Salt, officeSalt); err != nil {
		return nil, err
	}
	macKey, err := o.integrity(x.Integrity.Key, hmacKeyKey)
	if err != nil {
		return nil, err
	}
	if o.want, err = o.integrity(x.Integrity.Value, hmacValueKey); err != nil {
		return nil, err
	}
	o.mac = hmac.New(sha512.New, macKey)
	stream, err := c.stream("EncryptedPackage")
	if err != nil {
		return nil, err
	}
	o.in = io.TeeReader(within(ctx, stream), o.mac)
	head := make([]byte, officeHead)
	if _, err := io.ReadFull(o.in, head); err != nil {
		return nil, err
	}
	if o.left = int64(le.Uint64(head)); o.left < 0 || o.left > officeMost {
		return nil, errNotAgile
	}
	return o, nil
}

// exactly decodes a value of n bytes.
func exactly(text string, n int) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != n {
		return nil, errNotAgile
	}
	return b, nil
}

// secret is the key of the package.
func (x *agileXML) secret(password string) ([]byte, error) {
	k := x.Encryptors[0].Key
	salt, err := exactly(k.Salt, officeSalt)
	if err != nil {
		return nil, err
	}
	hash := agileHash(password, salt, k.Spins)
	plain := func(text string, n int, purpose []byte) ([]byte, error) {
		b, err := exactly(text, n)
		if err != nil {
			return nil, err
		}
		key, err := agileKey(hash, purpose)
		if err != nil {
			return nil, err
		}
		cipher.NewCBCDecrypter(key, salt).CryptBlocks(b, b)
		return b, nil
	}
	input, err1 := plain(k.Input, officeSalt, verifierInputKey)
	value, err2 := plain(k.Hash, sha512.Size, verifierValueKey)
	secret, err3 := plain(k.Value, officeKey, secretKeyKey)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if sum := sha512.Sum512(input); subtle.ConstantTimeCompare(sum[:], value) != 1 {
		return nil, errPassword
	}
	return secret, nil
}

func (o *openedOffice) integrity(text string, purpose []byte) ([]byte, error) {
	b, err := exactly(text, sha512.Size)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCDecrypter(o.block, agileIV(o.salt, purpose)).CryptBlocks(b, b)
	return b, nil
}

// Read gives the document. Whether it was changed is known at its end: see authentic.
func (o *openedOffice) Read(p []byte) (int, error) {
	if len(o.buf) == 0 {
		if o.left == 0 {
			return 0, io.EOF
		}
		n := min(o.left, officeSegment)
		segment := make([]byte, padded(n))
		if _, err := io.ReadFull(o.in, segment); err != nil {
			return 0, fmt.Errorf("the package ends too soon: %w", err)
		}
		cipher.NewCBCDecrypter(o.block, agileIV(o.salt, le.AppendUint32(nil, o.n))).CryptBlocks(segment, segment)
		o.buf, o.left = segment[:n], o.left-n
		o.n++
	}
	n := copy(p, o.buf)
	o.buf = o.buf[n:]
	return n, nil
}

// authentic compares the HMAC when everything was read.
func (o *openedOffice) authentic() error {
	rest, err := io.Copy(io.Discard, o.in)
	if err != nil {
		return err
	}
	if rest > 0 || subtle.ConstantTimeCompare(o.mac.Sum(nil), o.want) != 1 {
		return errMAC
	}
	return nil
}
