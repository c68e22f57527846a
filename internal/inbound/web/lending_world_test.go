package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/paper"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
)

// newLending is the world with applications, a ledger and counting. per_keiri of general
// affairs keeps two sticks that anybody may borrow.
func newLending(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, func(p *Parts) { lend(t, p) })
	ctx := t.Context()
	must(t, w.db.UpdateDirectory(ctx, func(tx directory.Tx) error {
		for _, d := range []directory.Department{{ID: "dpt_top", Code: "A0", Name: "青葉商事"}, {ID: "dpt_sales", Code: "S1", Name: "営業部", Head: "per_boss", Parent: "dpt_top"},
			{ID: "dpt_it", Code: "T1", Name: "情報システム部", Head: "per_admin", Parent: "dpt_top"}} {
			if err := tx.SaveDepartment(ctx, d); err != nil {
				return err
			}
		}
		return tx.SavePerson(ctx, directory.Person{ID: "per_keeper", Number: "0006", Family: "倉田", Given: "健", FamilyKana: "クラタ", GivenKana: "ケン", Department: "dpt_top",
			Lang: "ja", Email: "keeper@company.example"})
	}))
	must(t, w.parts.Access.SetLogin(ctx, access.System(), "per_keeper", "keeper", password))
	secret, _, err := w.parts.Access.Begin(ctx, "per_keeper", access.Origin{Address: "192.0.2.1", Agent: "test"})
	must(t, err)
	w.cookies["keeper"] = secret
	for _, n := range []string{"USB-0001", "USB-0002"} {
		w.thing(n, "0006", "dpt_top")
	}
	return w
}

// lend gives the world the services of lending.
func lend(t testing.TB, p *Parts) {
	t.Helper()
	db, ok := p.Tracks.(*store.DB)
	if !ok {
		t.Fatal("the world's store is another")
	}
	pcs, ok := p.Devices.(*device.Service)
	if !ok {
		t.Fatal("the world has no PCs")
	}
	cal := jpcal.New(p.Zone, jpcal.Options{})
	p.Company = "青葉商事"
	p.Assets = asset.NewService(asset.Parts{Store: db, Blobs: &blobs{kept: map[string][]byte{}}, People: p.People, Devices: owners{db}, Now: p.Now, Zone: p.Zone, Calendar: cal,
		Reissue: func(ctx context.Context, tx asset.Tx, id string) error {
			x, ok := tx.(device.Tx)
			if !ok {
				return fmt.Errorf("%T knows no devices", tx)
			}
			return pcs.Reissue(ctx, x, id)
		},
		Sign:  func(m wire.MediumToken) (string, error) { return "signed " + m.ID, nil },
		Draft: func(context.Context, asset.Draft) error { return nil }})
	p.TakeOuts = takingOut(t, p, db, cal)
	var err error
	p.Requests, err = request.NewService(request.Parts{Store: db, People: p.People, Now: p.Now, Zone: p.Zone, Calendar: cal,
		Kinds: []request.Kind{p.Assets.LoanKind(), p.Assets.ExtensionKind(), p.TakeOuts.Kind()}})
	must(t, err)
	private, _, err := journal.GenerateKey(rand.Reader, "sekimori/test")
	must(t, err)
	signer, err := note.NewSigner(private)
	must(t, err)
	p.Stocks = asset.NewStockService(asset.StockParts{Store: db, People: p.People, Now: p.Now, Zone: p.Zone, Calendar: cal, Company: p.Company,
		Words: p.Catalogue.PrinterIn(i18n.JA, p.Zone), Signer: signer, Origins: []string{p.BaseURL}})
	p.Font, err = paper.LoadFont()
	must(t, err)
}

// owners tells whose a PC is, from the store.
type owners struct{ db *store.DB }

func (o owners) Owner(ctx context.Context, id string) (person, name string, ok bool, err error) {
	v, err := o.db.Device(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return "", "", false, nil
	}
	return v.Person, v.Name, v.RefusedAt.IsZero(), err
}

func (o owners) OfPerson(ctx context.Context, person string) ([]asset.DeviceRef, error) {
	found, err := o.db.FindDevices(ctx, device.Query{Person: person, Limit: 10})
	var out []asset.DeviceRef
	for _, d := range found {
		out = append(out, asset.DeviceRef{ID: d.ID, Name: d.Name})
	}
	return out, err
}

// thing adds a USB memory on the page.
func (w *world) thing(number, keeper, department string) {
	w.t.Helper()
	w.post("admin", "/assets/new", url.Values{"number": {number}, "kind": {"usb_memory"}, "model": {"架空 UX-1"}, "capacity": {"32"}, "encryption": {"hardware"},
		"department": {department}, "keeper": {keeper}, "place": {"本社3階 キャビネットA"}})
}

// applied is what hanako types to borrow a thing for two days.
func (w *world) applied(number string) url.Values {
	form := url.Values{"asset": {number}, "purpose": {"客先で見積書を見せる"}, "contents": {"見積書3件"}, "personal_data": {"yes"}, "people": {"12"},
		"from": {w.local(0)}, "until": {w.local(48 * time.Hour)}, "read_only": {"no"}, "key": {"k" + number}}
	if own, err := w.pcs.OfPerson(w.t.Context(), access.System(), "per_hanako"); err == nil && len(own) > 0 {
		form.Set("device", own[0].ID)
	}
	return form
}

// local writes a time from now on as a form's control does.
func (w *world) local(d time.Duration) string {
	return time.Now().Add(d).In(w.parts.Zone).Format("2006-01-02T15:04")
}

// apply sends an application of hanako for a thing and gives its label.
func (w *world) apply(number string) string {
	w.t.Helper()
	at := w.post("hanako", "/requests/new?kind=loan", w.applied(number))
	label, ok := strings.CutPrefix(at, "/requests/")
	if !ok {
		w.t.Fatalf("the application led to %s", at)
	}
	return label
}

// digest is that of the form of decision on a page.
func digest(t testing.TB, body string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, `name="digest" value="`)
	if !ok {
		t.Fatalf("the page offers no decision:\n%s", body)
	}
	out, _, _ := strings.Cut(rest, `"`)
	return out
}

// approve decides on the page of an application.
func (w *world) approve(who, label string) {
	w.t.Helper()
	w.post(who, "/requests/"+label+"/decide", url.Values{"verdict": {"approve"}, "digest": {digest(w.t, w.get(who, "/requests/"+label))}})
}

// granted is an application that both steps have approved.
func (w *world) granted(number string) string {
	w.t.Helper()
	label := w.apply(number)
	w.approve("boss", label)
	w.approve("manager", label)
	return label
}

// lent hands a thing over and gives the loan's label.
func (w *world) lent(number string) string {
	w.t.Helper()
	at := w.post("keeper", "/loans/new", url.Values{"request": {w.granted(number)}, "asset": {number}})
	w.post("hanako", at+"/receive", url.Values{})
	return strings.TrimPrefix(at, "/loans/")
}

// letterLink is the address in the newest letter about a request to a person.
func (w *world) letterLink(label, person string) string {
	w.t.Helper()
	r, err := w.db.Request(w.t.Context(), label)
	must(w.t, err)
	ls, err := w.db.ClaimLetters(w.t.Context(), time.Now().Add(time.Hour), time.Minute, 1000)
	must(w.t, err)
	out := ""
	for _, l := range ls {
		if l.About == r.ID && l.Person == person && l.Act {
			out = "/q/" + w.parts.Links.LetterToken(l.ID)
		}
		l.State, l.SentAt = notice.Sent, time.Now()
		must(w.t, w.db.UpdateLetters(w.t.Context(), func(tx notice.LetterTx) error { return tx.SaveLetter(w.t.Context(), l) }))
	}
	if out == "" {
		w.t.Fatalf("%s was not asked about %s", person, label)
	}
	return out
}
