// Package lent is how loans and what PCs told of media look wherever they are shown: in
// the ledger, on a person's page, on a PC's, and in the morning. Its parts of pages are
// the layout's "loanrows", "attempts" and "handoverline".
package lent

import (
	"net/url"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/wire"
)

// Loan is one line of a list of loans.
type Loan struct {
	Label, Href, Number, Kind, Who, Period, Purpose string
	State                                           page.Tag
	Late                                            bool
}

// LoanOf puts a loan into words.
func LoanOf(r *page.Request, l asset.LoanRow) Loan {
	x := Loan{Label: l.Label, Href: "/loans/" + l.Label, Number: l.Number, Kind: r.P.T("asset.kind." + string(l.Kind)), Who: l.PersonName,
		Period: Period(r, l.From, l.Until), Purpose: l.Purpose, State: Tag(r, l.Loan), Late: l.Overdue(r.Kit.Now())}
	if !l.ErasedAt.IsZero() {
		x.Who = r.P.T("cases.erased")
	}
	return x
}

// Period writes from when until when, on two lines where the page keeps lines.
func Period(r *page.Request, from, until time.Time) string {
	return r.P.T("word.range", "from", r.P.DateTime(from), "until", "\n"+r.P.DateTime(until))
}

// Tag is the mark of where a loan stands.
func Tag(r *page.Request, l asset.Loan) page.Tag {
	if l.Overdue(r.Kit.Now()) {
		return page.Tag{Kind: "shu", Icon: "clock", Text: r.P.T("asset.state.overdue")}
	}
	t := page.Tag{Text: r.P.T("loan.state." + string(l.State))}
	switch l.State {
	case asset.Handed, asset.Back:
		t.Kind, t.Icon = "yama", "clock"
	case asset.Out:
		t.Kind, t.Icon = "ai", "user"
	case asset.Done:
		t.Kind, t.Icon = "matsu", "check"
	case asset.Broken, asset.Ended:
		t.Kind, t.Icon = "shu", "alert"
	default:
		t.Kind = "quiet"
	}
	return t
}

// Days says for how many days a loan is overdue.
func Days(r *page.Request, l asset.Loan) string {
	n := jpcal.DateOf(r.Kit.Now(), r.Kit.Zone).Sub(jpcal.DateOf(l.Until, r.Kit.Zone))
	if n < 1 {
		return r.P.T("loans.late_today")
	}
	return r.P.T("loans.late_days", "n", r.P.Count(n))
}

// MayChase reports whether the reader can ask for an overdue loan once more today.
func MayChase(r *page.Request, l asset.LoanRow) bool {
	handles := r.By.May(access.ManageAssets) == nil || l.Keeper == r.By.Person && r.By.May(access.Submit) == nil
	today := jpcal.DateOf(r.Kit.Now(), r.Kit.Zone)
	return handles && l.Overdue(r.Kit.Now()) && (l.Chased.IsZero() || jpcal.DateOf(l.Chased, r.Kit.Zone) != today)
}

// Handover is one approved application that waits for its thing.
type Handover struct{ Label, Href, What, Who, Period, Purpose string }

// HandoverOf says who waits for what.
func HandoverOf(r *page.Request, h asset.Handover) Handover {
	return Handover{Label: h.Request, Href: HandOverHref(h.Request), What: Wanted(r, h.Form), Who: h.PersonName, Period: Period(r, h.Form.From, h.Form.Until), Purpose: h.Form.Purpose}
}

// HandOverHref is the page that hands over what an application asks for.
func HandOverHref(request string) string { return "/loans/new?request=" + url.QueryEscape(request) }

// Wanted is what an application asks for: one thing, or any of a kind.
func Wanted(r *page.Request, f asset.LoanForm) string {
	kind := r.P.T("asset.kind." + string(f.Kind))
	if f.Asset != "" {
		return page.Line(f.Asset, kind)
	}
	return r.P.T("loans.ask.any", "kind", kind)
}

// Attempt is one thing that happened with a medium at a PC.
type Attempt struct {
	When, PC, PCHref, Medium, Detail, User string
	Tag                                    page.Tag
	Number, Href                           string // of the thing, when it is ours
	Loan                                   string // address
}

// AttemptOf puts what a PC told into words. The PC's page is named to who may open it.
func AttemptOf(r *page.Request, a asset.AttemptRow) Attempt {
	v := Attempt{When: r.P.DateTime(a.At), PC: a.PC, User: a.User, Number: a.Number, Medium: page.Line(a.Name, IDs(a.Vendor, a.Product), a.Serial),
		Tag: page.Tag{Kind: "quiet", Text: r.P.T("media.what." + a.What)}}
	if r.By.May(access.ReadDevices) == nil {
		v.PCHref = "/devices/" + a.Device
	}
	if v.Medium == "" {
		v.Medium = Word(r, "media.class.", a.Class)
	}
	if a.Number != "" {
		v.Href = "/assets/" + a.Number
	}
	if a.Loan != "" {
		v.Loan = "/loans/" + a.Loan
	}
	v.Detail = Word(r, "media.why.", a.Why)
	switch a.What {
	case wire.MediaRefused:
		v.Tag.Kind, v.Tag.Icon = "shu", "x"
	case wire.MediaObserved, wire.MediaUnread, wire.MediaEnding:
		v.Tag.Kind, v.Tag.Icon = "yama", "alert"
	case wire.MediaAdmitted, wire.MediaRegistered:
		v.Tag.Kind, v.Tag.Icon = "matsu", "check"
	case wire.MediaWritten:
		v.Detail = r.P.T("media.files", "n", r.P.Count(a.Files), "size", r.P.Bytes(a.Bytes))
	}
	return v
}

// Word is what a PC told in our words; "" for what we have none for: a newer PC may know
// more than we do.
func Word(r *page.Request, prefix, told string) string {
	if told == "" || !r.P.Has(prefix+told) {
		return ""
	}
	return r.P.T(prefix + told)
}

// IDs writes the USB ids of a medium; "" when it has none.
func IDs(vendor, product string) string {
	if vendor == "" {
		return ""
	}
	return vendor + ":" + product
}
