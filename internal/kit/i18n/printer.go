package i18n

import (
	"fmt"
	"strconv"
	"time"
)

// Printer writes one person's language. It is a small value: copy it freely. The
// zero Printer knows no message and marks every id.
type Printer struct {
	c    *Catalogue
	lang Lang
	loc  *time.Location
}

// Lang is the language that the printer writes.
func (p Printer) Lang() Lang { return p.lang }

// Location is the time zone in which the printer writes times; UTC for the zero Printer.
func (p Printer) Location() *time.Location {
	if p.loc == nil {
		return time.UTC
	}
	return p.loc
}

// Has reports whether the catalogue has the message in the printer's language.
func (p Printer) Has(id string) bool {
	_, ok := p.message(id)
	return ok
}

func (p Printer) message(id string) (message, bool) {
	if p.c == nil {
		return message{}, false
	}
	m, ok := p.c.texts[p.lang][id]
	return m, ok
}

// T writes message id; args are name, value pairs: T("report.sent", "number", "INC-1").
// Values are strings, integers or Stringers. An unknown id gives ⟦id⟧.
func (p Printer) T(id string, args ...any) string {
	m, ok := p.message(id)
	if !ok {
		return unknown(id)
	}
	return m.render(func(name string) (string, bool) {
		for i := 0; i+1 < len(args); i += 2 {
			if key, _ := args[i].(string); key == name {
				return argText(args[i+1]), true
			}
		}
		return "", false
	})
}

// TA is T with the arguments in a map, as faults and stored notices carry them.
func (p Printer) TA(id string, args map[string]string) string {
	m, ok := p.message(id)
	if !ok {
		return unknown(id)
	}
	return m.render(func(name string) (string, bool) {
		v, ok := args[name]
		return v, ok
	})
}

// argText writes a value. fmt.Sprint is the general case because it survives a nil
// Stringer, which a direct call would not.
func argText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	default:
		return fmt.Sprint(v)
	}
}
