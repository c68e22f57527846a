package jpcal

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

// maxOfficial bounds a published list: the whole list since 1955 is some 25 KB.
const maxOfficial = 1 << 20

// ParseOfficial reads the list of holidays that the Cabinet Office publishes as
// syukujitsu.csv: a header, then "2026/1/1,元日" a line, in Shift_JIS; UTF-8 is read as
// well. It refuses the whole list at the first line that it cannot read.
func ParseOfficial(r io.Reader) ([]Holiday, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxOfficial+1))
	if err != nil {
		return nil, fmt.Errorf("read holidays: %w", err)
	}
	if len(raw) > maxOfficial {
		return nil, errors.New("read holidays: the list is larger than 1 MiB")
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(raw) {
		if raw, err = japanese.ShiftJIS.NewDecoder().Bytes(raw); err != nil {
			return nil, fmt.Errorf("read holidays: %w", err)
		}
	}
	lines := csv.NewReader(bytes.NewReader(raw))
	lines.FieldsPerRecord = 2
	if _, err := lines.Read(); err != nil {
		return nil, fmt.Errorf("read holidays: header: %w", err)
	}
	var out []Holiday
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read holidays: %w", err)
		}
		at, _ := lines.FieldPos(0)
		d, err := ParseDate(strings.TrimSpace(fields[0]))
		if err != nil {
			return nil, fmt.Errorf("read holidays: line %d: %w", at, err)
		}
		name := strings.TrimSpace(fields[1])
		if name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError) {
			return nil, fmt.Errorf("read holidays: line %d: the name cannot be read", at)
		}
		out = append(out, Holiday{d, name})
	}
}
