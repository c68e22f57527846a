package request

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Digest is what a decision is bound to: hex SHA-256 over the canonical JSON of label,
// revision, kind, applicant and form. A form that was mended has another one.
func Digest(r *Request) string {
	doc, err := canonical(map[string]any{"label": r.Label, "revision": r.Revision, "kind": r.Kind, "by": r.By, "form": r.Form})
	if err != nil { // a form that is no JSON is never stored; nothing may match it
		return ""
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// canonical marshals v on one line with sorted keys, so that equal values give equal
// bytes.
func canonical(v any) (json.RawMessage, error) {
	first, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("marshal: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(first))
	dec.UseNumber() // a number keeps its digits
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	return json.Marshal(tree)
}
