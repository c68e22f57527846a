package app

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/archive"
)

// restoreSize is how much a backup becomes, in bytes. It is counted while the backup is read
// through and before anything is written: a few bytes can be packed so that they fill a disk.
type restoreSize struct {
	files, keys int64
	rows        map[string]int64 // of each table, unpacked
	all         int64            // of all tables, unpacked
}

// unpack counts a part of a table.
func (s *restoreSize) unpack(table string, content io.Reader) error {
	z, err := gzip.NewReader(content)
	if err != nil {
		return fmt.Errorf("%w: rows of %s: %w", archive.ErrDamaged, table, err)
	}
	n, err := io.Copy(io.Discard, io.LimitReader(z, maxPart+1))
	if err != nil {
		return fmt.Errorf("%w: rows of %s: %w", archive.ErrDamaged, table, err)
	}
	if n > maxPart {
		return fmt.Errorf("%w: a part of %s is longer than any that is written", archive.ErrDamaged, table)
	}
	if s.rows == nil {
		s.rows = map[string]int64{}
	}
	s.rows[table] += n
	s.all += n
	return nil
}

// stated compares what was unpacked with what the backup says of itself.
func (s *restoreSize) stated(tables []backupTable) error {
	for _, t := range tables {
		if t.Bytes != 0 && t.Bytes != s.rows[t.Name] {
			return fmt.Errorf("%w: table %s has %d bytes, not %d", archive.ErrDamaged, t.Name, s.rows[t.Name], t.Bytes)
		}
	}
	return nil
}

// fits refuses a backup for which there is no room. Rows take more as a database, with its
// indexes and its log, than as text; in PostgreSQL they are not on this disk.
func (r *restore) fits() error {
	need := r.size.files + r.size.keys
	if r.o.DatabaseFile == "" {
		need += 2 * r.size.all
	}
	if r.free < 0 || need <= r.free {
		return nil
	}
	return fault.New(fault.Unavailable, "operator.restore_no_room", fault.Args{"need": megabytes(need), "free": megabytes(r.free)})
}

func megabytes(n int64) string { return fmt.Sprint((n + 1<<20 - 1) >> 20) }

// standing is the folder, or the nearest above it that is there.
func standing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
