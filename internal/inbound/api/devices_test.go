package api

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// deviceService is the real rules of devices over the world's store.
func deviceService(people *directory.Service, cases *incident.Service, db device.Store, signer note.Signer, public string, now func() time.Time) *device.Service {
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

// sightOf is what these tests need of the cases behind devices.
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

// admin enters an IT administrator.
func (w *world) admin() {
	w.t.Helper()
	ctx := w.t.Context()
	must(w.t, w.db.UpdateDirectory(ctx, func(tx directory.Tx) error {
		if err := tx.SavePerson(ctx, directory.Person{ID: "per_admin", Number: "0005", Family: "井上", Given: "拓", FamilyKana: "イノウエ", GivenKana: "タク", Department: "dpt_sales", Lang: "ja"}); err != nil {
			return err
		}
		from := time.Now().Add(-time.Hour)
		return tx.ReplaceDuties(ctx, []directory.Assignment{{Duty: access.ITAdmin, Person: "per_admin", From: from},
			{Duty: access.ProtectionManager, Person: "per_manager", From: from}, {Duty: access.Auditor, Person: "per_auditor", From: from}})
	}))
	var err error
	w.tokens["per_admin"], _, err = w.access.CreateToken(ctx, access.System(), access.NewToken{Person: "per_admin", Name: "test", Scopes: access.Permissions(), Days: 1})
	must(w.t, err)
}

// enrol makes a PC of hanako with a token of the API.
func (w *world) enrol(token string) (id string, secret []byte) {
	w.t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	must(w.t, err)
	e, err := w.pcs.Enrol(w.t.Context(), wire.Enrol{Token: token, PublicKey: pub, Proof: ed25519.Sign(key, wire.EnrolText(token, pub)),
		Host: "PC-0117", System: "linux/amd64", Agent: "0.1.0"}, "192.0.2.20")
	must(w.t, err)
	return e.Device, e.Secret
}

// TestDevice enrols, isolates and releases a PC, each by who may do it.
func TestDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin()
	const root = "/api/v1/devices"
	w.send("per_manager", "POST", root+"/tokens", `{"person":"0001"}`).want(403)
	for _, bad := range []string{`{"person":""}`, `{"person":"9999"}`, `{"person":"0001","minutes":100000}`, `{"person":"0001","minutes":-5}`} {
		w.send("per_admin", "POST", root+"/tokens", bad).want(422)
	}
	made := w.send("per_admin", "POST", root+"/tokens", `{"person":"0001","minutes":30,"note":"laptop"}`, KeyHeader, "t1").want(201)
	secret := made.text("secret")
	again := w.send("per_admin", "POST", root+"/tokens", `{"person":"0001","minutes":30,"note":"laptop"}`, KeyHeader, "t1").want(201)
	if !strings.HasPrefix(secret, "enrol_") || again.text("id") != made.text("id") || again.text("secret") != "" {
		t.Errorf("token: %s, repeated: %s", made.Body, again.Body)
	}
	if list := w.send("per_admin", "GET", root+"/tokens", "").want(200).Body.String(); !strings.Contains(list, made.text("id")) || strings.Contains(list, secret) {
		t.Errorf("tokens: %s", list)
	}
	id, key := w.enrol(secret)
	other := w.send("per_admin", "POST", root+"/tokens", `{"person":"0001"}`).want(201).text("id")
	w.send("per_admin", "DELETE", root+"/tokens/"+other, "").want(204)
	w.send("per_admin", "DELETE", root+"/tokens/"+other, "").want(409)

	for who, code := range map[string]int{"per_admin": 200, "per_manager": 200, "per_auditor": 200, "per_boss": 403, "per_hanako": 403, "reporter": 403} {
		w.send(who, "GET", root, "").want(code)
	}
	items := w.send("per_manager", "GET", root+"?q=PC-01&person=0001", "").want(200).json()["items"].([]any)
	if len(items) != 1 || items[0].(map[string]any)["name"] != "PC-0117" {
		t.Errorf("list: %v", items)
	}
	w.send("per_manager", "GET", root+"?state=nonsense", "").want(422)
	w.send("per_manager", "GET", root+"?after=nonsense", "").want(422)
	w.send("per_hanako", "GET", root+"/"+id, "").want(200) // their own
	w.send("per_boss", "GET", root+"/"+id, "").want(403)
	w.send("per_admin", "GET", root+"/dev_none", "").want(404)

	at := root + "/" + id
	label := w.send("reporter", "POST", "/api/v1/incidents", `{"kind":"virus","summary":"黒い画面"}`).want(201).text("label")
	w.send("per_manager", "POST", at+"/isolate", `{}`).want(403)
	w.send("per_admin", "POST", at+"/isolate", `{"incident":"INC-2020-0001"}`).want(404)
	first := w.send("per_admin", "POST", at+"/isolate", `{"reason":"不審な通信","incident":"`+label+`","wifi":true}`, KeyHeader, "i1").want(200)
	same := w.send("per_admin", "POST", at+"/isolate", `{"reason":"不審な通信","incident":"`+label+`","wifi":true}`, KeyHeader, "i1").want(200)
	if first.text("via") != "api" || first.text("kind") != "isolate" || first.text("incident") == "" || same.text("id") != first.text("id") {
		t.Errorf("isolate: %s, repeated: %s", first.Body, same.Body)
	}
	seen := w.send("per_auditor", "GET", at, "").want(200).json()
	if iso := seen["isolation"].(map[string]any); iso["wanted"] != true || iso["order"].(map[string]any)["id"] != first.text("id") || len(seen["orders"].([]any)) != 1 {
		t.Errorf("seen: %v", seen)
	}

	challenge, err := wire.NewChallenge(rand.Reader)
	must(t, err)
	w.send("per_admin", "POST", at+"/release-code", `{"challenge":"12","reason":"x"}`).want(422)
	body := `{"challenge":"` + wire.Spoken(challenge) + `","reason":"本人と電話で確認"}`
	w.send("per_manager", "POST", at+"/release-code", body).want(403)
	code := w.send("per_admin", "POST", at+"/release-code", body, KeyHeader, "c1").want(200)
	if want := wire.ReleaseCode(key, id, challenge); code.text("code") != want || code.text("spoken") != wire.Spoken(want) {
		t.Errorf("code: %s", code.Body)
	}
	if kept := w.send("per_admin", "POST", at+"/release-code", body, KeyHeader, "c1").want(200); kept.text("code") != "" || kept.text("spoken") != "" {
		t.Errorf("the code is kept: %s", kept.Body)
	}
	w.send("per_admin", "POST", at+"/uninstall-ticket", `{"reason":"返却"}`).want(409)
	w.send("per_admin", "POST", at+"/release", `{"reason":" "}`).want(422)
	if r := w.send("per_admin", "POST", at+"/release", `{"reason":"感染なし"}`).want(200); r.text("kind") != "release" {
		t.Errorf("release: %s", r.Body)
	}
	w.send("per_admin", "POST", at+"/release", `{"reason":"感染なし"}`).want(409)
	ticket := w.send("per_admin", "POST", at+"/uninstall-ticket", `{"reason":"返却"}`, KeyHeader, "u1").want(200)
	if kept := w.send("per_admin", "POST", at+"/uninstall-ticket", `{"reason":"返却"}`, KeyHeader, "u1").want(200); !strings.Contains(ticket.text("ticket"), id) || kept.text("ticket") != "" {
		t.Errorf("ticket: %s, repeated: %s", ticket.Body, kept.Body)
	}
	w.send("per_admin", "POST", at+"/refuse", `{"reason":"紛失"}`).want(204)
	w.send("per_admin", "POST", at+"/isolate", `{}`).want(403)
	if strings.Contains(w.log.String(), code.text("code")) {
		t.Error("the log holds a code")
	}
}
