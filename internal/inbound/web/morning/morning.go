// Package morning is the one page with which the protection manager's day begins:
// what waits for an answer, which cases want their next step, what the near misses
// say, and whether the system itself is well. Each line is one press from acting.
package morning

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/cases"
	"sekimori/internal/inbound/web/devices"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/record"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Waiter lists the tracks that wait for an answer. What an actor may see of them is
// decided by the cases that they may find.
type Waiter interface {
	Waiting(ctx context.Context) ([]notice.Track, []notice.Told, error)
}

// PCs lists enrolled PCs.
type PCs interface {
	List(ctx context.Context, by access.Actor, q device.Query) (device.Page, error)
}

// Deps are the services that the page asks.
type Deps struct {
	Cases  *incident.Service
	Tracks Waiter
	People *directory.Service
	Audit  *audit.Service
	PCs    PCs // nil: none are enrolled

	Requests Requests // nil with Loans
	Loans    Loans    // nil: nothing is lent
	Passes   Passes   // nil: nothing is taken out
}

// Requests lists applications.
type Requests interface {
	List(ctx context.Context, by access.Actor, q request.Query) (request.Page, error)
}

// Passes lists what is taken out.
type Passes interface {
	List(ctx context.Context, by access.Actor, q takeout.Query) (takeout.Page, error)
}

// Loans lists what is lent, and what waits to be.
type Loans interface {
	Overdue(ctx context.Context, by access.Actor) ([]asset.LoanRow, error)
	Handovers(ctx context.Context, by access.Actor) ([]asset.Handover, error)
}

// Routes lists the room's page.
func Routes(d Deps) []page.Route {
	return []page.Route{{Pattern: "GET /morning", Do: d.show}}
}

// maxRows bounds what one page gathers: whoever has more open than this needs the list.
const maxRows = 1000

// maxPCs is how many PCs the page names; the list has the others.
const maxPCs = 20

// morningPage is the page from its most pressing part to its least.
type morningPage struct {
	page.Base
	When     string
	Mine     []waiting // for the actor to answer
	Others   []waiting // for somebody else
	Unread   []matter  // words of reporters that the actor has not read
	Confirm  []matter  // waiting for the actor's confirmation of the close
	Assigned []matter
	Free     []matter // nobody has taken them
	Counts   []count
	Near     *nearMisses
	Health   []record.HealthLine
	Trouble  bool
	Cases    bool            // the actor works on cases
	Failing  []devices.Shown // PCs that are not isolated as ordered
	Isolated []devices.Shown
	Lending  lending
	Contacts contactCare
}

// waiting is one track that nobody has answered.
type waiting struct {
	Track, Label, Href, Summary string
	Kind                        page.Tag
	Receiver, Department        string
	Since                       time.Time
	Late                        bool
	Told                        string // who is being told, and until when
	Asks                        bool   // the answerer was asked whether they are still on it
}

// matter is one open case with its next step.
type matter struct {
	Label, Href, Summary, Detail, Press string
	Kind, Status                        page.Tag
}

// count is the number of open cases of a status.
type count struct {
	Text, Href string
	N          int
}

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	ctx := r.Context()
	org, err := d.People.View(ctx, r.By)
	if err != nil {
		return err
	}
	tracks, told, err := d.Tracks.Waiting(ctx)
	if err != nil {
		return fmt.Errorf("list waiting tracks: %w", err)
	}
	lent, err := d.lending(r, org)
	if err != nil {
		return err
	}
	if !concerned(r.By, org, told) && lent.empty() {
		return r.Kit.See(w, r, "/report", "")
	}
	open, err := d.open(ctx, r.By)
	if err != nil {
		return err
	}
	now := r.Kit.Now()
	p := morningPage{Base: r.Kit.Base(r, "morning.title", "/morning"), When: r.P.DateTime(now), Cases: r.By.May(access.WorkCases) == nil, Lending: lent, Contacts: careOf(r, org)}
	p.EventsURL = "/events"
	p.unanswered(r, org, open, tracks, told)
	p.matters(r, org, open, told)
	if err := d.unread(r, &p); err != nil {
		return err
	}
	if p.Cases {
		ts, err := d.Cases.Tallies(ctx, r.By)
		if err != nil {
			return err
		}
		p.Near = nearOf(r, org, ts)
	}
	if err := d.pcs(ctx, r, &p); err != nil {
		return err
	}
	if r.By.May(access.ReadHealth) == nil {
		h, err := d.Audit.Health(ctx, r.By)
		if err != nil {
			return err
		}
		p.Health, p.Trouble = record.HealthLines(r, h), len(h.Trouble()) > 0
	}
	return r.Kit.Render(w, r, http.StatusOK, "morning", p)
}

// pcs lists the PCs that are isolated, and first those that should be and are not.
func (d Deps) pcs(ctx context.Context, r *page.Request, p *morningPage) error {
	if d.PCs == nil || r.By.May(access.ReadDevices) != nil {
		return nil
	}
	p.EventsURL = "/events?subject=everything&subject=time"
	for _, state := range []string{device.StateFailing, device.StateIsolated} {
		found, err := d.PCs.List(ctx, r.By, device.Query{State: state, Limit: maxPCs})
		if err != nil {
			return err
		}
		for _, v := range found.Rows {
			switch s := devices.Show(r, v); {
			case state == device.StateFailing:
				p.Failing = append(p.Failing, s)
			case !s.Failing:
				p.Isolated = append(p.Isolated, s)
			}
		}
	}
	return nil
}

// concerned reports whether the page has anything for the actor: duties that come with
// cases or with the system, people below them, or a report that they were told of.
func concerned(by access.Actor, org *directory.Org, told []notice.Told) bool {
	if by.May(access.ReadCases) == nil || by.May(access.ReadHealth) == nil {
		return true
	}
	for _, dep := range org.Departments {
		if dep.Head == by.Person {
			return true
		}
	}
	for _, p := range org.People {
		if p.Supervisor == by.Person {
			return true
		}
	}
	return slices.ContainsFunc(told, func(t notice.Told) bool { return t.Person == by.Person })
}

// open lists the open cases that the actor may see.
func (d Deps) open(ctx context.Context, by access.Actor) ([]incident.Row, error) {
	q := incident.Query{Limit: 200, Statuses: slices.DeleteFunc(incident.Statuses(), func(s incident.Status) bool { return !s.Open() })}
	var out []incident.Row
	for len(out) < maxRows {
		found, err := d.Cases.Find(ctx, by, q)
		if err != nil {
			return nil, err
		}
		out = append(out, found.Rows...)
		if q.After = found.Next; q.After == "" {
			break
		}
	}
	return out, nil
}

// unanswered puts each open track of the cases seen under mine or others, oldest first.
func (p *morningPage) unanswered(r *page.Request, org *directory.Org, open []incident.Row, tracks []notice.Track, told []notice.Told) {
	at := map[string]*incident.Row{}
	for i := range open {
		at[open[i].ID] = &open[i]
	}
	tracks = slices.Clone(tracks)
	slices.SortStableFunc(tracks, func(a, b notice.Track) int { return a.Started.Compare(b.Started) })
	answers := r.By.May(access.Answer) == nil
	for _, t := range tracks {
		c := at[t.Incident]
		if c == nil || t.State != notice.Open && !t.Asks() {
			continue
		}
		heard := slices.DeleteFunc(slices.Clone(told), func(x notice.Told) bool { return x.Track != t.ID })
		w := waiting{Track: t.ID, Label: c.Label, Href: "/cases/" + c.Label, Summary: c.Summary, Kind: cases.KindTag(r, &c.Incident),
			Receiver: r.P.T("receiver." + string(t.Receiver)), Department: org.Departments[c.Department].Name, Since: t.Started,
			Late: t.Pass > 1 || t.Level > 1 || t.Empty, Told: beingTold(r, org, t, heard), Asks: t.Asks()}
		if t.Asks() {
			w.Since = t.AckedAt
		}
		if answers && t.MayAnswer(r.By, heard) && (!t.Asks() || t.AckedBy == r.By.Person) {
			p.Mine = append(p.Mine, w)
		} else {
			p.Others = append(p.Others, w)
		}
	}
}

// beingTold says whom the present level tells, and when the next one begins.
func beingTold(r *page.Request, org *directory.Org, t notice.Track, told []notice.Told) string {
	switch {
	case t.Asks():
		return r.P.T("escalation.asked_who", "name", org.NameOf(t.AckedBy), "at", cases.Near(r, t.NextFire))
	case t.Held() && t.Level == 0:
		return r.P.T("escalation.held_until", "at", cases.Near(r, t.NextFire))
	case t.Held():
		return r.P.T("escalation.held_again", "at", cases.Near(r, t.NextFire))
	case t.Empty:
		return r.P.T("morning.nobody_to_tell", "at", r.P.Clock(t.NextFire))
	}
	var names []string
	for _, x := range told {
		if n := org.NameOf(x.Person); x.Level == t.Level && x.Pass == t.Pass && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return r.P.T("morning.telling", "names", list(r, names), "at", cases.Near(r, t.LevelEnd), "level", t.Level)
}

func list(r *page.Request, names []string) string {
	sep := "、"
	if r.P.Lang() == "en" {
		sep = ", "
	}
	out := ""
	for i, n := range names {
		if i > 0 {
			out += sep
		}
		out += n
	}
	return out
}

// matters sorts the open cases by what they want next. A report of one's own, seen
// only because it is one's own, is not work.
func (p *morningPage) matters(r *page.Request, org *directory.Org, open []incident.Row, told []notice.Told) {
	counts := map[incident.Status]int{}
	reads := r.By.May(access.ReadCases) == nil
	for _, c := range slices.Backward(open) { // oldest first
		own := c.Reporter == r.By.Person || c.OnBehalf == r.By.Person
		if own && !reads && c.Assignee != r.By.Person {
			continue
		}
		counts[c.Status]++
		m := matter{Label: c.Label, Href: "/cases/" + c.Label, Summary: c.Summary, Kind: cases.KindTag(r, &c.Incident), Status: cases.StatusTag(r, c.Status)}
		switch {
		case c.Status == incident.Closing:
			if r.By.Has(access.Auditor) || c.CloseBy == r.By.Person || own {
				continue
			}
			m.Href += "#close"
			m.Detail, m.Press = r.P.T("morning.asked_by", "name", org.NameOf(c.CloseBy)), r.P.T("morning.look")
			p.Confirm = append(p.Confirm, m)
		case c.Assignee == r.By.Person:
			m.Detail, m.Press = r.P.T("morning.reported_at", "at", cases.Near(r, c.Reported)), r.P.T("morning.go_on")
			p.Assigned = append(p.Assigned, m)
		case c.Assignee == "" && p.Cases:
			m.Href += "#assign"
			m.Detail, m.Press = r.P.T("morning.reported_at", "at", cases.Near(r, c.Reported)), r.P.T("morning.assign")
			p.Free = append(p.Free, m)
		}
	}
	for _, s := range incident.Statuses() {
		if s.Open() && counts[s] > 0 {
			p.Counts = append(p.Counts, count{Text: r.P.T("status." + string(s)), Href: "/cases?status=" + string(s), N: counts[s]})
		}
	}
}
