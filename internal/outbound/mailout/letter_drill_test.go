package mailout_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

// letterTopics lists the topics that the catalogue has texts for.
func letterTopics(t *testing.T) []string {
	t.Helper()
	const folder = "../../kit/i18n/catalogue"
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".ja.json") {
			continue
		}
		text, err := os.ReadFile(folder + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(text, &texts); err != nil {
			t.Fatal(err)
		}
		for id := range texts {
			if rest, ok := strings.CutPrefix(id, "letter."); ok && strings.HasSuffix(rest, ".subject") {
				out = append(out, strings.TrimSuffix(rest, ".subject"))
			}
		}
	}
	return out
}

// TestRule16EveryLetterSaysDrill: whatever a letter tells of a drill's case, its subject says
// that it is one, in either language; of a case in earnest none does.
func TestRule16EveryLetterSaysDrill(t *testing.T) {
	t.Parallel()
	topics := letterTopics(t)
	if len(topics) < 30 {
		t.Fatalf("only %v", topics)
	}
	for _, topic := range topics {
		for person, mark := range map[string]string{"per_sato": "訓練", "per_baker": "DRILL", "": "訓練"} {
			if person == "" && !strings.HasPrefix(topic, "mailed.") { // to somebody without an account
				continue
			}
			for _, drill := range []bool{true, false} {
				w, l := letterWorld(t)
				w.incident.Drill = drill
				if person == "" {
					w.incident.Outside = &incident.Outsider{Contact: "someone@customer.example"}
					w.composer.NewCode = noCode
				}
				l.Topic, l.About, l.Person, l.Path, l.Act = topic, "inc_1", person, "/cases/INC-2026-0042", false
				m, err := w.composer.ComposeLetter(context.Background(), l)
				if err != nil {
					t.Fatal(topic, err)
				}
				if strings.Contains(strings.ToUpper(m.Subject), mark) != (drill || strings.HasPrefix(topic, "drills.")) {
					t.Errorf("%s to %q, drill %v: %s", topic, person, drill, m.Subject)
				}
			}
		}
	}
}

// TestRule16GatheredDrills: one mail of several cases is marked when all of them are drills.
func TestRule16GatheredDrills(t *testing.T) {
	t.Parallel()
	for _, drills := range [][]bool{{true, true}, {true, false}, {false, false}} {
		w, _ := letterWorld(t)
		w.composer.Cases = func(_ context.Context, id string) (*incident.Incident, error) {
			i := *w.incident
			i.ID, i.Drill = id, drills[map[string]int{"inc_1": 0, "inc_2": 1}[id]]
			return &i, nil
		}
		a, b := w.attempt, w.attempt
		b.ID, b.Incident = "ntc_def", "inc_2"
		m, err := w.composer.ComposeGathered(context.Background(), []notice.Attempt{a, b}, []notice.Track{w.track, w.track})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.Subject, "訓練") != (drills[0] && drills[1]) || strings.Contains(m.Text, "訓練") != drills[0] {
			t.Errorf("%v: %s\n%s", drills, m.Subject, m.Text)
		}
	}
}

func noCode(context.Context, access.Actor, string) (incident.Code, error) {
	return "", nil
}
