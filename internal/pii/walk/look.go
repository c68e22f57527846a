package walk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sekimori/internal/pii"
	"sekimori/internal/pii/read"
)

// sniffed is how much of a file says what it is.
const sniffed = 8 << 10

// looker reads files, one at a time. Documents it gives to a process of its own.
type looker struct {
	scan   *scan
	child  *read.Child
	limits read.Limits
}

func newLooker(s *scan) *looker {
	l := &looker{scan: s, child: read.NewChild(s.opt.Child), limits: s.opt.Limits}
	if share := s.opt.Pace.Share; share > 0 && share < 1 { // pauses are no time that a document takes
		if l.limits.Time == 0 {
			l.limits.Time = read.DefaultLimits().Time
		}
		l.limits.Time = time.Duration(float64(l.limits.Time) / share)
	}
	return l
}

// work reads what comes until nothing more does. What keeps it from reading at all is the cause by which it cancels.
func (l *looker) work(ctx context.Context, jobs <-chan *job, cancel context.CancelCauseFunc) {
	for j := range jobs {
		if ctx.Err() != nil {
			j.unseen = true
		} else if err := l.look(ctx, j); err != nil {
			j.unseen = true
			cancel(err)
		}
		j.folder.release()
		l.scan.opt.Meter.add(1, 0)
		close(j.done)
	}
	if err := l.child.Close(); err != nil && ctx.Err() == nil {
		cancel(fmt.Errorf("end the reader: %w", err))
	}
}

// look reads one file. The error is one that is not the file's.
func (l *looker) look(ctx context.Context, j *job) error {
	at := l.scan.pace.begin()
	l.scan.pace.step(ctx, &at, true)
	f, err := j.folder.open(j.entry.name)
	if err != nil {
		l.refused(j, err)
		return nil
	}
	defer f.Close()
	disk, err := read.NewDisk(f)
	if err != nil {
		j.fail("", read.ReasonOf(err))
		return nil
	}
	head := make([]byte, min(sniffed, disk.Size()))
	n, err := disk.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		j.fail("", read.ReasonOf(err))
		return nil
	}
	kind := read.Sniff(head[:n], j.entry.name)
	if max := l.scan.opt.LimitSize; max > 0 && disk.Size() > max {
		j.fail(kind, read.TooLarge)
		return nil
	}
	src := &source{Disk: disk, file: f, looker: l, ctx: ctx, turn: &at}
	switch kind {
	case read.Empty:
		j.found.Kind = kind
	case read.Text:
		err = l.text(ctx, j, src)
	case read.Picture, read.Media, read.Program, read.Archive, read.Binary:
		j.fail(kind, read.Unsupported) // the reader would say the same
	default:
		err = l.document(ctx, j, src)
	}
	if rest := disk.Size() - src.told; rest > 0 {
		l.scan.opt.Meter.add(0, rest)
	}
	l.scan.pace.step(ctx, &at, false)
	return err
}

// text searches a file as it lies on the disk.
func (l *looker) text(ctx context.Context, j *job, src *source) error {
	session := l.scan.detector.Open()
	err := session.Text(ctx, "", src.stream(), pii.Hint{})
	j.take(session.Result())
	j.found.Kind = read.Text
	switch {
	case ctx.Err() != nil:
		j.unseen = true
	case src.Changed():
		j.fail(read.Text, read.Changed)
	case err != nil:
		j.fail(read.Text, read.ReasonOf(err))
	}
	return nil
}

// document has a file taken apart by the child.
func (l *looker) document(ctx context.Context, j *job, src *source) error {
	session := l.scan.detector.Open()
	report, err := l.child.File(ctx, src, filepath.Base(j.entry.name), l.limits, session)
	if ctx.Err() != nil {
		j.unseen = true
		return nil
	}
	if err != nil {
		return err
	}
	j.take(session.Result())
	j.found.Kind, j.found.Unread, j.found.UnreadToo = report.Kind, report.Unread, report.Left
	if why := report.Reason(); why == read.Changed || why == read.NotAllowed {
		j.lasting = false
	}
	return nil
}

func (j *job) take(r pii.Result) {
	j.found.Encodings, j.found.People, j.found.CountedBy = r.Encodings, r.People, r.CountedBy
	j.found.Findings, j.found.Left = r.Findings, r.Left
	if len(r.Counts) > 0 {
		j.found.Counts = r.Counts
	}
}

// fail says why a file could not be read to its end.
func (j *job) fail(kind read.Kind, why read.Reason) {
	j.found.Kind = kind
	j.found.Unread = append(j.found.Unread, read.Unread{Kind: kind, Reason: why})
	if why == read.Changed || why == read.NotAllowed {
		j.lasting = false // it is tried again the next time
	}
}

// refused says why a file could not be opened.
func (l *looker) refused(j *job, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		j.gone = true
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENXIO): // a link or a socket took its place
		j.fail("", read.NotRegular)
	default:
		j.fail("", read.NotAllowed)
	}
}

// source is a file while it is read: it counts what is read, and takes its time.
type source struct {
	*read.Disk
	file   *os.File
	looker *looker
	ctx    context.Context
	turn   *turn
	read   int64
	told   int64 // to the meter
}

// ReadAt implements [read.Source].
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.Disk.ReadAt(p, off)
	s.passed(int64(n), false)
	return n, err
}

// passed counts bytes. A document may ask for the same ones again; the meter never hears of more than there are.
func (s *source) passed(n int64, mayHold bool) {
	s.read += n
	if news := min(s.read, s.Size()) - s.told; news > 0 {
		s.told += news
		s.looker.scan.opt.Meter.add(0, news)
	}
	s.looker.scan.pace.step(s.ctx, s.turn, mayHold)
}

// stream reads the file from its beginning, without the holes of a sparse one.
func (s *source) stream() io.Reader {
	return &stream{source: s, solid: solidParts(s.file, s.Size())}
}

// stream reads the parts of a file that have data. A hole is read as one zero byte, so that what stands before it and
// behind it is not taken for one text.
type stream struct {
	*source
	solid   func(from int64) (start, end int64)
	at, end int64
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	if s.at >= s.end {
		if s.at >= s.Size() {
			return 0, io.EOF
		}
		start, end := s.solid(s.at)
		hole := start > s.at
		s.passed(start-s.at, true)
		s.at, s.end = start, end
		if hole && len(p) > 0 {
			p[0] = 0
			return 1, nil
		}
	}
	n, err := s.Disk.ReadAt(p[:min(int64(len(p)), s.end-s.at)], s.at)
	s.at += int64(n)
	s.passed(int64(n), true)
	if errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	return n, err
}

// whole says that all of a file is data.
func whole(size int64) func(from int64) (start, end int64) {
	return func(from int64) (int64, int64) { return from, size }
}
