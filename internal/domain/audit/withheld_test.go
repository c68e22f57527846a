package audit_test

import (
	"bytes"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
)

// A protection manager whom a report concerns reads nothing of it in the record, in a
// proof or in an export, and the export still verifies.
func TestLeftOutReadNothingOfTheCase(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	const secret = "the manager copied the list"
	i := &incident.Incident{ID: "inc_withheld", Label: "INC-2026-0001", Year: 2026, Number: 1, Kind: incident.RuleBroken, Summary: secret,
		Reporter: "per_emp", LeftOut: []string{"per_pm"}, Reported: d.now, Status: incident.Received}
	ev, err := journal.NewEvent(d.now, "incident.reported", i.ID, "per_emp", map[string]string{"summary": secret})
	d.must(err)
	d.must(d.db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		if err := tx.InsertIncident(t.Context(), i); err != nil {
			return err
		}
		return tx.Record(t.Context(), ev)
	}))
	d.seal()
	manager := access.Actor{Person: "per_pm", Duties: []access.Duty{access.ProtectionManager}, Via: access.BySession}
	auditor := access.Actor{Person: "per_aud", Duties: []access.Duty{access.Auditor}, Via: access.BySession}
	for _, tt := range []struct {
		by   access.Actor
		sees bool
	}{{manager, false}, {auditor, true}} {
		es, err := d.Entries(t.Context(), tt.by, audit.Query{Subject: i.ID})
		d.must(err)
		if len(es) != 1 || bytes.Contains(es[0].Content, []byte(secret)) != tt.sees {
			t.Errorf("%s: entries %+v", tt.by.Person, es)
		}
		var out bytes.Buffer
		d.must(d.Export(t.Context(), tt.by, &out))
		for line := range bytes.Lines(out.Bytes()) {
			if bytes.Contains(line, []byte(i.ID)) && bytes.Contains(line, []byte(`"content"`)) != tt.sees {
				t.Errorf("%s: export %s", tt.by.Person, line)
			}
		}
		proof, err := d.Prove(t.Context(), tt.by, es[0].Seq)
		d.must(err)
		if bytes.Contains(proof.Entry, []byte(`"content"`)) != tt.sees {
			t.Errorf("%s: proof %s", tt.by.Person, proof.Entry)
		}
	}
}
