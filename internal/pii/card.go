package pii

import (
	"fmt"
	"strconv"
	"strings"
)

// cardRange is a span of first digits that belongs to a brand.
type cardRange struct {
	from, to string // as many digits each
	lengths  [20]bool
}

// takeCards reads "brand from-to lengths".
func (f *facts) takeCards(l string) error {
	part := strings.Fields(l)
	if len(part) != 3 {
		return fmt.Errorf("want three fields")
	}
	from, to, ok := strings.Cut(part[1], "-")
	if !ok || len(from) != len(to) {
		return fmt.Errorf("want a range of equal lengths")
	}
	c := cardRange{from: from, to: to}
	for n := range strings.SplitSeq(part[2], ",") {
		i, err := strconv.Atoi(n)
		if err != nil || i >= len(c.lengths) {
			return fmt.Errorf("length %q", n)
		}
		c.lengths[i] = true
	}
	f.cards = append(f.cards, c)
	return nil
}

// validCard tells whether the digits are the number of a payment card: first digits of a brand, its length, and Luhn.
func (f *facts) validCard(d string) bool {
	if len(d) < 13 || len(d) > 19 || same(d) || !luhn(d) {
		return false
	}
	for _, c := range f.cards {
		if start := d[:len(c.from)]; start >= c.from && start <= c.to && c.lengths[len(d)] {
			return true
		}
	}
	return false
}

// luhn is the check of ISO/IEC 7812-1.
func luhn(d string) bool {
	sum := 0
	for i := range len(d) {
		n := int(d[len(d)-1-i] - '0')
		if i&1 == 1 {
			n *= 2
			if n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// card finds payment cards. In groups as they are embossed they speak for themselves; sixteen digits in a row pass
// every twentieth time by chance and are possible only.
func (p *probe) card(k int) int {
	n, grouped := 0, true
	switch {
	case p.shape(k, "- ", 4, 4, 4, 4):
		n = 4
	case p.shape(k, "- ", 4, 6, 5), p.shape(k, "- ", 4, 6, 4):
		n = 3
	case p.groups[k].len() >= 13 && p.groups[k].len() <= 19 && p.closes(k):
		n, grouped = 1, false
	default:
		return 0
	}
	from, to := p.groups[k].from, p.groups[k+n-1].to
	d := p.digits(from, to)
	if !p.validCard(d) || n == 1 && validCorporate(d) && !p.is(PaymentCard, from, to) {
		return 0
	}
	switch {
	case p.is(PaymentCard, from, to):
		p.take(PaymentCard, from, to, Certain, d)
	case p.other(from) || p.column != "":
		return 0
	case grouped:
		p.take(PaymentCard, from, to, Likely, d)
	case len(d) >= 15 && len(d) <= 16:
		p.take(PaymentCard, from, to, Possible, d)
	default:
		return 0
	}
	return n
}
