package journal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
)

// Exporter writes a journal as lines of JSON: a header, an entry a line, and each
// checkpoint after the last entry that it covers. It holds one line in memory.
type Exporter struct {
	w    *bufio.Writer
	line []byte
	h    hasher
}

// NewExporter writes the header for the log named origin.
func NewExporter(w io.Writer, origin string) (*Exporter, error) {
	x := &Exporter{w: bufio.NewWriterSize(w, 64<<10)}
	x.line = appendHeaderLine(x.line, origin)
	return x, x.write()
}

// Entry writes one entry. It writes what is stored, right or wrong: judging is Verify's work.
func (x *Exporter) Entry(e *Entry) error {
	x.line = appendEntryLine(x.line[:0], e, x.h.entry(e))
	return x.write()
}

// Checkpoint writes one signed checkpoint.
func (x *Exporter) Checkpoint(cp *Checkpoint) error {
	x.line = appendCheckpointLine(x.line[:0], cp.Note)
	return x.write()
}

// Flush writes out what is still held. An export without it is cut short.
func (x *Exporter) Flush() error {
	if err := x.w.Flush(); err != nil {
		return fmt.Errorf("write journal export: %w", err)
	}
	return nil
}

func (x *Exporter) write() error {
	x.line = append(x.line, '\n')
	if _, err := x.w.Write(x.line); err != nil {
		return fmt.Errorf("write journal export: %w", err)
	}
	return nil
}

// WriteExport writes entries, by number, and checkpoints, by size, as one export.
func WriteExport(w io.Writer, origin string, entries iter.Seq2[Entry, error], checkpoints []Checkpoint) error {
	x, err := NewExporter(w, origin)
	if err != nil {
		return err
	}
	for e, err := range entries {
		if err != nil {
			return fmt.Errorf("export journal: %w", err)
		}
		for len(checkpoints) > 0 && checkpoints[0].Size <= e.Seq {
			if err := x.Checkpoint(&checkpoints[0]); err != nil {
				return err
			}
			checkpoints = checkpoints[1:]
		}
		if err := x.Entry(&e); err != nil {
			return err
		}
	}
	for i := range checkpoints {
		if err := x.Checkpoint(&checkpoints[i]); err != nil {
			return err
		}
	}
	return x.Flush()
}

// Export writes the stored journal, a page at a time; entries sealed meanwhile come with
// their checkpoint or not at all.
func Export(ctx context.Context, w io.Writer, origin string, r Reader) error {
	x, err := NewExporter(w, origin)
	if err != nil {
		return err
	}
	walk := walker{r: r, onRow: x.Entry, onCP: x.Checkpoint}
	if err := walk.run(ctx); err != nil {
		return fmt.Errorf("export journal: %w", err)
	}
	return x.Flush()
}
