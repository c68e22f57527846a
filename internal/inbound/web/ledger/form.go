package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/request"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/requests"
	"sekimori/internal/kit/fault"
)

// Forms are the applications that the ledger takes.
func Forms(d Deps) []requests.Form { return []requests.Form{loanForm{d}, extensionForm{d}} }

// loanForm is the application for a loan.
type loanForm struct{ Deps }

// Kind names the application.
func (loanForm) Kind() string { return asset.KindLoan }

// Names lists the fields from top to bottom.
func (loanForm) Names() []string {
	return []string{"asset", "kind", "purpose", "contents", "personal_data", "people", "device", "from", "until", "read_only"}
}

// Fields draws the form.
func (d loanForm) Fields(r *page.Request, before json.RawMessage, bad page.Refused) ([]page.Field, error) {
	f := asset.LoanForm{Asset: r.URL.Query().Get("asset"), Kind: asset.USBMemory, From: r.Kit.Now(), Until: endOfWeek(r)}
	if before != nil {
		if err := json.Unmarshal(before, &f); err != nil {
			return nil, fmt.Errorf("read form: %w", err)
		}
	}
	field := func(name, value string, max int) page.Field {
		return page.Field{ID: name, Name: name, Label: r.P.T("loans.ask." + name), Value: r.Was(name, value), MaxLen: max, Error: bad.Fields[name]}
	}
	list, err := d.Ledger.Choices(r.Context(), r.By)
	if err != nil {
		return nil, err
	}
	thing := field("asset", f.Asset, 0)
	thing.Type, thing.Hint = "select", r.P.T("loans.ask.asset_hint")
	for _, k := range asset.Kinds() {
		if k.Medium() {
			thing.Options = append(thing.Options, page.Option{Value: "kind:" + string(k), Label: r.P.T("loans.ask.any", "kind", r.P.T("asset.kind."+string(k)))})
		}
	}
	for _, c := range list {
		o := page.Option{Value: c.Number, Label: page.Line(c.Number, c.Model)}
		if !c.Due.IsZero() {
			o.Label = page.Line(o.Label, r.P.T("loans.ask.lent_until", "until", r.P.DateTime(c.Due)))
		}
		thing.Options = append(thing.Options, o)
	}
	chosen := f.Asset
	if chosen == "" {
		chosen = "kind:" + string(f.Kind)
	}
	if f.Asset != "" && !slices.ContainsFunc(thing.Options, func(o page.Option) bool { return o.Value == f.Asset }) {
		thing.Options = append(thing.Options, page.Option{Value: f.Asset, Label: f.Asset}) // of another department
	}
	thing.Options = page.Choose(thing.Options, r.Was("asset", chosen))
	thing.Error = cmp.Or(bad.Fields["asset"], bad.Fields["kind"])
	purpose, contents := field("purpose", f.Purpose, 500), field("contents", f.Contents, 500)
	purpose.Required, contents.Required, purpose.Class, contents.Class = true, true, "full", "full"
	purpose.Hint, contents.Hint = r.P.T("loans.ask.purpose_hint"), r.P.T("loans.ask.contents_hint")
	personal := field("personal_data", "", 0)
	personal.Type, personal.Options = "radio", page.Choose([]page.Option{{Value: "no", Label: r.P.T("word.no")}, {Value: "yes", Label: r.P.T("word.yes")}}, r.Was("personal_data", yesNo(f.PersonalData)))
	people := field("people", count(f.People), 9)
	people.Optional, people.Class, people.Hint = true, "short", r.P.T("loans.ask.people_hint")
	device := field("device", "", 0)
	device.Type, device.Hint = "select", r.P.T("loans.ask.device_hint")
	if d.PCs != nil {
		own, err := d.PCs.OfPerson(r.Context(), r.By, r.By.Person)
		if err != nil {
			return nil, err
		}
		for _, v := range own {
			if v.RefusedAt.IsZero() {
				device.Options = append(device.Options, page.Option{Value: v.ID, Label: v.Name})
			}
		}
	}
	if len(device.Options) == 0 {
		device.Options = []page.Option{{Label: r.P.T("loans.ask.no_device")}}
	}
	device.Options = page.Choose(device.Options, r.Was("device", f.Device))
	from, until := field("from", r.Local(f.From), 0), field("until", r.Local(f.Until), 0)
	for _, x := range []*page.Field{&from, &until} {
		x.Type, x.Required, x.Class = "datetime-local", true, "short"
	}
	only := field("read_only", "", 0)
	only.Type, only.Options = "radio", page.Choose([]page.Option{{Value: "no", Label: r.P.T("loans.ask.write")}, {Value: "yes", Label: r.P.T("loans.ask.read")}}, r.Was("read_only", yesNo(f.ReadOnly)))
	return []page.Field{thing, purpose, contents, personal, people, device, from, until, only}, nil
}

// endOfWeek proposes the evening of the third day: short enough that nobody forgets it.
func endOfWeek(r *page.Request) time.Time {
	now := r.Kit.Now().In(r.Kit.Zone)
	return time.Date(now.Year(), now.Month(), now.Day()+3, 18, 0, 0, 0, r.Kit.Zone)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Read makes the form of what was typed.
func (loanForm) Read(r *page.Request) (json.RawMessage, error) {
	var c fault.Check
	f := asset.LoanForm{Purpose: r.Text("purpose"), Contents: r.Text("contents"), PersonalData: r.Text("personal_data") == "yes", Device: r.Text("device"), ReadOnly: r.Text("read_only") == "yes",
		From: r.Time(&c, "from"), Until: r.Time(&c, "until")}
	thing := r.Text("asset")
	if kind, ok := cutKind(thing); ok {
		f.Kind = kind
	} else {
		f.Asset = thing
	}
	if n := r.Text("people"); n != "" {
		f.People = page.Int(n, -1)
		c.That(f.People >= 0, "people", "fault.bad_number", nil)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("marshal form: %w", err)
	}
	return raw, c.Err()
}

func cutKind(s string) (asset.Kind, bool) {
	const prefix = "kind:"
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return asset.Kind(s[len(prefix):]), true
	}
	return "", false
}

// Facts tells what is asked for.
func (d loanForm) Facts(r *page.Request, v *request.Request) ([]requests.Fact, error) {
	var f asset.LoanForm
	if err := json.Unmarshal(v.Form, &f); err != nil {
		return nil, fmt.Errorf("read form of %s: %w", v.Label, err)
	}
	fact := func(name, text string) requests.Fact {
		return requests.Fact{Label: r.P.T("loans.ask." + name), Text: text}
	}
	thing := fact("asset", lent.Wanted(r, f))
	if f.Asset != "" && r.By.Via == access.BySession {
		switch _, err := d.Ledger.Get(r.Context(), r.By, f.Asset); {
		case err == nil:
			thing.Href = href(f.Asset)
		case fault.As(err) == nil:
			return nil, err
		}
	}
	personal := fact("personal_data", r.P.T("word.no"))
	if f.PersonalData {
		personal.Text, personal.Weighty = r.P.T("loans.ask.personal_count", "n", r.P.Count(f.People)), true
	}
	mode := fact("read_only", r.P.T("loans.ask.write"))
	if f.ReadOnly {
		mode.Text = r.P.T("loans.ask.read")
	}
	device := fact("device", r.P.T("loans.ask.no_device"))
	if f.Device != "" {
		name, err := d.Ledger.PCName(r.Context(), v.By, f.Device)
		if err != nil {
			return nil, err
		}
		device.Text = cmp.Or(name, r.P.T("loans.ask.gone_device"))
	}
	return []requests.Fact{thing, fact("purpose", f.Purpose), fact("contents", f.Contents), personal, device,
		{Label: r.P.T("loans.field.period"), Text: lent.Period(r, f.From, f.Until)}, mode}, nil
}

// Now says what to do with an approval.
func (d loanForm) Now(r *page.Request, v request.View) []requests.Step {
	switch {
	case v.State != request.Approved:
		return nil
	case v.UsedBy != "":
		l, err := d.Ledger.Loan(r.Context(), r.By, v.UsedBy)
		if err != nil {
			return nil // it is not for this reader
		}
		return []requests.Step{{Text: r.P.T("loans.next_used", "label", l.Label), Href: "/loans/" + l.Label, Press: r.P.T("word.open")}}
	case v.Mine:
		return []requests.Step{{Text: r.P.T("loans.next_fetch")}}
	}
	if _, err := d.Ledger.Handover(r.Context(), r.By, v.Label); err != nil {
		return nil // somebody else hands it over
	}
	return []requests.Step{{Text: r.P.T("loans.next_hand_over"), Href: lent.HandOverHref(v.Label), Press: r.P.T("loans.hand_over")}}
}

// extensionForm is the application to keep a thing for longer.
type extensionForm struct{ Deps }

// Kind names the application.
func (extensionForm) Kind() string { return asset.KindExtension }

// Names lists the fields from top to bottom.
func (extensionForm) Names() []string { return []string{"loan", "until", "why"} }

// Fields draws the form.
func (d extensionForm) Fields(r *page.Request, before json.RawMessage, bad page.Refused) ([]page.Field, error) {
	f := asset.ExtensionForm{Loan: r.URL.Query().Get("loan")}
	if before != nil {
		if err := json.Unmarshal(before, &f); err != nil {
			return nil, fmt.Errorf("read form: %w", err)
		}
	}
	held, err := d.Ledger.Loans(r.Context(), r.By, asset.LoanQuery{Person: r.By.Person, State: asset.Out, Limit: 200})
	if err != nil {
		return nil, err
	}
	loan := page.Field{ID: "loan", Name: "loan", Type: "select", Required: true, Label: r.P.T("loans.longer.loan"), Error: bad.Fields["loan"]}
	for _, l := range held.Rows {
		loan.Options = append(loan.Options, page.Option{Value: l.Label, Label: page.Line(l.Label, l.Number, r.P.T("loans.ask.lent_until", "until", r.P.DateTime(l.Until)))})
	}
	if len(loan.Options) == 0 {
		loan.Options = []page.Option{{Label: r.P.T("loans.longer.none")}}
	}
	loan.Options = page.Choose(loan.Options, r.Was("loan", f.Loan))
	return []page.Field{loan,
		{ID: "until", Name: "until", Type: "datetime-local", Class: "short", Required: true, Label: r.P.T("loans.longer.until"), Value: r.Was("until", r.Local(f.Until)), Error: bad.Fields["until"]},
		{ID: "why", Name: "why", Class: "full", Required: true, MaxLen: 500, Label: r.P.T("word.reason"), Value: r.Was("why", f.Why), Error: bad.Fields["why"]}}, nil
}

// Read makes the form of what was typed.
func (extensionForm) Read(r *page.Request) (json.RawMessage, error) {
	var c fault.Check
	raw, err := json.Marshal(asset.ExtensionForm{Loan: r.Text("loan"), Until: r.Time(&c, "until"), Why: r.Text("why")})
	if err != nil {
		return nil, fmt.Errorf("marshal form: %w", err)
	}
	return raw, c.Err()
}

// Facts tells what is asked for.
func (d extensionForm) Facts(r *page.Request, v *request.Request) ([]requests.Fact, error) {
	var f asset.ExtensionForm
	if err := json.Unmarshal(v.Form, &f); err != nil {
		return nil, fmt.Errorf("read form of %s: %w", v.Label, err)
	}
	loan := requests.Fact{Label: r.P.T("loans.longer.loan"), Text: f.Loan}
	if r.By.Via == access.BySession {
		switch _, err := d.Ledger.Loan(r.Context(), r.By, f.Loan); {
		case err == nil:
			loan.Href = "/loans/" + f.Loan
		case fault.As(err) == nil:
			return nil, err
		}
	}
	return []requests.Fact{loan,
		{Label: r.P.T("loans.longer.until"), Text: r.P.DateTime(f.Until), Weighty: true}, {Label: r.P.T("word.reason"), Text: f.Why}}, nil
}

// Now says what to do with an approval.
func (d extensionForm) Now(r *page.Request, v request.View) []requests.Step {
	var f asset.ExtensionForm
	if v.State != request.Approved || v.UsedBy != "" || json.Unmarshal(v.Form, &f) != nil {
		return nil
	}
	l, err := d.Ledger.Loan(r.Context(), r.By, f.Loan)
	if err != nil || !l.State.Holds() || r.By.May(access.Submit) != nil || l.Person != r.By.Person && !l.May.Handle {
		return nil // it is not for this reader, or over
	}
	return []requests.Step{{Text: r.P.T("loans.next_extend"), Post: "/loans/extend?request=" + v.Label, Press: r.P.T("loans.extend_do")}}
}
