package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Requests are the verbs of applications that have an operation.
type Requests interface {
	Kinds() []string
	Submit(ctx context.Context, by access.Actor, n request.New) (*request.Request, error)
	Mend(ctx context.Context, by access.Actor, request string, form json.RawMessage, revision int) (*request.Request, error)
	Withdraw(ctx context.Context, by access.Actor, request, reason string) error
	Decide(ctx context.Context, by access.Actor, d request.Decision) (*request.Request, error)
	Ask(ctx context.Context, by access.Actor, request, text string) error
	Reply(ctx context.Context, by access.Actor, request, text string) error
	Get(ctx context.Context, by access.Actor, request string) (request.View, error)
	List(ctx context.Context, by access.Actor, q request.Query) (request.Page, error)
	Chains(ctx context.Context, by access.Actor) ([]request.Chain, error)
	SetChain(ctx context.Context, by access.Actor, c request.Chain) error
}

// RequestRef names an application.
type RequestRef struct {
	Request string `path:"request" maxLength:"100" doc:"Id or label."`
}

// RequestView is an application as the caller may see it.
type RequestView struct {
	ID        string          `json:"id"`
	Label     string          `json:"label" example:"REQ-2026-0007"`
	Kind      string          `json:"kind"`
	By        *PersonRef      `json:"by" doc:"The applicant."`
	Revision  int             `json:"revision" doc:"Grows each time the applicant mends it."`
	Title     string          `json:"title"`
	About     string          `json:"about,omitempty" doc:"Id of the thing that it is about."`
	Form      json.RawMessage `json:"form,omitempty" doc:"What is asked for, in canonical form."`
	State     string          `json:"state" enum:"waiting,returned,approved,refused,withdrawn,expired"`
	Asked     time.Time       `json:"asked"`
	Deadline  time.Time       `json:"deadline" doc:"Undecided until then, it expires."`
	Ended     time.Time       `json:"ended,omitzero"`
	Reason    string          `json:"reason,omitempty"`
	UsedBy    string          `json:"used_by,omitempty" doc:"Id of what the approval became: an approval is good once."`
	Used      time.Time       `json:"used,omitzero"`
	Digest    string          `json:"digest" doc:"Of what is shown. Goes with a decision, which is refused when the application has changed since."`
	MayDecide bool            `json:"may_decide"`
	DecideFor *PersonRef      `json:"decide_for,omitempty" doc:"The absent person in whose place."`
	MayMend   bool            `json:"may_mend"`
	Steps     []requestStep   `json:"steps,omitempty"`
	Words     []requestWord   `json:"words,omitempty" doc:"Questions and answers, oldest first."`
}

type requestStep struct {
	Role   string         `json:"role"`
	Need   string         `json:"need" enum:"one,all,quorum"`
	Quorum int            `json:"quorum,omitempty"`
	State  string         `json:"state" enum:"later,open,passed,skipped,ended"`
	Why    string         `json:"why,omitempty" doc:"Why it was skipped, or filled by others: a stable name."`
	Opened time.Time      `json:"opened,omitzero"`
	Ended  time.Time      `json:"ended,omitzero"`
	Asked  []requestAsked `json:"asked,omitempty"`
	Stamps []requestStamp `json:"stamps,omitempty"`
}

type requestAsked struct {
	Person *PersonRef `json:"person"`
	For    *PersonRef `json:"for,omitempty"`
	Climb  int        `json:"climb,omitempty" doc:"0: the step's own people; else how often it had climbed."`
	At     time.Time  `json:"at"`
}

type requestStamp struct {
	Person  *PersonRef `json:"person"`
	For     *PersonRef `json:"for,omitempty"`
	Verdict string     `json:"verdict" enum:"approve,refuse,send_back"`
	Note    string     `json:"note,omitempty"`
	Digest  string     `json:"digest"`
	Path    string     `json:"path" enum:"web,link,api"`
	At      time.Time  `json:"at"`
	Carried bool       `json:"carried,omitempty" doc:"The same person's stamp of an earlier step serves here too."`
}

type requestWord struct {
	By       *PersonRef `json:"by"`
	At       time.Time  `json:"at"`
	Question bool       `json:"question"`
	Text     string     `json:"text"`
}

type requestsIn struct {
	Box   string `query:"box" enum:"mine,for_me,decided,every" default:"mine" doc:"mine: your own; for_me: waiting for your decision; decided: you have stamped; every: all, for who may read them."`
	Kind  string `query:"kind"`
	State string `query:"state" enum:"waiting,returned,approved,refused,withdrawn,expired"`
	About string `query:"about" doc:"Id of the thing."`
	Text  string `query:"q" doc:"Part of the label or the title."`
	After string `query:"after" doc:"The next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type requestsOut struct {
	Body struct {
		Items []RequestView `json:"items"`
		Next  string        `json:"next" doc:"Give it as after to get the next page; empty on the last."`
	}
}

type requestOut struct{ Body RequestView }

type submitIn struct {
	Key  string `header:"Idempotency-Key" maxLength:"100" doc:"Names this application: sent again, the first one is given again."`
	Body struct {
		Kind string          `json:"kind"`
		Form json.RawMessage `json:"form" doc:"What the kind asks for. loan: asset or kind, purpose, contents, personal_data, people, device, from, until, read_only. loan_extension: loan, until, why."`
	}
}

type submitOut struct {
	Location string `header:"Location"`
	Body     RequestView
}

type decideIn struct {
	RequestRef
	Body struct {
		Verdict string `json:"verdict" enum:"approve,refuse,send_back"`
		Note    string `json:"note,omitempty" doc:"Needed unless it is approved."`
		Digest  string `json:"digest" doc:"Of the application that you have read."`
	}
}

type mendIn struct {
	RequestRef
	Body struct {
		Form     json.RawMessage `json:"form"`
		Revision int             `json:"revision" doc:"That you have read."`
	}
}

type requestReasonIn struct {
	RequestRef
	Body struct {
		Reason string `json:"reason,omitempty"`
	}
}

type requestTextIn struct {
	RequestRef
	Body struct {
		Text string `json:"text"`
	}
}

// RequestChain is who is asked to decide the applications of one kind.
type RequestChain struct {
	Kind    string      `json:"kind"`
	Version int         `json:"version" doc:"0 is the built-in one."`
	Steps   []chainRule `json:"steps" doc:"One to five."`
	Remind  int         `json:"remind_hours" doc:"A step unanswered for so long is asked again."`
	Climb   int         `json:"climb_hours" doc:"And for so long, also of those above."`
	Life    int         `json:"life_hours" doc:"Nobody decided for so long: it expires, and is not granted."`
}

type chainRule struct {
	Role   string `json:"role" enum:"supervisor,head,approver,protection_manager,it_admin"`
	Need   string `json:"need" enum:"one,all,quorum"`
	Quorum int    `json:"quorum,omitempty"`
}

type chainsOut struct {
	Body struct {
		Items []RequestChain `json:"items"`
	}
}

type chainIn struct {
	Kind string `path:"kind"`
	Body struct {
		Version int         `json:"version" doc:"That the new one is made from."`
		Steps   []chainRule `json:"steps"`
		Remind  int         `json:"remind_hours" maximum:"10000"`
		Climb   int         `json:"climb_hours" maximum:"10000"`
		Life    int         `json:"life_hours" maximum:"10000"`
	}
}

func (s *server) requestRoutes() {
	if s.Requests == nil {
		return
	}
	const at, tag = "/requests/{request}", "requests"
	post := op(http.MethodPost, "/requests", "submit-request", tag, "Ask for something")
	post.DefaultStatus = http.StatusCreated
	post.Description = "The answer comes when it is on disk and those who decide are being asked."
	s.ownKey["POST "+post.Path] = true
	add(s, post, s.submitRequest)
	add(s, op(http.MethodGet, "/requests", "list-requests", tag, "List applications, newest first"), s.listRequests)
	add(s, op(http.MethodGet, at, "get-request", tag, "One application, with who was asked and what was decided"),
		func(ctx context.Context, by access.Actor, in *RequestRef) (*requestOut, error) {
			return s.requestNow(ctx, by, in.Request, nil)
		})
	decide := op(http.MethodPost, at+"/decide", "decide-request", tag, "Approve, refuse or send back what you were asked")
	decide.Description = "Nobody decides their own. The decision is bound to what was read: after a change it is refused with request.changed."
	add(s, decide, func(ctx context.Context, by access.Actor, in *decideIn) (*requestOut, error) {
		_, err := s.Requests.Decide(ctx, by, request.Decision{Request: in.Request, Verdict: request.Verdict(in.Body.Verdict), Note: in.Body.Note, Digest: in.Body.Digest, Path: "api"})
		return s.requestNow(ctx, by, in.Request, err)
	})
	add(s, op(http.MethodPost, at+"/mend", "mend-request", tag, "Put another form in the place of what you asked for; all are asked anew"),
		func(ctx context.Context, by access.Actor, in *mendIn) (*requestOut, error) {
			_, err := s.Requests.Mend(ctx, by, in.Request, in.Body.Form, in.Body.Revision)
			return s.requestNow(ctx, by, in.Request, err)
		})
	add(s, op(http.MethodPost, at+"/withdraw", "withdraw-request", tag, "Take back what you asked for"),
		func(ctx context.Context, by access.Actor, in *requestReasonIn) (*requestOut, error) {
			return s.requestNow(ctx, by, in.Request, s.Requests.Withdraw(ctx, by, in.Request, in.Body.Reason))
		})
	add(s, op(http.MethodPost, at+"/ask", "ask-about-request", tag, "Put a question to the applicant"),
		func(ctx context.Context, by access.Actor, in *requestTextIn) (*requestOut, error) {
			return s.requestNow(ctx, by, in.Request, s.Requests.Ask(ctx, by, in.Request, in.Body.Text))
		})
	add(s, op(http.MethodPost, at+"/reply", "reply-about-request", tag, "Answer a question, as the applicant"),
		func(ctx context.Context, by access.Actor, in *requestTextIn) (*requestOut, error) {
			return s.requestNow(ctx, by, in.Request, s.Requests.Reply(ctx, by, in.Request, in.Body.Text))
		})
	add(s, op(http.MethodGet, "/request-chains", "list-request-chains", tag, "Who is asked to decide what"), s.listChains)
	add(s, op(http.MethodPut, "/request-chains/{kind}", "set-request-chain", tag, "Say anew who decides a kind; what was asked before keeps its own"), s.setChain)
}

// requestNow answers with an application after an act, whose error comes first.
func (s *server) requestNow(ctx context.Context, by access.Actor, label string, err error) (*requestOut, error) {
	if err != nil {
		return nil, err
	}
	v, err := s.Requests.Get(ctx, by, label)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &requestOut{Body: requestOf(o, v)}, nil
}

func (s *server) submitRequest(ctx context.Context, by access.Actor, in *submitIn) (*submitOut, error) {
	if strings.ContainsFunc(in.Key, func(r rune) bool { return r < '!' || r > '~' }) {
		var c fault.Check
		c.Add(KeyHeader, "api.bad_key", fault.Args{"max": fmt.Sprint(maxKey)})
		return nil, c.Err()
	}
	r, err := s.Requests.Submit(ctx, by, request.New{Kind: in.Body.Kind, Form: in.Body.Form, Key: in.Key})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &submitOut{Location: v1 + "/requests/" + r.Label, Body: requestOf(o, request.View{Request: r, Digest: request.Digest(r), Mine: true, MayMend: !r.State.Over()})}, nil
}

func (s *server) listRequests(ctx context.Context, by access.Actor, in *requestsIn) (*requestsOut, error) {
	if in.After != "" && !id.Valid("req", in.After) {
		return nil, badCursor()
	}
	page, err := s.Requests.List(ctx, by, request.Query{Box: request.Box(in.Box), Kind: in.Kind, State: request.State(in.State), About: in.About,
		Text: in.Text, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &requestsOut{}
	out.Body.Items, out.Body.Next = make([]RequestView, 0, len(page.Rows)), page.Next
	for _, v := range page.Rows {
		out.Body.Items = append(out.Body.Items, requestOf(o, v))
	}
	return out, nil
}

func (s *server) listChains(ctx context.Context, by access.Actor, _ *none) (*chainsOut, error) {
	chains, err := s.Requests.Chains(ctx, by)
	if err != nil {
		return nil, err
	}
	out := &chainsOut{}
	out.Body.Items = []RequestChain{}
	for _, c := range chains {
		v := RequestChain{Kind: c.Kind, Version: c.Version, Steps: []chainRule{}, Remind: hours(c.Remind), Climb: hours(c.Climb), Life: hours(c.Life)}
		for _, r := range c.Steps {
			v.Steps = append(v.Steps, chainRule{Role: string(r.Role), Need: string(r.Need), Quorum: r.Quorum})
		}
		out.Body.Items = append(out.Body.Items, v)
	}
	return out, nil
}

func (s *server) setChain(ctx context.Context, by access.Actor, in *chainIn) (*chainsOut, error) {
	c := request.Chain{Kind: in.Kind, Version: in.Body.Version, Remind: time.Duration(in.Body.Remind) * time.Hour,
		Climb: time.Duration(in.Body.Climb) * time.Hour, Life: time.Duration(in.Body.Life) * time.Hour}
	for _, r := range in.Body.Steps {
		c.Steps = append(c.Steps, request.Rule{Role: request.Role(r.Role), Need: request.Need(r.Need), Quorum: r.Quorum})
	}
	if err := s.Requests.SetChain(ctx, by, c); err != nil {
		return nil, err
	}
	return s.listChains(ctx, by, nil)
}

func hours(d time.Duration) int { return int(d / time.Hour) }

func requestOf(o *directory.Org, v request.View) RequestView {
	out := RequestView{ID: v.ID, Label: v.Label, Kind: v.Kind, By: refOf(o, v.By), Revision: v.Revision, Title: v.Title, About: v.About, Form: v.Form,
		State: string(v.State), Asked: v.Asked, Deadline: v.Deadline, Ended: v.Ended, Reason: v.Reason, UsedBy: v.UsedBy, Used: v.UsedAt,
		Digest: v.Digest, MayDecide: v.MayDecide, DecideFor: refOf(o, v.DecideFor), MayMend: v.MayMend}
	for _, x := range v.Steps {
		step := requestStep{Role: string(x.Role), Need: string(x.Need), Quorum: x.Quorum, State: string(x.State), Why: x.Why, Opened: x.Opened, Ended: x.Ended}
		for _, a := range x.Asked {
			step.Asked = append(step.Asked, requestAsked{Person: refOf(o, a.Person), For: refOf(o, a.For), Climb: a.Climb, At: a.At})
		}
		for _, t := range x.Stamps {
			step.Stamps = append(step.Stamps, requestStamp{Person: refOf(o, t.Person), For: refOf(o, t.For), Verdict: string(t.Verdict), Note: t.Note,
				Digest: t.Digest, Path: t.Path, At: t.At, Carried: t.Carried})
		}
		out.Steps = append(out.Steps, step)
	}
	for _, w := range v.Words {
		out.Words = append(out.Words, requestWord{By: refOf(o, w.By), At: w.At, Question: w.Question, Text: w.Text})
	}
	return out
}
