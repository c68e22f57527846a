package requests

import (
	"net/http"
	"net/url"
	"strconv"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/request"
	"sekimori/internal/inbound/web/page"
)

const pageSize = 50

// row is one line of the list.
type row struct {
	Label, Href, Title, Kind, Who, When string
	State                               page.Tag
	Waits                               string // on whom it waits
	Mine                                bool   // it waits for the reader
}

// box is one tab of the list.
type box struct {
	Href, Label string
	Count       int // 0 shows none
	Here        bool
}

type listPage struct {
	page.Base
	Boxes       []box
	Box         string
	Q           string
	Rows        []row
	First, More string
	Self        string
	MayAsk      bool
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	waiting, err := d.Engine.Waiting(r.Context(), r.By)
	if err != nil {
		return err
	}
	v := r.URL.Query()
	q := request.Query{Box: request.Box(v.Get("box")), Text: r.Text("q"), After: v.Get("after"), Limit: pageSize}
	if q.Box == "" {
		switch {
		case waiting > 0:
			q.Box = request.ForMe
		case r.By.May(access.Submit) == nil:
			q.Box = request.Mine
		default:
			q.Box = request.Every
		}
	}
	p := listPage{Base: r.Kit.Base(r, "requests.title", "/requests"), Box: string(q.Box), Q: q.Text, Self: r.URL.RequestURI(),
		MayAsk: len(d.Forms) > 0 && r.By.May(access.Submit) == nil}
	p.EventsURL = "/events"
	p.Boxes = d.boxes(r, q.Box, waiting)
	status := http.StatusOK
	found, err := d.Engine.List(r.Context(), r.By, q)
	if err != nil {
		bad, ok := r.Refused(err, "q")
		if !ok {
			return err
		}
		status, p.Errors = bad.Status, bad.Summary
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	for _, x := range found.Rows {
		if x.By == "" {
			x.Title = r.P.T("requests.erased")
		}
		p.Rows = append(p.Rows, row{Label: x.Label, Href: "/requests/" + x.Label, Title: x.Title, Kind: r.P.T("request.kind." + x.Kind),
			Who: org.NameOf(x.By), When: r.P.DateTime(x.Asked), State: StateTag(r, x.State), Waits: waitsFor(r, x), Mine: x.MayDecide})
	}
	if found.Next != "" {
		p.More = address(q, found.Next)
	}
	if q.After != "" {
		p.First = address(q, "")
	}
	return r.Kit.Render(w, r, status, "requests", p)
}

func (d Deps) boxes(r *page.Request, here request.Box, waiting int) []box {
	var out []box
	for _, b := range []request.Box{request.ForMe, request.Mine, request.Decided, request.Every} {
		if r.By.May(needs(b)) != nil {
			continue
		}
		x := box{Href: "/requests?box=" + string(b), Label: r.P.T("requests.box." + string(b)), Here: b == here}
		if b == request.ForMe {
			x.Count = waiting
		}
		out = append(out, x)
	}
	return out
}

// needs is the permission without which a box is not offered.
func needs(b request.Box) access.Permission {
	switch b {
	case request.Mine:
		return access.Submit
	case request.Every:
		return access.ReadRequests
	}
	return access.Decide
}

// address is the list with the same filters from a place on.
func address(q request.Query, after string) string {
	v := url.Values{"box": {string(q.Box)}}
	if q.Text != "" {
		v.Set("q", q.Text)
	}
	if after != "" {
		v.Set("after", after)
	}
	return "/requests?" + v.Encode()
}

// StateTag is the mark of a state.
func StateTag(r *page.Request, s request.State) page.Tag {
	t := page.Tag{Text: r.P.T("requests.state." + string(s))}
	switch s {
	case request.Waiting:
		t.Kind, t.Icon = "yama", "clock"
	case request.Returned:
		t.Kind, t.Icon = "yama", "pencil"
	case request.Approved:
		t.Kind, t.Icon = "matsu", "circle-check"
	case request.Refused:
		t.Kind, t.Icon = "shu", "x"
	default:
		t.Kind = "quiet"
	}
	return t
}

// waitsFor names on whom an open request waits.
func waitsFor(r *page.Request, v request.View) string {
	open := v.Open()
	if open == nil {
		return ""
	}
	names := names(r, open)
	if len(names) == 0 {
		return r.P.T("requests.waits_nobody")
	}
	if len(names) > 2 {
		return r.P.T("requests.waits_some", "name", names[0], "n", strconv.Itoa(len(names)-1))
	}
	if len(names) == 2 {
		return r.P.T("requests.waits_two", "name", names[0], "other", names[1])
	}
	return r.P.T("requests.waits_one", "name", names[0])
}

// names are of those who were asked on a step and have not decided.
func names(r *page.Request, s *request.Step) []string {
	org, err := r.Org()
	if err != nil {
		return nil
	}
	var out []string
	for _, a := range s.Asked {
		if !stamped(s, a.Person) {
			out = append(out, org.NameOf(a.Person))
		}
	}
	return out
}

func stamped(s *request.Step, person string) bool {
	for _, x := range s.Stamps {
		if x.Person == person {
			return true
		}
	}
	return false
}
