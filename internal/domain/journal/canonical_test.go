package journal

import (
	"bytes"
	"encoding/json"
	"testing"
)

// again decodes and encodes, as canonical does with what is not settled.
func again(t *testing.T, raw []byte) []byte {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		t.Fatalf("%s is said to be settled: %v", raw, err)
	}
	if dec.More() {
		t.Fatalf("%s is said to be one settled value", raw)
	}
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSettledNeedsNoSecondLook(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]bool{
		`{"a":"見積書","b":[1,-2,0,true,false,null,{}],"c":{"x":"","y":[]}}`: true,
		`"x"`: true, `7`: true, `{}`: true,
		`{"b":1,"a":2}`: false, `{"a":1,"a":2}`: false, `{"a":"\n"}`: false, `{"a":"<b>"}`: false,
		`{"a":1.5}`: false, `{"a":1e3}`: false, `{"a":01}`: false, `{"a":-}`: false, `{"a": 1}`: false,
		`{"a":1`: false, `{"a":1}}`: false, `[1,]`: false, `[1`: false, `{"a"}`: false, ``: false, `tru`: false,
		"{\"a\":\"\u2028\"}": false, "{\"a\":\"\xff\"}": false, "{\"a\":\"\x01\"}": false,
	} {
		if got := settled([]byte(raw)); got != want {
			t.Errorf("settled(%q) = %v", raw, got)
		}
	}
}

func FuzzSettled(f *testing.F) {
	f.Add([]byte(`{"a":"見積書","b":[1,-2,0,true,false,null,{}],"c":{"x":"","y":[]}}`))
	f.Add([]byte(`{"":0,"~":[[]]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !settled(raw) {
			return
		}
		if got := again(t, raw); !bytes.Equal(got, raw) {
			t.Errorf("%q is said to be settled and becomes %q", raw, got)
		}
		if got, err := json.Marshal(json.RawMessage(raw)); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%q is said to be settled and embeds as %q, %v", raw, got, err)
		}
	})
}
