package corpus

import (
	"bytes"
	"testing"
)

// A seed gives the same files each time, another one others.
func TestSeed(t *testing.T) {
	make := func(seed uint64) (all []byte) {
		set, err := Make(seed, 96)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range set {
			lines := bytes.Count(f.Bytes, []byte{'\n'}) + 1
			for _, v := range f.Truth {
				if v.Line < 1 || v.Line > lines {
					t.Errorf("%s: a value in line %d of %d", f.Name, v.Line, lines)
				}
			}
			all = append(all, f.Bytes...)
		}
		return all
	}
	if one := make(1); !bytes.Equal(one, make(1)) || bytes.Equal(one, make(2)) {
		t.Error("the set does not follow its seed")
	}
}
