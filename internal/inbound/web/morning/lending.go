package morning

import (
	"fmt"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/takeouts"
)

// maxShown is how many lines of one sort the page names; the lists have the others.
const maxShown = 10

// lending is what applications and loans want of the reader.
type lending struct {
	Decide   []application // wait for the reader's decision
	HandOver []lent.Handover
	Late     []borrower      // who should have brought something back
	Passes   []takeouts.Line // who is not where they should be, or has things too long
	More     struct{ Decide, HandOver, Late, Passes bool }
}

// application is one line of what waits for a decision.
type application struct{ Label, Href, Title, Kind, Detail string }

// borrower is one person with all that they should have brought back.
type borrower struct {
	Name, Href string
	Loans      []lateLoan
}

// lateLoan is one overdue loan.
type lateLoan struct {
	Label, Href, Number, Kind, Days string
	Chase                           bool // the reader can ask for it once more today
}

func (l lending) empty() bool { return len(l.Decide)+len(l.HandOver)+len(l.Late)+len(l.Passes) == 0 }

func (d Deps) lending(r *page.Request, org *directory.Org) (out lending, err error) {
	if d.Loans == nil {
		return out, nil
	}
	if r.By.May(access.Decide) == nil {
		found, err := d.Requests.List(r.Context(), r.By, request.Query{Box: request.ForMe, Limit: maxShown})
		if err != nil {
			return out, fmt.Errorf("list what waits for a decision: %w", err)
		}
		for _, v := range found.Rows {
			out.Decide = append(out.Decide, application{Label: v.Label, Href: "/requests/" + v.Label, Title: v.Title, Kind: r.P.T("request.kind." + v.Kind),
				Detail: page.Line(org.NameOf(v.By), r.P.DateTime(v.Asked))})
		}
		out.More.Decide = found.Next != ""
	}
	waiting, err := d.Loans.Handovers(r.Context(), r.By)
	if err != nil {
		return out, err
	}
	for _, h := range waiting[:min(len(waiting), maxShown)] {
		out.HandOver = append(out.HandOver, lent.HandoverOf(r, h))
	}
	out.More.HandOver = len(waiting) > maxShown
	late, err := d.Loans.Overdue(r.Context(), r.By)
	if err != nil {
		return out, err
	}
	at := map[string]int{}
	for _, l := range late {
		i, known := at[l.Person]
		if !known {
			if len(out.Late) == maxShown {
				out.More.Late = true
				continue
			}
			i = len(out.Late)
			at[l.Person] = i
			out.Late = append(out.Late, borrower{Name: l.PersonName, Href: "/people/" + l.Person})
		}
		out.Late[i].Loans = append(out.Late[i].Loans, lateLoan{Label: l.Label, Href: "/loans/" + l.Label, Number: l.Number, Kind: r.P.T("asset.kind." + string(l.Kind)),
			Days: lent.Days(r, l.Loan), Chase: lent.MayChase(r, l)})
	}
	if d.Passes == nil {
		return out, nil
	}
	passes, err := d.Passes.List(r.Context(), r.By, takeout.Query{Late: true, Limit: maxShown})
	if err != nil {
		return out, fmt.Errorf("list who is late with what they carry: %w", err)
	}
	for _, x := range passes.Rows {
		out.Passes = append(out.Passes, takeouts.LineOf(r, x))
	}
	out.More.Passes = passes.Next != ""
	return out, nil
}
