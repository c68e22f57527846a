package web

import (
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
)

// takingOut is the real rules of take-outs over the world's store, ledger and cases.
func takingOut(t testing.TB, p *Parts, db *store.DB, cal *jpcal.Calendar) *takeout.Service {
	t.Helper()
	law, err := takeout.Grounds()
	must(t, err)
	return takeout.NewService(takeout.Parts{Store: db, People: p.People, Now: p.Now, Zone: p.Zone, Calendar: cal, Law: law,
		Things: func(ctx context.Context, by access.Actor, number string) (takeout.Thing, bool, error) {
			a, ok, err := p.Assets.Carryable(ctx, by, number)
			if err != nil || !ok {
				return takeout.Thing{}, false, err
			}
			return takeout.Thing{Asset: a.ID, Number: a.Number, Kind: string(a.Kind), Model: a.Model}, true, nil
		},
		Report: func(ctx context.Context, by access.Actor, l takeout.Loss, also func(tx takeout.Tx, incident, label string) error) error {
			_, err := p.Incidents.ReportWith(ctx, by, incident.Report{Kind: incident.Lost, Summary: "紛失 " + l.Pass.Label, Channel: "pass", Key: l.Key, KeyAlone: true, OnBehalf: l.OnBehalf},
				func(tx incident.Tx, i *incident.Incident) error { return also(tx.(takeout.Tx), i.ID, i.Label) })
			return err
		},
		Lose: func(ctx context.Context, tx takeout.Tx, by access.Actor, thing, incident string) error {
			return p.Assets.LoseCarried(ctx, tx.(asset.Tx), by, thing, incident)
		}})
}

// carrying is what hanako types to take papers and a stick out.
func (w *world) carrying() url.Values {
	return url.Values{"paper": {"顧客名簿 × 2"}, "things": {"USB-0001"}, "purpose": {"展示会"}, "where": {"架空ホール"}, "way": {"foot"}, "from": {w.local(0)}, "until": {w.local(30 * time.Hour)},
		"kinds": {"name", "mail"}, "owners": {"customers"}, "headcount": {"1001"}, "certainty": {"known"}}
}

// carryPass is the address of a fresh pass of hanako.
func (w *world) carryPass() string {
	w.t.Helper()
	label := strings.TrimPrefix(w.post("hanako", "/requests/new?kind=take_out", w.carrying()), "/requests/")
	w.approve("boss", label)
	w.approve("manager", label)
	return w.post("hanako", "/take-outs/new?request="+label, url.Values{})
}

// TestEveryTakeOutPageIsSound renders each page in both languages at each stage of the way.
func TestEveryTakeOutPageIsSound(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	everyone := []string{"hanako", "boss", "manager", "auditor", "admin", "keeper"}
	lists := []string{"/take-outs", "/take-outs?only=all", "/take-outs?only=late", "/take-outs?only=open&q=nothing", "/requests/new?kind=take_out", "/morning"}
	w.walk(t, everyone, lists)
	m, err := w.parts.TakeOuts.KeepManifest(t.Context(), access.Actor{Person: "per_hanako", Via: access.BySession}, []takeout.Line{{Name: "a<b>.csv", Size: 5, SHA256: strings.Repeat("ab", 32), Kinds: []string{"name"}, People: 3, Encrypted: "AES"}})
	must(t, err)
	asked := w.carrying()
	asked.Set("manifest", m.ID)
	request := w.post("hanako", "/requests/new?kind=take_out", asked)
	w.walk(t, everyone, []string{request, request + "/manifest", request + "/mend"})
	at := w.carryPass()
	pages := []string{at, at + "/leave", at + "/confirm", "/take-outs?only=all"}
	w.walk(t, everyone, pages)
	w.post("hanako", at+"/leave", url.Values{"place": {"destination"}, "expected": {w.local(time.Hour)}, "rules": {"read"}, "step": {"1"}})
	w.walk(t, everyone, pages)
	w.post("hanako", at+"/back", url.Values{"step": {"2"}})
	w.walk(t, everyone, pages)
	w.post("boss", at+"/confirm", url.Values{"outcome.0": {"destroyed"}, "note.0": {"シュレッダー"}})
	w.walk(t, everyone, pages)
	if to := w.post("hanako", at+"/lost", url.Values{}); !strings.HasPrefix(to, "/receipt/INC-") {
		t.Errorf("the loss led to %s", to)
	}
	w.walk(t, everyone, append(pages, "/cases"))
}

// TestTakeOutForm keeps what was typed and says beside each field what must be mended.
func TestTakeOutForm(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	bad := w.carrying()
	bad.Set("things", "USB-0001\nUSB-7777")
	bad.Set("headcount", "many")
	bad.Del("owners")
	rec := w.ask("hanako", "ja", "/requests/new?kind=take_out", bad)
	body := rec.Body.String()
	if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(body, "顧客名簿 × 2") || !strings.Contains(body, "many") {
		t.Errorf("status %d, typed text kept: %v", rec.Code, strings.Contains(body, "顧客名簿"))
	}
	bad.Set("headcount", "5")
	body = w.ask("hanako", "ja", "/requests/new?kind=take_out", bad).Body.String()
	if !strings.Contains(body, `id="things-error"`) || !strings.Contains(body, "USB-7777は台帳に見つかりません") || !strings.Contains(body, `id="owners-error"`) {
		t.Errorf("what must be mended is not beside its field:\n%s", body)
	}
	bad.Set("things", "")
	bad.Set("paper", "")
	if body = w.ask("hanako", "ja", "/requests/new?kind=take_out", bad).Body.String(); !strings.Contains(body, `id="files-error"`) {
		t.Error("nothing to take out, and nothing said")
	}
}

// TestTakeOutTable is the company's list as a table.
func TestTakeOutTable(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	at := w.carryPass()
	rec := w.ask("manager", "ja", "/take-outs.csv?only=all", nil)
	text, bom := strings.CutPrefix(rec.Body.String(), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	must(t, err)
	if !bom || len(rows) != 2 || len(rows[1]) != 12 || rows[1][0] != strings.TrimPrefix(at, "/take-outs/") || !strings.Contains(rows[1][5], "顧客名簿") || rows[1][6] != "1,001人" {
		t.Errorf("BOM %v, rows %q", bom, rows)
	}
	if rec := w.ask("keeper", "ja", "/take-outs.csv?only=all", nil); strings.Contains(rec.Body.String(), "顧客名簿") {
		t.Error("a stranger has the table")
	}
}

// TestTakeOutLink: only the sealed link of the letter opens without a sign-in, only while
// the question is open, and it says nothing of what is carried.
func TestTakeOutLink(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	at := w.carryPass()
	w.post("hanako", at+"/leave", url.Values{"place": {"destination"}, "expected": {w.local(time.Hour)}, "rules": {"read"}, "step": {"1"}})
	p, err := w.db.Pass(t.Context(), strings.TrimPrefix(at, "/take-outs/"))
	must(t, err)
	link := at + "/late/" + w.parts.Links.Seal(access.MailedLink, p.ID)
	if body := w.ask("", "ja", link, nil).Body.String(); !strings.Contains(body, "連絡は届いています") || strings.Contains(body, "<button class=\"press wide\"") {
		t.Errorf("before the question:\n%s", body)
	}
	must(t, w.db.UpdateTakeOuts(t.Context(), func(tx takeout.Tx) error {
		p.LateLevel = 1
		return tx.SavePass(t.Context(), p)
	}))
	body := w.ask("", "ja", link, nil).Body.String()
	if !strings.Contains(body, "少し遅れる") || strings.Contains(body, "顧客名簿") {
		t.Errorf("the question:\n%s", body)
	}
	if code := w.ask("", "ja", link+"0", nil).Code; code != http.StatusNotFound {
		t.Errorf("another's seal: %d", code)
	}
	if code := w.ask("keeper", "ja", link, nil).Code; code != http.StatusForbidden {
		t.Errorf("another's browser: %d", code)
	}
	for range 2 { // a second press finds the question answered
		if code := w.ask("", "ja", link, url.Values{"step": {"2"}, "say": {"delay"}}).Code; code >= 400 {
			t.Errorf("press: %d", code)
		}
	}
	if p, err = w.db.Pass(t.Context(), p.ID); err != nil || p.Legs[0].Delays != 1 {
		t.Errorf("delays %+v, %v", p.Legs, err)
	}
}
