// Package read takes a file of any common type apart and hands its texts and tables to a [pii.Sink]: mail, Office, PDF,
// archives in archives, SQLite. What a file is, its bytes say, not its name.
//
// Files come from strangers. [Child] therefore does the work in a process of its own that holds no file, no network and
// little memory, and gets the bytes it asks for one by one; when that process dies or hangs, the file is named as
// unreadable and the next file goes to a new process. [Reader] is the same without the process: it is what the child
// runs, and it must not be given strangers' files elsewhere.
//
// What could not be read is never passed over in silence: a [Report] names each part and one [Reason].
package read

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sekimori/internal/pii"
)

// Reason says why something could not be read. The names are stable: they are stored and sent.
type Reason string

// The reasons; there are no others.
const (
	Encrypted    Reason = "encrypted"          // a password or a key is needed
	Damaged      Reason = "damaged"            // it breaks the rules of its own format, or broke its reader
	TooLarge     Reason = "too_large"          // more bytes or more memory than allowed, once unpacked
	TooDeep      Reason = "too_deep"           // too many containers within containers
	TooManyParts Reason = "too_many_parts"     // too many members
	TooLong      Reason = "takes_too_long"     // more time than allowed
	OldFormat    Reason = "old_format"         // an old format for which there is no reader
	Unsupported  Reason = "unsupported"        // a picture, a program, or a format for which there is no reader
	Changed      Reason = "changed_while_read" // somebody wrote to it meanwhile
	NotAllowed   Reason = "not_allowed"        // the operating system refused
	NotRegular   Reason = "not_a_regular_file" // a pipe, a socket, a device, a link
	unknown      Reason = ""                   // only inside: no reason
)

// Reasons lists them all, in the order in which people are shown them.
func Reasons() []Reason {
	return []Reason{Encrypted, Damaged, TooLarge, TooDeep, TooManyParts, TooLong, OldFormat, Unsupported, Changed,
		NotAllowed, NotRegular}
}

// Source is a file's bytes. One that can tell has a method Changed() bool, which is asked when all is read; [Open] gives such.
type Source interface {
	io.ReaderAt
	Size() int64
}

// Limits bound what one file may cost. A zero field takes its value from [DefaultLimits].
type Limits struct {
	Depth  int           `json:"depth"`  // containers within containers; the file itself is 0
	Parts  int           `json:"parts"`  // members of all containers together
	Bytes  int64         `json:"bytes"`  // unpacked, of all parts together
	Ratio  int64         `json:"ratio"`  // unpacked to packed, once more than 64 MiB came out
	Whole  int64         `json:"whole"`  // of one part that must lie somewhere whole while it is read, such as a PDF in a ZIP
	Rows   int64         `json:"rows"`   // of all tables together
	Time   time.Duration `json:"time"`   // from the first byte to the last
	Unread int           `json:"unread"` // parts that are named in the report; more are counted
}

// DefaultLimits suit a PC at work.
func DefaultLimits() Limits {
	return Limits{Depth: 8, Parts: 50_000, Bytes: 8 << 30, Ratio: 400, Whole: 1 << 30, Rows: 50_000_000,
		Time: 5 * time.Minute, Unread: 100}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	l.Depth, l.Parts, l.Bytes, l.Ratio = first(l.Depth, d.Depth), first(l.Parts, d.Parts), first(l.Bytes, d.Bytes), first(l.Ratio, d.Ratio)
	l.Whole, l.Rows, l.Time, l.Unread = first(l.Whole, d.Whole), first(l.Rows, d.Rows), first(l.Time, d.Time), first(l.Unread, d.Unread)
	return l
}

// first gives v, or d where v says nothing.
func first[T int | int64 | time.Duration](v, d T) T {
	if v > 0 {
		return v
	}
	return d
}

// Unread names a part that could not be read. Part is empty for the file itself.
type Unread struct {
	Part   string `json:"part,omitempty"`
	Kind   Kind   `json:"kind,omitempty"`
	Reason Reason `json:"reason"`
}

// Report says what was read of one file and what was not.
type Report struct {
	Kind   Kind     `json:"kind"`             // what the file is by its content
	Parts  int      `json:"parts"`            // the file and the members that were looked into
	Texts  int      `json:"texts"`            // handed to the sink
	Tables int      `json:"tables"`           // handed to the sink
	Rows   int64    `json:"rows"`             // of all tables
	Bytes  int64    `json:"bytes"`            // unpacked, of all parts
	Unread []Unread `json:"unread,omitempty"` // the first of them, at most Limits.Unread
	Left   int      `json:"left,omitempty"`   // unread parts that are not named
}

// Reason is why the file itself could not be read to its end; empty when it was, even if single members were not.
func (r Report) Reason() Reason {
	for _, u := range r.Unread {
		if u.Part == "" {
			return u.Reason
		}
	}
	return unknown
}

// whole adds that the file itself could not be read. It is always named: it is what one asks for.
func (r *Report) whole(why Reason) {
	if r.Reason() == unknown {
		r.Unread = append([]Unread{{Kind: r.Kind, Reason: why}}, r.Unread...)
	}
}

// refusal is an error with one of the reasons.
type refusal struct {
	why Reason
	err error // what the parser said; may be nil
}

func (e *refusal) Error() string {
	if e.err == nil {
		return string(e.why)
	}
	return fmt.Sprintf("%s: %v", e.why, e.err)
}

func (e *refusal) Unwrap() error { return e.err }

func because(why Reason) error { return &refusal{why: why} }

func damaged(format string, args ...any) error {
	return &refusal{why: Damaged, err: fmt.Errorf(format, args...)}
}

// reasonOf finds the reason in an error. What no parser has named is damage: the bytes were not as their format wants.
func reasonOf(err error) Reason {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r.why
	case errors.Is(err, context.DeadlineExceeded):
		return TooLong
	case errors.Is(err, os.ErrPermission):
		return NotAllowed
	}
	return Damaged
}

// Options are what a [Reader] works with.
type Options struct {
	Temp  string // folder for members that must lie whole and are too large for the memory; empty: such are too large
	Cache string // folder of the compiled PDF reader; empty: it is compiled again by each process (3 s, 300 MB)
}

// Reader takes files apart in this process. It reads one file at a time.
type Reader struct {
	opt Options
	pdf *pdfEngine // started by the first PDF
}

// NewReader makes one; close it.
func NewReader(opt Options) *Reader { return &Reader{opt: opt} }

// Close ends the PDF reader.
func (r *Reader) Close() error {
	if r.pdf == nil {
		return nil
	}
	err := r.pdf.close()
	r.pdf = nil
	return err
}

// File takes src apart. name is the file's own name, which decides where the bytes leave a doubt. The error is the
// sink's or ctx's; whatever is wrong with the file is in the report.
func (r *Reader) File(ctx context.Context, src Source, name string, limits Limits, sink pii.Sink) (Report, error) {
	limits = limits.orDefault()
	timed, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	j := &job{ctx: timed, sink: sink, limits: limits, reader: r, packed: src.Size()}
	err := j.part("", name, input{at: src, size: src.Size()}, 0)
	if ctx.Err() != nil {
		return j.report, ctx.Err()
	}
	if c, ok := src.(interface{ Changed() bool }); ok && c.Changed() {
		j.report.whole(Changed)
		return j.report, nil
	}
	var s *sinkError
	if errors.As(err, &s) {
		return j.report, s.err
	}
	if err != nil {
		j.report.whole(reasonOf(err))
	}
	return j.report, nil
}
