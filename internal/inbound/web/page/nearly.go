package page

import "sekimori/internal/domain/incident"

// Nearly is the question what a near miss nearly became, for the part "nearly": one press,
// or none.
func (r *Request) Nearly(wrong string) Field {
	f := Field{ID: "nearly", Name: "nearly", Label: r.P.T("near.nearly"), Hint: r.P.T("near.nearly_hint"), Type: "radio", Optional: true, Error: wrong}
	for _, k := range incident.NearlyKinds() {
		f.Options = append(f.Options, Option{Value: string(k), Label: r.P.T("kind." + string(k))})
	}
	f.Options = Choose(append(f.Options, Option{Label: r.P.T("near.nearly_none")}), r.Text("nearly"))
	return f
}
