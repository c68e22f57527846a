package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// Stocks are the verbs of counting that have an operation.
type Stocks interface {
	Stocks(ctx context.Context, by access.Actor) ([]asset.StockTake, error)
	Stock(ctx context.Context, by access.Actor, stock string) (asset.StockView, error)
	OpenStock(ctx context.Context, by access.Actor, n asset.NewStock) (*asset.StockTake, error)
	SeenAll(ctx context.Context, by access.Actor, stock string, codes []string, how, place string) ([]asset.StockSeen, error)
	Unsee(ctx context.Context, by access.Actor, sighting string) error
	NoteStock(ctx context.Context, by access.Actor, stock string, numbers []string, done, text string) error
	RemindStock(ctx context.Context, by access.Actor, stock string) (letters int, err error)
	FinishStock(ctx context.Context, by access.Actor, stock, hash string) (*asset.StockTake, error)
	StockSealOf(ctx context.Context, by access.Actor, stock string) (asset.StockSeal, error)
}

// StockRef names a count.
type StockRef struct {
	Stock string `path:"stock" maxLength:"100" doc:"Label or id."`
}

// StockTake is one count of what the company has.
type StockTake struct {
	ID          string     `json:"id"`
	Label       string     `json:"label" example:"STK-2026-0001"`
	Title       string     `json:"title"`
	Departments []string   `json:"departments,omitempty" doc:"Ids, with those below them; none: the whole company."`
	Kinds       []string   `json:"kinds,omitempty"`
	OpenedBy    *PersonRef `json:"opened_by,omitempty"`
	Opened      time.Time  `json:"opened"`
	Due         string     `json:"due" doc:"The last day."`
	FinishedBy  *PersonRef `json:"finished_by,omitempty"`
	Finished    time.Time  `json:"finished,omitzero"`
	Expected    int        `json:"expected" doc:"Things on the list."`
	Erased      time.Time  `json:"erased,omitzero" doc:"When the content was erased."`
}

type stockWhole struct {
	StockTake
	Totals    asset.StockTotals `json:"totals" doc:"Of what you may see."`
	Hash      string            `json:"hash,omitempty" doc:"Goes with finishing, for who may."`
	MayCount  bool              `json:"may_count"`
	MayFinish bool              `json:"may_finish"`
}

type stocksOut struct {
	Body struct {
		Items []StockTake `json:"items"`
	}
}

type stockOut struct{ Body stockWhole }

type openStockIn struct {
	Body struct {
		Title       string   `json:"title"`
		Departments []string `json:"departments,omitempty" doc:"Ids or codes; none: the whole company."`
		Kinds       []string `json:"kinds,omitempty"`
		Due         string   `json:"due" doc:"The last day, such as 2026-03-31."`
	}
}

type openStockOut struct {
	Location string `header:"Location"`
	Body     stockWhole
}

type stockLinesIn struct {
	StockRef
	Result string `query:"result" enum:"found,met,missing,twice"`
	Kind   string `query:"kind"`
	Text   string `query:"q" doc:"Part of the number, model or place."`
	After  string `query:"after" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

// StockLine is one thing of a list with what was seen of it.
type StockLine struct {
	Number string           `json:"number"`
	Kind   string           `json:"kind"`
	Model  string           `json:"model,omitempty"`
	Keeper *PersonRef       `json:"keeper,omitempty"`
	Place  string           `json:"place,omitempty"`
	Result string           `json:"result" enum:"found,met,missing,twice"`
	Seen   []stockSeenAt    `json:"seen,omitempty"`
	Note   *stockNoteViewed `json:"note,omitempty"`
}

type stockSeenAt struct {
	Sighting string     `json:"sighting"`
	By       *PersonRef `json:"by,omitempty"`
	At       time.Time  `json:"at"`
	Place    string     `json:"place,omitempty"`
	How      string     `json:"how"`
}

type stockNoteViewed struct {
	Done string     `json:"done"`
	Text string     `json:"text,omitempty"`
	By   *PersonRef `json:"by,omitempty"`
	At   time.Time  `json:"at"`
}

type stockLinesOut struct {
	Body struct {
		Items []StockLine `json:"items"`
		Next  string      `json:"next" doc:"Give it as after to get the next page; empty on the last."`
	}
}

type seenIn struct {
	StockRef
	Body struct {
		Codes []string `json:"codes" maxItems:"200" doc:"Our numbers, or what the codes of labels say."`
		How   string   `json:"how,omitempty" enum:"camera,photo,typed" doc:"typed when absent."`
		Place string   `json:"place,omitempty" doc:"Where they lie."`
	}
}

type seenOut struct {
	Body struct {
		Items []stockSeenView `json:"items"`
	}
}

type stockSeenView struct {
	Code     string `json:"code" doc:"As it was sent."`
	Number   string `json:"number,omitempty" doc:"Absent when it is no code of ours."`
	Result   string `json:"result,omitempty" enum:"found,twice,again,outside,unknown"`
	Why      string `json:"why,omitempty"`
	Sighting string `json:"sighting,omitempty" doc:"To take it back with."`
}

type stockNotesIn struct {
	StockRef
	Body struct {
		Numbers []string `json:"numbers"`
		Done    string   `json:"done" enum:"searching,reported,lent,moved,disposed,entry_wrong,other"`
		Text    string   `json:"text,omitempty"`
	}
}

type remindStockOut struct {
	Body struct {
		Letters int `json:"letters"`
	}
}

type finishStockIn struct {
	StockRef
	Body struct {
		Hash string `json:"hash" doc:"Of the count that you have looked at."`
	}
}

type sealOut struct {
	Body struct {
		Label string `json:"label"`
		CSV   []byte `json:"csv" doc:"Every thing and what was seen of it. The signed bytes, in base64."`
		Data  []byte `json:"data" doc:"What the paper says, as JSON. The signed bytes, in base64."`
		Note  string `json:"note" doc:"Signed note over both."`
	}
}

// SightingRef names what somebody has counted.
type SightingRef struct {
	Sighting string `path:"sighting" maxLength:"100"`
}

func (s *server) stockRoutes() {
	if s.Stocks == nil {
		return
	}
	const at, tag = "/stock-takes/{stock}", "stock-takes"
	add(s, op(http.MethodGet, "/stock-takes", "list-stock-takes", tag, "The counts that you have to do with, newest first"), s.listStocks)
	create := op(http.MethodPost, "/stock-takes", "open-stock-take", tag, "Open a count: the list is frozen as the ledger is now")
	create.DefaultStatus = http.StatusCreated
	add(s, create, s.openStock)
	add(s, op(http.MethodGet, at, "get-stock-take", tag, "One count with its figures"),
		func(ctx context.Context, by access.Actor, in *StockRef) (*stockOut, error) {
			return s.stockNow(ctx, by, in.Stock, nil)
		})
	add(s, op(http.MethodGet, at+"/lines", "list-stock-lines", tag, "The things of a count, by number"), s.stockLines)
	add(s, op(http.MethodPost, at+"/seen", "count-things", tag, "Count things, all in one commit"), s.stockSeen)
	add(s, op(http.MethodDelete, "/stock-sightings/{sighting}", "undo-sighting", tag, "Take back what was counted"),
		func(ctx context.Context, by access.Actor, in *SightingRef) (*none, error) {
			return nil, s.Stocks.Unsee(ctx, by, in.Sighting)
		})
	add(s, op(http.MethodPost, at+"/notes", "note-missing", tag, "Write what was done about things that were not seen"),
		func(ctx context.Context, by access.Actor, in *stockNotesIn) (*stockOut, error) {
			return s.stockNow(ctx, by, in.Stock, s.Stocks.NoteStock(ctx, by, in.Stock, in.Body.Numbers, in.Body.Done, in.Body.Text))
		})
	add(s, op(http.MethodPost, at+"/remind", "remind-keepers", tag, "Write to everybody who keeps what was not seen, at most once a day"),
		func(ctx context.Context, by access.Actor, in *StockRef) (*remindStockOut, error) {
			n, err := s.Stocks.RemindStock(ctx, by, in.Stock)
			out := &remindStockOut{}
			out.Body.Letters = n
			return out, err
		})
	add(s, op(http.MethodPost, at+"/finish", "finish-stock-take", tag, "End a count and sign what came of it"),
		func(ctx context.Context, by access.Actor, in *finishStockIn) (*stockOut, error) {
			_, err := s.Stocks.FinishStock(ctx, by, in.Stock, in.Body.Hash)
			return s.stockNow(ctx, by, in.Stock, err)
		})
	add(s, op(http.MethodGet, at+"/result", "get-stock-result", tag, "The signed result, as `sekimori stock-take verify` checks it"), s.stockResult)
}

func (s *server) listStocks(ctx context.Context, by access.Actor, _ *none) (*stocksOut, error) {
	all, err := s.Stocks.Stocks(ctx, by)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &stocksOut{}
	out.Body.Items = []StockTake{}
	for _, t := range all {
		out.Body.Items = append(out.Body.Items, stockOf(o, t))
	}
	return out, nil
}

func (s *server) openStock(ctx context.Context, by access.Actor, in *openStockIn) (*openStockOut, error) {
	n := asset.NewStock{Title: in.Body.Title}
	for _, given := range in.Body.Departments {
		d, err := s.department(ctx, given)
		if err != nil {
			return nil, err
		}
		n.Departments = append(n.Departments, d)
	}
	for _, k := range in.Body.Kinds {
		n.Kinds = append(n.Kinds, asset.Kind(k))
	}
	if in.Body.Due != "" {
		due, err := jpcal.ParseDate(in.Body.Due)
		if err != nil {
			var c fault.Check
			c.Add("due", "api.bad_time", nil)
			return nil, c.Err()
		}
		n.Due = due
	}
	t, err := s.Stocks.OpenStock(ctx, by, n)
	if err != nil {
		return nil, err
	}
	now, err := s.stockNow(ctx, by, t.ID, nil)
	if err != nil {
		return nil, err
	}
	return &openStockOut{Location: v1 + "/stock-takes/" + t.Label, Body: now.Body}, nil
}

// stockNow answers with a count after an act, whose error comes first.
func (s *server) stockNow(ctx context.Context, by access.Actor, stock string, err error) (*stockOut, error) {
	if err != nil {
		return nil, err
	}
	v, err := s.Stocks.Stock(ctx, by, stock)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &stockOut{Body: stockWhole{StockTake: stockOf(o, v.StockTake), Totals: v.Totals, Hash: v.Hash, MayCount: v.MayCount, MayFinish: v.MayFinish}}, nil
}

func (s *server) stockLines(ctx context.Context, by access.Actor, in *stockLinesIn) (*stockLinesOut, error) {
	v, err := s.Stocks.Stock(ctx, by, in.Stock)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	rows, next := v.Rows(o, asset.StockQuery{Result: asset.StockResult(in.Result), Kind: asset.Kind(in.Kind), Text: in.Text, After: in.After, Limit: in.Limit})
	out := &stockLinesOut{}
	out.Body.Items, out.Body.Next = make([]StockLine, 0, len(rows)), next
	for _, r := range rows {
		l := StockLine{Number: r.Number, Kind: string(r.Kind), Model: r.Model, Keeper: refOf(o, r.Keeper), Place: r.Place, Result: string(r.Result)}
		for _, g := range r.Seen {
			l.Seen = append(l.Seen, stockSeenAt{Sighting: g.ID, By: refOf(o, g.By), At: g.At, Place: g.Place, How: g.How})
		}
		if r.Note.Done != "" {
			l.Note = &stockNoteViewed{Done: r.Note.Done, Text: r.Note.Text, By: refOf(o, r.Note.By), At: r.Note.At}
		}
		out.Body.Items = append(out.Body.Items, l)
	}
	return out, nil
}

func (s *server) stockSeen(ctx context.Context, by access.Actor, in *seenIn) (*seenOut, error) {
	how := in.Body.How
	if how == "" {
		how = asset.StockByHand
	}
	seen, err := s.Stocks.SeenAll(ctx, by, in.Stock, in.Body.Codes, how, in.Body.Place)
	if err != nil {
		return nil, err
	}
	out := &seenOut{}
	out.Body.Items = make([]stockSeenView, 0, len(seen))
	for _, x := range seen {
		out.Body.Items = append(out.Body.Items, stockSeenView{Code: x.Code, Number: x.Number, Result: string(x.Result), Why: x.Why, Sighting: x.Sighting})
	}
	return out, nil
}

func (s *server) stockResult(ctx context.Context, by access.Actor, in *StockRef) (*sealOut, error) {
	v, err := s.Stocks.Stock(ctx, by, in.Stock)
	if err != nil {
		return nil, err
	}
	seal, err := s.Stocks.StockSealOf(ctx, by, in.Stock)
	if err != nil {
		return nil, err
	}
	out := &sealOut{}
	out.Body.Label, out.Body.CSV, out.Body.Data, out.Body.Note = v.Label, seal.CSV, seal.Data, seal.Note
	return out, nil
}

func stockOf(o *directory.Org, t asset.StockTake) StockTake {
	v := StockTake{ID: t.ID, Label: t.Label, Title: t.Title, Departments: t.Departments, OpenedBy: refOf(o, t.OpenedBy), Opened: t.OpenedAt,
		Due: t.Due.String(), FinishedBy: refOf(o, t.FinishedBy), Finished: t.FinishedAt, Expected: t.Expected, Erased: t.ErasedAt}
	for _, k := range t.Kinds {
		v.Kinds = append(v.Kinds, string(k))
	}
	return v
}
