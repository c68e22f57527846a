package pii

// addresses finds where somebody lives: a prefecture, a municipality and a number; without the prefecture where a word
// or a postal code says that an address follows.
func (p *probe) addresses() {
	for i := p.from; i < p.to; i++ {
		if n := p.prefecture(i); n > 0 {
			if end, numbered := p.street(i + n); end > 0 && (numbered || p.is(Address, i, end)) {
				i = p.addressAt(i, end, numbered) - 1
			}
		}
	}
	for _, m := range p.mentions {
		if m.kind != Address || m.to >= p.to || m.to < p.from {
			continue
		}
		start := p.skip(m.to, true)
		if end, numbered := p.street(start); end > 0 && numbered && start < p.to && p.free(start, end) {
			p.addressAt(start, end, true)
		}
	}
	if p.column == Address && len(p.taken) == 0 {
		if end, _ := p.street(p.from); end > 0 {
			p.addressAt(p.from, end, true)
		}
	}
}

func (p *probe) addressAt(from, to int, numbered bool) int {
	c := Likely
	if numbered && p.is(Address, from, to) || p.postal(from) {
		c = Certain
	}
	p.take(Address, from, to, c, p.compact(from, to))
	return to
}

// prefecture gives the length of the prefecture's name at i.
func (p *probe) prefecture(i int) int {
	if !isKanji(p.r[i]) {
		return 0
	}
	for n := 3; n <= 4 && i+n <= len(p.r); n++ {
		switch p.r[i+n-1] {
		case '県', '都', '府', '道':
			if p.prefectures[string(p.r[i:i+n])] {
				return n
			}
		}
	}
	return 0
}

// street reads the municipality and what follows it down to the number, and gives where it ends.
func (p *probe) street(i int) (end int, numbered bool) {
	for p.rune(i) == ' ' {
		i++
	}
	town := -1
	for k := i; k < len(p.r) && k < i+10 && isPlace(p.r[k]); k++ {
		if isHiragana(p.r[k]) && has("のとはをにで", p.r[k]) && town < 0 {
			return 0, false
		}
		// The sign ends a name, not begins one; 四日市市, 市川市 and 町田市 hold it twice, so the last nearby one counts.
		if k > i && isTown(p.r[k]) {
			town = k + 1
		}
	}
	if town < 0 {
		return 0, false
	}
	end = town
	for k := town; k < len(p.r) && k < town+24; k++ {
		r := p.r[k]
		switch {
		case isDigit(r):
			n := k
			for isDigit(p.rune(n)) || isMark(p.rune(n)) && n > k {
				n++
			}
			for n > k && p.r[n-1] == '-' {
				n--
			}
			return n, true
		case isNumeral(r) && (p.rune(k+1) == '丁' || p.rune(k+1) == '番'):
			n := k + 1
			for isMark(p.rune(n)) || isDigit(p.rune(n)) || isNumeral(p.rune(n)) {
				n++
			}
			return n, true
		case isPlace(r), r == ' ' && k < town+12:
			if r != ' ' {
				end = k + 1
			}
		default:
			return end, false
		}
	}
	return end, false
}

func isTown(r rune) bool { return r == '市' || r == '区' || r == '町' || r == '村' || r == '郡' }

func isPlace(r rune) bool { return isKanji(r) || isHiragana(r) || isKatakana(r) }

func isMark(r rune) bool {
	switch r {
	case '-', '丁', '目', '番', '地', '号', 'の':
		return true
	}
	return false
}

func isNumeral(r rune) bool { return has("一二三四五六七八九十", r) }

// skip passes over what stands between a label and its value, and over a postal code where one may be.
func (p *probe) skip(i int, postal bool) int {
	start := i
	for i < len(p.r) && i < start+24 {
		switch r := p.r[i]; {
		case has(` :="'|	,[](){}【】「」〒→は`, r):
		case postal && (isDigit(r) || r == '-') && i < start+14:
		default:
			return i
		}
		i++
	}
	return i
}

// postal tells whether a postal code stands right before i.
func (p *probe) postal(i int) bool {
	for i > 0 && has(" :\t,\"", p.r[i-1]) {
		i--
	}
	n := 0
	for i > 0 && n < 8 && (isDigit(p.r[i-1]) || p.r[i-1] == '-') {
		i--
		n++
	}
	return n == 8 && p.r[i+3] == '-' || n >= 7 && i > 0 && (p.r[i-1] == '〒' || i > 1 && p.r[i-1] == ' ' && p.r[i-2] == '〒')
}

// compact gives r[from:to] without spaces.
func (p *probe) compact(from, to int) string {
	out := make([]rune, 0, to-from)
	for _, r := range p.r[from:to] {
		if r != ' ' {
			out = append(out, r)
		}
	}
	return string(out)
}
