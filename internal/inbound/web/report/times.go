package report

import (
	"strings"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// corrected writes the text of a correction. A corrected time is stored as two RFC
// 3339 times (or "unknown") with an arrow between; here each becomes a person's.
func corrected(r *page.Request, e incident.Entry) string {
	if e.Key != "occurred" && e.Key != "discovered" {
		return e.Text
	}
	first, rest, _ := strings.Cut(e.Text, "\n")
	was, is, ok := strings.Cut(first, " → ")
	if !ok {
		return e.Text
	}
	out := spoken(r, was) + " → " + spoken(r, is)
	if rest != "" {
		out += "\n" + rest
	}
	return out
}

func spoken(r *page.Request, s string) string {
	if s == incident.Unknown {
		return r.P.T("word.unknown")
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return r.P.DateTime(t)
}
