package walk

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sekimori/internal/pii/read"
)

type entryKind uint8

const (
	isUnknown entryKind = iota // the file system does not say
	isFile
	isFolder
	isLink
	isSpecial
)

// entry is one thing in a folder. Times are nanoseconds since 1970.
type entry struct {
	name     string
	kind     entryKind
	size     int64
	modified int64
	changed  int64 // 0 where there is no such time
}

// stamp is 64 bits in which a file that was written to differs.
func (e *entry) stamp() uint64 {
	h := uint64(e.size)
	for _, v := range [2]uint64{uint64(e.modified), uint64(e.changed)} {
		h = (h ^ v) * 0x9E3779B97F4A7C15
		h ^= h >> 29
		h *= 0xBF58476D1CE4E5B9
		h ^= h >> 32
	}
	return h
}

// settled reports whether a file that was looked at now shows by its times when somebody writes to it afterwards. Clocks
// of file systems tick: a write within the tick of the last one leaves the times as they are.
func (e *entry) settled(now time.Time) bool {
	tick := int64(50 * time.Millisecond)
	if e.modified%int64(time.Second) == 0 {
		tick = int64(2 * time.Second) // FAT
	}
	return max(e.modified, e.changed) < now.UnixNano()-tick
}

// block is one folder, without the folders in it; or a part of the old state that stays as it is.
type block struct {
	kept   *oldBlock // when it is that
	path   string
	folder bool // the folder is one of those to scan, and not only some files of it
	files  int
	bytes  int64
	said   []File    // known without reading: what was passed over, and what has not changed
	jobs   []*job    // files to read, by name
	old    *oldBlock // of the same folder; nil if there is none
	stay   []record  // of old, which hold still
}

// job is one file to read.
type job struct {
	folder  *folder
	path    string // of the folder
	entry   entry
	done    chan struct{}
	found   Content
	lasting bool // what was found holds until the file changes
	gone    bool
	unseen  bool // the scan was stopped before
}

// descend walks the tops and hands on their folders, between them those of the old state that lie elsewhere.
func (s *scan) descend(ctx context.Context, blocks chan<- *block, jobs chan<- *job) {
	keep := func(b *oldBlock) { blocks <- &block{kept: b} }
	for _, t := range s.tops {
		s.old.until(t.path, keep)
		visit := func(f *folder, dir string, es []entry, err error) {
			s.old.until(dir, func(b *oldBlock) {
				if t.only != nil || !within(t.path, b.path) {
					keep(b)
				}
			})
			s.hand(ctx, t, f, dir, es, err, blocks, jobs)
		}
		tree{scan: s, ctx: ctx, top: t, paced: true}.walk(visit)
		if ctx.Err() != nil {
			break
		}
		if t.only == nil {
			s.old.below(t.path)
		}
	}
	s.old.rest(keep)
}

// survey counts what there is, so that the time that is left can be told.
func (s *scan) survey(ctx context.Context) {
	m := s.opt.Meter
	for _, t := range s.tops {
		tree{scan: s, ctx: ctx, top: t}.walk(func(_ *folder, _ string, es []entry, _ error) {
			for _, e := range es {
				if e.kind == isFile {
					m.allFiles.Add(1)
					m.allBytes.Add(e.size)
				}
			}
		})
	}
	m.counted.Store(ctx.Err() == nil)
}

// tree is one way down from a top.
type tree struct {
	scan  *scan
	ctx   context.Context
	top   top
	paced bool
}

// visitor is shown a folder and what lies in it, by name: files, and what there is to say of the rest. f is nil when the
// folder could not be opened.
type visitor func(f *folder, dir string, es []entry, err error)

func (t tree) walk(visit visitor) {
	f, err := openTop(t.top.path)
	if err != nil {
		visit(nil, t.top.path, nil, err)
		return
	}
	t.down(f, t.top.path, visit)
}

// down visits a folder and then those in it. It releases the folder.
func (t tree) down(f *folder, dir string, visit visitor) {
	defer f.release()
	if t.ctx.Err() != nil {
		return
	}
	var at turn
	if t.paced {
		at = t.scan.pace.begin()
	}
	var es []entry
	err := f.list(func(name string, kind entryKind) {
		if t.top.only == nil || slices.Contains(t.top.only, name) {
			es = append(es, entry{name: name, kind: kind})
		}
	})
	slices.SortFunc(es, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	es = slices.DeleteFunc(es, func(e entry) bool { return dir == filepath.Dir(t.scan.opt.State) && t.scan.new.owns(e.name) })
	n := 0
	for i := range es {
		if k := es[i].kind; k == isFile || k == isUnknown {
			if f.look(&es[i]) != nil {
				continue // gone meanwhile
			}
		}
		es[n] = es[i]
		n++
	}
	es = es[:n]
	if t.paced {
		t.scan.pace.step(t.ctx, &at, true)
	}
	visit(f, dir, es, err)
	if t.top.only != nil {
		return
	}
	for i := range es {
		if es[i].kind != isFolder || t.scan.excluded(t.top, dir, es[i].name) {
			continue
		}
		if t.ctx.Err() != nil {
			return
		}
		sub, err := f.sub(es[i].name)
		path := join(dir, es[i].name)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP): // no folder any more
		case err != nil:
			visit(nil, path, nil, err)
		case sub.system != f.system && !t.scan.opt.OtherSystems:
			sub.release()
			visit(nil, path, nil, errOtherSystem)
		default:
			t.down(sub, path, visit)
		}
	}
}

// errOtherSystem says that something else is mounted on a folder.
var errOtherSystem = errors.New("another file system")

// excluded reports whether nobody wants to know of a path.
func (s *scan) excluded(t top, dir, name string) bool {
	for _, p := range s.opt.Exclude {
		subject := name
		if strings.Contains(p, "/") {
			rel, err := filepath.Rel(t.path, join(dir, name))
			if err != nil {
				continue
			}
			subject, p = filepath.ToSlash(rel), strings.Trim(p, "/")
		}
		if ok, _ := path.Match(p, subject); ok { // the patterns were tried before
			return true
		}
	}
	return false
}

// hand makes the block of a folder and hands it and its jobs on.
func (s *scan) hand(ctx context.Context, t top, f *folder, dir string, es []entry, err error, blocks chan<- *block, jobs chan<- *job) {
	b := &block{path: dir, folder: t.only == nil && f != nil}
	if err != nil {
		b.said = append(b.said, unreadFolder(dir, err))
	}
	b.old = s.old.at(dir)
	records := b.old.records()
	if s.opt.Full {
		records = recordReader{}
	}
	now := s.opt.Now()
	for _, e := range es {
		switch {
		case s.excluded(t, dir, e.name):
			b.said = append(b.said, skipped(dir, e, Excluded))
			if e.kind == isFile {
				s.opt.Meter.add(1, e.size)
			}
		case e.kind == isLink:
			b.said = append(b.said, skipped(dir, e, Link))
		case e.kind == isSpecial:
			b.said = append(b.said, skipped(dir, e, Special))
		case e.kind == isFile:
			b.files++
			b.bytes += e.size
			if raw, content, ok := records.find(e.name, e.stamp()); ok {
				b.stay = append(b.stay, record{name: e.name, raw: raw})
				if content != nil {
					file := fileOf(dir, e, *content)
					file.Reused = true
					b.said = append(b.said, file)
				}
				s.opt.Meter.add(1, e.size)
				continue
			}
			b.jobs = append(b.jobs, &job{folder: f, path: dir, entry: e, done: make(chan struct{}), lasting: e.settled(now)})
		}
	}
	if t.only != nil && b.old != nil { // its other files were not asked for
		b.stay = b.old.others(t.only, b.stay)
	}
	for range b.jobs {
		f.hold()
	}
	blocks <- b
	for _, j := range b.jobs {
		select {
		case jobs <- j:
		case <-ctx.Done():
			j.unseen = true
			j.folder.release()
			close(j.done)
		}
	}
}

func skipped(dir string, e entry, why Skip) File {
	return File{Path: Readable(join(dir, e.name)), Size: e.size, Modified: time.Unix(0, e.modified).UTC(), Skipped: why}
}

func unreadFolder(dir string, err error) File {
	f := File{Path: Readable(dir)}
	switch {
	case errors.Is(err, errOtherSystem):
		f.Skipped = OtherSystem
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENAMETOOLONG):
		f.Unread = []read.Unread{{Reason: read.TooDeep}}
	default:
		f.Unread = []read.Unread{{Reason: read.NotAllowed}}
	}
	return f
}
