package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/kit/fault"
)

var noon = directorytest.Noon()

// edit changes one person of the org.
func edit(o *directory.Org, id string, f func(*directory.Person)) {
	p := o.People[id]
	f(&p)
	o.People[id] = p
}

func away(person string) directory.Absence {
	return directory.Absence{ID: "abs_" + person, Person: person, From: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}
}

func deputy(person, by string, order int) directory.Deputy {
	return directory.Deputy{ID: "dep_" + person + by, Person: person, Deputy: by, Order: order, From: noon.Add(-time.Hour)}
}

func TestSupervisorAndAbove(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*directory.Org)
		person string
		above  []string
	}{
		"named":                   {func(o *directory.Org) { edit(o, "per_emp", func(p *directory.Person) { p.Supervisor = "per_dep" }) }, "per_emp", []string{"per_dep", "per_gen", "per_pres"}},
		"head":                    {nil, "per_pm", []string{"per_gen", "per_pres"}},
		"no head here":            {nil, "per_emp", []string{"per_sales", "per_pres"}},
		"head oneself":            {nil, "per_gen", []string{"per_pres"}},
		"the top":                 {nil, "per_pres", nil},
		"nobody":                  {nil, "per_none", nil},
		"oneself named":           {func(o *directory.Org) { edit(o, "per_pm", func(p *directory.Person) { p.Supervisor = "per_pm" }) }, "per_pm", []string{"per_gen", "per_pres"}},
		"people in a circle":      {func(o *directory.Org) { edit(o, "per_pres", func(p *directory.Person) { p.Supervisor = "per_emp" }) }, "per_emp", []string{"per_sales", "per_pres"}},
		"circle above":            {func(o *directory.Org) { edit(o, "per_pres", func(p *directory.Person) { p.Supervisor = "per_sales" }) }, "per_emp", []string{"per_sales", "per_pres"}},
		"departments in a circle": {func(o *directory.Org) { o.Departments["d_hq"] = directory.Department{ID: "d_hq", Parent: "d_sales1"} }, "per_sales", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := directorytest.Company()
			if tt.change != nil {
				tt.change(o)
			}
			if d := cmp.Diff(tt.above, o.Above(tt.person)); d != "" {
				t.Errorf("Above (-want +got):\n%s", d)
			}
			first := ""
			if len(tt.above) > 0 {
				first = tt.above[0]
			}
			if got := o.Supervisor(tt.person); got != first {
				t.Errorf("Supervisor = %q, want %q", got, first)
			}
		})
	}
}

func TestTreeAndNames(t *testing.T) {
	t.Parallel()
	o := directorytest.Company()
	if d := cmp.Diff([]string{"役員室", "営業部", "営業一課"}, o.Path("d_sales1")); d != "" {
		t.Errorf("Path (-want +got):\n%s", d)
	}
	for _, tt := range []struct {
		head, department string
		want             bool
	}{{"per_sales", "d_sales1", true}, {"per_pres", "d_sales1", true}, {"per_gen", "d_sales1", false}, {"per_emp", "d_sales1", false}} {
		if got := o.Heads(tt.head, tt.department); got != tt.want {
			t.Errorf("Heads(%s, %s) = %t", tt.head, tt.department, got)
		}
	}
	if got := o.NameOf("per_sales") + o.NameOf("per_gone") + o.NameOf(""); got != "髙橋 恵per_gone" {
		t.Errorf("NameOf = %q", got)
	}
	var order string
	for _, p := range o.Sorted() {
		order += p.FamilyKana + " "
	}
	if order != "アオバ イシカワ オカダ シミズ タカハシ ハヤシ モリ ヤマグチ ヨシダ " {
		t.Errorf("Sorted: %s", order)
	}
}

func TestReachable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*directory.Person)
		want   bool
	}{
		"verified yesterday":   {func(*directory.Person) {}, true},
		"verified 90 days ago": {func(p *directory.Person) { p.Verified = noon.Add(-directory.VerifiedFor) }, true},
		"a moment longer ago":  {func(p *directory.Person) { p.Verified = noon.Add(-directory.VerifiedFor - time.Microsecond) }, false},
		"no mail":              {func(p *directory.Person) { p.Email = "" }, false},
		"gone":                 {func(p *directory.Person) { p.Left = noon }, false},
		"goes tomorrow":        {func(p *directory.Person) { p.Left = noon.Add(24 * time.Hour) }, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := directorytest.Company()
			edit(o, "per_emp", tt.change)
			if got := o.Reachable("per_emp", noon); got != tt.want {
				t.Errorf("Reachable = %t, want %t", got, tt.want)
			}
			want := ""
			if tt.want {
				want = "per_emp"
			}
			if got := o.StandIn("per_emp", noon, nil); got != want {
				t.Errorf("StandIn = %q, want %q", got, want)
			}
		})
	}
	if directorytest.Company().Reachable("per_none", noon) {
		t.Error("an unknown person is reachable")
	}
}

func TestStandIn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		absences []directory.Absence
		deputies []directory.Deputy
		except   []string
		change   func(*directory.Org)
		want     string
	}{
		"present":              {nil, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, nil, nil, "per_pm"},
		"away without deputy":  {[]directory.Absence{away("per_pm")}, nil, nil, nil, ""},
		"away with deputy":     {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, nil, nil, "per_dep"},
		"order, not position":  {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_dep", 2), deputy("per_pm", "per_gen", 1)}, nil, nil, "per_gen"},
		"first deputy away":    {[]directory.Absence{away("per_pm"), away("per_gen")}, []directory.Deputy{deputy("per_pm", "per_gen", 1), deputy("per_pm", "per_dep", 2)}, nil, nil, "per_dep"},
		"deputy passed over":   {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_gen", 1), deputy("per_pm", "per_dep", 2)}, []string{"per_gen"}, nil, "per_dep"},
		"oneself passed over":  {nil, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, []string{"per_pm"}, nil, "per_dep"},
		"three deep":           {[]directory.Absence{away("per_pm"), away("per_gen"), away("per_dep")}, []directory.Deputy{deputy("per_pm", "per_gen", 1), deputy("per_gen", "per_dep", 1), deputy("per_dep", "per_it", 1)}, nil, nil, "per_it"},
		"four deep is too far": {[]directory.Absence{away("per_pm"), away("per_gen"), away("per_dep"), away("per_it")}, []directory.Deputy{deputy("per_pm", "per_gen", 1), deputy("per_gen", "per_dep", 1), deputy("per_dep", "per_it", 1), deputy("per_it", "per_emp", 1)}, nil, nil, ""},
		"each other's deputy":  {[]directory.Absence{away("per_pm"), away("per_gen")}, []directory.Deputy{deputy("per_pm", "per_gen", 1), deputy("per_gen", "per_pm", 1)}, nil, nil, ""},
		"deputyship ended":     {[]directory.Absence{away("per_pm")}, []directory.Deputy{{Person: "per_pm", Deputy: "per_dep", From: noon.Add(-time.Hour), Until: noon}}, nil, nil, ""},
		"absence ended":        {[]directory.Absence{{Person: "per_pm", From: noon.Add(-time.Hour), Until: noon}}, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, nil, nil, "per_pm"},
		"deputy unverified": {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, nil,
			func(o *directory.Org) {
				edit(o, "per_dep", func(p *directory.Person) { p.Verified = noon.AddDate(0, -6, 0) })
			}, ""},
		"holder without mail": {nil, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, nil,
			func(o *directory.Org) { edit(o, "per_pm", func(p *directory.Person) { p.Email = "" }) }, "per_dep"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := directorytest.Company()
			o.Absences, o.Deputies = tt.absences, tt.deputies
			if tt.change != nil {
				tt.change(o)
			}
			if got := o.StandIn("per_pm", noon, tt.except); got != tt.want {
				t.Errorf("StandIn = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAwayTakesTheLongest(t *testing.T) {
	t.Parallel()
	o := directorytest.Company()
	o.Absences = []directory.Absence{
		{Person: "per_pm", From: noon.Add(-time.Hour), Until: noon.Add(time.Hour)},
		{Person: "per_pm", From: noon, Until: noon.Add(3 * time.Hour)},
		{Person: "per_pm", From: noon.Add(time.Hour), Until: noon.Add(9 * time.Hour)},
	}
	until, is := o.Away("per_pm", noon)
	if !is || !until.Equal(noon.Add(3*time.Hour)) {
		t.Errorf("Away = %v, %t", until, is)
	}
	if _, is := o.Away("per_it", noon); is {
		t.Error("somebody else is away")
	}
}

func TestDutiesThroughDeputies(t *testing.T) {
	t.Parallel()
	pm := []access.Duty{access.ProtectionManager}
	tests := map[string]struct {
		absences []directory.Absence
		deputies []directory.Deputy
		change   func(*directory.Org)
		person   string
		want     []access.Duty
	}{
		"own":                         {nil, nil, nil, "per_pm", pm},
		"deputy while present":        {nil, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, nil, "per_dep", nil},
		"deputy during absence":       {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, nil, "per_dep", pm},
		"second deputy, first here":   {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_gen", 1), deputy("per_pm", "per_dep", 2)}, nil, "per_dep", nil},
		"added to one's own":          {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_it", 1)}, nil, "per_it", []access.Duty{access.ITAdmin, access.ProtectionManager}},
		"the auditor takes nothing":   {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_aud", 1)}, nil, "per_aud", []access.Duty{access.Auditor}},
		"nobody takes the audit":      {[]directory.Absence{away("per_aud")}, []directory.Deputy{deputy("per_aud", "per_dep", 1)}, nil, "per_dep", nil},
		"still one's own while away":  {[]directory.Absence{away("per_pm")}, nil, nil, "per_pm", pm},
		"unreachable is not away":     {nil, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, func(o *directory.Org) { edit(o, "per_pm", func(p *directory.Person) { p.Email = "" }) }, "per_dep", nil},
		"gone, duty not taken back":   {nil, nil, func(o *directory.Org) { edit(o, "per_pm", func(p *directory.Person) { p.Left = noon }) }, "per_pm", nil},
		"deputy of one who is gone":   {[]directory.Absence{away("per_pm")}, []directory.Deputy{deputy("per_pm", "per_dep", 1)}, func(o *directory.Org) { edit(o, "per_pm", func(p *directory.Person) { p.Left = noon }) }, "per_dep", nil},
		"an assignment that is over":  {nil, nil, func(o *directory.Org) { o.Duties[0].Until = noon }, "per_pm", nil},
		"an assignment yet to begin":  {nil, nil, func(o *directory.Org) { o.Duties[0].From = noon.Add(1) }, "per_pm", nil},
		"employee without any duty":   {nil, nil, nil, "per_emp", nil},
		"somebody who is not on file": {nil, nil, nil, "per_none", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := directorytest.Company()
			o.Absences, o.Deputies = tt.absences, tt.deputies
			if tt.change != nil {
				tt.change(o)
			}
			if d := cmp.Diff(tt.want, o.DutiesOf(tt.person, noon)); d != "" {
				t.Errorf("DutiesOf (-want +got):\n%s", d)
			}
		})
	}
}

func TestHolders(t *testing.T) {
	t.Parallel()
	o := directorytest.Company()
	from := noon.Add(-time.Hour)
	o.Duties = append(o.Duties,
		directory.Assignment{Duty: access.ProtectionManager, Person: "per_gen", From: from},
		directory.Assignment{Duty: access.ProtectionManager, Person: "per_pm", From: from}, // twice
		directory.Assignment{Duty: access.ProtectionManager, Person: "per_old", From: from},
		directory.Assignment{Duty: access.ProtectionManager, Person: "per_none", From: from},
		directory.Assignment{Duty: access.ProtectionManager, Person: "per_dep", From: from, Until: noon})
	if d := cmp.Diff([]string{"per_gen", "per_pm"}, o.Holders(access.ProtectionManager, noon)); d != "" {
		t.Errorf("Holders (-want +got):\n%s", d)
	}
}

// service gives the verbs over a copy of the company at noon.
func service(t *testing.T, change func(*directory.Org)) (*directory.Service, *directorytest.Store) {
	t.Helper()
	o := directorytest.Company()
	if change != nil {
		change(o)
	}
	st := directorytest.New(o)
	return directory.NewService(st, func() time.Time { return noon }), st
}

func as(st *directorytest.Store, person string) access.Actor {
	return directorytest.As(st.Now(), person, noon)
}

func TestOrgIsLoadedOncePerVersion(t *testing.T) {
	t.Parallel()
	s, st := service(t, nil)
	ctx := context.Background()
	for range 3 {
		if _, err := s.Org(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if st.Loads() != 1 {
		t.Errorf("loaded %d times", st.Loads())
	}
	if _, err := s.SetAbsence(ctx, as(st, "per_emp"), directory.Absence{Person: "per_emp", From: noon, Until: noon.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	o, err := s.Org(ctx)
	if err != nil || len(o.Absences) != 1 || st.Loads() != 2 {
		t.Errorf("after a change: %v, %d loads, %v", o.Absences, st.Loads(), err)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	own := directory.Absence{From: noon, Until: noon.Add(time.Hour)}
	verbs := map[string]func(*directory.Service, access.Actor) error{
		"view": func(s *directory.Service, by access.Actor) error { _, err := s.View(ctx, by); return err },
		"own absence": func(s *directory.Service, by access.Actor) error {
			a := own
			a.Person = by.Person
			_, err := s.SetAbsence(ctx, by, a)
			return err
		},
		"another's absence": func(s *directory.Service, by access.Actor) error {
			a := own
			a.Person = "per_sales"
			_, err := s.SetAbsence(ctx, by, a)
			return err
		},
		"own deputy": func(s *directory.Service, by access.Actor) error {
			_, err := s.SetDeputy(ctx, by, directory.Deputy{Person: by.Person, Deputy: "per_dep"})
			return err
		},
		"another's deputy": func(s *directory.Service, by access.Actor) error {
			_, err := s.SetDeputy(ctx, by, directory.Deputy{Person: "per_sales", Deputy: "per_dep"})
			return err
		},
		"duties": func(s *directory.Service, by access.Actor) error {
			return s.SetDuties(ctx, by, access.Approver, []string{"per_sales"})
		},
		"end another's absence": func(s *directory.Service, by access.Actor) error { return s.EndAbsence(ctx, by, "abs_per_sales") },
		"end another's deputy":  func(s *directory.Service, by access.Actor) error { return s.EndDeputy(ctx, by, "dep_per_salesper_dep") },
		"export":                func(s *directory.Service, by access.Actor) error { _, _, err := s.ExportPeople(ctx, by); return err },
	}
	everyone := []string{"view", "own absence", "own deputy"}
	all := []string{"view", "own absence", "own deputy", "another's absence", "another's deputy", "duties", "end another's absence", "end another's deputy", "export"}
	may := map[string][]string{"per_emp": everyone, "per_gen": everyone, "per_aud": everyone, "per_pres": everyone, "per_it": all, "per_pm": all, "": nil}
	for person, allowed := range may {
		for verb, do := range verbs {
			s, st := service(t, func(o *directory.Org) {
				o.Absences = []directory.Absence{{ID: "abs_per_sales", Person: "per_sales", From: noon, Until: noon.Add(time.Hour)}}
				o.Deputies = []directory.Deputy{deputy("per_sales", "per_dep", 1)}
			})
			before, err := st.Now(), do(s, as(st, person))
			want := false
			for _, v := range allowed {
				want = want || v == verb
			}
			switch {
			case want && err != nil:
				t.Errorf("%s: %s: %v", person, verb, err)
			case !want && !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Unauthenticated):
				t.Errorf("%s: %s was not refused: %v", person, verb, err)
			case !want && (!cmp.Equal(before, st.Now()) || len(st.Events()) > 0):
				t.Errorf("%s: %s was refused and changed something", person, verb)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	hour := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	absence := func(a directory.Absence) func(*directory.Service, access.Actor) error {
		return func(s *directory.Service, by access.Actor) error { _, err := s.SetAbsence(ctx, by, a); return err }
	}
	dep := func(d directory.Deputy) func(*directory.Service, access.Actor) error {
		return func(s *directory.Service, by access.Actor) error { _, err := s.SetDeputy(ctx, by, d); return err }
	}
	duty := func(d access.Duty, people ...string) func(*directory.Service, access.Actor) error {
		return func(s *directory.Service, by access.Actor) error { return s.SetDuties(ctx, by, d, people) }
	}
	tests := map[string]struct {
		do    func(*directory.Service, access.Actor) error
		field string
		id    string
	}{
		"absence without end":     {absence(directory.Absence{Person: "per_emp", From: hour(0)}), "until", "fault.required"},
		"absence backwards":       {absence(directory.Absence{Person: "per_emp", From: hour(3), Until: hour(2)}), "until", "fault.ends_before_start"},
		"absence that is over":    {absence(directory.Absence{Person: "per_emp", From: hour(-3), Until: hour(-2)}), "until", "fault.in_past"},
		"deputy of oneself":       {dep(directory.Deputy{Person: "per_emp", Deputy: "per_emp"}), "deputy", "fault.own_deputy"},
		"deputy who left":         {dep(directory.Deputy{Person: "per_emp", Deputy: "per_old"}), "deputy", "fault.unknown_person"},
		"auditor for the manager": {dep(directory.Deputy{Person: "per_pm", Deputy: "per_aud"}), "deputy", "fault.auditor_readonly"},
		"unknown duty":            {duty("king", "per_emp"), "duty", "fault.unknown_choice"},
		"no manager left":         {duty(access.ProtectionManager), "people", "fault.duty_needs_holder"},
		"manager who left":        {duty(access.ProtectionManager, "per_old"), "people", "fault.unknown_person"},
		"auditor made manager":    {duty(access.ProtectionManager, "per_pm", "per_aud"), "people", "fault.auditor_separate"},
		"manager made auditor":    {duty(access.Auditor, "per_pm"), "people", "fault.auditor_separate"},
		"admin made auditor":      {duty(access.Auditor, "per_it"), "people", "fault.auditor_separate"},
		"approver made auditor":   {duty(access.Auditor, "per_pres"), "people", "fault.auditor_separate"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, st := service(t, nil)
			before := st.Now()
			f := fault.As(tt.do(s, as(st, "per_pm")))
			if f == nil || f.Kind != fault.Invalid || len(f.Fields) == 0 || f.Fields[0].Name != tt.field || f.Fields[0].ID != tt.id {
				t.Fatalf("fault = %+v, want %s on %s", f, tt.id, tt.field)
			}
			if d := cmp.Diff(before, st.Now()); d != "" || len(st.Events()) > 0 {
				t.Errorf("changed although refused: %s", d)
			}
		})
	}
	s, st := service(t, nil)
	for name, err := range map[string]error{
		"absence": s.EndAbsence(ctx, as(st, "per_pm"), "abs_x"),
		"deputy":  s.EndDeputy(ctx, as(st, "per_pm"), "dep_x"),
		"person":  absence(directory.Absence{Person: "per_none", From: hour(0), Until: hour(1)})(s, as(st, "per_pm")),
	} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s that does not exist: %v", name, err)
		}
	}
}

func TestSetDutiesKeepsWhoHeldItBefore(t *testing.T) {
	t.Parallel()
	s, st := service(t, nil)
	if err := s.SetDuties(context.Background(), as(st, "per_pm"), access.ProtectionManager, []string{"per_gen", "per_gen"}); err != nil {
		t.Fatal(err)
	}
	o := st.Now()
	want := []directory.Assignment{
		{Duty: access.ProtectionManager, Person: "per_pm", From: noon.AddDate(-1, 0, 0), Until: noon},
		{Duty: access.ProtectionManager, Person: "per_gen", From: noon},
	}
	var got []directory.Assignment
	for _, a := range o.Duties {
		if a.Duty == access.ProtectionManager {
			got = append(got, a)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("assignments (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"per_pm"}, o.Holders(access.ProtectionManager, noon.Add(-time.Hour))); d != "" {
		t.Errorf("an hour ago (-want +got):\n%s", d)
	}
	if ev := st.Events(); len(ev) != 1 || ev[0].Kind != "directory.duty_set" || ev[0].Actor != "per_pm" {
		t.Errorf("events = %+v", ev)
	}
}

// Two people with different duties leave on one day: each duty can still be passed on,
// one after the other.
func TestDutiesAfterTheirHoldersLeft(t *testing.T) {
	t.Parallel()
	s, st := service(t, func(o *directory.Org) {
		o.Duties = append(o.Duties, directory.Assignment{Duty: access.ProtectionManager, Person: "per_dep", From: noon.AddDate(-1, 0, 0)})
		for _, id := range []string{"per_it", "per_pres"} {
			edit(o, id, func(p *directory.Person) { p.Left = noon })
		}
	})
	by := as(st, "per_pm")
	for duty, person := range map[access.Duty]string{access.ITAdmin: "per_gen", access.Approver: "per_sales"} {
		if err := s.SetDuties(context.Background(), by, duty, []string{person}); err != nil {
			t.Errorf("%s: %v", duty, err)
		}
	}
}

func TestAChangeAndItsEventAreOne(t *testing.T) {
	t.Parallel()
	s, st := service(t, nil)
	broken := errors.New("no room")
	st.FailRecord(broken)
	before := st.Now()
	_, err := s.SetAbsence(context.Background(), as(st, "per_emp"), directory.Absence{Person: "per_emp", From: noon, Until: noon.Add(time.Hour)})
	if !errors.Is(err, broken) {
		t.Fatalf("err = %v", err)
	}
	if d := cmp.Diff(before, st.Now()); d != "" {
		t.Errorf("stored without its event:\n%s", d)
	}
}
