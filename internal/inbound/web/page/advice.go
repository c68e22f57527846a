package page

import "strconv"

// Advice is one short line of what to do or not to do now.
type Advice struct{ Text, Small string }

// Advices reads prefix1, prefix2 … from the catalogue, each with an optional ".small".
func (r *Request) Advices(prefix string) []Advice {
	var out []Advice
	for n := 1; r.P.Has(prefix + strconv.Itoa(n)); n++ {
		id := prefix + strconv.Itoa(n)
		a := Advice{Text: r.P.T(id)}
		if r.P.Has(id + ".small") {
			a.Small = r.P.T(id + ".small")
		}
		out = append(out, a)
	}
	return out
}
