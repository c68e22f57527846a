// Package walk looks through folders for files with personal information, and says of each about how many people it
// holds. What was looked at before and has not changed since is not read again.
//
// A [Scan] goes down the folders in one order, never through a link, and compares what it meets with the state that the
// scan before left in the same order: one file, read once from its beginning to its end. Plain texts are searched as they
// lie on the disk; documents go to a process of their own ([read.Child]). What could not be read is named with one
// reason, what was passed over with another. No value of a finding leaves it or lies in the state.
package walk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sekimori/internal/pii"
	"sekimori/internal/pii/read"
)

// generation is raised whenever detectors or readers find what they did not find before: then all is read again.
const generation = 1

// keptFindings of one file are named; more are counted.
const keptFindings = 20

// Skip says why something was passed over. The names are stable: they are stored and sent.
type Skip string

// What is passed over, and named.
const (
	Link        Skip = "link"              // it may lead out of the tree, or round in it
	Special     Skip = "special"           // a pipe, a socket, a device
	OtherSystem Skip = "other_file_system" // something else is mounted there
	Excluded    Skip = "excluded"          // by [Options].Exclude
)

// Skips lists them all, in the order in which people are shown them.
func Skips() []Skip { return []Skip{Link, Special, OtherSystem, Excluded} }

// File is what there is to say of one file, or of one folder or other thing that could not be looked into.
type File struct {
	// Path is whole. Bytes that are no characters, and characters that steer a terminal, are written as \x and two
	// hexadecimal digits; in such a path a backslash is doubled.
	Path     string    `json:"path"`
	Size     int64     `json:"size"` // bytes
	Modified time.Time `json:"modified,omitzero"`
	Reused   bool      `json:"reused,omitempty"`  // said by an earlier scan; the file has not changed since
	Skipped  Skip      `json:"skipped,omitempty"` // then nothing else is said
	Content
}

// Content is what was found in a file; it is kept from scan to scan.
type Content struct {
	Kind      read.Kind              `json:"kind,omitempty"`
	Encodings []pii.Encoding         `json:"encodings,omitempty"`
	People    int                    `json:"people"` // about
	CountedBy pii.Basis              `json:"counted_by,omitempty"`
	Counts    map[pii.Kind]pii.Count `json:"counts,omitempty"`
	Findings  []pii.Finding          `json:"findings,omitempty"` // the first of them
	Left      int                    `json:"left,omitempty"`     // findings that are not named
	Unread    []read.Unread          `json:"unread,omitempty"`   // what could not be read; without a part, the file itself
	UnreadToo int                    `json:"unread_too,omitempty"`
}

// Sure reports whether there is something that is certain or likely.
func (c *Content) Sure() bool {
	for _, n := range c.Counts {
		if n.Sure() > 0 {
			return true
		}
	}
	return false
}

// notable reports whether there is anything to say.
func (c *Content) notable() bool { return len(c.Counts) > 0 || len(c.Unread) > 0 }

// Options say what is scanned, and how gently.
type Options struct {
	Roots        []string // files and folders; a link among them is followed, for it was asked for
	State        string   // file that is kept from scan to scan; empty: everything is read each time
	Full         bool     // read what has not changed, too
	Exclude      []string // patterns as of [path.Match]: of a name, or with a slash of the path below the root
	OtherSystems bool     // go into other file systems that are mounted below
	LimitSize    int64    // bytes; larger files are named as too large. 0: there is no limit for texts
	Detect       pii.Options
	Limits       read.Limits
	Child        read.ChildOptions
	Workers      int                                        // files that are read at a time; 0 means 1
	Pace         Pace                                       // the zero value is as quick as it can be
	Meter        *Meter                                     // told how far it is; may be nil
	Now          func() time.Time                           // the machine's clock
	Sleep        func(context.Context, time.Duration) error // waits, unless the context ends first
}

// Summary is what a scan comes to.
type Summary struct {
	Folders   int                    `json:"folders"`
	Files     int                    `json:"files"`
	Bytes     int64                  `json:"bytes"`      // of all files
	Reused    int                    `json:"reused"`     // files that had not changed
	Gone      int                    `json:"gone"`       // files that vanished before they could be read
	Found     int                    `json:"found"`      // files with something certain or likely
	People    int                    `json:"people"`     // about, summed over files: who is in two counts twice
	Counts    map[pii.Kind]pii.Count `json:"counts"`     // by kind, of all files
	Unread    map[read.Reason]int    `json:"unread"`     // files that could not be read, wholly or in parts, by the first reason
	Skipped   map[Skip]int           `json:"skipped"`    // what was passed over
	Stopped   bool                   `json:"stopped"`    // ctx ended before all was seen; what was found so far is kept
	StateLost bool                   `json:"state_lost"` // the state was damaged, so that everything was read
}

// ErrNoSuchRoot says that a root is not there.
var ErrNoSuchRoot = errors.New("no such file or folder")

// ErrPattern says that a pattern to exclude is malformed.
var ErrPattern = errors.New("malformed pattern")

// Scan looks through the roots and hands everything that there is to say to sink, folder by folder, from one goroutine.
// When ctx ends, what was found so far is kept and the summary says so; the error is the sink's, or tells what this computer
// refused: a root that is not there, a state that cannot be written, a child that cannot be started.
func Scan(ctx context.Context, opt Options, sink func(File) error) (Summary, error) {
	sum := Summary{Counts: map[pii.Kind]pii.Count{}, Unread: map[read.Reason]int{}, Skipped: map[Skip]int{}}
	for _, p := range opt.Exclude {
		if _, err := path.Match(p, ""); err != nil {
			return sum, fmt.Errorf("%w: %s", ErrPattern, p)
		}
	}
	tops, err := topsOf(opt.Roots)
	if err != nil {
		return sum, err
	}
	if opt.State != "" {
		if opt.State, err = filepath.Abs(opt.State); err != nil {
			return sum, fmt.Errorf("find the state: %w", err)
		}
	}
	old, err := openState(opt.State, rulesOf(opt))
	if err != nil {
		return sum, err
	}
	defer old.close()
	sum.StateLost = old.damaged
	s := &scan{opt: opt, sum: &sum, sink: sink, tops: tops, old: old, pace: newPacer(opt)}
	if err := s.prepare(); err != nil {
		return sum, err
	}
	s.watch(s.pace.exact())
	err = s.run(ctx)
	return sum, err
}

// rulesOf gives a fingerprint of all that decides what is found in a file, but for the file.
func rulesOf(opt Options) [sha256.Size]byte {
	// Values of these types always have a form in JSON.
	text, _ := json.Marshal(struct {
		Generation int
		Data       string
		Domains    []string
		Samples    bool
		Keep       int
		Limits     read.Limits
		LimitSize  int64
		Salt       []byte
	}{generation, pii.DataVersion(), opt.Detect.OwnDomains, opt.Detect.Samples, opt.Detect.Keep, opt.Limits, opt.LimitSize, opt.Detect.Salt})
	return sha256.Sum256(text)
}

// scan is one scan while it runs.
type scan struct {
	opt      Options
	sum      *Summary
	sink     func(File) error
	tops     []top
	old      *oldState
	new      *newState
	detector *pii.Detector
	pace     *pacer
}

// prepare makes the detector, whose salt is this computer's own unless the company gave one.
func (s *scan) prepare() error {
	if len(s.old.salt) == 0 {
		s.old.salt = make([]byte, saltSize)
		if _, err := rand.Read(s.old.salt); err != nil {
			return fmt.Errorf("make a salt: %w", err)
		}
	}
	o := s.opt.Detect
	if len(o.Salt) == 0 {
		o.Salt = s.old.salt
	}
	if o.Keep <= 0 {
		o.Keep = keptFindings
	}
	var err error
	s.detector, err = pii.New(o)
	s.new = newStateBeside(s.old, s.opt.State, s.opt.Now())
	return err
}

// watch tells of each child that is started.
func (s *scan) watch(started func(*os.Process)) {
	if started == nil {
		return
	}
	before := s.opt.Child.Started
	s.opt.Child.Started = func(p *os.Process) error {
		started(p)
		if before != nil {
			return before(p)
		}
		return nil
	}
}

// run has the folders read by one goroutine, the files by some, and sums up in the order of the paths.
func (s *scan) run(ctx context.Context) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	defer all.Wait()
	blocks, jobs := make(chan *block, 32), make(chan *job, 32)
	if s.opt.Meter != nil {
		all.Go(func() { s.survey(inner) })
	}
	all.Go(func() {
		defer close(blocks)
		defer close(jobs)
		s.descend(inner, blocks, jobs)
	})
	for range max(1, s.opt.Workers) {
		all.Go(func() { newLooker(s).work(inner, jobs, cancel) })
	}
	var failed error
	for b := range blocks {
		if err := s.take(b, &failed); err != nil && failed == nil {
			failed = err
			cancel(err)
		}
	}
	s.sum.Stopped = ctx.Err() != nil
	if cause := context.Cause(inner); failed == nil && cause != nil && ctx.Err() == nil {
		failed = cause
	}
	cancel(nil)
	all.Wait()
	return errors.Join(failed, s.new.finish())
}

// take sums up one block once its files were read.
func (s *scan) take(b *block, failed *error) error {
	if b.kept != nil {
		return s.new.keep(b.kept)
	}
	if b.files > 0 || b.folder {
		s.sum.Folders++
	}
	s.sum.Files += b.files
	s.sum.Bytes += b.bytes
	s.sum.Reused += b.files - len(b.jobs)
	for _, f := range b.said {
		if err := s.tell(f, failed); err != nil {
			return err
		}
	}
	var fresh []record
	for _, j := range b.jobs {
		<-j.done
		switch {
		case j.gone:
			s.sum.Files--
			s.sum.Bytes -= j.entry.size
			s.sum.Gone++
			continue
		case j.unseen:
			s.sum.Files--
			s.sum.Bytes -= j.entry.size
			continue
		case j.found.notable():
			if err := s.tell(fileOf(b.path, j.entry, j.found), failed); err != nil {
				return err
			}
		}
		if j.lasting {
			fresh = append(fresh, record{name: j.entry.name, stamp: j.entry.stamp(), content: j.found})
		}
	}
	return s.new.block(b, fresh)
}

// tell hands one file on and counts it. After a failure nothing more is handed on.
func (s *scan) tell(f File, failed *error) error {
	switch {
	case f.Skipped != "":
		s.sum.Skipped[f.Skipped]++
	case len(f.Unread) > 0:
		s.sum.Unread[f.Unread[0].Reason]++
	}
	for k, n := range f.Counts {
		c := s.sum.Counts[k]
		s.sum.Counts[k] = pii.Count{Certain: c.Certain + n.Certain, Likely: c.Likely + n.Likely, Possible: c.Possible + n.Possible}
	}
	if f.Sure() {
		s.sum.Found++
	}
	s.sum.People += f.People
	if *failed != nil {
		return nil
	}
	return s.sink(f)
}

func fileOf(folder string, e entry, c Content) File {
	return File{Path: Readable(join(folder, e.name)), Size: e.size, Modified: time.Unix(0, e.modified).UTC(), Content: c}
}

// top is where a scan begins: a folder, or some files of one.
type top struct {
	path string
	only []string // names; nil: the whole folder
}

// topsOf brings the roots into the order of the walk, each place once.
func topsOf(roots []string) ([]top, error) {
	folders, files := []string{}, map[string][]string{}
	for _, r := range roots {
		whole, err := filepath.Abs(r)
		if err == nil {
			whole, err = filepath.EvalSymlinks(whole)
		}
		var info os.FileInfo
		if err == nil {
			info, err = os.Stat(whole)
		}
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("%w: %s", ErrNoSuchRoot, Readable(r))
		case err != nil:
			return nil, fmt.Errorf("look at %s: %w", Readable(r), err)
		case info.IsDir():
			folders = append(folders, whole)
		default:
			files[filepath.Dir(whole)] = append(files[filepath.Dir(whole)], filepath.Base(whole))
		}
	}
	slices.SortFunc(folders, compare)
	var tops []top
	for _, f := range folders {
		if len(tops) == 0 || !within(tops[len(tops)-1].path, f) {
			tops = append(tops, top{path: f})
		}
	}
	whole := len(tops)
	for dir, names := range files {
		if !slices.ContainsFunc(tops[:whole], func(t top) bool { return within(t.path, dir) }) {
			slices.Sort(names)
			tops = append(tops, top{path: dir, only: slices.Compact(names)})
		}
	}
	slices.SortFunc(tops, func(a, b top) int { return compare(a.path, b.path) })
	return tops, nil
}
