package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// TakeOuts are the verbs of take-outs that have an operation.
type TakeOuts interface {
	KeepManifest(ctx context.Context, by access.Actor, lines []takeout.Line) (takeout.Manifest, error)
	ManifestOf(ctx context.Context, r *request.Request) (takeout.Manifest, error)
	Make(ctx context.Context, by access.Actor, req string) (*takeout.Pass, error)
	Leave(ctx context.Context, by access.Actor, d takeout.Departure) (*takeout.Pass, error)
	Arrive(ctx context.Context, by access.Actor, in takeout.Press) (*takeout.Pass, error)
	Delay(ctx context.Context, by access.Actor, in takeout.Press) (*takeout.Pass, error)
	Back(ctx context.Context, by access.Actor, in takeout.Press) (*takeout.Pass, error)
	Cancel(ctx context.Context, by access.Actor, in takeout.Press, reason string) (*takeout.Pass, error)
	Lose(ctx context.Context, by access.Actor, pass string) (*takeout.Pass, error)
	Confirm(ctx context.Context, by access.Actor, pass string, said []takeout.Said) (*takeout.Pass, error)
	Get(ctx context.Context, by access.Actor, pass string) (takeout.View, error)
	List(ctx context.Context, by access.Actor, q takeout.Query) (takeout.Page, error)
}

// maxManifest is how many bytes a manifest may have as it is sent.
const maxManifest = 4 << 20

// TakeOutRef names a carry pass.
type TakeOutRef struct {
	TakeOut string `path:"takeout" maxLength:"100" doc:"Label or id."`
}

// TakeOutView is one carry pass.
type TakeOutView struct {
	ID         string        `json:"id"`
	Label      string        `json:"label" example:"TKO-2026-0001"`
	Request    string        `json:"request,omitempty" doc:"Id of the approved application that it has used up."`
	Person     *PersonRef    `json:"person" doc:"The carrier."`
	State      string        `json:"state" enum:"ready,moving,there,home,office,closed,lost,cancelled,lapsed"`
	Late       bool          `json:"late" doc:"Not where the carrier was expected."`
	Overdue    bool          `json:"overdue" doc:"The approved time is over and not everything is accounted for."`
	Made       time.Time     `json:"made"`
	From       time.Time     `json:"from,omitzero"`
	Until      time.Time     `json:"until"`
	Expected   time.Time     `json:"expected,omitzero" doc:"Arrival of the open leg."`
	Over       time.Time     `json:"over,omitzero"`
	Step       int           `json:"step" doc:"Grows with each press of the carrier. Given with a press, one of an older state is refused."`
	Items      []takeOutItem `json:"items"`
	Purpose    string        `json:"purpose,omitempty"`
	To         string        `json:"where,omitempty"`
	Way        string        `json:"way,omitempty" enum:"foot,car,courier,post,electronic"`
	Owners     []string      `json:"owners,omitempty" doc:"Whose data."`
	Kinds      []string      `json:"kinds,omitempty" doc:"Of personal data; none alone for none."`
	People     int           `json:"headcount,omitempty"`
	Certainty  string        `json:"certainty,omitempty" enum:"known,estimated,unknown"`
	Legs       []takeOutLeg  `json:"legs,omitempty"`
	Loss       *takeOutLoss  `json:"loss,omitempty" doc:"What a loss would mean."`
	Incident   string        `json:"incident,omitempty" doc:"Number of the case of its loss."`
	Why        string        `json:"why,omitempty" doc:"Of a cancellation."`
	ErasedAt   time.Time     `json:"erased_at,omitzero" doc:"When it was forgotten, after the retention, who carried what."`
	ManifestID string        `json:"manifest,omitempty"`
}

type takeOutItem struct {
	Kind    string     `json:"kind" enum:"files,manifest,paper,thing"`
	Name    string     `json:"name,omitempty"`
	Count   int        `json:"count"`
	Number  string     `json:"number,omitempty" doc:"In the ledger."`
	Outcome string     `json:"outcome,omitempty" enum:"returned,destroyed,given"`
	Note    string     `json:"note,omitempty"`
	By      *PersonRef `json:"by,omitempty" doc:"Who confirmed it: never the carrier."`
	At      time.Time  `json:"at,omitzero"`
}

type takeOutLeg struct {
	To       string    `json:"to" enum:"destination,office,home"`
	Goal     string    `json:"goal,omitempty"`
	Left     time.Time `json:"left"`
	Expected time.Time `json:"expected"`
	Delays   int       `json:"delays,omitempty"`
	Arrived  time.Time `json:"arrived,omitzero"`
}

type takeOutLoss struct {
	Verdict string          `json:"verdict" enum:"would,might,unknown,no" doc:"Would a loss have to be reported to the authorities? unknown is never no."`
	People  int             `json:"people" doc:"What the damage would be estimated from, with the kinds."`
	Grounds []takeOutGround `json:"grounds"`
}

type takeOutGround struct {
	ID       string `json:"id" enum:"sensitive,financial,purpose,many,my_number"`
	Law      string `json:"law"`
	MoreThan int    `json:"more_than" doc:"People."`
	Verdict  string `json:"verdict" enum:"would,might,unknown,no"`
	Citation string `json:"citation"`
	URL      string `json:"url"`
	From     string `json:"effective_from"`
	Checked  string `json:"checked_at"`
	Verified bool   `json:"verified"`
}

type manifestView struct {
	ID     string         `json:"id"`
	Files  int            `json:"files"`
	Bytes  int64          `json:"bytes"`
	SHA256 string         `json:"sha256" doc:"Of the lines as they are kept; part of what is approved."`
	Kinds  []string       `json:"kinds,omitempty"`
	Lines  []takeout.Line `json:"lines,omitempty"`
}

type takeOutsIn struct {
	Person     string `query:"person" doc:"Carrier: id or employee number."`
	Department string `query:"department" doc:"Id of the carrier's department."`
	State      string `query:"state" enum:"ready,moving,there,home,office,closed,lost,cancelled,lapsed"`
	Open       bool   `query:"open" doc:"Only those of which something is still to happen."`
	Late       bool   `query:"late" doc:"Only who is late, or has things too long."`
	Text       string `query:"q" doc:"Part of the label, the purpose, where to, or what is carried."`
	After      string `query:"after" doc:"The next of the page before."`
	Limit      int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type takeOutsOut struct {
	Body struct {
		Items []TakeOutView `json:"items"`
		Next  string        `json:"next" doc:"Give it as after to get the next page; empty on the last."`
	}
}

type takeOutOut struct{ Body TakeOutView }

type madeTakeOut struct {
	Location string `header:"Location"`
	Body     TakeOutView
}

type makeTakeOutIn struct {
	Body struct {
		Request string `json:"request" doc:"The approved application: id or label."`
	}
}

type leaveIn struct {
	TakeOutRef
	Body struct {
		Place    string    `json:"place,omitempty" enum:"destination,office,home" default:"destination"`
		Goal     string    `json:"goal,omitempty" doc:"Of a destination, in words; that of the application when absent."`
		Expected time.Time `json:"expected" doc:"Arrival."`
		Rules    bool      `json:"rules" doc:"The carrier has read the rules of the way."`
		Step     int       `json:"step,omitempty"`
	}
}

type pressIn struct {
	TakeOutRef
	Body struct {
		Step   int    `json:"step,omitempty" doc:"As it was shown: a press about an older state is refused."`
		Reason string `json:"reason,omitempty" doc:"Of a cancellation."`
	}
}

type confirmTakeOutIn struct {
	TakeOutRef
	Body struct {
		Items []struct {
			Item    int    `json:"item" minimum:"0" doc:"Place in items, from 0."`
			Outcome string `json:"outcome" enum:"returned,destroyed,given"`
			Note    string `json:"note,omitempty" doc:"How it was destroyed, or who has received it."`
		} `json:"items"`
	}
}

type manifestOut struct{ Body manifestView }

func (s *server) takeOutRoutes() {
	if s.TakeOuts == nil {
		return
	}
	const at, tag = "/take-outs/{takeout}", "take-outs"
	s.manifestRoutes(tag)
	add(s, op(http.MethodGet, "/take-outs", "list-take-outs", tag, "The carry passes that you may see, newest first"), s.listTakeOuts)
	create := op(http.MethodPost, "/take-outs", "make-take-out", tag, "Make the carry pass of an approved application, which is used up")
	create.DefaultStatus = http.StatusCreated
	add(s, create, func(ctx context.Context, by access.Actor, in *makeTakeOutIn) (*madeTakeOut, error) {
		p, err := s.TakeOuts.Make(ctx, by, in.Body.Request)
		if err != nil {
			return nil, err
		}
		now, err := s.takeOutNow(ctx, by, p.ID, nil)
		if err != nil {
			return nil, err
		}
		return &madeTakeOut{Location: v1 + "/take-outs/" + p.Label, Body: now.Body}, nil
	})
	add(s, op(http.MethodGet, at, "get-take-out", tag, "One carry pass"), func(ctx context.Context, by access.Actor, in *TakeOutRef) (*takeOutOut, error) {
		return s.takeOutNow(ctx, by, in.TakeOut, nil)
	})
	add(s, op(http.MethodPost, at+"/leave", "leave-take-out", tag, "Begin a leg, having read the rules of the way"), func(ctx context.Context, by access.Actor, in *leaveIn) (*takeOutOut, error) {
		_, err := s.TakeOuts.Leave(ctx, by, takeout.Departure{Press: takeout.Press{Pass: in.TakeOut, Step: in.Body.Step}, To: takeout.Place(in.Body.Place), Goal: in.Body.Goal,
			Expected: in.Body.Expected, Rules: in.Body.Rules})
		return s.takeOutNow(ctx, by, in.TakeOut, err)
	})
	for _, verb := range []struct {
		path, id, summary string
		do                func(ctx context.Context, by access.Actor, in takeout.Press) (*takeout.Pass, error)
	}{
		{"/arrive", "arrive-take-out", "The carrier is where the leg leads", s.TakeOuts.Arrive},
		{"/delay", "delay-take-out", "The carrier will be half an hour later", s.TakeOuts.Delay},
		{"/back", "back-take-out", "The carrier is in the office again; somebody else confirms what came back", s.TakeOuts.Back},
	} {
		add(s, op(http.MethodPost, at+verb.path, verb.id, tag, verb.summary), func(ctx context.Context, by access.Actor, in *pressIn) (*takeOutOut, error) {
			_, err := verb.do(ctx, by, takeout.Press{Pass: in.TakeOut, Step: in.Body.Step})
			return s.takeOutNow(ctx, by, in.TakeOut, err)
		})
	}
	add(s, op(http.MethodPost, at+"/cancel", "cancel-take-out", tag, "Give a pass back before leaving"), func(ctx context.Context, by access.Actor, in *pressIn) (*takeOutOut, error) {
		_, err := s.TakeOuts.Cancel(ctx, by, takeout.Press{Pass: in.TakeOut, Step: in.Body.Step}, in.Body.Reason)
		return s.takeOutNow(ctx, by, in.TakeOut, err)
	})
	add(s, op(http.MethodPost, at+"/lost", "lose-take-out", tag, "Report everything that is carried as lost: files the case with the list"), func(ctx context.Context, by access.Actor, in *TakeOutRef) (*takeOutOut, error) {
		_, err := s.TakeOuts.Lose(ctx, by, in.TakeOut)
		return s.takeOutNow(ctx, by, in.TakeOut, err)
	})
	add(s, op(http.MethodPost, at+"/confirm", "confirm-take-out", tag, "Confirm, as another person than the carrier, what became of items"), func(ctx context.Context, by access.Actor, in *confirmTakeOutIn) (*takeOutOut, error) {
		var said []takeout.Said
		for _, x := range in.Body.Items {
			said = append(said, takeout.Said{Item: x.Item, Outcome: takeout.Outcome(x.Outcome), Note: x.Note})
		}
		_, err := s.TakeOuts.Confirm(ctx, by, in.TakeOut, said)
		return s.takeOutNow(ctx, by, in.TakeOut, err)
	})
}

// manifestRoutes are those of the lists of files.
func (s *server) manifestRoutes(tag string) {
	keep := op(http.MethodPost, "/take-out-manifests", "keep-manifest", tag, "Keep the list of the files of a take-out that is asked for next")
	schemas := s.huma.OpenAPI().Components.Schemas
	keep.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[[]takeout.Line](), true, "")}}}
	keep.Responses = map[string]*huma.Response{"201": {Description: "Kept", Content: map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[manifestView](), true, "")}}}}
	s.stream["POST "+keep.Path] = maxManifest
	s.plain(keep, s.keepManifest)
	add(s, op(http.MethodGet, "/requests/{request}/manifest", "get-manifest", tag, "The files that an application for a take-out names"),
		func(ctx context.Context, by access.Actor, in *RequestRef) (*manifestOut, error) {
			v, err := s.Requests.Get(ctx, by, in.Request)
			if err != nil {
				return nil, err
			}
			m, err := s.TakeOuts.ManifestOf(ctx, v.Request)
			if err != nil {
				return nil, err
			}
			return &manifestOut{Body: manifestOf(m)}, nil
		})
}

func manifestOf(m takeout.Manifest) manifestView {
	return manifestView{ID: m.ID, Files: len(m.Lines), Bytes: m.Bytes(), SHA256: m.SHA256, Kinds: m.Kinds(), Lines: m.Lines}
}

func (s *server) keepManifest(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return cutOff(err)
	}
	var lines []takeout.Line
	if err := json.Unmarshal(raw, &lines); err != nil {
		return fault.New(fault.Invalid, "fault.bad_json", nil)
	}
	m, err := s.TakeOuts.KeepManifest(r.Context(), by, lines)
	if err != nil {
		return err
	}
	out := manifestOf(m)
	out.Lines = nil
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(out)
}

func (s *server) listTakeOuts(ctx context.Context, by access.Actor, in *takeOutsIn) (*takeOutsOut, error) {
	person, err := s.person(ctx, in.Person)
	if err != nil {
		return nil, err
	}
	if in.After != "" && !id.Valid("tko", in.After) {
		return nil, badCursor()
	}
	page, err := s.TakeOuts.List(ctx, by, takeout.Query{Person: person, Department: in.Department, State: takeout.State(in.State), Open: in.Open, Late: in.Late, Text: in.Text,
		After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &takeOutsOut{}
	out.Body.Items, out.Body.Next = make([]TakeOutView, 0, len(page.Rows)), page.Next
	for _, r := range page.Rows {
		out.Body.Items = append(out.Body.Items, takeOutOf(o, r))
	}
	return out, nil
}

// takeOutNow answers with a pass after an act, whose error comes first.
func (s *server) takeOutNow(ctx context.Context, by access.Actor, pass string, err error) (*takeOutOut, error) {
	if err != nil {
		return nil, err
	}
	v, err := s.TakeOuts.Get(ctx, by, pass)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := takeOutOf(o, v.Row)
	if v.ErasedAt.IsZero() {
		out.Loss = &takeOutLoss{Verdict: string(v.Judged.Verdict), People: v.Judged.People}
		for _, f := range v.Judged.Findings {
			out.Loss.Grounds = append(out.Loss.Grounds, takeOutGround{ID: f.ID, Law: f.Law, MoreThan: f.MoreThan, Verdict: string(f.Verdict), Citation: f.Citation, URL: f.URL,
				From: f.From.String(), Checked: f.Checked.String(), Verified: f.Verified})
		}
	}
	return &takeOutOut{Body: out}, nil
}

func takeOutOf(o *directory.Org, r takeout.Row) TakeOutView {
	p, f := r.Pass, r.Form
	v := TakeOutView{ID: p.ID, Label: p.Label, Request: p.Request, Person: refOf(o, p.Person), State: string(p.State), Late: r.IsLate, Overdue: r.IsOverdue, Made: p.Made, From: f.From,
		Until: p.Until, Expected: p.Expected, Over: p.Over, Step: p.Step, Items: []takeOutItem{}, Purpose: f.Purpose, To: f.To, Way: string(f.Way), Owners: f.Owners, Kinds: f.Kinds,
		People: f.People, Certainty: string(f.Certainty), Incident: p.Case, Why: p.Why, ErasedAt: p.ErasedAt, ManifestID: f.Manifest}
	for n, i := range f.Items {
		x := takeOutItem{Kind: string(i.Kind), Name: i.Name, Count: i.Count, Number: i.Number}
		if a, done := p.AccountOf(n); done {
			x.Outcome, x.Note, x.By, x.At = string(a.Outcome), a.Note, refOf(o, a.By), a.At
		}
		v.Items = append(v.Items, x)
	}
	for _, l := range p.Legs {
		v.Legs = append(v.Legs, takeOutLeg{To: string(l.To), Goal: l.Goal, Left: l.Left, Expected: l.Expected, Delays: l.Delays, Arrived: l.Arrived})
	}
	return v
}
