package read

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"sekimori/internal/pii"
)

// Verb is the hidden verb of the programs that calls [Serve]. It stands first among the arguments, before anything is
// set up that a reader has no use for.
const Verb = "read-documents"

// Serve is the life of a child: the verb that [ChildOptions].Command names calls it with the process's own
// standard input and output, and ends with its error. It confines the process before it looks at the first byte of a
// file, and returns nil when the parent has closed the input.
func Serve(in io.Reader, out io.Writer) error { return serve(in, out, nil) }

// serve lets tests do in the child what no file should be able to.
func serve(in io.Reader, out io.Writer, before func(name string)) error {
	l := newLine(in, out)
	kind, content, err := l.receive()
	if err != nil || kind != frameSettings {
		return fmt.Errorf("the first word must be the settings: %w", err)
	}
	var set settings
	if err := json.Unmarshal(content, &set); err != nil {
		return fmt.Errorf("read the settings: %w", err)
	}
	if set.Memory > 0 {
		debug.SetMemoryLimit(set.Memory / 4 * 3)
	}
	if set.Warm {
		return warm(l, set)
	}
	ready := readiness{Confined: confine(set)}
	if err := errors.Join(l.sendJSON(frameReady, ready), l.w.Flush()); err != nil {
		return err
	}
	reader := NewReader(Options{Temp: set.Temp, Cache: set.Cache})
	for {
		kind, content, err := l.receive()
		if errors.Is(err, io.EOF) {
			return reader.Close()
		}
		if err != nil || kind != frameJob {
			return errors.Join(fmt.Errorf("a job was due: %w", err), reader.Close())
		}
		var order jobOrder
		if err := json.Unmarshal(content, &order); err != nil {
			return errors.Join(err, reader.Close())
		}
		if before != nil {
			before(order.Name)
		}
		if err := obey(l, reader, order); err != nil {
			return errors.Join(err, reader.Close())
		}
	}
}

// warm compiles the PDF reader, so that the children that read files need not write anywhere.
func warm(l *line, set settings) error {
	engine, err := startPDF(context.Background(), set.Cache)
	if err != nil {
		return err
	}
	return errors.Join(engine.close(), l.sendJSON(frameReady, readiness{}), l.w.Flush())
}

// obey reads one file.
func obey(l *line, reader *Reader, order jobOrder) error {
	far := &farSource{line: l, size: order.Size, blocks: map[int64][]byte{}}
	up := &farSink{line: l}
	limitCPU(order.Limits.Time)
	report, err := reader.File(context.Background(), far, order.Name, order.Limits, up)
	if err := errors.Join(err, up.err, far.err); err != nil {
		return err // nobody listens any more
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return errors.Join(l.sendJSON(frameDone, done{Report: report, Memory: int64(m.Sys - m.HeapReleased)}), l.w.Flush())
}

// farSource asks the parent for the file's bytes, in blocks, and keeps the newest of them.
type farSource struct {
	line   *line
	size   int64
	blocks map[int64][]byte
	order  []int64
	err    error // the line broke
}

const keptBlocks = 16

// Size implements [Source].
func (f *farSource) Size() int64 { return f.size }

// ReadAt implements [Source].
func (f *farSource) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= f.size || at < 0 {
			return n, io.EOF
		}
		block, err := f.block(at / askSize)
		if err != nil {
			return n, err
		}
		from := at % askSize
		if from >= int64(len(block)) {
			return n, io.ErrUnexpectedEOF // the file has become shorter
		}
		n += copy(p[n:], block[from:])
	}
	return n, nil
}

func (f *farSource) block(n int64) ([]byte, error) {
	if b, ok := f.blocks[n]; ok {
		return b, nil
	}
	if f.err != nil {
		return nil, f.err
	}
	var ask [12]byte
	binary.BigEndian.PutUint64(ask[:], uint64(n*askSize))
	binary.BigEndian.PutUint32(ask[8:], askSize)
	if f.err = errors.Join(f.line.send(frameAsk, ask[:]), f.line.w.Flush()); f.err != nil {
		return nil, f.err
	}
	kind, content, err := f.line.receive()
	if err != nil {
		f.err = noEOF(err)
		return nil, f.err
	}
	switch kind {
	case frameFailed:
		return nil, because(Reason(content))
	case frameData:
	default:
		f.err = fmt.Errorf("frame %q instead of data", kind)
		return nil, f.err
	}
	var b []byte
	if len(f.order) >= keptBlocks {
		b = f.blocks[f.order[0]][:0]
		delete(f.blocks, f.order[0])
		f.order = append(f.order[:0], f.order[1:]...)
	}
	b = append(b, content...)
	f.blocks[n], f.order = b, append(f.order, n)
	return b, nil
}

// farSink hands texts and rows to the parent.
type farSink struct {
	line *line
	err  error
	buf  []byte
}

// Text implements [pii.Sink].
func (s *farSink) Text(_ context.Context, part string, r io.Reader, hint pii.Hint) error {
	s.keep(s.line.sendJSON(frameText, textHead{part, hint}))
	buf := make([]byte, askSize)
	for s.err == nil {
		n, err := r.Read(buf)
		if n > 0 {
			s.keep(s.line.send(frameBytes, buf[:n]))
		}
		if err != nil {
			s.keep(s.line.send(frameEnd))
			if !errors.Is(err, io.EOF) {
				return err
			}
			break
		}
	}
	return s.err
}

// Table implements [pii.Sink].
func (s *farSink) Table(part string) pii.Rows {
	s.keep(s.line.send(frameTable, []byte(part)))
	return s
}

// Header implements [pii.Rows].
func (s *farSink) Header(cells []string) {
	s.buf = appendCells(s.buf[:0], cells)
	s.keep(s.line.send(frameHeader, s.buf))
}

// Row implements [pii.Rows].
func (s *farSink) Row(cells []string, at pii.Place) {
	s.buf = binary.AppendUvarint(s.buf[:0], uint64(max(at.Line, 0)))
	s.buf = appendCells(s.buf, []string{at.Cell})
	s.buf = appendCells(s.buf, cells)
	s.keep(s.line.send(frameRow, s.buf))
}

func (s *farSink) keep(err error) {
	if s.err == nil {
		s.err = err
	}
}
