package pii

// date is a day that was written down.
type date struct {
	year, month, day int
	sure             bool // the era had that day
}

// dates finds dates of birth. A date alone is nothing: a word or the header must say that somebody was born on it.
func (p *probe) dates() {
	if p.column == "" && !p.mentioned(BirthDate) && !p.born() {
		return
	}
	for i := p.from; i < p.to; i++ {
		r := p.r[i]
		if !isDigit(r) && !startsEra(r) || (isDigit(r) || isLetter(r)) && isWordy(p.rune(i-1)) {
			continue
		}
		d, end, ok := p.date(i)
		if !ok || !p.free(i, end) {
			continue
		}
		if p.is(BirthDate, i, end) || p.rune(end) == '生' || p.rune(end) == ' ' && p.rune(end+1) == '生' {
			c := Certain
			if !d.sure {
				c = Likely
			}
			p.take(BirthDate, i, end, c, number(d.year)+"-"+number(d.month)+"-"+number(d.day))
		}
		i = end - 1
	}
}

func (p *probe) mentioned(kind Kind) bool {
	for _, m := range p.mentions {
		if m.kind == kind {
			return true
		}
	}
	return false
}

// born tells whether the line has the character for being born, which also stands right behind a date.
func (p *probe) born() bool {
	for _, r := range p.r {
		if r == '生' {
			return true
		}
	}
	return false
}

func number(n int) string {
	if n > 99 {
		return string([]byte{byte('0' + n/1000), byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)})
	}
	return string([]byte{byte('0' + n/10), byte('0' + n%10)})
}

func startsEra(r rune) bool {
	switch r {
	case '明', '大', '昭', '平', '令', 'M', 'T', 'S', 'H', 'R':
		return true
	}
	return false
}

// era is a span of years, from its first day.
type era struct {
	kanji              string
	letter             rune
	first, month, day  int
	last, lastM, lastD int
}

// eras lists the eras since 1868. Showa ended on the day before Heisei began; both dates of a change are given as
// the law gives them.
func eras() [5]era {
	return [...]era{
		{"明治", 'M', 1868, 10, 23, 1912, 7, 30},
		{"大正", 'T', 1912, 7, 30, 1926, 12, 25},
		{"昭和", 'S', 1926, 12, 25, 1989, 1, 7},
		{"平成", 'H', 1989, 1, 8, 2019, 4, 30},
		{"令和", 'R', 2019, 5, 1, 9999, 12, 31},
	}
}

// date reads a date that begins at i: 1990-01-02, 1990/1/2, 1990年1月2日, 19900102, 平成2年1月2日, H2.1.2, 令和元年5月1日.
func (p *probe) date(i int) (d date, end int, ok bool) {
	var e *era
	if !isDigit(p.r[i]) {
		all := eras()
		for k := range all {
			n := 2
			if p.r[i] == all[k].letter {
				n = 1
			} else if i+1 >= len(p.r) || string(p.r[i:i+2]) != all[k].kanji {
				continue
			}
			e, i = &all[k], i+n
			break
		}
		if e == nil {
			return d, 0, false
		}
		for p.rune(i) == ' ' {
			i++
		}
	}
	n, width := p.upTo(i, 8)
	switch {
	case e == nil && width == 8:
		d = date{n / 10000, n / 100 % 100, n % 100, true}
		return d, i + 8, d.real()
	case e == nil && width != 4:
		return d, 0, false
	case e != nil && p.rune(i) == '元':
		n, width = 1, 1
	case e != nil && (width == 0 || width > 2):
		return d, 0, false
	}
	i += width
	var sep rune
	if sep, i, ok = p.between(i, '年', 0); !ok {
		return d, 0, false
	}
	d.year, d.sure = n, true
	if d.month, width = p.upTo(i, 3); width == 0 || width > 2 {
		return d, 0, false
	}
	if _, i, ok = p.between(i+width, '月', sep); !ok {
		return d, 0, false
	}
	if d.day, width = p.upTo(i, 3); width == 0 || width > 2 {
		return d, 0, false
	}
	i += width
	if p.rune(i) == '日' {
		i++
	}
	if e != nil {
		d.year, d.sure = e.western(n, d.month, d.day)
	}
	return d, i, d.real()
}

// upTo reads a number of at most most digits.
func (p *probe) upTo(i, most int) (n, width int) {
	for width < most && isDigit(p.rune(i+width)) {
		n = n*10 + int(p.r[i+width]-'0')
		width++
	}
	return n, width
}

// between reads what stands between the parts of a date: the character, or a sign, the same one each time.
func (p *probe) between(i int, character, sep rune) (rune, int, bool) {
	r := p.rune(i)
	if r != character && r != '-' && r != '/' && r != '.' || sep != 0 && (r == character) != (sep == '年') {
		return 0, i, false
	}
	for i++; p.rune(i) == ' '; i++ {
	}
	return r, i, true
}

// western gives the year of the Western calendar, and whether the era had that day.
func (e *era) western(year, month, day int) (int, bool) {
	y := e.first + year - 1
	at := (y*100+month)*100 + day
	return y, year > 0 && at >= (e.first*100+e.month)*100+e.day && at <= (e.last*100+e.lastM)*100+e.lastD
}

// real tells whether the calendar has the day, in the years in which living people and their parents were born.
func (d date) real() bool {
	if d.year < 1868 || d.year > 2099 || d.month < 1 || d.month > 12 || d.day < 1 {
		return false
	}
	days := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[d.month-1]
	if d.month == 2 && d.year%4 == 0 && (d.year%100 != 0 || d.year%400 == 0) {
		days = 29
	}
	return d.day <= days
}
