package takeouts

import (
	"strings"

	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/i18n"
)

// Item is one item in a line.
func Item(say i18n.Printer, i takeout.Item) string {
	switch i.Kind {
	case takeout.Listed:
		return say.T("takeout.item.manifest", "n", say.Count(i.Count), "size", say.Bytes(i.Bytes))
	case takeout.OfLedger:
		return strings.TrimSpace(say.T("takeout.item.thing", "number", i.Number, "kind", say.T("asset.kind."+i.Thing), "model", i.Name))
	}
	return say.T("takeout.item."+string(i.Kind), "name", i.Name, "n", say.Count(i.Count))
}

// Goal is where a leg leads.
func Goal(say i18n.Printer, l takeout.Leg) string {
	if l.Goal != "" {
		return l.Goal
	}
	return say.T("takeout.place." + string(l.To))
}

// Words joins words of a set.
func Words(say i18n.Printer, prefix string, words []string) string {
	out := make([]string, len(words))
	for n, w := range words {
		out[n] = say.T(prefix + w)
	}
	if say.Lang() == i18n.EN {
		return strings.Join(out, ", ")
	}
	return strings.Join(out, "、")
}

// Loss is a judgement in one line.
func Loss(say i18n.Printer, j takeout.Judgement) string {
	return say.T(j.Text(), "people", say.Count(j.People))
}

// people is how many people, and how well that is known.
func people(say i18n.Printer, j takeout.Judgement) string {
	if !j.Personal() {
		return say.T("takeout.kind.none")
	}
	return say.T("takeout.people."+string(j.Certainty), "n", say.Count(j.People))
}

// ground is what one ground says, with where it is written.
type ground struct {
	Text, Source, Href string
	Verdict            takeout.Verdict
	Tag                page.Tag
}

func grounds(r *page.Request, j takeout.Judgement) []ground {
	var out []ground
	for _, f := range j.Findings {
		g := ground{Text: r.P.T(f.Text, "n", r.P.Count(f.MoreThan)), Href: f.URL, Verdict: f.Verdict, Tag: verdictTag(r, f.Verdict)}
		checked := "takeout.source_unverified"
		if f.Verified {
			checked = "takeout.source_verified"
		}
		g.Source = r.P.T(checked, "citation", f.Citation, "day", f.Checked.String(), "from", f.From.String())
		out = append(out, g)
	}
	return out
}

func verdictTag(r *page.Request, v takeout.Verdict) page.Tag {
	t := page.Tag{Text: r.P.T("takeout.verdict." + string(v))}
	switch v {
	case takeout.Would:
		t.Kind, t.Icon = "shu", "circle-alert"
	case takeout.Might, takeout.Open:
		t.Kind, t.Icon = "yama", "alert"
	default:
		t.Kind = "quiet"
	}
	return t
}

// Tag is the mark of where a pass stands.
func Tag(r *page.Request, x takeout.Row) page.Tag {
	switch {
	case x.IsLate:
		return page.Tag{Kind: "shu", Icon: "clock", Text: r.P.T("takeout.late")}
	case x.IsOverdue:
		return page.Tag{Kind: "shu", Icon: "clock", Text: r.P.T("takeout.overdue")}
	}
	t := page.Tag{Text: r.P.T("takeout.state." + string(x.State))}
	switch x.State {
	case takeout.Ready, takeout.Office:
		t.Kind, t.Icon = "yama", "clock"
	case takeout.Moving, takeout.There, takeout.Home:
		t.Kind, t.Icon = "ai", "user"
	case takeout.Closed:
		t.Kind, t.Icon = "matsu", "check"
	case takeout.Lost:
		t.Kind, t.Icon = "shu", "lost"
	default:
		t.Kind = "quiet"
	}
	return t
}

// Period writes from when until when.
func Period(r *page.Request, f takeout.Form) string {
	return r.P.T("word.range", "from", r.P.DateTime(f.From), "until", "\n"+r.P.DateTime(f.Until))
}

// Line is one line of a list of what is late, on the pages of others.
type Line struct{ Label, Href, Who, Text, When string }

// LineOf says where somebody with things of ours should be.
func LineOf(r *page.Request, x takeout.Row) Line {
	l := Line{Label: x.Label, Href: "/take-outs/" + x.Label, Who: x.PersonName}
	if x.IsLate {
		l.Text, l.When = r.P.T("takeout.late"), r.P.T("takeout.expected_at", "at", r.P.DateTime(x.Expected))
	} else {
		l.Text, l.When = r.P.T("takeout.overdue"), r.P.T("takeout.until_at", "at", r.P.DateTime(x.Until))
	}
	return l
}
