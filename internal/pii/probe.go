package pii

// probe looks through one line, or one cell, for everything. It is used again and again.
type probe struct {
	*facts
	charsets *charsets
	line
	column   Kind // what the header says of the cell; empty in text
	mentions []mention
	taken    []hit // this line's, in the order of their finding
	groups   []group
	scratch  []byte
	from, to int // values begin in r[from:to]; what lies outside is there to be understood
}

// hit is one value found in a line.
type hit struct {
	kind       Kind
	from, to   int // in r
	confidence Confidence
	value      string // in its one form: never leaves the package
}

// look finds everything in raw[from:to], raw being in one encoding.
func (p *probe) look(raw []byte, from, to int, enc Encoding, column Kind) []hit {
	p.charsets.normalise(raw, enc, &p.line)
	p.from, p.to = 0, len(p.r)
	if from > 0 {
		for p.from < len(p.r) && int(p.at[p.from]) < from {
			p.from++
		}
	}
	for p.to > p.from && int(p.at[p.to-1]) >= to {
		p.to--
	}
	p.column = column
	p.taken, p.mentions = p.taken[:0], p.mentions[:0]
	switch column { // what the header says is looked for alone
	case Mail:
		p.mails()
		return p.taken
	case Passport, ResidenceCard:
		p.documents()
		return p.taken
	case Phone:
		p.numbers()
		p.shortPhone()
		return p.taken
	case MyNumber, DriverLicence, Pension, HealthInsurance, Yucho, BankAccount, PaymentCard:
		p.numbers()
		return p.taken
	case BirthDate:
		p.dates()
		return p.taken
	case Address:
		p.addresses()
		return p.taken
	case Name, surnameColumn, givenColumn, kanaColumn:
		p.nameCell()
		return p.taken
	case otherColumn:
		return p.taken
	}
	p.mentions = p.words.find(p.r, p.mentions)
	p.mails()
	p.documents()
	p.numbers()
	p.dates()
	p.addresses()
	p.people()
	return p.taken
}

// free tells whether nothing was found in r[from:to] yet.
func (p *probe) free(from, to int) bool {
	for _, h := range p.taken {
		if from < h.to && h.from < to {
			return false
		}
	}
	return true
}

func (p *probe) take(kind Kind, from, to int, c Confidence, value string) {
	p.taken = append(p.taken, hit{kind, from, to, c, value})
}

// is tells whether the header or a word near r[from:to] names the kind.
func (p *probe) is(kind Kind, from, to int) bool {
	switch p.column {
	case "":
		return p.named(kind, from, to)
	case kind:
		return true
	}
	return false
}

// other tells whether the header or the nearest word says that the number is something else.
func (p *probe) other(from int) bool {
	return p.column == otherColumn || p.column == "" && p.denied(from)
}

// rune gives r[i], and a line's end outside of it.
func (p *probe) rune(i int) rune {
	if i < 0 || i >= len(p.r) {
		return '\n'
	}
	return p.r[i]
}

// digits gives the digits in r[from:to], without what separates them.
func (p *probe) digits(from, to int) string {
	p.scratch = p.scratch[:0]
	for _, r := range p.r[from:to] {
		if isDigit(r) {
			p.scratch = append(p.scratch, byte(r))
		}
	}
	return string(p.scratch)
}
