package web

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
)

// deviceService is the real rules of devices over the world's store.
func deviceService(t testing.TB, db *store.DB, people *directory.Service, cases *incident.Service, now func() time.Time) *device.Service {
	t.Helper()
	private, public, err := journal.GenerateKey(rand.Reader, "sekimori/devices")
	must(t, err)
	signer, err := note.NewSigner(private)
	must(t, err)
	servers := []wire.Server{{URL: "https://sekimori.example", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: 443}}
	return device.NewService(device.Parts{Store: db, People: people, Now: now, Keys: keyring{signer, public}, Secrets: openVault{},
		Servers: func() []wire.Server { return servers }, Company: "青葉商事", Cases: sightOf{cases}, Random: rand.Reader})
}

type keyring struct {
	signer note.Signer
	public string
}

func (k keyring) Signers() []note.Signer { return []note.Signer{k.signer} }
func (k keyring) Verifiers() []string    { return []string{k.public} }
func (k keyring) Changes() []string      { return nil }

// openVault seals nothing.
type openVault struct{}

func (openVault) Seal(_ string, secret []byte) ([]byte, error) { return secret, nil }
func (openVault) Open(_ string, sealed []byte) ([]byte, error) { return sealed, nil }

// sightOf is what the pages' tests need of the cases behind devices.
type sightOf struct{ cases *incident.Service }

func (s sightOf) ReportInfection(context.Context, access.Actor, wire.Infection, device.Device) (string, string, error) {
	return "", "", errors.New("not in these tests")
}

func (s sightOf) AddEvidence(context.Context, access.Actor, string, device.File) ([32]byte, int64, error) {
	return [32]byte{}, 0, errors.New("not in these tests")
}

func (s sightOf) Sees(ctx context.Context, by access.Actor, id string) (bool, error) {
	_, err := s.cases.Case(ctx, by, id)
	if fault.As(err) != nil {
		return false, nil
	}
	return err == nil, err
}

// pc is an enrolled PC as far as the server can tell.
type pc struct {
	w      *world
	id     string
	secret []byte
	seq    int64
}

var enrolToken = regexp.MustCompile(`enrol_[0-9a-z]{20,}`)

// enrolled makes a token on the page and enrols a PC of hanako with it.
func (w *world) enrolled(name string) *pc {
	w.t.Helper()
	rec := w.ask("admin", "ja", "/devices/enrol", url.Values{"person": {"0001"}, "life": {"1"}})
	if rec.Code != http.StatusOK {
		w.t.Fatalf("token: status %d\n%s\n%s", rec.Code, rec.Body, w.log)
	}
	token := enrolToken.FindString(rec.Body.String())
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	must(w.t, err)
	e, err := w.pcs.Enrol(w.t.Context(), wire.Enrol{Token: token, PublicKey: pub, Proof: ed25519.Sign(key, wire.EnrolText(token, pub)),
		Host: name, System: "linux/amd64", Agent: "0.1.0"}, "192.0.2.20")
	must(w.t, err)
	p := &pc{w: w, id: e.Device, secret: e.Secret}
	must(w.t, w.pcs.Presence(w.t.Context(), "srv", []string{p.id}, nil))
	p.tell(wire.IsolationFact{State: wire.IsolationOff})
	return p
}

// tell sends what the PC knows of its isolation; the newest order is its own when it is not off.
func (p *pc) tell(i wire.IsolationFact, more ...func(map[string]wire.Fact)) {
	p.w.t.Helper()
	v, err := p.w.pcs.Get(p.w.t.Context(), access.System(), p.id)
	must(p.w.t, err)
	at := wire.MicrosOf(time.Now())
	i.Order = v.Isolation.Order.ID
	told := map[string]wire.Fact{}
	for name, x := range map[string]any{wire.FactIsolation: i, wire.FactAgent: wire.AgentFact{Version: "0.1.0", System: "linux/amd64", Host: v.Name, Privileged: true, DryRun: i.DryRun, Document: v.Desired}} {
		told[name], err = wire.FactOf(x, at)
		must(p.w.t, err)
	}
	for _, m := range more {
		m(told)
	}
	p.seq++
	must(p.w.t, p.w.pcs.TakeFacts(p.w.t.Context(), p.id, wire.Facts{Seq: p.seq, At: at, Facts: told}))
}

func (p *pc) at(path string) string { return "/devices/" + p.id + path }

func has(t testing.TB, what, body string, want ...string) {
	t.Helper()
	for _, x := range want {
		if !strings.Contains(body, x) {
			t.Errorf("%s: %q is missing\n%s", what, x, body)
		}
	}
}

func hasNot(t testing.TB, what, body string, never ...string) {
	t.Helper()
	for _, x := range never {
		if strings.Contains(body, x) {
			t.Errorf("%s: it says %q\n%s", what, x, body)
		}
	}
}

func TestFirstPCIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *Parts) { p.AgentURL = "https://pcs.company.example" })
	body := w.get("admin", "/devices")
	has(t, "empty list", body, "登録された端末はまだありません", "sudo sekimori-agent enroll --server https://pcs.company.example --token", "PowerShell", "macOS", `href="/devices/enrol"`)
	hasNot(t, "as the auditor", w.get("auditor", "/devices"), `href="/devices/enrol"`)
	for who, want := range map[string]int{"hanako": http.StatusForbidden, "boss": http.StatusForbidden, "manager": http.StatusOK, "auditor": http.StatusOK} {
		for _, path := range []string{"/devices", "/devices.csv"} {
			if rec := w.ask(who, "ja", path, nil); rec.Code != want {
				t.Errorf("%s of %s: status %d, want %d", path, who, rec.Code, want)
			}
		}
		if rec := w.ask(who, "ja", "/devices/enrol", nil); rec.Code != http.StatusForbidden {
			t.Errorf("%s may enrol: status %d", who, rec.Code)
		}
	}
	for _, form := range []url.Values{{"person": {""}}, {"person": {"だれでもない"}}, {"person": {"0001"}, "life": {"1000"}}} {
		rec := w.ask("admin", "ja", "/devices/enrol", form)
		checkHTML(t, "/devices/enrol", rec.Body.String())
		if rec.Code != http.StatusUnprocessableEntity || enrolToken.MatchString(rec.Body.String()) {
			t.Errorf("%v: status %d", form, rec.Code)
		}
	}
	rec := w.ask("admin", "en", "/devices/enrol", url.Values{"person": {"0001"}, "life": {"8"}, "note": {"laptop"}})
	token := enrolToken.FindString(rec.Body.String())
	has(t, "token", rec.Body.String(), "--server https://pcs.company.example --token "+token)
	if rec.Header().Get("Cache-Control") != "no-store" || token == "" {
		t.Errorf("token %q, %v", token, rec.Header())
	}
	open := w.get("admin", "/devices/enrol")
	has(t, "open tokens", open, "青木 花子", "laptop", "/revoke")
	hasNot(t, "open tokens", open, token)
	revoke := regexp.MustCompile(`/devices/enrol/[^"/]+/revoke`).FindString(open)
	if rec := w.ask("manager", "ja", revoke, url.Values{}); rec.Code != http.StatusForbidden {
		t.Errorf("the manager revokes: status %d", rec.Code)
	}
	w.post("admin", revoke, url.Values{})
	hasNot(t, "revoked", w.get("admin", "/devices/enrol"), "/revoke")
}

// TestIsolateFromThePage follows one PC from the press to proven and back.
func TestIsolateFromThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrolled("PC-0117")
	w.enrolled("PC-0200")
	has(t, "list", w.get("manager", "/devices"), "PC-0117", "青木 花子", "接続中", "隔離していない", "/events?subject=devices")
	has(t, "fresh", w.get("admin", p.at("")), `action="`+p.at("/isolate")+`"`, "関守のサーバーを除き")
	hasNot(t, "manager", w.get("manager", p.at("")), "<form method=\"post\" action=\"/devices")
	if rec := w.ask("boss", "ja", p.at(""), nil); rec.Code != http.StatusForbidden {
		t.Errorf("the boss reads it: status %d", rec.Code)
	}
	has(t, "own PC", w.get("hanako", p.at("")), "PC-0117", p.at("/isolate"))

	if rec := w.ask("manager", "ja", p.at("/isolate"), url.Values{}); rec.Code != http.StatusForbidden {
		t.Errorf("the manager isolates: status %d", rec.Code)
	}
	if at := w.post("admin", p.at("/isolate"), url.Values{"reason": {"不審な通信"}, "wifi": {"1"}}); at != p.at("") {
		t.Errorf("led to %s", at)
	}
	body := w.get("admin", p.at(""))
	has(t, "requested", body, "隔離を依頼済み", "依頼済み", "適用: まだ", "確認(実証): まだ", "不審な通信", p.at("/release"))
	hasNot(t, "requested", body, "隔離中(確認済み)")
	if list := w.get("admin", "/devices"); strings.Index(list, "PC-0117") > strings.Index(list, "PC-0200") {
		t.Error("the isolated PC does not stand first")
	}
	p.tell(wire.IsolationFact{State: wire.IsolationApplied, Applied: wire.MicrosOf(time.Now())})
	has(t, "applied", w.get("admin", p.at("")), "隔離を適用済み", "適用済み", "PCの時計", "確認(実証): まだ")
	p.tell(wire.IsolationFact{State: wire.IsolationProven})
	has(t, "proven", w.get("admin", p.at("")), "隔離中(確認済み)", "確認済み(実証)")
	has(t, "morning", w.get("manager", "/morning"), "PC-0117", "隔離している端末")

	if rec := w.ask("admin", "ja", p.at("/release"), url.Values{"reason": {" "}}); rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), `id="release-reason-error"`) {
		t.Errorf("release without a reason: status %d", rec.Code)
	}
	if rec := w.ask("admin", "ja", p.at("/ticket"), url.Values{"reason": {"返却"}}); rec.Code != http.StatusConflict {
		t.Errorf("uninstalling while isolated: status %d", rec.Code)
	}
	w.post("admin", p.at("/release"), url.Values{"reason": {"感染なしを確認"}})
	has(t, "release requested", w.get("admin", p.at("")), "解除を依頼済み", "解除: まだ", "感染なしを確認")
	p.tell(wire.IsolationFact{State: wire.IsolationOff})
	has(t, "released", w.get("admin", p.at("")), "解除済み", "隔離していない")

	rec := w.ask("admin", "ja", p.at("/ticket"), url.Values{"reason": {"返却"}})
	checkHTML(t, "ticket", rec.Body.String())
	has(t, "ticket", rec.Body.String(), "sekimori uninstall v1", p.id, "sudo sekimori-agent uninstall --ticket ticket.txt")
	w.post("admin", p.at("/refuse"), url.Values{"reason": {"紛失"}})
	body = w.get("admin", p.at(""))
	has(t, "refused", body, "鍵を拒否済み", "紛失")
	hasNot(t, "refused", body, "<form method=\"post\" action=\"/devices")
	hasNot(t, "list without the refused", w.get("admin", "/devices"), "PC-0117")
	has(t, "list of the refused", w.get("admin", "/devices?state=refused"), "PC-0117")
}

// TestTheConsoleShouts: what is ordered and is not true stands in words on every page
// that speaks of PCs.
func TestTheConsoleShouts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrolled("PC-0117")
	w.post("admin", p.at("/isolate"), url.Values{})
	p.tell(wire.IsolationFact{State: wire.IsolationFailing, Problems: []string{"<nft> table could not be added"}}, func(m map[string]wire.Fact) {
		m["disk"] = wire.Fact{Unread: "access denied", At: wire.MicrosOf(time.Now())}
	})
	for who, paths := range map[string][]string{"manager": {"/morning", "/devices", "/devices?state=isolated", p.at("")}, "admin": {"/morning", "/devices?q=nothing"}} {
		for _, path := range paths {
			for _, lang := range []string{"ja", "en"} {
				body := w.ask(who, lang, path, nil).Body.String()
				checkHTML(t, path, body)
				has(t, path, body, "PC-0117", map[string]string{"ja": "隔離できて", "en": "PC says that it cannot isolate"}[lang])
			}
		}
	}
	has(t, "the list", w.get("manager", "/devices"), "diskは読めませんでした: access denied")
	has(t, "the table", w.get("manager", "/devices.csv?enc=utf8"), "diskは読めませんでした: access denied")
	has(t, "its page", w.get("manager", p.at("")), "&lt;nft&gt; table could not be added", "読めませんでした", "access denied", `role="alert"`)
	hasNot(t, "somebody without the duty", w.get("boss", "/morning"), "PC-0117")
}

func TestDryRunIsSaidClearly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	steps := []string{"add table inet sekimori"}
	for name, told := range map[string]wire.IsolationFact{
		"PC-DEMO":  {State: wire.IsolationDryRun, DryRun: true, Steps: steps},
		"PC-OLDER": {State: wire.IsolationApplied, DryRun: true, Steps: steps}, // as older agents say it
	} {
		p := w.enrolled(name)
		w.post("admin", p.at("/isolate"), url.Values{})
		p.tell(told)
		for lang, want := range map[string][]string{
			"ja": {"予行: 隔離していません", "予行のため、行いません", "予行(dry run): 切り離していない"},
			"en": {"Dry run: not isolated", "not done in a dry run", "dry run: nothing is cut"},
		} {
			body := w.ask("admin", lang, p.at(""), nil).Body.String()
			has(t, name+" "+lang, body, append(want, "add table inet sekimori")...)
			hasNot(t, name+" "+lang, body, "確認済み(実証)</b>", "<b>Proven</b>", "適用済み</", ">applied<")
			has(t, name+" "+lang, w.ask("admin", lang, "/devices", nil).Body.String(), want[0])
		}
	}
}

func TestReleaseByTelephone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrolled("PC-0117")
	w.post("admin", p.at("/isolate"), url.Values{})
	challenge, err := wire.NewChallenge(rand.Reader)
	must(t, err)
	for _, who := range []string{"manager", "hanako", "auditor"} {
		for _, form := range []url.Values{nil, {"challenge": {challenge}, "reason": {"x"}}} {
			if rec := w.ask(who, "ja", p.at("/code"), form); rec.Code != http.StatusForbidden {
				t.Errorf("%s: status %d", who, rec.Code)
			}
		}
	}
	for _, form := range []url.Values{{"challenge": {"12"}, "reason": {"x"}}, {"challenge": {challenge}, "reason": {""}}} {
		rec := w.ask("admin", "ja", p.at("/code"), form)
		checkHTML(t, "code", rec.Body.String())
		if rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("%v: status %d", form, rec.Code)
		}
	}
	want := wire.Spoken(wire.ReleaseCode(p.secret, p.id, challenge))
	for _, lang := range []string{"ja", "en"} {
		rec := w.ask("admin", lang, p.at("/code"), url.Values{"challenge": {wire.Spoken(challenge)}, "reason": {"本人と電話で確認"}})
		checkHTML(t, "code", rec.Body.String())
		has(t, "code", rec.Body.String(), want)
		if rec.Code != http.StatusOK || rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("Location") != "" {
			t.Errorf("status %d, %v", rec.Code, rec.Header())
		}
	}
	if strings.Contains(w.log.String(), strings.ReplaceAll(want, "-", "")) || strings.Contains(w.get("admin", p.at("")), want) {
		t.Error("the code is kept somewhere")
	}
}

// TestReportCutsOff: the reporter's PC is cut off with the report, and whatever happens
// to that, the report is stored.
func TestReportCutsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hasNot(t, "without a PC", w.get("hanako", "/report/virus"), `name="isolate"`)
	p := w.enrolled("PC-0117")
	form := w.get("hanako", "/report/virus")
	has(t, "one PC that is there", form, `name="isolate" value="`+p.id+`" checked`, "PC-0117")
	for _, other := range []string{"/report/lost", "/report/near_miss"} {
		hasNot(t, other, w.get("hanako", other), `name="isolate"`)
	}
	rec := w.ask("hanako", "ja", "/report/virus", url.Values{"summary": {""}, "isolate": {p.id}})
	has(t, "what was ticked stays", rec.Body.String(), `value="`+p.id+`" checked`)
	rec = w.ask("hanako", "ja", "/report/virus", url.Values{"summary": {""}})
	hasNot(t, "what was not ticked stays", rec.Body.String(), `value="`+p.id+`" checked`)

	// Somebody else's PC is not theirs to cut off: the report stands, and the receipt says so.
	at := w.post("boss", "/report/virus", url.Values{"summary": {"変な窓"}, "key": {"k0"}, "isolate": {p.id}})
	if !strings.HasPrefix(at, "/receipt/INC-") || !strings.Contains(at, "not="+p.id) {
		t.Errorf("led to %s", at)
	}
	hasNot(t, "boss's receipt", w.get("boss", at), "PC-0117")
	// For somebody else: not one's own PC.
	w.post("hanako", "/report/virus", url.Values{"summary": {"上長の代わり"}, "key": {"k1"}, "isolate": {p.id}, "on_behalf": {"0002"}})
	if v, err := w.pcs.Get(t.Context(), access.System(), p.id); err != nil || v.Isolation.Wanted {
		t.Errorf("cut off for somebody else: %v, %v", v.Isolation, err)
	}

	at = w.post("hanako", "/report/virus", url.Values{"summary": {"黒い画面"}, "key": {"k2"}, "isolate": {p.id}})
	label, ok := strings.CutPrefix(at, "/receipt/")
	if !ok || strings.Contains(label, "?") {
		t.Fatalf("led to %s", at)
	}
	c, err := w.parts.Incidents.Case(t.Context(), access.System(), label)
	must(t, err)
	v, err := w.pcs.Get(t.Context(), access.System(), p.id)
	must(t, err)
	if o := v.Isolation.Order; !v.Isolation.Wanted || o.Incident != c.ID || o.Via != device.ViaReport || o.By != "per_hanako" {
		t.Errorf("ordered %+v", o)
	}
	receipt := w.get("hanako", at)
	has(t, "receipt", receipt, "あなたのPC", "PC-0117", "隔離を依頼済み", "subject="+p.id)
	p.tell(wire.IsolationFact{State: wire.IsolationProven})
	has(t, "receipt", w.get("hanako", at), "隔離中(確認済み)", "確認済み(実証)")
	// The case shows it to those who work on it.
	has(t, "case", w.get("manager", "/cases/"+label), "この報告の端末", "PC-0117", "隔離中(確認済み)", "subject="+p.id)
	hasNot(t, "case of the manager", w.get("manager", "/cases/"+label), "/pcs/")
}

// TestCaseIsolates: who may manage PCs does so from the case.
func TestCaseIsolates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrolled("PC-0117")
	label := w.report("virus", "k")
	body := w.get("admin", "/cases/"+label)
	has(t, "case", body, "気づいた人の端末", "/cases/"+label+"/pcs/"+p.id+"/isolate")
	if rec := w.ask("manager", "ja", "/cases/"+label+"/pcs/"+p.id+"/isolate", url.Values{}); rec.Code != http.StatusForbidden {
		t.Errorf("the manager isolates: status %d", rec.Code)
	}
	w.post("admin", "/cases/"+label+"/pcs/"+p.id+"/isolate", url.Values{"reason": {"報告を受けて"}})
	c, err := w.parts.Incidents.Case(t.Context(), access.System(), label)
	must(t, err)
	v, err := w.pcs.Get(t.Context(), access.System(), p.id)
	must(t, err)
	if o := v.Isolation.Order; o.Via != device.ViaCase || o.Incident != c.ID || o.Reason != "報告を受けて" {
		t.Errorf("ordered %+v", o)
	}
	has(t, "PC", w.get("admin", p.at("")), "/cases/"+label, label, "報告を受けて")
	rec := w.ask("admin", "ja", "/cases/"+label+"/pcs/"+p.id+"/release", url.Values{"reason": {""}})
	checkHTML(t, "refused", rec.Body.String())
	if rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("release without a reason: status %d", rec.Code)
	}
	w.post("admin", "/cases/"+label+"/pcs/"+p.id+"/release", url.Values{"reason": {"駆除を確認"}})
	has(t, "case", w.get("admin", "/cases/"+label), "解除を依頼済み")
}

// broken is a service whose every verb fails as a database does.
type broken struct{ Devices }

func (broken) OfPerson(context.Context, access.Actor, string) ([]device.View, error) {
	return nil, errors.New("disk on fire")
}

func (broken) Isolate(context.Context, access.Actor, string, device.Ask) (device.Order, error) {
	return device.Order{}, errors.New("disk on fire")
}

// TestReportNeverWaitsForAPC: a report is taken though nothing of the PCs can be had.
func TestReportNeverWaitsForAPC(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *Parts) { p.Devices = broken{p.Devices} })
	has(t, "form", w.get("hanako", "/report/virus"), `name="summary"`)
	at := w.post("hanako", "/report/virus", url.Values{"summary": {"黒い画面"}, "key": {"k"}, "isolate": {"dev_x"}})
	if !strings.Contains(at, "not=dev_x") {
		t.Errorf("led to %s", at)
	}
	has(t, "receipt", w.get("hanako", at), "黒い画面")
}

// failing is a service that isolates nothing.
type failing struct{ Devices }

func (failing) Isolate(context.Context, access.Actor, string, device.Ask) (device.Order, error) {
	return device.Order{}, errors.New("disk on fire")
}

func TestReceiptSaysWhatCouldNotBeOrdered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *Parts) { p.Devices = failing{p.Devices} })
	p := w.enrolled("PC-0117")
	at := w.post("hanako", "/report/virus", url.Values{"summary": {"黒い画面"}, "key": {"k"}, "isolate": {p.id}})
	for _, lang := range []string{"ja", "en"} {
		body := w.ask("hanako", lang, at, nil).Body.String()
		checkHTML(t, at, body)
		has(t, lang, body, "PC-0117", `role="alert"`, map[string]string{"ja": "依頼できませんでした", "en": "could not be requested"}[lang], "/pcs/"+p.id+"/isolate")
	}
}

func TestDeviceExports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrolled("PC-0117")
	rec := w.ask("auditor", "ja", "/devices.csv?enc=utf8", nil)
	if s := rec.Body.String(); !strings.HasPrefix(s, "\ufeff端末,") || !strings.Contains(s, p.id) || !strings.Contains(rec.Header().Get("Content-Disposition"), "devices-") {
		t.Errorf("UTF-8: %v\n%s", rec.Header(), s)
	}
	if s := w.ask("auditor", "ja", "/devices.csv?enc=sjis&state=isolated", nil).Body.Bytes(); strings.Contains(string(s), p.id) || len(s) == 0 || s[0] == 0xef {
		t.Errorf("Shift_JIS: %q", s)
	}
}

func TestDevicePagesAreSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := w.get("admin", "/devices")
	checkHTML(t, "empty", empty)
	p := w.enrolled("PC-0117")
	label := w.report("virus", "k1")
	w.post("admin", "/cases/"+label+"/pcs/"+p.id+"/isolate", url.Values{})
	p.tell(wire.IsolationFact{State: wire.IsolationProven, Wifi: "off", Inhibit: "held", Problems: []string{"x"}})
	for who, paths := range map[string][]string{
		"admin":   {"/devices", "/devices?q=PC&state=isolated", "/devices?state=nonsense", "/devices/enrol", p.at(""), p.at("/code"), "/cases/" + label, "/morning"},
		"manager": {"/devices", p.at(""), "/cases/" + label, "/morning"},
		"hanako":  {p.at(""), "/receipt/" + label, "/report/virus"},
		"auditor": {"/devices", p.at("")},
	} {
		for _, path := range paths {
			for _, lang := range []string{"ja", "en"} {
				rec := w.ask(who, lang, path, nil)
				checkHTML(t, who+" "+path, rec.Body.String())
				if rec.Code != http.StatusOK && !strings.Contains(path, "nonsense") {
					t.Errorf("%s %s: status %d\n%s", who, path, rec.Code, w.log)
				}
			}
		}
	}
}

// TestStreamOfPCs: a page of PCs is woken by what they tell; others are left in peace.
func TestStreamOfPCs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		subjects, wanted []string
		want             bool
	}{
		"facts wake the list":           {[]string{"devices"}, []string{"devices"}, true},
		"facts wake no list of cases":   {[]string{"devices"}, []string{everything}, false},
		"an order wakes the morning":    {[]string{"dev_1", "devices"}, []string{everything, "time"}, true},
		"another PC wakes no page":      {[]string{"dev_2"}, []string{"dev_1"}, false},
		"anything may have changed":     {nil, []string{"dev_1"}, true},
		"a case wakes no list of PCs":   {[]string{"inc_1"}, []string{"devices"}, false},
		"a case wakes the list of them": {[]string{"inc_1"}, []string{everything}, true},
	} {
		if got := concerns(tc.subjects, tc.wanted); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	w := newWorld(t)
	p := w.enrolled("PC-0117")
	srv := httptest.NewServer(w)
	defer srv.Close()
	open := func(who, query string) *http.Response {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/events"+query, nil)
		must(t, err)
		r.AddCookie(&http.Cookie{Name: "sekimori", Value: w.cookies[who]})
		res, err := http.DefaultTransport.RoundTrip(r)
		must(t, err)
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	for query, want := range map[string]int{"?subject=devices": http.StatusForbidden, "?subject=" + p.id: http.StatusForbidden, "?subject=dev_none": http.StatusForbidden} {
		if res := open("boss", query); res.StatusCode != want {
			t.Errorf("boss %s: status %d", query, res.StatusCode)
		}
	}
	res := open("hanako", "?subject="+p.id)
	w.live.out <- []string{p.id}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if lines.Text() == "event: changed" {
			close(w.live.out)
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
