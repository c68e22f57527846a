package sheet_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/sheet"
)

// FuzzRead holds that any bytes are either refused with a fault or give a table within
// the limits that Write and Read carry over unchanged.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "社員番号,姓\r\n0001,髙橋\r\n", "\ufeffa,b\n'=1,\"x\ny\"\n", "a\tb\n1\t2\n", "\xff\xfea\x00,\x00b\x00\n\x00",
		"\x8e\xd0\x88\xf5\x94\xd4\x8d\x86,\x90\xa9\r1,\x8d\x82\r", "a,b\n\"", "''=,'\n'\t,\"\"\"\"\n", "\xfe\xff\x30\x42",
	} {
		f.Add([]byte(seed))
	}
	max := sheet.Limits{Bytes: 1 << 16, Rows: 50, Columns: 8, Cell: 100}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tab, err := sheet.Read(bytes.NewReader(raw), max)
		if err != nil {
			if fault.As(err) == nil {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		if len(tab.Rows) > max.Rows || len(tab.Header) > max.Columns {
			t.Fatalf("%d rows, %d columns", len(tab.Rows), len(tab.Header))
		}
		if len(tab.Header) == 0 {
			t.Fatal("a table without a header")
		}
		var b bytes.Buffer
		if _, err := sheet.Write(&b, sheet.UTF8BOM, tab.Header, func(yield func([]string) bool) {
			for _, r := range tab.Rows {
				if !yield(r.Cells) {
					return
				}
			}
		}); err != nil {
			t.Fatalf("Write: %v", err)
		}
		again, err := sheet.Read(&b, sheet.Limits{Cell: 200})
		if err != nil {
			t.Fatalf("Read back: %v", err)
		}
		if d := cmp.Diff(cells(tab), cells(again)); d != "" {
			t.Fatalf("carried over (-first +again):\n%s", d)
		}
	})
}

func cells(t sheet.Table) [][]string {
	out := [][]string{t.Header}
	for _, r := range t.Rows {
		out = append(out, r.Cells)
	}
	return out
}
