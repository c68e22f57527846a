package host

import (
	"strings"
	"testing"
)

func TestParseCID(t *testing.T) {
	t.Parallel()
	vendor, product, serial, ok := parseCID("03534453553332478012345678013A5F")
	if !ok || vendor != 0x03 || product != 0x5344 || serial != "03534453553332478012345678013a" {
		t.Errorf("%04x %04x %q %v", vendor, product, serial, ok)
	}
	// The same card in a reader that keeps the checksum, and in one that does not.
	for _, last := range []string{"00", "01", "5f"} {
		if _, _, same, _ := parseCID("03534453553332478012345678013a" + last); same != serial {
			t.Errorf("%s: %q", last, same)
		}
	}
	for _, bad := range []string{"", "0353", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("g", 32), "0x" + strings.Repeat("0", 30)} {
		if v, p, s, ok := parseCID(bad); ok || v != 0 || p != 0 || s != "" {
			t.Errorf("%q: %04x %04x %q", bad, v, p, s)
		}
	}
}
