package store

import (
	"fmt"
	"strings"
)

// where gathers conditions for a list page. Each ? becomes the next $n.
type where struct {
	parts []string
	args  []any
}

func (w *where) add(cond string, args ...any) {
	var b strings.Builder
	n := len(w.args)
	for _, r := range cond {
		if r == '?' {
			n++
			fmt.Fprintf(&b, "$%d", n)
			continue
		}
		b.WriteRune(r)
	}
	w.parts = append(w.parts, "("+b.String()+")")
	w.args = append(w.args, args...)
}

func (w *where) text() (string, []any) {
	if len(w.parts) == 0 {
		return "", nil
	}
	return "WHERE " + strings.Join(w.parts, " AND "), w.args
}

// like escapes what LIKE would take as a pattern; use with ESCAPE '\'.
func like(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
