package sheet_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/sheet"
)

func cp932(t *testing.T, s string) string {
	t.Helper()
	out, err := japanese.ShiftJIS.NewEncoder().String(s)
	if err != nil {
		t.Fatalf("encode %q: %v", s, err)
	}
	return out
}

func utf16(t *testing.T, s string, e unicode.Endianness) string {
	t.Helper()
	out, err := unicode.UTF16(e, unicode.UseBOM).NewEncoder().String(s)
	if err != nil {
		t.Fatalf("encode %q: %v", s, err)
	}
	return out
}

func TestReadEncodings(t *testing.T) {
	t.Parallel()
	const text = "社員番号,会社\r\n1,㈱①髙～\r\n"
	tests := map[string]struct {
		file string
		enc  sheet.Encoding
	}{
		"utf-8":                   {text, sheet.UTF8},
		"utf-8 with mark":         {"\ufeff" + text, sheet.UTF8BOM},
		"shift_jis":               {cp932(t, text), sheet.CP932},
		"shift_jis, ctrl-z":       {cp932(t, text) + "\x1a", sheet.CP932},
		"utf-16 little":           {utf16(t, text, unicode.LittleEndian), sheet.UTF16},
		"utf-16 big":              {utf16(t, text, unicode.BigEndian), sheet.UTF16},
		"utf-16, tabs":            {utf16(t, strings.ReplaceAll(text, ",", "\t"), unicode.LittleEndian), sheet.UTF16},
		"cr alone":                {strings.ReplaceAll(text, "\r\n", "\r"), sheet.UTF8},
		"lf alone":                {strings.ReplaceAll(text, "\r\n", "\n"), sheet.UTF8},
		"no last line end":        {strings.TrimSuffix(text, "\r\n"), sheet.UTF8},
		"blank row at end":        {text + ",,\r\n  \r\n", sheet.UTF8},
		"spare columns":           {"社員番号,会社,,\r\n1,㈱①髙～\r\n", sheet.UTF8},
		"header with wide spaces": {"\u3000社員番号 ,\u3000会社\r\n1,㈱①髙～\r\n", sheet.UTF8},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := sheet.Read(strings.NewReader(tt.file), sheet.Limits{})
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			want := sheet.Table{
				Header:   []string{"社員番号", "会社"},
				Rows:     []sheet.Row{{Line: 2, Cells: []string{"1", "㈱①髙～"}}},
				Encoding: tt.enc,
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("table (-want +got):\n%s", d)
			}
		})
	}
}

func TestReadLinesAndQuotes(t *testing.T) {
	t.Parallel()
	got, err := sheet.Read(strings.NewReader("ID,メモ\n1,\"二行の\r\nメモ、\"\"引用\"\"、\"\n\n2,\n3,a,余り\n"), sheet.Limits{})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	want := []sheet.Row{
		{Line: 2, Cells: []string{"1", "二行の\nメモ、\"引用\"、"}},
		{Line: 5, Cells: []string{"2", ""}},
		{Line: 6, Cells: []string{"3", "a", "余り"}},
	}
	if d := cmp.Diff(want, got.Rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"ID", "メモ"}, got.Header); d != "" {
		t.Errorf("header (-want +got):\n%s", d)
	}
	if c := got.Rows[1].Cell(7); c != "" {
		t.Errorf("a cell beyond the row = %q", c)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	small := sheet.Limits{Bytes: 60, Rows: 2, Columns: 3, Cell: 5}
	tests := map[string]struct {
		file     string
		id, line string
	}{
		"empty":            {"", "fault.csv_empty", ""},
		"guarded blank":    {"'\t,\n", "fault.csv_empty", ""},
		"only blanks":      {",,\n\n", "fault.csv_empty", ""},
		"open quote":       {"a,b\n1,\"x\n2,y\n", "fault.csv_quote", "2"},
		"quote inside":     {"a,b\n1,2\nx\"y,2\n", "fault.csv_quote", "3"},
		"no encoding":      {"a,b\n1,\x81\xff\n", "fault.csv_encoding", "2"},
		"broken utf-8":     {"\ufeffa,b\n\n1,\xe3\x81\n", "fault.csv_encoding", "3"},
		"odd utf-16":       {"\xff\xfea\x00\n\x00\x01", "fault.csv_encoding", "2"},
		"zero bytes":       {"a\x00,\x00b\x00\n\x00", "fault.csv_control", "1"},
		"escape":           {"a,b\n\x1b$B,x\n", "fault.csv_control", "2"},
		"too many rows":    {"a\n1\n2\n3\n", "fault.csv_rows", "4"},
		"too many columns": {"a,b\n1,2,3,4\n", "fault.csv_columns", "2"},
		"long cell":        {"a,b\n1,あいうえおか\n", "fault.csv_cell", "2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sheet.Read(strings.NewReader(tt.file), small)
			f := fault.As(err)
			if f == nil || f.Kind != fault.Invalid || f.ID != "fault.bad_csv" || len(f.Fields) != 1 {
				t.Fatalf("err = %#v", err)
			}
			if got := f.Fields[0]; got.Name != "file" || got.ID != tt.id || got.Args["line"] != tt.line {
				t.Errorf("field = %+v, want %s in line %q", got, tt.id, tt.line)
			}
		})
	}
	_, err := sheet.Read(strings.NewReader(strings.Repeat("a", 61)), small)
	if !fault.Is(err, fault.TooLarge) {
		t.Errorf("61 bytes: %v", err)
	}
	broken := errors.New("cable out")
	if _, err := sheet.Read(brokenReader{broken}, small); !errors.Is(err, broken) || fault.As(err) != nil {
		t.Errorf("broken reader: %v", err)
	}
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

func TestWriteBytes(t *testing.T) {
	t.Parallel()
	rows := [][]string{
		{"=1+1", "+81-3-0000-0012", "-5", "@x"},
		{"\tx", "'=x", "'普通", "a,b\"c\nd"},
		{"\uff1d全角", "\u22125", "㈱①髙𠮷\u301c\uff5e", "\u00a5100か\u3099\x00"},
	}
	var u, c bytes.Buffer
	lost, err := sheet.Write(&u, sheet.UTF8BOM, []string{"甲", "乙", "丙", "丁"}, slices.Values(rows))
	if err != nil || len(lost) != 0 {
		t.Fatalf("UTF-8: lost %q, %v", lost, err)
	}
	const wantU = "\ufeff甲,乙,丙,丁\r\n" +
		"'=1+1,'+81-3-0000-0012,'-5,'@x\r\n" +
		"'\tx,''=x,'普通,\"a,b\"\"c\r\nd\"\r\n" +
		"'\uff1d全角,\u22125,㈱①髙𠮷\u301c\uff5e,\u00a5100か\u3099\r\n"
	if d := cmp.Diff(wantU, u.String()); d != "" {
		t.Errorf("UTF-8 (-want +got):\n%s", d)
	}
	lost, err = sheet.Write(&c, sheet.CP932, []string{"甲", "乙", "丙", "丁"}, slices.Values(rows))
	if err != nil || string(lost) != "𠮷" {
		t.Fatalf("CP932: lost %q, %v", string(lost), err)
	}
	const wantC = "甲,乙,丙,丁\r\n" +
		"'=1+1,'+81-3-0000-0012,'-5,'@x\r\n" +
		"'\tx,''=x,'普通,\"a,b\"\"c\r\nd\"\r\n" +
		"'\uff1d全角,'\uff0d5,㈱①髙〓\uff5e\uff5e,\uffe5100が\r\n"
	if d := cmp.Diff(cp932(t, wantC), c.String()); d != "" {
		t.Errorf("CP932 (-want +got):\n%s", d)
	}
	if _, err := sheet.Write(&c, sheet.UTF16, nil, slices.Values(rows)); err == nil {
		t.Error("UTF-16 was written")
	}
}

// The old extensions of Windows and the characters of names come back as they were.
func TestWriteReadBack(t *testing.T) {
	t.Parallel()
	rows := [][]string{
		{"0012", "髙橋", "-1"},
		{"'", "''=", "=SUM(A1)\n二行"},
		{"㈱①ⅣNo.℡", "彅﨑神", "'a"},
	}
	for _, enc := range []sheet.Encoding{sheet.UTF8BOM, sheet.CP932} {
		var b bytes.Buffer
		if lost, err := sheet.Write(&b, enc, []string{"番号", "氏名", "=値"}, slices.Values(rows)); err != nil || len(lost) > 0 {
			t.Fatalf("%s: lost %q, %v", enc, string(lost), err)
		}
		got, err := sheet.Read(&b, sheet.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", enc, err)
		}
		if got.Encoding != enc {
			t.Errorf("encoding = %s, want %s", got.Encoding, enc)
		}
		if d := cmp.Diff([]string{"番号", "氏名", "=値"}, got.Header); d != "" {
			t.Errorf("%s header (-want +got):\n%s", enc, d)
		}
		for i, r := range got.Rows {
			if d := cmp.Diff(rows[i], r.Cells); d != "" {
				t.Errorf("%s row %d (-want +got):\n%s", enc, i, d)
			}
		}
	}
	if got := sheet.InCP932("𠮷野\u301c"); got != "〓野\uff5e" {
		t.Errorf("InCP932 = %q", got)
	}
}

func TestWriteReportsTheWriter(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for _, enc := range []sheet.Encoding{sheet.UTF8BOM, sheet.CP932} {
		if _, err := sheet.Write(brokenWriter{full}, enc, []string{"a"}, slices.Values([][]string{{"b"}})); !errors.Is(err, full) {
			t.Errorf("%s: %v", enc, err)
		}
	}
}

type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }
