package walk

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The state is one file: a head, blocks, and a check sum. There is a block for each folder that has files, in the order
// of the walk, so that a scan reads it once beside its walk and writes the next one the same way.
//
//	head    magic, salt (32 bytes), fingerprint of the rules (32 bytes)
//	block   length and path of the folder, length of the records, the records by name
//	record  length and name, stamp (8 bytes), length and content as JSON; no content: nothing to say
//	end     CRC-32C of all before (4 bytes)
//
// Lengths are uvarints, numbers little endian. It holds names of files and masked findings, no values; only its owner
// reads it.
const (
	magic     = "SEKISCN\x01"
	saltSize  = 32
	rulesSize = 32
	headSize  = len(magic) + saltSize + rulesSize
	endSize   = 4
	// maxBlock bounds what a damaged length can make us take.
	maxBlock = 1 << 30
	// forgotten is after how long the unfinished state of a scan that was killed is taken away.
	forgotten = 24 * time.Hour
)

// oldState is the state that the scan before left, read in its order.
type oldState struct {
	path    string
	file    *os.File
	r       *bufio.Reader
	salt    []byte
	rules   [rulesSize]byte
	damaged bool
	end     int64     // of the blocks; 0 when none are to be had
	offset  int64     // of the next unread block
	next    *oldBlock // read, and not yet given out
}

// oldBlock is one block as it lies in the file.
type oldBlock struct {
	path   string
	offset int64
	raw    []byte // all of it
	body   []byte // its records
}

// openState opens a state for reading. One that is not there, or is damaged, or was made by other rules, has no blocks.
func openState(path string, rules [rulesSize]byte) (*oldState, error) {
	s := &oldState{path: path, rules: rules}
	if path == "" {
		return s, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	s.file = f
	whole, err := sound(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the state: %w", err), f.Close())
	}
	if whole == 0 {
		s.damaged = true
		return s, nil
	}
	s.r = bufio.NewReaderSize(f, 256<<10)
	head := make([]byte, headSize)
	if _, err := io.ReadFull(s.r, head); err != nil {
		return nil, errors.Join(fmt.Errorf("read the state: %w", err), f.Close())
	}
	s.salt = head[len(magic) : len(magic)+saltSize]
	s.offset = int64(headSize)
	if bytes.Equal(head[len(magic)+saltSize:], rules[:]) {
		s.end = whole - endSize
	}
	return s, nil
}

// sound gives the size of a whole state, 0 for one that is none, and goes back to its beginning.
func sound(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil || info.Size() < int64(headSize+endSize) {
		return 0, err
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, io.LimitReader(f, info.Size()-endSize), make([]byte, 256<<10)); err != nil {
		return 0, err
	}
	var end [endSize]byte
	if _, err := io.ReadFull(f, end[:]); err != nil {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	begin := make([]byte, len(magic))
	if _, err := f.ReadAt(begin, 0); err != nil {
		return 0, err
	}
	if string(begin) != magic || binary.LittleEndian.Uint32(end[:]) != sum.Sum32() {
		return 0, nil
	}
	return info.Size(), nil
}

func (s *oldState) close() {
	if s.file != nil {
		_ = s.file.Close() // nothing was written
		s.file = nil
	}
}

// peek gives the next block, nil at the end.
func (s *oldState) peek() *oldBlock {
	if s.next != nil || s.offset >= s.end {
		return s.next
	}
	b, err := s.read()
	if err != nil { // its check sum was right: the disk is not
		s.end = 0
		return nil
	}
	s.next = b
	return b
}

func (s *oldState) read() (*oldBlock, error) {
	var raw []byte
	field := func() ([]byte, error) {
		n, err := binary.ReadUvarint(s.r)
		if err != nil || n > maxBlock {
			return nil, errors.Join(err, errors.New("no length"))
		}
		raw = binary.AppendUvarint(raw, n)
		at := len(raw)
		raw = slices.Grow(raw, int(n))[:at+int(n)]
		_, err = io.ReadFull(s.r, raw[at:])
		return raw[at:], err
	}
	path, err := field()
	if err != nil {
		return nil, err
	}
	b := &oldBlock{path: string(path), offset: s.offset}
	if b.body, err = field(); err != nil {
		return nil, err
	}
	b.raw = raw
	s.offset += int64(len(raw))
	return b, nil
}

// until gives out the blocks before a folder.
func (s *oldState) until(path string, each func(*oldBlock)) {
	for b := s.peek(); b != nil && compare(b.path, path) < 0; b = s.peek() {
		s.next = nil
		each(b)
	}
}

// at takes the block of a folder, nil if there is none.
func (s *oldState) at(path string) *oldBlock {
	b := s.peek()
	if b == nil || b.path != path {
		return nil
	}
	s.next = nil
	return b
}

// below passes over the blocks of a folder and all below it.
func (s *oldState) below(path string) {
	for b := s.peek(); b != nil && within(path, b.path); b = s.peek() {
		s.next = nil
	}
}

// rest gives out all that is left.
func (s *oldState) rest(each func(*oldBlock)) {
	for b := s.peek(); b != nil; b = s.peek() {
		s.next = nil
		each(b)
	}
}

// record is what is known of one file: raw as it lies in the state, or its parts.
type record struct {
	name    string
	raw     []byte
	stamp   uint64
	content Content
}

func (r record) append(to []byte) ([]byte, error) {
	if r.raw != nil {
		return append(to, r.raw...), nil
	}
	to = binary.AppendUvarint(to, uint64(len(r.name)))
	to = append(to, r.name...)
	to = binary.LittleEndian.AppendUint64(to, r.stamp)
	if !r.content.notable() {
		return append(to, 0), nil
	}
	text, err := json.Marshal(r.content)
	if err != nil {
		return nil, fmt.Errorf("write the state: %w", err)
	}
	to = binary.AppendUvarint(to, uint64(len(text)))
	return append(to, text...), nil
}

// recordReader goes through the records of a block, by name.
type recordReader struct{ rest []byte }

func (b *oldBlock) records() recordReader {
	if b == nil {
		return recordReader{}
	}
	return recordReader{b.body}
}

// next gives the first record that is left. ok is false at the end.
func (r *recordReader) next() (name, raw, text []byte, stamp uint64, ok bool) {
	n, k := binary.Uvarint(r.rest)
	if k <= 0 || n > uint64(len(r.rest)-k) || len(r.rest)-k-int(n) < 9 {
		return nil, nil, nil, 0, false
	}
	name = r.rest[k : k+int(n)]
	at := k + int(n)
	stamp = binary.LittleEndian.Uint64(r.rest[at:])
	at += 8
	m, k := binary.Uvarint(r.rest[at:])
	if k <= 0 || m > uint64(len(r.rest)-at-k) {
		return nil, nil, nil, 0, false
	}
	at += k
	text = r.rest[at : at+int(m)]
	raw = r.rest[:at+int(m)]
	r.rest = r.rest[len(raw):]
	return name, raw, text, stamp, true
}

// find gives the record of a file that has not changed. Files are asked for by name, each once. content is nil when
// there was nothing to say.
func (r *recordReader) find(file string, stamp uint64) (record []byte, content *Content, ok bool) {
	for {
		left := *r
		name, raw, text, was, ok := r.next()
		switch {
		case !ok:
			return nil, nil, false
		case string(name) < file:
			continue
		case string(name) > file:
			*r = left
			return nil, nil, false
		case was != stamp:
			return nil, nil, false
		case len(text) == 0:
			return raw, nil, true
		}
		content = &Content{}
		if json.Unmarshal(text, content) != nil {
			return nil, nil, false
		}
		return raw, content, true
	}
}

// others adds the records of all files but some to a list.
func (b *oldBlock) others(but []string, to []record) []record {
	r := b.records()
	for {
		name, raw, _, _, ok := r.next()
		if !ok {
			return to
		}
		if !slices.Contains(but, string(name)) {
			to = append(to, record{name: string(name), raw: raw})
		}
	}
}

// count is how many records a block has.
func (b *oldBlock) count() (n int) {
	for r := b.records(); ; n++ {
		if _, _, _, _, ok := r.next(); !ok {
			return n
		}
	}
}

// newState is the state for the next scan. As long as all is as it was, nothing is written: the old one is the new one.
type newState struct {
	old    *oldState
	path   string
	same   int64 // up to here the old one is the new one
	file   *os.File
	w      *bufio.Writer
	sum    interface{ Sum32() uint32 }
	buffer []byte
}

// newStateBeside begins a state in the folder of the old one, and takes away what a scan that was killed left there.
func newStateBeside(old *oldState, path string, now time.Time) *newState {
	s := &newState{old: old, path: path, same: int64(headSize)}
	if path == "" {
		return s
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"+s.mark()+"*"))
	for _, name := range left {
		if info, err := os.Lstat(name); err == nil && s.owns(filepath.Base(name)) && now.Sub(info.ModTime()) > forgotten {
			_ = os.Remove(name) // what cannot be removed is tried again the next time
		}
	}
	return s
}

// mark is in the names of unfinished states.
func (s *newState) mark() string { return ".unfinished-" }

// owns reports whether a file in the state's folder is the state, or an unfinished one.
func (s *newState) owns(name string) bool {
	base := filepath.Base(s.path)
	return s.path != "" && (name == base || strings.HasPrefix(name, base+s.mark()))
}

// keep takes over a block as it is.
func (s *newState) keep(b *oldBlock) error {
	if s.file == nil && b.offset == s.same {
		s.same += int64(len(b.raw))
		return nil
	}
	return s.write(b.raw)
}

// block writes the records of a folder: those that hold still and those that are new.
func (s *newState) block(b *block, fresh []record) error {
	if s.path == "" {
		return nil
	}
	if len(fresh) == 0 && b.old != nil && len(b.stay) == b.old.count() {
		return s.keep(b.old)
	}
	all := append(b.stay, fresh...)
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b record) int { return strings.Compare(a.name, b.name) })
	body := s.buffer[:0]
	var err error
	for _, r := range all {
		if body, err = r.append(body); err != nil {
			return err
		}
	}
	s.buffer = body
	head := binary.AppendUvarint(nil, uint64(len(b.path)))
	head = append(head, b.path...)
	head = binary.AppendUvarint(head, uint64(len(body)))
	return errors.Join(s.write(head), s.write(body))
}

func (s *newState) write(b []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// begin makes the file, with all that stayed the same so far.
func (s *newState) begin() error {
	if s.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+s.mark()+"*") // only its owner may read it
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	s.file, s.sum, s.w = f, sum, bufio.NewWriterSize(io.MultiWriter(f, sum), 256<<10)
	for _, part := range [][]byte{[]byte(magic), s.old.salt, s.old.rules[:]} {
		if _, err := s.w.Write(part); err != nil {
			return fmt.Errorf("write the state: %w", err)
		}
	}
	if s.same > int64(headSize) {
		if _, err := io.Copy(s.w, io.NewSectionReader(s.old.file, int64(headSize), s.same-int64(headSize))); err != nil {
			return fmt.Errorf("write the state: %w", err)
		}
	}
	return nil
}

// finish puts the new state in the place of the old one, at once or not at all.
func (s *newState) finish() (err error) {
	switch {
	case s.path == "":
		return nil
	case s.file == nil && s.old.end > 0 && s.same == s.old.end:
		return nil // nothing is new
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write the state: %w", err), os.Remove(s.file.Name()))
		}
	}()
	err = s.w.Flush()
	if err == nil {
		_, err = s.file.Write(binary.LittleEndian.AppendUint32(nil, s.sum.Sum32()))
	}
	if err = errors.Join(err, s.file.Sync(), s.file.Close()); err != nil {
		return err
	}
	s.old.close() // Windows replaces no open file
	return os.Rename(s.file.Name(), s.path)
}
