// Package corpus makes files with made-up personal information, and says what is in them: the labelled set on which the
// detectors are measured. The same seed makes the same files. Nobody in it exists: names are drawn from two lists at
// random, numbers are computed so that their checks hold, places are invented but for those whose names are traps.
//
// Telephone numbers, mail hosts and accounts avoid what is reserved for examples, which the detectors leave out.
package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"sekimori/internal/pii"
)

// Truth is one value in a file.
type Truth struct {
	Kind pii.Kind
	Line int // from 1
}

// File is one file of the set.
type File struct {
	Name     string
	Form     string // how it is laid out, such as "csv"
	Encoding pii.Encoding
	Bytes    []byte
	Truth    []Truth
	People   int // how many different people it is about
}

// Make gives n files for a seed.
func Make(seed uint64, n int) ([]File, error) {
	g := &maker{Rand: rand.New(rand.NewPCG(seed, 0x5EC1))}
	forms := []struct {
		name string
		make func(g *maker)
	}{
		{"csv", (*maker).csv}, {"tsv", (*maker).tsv}, {"headless", (*maker).headless}, {"form", (*maker).form},
		{"letter", (*maker).letter}, {"jsonl", (*maker).json}, {"log", (*maker).log}, {"prose", (*maker).prose},
		{"orders", (*maker).orders}, {"server", (*maker).server}, {"parts", (*maker).parts}, {"companies", (*maker).companies},
	}
	var out []File
	for i := range n {
		f := forms[i%len(forms)]
		g.out.Reset()
		g.line, g.truth, g.persons = 1, nil, map[string]bool{}
		f.make(g)
		enc, code := g.encoding(i / len(forms))
		raw, err := encoding.ReplaceUnsupported(code.NewEncoder()).Bytes([]byte(g.out.String()))
		if err != nil {
			return nil, fmt.Errorf("file %d in %s: %w", i, enc, err)
		}
		out = append(out, File{fmt.Sprintf("%04d-%s-%s.txt", i, f.name, enc), f.name, enc, raw, g.truth, len(g.persons)})
	}
	return out, nil
}

func (g *maker) encoding(i int) (pii.Encoding, encoding.Encoding) {
	switch i % 8 {
	case 0, 1, 2:
		return pii.UTF8, encoding.Nop
	case 3, 4:
		return pii.ShiftJIS, japanese.ShiftJIS
	case 5:
		return pii.EUCJP, japanese.EUCJP
	case 6:
		return pii.ISO2022JP, japanese.ISO2022JP
	}
	return pii.UTF16LE, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
}

// maker writes one file after the other.
type maker struct {
	*rand.Rand
	out     strings.Builder
	line    int
	truth   []Truth
	persons map[string]bool
}

// say writes text that is nothing.
func (g *maker) say(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	g.line += strings.Count(s, "\n")
	g.out.WriteString(s)
}

// tell writes a value.
func (g *maker) tell(k pii.Kind, v string) {
	g.truth = append(g.truth, Truth{k, g.line})
	g.say("%s", v)
}

func pick[T any](g *maker, of []T) T { return of[g.IntN(len(of))] }

// person is somebody who does not exist.
type person struct {
	surname, given, kana, mail, phone, mobile, postal, address, birth, era, my, licence, card, account, passport, residence, pension, yucho string
}

func (p *person) name() string { return p.surname + " " + p.given }

func (g *maker) person() *person {
	s, n := pick(g, surnames()), pick(g, givens())
	y, m, d := 1935+g.IntN(75), 1+g.IntN(12), 1+g.IntN(28)
	p := &person{surname: s[0], given: n[0], kana: s[1] + " " + n[1], my: g.my(), licence: g.licence(), card: g.card(),
		account: fmt.Sprintf("%07d", 2_000_000+g.IntN(5_000_000)), passport: fmt.Sprintf("T%c%07d", "KRZ"[g.IntN(3)], 2_000_000+g.IntN(7_000_000)),
		residence: fmt.Sprintf("%c%c%08d%c%c", 'A'+g.IntN(26), 'A'+g.IntN(26), 20_000_000+g.IntN(70_000_000), 'A'+g.IntN(26), 'A'+g.IntN(26)),
		pension:   fmt.Sprintf("%04d-%06d", 2000+g.IntN(7000), 200_000+g.IntN(700_000)),
		yucho:     fmt.Sprintf("1%03d0-%07d1", g.IntN(1000), 2_000_000+g.IntN(7_000_000)), postal: fmt.Sprintf("%03d-%04d", 100+g.IntN(800), g.IntN(10000))}
	p.mail = fmt.Sprintf("%s%d@%s", pick(g, []string{"hana", "k.sora", "yuki_m", "taro-a", "mi", "ren", "s.aoi"}), g.IntN(10000),
		pick(g, []string{"mail-a.jp", "post.kaisha-b.co.jp", "keitai-c.ne.jp", "net-d.com"}))
	p.mobile = fmt.Sprintf("0%d0-%d%03d-%04d", pick(g, []int{6, 7, 8, 9}), 2+g.IntN(8), g.IntN(1000), 1+g.IntN(9998))
	switch g.IntN(3) {
	case 0:
		p.phone = fmt.Sprintf("0%d-%04d-%04d", pick(g, []int{3, 6}), 2345+g.IntN(5000), 1+g.IntN(9998))
	case 1:
		p.phone = fmt.Sprintf("0%d-%03d-%04d", pick(g, []int{45, 52, 75, 92, 11, 22}), 234+g.IntN(700), 1+g.IntN(9998))
	default:
		p.phone = fmt.Sprintf("0%d-%02d-%04d", pick(g, []int{123, 266, 463, 771, 829, 955}), 23+g.IntN(70), 1+g.IntN(9998))
	}
	p.address = pick(g, places()) + pick(g, []string{"緑台", "桜ヶ浜", "西大野", "本町", "あけぼの", "三ツ沢上"})
	a, b, c := 1+g.IntN(9), 1+g.IntN(30), 1+g.IntN(40)
	switch g.IntN(3) {
	case 0:
		p.address += fmt.Sprintf("%d-%d-%d", a, b, c)
	case 1:
		p.address += fmt.Sprintf("%d丁目%d番%d号", a, b, c)
	default:
		p.address += fmt.Sprintf("%d番地%d", 100*a+b, c)
	}
	if g.IntN(4) == 0 {
		p.address += pick(g, []string{" コーポ緑101", "ハイツ桜203号室", " メゾン大野 3F"})
	}
	p.birth = fmt.Sprintf(pick(g, []string{"%04d-%02d-%02d", "%04d/%02d/%02d", "%d年%d月%d日"}), y, m, d)
	switch {
	case y >= 1990:
		p.era = fmt.Sprintf("平成%d年%d月%d日", y-1988, m, d)
	case y < 1989:
		p.era = fmt.Sprintf("昭和%d年%d月%d日", y-1925, m, d)
	default:
		p.era = fmt.Sprintf("%d年%d月%d日", y, m, d)
	}
	if y > 2018 {
		p.era = p.birth
	}
	g.persons[p.name()+p.mobile] = true
	return p
}

// digits gives n digits at random, the first not 0.
func (g *maker) digits(n int) string {
	b := []byte{byte('1' + g.IntN(9))}
	for len(b) < n {
		b = append(b, byte('0'+g.IntN(10)))
	}
	return string(b)
}

func weighted(d string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(d[i]-'0') * w
	}
	return sum
}

func (g *maker) my() string {
	d := g.digits(11)
	c := 11 - weighted(d, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11
	if c > 9 {
		c = 0
	}
	return fmt.Sprint(d, c)
}

func (g *maker) licence() string {
	d := pick(g, []string{"10", "30", "43", "52", "62", "73", "81", "90", "97"}) + g.digits(8)
	return fmt.Sprintf("%s%d%d", d, (11-weighted(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%10, g.IntN(3))
}

func (g *maker) card() string {
	d := pick(g, []string{"4", "53", "3541", "2345", "455"})
	d += g.digits(15 - len(d))
	sum := 0
	for i := range d {
		n := int(d[14-i] - '0')
		if i%2 == 0 {
			n *= 2
			if n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return fmt.Sprint(d, (10-sum%10)%10)
}

func (g *maker) corporate() string {
	d := g.digits(12)
	sum := 0
	for n := 1; n <= 12; n++ {
		sum += int(d[12-n]-'0') * (2 - n%2)
	}
	return fmt.Sprint(9-sum%9, d)
}

// full writes ASCII digits and hyphens in full width.
func full(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r + 0xFEE0
		case r == '-':
			return '－'
		}
		return r
	}, s)
}

func grouped(s, sep string) string {
	var parts []string
	for ; len(s) > 4; s = s[4:] {
		parts = append(parts, s[:4])
	}
	return strings.Join(append(parts, s), sep)
}
