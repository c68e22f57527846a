// Package drills is the page of drills (訓練): one starts a marked report that runs the real
// chain, and reads how long the answers took beside the drills before.
package drills

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/cases"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Cases is the verbs of drills that the pages call.
type Cases interface {
	Drills(ctx context.Context, by access.Actor) ([]incident.DrillResult, error)
	StartDrill(ctx context.Context, by access.Actor, d incident.Drill) (*incident.Incident, error)
	EndDrill(ctx context.Context, by access.Actor, incident, reason string) error
}

// Deps are the services that the pages ask.
type Deps struct {
	Cases Cases
}

// Routes lists the room's pages and verbs.
func Routes(d Deps) []page.Route {
	return []page.Route{
		{Pattern: "GET /drills", Do: d.list},
		{Pattern: "GET /drills.csv", Do: d.export},
		{Pattern: "POST /drills", Do: d.start},
		{Pattern: "POST /drills/{incident}/end", Do: d.end},
	}
}

// drillsPage is the drills and the form of the next one.
type drillsPage struct {
	page.Base
	Drills                []drillView
	Forms                 bool // the actor may start and end drills
	Kind, Finder, Summary page.Field
	Choices               []people.Pick
	CSV                   []page.Option
}

// drillView is one drill in words.
type drillView struct {
	Label, Summary, Reported      string
	Kind, Status                  page.Tag
	Open                          bool
	First, Full                   string // how long; "" as long as it is missing
	FirstBeside, FullBeside       string // beside the drills before
	FirstWorse, FullWorse, Erased bool
	Tracks                        []trackView
}

// trackView is one receiver.
type trackView struct{ Receiver, Took, Who, Level string }

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	return d.render(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) render(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	all, err := d.Cases.Drills(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	p := drillsPage{Base: r.Kit.Base(r, "drills.title", "/settings"), Forms: r.By.May(access.WorkCases) == nil, Choices: people.Choices(org, r.Kit.Now(), nil, nil)}
	p.Scripts, p.Errors, p.EventsURL = []string{"print.js"}, bad.Summary, "/events"
	p.CSV = []page.Option{{Value: "/drills.csv?enc=utf8", Label: r.P.T("cases.csv_utf8")}, {Value: "/drills.csv?enc=sjis", Label: r.P.T("cases.csv_sjis")}}
	for _, x := range all {
		p.Drills = append(p.Drills, viewOf(r, org, x))
	}
	p.Kind = page.Field{ID: "kind", Name: "kind", Type: "select", Label: r.P.T("word.kind"), Required: true, Error: bad.Fields["kind"]}
	for _, k := range incident.Kinds() {
		p.Kind.Options = append(p.Kind.Options, page.Option{Value: string(k), Label: r.P.T("kind." + string(k)), On: r.Text("kind") == string(k)})
	}
	p.Finder = page.Field{ID: "finder", Name: "finder", Type: "text", Label: r.P.T("drills.finder"), Hint: r.P.T("drills.finder_hint"), Required: true, Error: bad.Fields["finder"], Value: r.Text("finder")}
	p.Summary = page.Field{ID: "summary", Name: "summary", Type: "text", Label: r.P.T("drills.summary"), Hint: r.P.T("drills.summary_hint"), Required: true, MaxLen: incident.MaxSummary,
		Error: bad.Fields["summary"], Value: r.Text("summary")}
	if p.Summary.Value == "" && len(bad.Summary) == 0 {
		p.Summary.Value = r.P.T("drills.summary_default")
	}
	return r.Kit.Render(w, r, status, "drills", p)
}

func viewOf(r *page.Request, org *directory.Org, x incident.DrillResult) drillView {
	v := drillView{Label: x.Label, Summary: x.Summary, Reported: r.P.DateTime(x.Reported), Kind: cases.KindTag(r, x.Incident), Status: cases.StatusTag(r, x.Status),
		Open: x.Status.Open(), Erased: !x.ErasedAt.IsZero(), First: took(r, x.First), Full: took(r, x.Full)}
	v.FirstBeside, v.FirstWorse = beside(r, x.First, x.UsualFirst)
	v.FullBeside, v.FullWorse = beside(r, x.Full, x.UsualFull)
	for _, t := range x.Tracks {
		line := trackView{Receiver: r.P.T("receiver." + string(t.Receiver)), Took: took(r, t.After), Who: org.NameOf(t.By), Level: r.P.T("drills.level", "level", t.Level, "pass", t.Pass)}
		if t.Empty {
			line.Level = r.P.T("drills.empty")
		}
		v.Tracks = append(v.Tracks, line)
	}
	return v
}

// took writes how long something took; "" for what is missing.
func took(r *page.Request, d time.Duration) string {
	switch s := int(d.Round(time.Second) / time.Second); {
	case d == 0:
		return ""
	case s < 3600:
		return r.P.T("drills.minutes", "m", s/60, "s", s%60)
	default:
		return r.P.T("drills.hours", "h", s/3600, "m", s%3600/60)
	}
}

// beside compares with what it usually took.
func beside(r *page.Request, d, usual time.Duration) (text string, worse bool) {
	if d == 0 || usual == 0 {
		return "", false
	}
	return r.P.T("drills.usual", "time", took(r, usual)), d > usual
}

func (d Deps) start(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.WorkCases); err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	finder, wrong := people.Resolve(org, r.Kit.Now(), r.Text("finder"), "finder")
	if wrong == nil {
		var i *incident.Incident
		i, wrong = d.Cases.StartDrill(r.Context(), r.By, incident.Drill{Kind: incident.Kind(r.Text("kind")), Finder: finder, Summary: r.Text("summary"), Channel: "web"})
		if wrong == nil {
			return r.Kit.See(w, r, "/drills#"+i.Label, "drills.flash_started")
		}
	}
	bad, ok := r.Refused(wrong, "kind", "finder", "summary")
	if !ok {
		return wrong
	}
	return d.render(w, r, bad.Status, bad)
}

func (d Deps) end(w http.ResponseWriter, r *page.Request) error {
	if err := d.Cases.EndDrill(r.Context(), r.By, r.PathValue("incident"), r.P.T("drills.end_reason")); err != nil {
		return err
	}
	return r.Kit.See(w, r, "/drills", "drills.flash_ended")
}

// export gives the drills as a table: a line for each receiver, times in seconds.
func (d Deps) export(w http.ResponseWriter, r *page.Request) error {
	all, err := d.Cases.Drills(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	header := []string{r.P.T("cases.col.number"), r.P.T("cases.col.kind"), r.P.T("cases.col.urgency"), r.P.T("cases.col.reported")}
	for _, id := range []string{"first", "full", "usual_first", "usual_full", "receiver", "took", "who", "level", "pass"} {
		header = append(header, r.P.T("drills.col."+id))
	}
	var lines [][]string
	for _, x := range all {
		for _, t := range x.Tracks {
			lines = append(lines, []string{x.Label, r.P.T("drills.subject", "subject", r.P.T("kind."+string(x.Kind))), r.P.T("urgency." + string(x.Urgency)),
				x.Reported.In(r.Kit.Zone).Format("2006-01-02 15:04:05"), seconds(x.First), seconds(x.Full), seconds(x.UsualFirst), seconds(x.UsualFull),
				r.P.T("receiver." + string(t.Receiver)), seconds(t.After), org.NameOf(t.By), r.P.Count(t.Level), r.P.Count(t.Pass)})
		}
	}
	return r.Table(w, "drills", header, slices.Values(lines))
}

// seconds writes a time for a spreadsheet; "" for what is missing.
func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.Itoa(int(d.Round(time.Second) / time.Second))
}
