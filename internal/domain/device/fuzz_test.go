package device

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"sekimori/internal/kit/wire"
)

// FuzzClaims: whatever a device sends, what is kept of it is bounded, clean JSON, and
// reading it again changes nothing.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"seq":1,"at":5,"facts":{"agent":{"value":{"host":"PC\u202e","document":-3},"at":7},"isolation":{"value":{"state":"failing","problems":["a\nb"],"release":{"challenge":"12"}}}}}`))
	f.Add([]byte(`{"seq":9,"facts":{"a.b":{"value":"\u0000\ud800"},"c":{"unread":"x\u001b"}}}`))
	f.Add([]byte("{\"seq\":2,\"facts\":{\"a\":{\"value\":\"\xff\"}}}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in wire.Facts
		if json.Unmarshal(body, &in) != nil {
			return
		}
		out, err := claims(in)
		if err != nil {
			return
		}
		if len(out.facts) > maxFacts {
			t.Fatalf("%d facts", len(out.facts))
		}
		again := wire.Facts{Seq: in.Seq, Facts: map[string]wire.Fact{}}
		for name, x := range out.facts {
			if (x.Value == nil) == (x.Unread == "") {
				t.Errorf("%s: value %s, unread %q", name, x.Value, x.Unread)
			}
			if x.Value != nil && (!json.Valid(x.Value) || !utf8.Valid(x.Value)) {
				t.Errorf("%s: kept %q", name, x.Value)
			}
			if strings.ContainsFunc(x.Unread, unicode.IsControl) || utf8.RuneCountInString(x.Unread) > maxLine {
				t.Errorf("%s: unread %q", name, x.Unread)
			}
			again.Facts[name] = wire.Fact{Value: x.Value, Unread: x.Unread, At: wire.MicrosOf(x.At)}
		}
		if a := out.agent; a != nil && (strings.ContainsFunc(a.Host, unicode.IsControl) || utf8.RuneCountInString(a.Host) > maxName || a.Document < 0) {
			t.Errorf("agent %+v", a)
		}
		if i := out.isolation; i != nil && (i.Local < 0 || i.Local > maxPresses || len(i.Problems) > maxProblems || len(i.Steps) > maxSteps) {
			t.Errorf("isolation %+v", i)
		}
		twice, err := claims(again)
		if err != nil && len(body) < wire.MaxFacts/4 {
			t.Fatalf("read again: %v", err)
		}
		if err == nil && !reflect.DeepEqual(out.facts, twice.facts) {
			t.Errorf("read again: %+v, first %+v", twice.facts, out.facts)
		}
	})
}
