// Package wire is what the server and the agent on a PC say to each other: the signed
// desired state, the facts that come back, the stream that only says "version 42
// exists", release codes, and the words of enrolment. Both sides build these bytes and
// read them with this package, so that they cannot drift apart.
//
// The document's fields are all that a server can ask of a PC: there is no command, no
// shell and no script in them.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Paths of the agent's door on the server.
const (
	PathEnrol    = "/agent/v1/enrol"
	PathDocument = "/agent/v1/document" // ?have=VERSION
	PathStream   = "/agent/v1/stream"   // ?have=VERSION
	PathFacts    = "/agent/v1/facts"
	PathReports  = "/agent/v1/reports"
	PathEvidence = "/agent/v1/evidence" // ?report=KEY&name=NAME
	PathMedia    = "/agent/v1/media"    // MediaEvents; 204 once they are kept
	PathKeys     = "/agent/v1/keys"
	PathProbe    = "/agent/v1/probe" // answers 204 to anybody: the proof that the server is in reach
)

// HeaderVersion names the newest version of the PC's desired state that the server knows,
// in the answers of PathDocument.
const HeaderVersion = "Sekimori-Version"

// Limits of what one side takes from the other, in bytes.
const (
	MaxDocument = 4 << 20 // ten thousand media take half of it
	MaxEvents   = 1 << 20 // the body of PathMedia
	MaxFacts    = 256 << 10
	MaxReport   = 16 << 10
	MaxEvidence = 16 << 20
)

// ErrForm says that bytes are not what this package writes.
var ErrForm = errors.New("wire: not in the agreed form")

// Micros is a time as the wire and the store write it: Unix microseconds, 0 for none.
type Micros int64

// MicrosOf gives the wire's form of t.
func MicrosOf(t time.Time) Micros {
	if t.IsZero() {
		return 0
	}
	return Micros(t.UnixMicro())
}

// Time gives the time in UTC; the zero time for none.
func (m Micros) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}

// canonical gives the one form of v that is signed: JSON with sorted names, no spaces
// and whole numbers (a subset of RFC 8785 on which encoding/json agrees with it).
func canonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("marshal: %w", err)
	}
	return recanon(raw)
}

// recanon brings any JSON text into the canonical form.
func recanon(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrForm)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var any any
	if err := d.Decode(&any); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrForm, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one value", ErrForm)
	}
	if err := plain(any); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(any); err != nil {
		return nil, fmt.Errorf("marshal: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// plain refuses what the two ways of writing JSON would write differently.
func plain(v any) error {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") || v == "-0" {
			return fmt.Errorf("%w: number %q is not whole", ErrForm, string(v))
		}
	case string:
		if strings.ContainsAny(v, "\u2028\u2029\u007f") {
			return fmt.Errorf("%w: a text holds a line separator", ErrForm)
		}
	case []any:
		for _, x := range v {
			if err := plain(x); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, x := range v {
			if err := errors.Join(plain(k), plain(x)); err != nil {
				return err
			}
		}
	}
	return nil
}
