package pii

import "bytes"

// run is a chain of groups of ASCII digits in raw bytes.
type run struct {
	digits [160]byte
	start  [longest]uint8 // of each group in digits
	width  [longest]uint8
	sep    [longest]byte // behind each group
	place  [longest]int32
	groups int

	// What is known of the line around the numbers, so that a line of many numbers is asked once: which labels were
	// looked for, and which of them are there.
	lineFrom, lineTo int
	asked, there     uint16
}

// named tells whether a word for the sort of number is on the line of b[from:to] or shortly before it; of a long line,
// near the number.
func (r *run) named(t *triggers, l label, b []byte, from, to int) bool {
	if from < r.lineFrom || from >= r.lineTo {
		low, high := max(0, from-2*earlier), min(len(b), from+2*earlier)
		start, end := bytes.LastIndexByte(b[low:from], '\n'), bytes.IndexByte(b[from:high], '\n')
		if start < 0 && low > 0 || end < 0 && high < len(b) {
			return t.named(l, b[max(0, from-3*reach):min(len(b), to+3*reach)])
		}
		r.lineFrom, r.lineTo, r.asked, r.there = low+start+1, high, 0, 0
		if end >= 0 {
			r.lineTo = from + end
		}
	}
	if bit := uint16(1) << l; r.asked&bit == 0 {
		r.asked |= bit
		if t.named(l, b[max(0, r.lineFrom-3*reach):r.lineTo]) {
			r.there |= bit
		}
	}
	return r.there>>l&1 == 1
}

// read takes the chain that begins at b[i] apart. It gives where to go on if the chain is longer than what fits, 0 if not.
func (r *run) read(b []byte, i int) int {
	n := 0
	r.groups = 0
	for {
		if r.groups == longest {
			return int(r.place[longest-overlap])
		}
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		w := i - from
		if n+w > len(r.digits) {
			switch {
			case r.groups > overlap:
				return int(r.place[r.groups-overlap])
			case r.groups > 0:
				return from
			}
			w = 0 // nothing is that long: as if it were not there
		}
		copy(r.digits[n:], b[from:from+w])
		g := r.groups
		r.start[g], r.width[g], r.sep[g], r.place[g] = uint8(n), uint8(w), 0, int32(from)
		r.groups++
		n += w
		if i >= len(b) {
			return 0
		}
		sep, next := b[i], i
		switch sep {
		case ')':
			next++
			if next < len(b) && (b[next] == '-' || b[next] == ' ') {
				next++
			}
		case '-', ' ', '(', '.', '/':
			next++
			if sep == ' ' && next < len(b) && b[next] == '(' {
				next++
			}
		default:
			return 0
		}
		if next >= len(b) || b[next]-'0' > 9 {
			return 0
		}
		r.sep[g] = sep
		i = next
	}
}

// part gives the digits of n groups from k on.
func (r *run) part(k, n int) string {
	last := k + n - 1
	return string(r.digits[r.start[k] : r.start[last]+r.width[last]])
}

// wide tells whether the groups from k on have these widths.
func (r *run) wide(k int, widths ...uint8) bool {
	if k+len(widths) > r.groups {
		return false
	}
	for i, w := range widths {
		if r.width[k+i] != w {
			return false
		}
	}
	return true
}

// worth tells whether the chain holds anything that can be of a person. It may say yes too often, never no wrongly:
// what it lets pass is read again as characters. It answers what most numbers are (times, sizes, codes) quickly.
func (d *Detector) worth(r *run, b []byte) bool {
	for k := range r.groups {
		at := int(r.place[k])
		end := at + int(r.width[k])
		w := r.width[k]
		if at > 0 && isLetter(rune(b[at-1])) || end < len(b) && isLetter(rune(b[end])) {
			if (w == 7 || w == 8) && lettered(b, at) && (w == 8 || r.named(d.triggers, passportDigits, b, at, end)) ||
				w <= 2 && k+2 < r.groups && k == 0 && d.triggers.era(b[:at]) && r.named(d.triggers, birthDigits, b, at, end) {
				return true
			}
			if r.groups == 1 || w > 4 {
				continue
			}
		}
		switch {
		case w == 12 || r.wide(k, 4, 4, 4):
			n := 1
			if w == 4 {
				n = 3
				if r.wide(k, 4, 4, 4, 4) && d.facts.validCard(r.part(k, 4)) {
					return true
				}
			}
			if p := r.part(k, n); (validMyNumber(p) || validLicence(p, &d.facts.licences)) && r.named(d.triggers, twelveDigits, b, at, end+n*4) {
				return true
			}
			if w == 12 && d.national(r, b, k) {
				return true
			}
		case w >= 13 && w <= 19:
			if d.facts.validCard(r.part(k, 1)) && (w == 15 || w == 16 || r.named(d.triggers, cardDigits, b, at, end)) || w == 13 && d.national(r, b, k) {
				return true
			}
		case r.wide(k, 4, 6, 5), r.wide(k, 4, 6, 4):
			if d.facts.validCard(r.part(k, 3)) {
				return true
			}
		}
		if r.phone(d, b, k) || d.national(r, b, k) {
			return true
		}
		switch {
		case w == 10 || r.wide(k, 4, 6):
			if r.named(d.triggers, pensionDigits, b, at, end) {
				return true
			}
		case w == 5 && k+1 < r.groups && r.digits[r.start[k]] == '1':
			if r.named(d.triggers, yuchoDigits, b, at, end) {
				return true
			}
		case w == 7 || w == 8:
			if w == 7 && r.named(d.triggers, accountDigits, b, at, end) ||
				w == 8 && (r.named(d.triggers, insurerDigits, b, at, end) || r.dated(k, 8) && r.named(d.triggers, birthDigits, b, at, end)) {
				return true
			}
		case w == 4 && k+2 < r.groups && r.dated(k, 4):
			if !r.timed(k, b) && r.named(d.triggers, birthDigits, b, at, end) {
				return true
			}
		case w <= 2 && k+2 < r.groups && k == 0 && at > 0 && d.triggers.era(b[:at]):
			if r.named(d.triggers, birthDigits, b, at, end) {
				return true
			}
		}
	}
	return false
}

// dated tells whether group k, alone or with the next two, can be a day in a person's life.
func (r *run) dated(k, width int) bool {
	s := r.digits[r.start[k]:]
	if c := string(s[:2]); c != "19" && c != "20" && c != "18" {
		return false
	}
	if width == 8 {
		return s[4] <= '1' && s[6] <= '3'
	}
	return r.width[k+1] <= 2 && r.width[k+2] <= 2
}

// timed tells whether a time of day follows the date of three groups from k on, as in a log. Midnight does not count:
// that is how databases write a day.
func (r *run) timed(k int, b []byte) bool {
	i := int(r.place[k+2]) + int(r.width[k+2])
	if i+2 >= len(b) || b[i] != 'T' && b[i] != ' ' || !isDigit(rune(b[i+1])) {
		return false
	}
	rest := b[i+1:]
	return !bytes.HasPrefix(rest, []byte("00:00")) && !bytes.HasPrefix(rest, []byte("0:00"))
}

// lettered tells whether two capitals, and no other letter or digit, stand right before b[at].
func lettered(b []byte, at int) bool {
	return at >= 2 && isUpper(rune(b[at-1])) && isUpper(rune(b[at-2])) && (at == 2 || !isWordy(rune(b[at-3])))
}

// phone tells whether a telephone number can begin with group k.
func (r *run) phone(d *Detector, b []byte, k int) bool {
	if r.digits[r.start[k]] != '0' || r.width[k] > 11 {
		return false
	}
	n := 0
	for i := k; i < r.groups && i < k+3; i++ {
		n += int(r.width[i])
		if n < 10 {
			continue
		}
		if n > 11 {
			return false
		}
		ok, mobile := validPhone(r.part(k, i-k+1))
		if !ok {
			continue
		}
		at := int(r.place[k])
		return mobile || i > k || r.named(d.triggers, phoneDigits, b, at, at+10)
	}
	return false
}

// national tells whether group k begins a number with the code of the country.
func (d *Detector) national(r *run, b []byte, k int) bool {
	at := r.place[k]
	return at > 0 && b[at-1] == '+' && r.width[k] >= 2 && b[at] == '8' && b[at+1] == '1'
}

// era tells whether b ends with the name of an era or its letter.
func (t *triggers) era(b []byte) bool {
	last := b[len(b)-1]
	if last == 'S' || last == 'H' || last == 'T' || last == 'R' || last == 'M' {
		return true
	}
	for _, e := range t.eras {
		if last == e[len(e)-1] && bytes.HasSuffix(b, e) {
			return true
		}
	}
	return false
}
