package pii

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed data
var files embed.FS

// What a column of a table may hold besides a kind.
const (
	surnameColumn    Kind = "surname"
	givenColumn      Kind = "given"
	kanaColumn       Kind = "kana"
	postalColumn     Kind = "postal"
	prefectureColumn Kind = "prefecture"
	otherColumn      Kind = "other" // numbers of things, not of people
)

// facts are the files in data, ready to be asked. Nothing changes after they were read.
type facts struct {
	headers     map[string]Kind
	words       *words
	surnames    map[uint64]bool // by key; true for those that are everyday words as well
	given       map[uint64]bool
	variants    map[rune]rune
	prefectures map[string]bool
	areas       map[string]bool
	licences    [100]bool
	cards       []cardRange
	samples     map[Kind]*samples
	hosts       []string // of mail, which are examples
}

// samples are the values of one kind that are printed as examples.
type samples struct {
	whole  map[string]bool
	starts []string
}

// lines reads one file without its comments.
func lines(name string) ([]string, error) {
	raw, err := files.ReadFile("data/" + name)
	if err != nil {
		return nil, fmt.Errorf("data of the detectors: %w", err)
	}
	var out []string
	for l := range strings.SplitSeq(string(raw), "\n") {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			out = append(out, l)
		}
	}
	return out, nil
}

func newFacts() (*facts, error) {
	f := &facts{headers: map[string]Kind{}, variants: map[rune]rune{}, prefectures: map[string]bool{},
		areas: map[string]bool{}, samples: map[Kind]*samples{}, words: newWords()}
	for _, part := range []struct {
		file string
		take func(l string) error
	}{
		{"headers.txt", f.takeHeaders}, {"words.txt", f.takeWords}, {"variants.txt", f.takeVariants},
		{"prefectures.txt", takeFields(f.prefectures)}, {"areas.txt", takeFields(f.areas)},
		{"licences.txt", f.takeLicences}, {"cards.txt", f.takeCards}, {"samples.txt", f.takeSamples},
	} {
		ls, err := lines(part.file)
		if err != nil {
			return nil, err
		}
		for _, l := range ls {
			if err := part.take(l); err != nil {
				return nil, fmt.Errorf("data of the detectors: %s: %q: %w", part.file, l, err)
			}
		}
	}
	var err error
	if f.surnames, err = f.names("surnames.txt"); err != nil {
		return nil, err
	}
	f.given, err = f.names("given.txt")
	return f, err
}

func takeFields(into map[string]bool) func(string) error {
	return func(l string) error {
		for _, w := range strings.Fields(l) {
			into[w] = true
		}
		return nil
	}
}

// list takes "kind: word word" apart.
func list(l string) (Kind, []string, error) {
	kind, rest, ok := strings.Cut(l, ":")
	if !ok {
		return "", nil, fmt.Errorf("no kind before a colon")
	}
	return Kind(kind), strings.Fields(rest), nil
}

func (f *facts) takeHeaders(l string) error {
	kind, all, err := list(l)
	for _, h := range all {
		f.headers[h] = kind
	}
	return err
}

func (f *facts) takeWords(l string) error {
	kind, all, err := list(l)
	for _, w := range all {
		f.words.add(strings.ReplaceAll(w, "_", " "), kind)
		if strings.Contains(w, "_") {
			f.words.add(w, kind)
			f.words.add(strings.ReplaceAll(w, "_", ""), kind)
		}
	}
	return err
}

func (f *facts) takeVariants(l string) error {
	from, to, _ := strings.Cut(l, "=")
	for _, r := range from {
		for _, one := range to {
			f.variants[r] = one
		}
	}
	return nil
}

// span reads "10-14" or "40".
func span(s string) (from, to int, err error) {
	a, b, two := strings.Cut(s, "-")
	if !two {
		b = a
	}
	if from, err = strconv.Atoi(a); err != nil {
		return 0, 0, fmt.Errorf("range: %w", err)
	}
	if to, err = strconv.Atoi(b); err != nil {
		return 0, 0, fmt.Errorf("range: %w", err)
	}
	return from, to, nil
}

func (f *facts) takeLicences(l string) error {
	from, to, err := span(l)
	for i := from; err == nil && i <= to; i++ {
		f.licences[i] = true
	}
	return err
}

func (f *facts) takeSamples(l string) error {
	kind, all, err := list(l)
	s := &samples{whole: map[string]bool{}}
	for _, v := range all {
		if start, ok := strings.CutSuffix(v, "*"); ok {
			s.starts = append(s.starts, start)
		} else {
			s.whole[v] = true
		}
	}
	f.samples[kind] = s
	if kind == Mail {
		f.hosts = all
	}
	return err
}

// names reads a list of names into keys.
func (f *facts) names(file string) (map[uint64]bool, error) {
	ls, err := lines(file)
	if err != nil {
		return nil, err
	}
	out := make(map[uint64]bool, len(ls))
	for _, l := range ls {
		name, common := strings.CutSuffix(l, "*")
		if k, ok := f.key([]rune(name)); ok {
			out[k] = out[k] || common
		}
	}
	return out, nil
}

// key packs a name of at most four characters into a number, its variants folded.
func (f *facts) key(name []rune) (uint64, bool) {
	if len(name) == 0 || len(name) > 4 {
		return 0, false
	}
	var k uint64
	for _, r := range name {
		if one, ok := f.variants[r]; ok {
			r = one
		}
		if r > 0xFFFF {
			return 0, false
		}
		k = k<<16 | uint64(r)
	}
	return k, true
}

// sample tells whether a value, in its one form, is printed as an example of its kind.
func (f *facts) sample(kind Kind, value string) bool {
	s := f.samples[kind]
	if s == nil {
		return false
	}
	if s.whole[value] {
		return true
	}
	for _, start := range s.starts {
		if strings.HasPrefix(value, start) {
			return true
		}
	}
	return false
}
