package mailin_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sekimori/internal/inbound/mailin"
)

// TestOutcomes: whatever becomes of a mail or a connection is counted once, under one name.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *mailin.Options) { o.MaxBytes, o.Limits.SenderPerHour = 64<<10, 2 })
	want := map[mailin.Outcome]int{}
	seen := func(what string, o mailin.Outcome) {
		t.Helper()
		want[o]++
		h.mu.Lock()
		defer h.mu.Unlock()
		if !maps.Equal(want, h.count) {
			t.Fatalf("%s: counted %v, want %v", what, h.count, want)
		}
	}
	mail := func(from, text string) {
		t.Helper()
		h.mail(from, text)
	}
	mail("a@outside.example", note("a@outside.example", "one@outside.example", "one", ""))
	seen("a report", mailin.Accepted)
	mail("a@outside.example", note("a@outside.example", "one@outside.example", "one", ""))
	seen("again", mailin.Repeated)
	mail("a@outside.example", note("a@outside.example", "two@outside.example", "two", ""))
	seen("the third within the hour", mailin.Limited)
	mail("b@outside.example", note("b@outside.example", "ooo@outside.example", "away", "Auto-Submitted: auto-replied\n"))
	seen("answer of a program", mailin.Dropped)
	mail("", dsn("ntc_none@sekimori.aoba.example", "failed", "5.1.1"))
	seen("bounce of a mail that is not ours", mailin.Dropped)
	mail("c@outside.example", note("sekimori@aoba.example", "loop@outside.example", "loop", ""))
	seen("a mail of ours", mailin.Loop)
	mail("d@outside.example", note("d@outside.example", "big@outside.example", "big", "")+strings.Repeat(strings.Repeat("x", 70)+"\n", 1000))
	seen("larger than a mail may be", mailin.Oversized)
	h.dial().greet().send("e@outside.example", []byte("From: e@outside.example\r\nSubject: x\r\n\r\nx\nx"))
	seen("a bare line end", mailin.Malformed)
	c := h.dial().greet()
	c.say(250, "MAIL FROM:<f@outside.example>")
	c.say(550, "RCPT TO:<victim@else.example>")
	seen("for somebody else", mailin.Elsewhere)
	for o := range want {
		if !slices.Contains(mailin.Outcomes(), o) {
			t.Errorf("%s is not listed", o)
		}
	}

	closed := start(t, func(o *mailin.Options) { o.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	if code, _ := closed.dial().answer(); code != 554 || closed.count[mailin.Stranger] != 1 {
		t.Errorf("%d, counted %v", code, closed.count)
	}
	full := start(t, func(o *mailin.Options) { o.Limits.Connections = 1 })
	full.dial().greet()
	if code, _ := full.dial().answer(); code != 421 || full.count[mailin.Limited] != 1 {
		t.Errorf("%d, counted %v", code, full.count)
	}
}

// TestBounceIsCounted: a mail of ours that came back is told apart from a foreign one, and a
// store that does not answer from a refusal.
func TestBounceIsCounted(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	_, a := h.sentNotice()
	h.mail("", dsn(a.ID+"@sekimori.aoba.example", "failed", "5.1.1"))
	h.must(h.db.Close())
	h.mail("g@outside.example", note("g@outside.example", "late@outside.example", "late", ""))
	if got := fmt.Sprint(h.count); got != "map[bounce:1 failed:1]" {
		t.Errorf("counted %s", got)
	}
}
