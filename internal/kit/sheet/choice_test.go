package sheet_test

import (
	"testing"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/sheet"
)

func TestChosen(t *testing.T) {
	t.Parallel()
	for enc, want := range map[string]string{"": "text/csv; charset=utf-8", "utf8": "text/csv; charset=utf-8", "sjis": "text/csv; charset=Shift_JIS"} {
		if e, err := sheet.Chosen(enc); err != nil || e.Type() != want {
			t.Errorf("%q: %v, %v", enc, e.Type(), err)
		}
	}
	if _, err := sheet.Chosen("euc"); !fault.Is(err, fault.Invalid) {
		t.Errorf("an unknown encoding: %v", err)
	}
}
