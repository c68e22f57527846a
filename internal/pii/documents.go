package pii

// documents finds passports and residence cards: two capitals and digits, and the machine-readable zone.
func (p *probe) documents() {
	for i := p.from; i < p.to; i++ {
		if !isUpper(p.r[i]) || isWordy(p.rune(i-1)) {
			continue
		}
		if p.zone(i) || !isUpper(p.rune(i+1)) {
			continue
		}
		end := i + 2
		for isDigit(p.rune(end)) {
			end++
		}
		switch n := end - i - 2; {
		case n == 7 && !isWordy(p.rune(end)):
			p.passport(i, end)
		case n == 8 && isUpper(p.rune(end)) && isUpper(p.rune(end+1)) && !isWordy(p.rune(end+2)):
			p.residence(i, end+2)
		}
	}
}

func isWordy(r rune) bool { return isLetter(r) || isDigit(r) || r == '_' || r == '-' }

// passport takes two capitals and seven digits; there is no check outside the machine-readable zone.
func (p *probe) passport(from, to int) {
	value := string(p.r[from:to])
	if p.is(Passport, from, to) && !same(value[2:]) {
		p.take(Passport, from, to, Certain, value)
	}
}

// residence takes two capitals, eight digits and two capitals: rare enough to be possible without a word.
func (p *probe) residence(from, to int) {
	value := string(p.r[from:to])
	switch {
	case same(value[2:10]):
	case p.is(ResidenceCard, from, to):
		p.take(ResidenceCard, from, to, Certain, value)
	case p.column == "" && !p.other(from):
		p.take(ResidenceCard, from, to, Possible, value)
	}
}

// zone takes the second line of a passport's machine-readable zone when all its checks hold.
func (p *probe) zone(i int) bool {
	const width = 44
	if i+width > len(p.r) || isWordy(p.rune(i+width)) {
		return false
	}
	p.scratch = p.scratch[:0]
	for _, r := range p.r[i : i+width] {
		if !isUpper(r) && !isDigit(r) && r != '<' {
			return false
		}
		p.scratch = append(p.scratch, byte(r))
	}
	if !validZone(p.scratch) {
		return false
	}
	p.take(Passport, i, i+width, Certain, string(p.scratch[:9]))
	return true
}

// validZone tells whether the five check digits of the second line of a passport hold (ICAO 9303 part 4).
func validZone(z []byte) bool {
	if len(z) != 44 {
		return false
	}
	all := append(append(append(make([]byte, 0, 39), z[:10]...), z[13:20]...), z[21:43]...)
	personal := z[42] == zoneDigit(z[28:42]) || z[42] == '<' && zoneDigit(z[28:42]) == '0'
	return z[9] == zoneDigit(z[:9]) && z[19] == zoneDigit(z[13:19]) && z[27] == zoneDigit(z[21:27]) && personal &&
		z[43] == zoneDigit(all)
}

// zoneDigit is the check digit of part of the zone: weights 7, 3, 1, modulo 10.
func zoneDigit(part []byte) byte {
	sum := 0
	for i, c := range part {
		n := 0
		switch {
		case c >= '0' && c <= '9':
			n = int(c - '0')
		case c >= 'A' && c <= 'Z':
			n = int(c-'A') + 10
		}
		sum += n * [...]int{7, 3, 1}[i%3]
	}
	return byte('0' + sum%10)
}
