package people

import (
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
)

func company(now time.Time) *directory.Org {
	o := &directory.Org{People: map[string]directory.Person{}, Departments: map[string]directory.Department{"dpt_1": {ID: "dpt_1", Name: "営業部"}}}
	for _, p := range []directory.Person{
		{ID: "per_1", Number: "0001", Family: "青木", Given: "花子", FamilyKana: "アオキ", GivenKana: "ハナコ", Email: "aoki@company.example"},
		{ID: "per_2", Number: "0002", Family: "佐藤", Given: "健", FamilyKana: "サトウ", GivenKana: "ケン"},
		{ID: "per_3", Number: "0003", Family: "佐藤", Given: "健", FamilyKana: "サトウ", GivenKana: "タケシ"},
		{ID: "per_4", Number: "0004", Family: "林", Given: "薫", FamilyKana: "ハヤシ", GivenKana: "カオル", Left: now.Add(-time.Hour)},
	} {
		p.Department = "dpt_1"
		o.People[p.ID] = p
	}
	return o
}

func TestResolve(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	o := company(now)
	tests := []struct{ typed, want, fault string }{
		{"", "", ""}, {"per_1", "per_1", ""}, {"0001", "per_1", ""}, {"０００１", "per_1", ""}, {"青木 花子", "per_1", ""}, {"青木　花子", "per_1", ""},
		{"あおき はなこ", "per_1", ""}, {"青木 花子 (0001)", "per_1", ""}, {"AOKI@company.example", "per_1", ""},
		{"佐藤健", "", "fault.person_ambiguous"}, {"佐藤 健 (0003)", "per_3", ""}, {"サトウ タケシ", "per_3", ""},
		{"林 薫", "", "fault.unknown_person"}, {"だれか", "", "fault.unknown_person"},
	}
	for _, tt := range tests {
		t.Run(tt.typed, func(t *testing.T) {
			t.Parallel()
			got, err := Resolve(o, now, tt.typed, "person")
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			id := ""
			if f := fault.As(err); f != nil {
				id = f.Fields[0].ID
			}
			if id != tt.fault {
				t.Errorf("fault %q, want %q", id, tt.fault)
			}
		})
	}
}

func TestChoices(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	var got []string
	for _, p := range Choices(company(now), now, []string{"per_3", "per_4", ""}, []string{"per_2"}) {
		got = append(got, p.Value)
	}
	if want := "佐藤 健 (0003)|青木 花子 (0001)"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
}
