package page

import (
	"encoding/base64"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// shownEntries bounds each list of a preview; the numbers are always whole.
const shownEntries = 200

// Import is the page on which a list is read from a CSV file: what the file would change is
// shown first, and what is applied is what was shown. The file travels back inside the page's
// form, so that nothing of it is kept here.
type Import struct {
	May  access.Permission
	Home string // page of the list
	At   string // this page, and where files are sent
	Do   string // where the file goes when it is applied
	Max  int64  // bytes of a file

	Heading, ListTitle, Lead, FileHint, ExportHint, Done string // text ids
	Exports                                              []ImportLink

	// Preview says what a file would change; Apply changes it, unless it would change
	// something else by now than version and hash say. Both may give a plan beside an error.
	Preview func(r *Request, raw []byte) (ImportPlan, error)
	Apply   func(r *Request, raw []byte, version, hash string) (ImportPlan, error)
}

// ImportLink leads to the list as a file.
type ImportLink struct{ Href, Label string }

// ImportPlan is what a file would change, in words.
type ImportPlan struct {
	File          string // what the file holds; "" where there is one kind of file only
	Encoding      string
	Lines         int // without the header
	Unchanged     int
	Version, Hash string
	Problems      []ImportProblem
	MoreProblems  int
	Sections      []ImportSection
	Ready         bool   // sound, and it changes something
	Content       string // the file as the form brings it back
}

// ImportProblem is one thing to mend in the file.
type ImportProblem struct {
	Line         int
	Column, Text string
}

// ImportSection is the additions, the changes or the leavers.
type ImportSection struct {
	Title   string
	N, More int
	Entries []ImportEntry
}

// ImportEntry is one line that changes something.
type ImportEntry struct {
	Line      int
	Name, Key string
	Fields    []ImportChange
}

// ImportChange is one field before and after; Was tells an empty one from a new one.
type ImportChange struct {
	Column, Old, New string
	Was              bool
}

// ImportColumn names a column, whose text is prefix and name; "" for none.
func ImportColumn(r *Request, prefix, name string) string {
	if name == "" {
		return ""
	}
	return r.P.T(prefix + name)
}

// Wrong adds a thing to mend: a message about a column.
func (p *ImportPlan) Wrong(r *Request, line int, column, id string, args fault.Args) {
	if len(p.Problems) == shownEntries {
		p.MoreProblems++
		return
	}
	_, fields := r.P.Error(&fault.Error{Kind: fault.Invalid, ID: "fault.invalid", Fields: []fault.Field{{Name: "x", ID: id, Args: args}}})
	p.Problems = append(p.Problems, ImportProblem{line, column, fields["x"]})
}

// Section adds what happens to n lines; entry gives each.
func (p *ImportPlan) Section(title string, n int, entry func(int) ImportEntry) {
	s := ImportSection{Title: title, N: n, More: max(n-shownEntries, 0)}
	for i := range n - s.More {
		s.Entries = append(s.Entries, entry(i))
	}
	p.Sections = append(p.Sections, s)
}

// ready lets a sound plan that changes something be applied.
func (p *ImportPlan) ready(raw []byte) {
	changes := 0
	for _, s := range p.Sections {
		changes += s.N
	}
	if p.Ready = len(p.Problems) == 0 && changes > 0; p.Ready {
		p.Content = base64.StdEncoding.EncodeToString(raw)
	}
}

// Routes lists the page's addresses.
func (d Import) Routes() []Route {
	return []Route{
		{Pattern: "GET " + d.At, Do: d.form},
		{Pattern: "POST " + d.At, Do: d.preview, Stream: true, MaxBody: d.Max + 64<<10},
		{Pattern: "POST " + d.Do, Do: d.apply, MaxBody: d.Max/3*4 + 64<<10}, // as base64, and the form around it
	}
}

type importPage struct {
	Base
	Import
	Plan  *ImportPlan
	Error string
}

func (d Import) form(w http.ResponseWriter, r *Request) error {
	if err := r.By.May(d.May); err != nil {
		return err
	}
	return d.show(w, r, http.StatusOK, ImportPlan{}, nil, Refused{})
}

func (d Import) show(w http.ResponseWriter, r *Request, status int, plan ImportPlan, raw []byte, bad Refused) error {
	p := importPage{Base: r.Kit.Base(r, d.Heading, d.Home), Import: d, Error: bad.Fields["file"]}
	p.Errors = bad.Summary
	if plan.Hash != "" {
		plan.ready(raw)
		p.Plan = &plan
	}
	return r.Kit.Render(w, r, status, "import", p)
}

func (d Import) preview(w http.ResponseWriter, r *Request) error {
	if err := r.By.May(d.May); err != nil {
		return err
	}
	raw, err := r.File(int(d.Max))
	var plan ImportPlan
	if err == nil {
		plan, err = d.Preview(r, raw)
	}
	if err != nil {
		bad, ok := r.Refused(err, "file")
		if !ok {
			return err
		}
		return d.show(w, r, bad.Status, ImportPlan{}, nil, bad)
	}
	status := http.StatusOK
	if len(plan.Problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return d.show(w, r, status, plan, raw, Refused{})
}

// apply does what the preview showed, or shows how things are by now.
func (d Import) apply(w http.ResponseWriter, r *Request) error {
	raw, err := base64.StdEncoding.DecodeString(r.PostFormValue("content"))
	if err != nil {
		return fault.New(fault.Invalid, "fault.import_preview_first", nil)
	}
	plan, err := d.Apply(r, raw, r.Text("version"), r.Text("hash"))
	if err == nil {
		return r.Kit.See(w, r, d.Home, d.Done)
	}
	bad, ok := r.Refused(err, "file")
	if !ok {
		return err
	}
	return d.show(w, r, bad.Status, plan, raw, bad)
}
