// Package i18n turns message ids into a person's language.
//
// Every text that a person sees lives in catalogue/<subject>.<lang>.json, one flat
// object per file: {"message.id": "text with {name} places"}. A text that changes
// with a number is an object {"one": "{n} report", "other": "{n} reports"} and is
// chosen by the argument "n". Both languages are complete; a test holds that.
//
// A Printer is one person's view of the catalogue: a language and a time zone. It
// writes messages, dates, sizes and faults, so that no other package formats them.
package i18n

import (
	"slices"
	"time"
)

// Lang is a language of the catalogue.
type Lang string

// The two languages. Japanese is the first and the fallback of every choice.
const (
	JA Lang = "ja"
	EN Lang = "en"
)

// Langs lists the languages, first language first.
func Langs() []Lang { return []Lang{JA, EN} }

// Catalogue holds every message of every language. It never changes after loading,
// so any number of goroutines may share it.
type Catalogue struct {
	texts map[Lang]map[string]message
}

// IDs lists the message ids of a language in order.
func (c *Catalogue) IDs(l Lang) []string {
	ids := make([]string, 0, len(c.texts[l]))
	for id := range c.texts[l] {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Printer writes in language l with times in Japan Standard Time. A language that
// the catalogue does not know is written in Japanese.
func (c *Catalogue) Printer(l Lang) Printer { return c.PrinterIn(l, nil) }

// PrinterIn is Printer with times in loc; nil means Japan Standard Time.
func (c *Catalogue) PrinterIn(l Lang, loc *time.Location) Printer {
	if l != EN {
		l = JA
	}
	if loc == nil {
		// Japan has had no summer time since 1951, so a fixed zone is exact and
		// needs no zone database on the machine.
		loc = time.FixedZone("JST", 9*60*60)
	}
	return Printer{c: c, lang: l, loc: loc}
}
