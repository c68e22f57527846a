// Package letters holds planned letters against their texts.
package letters

import (
	"strings"
	"testing"
	"time"

	"sekimori/internal/kit/i18n"
)

// Complete checks that a letter of a topic has a subject and a text in every language and
// that its arguments fill every place of them.
func Complete(t testing.TB, topic string, args map[string]string) {
	t.Helper()
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range i18n.Langs() {
		p := c.PrinterIn(lang, time.UTC)
		for _, part := range []string{"subject", "text"} {
			if text := p.TA("letter."+topic+"."+part, args); text == "" || strings.ContainsAny(text, "⟦⟧{}") {
				t.Errorf("%s of %s in %s: %q with %v", part, topic, lang, text, args)
			}
		}
	}
}
