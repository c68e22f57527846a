package pii

import "unicode/utf8"

// reach is how many characters a word may stand away from the value that it names.
const reach = 30

// words finds the words that name kinds.
type words struct {
	first [1 << 16]uint16 // by the first character, the place in from; 0 if no word begins so
	from  [][]word        // longest first
}

type word struct {
	r    []rune
	kind Kind
}

// mention is one word in a line.
type mention struct {
	kind     Kind
	from, to int
}

func newWords() *words { return &words{from: make([][]word, 1)} }

func (w *words) add(s string, kind Kind) {
	r := []rune(s)
	if len(r) == 0 || r[0] == utf8.RuneError || r[0] > 0xFFFF {
		return
	}
	if w.first[r[0]] == 0 {
		w.first[r[0]] = uint16(len(w.from))
		w.from = append(w.from, nil)
	}
	all := w.from[w.first[r[0]]]
	at := 0
	for at < len(all) && len(all[at].r) >= len(r) {
		at++
	}
	all = append(all, word{})
	copy(all[at+1:], all[at:])
	all[at] = word{r, kind}
	w.from[w.first[r[0]]] = all
}

// find appends the words of r, in their order, the longest at each place.
func (w *words) find(r []rune, out []mention) []mention {
	for i := 0; i < len(r); i++ {
		c := lower(r[i])
		if c > 0xFFFF || w.first[c] == 0 {
			continue
		}
		for _, one := range w.from[w.first[c]] {
			if one.at(r, i) {
				out = append(out, mention{one.kind, i, i + len(one.r)})
				i += len(one.r) - 1
				break
			}
		}
	}
	return out
}

// at tells whether the word stands at i. A word of letters stands alone: "tel" is not in "hotel".
func (w word) at(r []rune, i int) bool {
	if i+len(w.r) > len(r) {
		return false
	}
	for k, c := range w.r {
		if lower(r[i+k]) != c {
			return false
		}
	}
	end := i + len(w.r)
	if isLetter(w.r[0]) && i > 0 && isLetter(r[i-1]) && !camel(r, i) {
		return false
	}
	return !isLetter(w.r[len(w.r)-1]) || end == len(r) || !isLetter(r[end]) || camel(r, end)
}

// camel tells whether a new word begins at i by its capital: the T of homeTel.
func camel(r []rune, i int) bool { return isUpper(r[i]) && !isUpper(r[i-1]) }

func lower(r rune) rune {
	if isUpper(r) {
		return r + 'a' - 'A'
	}
	return r
}

// named tells whether a word for kind stands near the value at r[from:to], and no word that says something else stands
// nearer. A word behind the value counts unless it is the label of the next one.
func (p *probe) named(kind Kind, from, to int) bool {
	nearest, own := -1, false
	low := p.contextFrom(from)
	for i, m := range p.mentions {
		if m.to > from {
			break
		}
		if m.from < low {
			continue
		}
		nearest = i
		own = own || m.kind == kind
	}
	if nearest >= 0 {
		if m := p.mentions[nearest]; m.kind == otherColumn {
			return false
		}
		if own {
			return true
		}
	}
	for _, m := range p.mentions[nearest+1:] {
		if m.from-to > reach {
			break
		}
		if m.from >= to && m.kind == kind && !p.label(m.to) {
			return p.sameLine(to, m.from)
		}
	}
	return false
}

// denied tells whether the nearest word before the value says that it is something else.
func (p *probe) denied(from int) bool {
	out := false
	low := p.contextFrom(from)
	for _, m := range p.mentions {
		if m.to > from {
			break
		}
		if m.to >= low {
			out = m.kind == otherColumn
		}
	}
	return out
}

// contextFrom gives from where on words count for a value at i: its line, and the line before only if nothing but signs
// stands between the line's beginning and the value.
func (p *probe) contextFrom(i int) int {
	alone, k := true, i
	for k > 0 && i-k <= reach+8 {
		r := p.r[k-1]
		if r == '\n' && !alone {
			break
		}
		if r == '\n' {
			alone = false // one line more
		} else if alone && (isPlace(r) || isLetter(r) || isDigit(r)) {
			alone = false
		}
		k--
	}
	return k
}

// label tells whether what stands at i makes a label of the word before it.
func (p *probe) label(i int) bool {
	for ; i < len(p.r); i++ {
		switch p.r[i] {
		case ' ', '"', '\'', ']', ')', '】', '」':
		case ':', '=', '\t', '→':
			return true
		default:
			return false
		}
	}
	return false
}

func (p *probe) sameLine(from, to int) bool {
	for _, r := range p.r[from:to] {
		if r == '\n' {
			return false
		}
	}
	return true
}
