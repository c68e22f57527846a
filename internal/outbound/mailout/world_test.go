package mailout_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/outbound/mailout"
)

// catalogue is this package's messages and the general words, with kinds of its own.
func catalogue(t testing.TB) *i18n.Catalogue {
	t.Helper()
	files := fstest.MapFS{}
	for _, l := range []string{"ja", "en"} {
		kinds := map[string]string{}
		for _, k := range incident.Kinds() {
			kinds["kind."+string(k)] = l + "-" + string(k)
		}
		text, err := json.Marshal(kinds)
		if err != nil {
			t.Fatal(err)
		}
		files["kinds."+l+".json"] = &fstest.MapFile{Data: text}
		for _, subject := range []string{"mail", "word"} {
			name := subject + "." + l + ".json"
			text, err := os.ReadFile(filepath.Join("../../kit/i18n/catalogue", name))
			if err != nil {
				t.Fatal(err)
			}
			files[name] = &fstest.MapFile{Data: text}
		}
	}
	c, err := i18n.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// now is a Sunday, 14:08 in Japan.
func now() time.Time { return time.Date(2026, 11, 22, 5, 8, 0, 0, time.UTC) }

// world is one lost telephone and those who are told of it. Tests change it before they
// compose.
type world struct {
	org      *directory.Org
	incident *incident.Incident
	attempt  notice.Attempt
	track    notice.Track
	composer *mailout.Composer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	person := func(id, family, given, mail, phone, lang string) directory.Person {
		return directory.Person{ID: id, Family: family, Given: given, Email: mail, Phone: phone, Lang: lang, Department: "dep_sales"}
	}
	w := &world{
		org: &directory.Org{
			People: map[string]directory.Person{
				"per_ito":    person("per_ito", "伊藤", "健", "ito@company.example", "03-0000-0011", "ja"),
				"per_sato":   person("per_sato", "佐藤", "花子", "sato@company.example", "03-0000-0012", "ja"),
				"per_kimura": person("per_kimura", "木村", "悟", "kimura@company.example", "03-0000-0013", "ja"),
				"per_baker":  person("per_baker", "Baker", "Alice", "baker@company.example", "03-0000-0014", "en"),
			},
			Departments: map[string]directory.Department{"dep_sales": {ID: "dep_sales", Name: "営業部"}},
		},
		incident: &incident.Incident{
			ID: "inc_1", Label: "INC-2026-0042", Kind: incident.Lost, Urgency: notice.Urgent, Summary: "社用の電話を電車に置き忘れた",
			Reporter: "per_ito", Department: "dep_sales", Reported: now().Add(-3 * time.Minute),
			Discovered: incident.Moment{At: now().Add(-18 * time.Minute), Known: true},
		},
		attempt: notice.Attempt{
			ID: "ntc_abc", Track: "trk_1", Incident: "inc_1", Person: "per_sato", Channel: "mail", Address: "sato@company.example",
			Pass: 1, Level: 1, Number: 1,
		},
		track: notice.Track{
			ID: "trk_1", Incident: "inc_1", Receiver: notice.Manager, Urgency: notice.Urgent, Policy: 1, Reporter: "per_ito",
			State: notice.Open, Pass: 1, Level: 1, Attempt: 1, LevelEnd: now().Add(7 * time.Minute),
		},
	}
	w.composer = &mailout.Composer{
		People:    func(context.Context) (*directory.Org, error) { return w.org, nil },
		Cases:     func(context.Context, string) (*incident.Incident, error) { return w.incident, nil },
		Policies:  func(context.Context, int) (notice.Policy, error) { return notice.DefaultPolicy(), nil },
		Catalogue: catalogue(t), Links: notice.NewLinks([]byte("0123456789abcdef0123456789abcdef")),
		BaseURL: "https://sekimori.company.example/", From: mailout.Address{Name: "関守", Mail: "sekimori@company.example"},
		Company: "見本商事", Now: now,
	}
	return w
}

func (w *world) compose(t testing.TB) mailout.Mail {
	t.Helper()
	m, err := w.composer.Compose(context.Background(), w.attempt, w.track)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// policy makes the chain of the world's track.
func (w *world) policy(levels ...[]notice.Who) {
	var chain notice.Chain
	for _, who := range levels {
		chain = append(chain, notice.Level{Who: who, Window: 10, Repeat: 3})
	}
	w.composer.Policies = func(context.Context, int) (notice.Policy, error) {
		return notice.Policy{Chains: map[notice.Urgency]map[notice.Receiver]notice.Chain{w.track.Urgency: {w.track.Receiver: chain}}}, nil
	}
}

func duties() []notice.Who {
	return []notice.Who{
		{Kind: "supervisor", Up: 1}, {Kind: "supervisor", Up: 3}, {Kind: "duty", Duty: access.ProtectionManager}, {Kind: "duty", Duty: access.ITAdmin, All: true},
		{Kind: "duty", Duty: access.Approver}, {Kind: "duty", Duty: access.Auditor}, {Kind: "person", ID: "per_kimura"}, {Kind: "person", ID: "per_gone"},
	}
}
