package settings

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
)

// Chains is the written rules of applications: who is asked, in which order.
type Chains interface {
	Chains(ctx context.Context, by access.Actor) ([]request.Chain, error)
	SetChain(ctx context.Context, by access.Actor, c request.Chain) error
	Preview(ctx context.Context, by access.Actor, steps []request.Rule, person string) ([]request.Step, error)
}

// maxSteps is how many steps the form has: as many as a chain may.
const maxSteps = 5

// approvalChain is the chain of one kind in words.
type approvalChain struct {
	Kind, Title, Href, Times, Version string
	Steps                             []approvalStep
}

// approvalStep is one step in words; with a preview, also who would be asked now.
type approvalStep struct {
	N               int
	Role, Need, Why string
	Asked           []string
}

type approvalsPage struct {
	page.Base
	Chains  []approvalChain
	Try     page.Field // for whom the steps are filled with names
	For     string     // name of whom they are filled for
	Choices []people.Pick
	May     bool
}

// stepForm is one step as its part of the form.
type stepForm struct {
	N                  int
	Role, Need, Quorum page.Field
	Error              string
}

type approvalPage struct {
	page.Base
	Chain               approvalChain
	Action              string
	Edited              int // the version that the form began with
	Steps               []stepForm
	Remind, Climb, Life page.Field
}

func (d Deps) approvals(w http.ResponseWriter, r *page.Request) error {
	chains, err := d.Chains.Chains(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	p := approvalsPage{Base: r.Kit.Base(r, "settings.approvals", "/settings"), May: r.By.May(access.EditChains) == nil,
		Choices: people.Choices(org, r.Kit.Now(), []string{r.By.Person}, nil)}
	p.Try = page.Field{ID: "who", Name: "who", Type: "text", Label: r.P.T("settings.preview_who"), Value: r.Text("who")}
	status := http.StatusOK
	person, err := people.Resolve(org, r.Kit.Now(), p.Try.Value, "who")
	if err != nil {
		bad, ok := r.Refused(err, "who")
		if !ok {
			return err
		}
		status, p.Errors, p.Try.Error = bad.Status, bad.Summary, bad.Fields["who"]
	}
	p.For = org.NameOf(person)
	for _, c := range chains {
		v := inWords(r, c)
		if person != "" {
			asked, err := d.Chains.Preview(r.Context(), r.By, c.Steps, person)
			if err != nil {
				return err
			}
			fill(r, org, v.Steps, asked)
		}
		p.Chains = append(p.Chains, v)
	}
	return r.Kit.Render(w, r, status, "approvals", p)
}

// inWords puts a chain into words.
func inWords(r *page.Request, c request.Chain) approvalChain {
	v := approvalChain{Kind: c.Kind, Title: r.P.T("request.kind." + c.Kind), Href: "/settings/approvals/" + c.Kind, Version: r.P.T("settings.version", "n", c.Version)}
	if c.Version == 0 {
		v.Version = r.P.T("settings.chain_built_in")
	}
	v.Times = r.P.T("settings.chain_times", "remind", hours(c.Remind), "climb", hours(c.Climb), "life", days(c.Life))
	for n, s := range c.Steps {
		v.Steps = append(v.Steps, approvalStep{N: n + 1, Role: r.P.T("requests.role." + string(s.Role)), Need: need(r, s)})
	}
	return v
}

func need(r *page.Request, s request.Rule) string {
	if s.Need == request.Quorum {
		return r.P.T("requests.need_quorum", "n", r.P.Count(s.Quorum))
	}
	return r.P.T("settings.need." + string(s.Need))
}

// fill writes beside each step who would be asked.
func fill(r *page.Request, org *directory.Org, steps []approvalStep, asked []request.Step) {
	for n := range min(len(steps), len(asked)) {
		for _, a := range asked[n].Asked {
			name := org.NameOf(a.Person)
			if a.For != "" {
				name = r.P.T("requests.stands_in", "name", name, "for", org.NameOf(a.For))
			}
			steps[n].Asked = append(steps[n].Asked, name)
		}
		if asked[n].Why != "" {
			steps[n].Why = r.P.T(asked[n].Why)
		}
	}
}

func hours(d time.Duration) string { return strconv.Itoa(int(d / time.Hour)) }
func days(d time.Duration) string {
	return strconv.FormatFloat(d.Hours()/24, 'f', -1, 64)
}

func (d Deps) approval(w http.ResponseWriter, r *page.Request) error {
	c, err := d.chainOfKind(r)
	if err != nil {
		return err
	}
	return d.renderApproval(w, r, http.StatusOK, c, page.Refused{})
}

// chainOfKind is the chain in force of the kind in the address, for who may change it.
func (d Deps) chainOfKind(r *page.Request) (request.Chain, error) {
	if err := r.By.May(access.EditChains); err != nil {
		return request.Chain{}, err
	}
	chains, err := d.Chains.Chains(r.Context(), r.By)
	if err != nil {
		return request.Chain{}, err
	}
	n := slices.IndexFunc(chains, func(c request.Chain) bool { return c.Kind == r.PathValue("kind") })
	if n < 0 {
		return request.Chain{}, fault.Missing("page")
	}
	return chains[n], nil
}

func (d Deps) renderApproval(w http.ResponseWriter, r *page.Request, status int, c request.Chain, bad page.Refused) error {
	p := approvalPage{Base: r.Kit.Base(r, "settings.approvals", "/settings"), Chain: inWords(r, c), Action: "/settings/approvals/" + c.Kind, Edited: c.Version}
	p.Title, p.Errors = p.Chain.Title, bad.Summary
	for n := range min(len(c.Steps)+1, maxSteps) { // one empty step to add
		var s request.Rule
		if n < len(c.Steps) {
			s = c.Steps[n]
		}
		p.Steps = append(p.Steps, formOf(r, n, s, bad.Fields[fmt.Sprintf("steps.%d", n)]))
	}
	number := func(name, value string) page.Field {
		return page.Field{ID: name, Name: name, Type: "text", Class: "short", Required: true, MaxLen: 4, Label: r.P.T("settings.chain_" + name), Hint: r.P.T("settings.chain_" + name + "_hint"), Value: value, Error: bad.Fields[name]}
	}
	p.Remind, p.Climb, p.Life = number("remind", hours(c.Remind)), number("climb", hours(c.Climb)), number("life", days(c.Life))
	return r.Kit.Render(w, r, status, "approval", p)
}

func formOf(r *page.Request, n int, s request.Rule, wrong string) stepForm {
	field := func(name string) page.Field {
		return page.Field{ID: fmt.Sprintf("%s-%d", name, n+1), Name: fmt.Sprintf("%s_%d", name, n+1), Type: "select", Label: r.P.T("settings.step_" + name)}
	}
	f := stepForm{N: n + 1, Role: field("role"), Need: field("need"), Quorum: field("quorum")}
	f.Role.Error = wrong
	f.Role.Options = []page.Option{{Label: r.P.T("settings.step_none")}}
	for _, x := range request.Roles() {
		f.Role.Options = append(f.Role.Options, page.Option{Value: string(x), Label: r.P.T("requests.role." + string(x))})
	}
	f.Role.Options = page.Choose(f.Role.Options, string(s.Role))
	for _, x := range []request.Need{request.One, request.All, request.Quorum} {
		f.Need.Options = append(f.Need.Options, page.Option{Value: string(x), Label: r.P.T("settings.need." + string(x))})
	}
	f.Need.Options = page.Choose(f.Need.Options, string(s.Need))
	f.Quorum.Type, f.Quorum.Class, f.Quorum.MaxLen = "text", "short", 2
	if s.Quorum > 0 {
		f.Quorum.Value = strconv.Itoa(s.Quorum)
	}
	return f
}

func (d Deps) saveApproval(w http.ResponseWriter, r *page.Request) error {
	before, err := d.chainOfKind(r)
	if err != nil {
		return err
	}
	c := readApproval(r)
	c.Kind, c.Version = before.Kind, page.Int(r.Text("version"), -1)
	if err := d.Chains.SetChain(r.Context(), r.By, c); err != nil {
		bad, ok := r.Refused(err, "remind", "climb", "life")
		if !ok {
			return err
		}
		for i, e := range bad.Summary {
			if n, step := strings.CutPrefix(e.Field, "steps."); step {
				bad.Summary[i].ID = "role-" + strconv.Itoa(page.Int(n, 0)+1)
			}
			if e.Field == "steps" { // none at all
				bad.Summary[i].ID, bad.Fields["steps.0"] = "role-1", bad.Fields["steps"]
			}
		}
		return d.renderApproval(w, r, bad.Status, c, bad)
	}
	return r.Kit.See(w, r, "/settings/approvals", "settings.flash_approvals")
}

// readApproval reads the steps in their order; one without a post is left out.
func readApproval(r *page.Request) request.Chain {
	c := request.Chain{Remind: time.Duration(page.Int(r.Text("remind"), 0)) * time.Hour, Climb: time.Duration(page.Int(r.Text("climb"), 0)) * time.Hour,
		Life: time.Duration(page.Int(r.Text("life"), 0)) * 24 * time.Hour}
	for n := 1; n <= maxSteps; n++ {
		s := request.Rule{Role: request.Role(r.Text(fmt.Sprintf("role_%d", n))), Need: request.Need(r.Text(fmt.Sprintf("need_%d", n)))}
		if s.Role == "" {
			continue
		}
		if s.Need == request.Quorum {
			s.Quorum = page.Int(r.Text(fmt.Sprintf("quorum_%d", n)), 0)
		}
		c.Steps = append(c.Steps, s)
	}
	return c
}
