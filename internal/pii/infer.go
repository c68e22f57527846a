package pii

import "bytes"

// How much of a list without a header is looked at to tell what its columns hold.
const (
	inferRows = 40 // rows that are read
	inferFrom = 8  // rows that there must be
)

// infer looks whether the text is a list without a header whose columns can be told by their cells: one number in ten
// passes a check by chance, but not eight of ten in a column.
func (t *stream) infer() (head, bool) {
	for _, sep := range []byte{',', '\t', ';'} {
		sample, enc := t.sampleRows(sep)
		if len(sample) < inferFrom {
			continue
		}
		cols := make([]column, len(sample[0]))
		for i := range cols {
			cols[i] = column{kind: t.s.kindOf(sample, i, enc, telling()), guess: true}
		}
		if !person(cols) {
			continue
		}
		for i := range cols { // beside somebody's name or address also what is no proof alone
			if cols[i].kind == "" {
				cols[i].kind = t.s.kindOf(sample, i, enc, supporting())
			}
		}
		return head{cols, sep, t.pos}, true
	}
	return head{}, false
}

// sampleRows reads the first rows. None are given if they have not as many cells each.
func (t *stream) sampleRows(sep byte) (out [][][]byte, enc Encoding) {
	at := t.pos
	for len(out) < inferRows && at < t.n {
		cells, n, whole := split(t.buf[at:min(t.n, at+longish)], sep, nil)
		if !whole && at+n < t.n || len(cells) < 2 || len(out) > 0 && len(cells) != len(out[0]) {
			return nil, ""
		}
		e := t.prior(t.buf[at : at+n])
		if e == ISO2022JP {
			cells, _, _ = split(t.plain(bytes.TrimRight(t.buf[at:at+n], "\r\n"), e), sep, nil)
			e = UTF8
			if len(cells) < 2 || len(out) > 0 && len(cells) != len(out[0]) {
				return nil, ""
			}
		}
		if enc == "" || enc == ASCII {
			enc = e
		}
		out = append(out, cells)
		at += n
	}
	return out, enc
}

// telling are the kinds that a column of values proves: by check digits, by a shape that nothing else has, by names.
func telling() []Kind {
	return []Kind{Mail, MyNumber, DriverLicence, PaymentCard, ResidenceCard, Yucho, Phone, Name, kanaColumn, Address}
}

// supporting are the kinds that a column of values makes likely in a list of people.
func supporting() []Kind { return []Kind{HealthInsurance, Pension, Passport, BirthDate} }

func person(cols []column) bool {
	for _, c := range cols {
		if c.kind != "" {
			return true
		}
	}
	return false
}

// kindOf gives the first kind that four of five cells of a column are, nothing else being in the cell.
func (s *Session) kindOf(sample [][][]byte, i int, enc Encoding, of []Kind) Kind {
	for _, kind := range of {
		filled, good := 0, 0
		for _, row := range sample {
			if len(row[i]) == 0 {
				continue
			}
			filled++
			if s.proves(row[i], enc, kind) {
				good++
			}
		}
		least := 4 * filled / 5
		if kind == Name { // half of the names are in no list of ours
			least = filled / 2
		}
		if filled >= inferFrom/2 && good > 0 && good >= least {
			return kind
		}
	}
	return ""
}

// proves tells whether a cell holds a value of the kind and nothing else.
func (s *Session) proves(cell []byte, enc Encoding, kind Kind) bool {
	p := &s.probe
	for _, h := range p.look(cell, 0, len(cell), enc, kind) {
		if h.to-h.from < len(p.r)*4/5 {
			continue
		}
		switch kind {
		case Name:
			n, spaced := p.fullName(h.from, len(p.r))
			return n == h.to-h.from && (spaced || n > 2)
		case kanaColumn:
			return p.kanaName(h.from) == h.to
		case Phone:
			return h.confidence == Certain
		case Pension, HealthInsurance, BirthDate:
			return h.confidence == Certain && (kind != Pension || p.rune(h.from+4) == '-')
		}
		return true
	}
	return false
}
