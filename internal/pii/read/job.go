package read

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"sekimori/internal/pii"
)

const (
	headSize    = 8 << 10  // of a part, to see what it is
	inMemory    = 16 << 20 // of a part that must lie whole; more goes to a temporary file
	ratioFrom   = 64 << 20 // unpacked bytes before the ratio is looked at
	maxPartName = 200      // characters of one segment of a place
	maxPlace    = 8 << 10  // bytes of a whole place; what lies deeper is named by what it lies in
	maxRow      = 4 << 20  // bytes of one row; the cells behind are left out
)

// job is the reading of one file.
type job struct {
	ctx    context.Context
	sink   pii.Sink
	limits Limits
	reader *Reader
	report Report
	packed int64 // size of the file
	handed int64 // bytes of rows that went to the sink
}

// input is a part's bytes: at and size when it can be read anywhere, r when only from its beginning.
type input struct {
	r    io.Reader
	at   io.ReaderAt
	size int64
}

// stream reads the part from its beginning.
func (in input) stream() io.Reader {
	if in.at != nil {
		return io.NewSectionReader(in.at, 0, in.size)
	}
	return in.r
}

// stopError ends the whole file: a limit that all parts share was reached.
type stopError struct{ why error }

func (e *stopError) Error() string { return "stop: " + e.why.Error() }
func (e *stopError) Unwrap() error { return e.why }

// sinkError is an error of whoever takes the texts.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return "sink: " + e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

// ends reports whether an error is more than one part's own affair.
func ends(err error) bool {
	var stop *stopError
	var sink *sinkError
	return errors.As(err, &stop) || errors.As(err, &sink) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// part reads one part: the file itself or a member of a container. What is wrong with it goes into the report; an
// error ends the whole file.
func (j *job) part(place, name string, in input, depth int) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	if depth > j.limits.Depth {
		j.unread(place, "", TooDeep)
		return nil
	}
	if j.report.Parts++; j.report.Parts > j.limits.Parts {
		return &stopError{because(TooManyParts)}
	}
	kind, err := j.open(place, name, in, depth)
	if err == nil {
		return nil
	}
	if ends(err) {
		return err
	}
	j.unread(place, kind, reasonOf(err))
	return nil
}

// open sees what a part is and reads it. A parser that panics has met a damaged part.
func (j *job) open(place, name string, in input, depth int) (kind Kind, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = damaged("the reader of %s fell over: %v", kind, p)
		}
	}()
	if in.at == nil {
		in.r = bufio.NewReaderSize(in.r, headSize)
	}
	head, err := headOf(in)
	if err != nil {
		return "", err
	}
	kind = Sniff(head, name)
	if depth == 0 {
		j.report.Kind = kind
	}
	if kind.anywhere() && in.at == nil {
		whole, clean, err := j.spool(in.r)
		if err != nil {
			return kind, err
		}
		defer clean()
		in = whole
	}
	return kind, j.read(kind, box{job: j, place: place, name: name, depth: depth}, in)
}

// headOf reads the beginning of a part without taking it away.
func headOf(in input) ([]byte, error) {
	if in.at == nil {
		head, err := in.r.(*bufio.Reader).Peek(headSize)
		if err != nil && err != io.EOF && len(head) == 0 {
			return nil, err
		}
		return head, nil
	}
	head := make([]byte, min(headSize, in.size))
	n, err := in.at.ReadAt(head, 0)
	if err != nil && err != io.EOF && n == 0 {
		return nil, err
	}
	return head[:n], nil
}

// read calls the reader of a kind.
func (j *job) read(kind Kind, b box, in input) error {
	switch kind {
	case Empty:
		return nil
	case Text:
		return b.raw("", in.stream(), pii.Hint{})
	case HTML:
		return readHTML(b, "", in.stream(), "")
	case RTF:
		return readRTF(b, in.stream())
	case Mail:
		return readMail(b, in.stream())
	case Mbox:
		return readMbox(b, in.stream())
	case Zip:
		return readZip(b, in)
	case CFB:
		return readCFB(b, in)
	case PDF:
		return readPDF(b, in)
	case SQLite:
		return readSQLite(b, in)
	case SevenZip:
		return readSevenZip(b, in)
	case Tar:
		return readTar(b, in.stream())
	case Gzip, Bzip2, XZ, Zstd:
		return readPacked(kind, b, in.stream())
	case Sealed:
		return because(Encrypted)
	case XLS, DOC, PPT:
		return because(OldFormat) // from before the compound file: Office 4 and older
	}
	return because(Unsupported)
}

// unread names a part that could not be read.
func (j *job) unread(place string, kind Kind, why Reason) {
	if place == "" {
		j.report.whole(why)
		return
	}
	if len(j.report.Unread) >= j.limits.Unread {
		j.report.Left++
		return
	}
	j.report.Unread = append(j.report.Unread, Unread{Part: place, Kind: kind, Reason: why})
}

// spend counts unpacked bytes against what one file may cost.
func (j *job) spend(n int64) error {
	j.report.Bytes += n
	if j.report.Bytes > j.limits.Bytes {
		return &stopError{because(TooLarge)}
	}
	if j.report.Bytes > ratioFrom && j.report.Bytes/max(j.packed, 1) > j.limits.Ratio {
		return &stopError{because(TooLarge)}
	}
	return j.ctx.Err()
}

// meter counts what comes out of a decompressor, so that a bomb is stopped while it goes off.
type meter struct {
	job *job
	r   io.Reader
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if spent := m.job.spend(int64(n)); spent != nil {
		return 0, spent
	}
	return n, err
}

// spool lays a part down whole: small ones in memory, larger ones in a temporary file. clean takes it away.
func (j *job) spool(r io.Reader) (in input, clean func(), err error) {
	var small bytes.Buffer
	n, err := io.CopyN(&small, r, inMemory+1)
	if err != nil && err != io.EOF {
		return input{}, nil, err
	}
	if n <= inMemory {
		return input{at: bytes.NewReader(small.Bytes()), size: n}, func() {}, nil
	}
	if j.reader.opt.Temp == "" {
		return input{}, nil, because(TooLarge)
	}
	f, err := os.CreateTemp(j.reader.opt.Temp, "part-*")
	if err != nil {
		return input{}, nil, fmt.Errorf("spool: %w", &refusal{why: TooLarge, err: err})
	}
	_ = os.Remove(f.Name()) // on Unix nothing has a name from here on; elsewhere clean removes it
	clean = func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	size, err := io.Copy(f, io.LimitReader(io.MultiReader(&small, r), j.limits.Whole+1))
	if err != nil && !ends(err) {
		var packed *refusal
		if !errors.As(err, &packed) {
			err = &refusal{why: TooLarge, err: err} // the disk is full, or a damaged member broke off
		}
	}
	if err == nil && size > j.limits.Whole {
		err = because(TooLarge)
	}
	if err != nil {
		clean()
		return input{}, nil, err
	}
	return input{at: f, size: size}, clean, nil
}

// box is what a format's reader gets to work with: where it is, and where texts, tables and members go.
type box struct {
	job   *job
	place string
	name  string // the part's own name; may be empty
	depth int
}

// member hands a contained file to whatever reader fits it.
func (b box) member(name string, in input) error {
	return b.job.part(b.at(name), name, in, b.depth+1)
}

// is says what the part is, now that it is known more closely than by its first bytes.
func (b box) is(kind Kind) {
	if b.depth == 0 {
		b.job.report.Kind = kind
	}
}

// at names a place inside the part.
func (b box) at(name string) string { return within(b.place, name) }

// unread names a place inside the part that could not be read.
func (b box) unread(name string, kind Kind, why Reason) { b.job.unread(b.at(name), kind, why) }

// raw hands bytes of whatever encoding to the sink.
func (b box) raw(name string, r io.Reader, hint pii.Hint) error {
	place := b.place
	if name != "" {
		place = b.at(name)
	}
	b.job.report.Texts++
	kept := &keepError{r: r}
	err := b.job.sink.Text(b.job.ctx, place, kept, hint)
	if kept.err != nil {
		return kept.err // the part's own fault, not the sink's
	}
	if err != nil {
		return &sinkError{err}
	}
	return nil
}

// keepError remembers what ended a reader.
type keepError struct {
	r   io.Reader
	err error
}

func (k *keepError) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	if err != nil && err != io.EOF {
		k.err = err
	}
	return n, err
}

// text begins a text that is written piece by piece in UTF-8.
func (b box) text(name string) *writer { return &writer{box: b, name: name} }

// table begins a table.
func (b box) table(name string) *table {
	b.job.report.Tables++
	place := b.place
	if name != "" {
		place = b.at(name)
	}
	return &table{job: b.job, rows: b.job.sink.Table(place)}
}

// writer gathers prose and hands it on in pieces that end where a paragraph ends.
type writer struct {
	box  box
	name string
	buf  bytes.Buffer
	err  error
}

const (
	pieceSize = 1 << 20
	// maxPiece is where a paragraph is cut that does not end.
	maxPiece = 4 << 20
)

// add writes words, newline ends a paragraph. The error is kept for end.
func (w *writer) add(s []byte) {
	w.buf.Write(s)
	if w.buf.Len() > maxPiece {
		w.newline()
	}
}

func (w *writer) addString(s string) {
	w.buf.WriteString(s)
	if w.buf.Len() > maxPiece {
		w.newline()
	}
}

// line writes one whole line.
func (w *writer) line(s string) {
	w.addString(s)
	w.newline()
}

func (w *writer) newline() {
	if n := w.buf.Len(); n == 0 || w.buf.Bytes()[n-1] != '\n' {
		w.buf.WriteByte('\n')
	}
	if w.buf.Len() >= pieceSize {
		w.flush()
	}
}

func (w *writer) flush() {
	if len(bytes.TrimSpace(w.buf.Bytes())) > 0 && w.err == nil {
		w.err = w.box.raw(w.name, bytes.NewReader(w.buf.Bytes()), pii.Hint{Encoding: pii.UTF8, Prose: true})
	}
	w.buf.Reset()
}

// end hands the rest on.
func (w *writer) end() error {
	w.flush()
	return w.err
}

// table counts the rows of one table.
type table struct {
	job  *job
	rows pii.Rows
}

func (t *table) header(cells []string) { t.rows.Header(cells) }

// row hands a row on. first is its first cell's name, such as "A12"; line its number.
func (t *table) row(cells []string, line int, first string) error {
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) == 0 {
		return nil
	}
	if t.job.report.Rows++; t.job.report.Rows > t.job.limits.Rows {
		return &stopError{because(TooLarge)}
	}
	size := int64(0)
	for i, c := range cells {
		if size += int64(len(c)) + 4; size > maxRow {
			cells = cells[:i]
			t.job.unread("rows", "", TooLarge)
			break
		}
	}
	// A short file can name one long string in a million cells.
	if t.job.handed += size; t.job.handed > t.job.limits.Bytes {
		return &stopError{because(TooLarge)}
	}
	if t.job.report.Rows%256 == 0 && t.job.ctx.Err() != nil {
		return t.job.ctx.Err()
	}
	t.rows.Row(cells, pii.Place{Line: line, Cell: first})
	return nil
}

// within joins the segments of a place. A segment is shown to people: it is bounded and holds nothing that steers a
// terminal or turns the direction of writing.
func within(place, name string) string {
	var b strings.Builder
	n := 0
	for _, r := range name {
		if n++; n > maxPartName {
			b.WriteRune('…')
			break
		}
		if r == utf8.RuneError || !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) {
			r = '�'
		}
		b.WriteRune(r)
	}
	switch {
	case b.Len() == 0, len(place)+b.Len() > maxPlace:
		return place
	case place == "":
		return b.String()
	}
	return place + " › " + b.String()
}
