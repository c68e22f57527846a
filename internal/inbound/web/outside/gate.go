package outside

import (
	"crypto/sha256"
	"math/bits"
	"net/netip"
	"sync"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/work"
)

// How much comes through the door. With work done, nobody is refused: a flood only makes
// the work harder. Without a script there is a slow lane with limits.
const (
	span = 10 * time.Minute // what is counted together

	easy  = 16 // bits: about a quarter of a second on a telephone
	hard  = 23 // bits, at most: half a minute on a telephone
	calm  = 40 // forms from everywhere in a span before the work grows, by a bit with each doubling
	quiet = 10 // forms from one address before its work grows

	slowOfOne = 3   // forms without work from one address in a span
	slowOfAll = 100 // and from everywhere

	fresh      = 15 * time.Minute // work asked for this lately is enough, whatever others have sent since
	life       = 2 * time.Hour    // and can be given for this long
	spentMost  = 200_000
	seenMost   = 20_000 // addresses remembered; those beyond are counted together
	everywhere = ""
	others     = "others"
)

// gate decides which forms of strangers are taken. Its counts are this server's own and
// end with it; its challenges are good on every server of the same key.
type gate struct {
	mint *work.Mint

	mu    sync.Mutex
	seen  map[string]count // guarded by mu
	swept time.Time        // when what is over was last forgotten; guarded by mu
}

// count is what came from one address in the span that began.
type count struct {
	began     time.Time
	all, slow int
}

func newGate(key []byte) *gate {
	return &gate{mint: work.NewMint(key, life, spentMost), seen: map[string]count{}}
}

// Ask gives the challenge of a form that others show to an address, who share this gate.
func (d *Room) Ask(now time.Time, address string) string { return d.reports.ask(now, address) }

// Pass counts such a form and reports whether it may be taken.
func (d *Room) Pass(now time.Time, address, challenge, answer string) bool {
	return d.reports.pass(now, address, challenge, answer)
}

// ask gives the challenge of a form that is shown to an address.
func (g *gate) ask(now time.Time, address string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mint.Challenge(now, g.bits(now, block(address)))
}

// pass counts a form and reports whether it may be taken.
func (g *gate) pass(now time.Time, address, challenge, answer string) bool {
	_, ok := g.take(now, address, challenge, answer)
	return ok
}

// take is pass, and gives the work that was done, which is good once on all servers together;
// zero for none.
func (g *gate) take(now time.Time, address, challenge, answer string) (once incident.Once, ok bool) {
	from := block(address)
	g.mu.Lock()
	need, own := g.bits(now, from), easy+g.ownBits(now, from)
	g.mu.Unlock()
	worked := answer != "" && g.mint.Check(now, challenge, answer, func(d work.Done) bool {
		once = incident.Once{Hash: sha256.Sum256([]byte(challenge)), Until: d.At.Add(life)}
		return d.Bits >= need || now.Sub(d.At) <= fresh && d.Bits >= min(hard, own)
	}) == nil
	g.mu.Lock()
	defer g.mu.Unlock()
	one, all := g.of(now, from), g.of(now, everywhere)
	if !worked {
		once = incident.Once{}
	}
	if !worked && (one.slow >= slowOfOne || all.slow >= slowOfAll) {
		return once, false
	}
	for key, c := range map[string]count{g.key(from): one, everywhere: all} {
		c.all++
		if !worked {
			c.slow++
		}
		g.seen[key] = c
	}
	return once, true
}

// bits is how hard the work is now. mu must be held.
func (g *gate) bits(now time.Time, from string) int {
	return min(hard, easy+bits.Len(uint(g.of(now, everywhere).all/calm))+g.ownBits(now, from))
}

// ownBits is how much harder it is for what the address itself has sent. mu must be held.
func (g *gate) ownBits(now time.Time, from string) int {
	return bits.Len(uint(g.of(now, from).all / quiet))
}

// key is what an address is counted under. mu must be held.
func (g *gate) key(from string) string {
	if _, there := g.seen[from]; !there && len(g.seen) >= seenMost {
		return others
	}
	return from
}

// of is the count of the present span. mu must be held.
func (g *gate) of(now time.Time, from string) count {
	if len(g.seen) >= seenMost && now.Sub(g.swept) >= span/10 {
		g.swept = now
		for a, c := range g.seen {
			if now.Sub(c.began) >= span {
				delete(g.seen, a)
			}
		}
	}
	c := g.seen[g.key(from)]
	if now.Sub(c.began) >= span || now.Before(c.began) {
		return count{began: now}
	}
	return c
}

// block is what one sender is taken for: an IPv4 address, or the /64 that a household or
// an office gets of IPv6.
func block(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return others
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, err := a.Prefix(64)
		if err != nil {
			return others
		}
		return p.String()
	}
	return a.String()
}
