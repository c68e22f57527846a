package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
)

const maxLine = 16 << 20 // bytes; an entry's content is at most a sixteenth of it

// Verify checks an export with nothing but the public key and, if given, checkpoints
// that were kept elsewhere. It reads line by line in bounded memory. What is wrong with
// the journal is told in the report; an error means that r could not be read, or that a
// kept checkpoint is of another log.
//
// Leaving out a checkpoint between two others is no fault: the later one covers its
// entries too. Neither is erased content, nor the time of erasure, which no signature covers.
func Verify(r io.Reader, verifiers note.Verifiers, kept []Checkpoint) (Report, error) {
	lines := lineReader{r: bufio.NewReaderSize(r, 64<<10)}
	head, err := lines.read()
	if err != nil && !errors.Is(err, errLine) && !errors.Is(err, io.EOF) {
		return Report{}, fmt.Errorf("read journal export: %w", err)
	}
	origin := ""
	if err == nil {
		origin, err = parseHeaderLine(head)
	}
	if err != nil {
		return Report{FirstBad: &Bad{Reason: Garbage, Line: 1}}, nil
	}
	a, err := newAuditor(origin, verifiers, kept)
	if err != nil {
		return Report{}, err
	}
	v := exportAudit{auditor: a}
	v.id = func() string { return string(v.p.id) }
	for {
		line, err := lines.read()
		switch {
		case errors.Is(err, io.EOF):
			return a.finish(lines.n), nil
		case errors.Is(err, errLine):
			a.garbage(-1, "", lines.n)
		case err != nil:
			return Report{}, fmt.Errorf("read journal export: %w", err)
		default:
			v.line(line, lines.n)
		}
	}
}

// exportAudit feeds an auditor from lines.
type exportAudit struct {
	*auditor
	p  parsed
	h  hasher
	id func() string // of p; made once, because it escapes
}

func (v *exportAudit) line(line []byte, n int) {
	if len(line) > len(cpHead) && string(line[:len(cpHead)]) == cpHead {
		if signed, err := parseCheckpointLine(line); err != nil {
			v.garbage(-1, "", n)
		} else {
			v.checkpoint(signed, nil, n)
		}
		return
	}
	p := &v.p
	if err := parseEntryLine(line, p); err != nil {
		v.garbage(p.seq, string(p.id), n)
		return
	}
	opens := p.form == formErased ||
		p.form == formContent && v.h.commitment(p.salt[:], p.content) == p.commitment
	v.entry(p.seq, v.id, v.h.leaf(p), p.leafHash, opens, p.form == formErased, n)
}

// lineReader reads lines that end with '\n'. A line that is too long, or a last one that
// is cut off, gives errLine and is passed over.
type lineReader struct {
	r    *bufio.Reader
	long []byte // a line that did not fit r's buffer
	n    int    // number of the line just read, from 1
}

// read gives the next line without its line break, valid until the next call.
func (l *lineReader) read() ([]byte, error) {
	l.n++
	line, err := l.r.ReadSlice('\n')
	if err == nil {
		return line[:len(line)-1], nil
	}
	l.long = append(l.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.r.ReadSlice('\n')
		if len(l.long) <= maxLine {
			l.long = append(l.long, line...)
		}
	}
	switch {
	case errors.Is(err, io.EOF) && len(l.long) == 0:
		l.n--
		return nil, io.EOF
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case err != nil || len(l.long) > maxLine:
		return nil, errLine
	}
	return l.long[:len(l.long)-1], nil
}
