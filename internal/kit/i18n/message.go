package i18n

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// message is one text in one language; one is nil unless the text has a singular.
type message struct {
	other, one []piece
}

// piece is literal text, or a place to fill when place is set.
type piece struct {
	text  string
	place string
}

// parseValue reads a JSON value of the catalogue: a string or {"one":…,"other":…}.
func parseValue(raw json.RawMessage) (message, error) {
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return message{}, fmt.Errorf("text: %w", err)
		}
		other, err := parseText(s)
		return message{other: other}, err
	}
	var forms struct {
		One   *string `json:"one"`
		Other *string `json:"other"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&forms); err != nil {
		return message{}, fmt.Errorf(`want a text or {"one": …, "other": …}: %w`, err)
	}
	if forms.Other == nil {
		return message{}, errors.New(`the form "other" is missing`)
	}
	other, err := parseText(*forms.Other)
	if err != nil {
		return message{}, err
	}
	m := message{other: other}
	if forms.One != nil {
		if m.one, err = parseText(*forms.One); err != nil {
			return message{}, err
		}
	}
	return m, nil
}

// parseText splits a text at its {name} places. A brace has no other use.
func parseText(s string) ([]piece, error) {
	if strings.TrimSpace(s) == "" {
		return nil, errors.New("the text is empty")
	}
	var out []piece
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			return append(out, piece{text: s}), nil
		}
		if s[i] == '}' {
			return nil, errors.New("a } without its {")
		}
		if i > 0 {
			out = append(out, piece{text: s[:i]})
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return nil, errors.New("a { without its }")
		}
		name := s[i+1 : i+end]
		if !placeName(name) {
			return nil, fmt.Errorf("{%s} is not the name of a place: use a-z, 0-9 and _", name)
		}
		out = append(out, piece{place: name})
		s = s[i+end+1:]
	}
	return out, nil
}

func placeName(s string) bool {
	for i, r := range s {
		if r >= 'a' && r <= 'z' || i > 0 && (r >= '0' && r <= '9' || r == '_') {
			continue
		}
		return false
	}
	return s != ""
}

// render fills the places by value; a place without a value stays visible as ⟦name⟧,
// so that a test or a reader notices it.
func (m message) render(value func(name string) (string, bool)) string {
	pieces := m.other
	if m.one != nil {
		if n, _ := value("n"); n == "1" {
			pieces = m.one
		}
	}
	var b strings.Builder
	for _, p := range pieces {
		if p.place == "" {
			b.WriteString(p.text)
			continue
		}
		if v, ok := value(p.place); ok {
			b.WriteString(v)
		} else {
			b.WriteString(unknown(p.place))
		}
	}
	return b.String()
}

// unknown marks what the catalogue or the caller did not supply.
func unknown(name string) string { return "⟦" + name + "⟧" }
