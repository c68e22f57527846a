package pii

import "strings"

// people finds names: behind a label, before a form of address, and a surname with a given name by themselves. Where the
// line holds something else of a person, a name that is only possible becomes likely.
func (p *probe) people() {
	for _, m := range p.mentions {
		if m.kind == Name && m.to >= p.from && m.to < p.to {
			p.labelled(m)
		}
	}
	company := len(p.taken) > 0
	for i := p.from; i < p.to; i++ {
		if !isKanji(p.r[i]) || isKanji(p.rune(i-1)) || isKatakana(p.rune(i-1)) && p.rune(i-1) != 'ー' {
			continue
		}
		end := i
		for end < len(p.r) && isKanji(p.r[end]) && end < i+24 {
			end++
		}
		p.kanji(i, end, company)
		i = end - 1
	}
}

// nameCell takes a cell of a column of names as what the header says, if it looks like one at all.
func (p *probe) nameCell() {
	from, to := p.from, p.to
	for from < to && p.r[from] == ' ' {
		from++
	}
	for to > from && p.r[to-1] == ' ' {
		to--
	}
	if to-from < 1 || to-from > 40 || to-from == 1 && p.column == Name {
		return
	}
	letters := 0
	for _, r := range p.r[from:to] {
		switch {
		case isPlace(r), isLetter(r), r > 0xFFFF, r >= 0xC0 && r < 0x250:
			letters++
		case r == ' ', r == '.', r == '\'', r == '-', r == '・', r == ',', r == '(', r == ')':
		default:
			return
		}
	}
	if letters == 0 || hasCompany(p.r[from:to]) {
		return
	}
	c := Likely
	if n, _ := p.fullName(from, to); n == to-from || p.column != Name || p.surnameAt(from, to) > 0 {
		c = Certain
	}
	p.take(Name, from, to, c, p.compact(from, to))
}

func hasCompany(r []rune) bool {
	s := string(r)
	for _, w := range [...]string{"株式会社", "有限会社", "合同会社", "法人", "(株)", "㈱", "会社", "組合", "銀行", "御中"} {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// labelled takes the name behind a label such as 氏名.
func (p *probe) labelled(m mention) {
	i, mark := m.to, false
	for i < p.to && i < m.to+6 && has(` :="'|	,】」)](は`, p.r[i]) {
		mark = mark || p.r[i] != ' ' && p.r[i] != ')'
		i++
	}
	if i >= p.to || !mark && !p.spaced(m.to, i) {
		return
	}
	if n, _ := p.fullName(i, len(p.r)); n > 0 && p.free(i, i+n) {
		p.take(Name, i, i+n, Certain, p.compact(i, i+n))
		return
	}
	end := i
	for end < len(p.r) && isKanji(p.r[end]) && end < i+7 {
		end++
	}
	switch n := end - i; {
	case n >= 1 && n <= 4 && p.rune(end) == ' ': // a surname that is in no list
		given := end + 1
		for given < len(p.r) && (isKanji(p.r[given]) || isHiragana(p.r[given])) && given < end+5 {
			given++
		}
		if given > end+1 && given < end+5 && p.free(i, given) && len(p.words.find(p.r[end+1:given], nil)) == 0 {
			p.take(Name, i, given, Likely, p.compact(i, given))
		}
	case n == 0:
		if to := p.kanaName(i); to > 0 && p.free(i, to) {
			p.take(Name, i, to, Likely, p.compact(i, to))
		}
	case n >= 2 && n <= 4 && p.surnameAt(i, end) == n && p.free(i, end):
		p.take(Name, i, end, Likely, p.compact(i, end))
	}
}

// spaced tells whether only spaces, at least one, stand between a label and its value.
func (p *probe) spaced(from, to int) bool { return to > from && p.r[from] == ' ' }

// kanaName reads a surname and a given name in katakana or hiragana with a space between, and gives where it ends.
func (p *probe) kanaName(i int) int {
	kana := isKatakana
	if isHiragana(p.rune(i)) {
		kana = isHiragana
	}
	mid := i
	for kana(p.rune(mid)) && mid < i+10 {
		mid++
	}
	if mid-i < 2 || p.rune(mid) != ' ' && p.rune(mid) != '・' {
		return 0
	}
	end := mid + 1
	for kana(p.rune(end)) && end < mid+10 {
		end++
	}
	if end-mid < 3 {
		return 0
	}
	return end
}

// kanji looks for a name in a run of kanji.
func (p *probe) kanji(from, to int, company bool) {
	if p.suffixed(from, to) {
		return
	}
	n, spaced := p.fullName(from, len(p.r))
	end := from + n
	switch {
	case n == 0 || !p.free(from, end) || end < to || from+n < len(p.r) && isKanji(p.rune(end)):
		return
	case spaced || company:
		p.take(Name, from, end, Likely, p.compact(from, end))
	default:
		p.take(Name, from, end, Possible, p.compact(from, end))
	}
}

// suffixed takes the name before a form of address: 佐藤様, 佐藤 太郎 殿, 佐藤さん. In 弊社佐藤様 the name is the end of the run.
func (p *probe) suffixed(from, to int) bool {
	end := to // of the name
	switch {
	case p.rune(to-1) == '様' || p.rune(to-1) == '氏' || p.rune(to-1) == '殿' || p.rune(to-1) == '君':
		end = to - 1
	case to-from > 3 && p.rune(to-2) == '先' && p.rune(to-1) == '生':
		end = to - 2
	case p.rune(to) == 'さ' && p.rune(to+1) == 'ん', p.rune(to) == 'く' && p.rune(to+1) == 'ん':
	default:
		return false
	}
	start := from
	if end == from && p.rune(from-1) == ' ' { // the form of address stands apart
		end = from - 1
		start = end
		for start > 0 && isKanji(p.r[start-1]) {
			start--
		}
	}
	if p.rune(start-1) == ' ' { // the given name of a name in two parts
		first := start - 1
		for first > 0 && isKanji(p.r[first-1]) && start-first < 6 {
			first--
		}
		if n, _ := p.fullName(first, end); n == end-first && n > end-start {
			start = first
		}
	}
	for ; end-start >= 2; start++ {
		n, _ := p.fullName(start, end)
		if s := p.surnameAt(start, end); n == end-start || s == end-start && !p.everyday(start, end) {
			if start < p.from || start >= p.to || !p.free(start, end) {
				return true
			}
			p.take(Name, start, end, Likely, p.compact(start, end))
			return true
		}
		if !isKanji(p.r[start]) {
			break
		}
	}
	return false
}

// everyday tells whether r[from:to] is an everyday word as well as a surname.
func (p *probe) everyday(from, to int) bool {
	k, ok := p.key(p.r[from:to])
	return ok && p.surnames[k]
}

// surnameAt gives the length of the longest surname that r[from:to] begins with.
func (p *probe) surnameAt(from, to int) int {
	for n := min(4, to-from); n > 0; n-- {
		if k, ok := p.key(p.r[from : from+n]); ok {
			if _, ok := p.surnames[k]; ok {
				return n
			}
		}
	}
	return 0
}

// fullName gives the length of the surname and given name that r[from:to] begins with, and whether a space parts them.
// Without one, both must be known; with one, an unknown given name of one to three kanji will do for a surname that is
// no everyday word.
func (p *probe) fullName(from, to int) (length int, spaced bool) {
	for n := min(4, to-from); n > 0; n-- {
		k, ok := p.key(p.r[from : from+n])
		if !ok {
			continue
		}
		common, known := p.surnames[k]
		if !known {
			continue
		}
		i := from + n
		if i >= to {
			continue
		}
		if spaced = p.r[i] == ' '; spaced {
			i++
		}
		end := i
		for end < to && isKanji(p.r[end]) && end < i+5 {
			end++
		}
		if end == i {
			for end < to && isHiragana(p.r[end]) && end < i+5 {
				end++
			}
		}
		if end-i > 4 || end == i {
			continue
		}
		for _, tail := range [...]int{0, 1} { // 佐藤 太郎様: the last character may be the form of address
			if tail == 1 && !has("様殿氏君", p.r[end-1]) || end-tail == i {
				continue
			}
			g, ok := p.key(p.r[i : end-tail])
			if !ok {
				continue
			}
			plain, isGiven := p.given[g]
			switch {
			case isGiven && (spaced || !plain || !common) && (spaced || end-tail-from >= 3),
				spaced && !common && n > 1 && isKanji(p.r[i]) && end-tail-i <= 3 && end-tail-i > 1:
				return end - tail - from, spaced
			}
		}
	}
	return 0, false
}
