package pii

import (
	"crypto/sha256"
	"slices"
	"unicode/utf8"
)

// Detector finds personal information by one set of options. Any number of goroutines may share it.
type Detector struct {
	opts     Options
	facts    *facts
	charsets *charsets
	triggers *triggers
	salt     [sha256.Size]byte // of the salt, so that it has one length
}

// New makes a detector. An error would mean that the program was built with broken data.
func New(opts Options) (*Detector, error) {
	if opts.Keep <= 0 {
		opts.Keep = 1000
	}
	f, err := newFacts()
	if err != nil {
		return nil, err
	}
	t, err := newTriggers()
	if err != nil {
		return nil, err
	}
	t.fast = t.fast && !opts.Plain
	return &Detector{opts: opts, facts: f, charsets: newCharsets(), triggers: t, salt: sha256.Sum256(opts.Salt)}, nil
}

// Session gathers what one file holds. One goroutine at a time may use it.
type Session struct {
	d         *Detector
	probe     probe
	plain     []byte
	counts    map[Kind]Count
	findings  []Finding
	left      int
	bytes     int64
	encodings []Encoding
	rows      sketch           // of tables, by all that identifies the person
	cells     sketch           // values of tables that identify a person
	loose     map[Kind]*sketch // values of texts that identify a person
	buffer    []byte
	masks     *masks
}

// Open begins a file.
func (d *Detector) Open() *Session {
	return &Session{d: d, probe: probe{facts: d.facts, charsets: d.charsets},
		counts: map[Kind]Count{}, loose: map[Kind]*sketch{}}
}

// Result sums up what was found.
func (s *Session) Result() Result {
	rows, most := s.rows.count(), 0
	for _, k := range s.loose {
		most = max(most, k.count())
	}
	r := Result{People: rows + most, Counts: s.counts, Findings: s.findings, Left: s.left, Encodings: s.encodings, Bytes: s.bytes}
	switch {
	case rows > 0 && most > 0:
		r.CountedBy = ByBoth
	case rows > 0:
		r.CountedBy = ByRows
	case most > 0:
		r.CountedBy = ByIdentifiers
	}
	return r
}

// identifies tells whether a value of the kind stands for one person. A date of birth is shared by thousands, an
// insurer's number by all its insured.
func identifies(k Kind) bool { return k != BirthDate && k != HealthInsurance }

// report counts and keeps one value, and gives its hash; false if it is an example or the company's own.
func (s *Session) report(h hit, at Place) (uint64, bool) {
	if !s.d.opts.Samples && (s.d.facts.sample(h.kind, h.value) || h.kind == Mail && own(h.value, s.d.facts.hosts)) ||
		h.kind == Mail && own(h.value, s.d.opts.OwnDomains) {
		return 0, false
	}
	if !s.d.opts.Samples && numeric(h.kind) && dull(h.value) {
		return 0, false
	}
	sum := s.hash(h.kind, h.value)
	c := s.counts[h.kind]
	switch h.confidence {
	case Certain:
		c.Certain++
	case Likely:
		c.Likely++
	default:
		c.Possible++
	}
	s.counts[h.kind] = c
	if len(s.findings) >= s.d.opts.Keep {
		s.left++
		return sum, true
	}
	s.findings = append(s.findings, Finding{Kind: h.kind, Confidence: h.confidence, Place: at,
		Masked: conceal(h.kind, h.value), Hash: hexadecimal(sum)})
	return sum, true
}

func numeric(k Kind) bool {
	switch k {
	case MyNumber, DriverLicence, Pension, PaymentCard, BankAccount:
		return true
	}
	return false
}

// stray counts a value of a text towards the people, unless a table of the file has it already.
func (s *Session) stray(h hit, sum uint64) {
	if h.confidence < Likely || !identifies(h.kind) || s.cells.has(sum) {
		return
	}
	kind := h.kind
	if r, _ := utf8.DecodeRuneInString(h.value); kind == Name && (isKatakana(r) || isHiragana(r)) {
		kind = kanaColumn // most often the reading of a name that stands beside it
	}
	if s.loose[kind] == nil {
		s.loose[kind] = &sketch{}
	}
	s.loose[kind].add(sum)
}

// saw notes an encoding.
func (s *Session) saw(e Encoding) {
	if !slices.Contains(s.encodings, e) {
		s.encodings = append(s.encodings, e)
	}
}
