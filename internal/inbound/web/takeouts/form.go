package takeouts

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/requests"
	"sekimori/internal/kit/fault"
)

// form is the application as it is typed and told.
type form struct{ Deps }

// Form is the application of the room.
func Form(d Deps) requests.Form { return form{d} }

// Kind names the application.
func (form) Kind() string { return takeout.KindTakeOut }

// Names lists the fields from top to bottom.
func (form) Names() []string {
	return []string{"files", "paper", "things", "manifest", "purpose", "where", "way", "from", "until", "kinds", "owners", "headcount", "certainty"}
}

// lists are the fields in which items are typed, one a line, in the order of the form.
func lists() []struct {
	name string
	kind takeout.ItemKind
} {
	return []struct {
		name string
		kind takeout.ItemKind
	}{{"files", takeout.Files}, {"paper", takeout.Paper}, {"things", takeout.OfLedger}}
}

// Fields draws the form.
func (d form) Fields(r *page.Request, before json.RawMessage, bad page.Refused) ([]page.Field, error) {
	now := r.Kit.Now().In(r.Kit.Zone)
	f := takeout.Form{From: now, Until: time.Date(now.Year(), now.Month(), now.Day()+1, 18, 0, 0, 0, r.Kit.Zone), Way: takeout.OnFoot, Certainty: takeout.Known}
	if before != nil {
		if err := json.Unmarshal(before, &f); err != nil {
			return nil, fmt.Errorf("read form: %w", err)
		}
	}
	field := func(name, kind, value string) page.Field {
		return page.Field{ID: name, Name: name, Type: kind, Label: r.P.T("takeout.ask." + name), Value: r.Was(name, value), Error: bad.Fields[name]}
	}
	choices := func(prefix string, words []string, on ...string) []page.Option {
		var out []page.Option
		for _, w := range words {
			out = append(out, page.Option{Value: w, Label: r.P.T(prefix + w)})
		}
		return page.Choose(out, on...)
	}
	var out []page.Field
	for _, l := range lists() {
		x := field(l.name, "textarea", typedItems(f.Items, l.kind))
		x.Rows, x.MaxLen, x.Class, x.Optional, x.Hint = 2, 6000, "full", true, r.P.T("takeout.ask."+l.name+"_hint")
		out = append(out, x)
	}
	itemErrors(r, out, bad)
	manifest := field("manifest", "", f.Manifest)
	manifest.MaxLen, manifest.Optional, manifest.Class, manifest.Hint, manifest.Auto = 40, true, "full", r.P.T("takeout.ask.manifest_hint"), "off"
	purpose, to := field("purpose", "", f.Purpose), field("where", "", f.To)
	purpose.Required, purpose.MaxLen, purpose.Class = true, 500, "full"
	to.Required, to.MaxLen, to.Class = true, 100, "full"
	way := field("way", "select", "")
	way.Options = choices("takeout.way.", texts(takeout.Ways()), r.Was("way", string(f.Way)))
	from, until := field("from", "datetime-local", r.Local(f.From)), field("until", "datetime-local", r.Local(f.Until))
	from.Required, from.Class, until.Required, until.Class = true, "short", true, "short"
	kinds := field("kinds", "checkbox", "")
	kinds.Required, kinds.Class, kinds.Hint, kinds.Options = true, "cols", r.P.T("takeout.ask.kinds_hint"), choices("takeout.kind.", takeout.Kinds(), r.WereAll("kinds", f.Kinds)...)
	owners := field("owners", "checkbox", "")
	owners.Class, owners.Hint, owners.Options = "cols", r.P.T("takeout.ask.owners_hint"), choices("takeout.owner.", takeout.Owners(), r.WereAll("owners", f.Owners)...)
	count := ""
	if f.People > 0 {
		count = strconv.Itoa(f.People)
	}
	number := field("headcount", "", count)
	number.Class, number.Optional, number.MaxLen, number.Hint = "short", true, 10, r.P.T("takeout.ask.headcount_hint")
	sure := field("certainty", "radio", "")
	sure.Options = choices("takeout.certainty.", texts(takeout.Certainties()), r.Was("certainty", string(f.Certainty)))
	return append(out, manifest, purpose, to, way, from, until, kinds, owners, number, sure), nil
}

func texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for n, w := range words {
		out[n] = string(w)
	}
	return out
}

// typedItems writes items as they are typed.
func typedItems(items []takeout.Item, kind takeout.ItemKind) string {
	var out []string
	for _, i := range items {
		switch {
		case i.Kind != kind:
		case kind == takeout.OfLedger:
			out = append(out, i.Number)
		default:
			out = append(out, i.Name+" × "+strconv.Itoa(i.Count))
		}
	}
	return strings.Join(out, "\n")
}

// itemErrors brings what must be mended of an item to the field in which it was typed.
func itemErrors(r *page.Request, fields []page.Field, bad page.Refused) {
	n := 0
	for at, l := range lists() {
		for range takeout.ReadItems(l.kind, r.Text(l.name)) {
			if e := bad.Fields["items."+strconv.Itoa(n)]; e != "" && fields[at].Error == "" {
				fields[at].Error = e
			}
			n++
		}
	}
	if e := bad.Fields["items"]; e != "" {
		fields[0].Error = e
	}
}

// Read makes the form of what was typed.
func (form) Read(r *page.Request) (json.RawMessage, error) {
	var c fault.Check
	f := takeout.Form{Manifest: r.Text("manifest"), Purpose: r.Text("purpose"), To: r.Text("where"), Way: takeout.Way(r.Text("way")), From: r.Time(&c, "from"), Until: r.Time(&c, "until"),
		Kinds: r.Texts("kinds"), Owners: r.Texts("owners"), Certainty: takeout.Certainty(r.Text("certainty"))}
	for _, l := range lists() {
		f.Items = append(f.Items, takeout.ReadItems(l.kind, r.Text(l.name))...)
	}
	if n := strings.ReplaceAll(r.Text("headcount"), ",", ""); n != "" {
		f.People = page.Int(n, -1)
		c.That(f.People >= 0, "headcount", "fault.bad_number", nil)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("marshal form: %w", err)
	}
	return raw, c.Err()
}

// Facts tells what is asked for, and what a loss would mean.
func (d form) Facts(r *page.Request, v *request.Request) ([]requests.Fact, error) {
	var f takeout.Form
	if err := json.Unmarshal(v.Form, &f); err != nil {
		return nil, fmt.Errorf("read form of %s: %w", v.Label, err)
	}
	j := d.Judge(f)
	out := []requests.Fact{{Label: r.P.T("takeout.loss"), Text: Loss(r.P, j), Weighty: j.Verdict != takeout.No}}
	out = append(out, facts(r, f, j)...)
	if f.Manifest != "" {
		m := requests.Fact{Label: r.P.T("takeout.manifest"), Text: r.P.T("takeout.manifest_look", "hash", f.SHA256[:12])}
		if r.By.Via == access.BySession {
			m.Href = "/requests/" + v.Label + "/manifest"
		}
		out = append(out, m)
	}
	var others []string
	for _, g := range grounds(r, j) {
		if g.Verdict == takeout.No {
			others = append(others, "・"+g.Text+"\n"+g.Source)
			continue
		}
		out = append(out, requests.Fact{Label: g.Tag.Text, Text: g.Text + "\n" + g.Source})
	}
	if len(others) > 0 {
		out = append(out, requests.Fact{Label: r.P.T("takeout.verdict.no"), Text: strings.Join(others, "\n")})
	}
	return append(out, requests.Fact{Label: r.P.T("takeout.encrypted"), Text: r.P.T("takeout.encrypted_note")}), nil
}

// facts are what the application says, line by line.
func facts(r *page.Request, f takeout.Form, j takeout.Judgement) []requests.Fact {
	var items []string
	for _, i := range f.Items {
		items = append(items, Item(r.P, i))
	}
	fact := func(name, text string) requests.Fact {
		return requests.Fact{Label: r.P.T("takeout.field." + name), Text: text}
	}
	out := []requests.Fact{fact("items", strings.Join(items, "\n")), fact("kinds", Words(r.P, "takeout.kind.", f.Kinds)), fact("people", people(r.P, j))}
	if len(f.Owners) > 0 {
		out = append(out, fact("owners", Words(r.P, "takeout.owner.", f.Owners)))
	}
	return append(out, fact("purpose", f.Purpose), fact("to", f.To), fact("way", r.P.T("takeout.way."+string(f.Way))), fact("period", Period(r, f)))
}

// Now says what to do with an approval.
func (d form) Now(r *page.Request, v request.View) []requests.Step {
	switch {
	case v.State != request.Approved:
		return nil
	case v.UsedBy != "":
		p, err := d.Passes.Get(r.Context(), r.By, v.UsedBy)
		if err != nil {
			return nil // it is not for this reader
		}
		return []requests.Step{{Text: r.P.T("takeout.next_pass", "label", p.Label), Href: "/take-outs/" + p.Label, Press: r.P.T("word.open")}}
	case v.Mine && r.By.May(access.Submit) == nil:
		return []requests.Step{{Text: r.P.T("takeout.next_make"), Post: "/take-outs/new?request=" + v.Label, Press: r.P.T("takeout.make")}}
	}
	return nil
}
