package request_test

import (
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
)

// away puts people on leave for the whole month.
func away(o *directory.Org, people ...string) {
	for _, p := range people {
		o.Absences = append(o.Absences, directory.Absence{ID: "abs_" + p, Person: p, From: monday().AddDate(0, 0, -7), Until: monday().AddDate(0, 0, 28)})
	}
}

// deputy names who stands in for a person.
func deputy(o *directory.Org, person, other string) {
	o.Deputies = append(o.Deputies, directory.Deputy{ID: "dep_" + person + other, Person: person, Deputy: other, Order: len(o.Deputies), From: monday().AddDate(0, 0, -7)})
}

// left ends a person's employment before the story begins.
func left(o *directory.Org, person string) {
	p := o.People[person]
	p.Left = monday().AddDate(0, 0, -1)
	o.People[person] = p
}

func duty(o *directory.Org, d access.Duty, person string) {
	o.Duties = append(o.Duties, directory.Assignment{Duty: d, Person: person, From: monday().AddDate(-1, 0, 0)})
}

func noDuty(o *directory.Org, d access.Duty) {
	var kept []directory.Assignment
	for _, a := range o.Duties {
		if a.Duty != d {
			kept = append(kept, a)
		}
	}
	o.Duties = kept
}

func head(o *directory.Org, department, person string) {
	d := o.Departments[department]
	d.Head = person
	o.Departments[department] = d
}

// TestWhoIsAsked: whom the organisation names, seen from the first open step.
func TestWhoIsAsked(t *testing.T) {
	t.Parallel()
	const skipped, open, later = request.StepSkipped, request.StepOpen, request.StepLater
	for _, tc := range []struct {
		name   string
		by     string
		roles  []request.Role
		change func(*directory.Org)
		states []request.StepState
		asked  []string
		why    string
	}{
		{"the nearest head is the superior", "per_emp", []request.Role{request.Supervisor}, nil, []request.StepState{open}, []string{"per_sales"}, ""},
		{"a named superior comes first", "per_emp", []request.Role{request.Supervisor}, func(o *directory.Org) {
			p := o.People["per_emp"]
			p.Supervisor = "per_gen"
			o.People["per_emp"] = p
		}, []request.StepState{open}, []string{"per_gen"}, ""},
		{"a superior who has left is passed over", "per_emp", []request.Role{request.Supervisor}, func(o *directory.Org) { left(o, "per_sales") },
			[]request.StepState{open}, []string{"per_pres"}, ""},
		{"an auditor never decides", "per_emp", []request.Role{request.Supervisor, request.Head}, func(o *directory.Org) { head(o, "d_sales", "per_aud") },
			[]request.StepState{open, later}, []string{"per_gen"}, ""}, // the auditor's own superior
		{"the head is the applicant", "per_sales", []request.Role{request.Head}, nil, []request.StepState{open}, []string{"per_pres"}, ""},
		{"the protection manager applies", "per_pm", []request.Role{request.Manager, request.Approver}, nil, []request.StepState{skipped, open}, []string{"per_pres"}, ""},
		{"one of two protection managers applies", "per_pm", []request.Role{request.Manager}, func(o *directory.Org) { duty(o, access.ProtectionManager, "per_gen") },
			[]request.StepState{open}, []string{"per_gen"}, ""},
		{"the protection manager alone would decide their own", "per_pm", []request.Role{request.Manager}, nil, []request.StepState{open}, []string{"per_pres"}, request.WhyByApprover},
		{"… and there is no approver", "per_pm", []request.Role{request.Manager}, func(o *directory.Org) { noDuty(o, access.Approver) },
			[]request.StepState{open}, []string{"per_pres"}, request.WhyByTop},
		{"the top head applies", "per_pres", []request.Role{request.Supervisor}, nil, []request.StepState{open}, []string{"per_pm"}, request.WhyByManager},
		{"the top head applies, others decide later", "per_pres", []request.Role{request.Supervisor, request.Manager}, nil, []request.StepState{skipped, open}, []string{"per_pm"}, ""},
		{"nobody holds the post", "per_emp", []request.Role{request.Approver, request.Supervisor}, func(o *directory.Org) { noDuty(o, access.Approver) },
			[]request.StepState{skipped, open}, []string{"per_sales"}, ""},
		{"nobody holds any post", "per_emp", []request.Role{request.Approver, request.ITAdmin}, func(o *directory.Org) {
			noDuty(o, access.Approver)
			noDuty(o, access.ITAdmin)
		}, []request.StepState{open, later}, []string{"per_pm"}, request.WhyByManager},
		{"nobody at all", "per_pres", []request.Role{request.Supervisor, request.Head}, func(o *directory.Org) {
			noDuty(o, access.ProtectionManager)
			noDuty(o, access.Approver)
		}, []request.StepState{open, later}, nil, request.WhyNobody},

		{"away, with a deputy", "per_emp", []request.Role{request.Supervisor}, func(o *directory.Org) {
			away(o, "per_sales")
			deputy(o, "per_sales", "per_dep")
		}, []request.StepState{open}, []string{"per_dep for per_sales"}, ""},
		{"away, the deputy is the applicant", "per_emp", []request.Role{request.Supervisor}, func(o *directory.Org) {
			away(o, "per_sales")
			deputy(o, "per_sales", "per_emp")
			deputy(o, "per_emp", "per_dep") // whom the applicant has named
		}, []request.StepState{open}, []string{"per_sales", "per_pres climb 2"}, ""},
		{"away, the deputy audits", "per_emp", []request.Role{request.Supervisor}, func(o *directory.Org) {
			away(o, "per_sales")
			deputy(o, "per_sales", "per_aud")
			deputy(o, "per_sales", "per_dep")
		}, []request.StepState{open}, []string{"per_dep for per_sales"}, ""},
		{"away, the deputy has left", "per_emp", []request.Role{request.Supervisor}, func(o *directory.Org) {
			away(o, "per_sales")
			deputy(o, "per_sales", "per_old")
			deputy(o, "per_sales", "per_dep")
		}, []request.StepState{open}, []string{"per_dep for per_sales"}, ""},
		{"deputies in a loop, all away", "per_emp", []request.Role{request.Supervisor}, func(o *directory.Org) {
			away(o, "per_sales", "per_gen", "per_dep")
			deputy(o, "per_sales", "per_gen")
			deputy(o, "per_gen", "per_dep")
			deputy(o, "per_dep", "per_sales")
		}, []request.StepState{open}, []string{"per_sales", "per_pres climb 2"}, ""},
		{"the deputy of a deputy", "per_emp", []request.Role{request.Supervisor}, func(o *directory.Org) {
			away(o, "per_sales", "per_gen")
			deputy(o, "per_sales", "per_gen")
			deputy(o, "per_gen", "per_dep")
		}, []request.StepState{open}, []string{"per_dep for per_sales"}, ""},
		{"nobody has two voices", "per_emp", []request.Role{request.Manager}, func(o *directory.Org) {
			duty(o, access.ProtectionManager, "per_gen")
			away(o, "per_pm")
			deputy(o, "per_pm", "per_gen")
			deputy(o, "per_pm", "per_dep")
		}, []request.StepState{open}, []string{"per_gen", "per_dep for per_pm"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, chain(tc.roles...), tc.change)
			r := h.submit(tc.by, "a")
			same(t, "steps", tc.states, states(r))
			s := r.Open()
			same(t, "asked", tc.asked, asked(*s))
			same(t, "why", tc.why, s.Why)
			same(t, "request", request.Waiting, r.State)
			if v := h.get(tc.by, r); v.MayDecide || v.MayAsk || !v.Mine {
				t.Errorf("the applicant: %+v", v)
			}
			if _, err := h.decide(tc.by, r, request.Approve); err == nil {
				t.Error("the applicant decided")
			}
		})
	}
}

// TestNeeds: how many of those who are asked must approve.
func TestNeeds(t *testing.T) {
	t.Parallel()
	three := func(o *directory.Org) {
		duty(o, access.ITAdmin, "per_gen")
		duty(o, access.ITAdmin, "per_dep")
	}
	for _, tc := range []struct {
		name   string
		rule   request.Rule
		change func(*directory.Org)
		by     []string // the last one completes it
	}{
		{"one", request.Rule{Role: request.ITAdmin, Need: request.One}, three, []string{"per_dep"}},
		{"all", request.Rule{Role: request.ITAdmin, Need: request.All}, three, []string{"per_dep", "per_it", "per_gen"}},
		{"quorum", request.Rule{Role: request.ITAdmin, Need: request.Quorum, Quorum: 2}, three, []string{"per_dep", "per_it"}},
		{"quorum larger than there are", request.Rule{Role: request.ITAdmin, Need: request.Quorum, Quorum: 9}, three, []string{"per_dep", "per_it", "per_gen"}},
		{"quorum of one person", request.Rule{Role: request.ITAdmin, Need: request.Quorum, Quorum: 3}, nil, []string{"per_it"}},
		{"all, through a deputy", request.Rule{Role: request.ITAdmin, Need: request.All}, func(o *directory.Org) {
			three(o)
			away(o, "per_gen")
			deputy(o, "per_gen", "per_pm")
		}, []string{"per_pm", "per_it", "per_dep"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := chain()
			c.Steps = []request.Rule{tc.rule}
			h := newHouse(t, c, tc.change)
			r := h.submit("per_emp", "a")
			for i, p := range tc.by {
				want := request.Waiting
				if i == len(tc.by)-1 {
					want = request.Approved
				}
				same(t, p, want, h.approve(p, r).State)
				same(t, p+" again", want, h.approve(p, r).State)
			}
		})
	}
}

// TestSamePersonStampsOnce: one stamp serves every step on which the person is asked.
func TestSamePersonStampsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.Head, request.Manager, request.Head), nil)
	r := h.submit("per_emp", "a")
	same(t, "letters", []string{"request.decide per_sales"}, h.post())
	r = h.approve("per_sales", r)
	same(t, "steps", []request.StepState{request.StepPassed, request.StepPassed, request.StepOpen, request.StepLater}, states(r))
	if x := r.Steps[1].Stamps; len(x) != 1 || !x[0].Carried || x[0].Person != "per_sales" {
		t.Errorf("carried: %+v", x)
	}
	same(t, "letters", []string{"request.decide per_pm"}, h.post())
	r = h.approve("per_pm", r)
	same(t, "request", request.Approved, r.State)
	same(t, "letters", []string{"request.approved per_emp"}, h.post())
	same(t, "events", []string{"request.submitted", "request.step_opened", "letter.sent", "request.stamped", "request.step_opened", "request.step_opened",
		"letter.sent", "request.stamped", "request.step_opened", "request.approved", "letter.sent"}, h.events(r))
}

// TestVacantAfterOthers: somebody has approved already, so a vacant post is passed over.
func TestVacantAfterOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.Approver), func(o *directory.Org) { noDuty(o, access.Approver) })
	r := h.approve("per_sales", h.submit("per_emp", "a"))
	same(t, "steps", []request.StepState{request.StepPassed, request.StepSkipped}, states(r))
	same(t, "why", request.WhySkipped, r.Steps[1].Why)
	same(t, "state", request.Approved, r.State)
}

func TestChains(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	ctx := t.Context()
	got, err := h.Chains(ctx, h.as("per_emp"))
	h.must(err)
	want := chain(request.Supervisor)
	want.Kind = "key"
	same(t, "built in", []request.Chain{want}, got)
	before := h.submit("per_emp", "before")

	next := chain(request.Head, request.Manager)
	next.Kind, next.Life = "key", 7*day
	for _, p := range []string{"per_emp", "per_it", "per_pres", "per_aud"} {
		if err := h.SetChain(ctx, h.as(p), next); err == nil {
			t.Errorf("%s wrote a chain", p)
		}
	}
	pm := h.as("per_pm")
	h.must(h.SetChain(ctx, pm, next))
	refused(t, "made from an old one", h.SetChain(ctx, pm, next), "fault.conflict")
	next.Version = 1
	got, err = h.Chains(ctx, pm)
	h.must(err)
	same(t, "written", []request.Chain{next}, got)
	after := h.submit("per_emp", "after")
	same(t, "a request keeps its chain", []int{0, 1}, []int{h.get("per_emp", before).Request.Chain, after.Chain})
	same(t, "deadlines", []time.Duration{14 * day, 7 * day}, []time.Duration{before.Deadline.Sub(before.Asked), after.Deadline.Sub(after.Asked)})
	same(t, "steps", 2, len(after.Steps))

	unknown := next
	unknown.Kind = "car"
	refused(t, "unknown kind", h.SetChain(ctx, pm, unknown), "fault.not_found")
	bad(t, "nothing", h.SetChain(ctx, pm, request.Chain{Kind: "key"}), "steps:fault.out_of_range", "remind:request.chain_times")
	wrong := next
	wrong.Steps = []request.Rule{{Role: "king", Need: request.One}, {Role: request.Head, Need: "some"}, {Role: request.Head, Need: request.Quorum},
		{Role: request.Head, Need: request.One, Quorum: 2}}
	wrong.Remind, wrong.Climb, wrong.Life = 3*day, 2*day, 100*day
	bad(t, "every mistake", h.SetChain(ctx, pm, wrong), "steps.0:fault.unknown_choice", "steps.1:fault.unknown_choice", "steps.2:fault.out_of_range",
		"steps.3:fault.unknown_choice", "climb:request.chain_times", "life:request.chain_times")

	if _, err := request.NewService(request.Parts{Kinds: []request.Kind{{Name: "key", Check: checkKey}}}); err == nil {
		t.Error("a kind without a chain")
	}
	k := request.Kind{Name: "key", Chain: chain(request.Head), Check: checkKey}
	if _, err := request.NewService(request.Parts{Kinds: []request.Kind{k, k}}); err == nil {
		t.Error("a kind given twice")
	}
	same(t, "kinds", []string{"key"}, h.Kinds())
}
