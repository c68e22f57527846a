package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/id"
)

// LoanRef names a loan.
type LoanRef struct {
	Loan string `path:"loan" maxLength:"100" doc:"Label or id."`
}

// LoanView is one lending of one thing to one person for one PC.
type LoanView struct {
	ID          string      `json:"id"`
	Label       string      `json:"label" example:"LOAN-2026-0003"`
	Asset       string      `json:"asset" doc:"Number of the thing."`
	Kind        string      `json:"kind,omitempty"`
	Model       string      `json:"model,omitempty"`
	Request     string      `json:"request" doc:"Id of the approved application that it has used up."`
	Person      *PersonRef  `json:"person" doc:"The borrower."`
	Device      string      `json:"device,omitempty" doc:"Id of the one PC on which it works."`
	From        time.Time   `json:"from"`
	Until       time.Time   `json:"until"`
	ReadOnly    bool        `json:"read_only,omitempty"`
	Purpose     string      `json:"purpose"`
	State       string      `json:"state" enum:"handed,out,ended,back,done,lost,recalled"`
	Overdue     bool        `json:"overdue"`
	HandedBy    *PersonRef  `json:"handed_by,omitempty"`
	Handed      time.Time   `json:"handed"`
	Received    time.Time   `json:"received,omitzero"`
	EndedAt     time.Time   `json:"ended,omitzero" doc:"When its time was over and it was not back."`
	BackBy      *PersonRef  `json:"back_by,omitempty"`
	Back        time.Time   `json:"back,omitzero"`
	ConfirmedBy *PersonRef  `json:"confirmed_by,omitempty"`
	Confirmed   time.Time   `json:"confirmed,omitzero"`
	Content     string      `json:"content,omitempty" enum:"empty,work_files,personal_data,unreadable"`
	Erased      string      `json:"erased,omitempty" enum:"erased,overwritten,crypto_erased,kept"`
	CheckNote   string      `json:"check_note,omitempty"`
	Chased      time.Time   `json:"chased,omitzero"`
	ErasedAt    time.Time   `json:"erased_at,omitzero" doc:"When it was forgotten, after the retention, who had it and what for."`
	Files       []wroteView `json:"files,omitempty" doc:"Written onto it: names, never content."`
}

type wroteView struct {
	Name string    `json:"name"`
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
}

type loansIn struct {
	Person  string `query:"person" doc:"Borrower: id or employee number."`
	Device  string `query:"device"`
	Asset   string `query:"asset" doc:"Number or id."`
	State   string `query:"state" enum:"handed,out,ended,back,done,lost,recalled"`
	Open    bool   `query:"open" doc:"Only those that are not at their end."`
	Overdue bool   `query:"overdue" doc:"Only what should be back."`
	After   string `query:"after" doc:"The next of the page before."`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type loansOut struct {
	Body struct {
		Items []LoanView `json:"items"`
		Next  string     `json:"next" doc:"Give it as after to get the next page; empty on the last."`
	}
}

type loanOut struct{ Body LoanView }

type handOverIn struct {
	Body struct {
		Request string `json:"request" doc:"The approved application: id or label."`
		Asset   string `json:"asset" doc:"Number of the thing that is given out."`
		Device  string `json:"device,omitempty" doc:"That of the application when absent; another is refused."`
	}
}

type handOverOut struct {
	Location string `header:"Location"`
	Body     LoanView
}

type confirmLoanIn struct {
	LoanRef
	Body struct {
		Content string `json:"content,omitempty" enum:"empty,work_files,personal_data,unreadable" doc:"Needed for what a PC can read."`
		Erased  string `json:"erased,omitempty" enum:"erased,overwritten,crypto_erased,kept"`
		Note    string `json:"note,omitempty" doc:"Needed when the content was kept."`
	}
}

type loanReasonIn struct {
	LoanRef
	Body struct {
		Reason string `json:"reason"`
	}
}

type extendIn struct {
	Body struct {
		Request string `json:"request" doc:"The approved application for an extension."`
	}
}

func (s *server) loanRoutes() {
	if s.Assets == nil {
		return
	}
	const at, tag = "/loans/{loan}", "loans"
	add(s, op(http.MethodGet, "/loans", "list-loans", tag, "The loans that you may see, newest first"), s.listLoans)
	give := op(http.MethodPost, "/loans", "hand-over", tag, "Give a thing out under an approved application, which is used up")
	give.DefaultStatus = http.StatusCreated
	add(s, give, s.handOver)
	add(s, op(http.MethodPost, "/loans/extend", "extend-loan", tag, "Use an approved application to keep a thing for longer"),
		func(ctx context.Context, by access.Actor, in *extendIn) (*loanOut, error) {
			l, err := s.Assets.Extend(ctx, by, in.Body.Request)
			if err != nil {
				return nil, err
			}
			return s.loanNow(ctx, by, l.ID, nil)
		})
	add(s, op(http.MethodGet, at, "get-loan", tag, "One loan, with the files that were written"),
		func(ctx context.Context, by access.Actor, in *LoanRef) (*loanOut, error) {
			return s.loanNow(ctx, by, in.Loan, nil)
		})
	for _, verb := range []struct {
		path, id, summary string
		do                func(ctx context.Context, by access.Actor, loan string) (*asset.Loan, error)
	}{
		{"/receive", "receive-loan", "The borrower has it: from now on it works on its PC", s.Assets.Receive},
		{"/take-back", "take-back-loan", "It is back and works no more; somebody else confirms what is on it", s.Assets.TakeBack},
		{"/chase", "chase-loan", "Ask the borrower once more, at most once a day", s.Assets.Chase},
	} {
		add(s, op(http.MethodPost, at+verb.path, verb.id, tag, verb.summary),
			func(ctx context.Context, by access.Actor, in *LoanRef) (*loanOut, error) {
				_, err := verb.do(ctx, by, in.Loan)
				return s.loanNow(ctx, by, in.Loan, err)
			})
	}
	add(s, op(http.MethodPost, at+"/confirm", "confirm-loan", tag, "Confirm content and erasure, as a third person"),
		func(ctx context.Context, by access.Actor, in *confirmLoanIn) (*loanOut, error) {
			_, err := s.Assets.Confirm(ctx, by, asset.Check{Loan: in.Loan, Content: in.Body.Content, Erased: in.Body.Erased, Note: in.Body.Note})
			return s.loanNow(ctx, by, in.Loan, err)
		})
	add(s, op(http.MethodPost, at+"/recall", "recall-loan", tag, "Call a loan back before its end"),
		func(ctx context.Context, by access.Actor, in *loanReasonIn) (*loanOut, error) {
			_, err := s.Assets.Recall(ctx, by, in.Loan, in.Body.Reason)
			return s.loanNow(ctx, by, in.Loan, err)
		})
}

func (s *server) listLoans(ctx context.Context, by access.Actor, in *loansIn) (*loansOut, error) {
	person, err := s.person(ctx, in.Person)
	if err != nil {
		return nil, err
	}
	if in.After != "" && !id.Valid("lon", in.After) {
		return nil, badCursor()
	}
	page, err := s.Assets.Loans(ctx, by, asset.LoanQuery{Person: person, Device: in.Device, Asset: in.Asset, State: asset.LoanState(in.State),
		Open: in.Open, Overdue: in.Overdue, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &loansOut{}
	out.Body.Items, out.Body.Next = make([]LoanView, 0, len(page.Rows)), page.Next
	for _, r := range page.Rows {
		out.Body.Items = append(out.Body.Items, loanOf(o, r))
	}
	return out, nil
}

func (s *server) handOver(ctx context.Context, by access.Actor, in *handOverIn) (*handOverOut, error) {
	l, err := s.Assets.HandOver(ctx, by, asset.HandOver{Request: in.Body.Request, Asset: in.Body.Asset, Device: in.Body.Device})
	if err != nil {
		return nil, err
	}
	now, err := s.loanNow(ctx, by, l.ID, nil)
	if err != nil {
		return nil, err
	}
	return &handOverOut{Location: v1 + "/loans/" + l.Label, Body: now.Body}, nil
}

// loanNow answers with a loan after an act, whose error comes first.
func (s *server) loanNow(ctx context.Context, by access.Actor, loan string, err error) (*loanOut, error) {
	if err != nil {
		return nil, err
	}
	v, err := s.Assets.Loan(ctx, by, loan)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := loanOf(o, v.LoanRow)
	for _, f := range v.Files {
		out.Files = append(out.Files, wroteView{Name: f.Name, Size: f.Size, At: f.At})
	}
	return &loanOut{Body: out}, nil
}

func loanOf(o *directory.Org, r asset.LoanRow) LoanView {
	l := r.Loan
	return LoanView{ID: l.ID, Label: l.Label, Asset: r.Number, Kind: string(r.Kind), Model: r.Model, Request: l.Request, Person: refOf(o, l.Person),
		Device: l.Device, From: l.From, Until: l.Until, ReadOnly: l.ReadOnly, Purpose: l.Purpose, State: string(l.State), Overdue: r.Late,
		HandedBy: refOf(o, l.HandedBy), Handed: l.HandedAt, Received: l.ReceivedAt, EndedAt: l.EndedAt, BackBy: refOf(o, l.BackBy), Back: l.BackAt,
		ConfirmedBy: refOf(o, l.DoneBy), Confirmed: l.DoneAt, Content: l.Content, Erased: l.Erased, CheckNote: l.CheckNote, Chased: l.Chased, ErasedAt: l.ErasedAt}
}
