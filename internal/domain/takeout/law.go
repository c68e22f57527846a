package takeout

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"sekimori/internal/kit/jpcal"
)

// The table of the grounds on which a loss has to be reported to the authorities, each
// with the days between which it is in force and where it is written. The law changes:
// a change is a new row here, never a number in code.
//
//go:embed law.json
var lawTable []byte

// Ground is one row of the table.
type Ground struct {
	ID       string `json:"id"`
	Law      string `json:"law"`       // "appi" or "my_number"
	Text     string `json:"text"`      // message id: the ground in words
	MoreThan int    `json:"more_than"` // people: reportable from one more on
	// Kinds are those of which one must be among the data; none: any personal data.
	Kinds []string `json:"kinds"`
	// Afterwards: it depends on what happened, and nobody can tell before it has.
	Afterwards bool       `json:"afterwards"`
	From       jpcal.Date `json:"effective_from"`
	To         jpcal.Date `json:"effective_to"` // the last day; zero while it is in force
	Citation   string     `json:"citation"`     // in Japanese, as the law is
	URL        string     `json:"url"`
	Checked    jpcal.Date `json:"checked_at"`
	Verified   bool       `json:"verified"` // seen in a source, not known from memory
}

// Verdict says whether a loss would have to be reported.
type Verdict string

// The verdicts, from the most serious on.
const (
	Would Verdict = "would"
	Might Verdict = "might"
	Open  Verdict = "unknown" // cannot be told; never the same as no
	No    Verdict = "no"      // not on this ground
)

// Facts are what is known of the data.
type Facts struct {
	Kinds     []string
	People    int
	Certainty Certainty
}

// Personal reports whether there is any personal data.
func (f Facts) Personal() bool { return !slices.Equal(f.Kinds, []string{NoPersonal}) }

// Finding is what one ground says.
type Finding struct {
	Ground
	Verdict Verdict
}

// Judgement is what a loss would mean.
type Judgement struct {
	Facts
	// Verdict is the most serious of those that can be told beforehand.
	Verdict  Verdict
	Findings []Finding
}

// Text is the message id of the judgement in one line; its place people is the number of
// people, where it is known.
func (j Judgement) Text() string {
	if !j.Personal() {
		return "takeout.loss.nothing"
	}
	return "takeout.loss." + string(j.Verdict) + "." + string(j.Certainty)
}

// Table is the grounds.
type Table []Ground

// Grounds reads the table that the program holds.
func Grounds() (Table, error) {
	var t Table
	if err := json.Unmarshal(lawTable, &t); err != nil {
		return nil, fmt.Errorf("read law.json: %w", err)
	}
	for _, g := range t {
		if g.ID == "" || g.Text == "" || g.Citation == "" || g.URL == "" || g.From.IsZero() || g.Checked.IsZero() {
			return nil, fmt.Errorf("read law.json: row %q is not whole", g.ID)
		}
	}
	return t, nil
}

// Judge says what a loss of such data would mean on a day. It is an aid for whoever
// allows the take-out; whether an actual loss is reportable is decided on its case.
func (t Table) Judge(f Facts, day jpcal.Date) Judgement {
	j := Judgement{Facts: f, Verdict: No}
	for _, g := range t {
		if day.Before(g.From) || !g.To.IsZero() && day.After(g.To) {
			continue
		}
		x := Finding{Ground: g, Verdict: g.judge(f)}
		j.Findings = append(j.Findings, x)
		if !g.Afterwards && x.Verdict.rank() < j.Verdict.rank() {
			j.Verdict = x.Verdict
		}
	}
	return j
}

func (v Verdict) rank() int { return slices.Index([]Verdict{Would, Might, Open, No}, v) }

func (g Ground) judge(f Facts) Verdict {
	switch {
	case !f.Personal() || len(g.Kinds) > 0 && !slices.ContainsFunc(g.Kinds, func(k string) bool { return slices.Contains(f.Kinds, k) }):
		return No
	case g.Afterwards:
		return Open
	case g.MoreThan == 0: // whoever has such data has that of one person at least
		return Would
	case f.Certainty == Unknown:
		return Open
	case f.People > g.MoreThan:
		return Would
	case f.Certainty == Estimated && 2*f.People > g.MoreThan: // an estimate may be wrong by half
		return Might
	}
	return No
}
