package seal

import (
	"archive/zip"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sekimori/internal/kit/fault"
)

// zipForm seals into one ZIP file. Unless names are to be shown, all files lie in a plain
// ZIP file that is the one encrypted member: the list of a ZIP file cannot be encrypted.
type zipForm struct {
	password            string
	showNames, compress bool
}

// innerName is all that can be read of a file whose names are hidden.
const innerName = "contents.zip"

func (z *zipForm) method() Method {
	return Method{Format: Zip, Algorithm: "AES-256-CTR (WinZip AE-2)", KeyDerivation: "PBKDF2-HMAC-SHA1", Iterations: aeIterations,
		Integrity: "HMAC-SHA1-80", NamesHidden: !z.showNames}
}

func (z *zipForm) fits(s *source) error {
	if len(s.name) > 1<<16-1 {
		return fault.New(fault.Invalid, "seal.name_too_long", fault.Args{"name": shown(s.name)})
	}
	return nil
}

func (z *zipForm) write(ctx context.Context, out *os.File, in []*source, tick ticker) error {
	w := &zipWriter{out: out, password: z.password}
	if z.showNames {
		for _, s := range in {
			if err := w.member(s.name, s.info.ModTime(), z.compress, s.size(), func(w io.Writer) error { return s.copyTo(ctx, w, tick) }); err != nil {
				return err
			}
		}
		return w.end()
	}
	size := sizeOf(in)
	for _, s := range in {
		size += 2*int64(len(s.name)) + innerRoom
	}
	err := w.member(innerName, time.Time{}, false, size, func(w io.Writer) error { return writeInner(ctx, w, in, z.compress, tick) })
	if err != nil {
		return err
	}
	return w.end()
}

// innerRoom is more than a member of a ZIP file needs beside its data and its two names.
const innerRoom = 256

// writeInner writes a plain ZIP file to what encrypts it.
func writeInner(ctx context.Context, w io.Writer, in []*source, compress bool, tick ticker) error {
	z := zip.NewWriter(w)
	for _, s := range in {
		h := &zip.FileHeader{Name: s.name, Modified: s.info.ModTime(), Method: zip.Store}
		if compress {
			h.Method = zip.Deflate
		}
		m, err := z.CreateHeader(h)
		if err != nil {
			return fmt.Errorf("write %s: %w", shown(s.path), err)
		}
		if err := s.copyTo(ctx, m, tick); err != nil {
			return err
		}
	}
	return z.Close()
}

// zipWriter writes members that are encrypted, with their true sizes in front of them:
// some openers take no others. (archive/zip would write them behind, or want to know them
// before.)
type zipWriter struct {
	out      *os.File
	password string
	at       int64
	members  []*zipMember
}

type zipMember struct {
	name        string
	modified    time.Time
	offset      int64
	size, plain int64 // in bytes, encrypted and before
	method      uint16
	large       bool // sizes of 64 bits
}

// Write appends to the file.
func (z *zipWriter) Write(p []byte) (int, error) {
	n, err := z.out.WriteAt(p, z.at)
	z.at += int64(n)
	return n, err
}

// zip32 is the first value that does not fit the old fields.
const zip32 = 1<<32 - 1

// member writes one member, whose plain text write gives; size bounds it roughly.
func (z *zipWriter) member(name string, modified time.Time, compress bool, size int64, write func(io.Writer) error) (err error) {
	m := &zipMember{name: name, modified: modified, offset: z.at, large: size+size/1024+1<<20 >= zip32}
	z.at += int64(len(m.local())) // written last
	start := z.at
	sealed, err := newAEWriter(z, z.password)
	if err != nil {
		return fmt.Errorf("write %s: %w", shown(name), err)
	}
	defer func() { err = errors.Join(err, sealed.Close()) }()
	plain := &counter{w: sealed}
	if compress {
		m.method = zip.Deflate
		d, err := flate.NewWriter(sealed, flate.DefaultCompression)
		if err != nil {
			return fmt.Errorf("write %s: %w", shown(name), err)
		}
		plain.w = d
		if err := write(plain); err != nil {
			return err
		}
		if err := d.Close(); err != nil {
			return err
		}
	} else if err := write(plain); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return fmt.Errorf("write %s: %w", shown(name), err)
	}
	m.size, m.plain = z.at-start, plain.n
	if !m.large && max(m.size, m.plain) >= zip32 {
		return fmt.Errorf("write %s: larger than it was said to be", shown(name))
	}
	z.members = append(z.members, m)
	if _, err := z.out.WriteAt(m.local(), m.offset); err != nil {
		return fmt.Errorf("write %s: %w", shown(name), err)
	}
	return nil
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

// Write passes on.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Numbers of APPNOTE.TXT 6.3.10.
const (
	localSignature   = 0x04034b50
	centralSignature = 0x02014b50
	end64Signature   = 0x06064b50
	where64Signature = 0x07064b50
	endSignature     = 0x06054b50
	version64        = 45
	versionAES       = 51
	flagEncrypted    = 1 << 0
	flagUTF8         = 1 << 11
	extra64          = 1
	extraTime        = 0x5455
	madeByUnix       = 3 << 8
	plainFileMode    = 0o100644 << 16
)

var le = binary.LittleEndian

// common are the fields that both headers of a member have, from the needed version to the
// sizes.
func (m *zipMember) common(b []byte, size, plain uint32) []byte {
	date, clock := dosTime(m.modified)
	for _, v := range []uint16{versionAES, flagEncrypted | flagUTF8, aeMethod, clock, date} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 0) // CRC: none in AE-2
	b = le.AppendUint32(b, size)
	b = le.AppendUint32(b, plain)
	return le.AppendUint16(b, uint16(len(m.name)))
}

// dosTime is a local time as ZIP files have it: 1980 to 2107, every second second.
func dosTime(t time.Time) (date, clock uint16) {
	if t.Year() < 1980 || t.Year() > 2107 {
		return 1<<5 | 1, 0
	}
	return uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()), uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
}

// extras are the extra fields but that of large sizes.
func (m *zipMember) extras() []byte {
	b := aeExtra(m.method)
	if unix := m.modified.Unix(); !m.modified.IsZero() && int64(int32(unix)) == unix {
		b = le.AppendUint16(b, extraTime)
		b = le.AppendUint16(b, 5)
		b = append(b, 1)
		b = le.AppendUint32(b, uint32(unix))
	}
	return b
}

// local is the header in front of the data.
func (m *zipMember) local() []byte {
	b := le.AppendUint32(nil, localSignature)
	var extra []byte
	if m.large {
		b = m.common(b, zip32, zip32)
		extra = le.AppendUint16(nil, extra64)
		extra = le.AppendUint16(extra, 16)
		extra = le.AppendUint64(extra, uint64(m.plain))
		extra = le.AppendUint64(extra, uint64(m.size))
	} else {
		b = m.common(b, uint32(m.size), uint32(m.plain))
	}
	extra = append(extra, m.extras()...)
	b = le.AppendUint16(b, uint16(len(extra)))
	b = append(b, m.name...)
	return append(b, extra...)
}

// central is the line in the list at the end.
func (m *zipMember) central() []byte {
	b := le.AppendUint32(nil, centralSignature)
	b = le.AppendUint16(b, madeByUnix|versionAES)
	far := m.large || m.offset >= zip32
	offset := uint32(zip32)
	var extra []byte
	if far {
		b = m.common(b, zip32, zip32)
		extra = le.AppendUint16(nil, extra64)
		extra = le.AppendUint16(extra, 24)
		extra = le.AppendUint64(extra, uint64(m.plain))
		extra = le.AppendUint64(extra, uint64(m.size))
		extra = le.AppendUint64(extra, uint64(m.offset))
	} else {
		b = m.common(b, uint32(m.size), uint32(m.plain))
		offset = uint32(m.offset)
	}
	extra = append(extra, m.extras()...)
	b = le.AppendUint16(b, uint16(len(extra)))
	b = append(b, 0, 0, 0, 0, 0, 0) // comment, disk, internal attributes
	b = le.AppendUint32(b, plainFileMode)
	b = le.AppendUint32(b, offset)
	b = append(b, m.name...)
	return append(b, extra...)
}

// end writes the list of the members.
func (z *zipWriter) end() error {
	start := z.at
	for _, m := range z.members {
		if _, err := z.Write(m.central()); err != nil {
			return fmt.Errorf("write the list: %w", err)
		}
	}
	size, n := z.at-start, len(z.members)
	var b []byte
	if n >= 1<<16-1 || size >= zip32 || start >= zip32 {
		b = le.AppendUint32(b, end64Signature)
		b = le.AppendUint64(b, 44) // bytes that follow
		b = le.AppendUint16(b, madeByUnix|versionAES)
		b = le.AppendUint16(b, version64)
		b = le.AppendUint64(b, 0) // both disk numbers
		b = le.AppendUint64(b, uint64(n))
		b = le.AppendUint64(b, uint64(n))
		b = le.AppendUint64(b, uint64(size))
		b = le.AppendUint64(b, uint64(start))
		b = le.AppendUint32(b, where64Signature)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, uint64(z.at))
		b = le.AppendUint32(b, 1) // disks
	}
	b = le.AppendUint32(b, endSignature)
	b = le.AppendUint32(b, 0) // both disk numbers
	b = le.AppendUint16(b, uint16(min(n, 1<<16-1)))
	b = le.AppendUint16(b, uint16(min(n, 1<<16-1)))
	b = le.AppendUint32(b, uint32(min(size, zip32)))
	b = le.AppendUint32(b, uint32(min(start, zip32)))
	b = le.AppendUint16(b, 0) // comment
	if _, err := z.Write(b); err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	return nil
}
