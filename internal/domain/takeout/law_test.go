package takeout_test

import (
	"slices"
	"strings"
	"testing"

	"sekimori/internal/domain/takeout"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/jpcal"
)

func grounds(t *testing.T) takeout.Table {
	t.Helper()
	g, err := takeout.Grounds()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func today(t *testing.T) jpcal.Date {
	t.Helper()
	d, err := jpcal.ParseDate("2026-11-20")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestJudge holds each ground to its threshold: one more than it says, not as many.
func TestJudge(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		facts takeout.Facts
		want  takeout.Verdict
		by    string // the grounds that say it
	}{
		"no personal data":           {takeout.Facts{Kinds: []string{takeout.NoPersonal}, Certainty: takeout.Known}, takeout.No, ""},
		"one name":                   {takeout.Facts{Kinds: []string{"name"}, People: 1, Certainty: takeout.Known}, takeout.No, ""},
		"a thousand":                 {takeout.Facts{Kinds: []string{"name"}, People: 1000, Certainty: takeout.Known}, takeout.No, ""},
		"one more than a thousand":   {takeout.Facts{Kinds: []string{"name"}, People: 1001, Certainty: takeout.Known}, takeout.Would, "many"},
		"My Number of a hundred":     {takeout.Facts{Kinds: []string{takeout.MyNumber}, People: 100, Certainty: takeout.Known}, takeout.No, ""},
		"My Number of one more":      {takeout.Facts{Kinds: []string{takeout.MyNumber}, People: 101, Certainty: takeout.Known}, takeout.Would, "my_number"},
		"both thresholds":            {takeout.Facts{Kinds: []string{takeout.MyNumber}, People: 1001, Certainty: takeout.Known}, takeout.Would, "many my_number"},
		"one sick person":            {takeout.Facts{Kinds: []string{"name", takeout.Sensitive}, People: 1, Certainty: takeout.Known}, takeout.Would, "sensitive"},
		"sick people, how many?":     {takeout.Facts{Kinds: []string{takeout.Sensitive}, Certainty: takeout.Unknown}, takeout.Would, "sensitive"},
		"one payment card":           {takeout.Facts{Kinds: []string{takeout.PaymentCard}, People: 1, Certainty: takeout.Known}, takeout.Would, "financial"},
		"one id that can pay":        {takeout.Facts{Kinds: []string{takeout.LoginPayment}, People: 1, Certainty: takeout.Known}, takeout.Would, "financial"},
		"an account number alone":    {takeout.Facts{Kinds: []string{"bank_account"}, People: 1, Certainty: takeout.Known}, takeout.No, ""},
		"names, how many?":           {takeout.Facts{Kinds: []string{"name"}, Certainty: takeout.Unknown}, takeout.Open, "many"},
		"an estimate far below":      {takeout.Facts{Kinds: []string{"name"}, People: 500, Certainty: takeout.Estimated}, takeout.No, ""},
		"an estimate that may be it": {takeout.Facts{Kinds: []string{"name"}, People: 501, Certainty: takeout.Estimated}, takeout.Might, "many"},
		"an estimate above":          {takeout.Facts{Kinds: []string{"name"}, People: 1001, Certainty: takeout.Estimated}, takeout.Would, "many"},
	} {
		j := grounds(t).Judge(tt.facts, today(t))
		var by []string
		for _, f := range j.Findings {
			if f.Verdict == tt.want && tt.want != takeout.No && !f.Afterwards {
				by = append(by, f.ID)
			}
			if f.Afterwards && tt.facts.Personal() && f.Verdict != takeout.Open {
				t.Errorf("%s: an improper purpose was judged beforehand: %s", name, f.Verdict)
			}
		}
		if j.Verdict != tt.want || strings.Join(by, " ") != tt.by {
			t.Errorf("%s: %s by %q, want %s by %q", name, j.Verdict, by, tt.want, tt.by)
		}
	}
}

// TestGroundsAreDated: a ground that is not in force yet, or no more, says nothing.
func TestGroundsAreDated(t *testing.T) {
	t.Parallel()
	day := func(s string) jpcal.Date {
		d, err := jpcal.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	old := grounds(t)
	many := slices.IndexFunc(old, func(g takeout.Ground) bool { return g.ID == "many" })
	stricter := old[many]
	old[many].To, stricter.From, stricter.MoreThan = day("2027-03-31"), day("2027-04-01"), 10
	law := append(old, stricter)
	facts := takeout.Facts{Kinds: []string{"name"}, People: 11, Certainty: takeout.Known}
	for date, want := range map[string]takeout.Verdict{"2027-03-31": takeout.No, "2027-04-01": takeout.Would} {
		if got := law.Judge(facts, day(date)).Verdict; got != want {
			t.Errorf("on %s: %s, want %s", date, got, want)
		}
	}
	if j := law.Judge(facts, day("2022-03-31")); len(j.Findings) != 0 {
		t.Errorf("before the law: %+v", j.Findings)
	}
}

// TestEveryJudgementHasWords: whatever comes out of it can be said in both languages.
func TestEveryJudgementHasWords(t *testing.T) {
	t.Parallel()
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, kinds := range [][]string{{takeout.NoPersonal}, {"name"}, {takeout.MyNumber}, {takeout.Sensitive}, {takeout.PaymentCard, "name"}} {
		for _, sure := range takeout.Certainties() {
			for _, people := range []int{0, 1, 60, 600, 1001} {
				j := grounds(t).Judge(takeout.Facts{Kinds: kinds, People: people, Certainty: sure}, today(t))
				ids := []string{j.Text(), "takeout.verdict." + string(j.Verdict)}
				for _, f := range j.Findings {
					ids = append(ids, f.Text)
				}
				for _, lang := range i18n.Langs() {
					for _, id := range ids {
						if !c.Printer(lang).Has(id) {
							t.Errorf("%v of %d (%s): %s has no text in %s", kinds, people, sure, id, lang)
						}
					}
				}
			}
		}
	}
}

// TestForm: a file that names more people than were said counts more than what was said.
func TestFacts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		form takeout.Form
		want takeout.Facts
	}{
		"as said":         {takeout.Form{People: 5, Certainty: takeout.Known, Most: 5}, takeout.Facts{People: 5, Certainty: takeout.Known}},
		"a file has more": {takeout.Form{People: 5, Certainty: takeout.Known, Most: 6}, takeout.Facts{People: 6, Certainty: takeout.Estimated}},
		"nobody knows":    {takeout.Form{Certainty: takeout.Unknown, Most: 6}, takeout.Facts{Certainty: takeout.Unknown}},
	} {
		if got := tt.form.Facts(); got.People != tt.want.People || got.Certainty != tt.want.Certainty {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}
