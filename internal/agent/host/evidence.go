package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Evidence is JSON lines: one object a line, so that a file that was cut short is still
// read to its last whole line. A line {"note": …} says what is missing and why; an item
// without one is complete.

// Bounds of one item. An item that reaches one of them says so in its last line.
const (
	maxItem  = 4 << 20          // bytes
	itemTime = 15 * time.Second // reading, beside the caller's own deadline
)

// note is what an item says about itself.
type note struct {
	Note string `json:"note"`
}

// records writes the lines of one item.
type records struct {
	w      io.Writer
	left   int
	full   bool
	failed error // of w: the caller's file, not the system that is looked at
}

// add writes one line; it reports false when there is no use in going on.
func (r *records) add(v any) bool {
	if r.full || r.failed != nil {
		return false
	}
	line, err := json.Marshal(v)
	if err != nil { // no type of ours does that
		r.failed = fmt.Errorf("evidence line: %w", err)
		return false
	}
	if len(line)+1 > r.left {
		r.full = true
		return false
	}
	r.left -= len(line) + 1
	return r.write(line)
}

// say writes a note; there is always room for the few notes of an item.
func (r *records) say(format string, args ...any) {
	if r.failed != nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	line, err := json.Marshal(note{text[:min(len(text), 500)]})
	if err != nil {
		r.failed = fmt.Errorf("evidence note: %w", err)
		return
	}
	r.write(line)
}

func (r *records) write(line []byte) bool {
	_, r.failed = r.w.Write(append(line, '\n'))
	return r.failed == nil
}

// source reads one kind of fact. Its error is why it could not be read, or not wholly.
type source struct {
	name string
	max  int // bytes; 0 is maxItem
	read func(ctx context.Context, r *records) error
}

// writeItems writes each source as an item of its own. What cannot be read is said in the
// item's own text; only a writer that fails ends it.
func writeItems(ctx context.Context, item func(name string, write func(io.Writer) error) error, sources []source) error {
	for _, s := range sources {
		write := func(w io.Writer) error {
			own, stop := context.WithTimeout(ctx, itemTime)
			defer stop()
			r := &records{w: w, left: s.max}
			if s.max == 0 {
				r.left = maxItem
			}
			err := s.read(own, r)
			switch {
			case r.full:
				r.say("cut short: the item reached its bound in size")
			case own.Err() != nil:
				r.say("cut short: the time given was over")
			case err != nil:
				r.say("not read, or not wholly: %v", err)
			}
			return r.failed
		}
		if err := item(s.name, write); err != nil {
			return fmt.Errorf("evidence %s: %w", s.name, err)
		}
	}
	return nil
}

// errEnough ends a walk whose item is full.
var errEnough = errors.New("enough")
