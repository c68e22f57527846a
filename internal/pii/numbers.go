package pii

// group is a run of digits.
type group struct {
	from, to int
	sep      rune // what stands between it and the next, 0 at the end of the chain
}

func (g group) len() int { return g.to - g.from }

const (
	longest = 24 // groups of one chain that are looked at together
	overlap = 5  // groups that are looked at again with the next ones, more than any number has
)

// numbers takes the chains of digits in the line apart and asks each kind.
func (p *probe) numbers() {
	p.groups = p.groups[:0]
	for i := p.from; i < p.to; {
		if !isDigit(p.r[i]) {
			i++
			continue
		}
		if i == p.from { // a chain that began before belongs to what was read before
			for i < len(p.r) && i > 0 && isDigit(p.rune(i-1)) && isDigit(p.r[i]) {
				i++
			}
			if i >= p.to || !isDigit(p.r[i]) {
				continue
			}
		}
		i = p.chain(i)
		for k := 0; k < len(p.groups); {
			k += p.number(k)
		}
	}
}

// chain gathers the groups from i on, and gives where they end.
func (p *probe) chain(i int) int {
	p.groups = p.groups[:0]
	for len(p.groups) < longest {
		end := i
		for end < len(p.r) && isDigit(p.r[end]) {
			end++
		}
		next, sep := p.separator(end)
		p.groups = append(p.groups, group{i, end, sep})
		if sep == 0 {
			return end
		}
		i = next
	}
	return p.groups[longest-overlap].from
}

// separator reads what may stand between two groups of one number, and gives where the next group begins.
func (p *probe) separator(i int) (int, rune) {
	sep := p.rune(i)
	switch sep {
	case ')':
		i++
		if r := p.rune(i); r == '-' || r == ' ' {
			i++
		}
	case '-', ' ', '(', '.', '/':
		i++
		if sep == ' ' && p.rune(i) == '(' {
			i, sep = i+1, '('
		}
	default:
		return i, 0
	}
	if !isDigit(p.rune(i)) {
		return i, 0
	}
	return i, sep
}

// number asks whether a number begins with group k, and gives how many groups it took, at least one.
func (p *probe) number(k int) int {
	g := p.groups[k]
	if !p.free(g.from, g.to) || !p.opens(k) {
		return 1
	}
	for _, ask := range [...]func(*probe, int) int{
		(*probe).card, (*probe).twelve, (*probe).phone, (*probe).yucho, (*probe).pension, (*probe).insurer, (*probe).account,
	} {
		if n := ask(p, k); n > 0 {
			return n
		}
	}
	return 1
}

// opens tells whether a number may begin with group k: nothing joins it to what is before.
func (p *probe) opens(k int) bool {
	before := p.rune(p.groups[k].from - 1)
	if isLetter(before) || before == '_' || before == '.' || before == '/' {
		return false
	}
	return before != '-' || k == 0 && !isDigit(p.rune(p.groups[k].from-2)) && !isLetter(p.rune(p.groups[k].from-2))
}

// closes tells whether a number may end with group k.
func (p *probe) closes(k int) bool {
	g := p.groups[k]
	if g.sep == '-' || g.sep == '.' || g.sep == '/' || g.sep == '(' {
		return false
	}
	after := p.rune(g.to)
	return !isLetter(after) && after != '_' && after != '@' && !isDigit(after)
}

// shape tells whether the groups from k on have these lengths, joined by the same sign out of seps.
func (p *probe) shape(k int, seps string, lengths ...int) bool {
	if k+len(lengths) > len(p.groups) {
		return false
	}
	sep := p.groups[k].sep
	for i, n := range lengths {
		g := p.groups[k+i]
		if g.len() != n {
			return false
		}
		if i+1 < len(lengths) && (g.sep != sep || !has(seps, sep)) {
			return false
		}
	}
	return p.closes(k + len(lengths) - 1)
}

func has(s string, r rune) bool {
	for _, c := range s {
		if c == r {
			return true
		}
	}
	return false
}

// same tells whether all digits are equal.
func same(digits string) bool {
	for i := range len(digits) {
		if digits[i] != digits[0] {
			return false
		}
	}
	return true
}

// rising tells whether every digit follows the one before it: 123456789012.
func rising(digits string) bool {
	for i := 1; i < len(digits); i++ {
		if digits[i] != '0'+(digits[i-1]-'0'+1)%10 {
			return false
		}
	}
	return true
}

// dull tells whether a number is one that people type when they need any number.
func dull(digits string) bool { return same(digits) || rising(digits) }

// twelve finds individual numbers and driver's licences: twelve digits whose check digit holds, which one in ten
// numbers does, so that a word or header must name them.
func (p *probe) twelve(k int) int {
	n := 0
	switch {
	case p.shape(k, "", 12):
		n = 1
	case p.shape(k, "- ", 4, 4, 4):
		n = 3
	default:
		return 0
	}
	from, to := p.groups[k].from, p.groups[k+n-1].to
	d := p.digits(from, to)
	switch {
	case p.is(MyNumber, from, to) && validMyNumber(d):
		p.take(MyNumber, from, to, Certain, d)
	case p.is(DriverLicence, from, to) && validLicence(d, &p.facts.licences):
		p.take(DriverLicence, from, to, Certain, d)
	default:
		return 0
	}
	return n
}
