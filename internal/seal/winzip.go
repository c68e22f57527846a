package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// The encryption of members of a ZIP file as WinZip defined it ("AES Encryption
// Information: Encryption Specification AE-1 and AE-2", version 1.04), which 7-Zip, WinRAR
// and others open: AES-256 in counter mode with a counter that is written from its lowest
// byte up, keys from PBKDF2 with HMAC-SHA1, and the first 10 bytes of an HMAC-SHA1 behind
// the data. The specification fixes the iterations at 1,000: the password has to be long.
const (
	aeIterations = 1000
	aeSalt       = 16 // bytes, for AES-256
	aeVerifier   = 2
	aeMAC        = 10
	aeOverhead   = aeSalt + aeVerifier + aeMAC
)

// aeKeys are what a password and a salt give for one member.
type aeKeys struct {
	block    cipher.Block
	fast     *counterMode
	mac      hash.Hash
	verifier []byte
}

func newAEKeys(password string, salt []byte) (*aeKeys, error) {
	const key = 32
	all, err := pbkdf2.Key(sha1.New, password, salt, aeIterations, 2*key+aeVerifier)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(all[:key])
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return &aeKeys{block: block, fast: newCounterMode(all[:key]), mac: hmac.New(sha1.New, all[key:2*key]), verifier: all[2*key:]}, nil
}

// crypt encrypts or decrypts buf in place, which lies offset bytes into the member; stream
// is room for the key stream, at least as long as buf and a block more.
func (k *aeKeys) crypt(buf, stream []byte, offset int64) {
	n := uint64(offset)/aes.BlockSize + 1 // it begins at 1
	skip := int(offset % aes.BlockSize)
	if first := aes.BlockSize - skip; skip > 0 && len(buf) > first {
		k.slow(buf[:first], stream, n, skip)
		buf, n, skip = buf[first:], n+1, 0
	}
	if skip == 0 {
		done := k.fast.crypt(buf, n)
		buf, n = buf[done:], n+uint64(done/aes.BlockSize)
	}
	k.slow(buf, stream, n, skip)
}

// slow takes a block at a time, from within the block of counter n on.
func (k *aeKeys) slow(buf, stream []byte, n uint64, skip int) {
	var counter [aes.BlockSize]byte
	need := (skip + len(buf) + aes.BlockSize - 1) / aes.BlockSize * aes.BlockSize
	for i := 0; i < need; i += aes.BlockSize {
		le.PutUint64(counter[:], n)
		k.block.Encrypt(stream[i:i+aes.BlockSize], counter[:])
		n++
	}
	subtle.XORBytes(buf, buf, stream[skip:skip+len(buf)])
}

// aeWriter encrypts one member. One goroutine encrypts, the caller's; another one computes
// the HMAC, which knows no shortcut, and writes. Close waits for it.
type aeWriter struct {
	keys   *aeKeys
	size   int64 // of the plain text, so far
	buf    []byte
	stream []byte
	full   chan []byte
	empty  chan []byte
	broken chan struct{} // closed when nothing more can be written
	done   chan error
	closed bool
}

// aeBuffers are in use between the two goroutines of a writer.
const aeBuffers = 4

var errBroken = errors.New("the writer behind has ended")

func newAEWriter(w io.Writer, password string) (*aeWriter, error) {
	salt := make([]byte, aeSalt)
	rand.Read(salt) // never fails
	keys, err := newAEKeys(password, salt)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(salt, keys.verifier...)); err != nil {
		return nil, err
	}
	a := &aeWriter{keys: keys, stream: make([]byte, blockSize+aes.BlockSize), full: make(chan []byte, aeBuffers), empty: make(chan []byte, aeBuffers), broken: make(chan struct{}), done: make(chan error, 1)}
	for range aeBuffers {
		a.empty <- make([]byte, 0, blockSize)
	}
	a.buf = <-a.empty
	go a.behind(w)
	return a, nil
}

// behind takes encrypted blocks until there are no more.
func (a *aeWriter) behind(w io.Writer) {
	var err error
	for b := range a.full {
		if err == nil {
			a.keys.mac.Write(b)
			if _, err = w.Write(b); err != nil {
				close(a.broken)
			}
		}
		a.empty <- b[:0]
	}
	if err == nil {
		_, err = w.Write(a.keys.mac.Sum(nil)[:aeMAC])
	}
	a.done <- err
}

// Write takes plain text.
func (a *aeWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		m := copy(a.buf[len(a.buf):cap(a.buf)], p)
		a.buf, p = a.buf[:len(a.buf)+m], p[m:]
		if len(a.buf) == cap(a.buf) {
			a.flush()
			select {
			case <-a.broken:
				return 0, errBroken // Close has the reason
			default:
			}
		}
	}
	return n, nil
}

func (a *aeWriter) flush() {
	a.keys.crypt(a.buf, a.stream, a.size)
	a.size += int64(len(a.buf))
	a.full <- a.buf
	a.buf = <-a.empty
}

// Close writes what is left and the HMAC, and tells what went wrong on the way.
func (a *aeWriter) Close() error {
	if a.closed {
		return nil
	}
	a.closed = true
	a.flush()
	close(a.full)
	return <-a.done
}

// Errors of opening.
var (
	errPassword = errors.New("the password does not fit")
	errMAC      = errors.New("the data was changed")
)

// aeMember is an encrypted member of a file that is being opened. It is read at any place,
// as plain text, by one reader at a time.
type aeMember struct {
	in     *io.SectionReader // salt, verifier, data, HMAC
	keys   *aeKeys
	size   int64 // of the plain text
	stream []byte
}

// openAE takes the raw data of a member.
func openAE(in *io.SectionReader, password string) (*aeMember, error) {
	head := make([]byte, aeSalt+aeVerifier)
	if in.Size() < aeOverhead {
		return nil, io.ErrUnexpectedEOF
	}
	if _, err := in.ReadAt(head, 0); err != nil {
		return nil, err
	}
	keys, err := newAEKeys(password, head[:aeSalt])
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(keys.verifier, head[aeSalt:]) != 1 {
		return nil, errPassword
	}
	return &aeMember{in: in, keys: keys, size: in.Size() - aeOverhead}, nil
}

// authentic reads the whole member and compares its HMAC.
func (m *aeMember) authentic(ctx context.Context) error {
	data := io.NewSectionReader(m.in, aeSalt+aeVerifier, m.size)
	if _, err := io.CopyBuffer(struct{ io.Writer }{m.keys.mac}, struct{ io.Reader }{within(ctx, data)}, make([]byte, blockSize)); err != nil {
		return err
	}
	want := make([]byte, aeMAC)
	if _, err := m.in.ReadAt(want, m.in.Size()-aeMAC); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if subtle.ConstantTimeCompare(m.keys.mac.Sum(nil)[:aeMAC], want) != 1 {
		return errMAC
	}
	return nil
}

// ReadAt gives plain text. It says nothing about whether that was changed: authentic does.
func (m *aeMember) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= m.size {
		return 0, io.EOF
	}
	want := len(p)
	p = p[:min(int64(want), m.size-off)]
	n, err := m.in.ReadAt(p, aeSalt+aeVerifier+off)
	if need := n + 2*aes.BlockSize; len(m.stream) < need {
		m.stream = make([]byte, need)
	}
	m.keys.crypt(p[:n], m.stream, off)
	if err == nil && n < want {
		err = io.EOF
	}
	return n, err
}

// The extra field of a member that is encrypted so (header 0x9901).
const (
	aeMethod = 99
	aeHeader = 0x9901
	aeAES256 = 3 // strength
)

// aeExtra is that field for AE-2: no CRC, which would tell something of the plain text.
func aeExtra(method uint16) []byte {
	b := binary.LittleEndian.AppendUint16(nil, aeHeader)
	b = binary.LittleEndian.AppendUint16(b, 7)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = append(b, 'A', 'E', aeAES256)
	return binary.LittleEndian.AppendUint16(b, method)
}

// aeField reads it out of the extra fields of a member.
func aeField(extra []byte) (strength byte, method uint16, ok bool) {
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			return 0, 0, false
		}
		if id == aeHeader && n == 7 && bytes.Equal(extra[2:4], []byte("AE")) {
			return extra[4], binary.LittleEndian.Uint16(extra[5:]), true
		}
		extra = extra[n:]
	}
	return 0, 0, false
}
