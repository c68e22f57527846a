package outside

import (
	"fmt"
	"testing"
	"time"

	"sekimori/internal/kit/work"
)

func day() time.Time { return time.Date(2026, 5, 11, 1, 0, 0, 0, time.UTC) }

func solved(t *testing.T, g *gate, now time.Time, address string) (challenge, answer string) {
	t.Helper()
	challenge = g.ask(now, address)
	answer, ok := work.Solve(challenge)
	if !ok {
		t.Fatalf("%q not solved", challenge)
	}
	return challenge, answer
}

func TestSlowLaneOfOneAddress(t *testing.T) {
	t.Parallel()
	g, now := newGate([]byte("a key")), day()
	for n := range slowOfOne {
		if !g.pass(now, "192.0.2.1", "", "") {
			t.Fatalf("form %d refused", n+1)
		}
	}
	if g.pass(now, "192.0.2.1", "", "") || g.pass(now, "192.0.2.1", g.ask(now, "192.0.2.1"), "12") || g.pass(now, "::ffff:192.0.2.1", "", "") {
		t.Error("one more passed")
	}
	if c, a := solved(t, g, now, "192.0.2.1"); !g.pass(now, "192.0.2.1", c, a) || g.pass(now, "192.0.2.1", c, a) {
		t.Error("work passes once")
	}
	if !g.pass(now, "192.0.2.2", "", "") || !g.pass(now.Add(span), "192.0.2.1", "", "") {
		t.Error("another address, or another span")
	}
}

// Thousands come without work: everybody without a script must wait, and one who has
// worked passes all the same.
func TestFloodLetsOnePersonThrough(t *testing.T) {
	t.Parallel()
	g, now := newGate([]byte("a key")), day()
	c, a := solved(t, g, now, "203.0.113.9") // the page was opened before the flood
	for n := range 50_000 {
		g.pass(now, fmt.Sprintf("2001:db8:%x:%x::1", n>>16, n&0xffff), "", "")
	}
	if g.pass(now, "203.0.113.8", "", "") {
		t.Error("the slow lane has no end")
	}
	if !g.pass(now.Add(fresh), "203.0.113.9", c, a) {
		t.Error("work of before the flood was refused")
	}
	if len(g.seen) > seenMost+2 {
		t.Errorf("%d addresses remembered", len(g.seen))
	}
}

func TestWorkGrowsWithTheFlood(t *testing.T) {
	t.Parallel()
	g, now := newGate([]byte("a key")), day()
	if n := g.bits(now, "192.0.2.1"); n != easy {
		t.Errorf("%d bits in calm", n)
	}
	old := g.ask(now, "198.51.100.7")
	for n := range 8 * calm {
		g.mu.Lock()
		all := g.of(now, everywhere)
		all.all++
		g.seen[everywhere] = all
		g.mu.Unlock()
		_ = n
	}
	if n := g.bits(now, "192.0.2.1"); n != easy+4 {
		t.Errorf("%d bits in a flood", n)
	}
	answer, _ := work.Solve(old)
	if g.pass(now.Add(9*time.Minute).Add(fresh), "192.0.2.77", g.ask(now, "x")[:20], answer) != true { // not worked: the slow lane has room
		t.Error("the slow lane refused the first")
	}
	g2 := newGate([]byte("a key"))
	for range 300 * quiet {
		g2.seen["192.0.2.1"] = count{began: now, all: 300 * quiet}
	}
	if n := g2.bits(now, "192.0.2.1"); n != hard {
		t.Errorf("%d bits for who sends most", n)
	}
	if n := g2.bits(now, "192.0.2.2"); n != easy {
		t.Errorf("%d bits for the others", n)
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": others, "@": others} {
		if got := block(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// Easy work that was asked for in advance buys no flood: what others send is forgiven to
// who asked before, what one has sent oneself is not.
func TestHoardedWorkBuysNoFlood(t *testing.T) {
	t.Parallel()
	g, now := newGate([]byte("a key")), day()
	type done struct{ challenge, answer string }
	var hoard []done
	for range 3*quiet + slowOfOne {
		c, a := solved(t, g, now, "192.0.2.1")
		hoard = append(hoard, done{c, a})
	}
	passed := 0
	for _, h := range hoard {
		if g.pass(now, "192.0.2.1", h.challenge, h.answer) {
			passed++
		}
	}
	if most := quiet + slowOfOne; passed > most {
		t.Errorf("%d forms of one address passed with easy work, want %d at most", passed, most)
	}
	if c, a := solved(t, g, now, "192.0.2.1"); !g.pass(now, "192.0.2.1", c, a) {
		t.Error("harder work is refused")
	}
	if !g.pass(now, "192.0.2.2", hoard[len(hoard)-1].challenge, hoard[len(hoard)-1].answer) {
		t.Error("refused work was spent")
	}
}
