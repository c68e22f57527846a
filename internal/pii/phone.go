package pii

// validPhone tells whether the digits are a telephone number of Japan that may be a person's, written from its first 0,
// and whether it is a mobile. Free, shared-cost and machine numbers are nobody's. 060 is open for mobiles from July 2026.
func validPhone(d string) (ok, mobile bool) {
	if len(d) < 10 || len(d) > 11 || d[0] != '0' || d[1] == '0' || same(d[1:]) {
		return false, false
	}
	if len(d) == 11 {
		switch d[:3] {
		case "060", "070", "080", "090":
			return d[3] != '0', true
		case "050":
			return d[3] != '0', false
		}
		return false, false
	}
	switch d[:3] {
	case "012", "080", "057", "099", "020", "050", "060", "070", "090":
		if d[:4] == "0120" || d[:4] == "0800" || d[:4] == "0570" || d[:4] == "0990" {
			return false, false
		}
		if d[2] == '0' {
			return false, false
		}
	}
	return true, false
}

// area tells whether the first n digits can be an area code. Those of four digits are too many to list.
func (f *facts) area(d string, n int) bool { return n == 4 || n >= 2 && n <= 5 && f.areas[d[:n]] }

// phone finds telephone numbers. With hyphens in the right places, or as a mobile's eleven digits, they speak for
// themselves; ten digits in a row need a word.
func (p *probe) phone(k int) int {
	g := p.groups[k]
	from, national := g.from, false
	if p.rune(from-1) == '+' && p.r[g.from] == '8' && g.len() >= 2 && p.r[g.from+1] == '1' {
		national = true
		from--
	}
	if !national && p.r[g.from] != '0' {
		return 0
	}
	for n := 1; n <= 5 && k+n <= len(p.groups); n++ {
		last := p.groups[k+n-1]
		if n > 1 && !p.joins(k, n) {
			return 0
		}
		if !p.closes(k + n - 1) {
			continue
		}
		d := p.digits(g.from, last.to)
		if national {
			if len(d) < 3 || len(d) > 13 {
				continue
			}
			if d = d[2:]; d[0] != '0' {
				d = "0" + d
			}
		}
		ok, mobile := validPhone(d)
		if !ok || n > 1 && !national && !p.split(k, n, d, mobile) {
			continue
		}
		if p.rune(from-1) == '(' {
			from--
		}
		switch named := p.is(Phone, from, last.to); {
		case named:
			p.take(Phone, from, last.to, Certain, d)
		case p.other(from) || p.column != "":
			continue
		case n > 1 || mobile || national:
			p.take(Phone, from, last.to, Likely, d)
		default:
			continue
		}
		return n
	}
	return 0
}

// joins tells whether group k+n-1 belongs to the same number as the one before it.
func (p *probe) joins(k, n int) bool {
	switch sep := p.groups[k+n-2].sep; sep {
	case '-', ' ', '.', '(', ')':
		return n == 2 || sep == p.groups[k].sep || sep == ')' || sep == '-'
	}
	return false
}

// split tells whether the groups stand where a telephone number is separated.
func (p *probe) split(k, n int, d string, mobile bool) bool {
	g := p.groups[k:]
	if g[0].sep == ' ' && n == 2 && !mobile {
		return false
	}
	if len(d) == 11 {
		return n == 3 && g[0].len() == 3 && (g[1].len() == 4 || g[1].len() == 3 && g[2].len() == 5) ||
			n == 2 && g[0].len() == 3 && g[1].len() == 8
	}
	area := g[0].len()
	switch n {
	case 2: // the area code and the rest, or the rest cut once
		return area == 6 || p.area(d, area)
	case 3:
		return p.area(d, area) && g[1].len() == 6-area && g[2].len() == 4
	}
	return false
}

// shortPhone takes the number of a column of telephones that lost its first 0 to a spreadsheet.
func (p *probe) shortPhone() {
	if len(p.taken) > 0 || len(p.groups) == 0 {
		return
	}
	g := p.groups[0]
	if g.from != p.from || g.to != p.to {
		return
	}
	if d := "0" + p.digits(g.from, g.to); len(d) > 9 {
		if ok, _ := validPhone(d); ok {
			p.take(Phone, g.from, g.to, Likely, d)
		}
	}
}
