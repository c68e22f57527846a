package page

import (
	"slices"
	"strconv"
	"strings"
)

// Field is one control of a form, as the part "field" shows it. ID is also where the
// error summary leads.
type Field struct {
	ID, Name, Label, Hint, Error, Value string
	Type                                string // text, password, email, tel, search, date, datetime-local, textarea, select, radio, checkbox
	Auto                                string // autocomplete token
	Class                               string // short, full; cols for choices
	Required, Optional                  bool
	MaxLen, Rows                        int
	Options                             []Option
}

// Option is one choice of a select, radio or checkbox field.
type Option struct {
	Value, Label, Hint string
	On                 bool
}

// FieldError is one line of the error summary: where it leads to, what it says, and
// the wire name of the field that it is about.
type FieldError struct{ ID, Text, Field string }

// Empty is the part "empty": what a list says when it has nothing.
type Empty struct {
	Icon, Title, Text, Href, Action string
	Good                            bool // an emptiness one is glad of
}

// Pager is the part "pager".
type Pager struct {
	Prev, Next      string
	From, To, Total int
}

// Tag is the part "tag": Kind is shu, yama, matsu, ai, quiet or empty.
type Tag struct{ Kind, Icon, Text string }

// Choose marks the option with the value.
func Choose(options []Option, value ...string) []Option {
	out := slices.Clone(options)
	for i := range out {
		out[i].On = slices.Contains(value, out[i].Value)
	}
	return out
}

// Tel is the address that dials a number as it is written: digits and a leading plus.
func Tel(phone string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, phone)
	if digits == "" {
		return ""
	}
	return "tel:" + digits
}

// Int reads a whole number; what cannot be read gives fallback.
func Int(s string, fallback int) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return fallback
	}
	return n
}
