package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

// vault seals by writing the name in front.
type vault struct{}

func (vault) Seal(name string, secret []byte) ([]byte, error) {
	return []byte(name + "\n" + string(secret)), nil
}

func (vault) Open(name string, sealed []byte) ([]byte, error) {
	rest, ok := strings.CutPrefix(string(sealed), name+"\n")
	if !ok {
		return nil, errors.New("sealed by another name")
	}
	return []byte(rest), nil
}

// postbox takes codes.
type postbox struct {
	codes map[string]string // by address
	err   error
	deny  string // a URL that must not be reached
}

func (p *postbox) MayReach(_ directory.Channel, url string) error {
	if url == p.deny {
		return errors.New("inside")
	}
	return nil
}

func (p *postbox) PostCode(_ context.Context, to directory.Contact, _ directory.Person, code string) error {
	if p.err != nil {
		return p.err
	}
	p.codes[to.Address] = code
	return nil
}

// desk is the verbs over a real store, with a clock moved by hand.
type desk struct {
	t    *testing.T
	db   *store.DB
	now  time.Time
	post *postbox
	org  *directory.Service
	*directory.Contacts
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, db: storetest.SQLite(t), now: noon, post: &postbox{codes: map[string]string{}}}
	storetest.Seed(t, d.db, directorytest.Company())
	clock := func() time.Time { return d.now }
	d.org = directory.NewService(d.db, clock)
	d.Contacts = directory.NewContacts(directory.ContactParts{Store: d.db, People: d.org, Vault: vault{}, Poster: d.post, Now: clock})
	return d
}

func me(person string, duties ...access.Duty) access.Actor {
	return access.Actor{Person: person, Via: access.BySession, Duties: duties, Fresh: noon}
}

// add adds a mail contact of per_emp.
func (d *desk) add(address string) directory.Contact {
	d.t.Helper()
	c, _, err := d.Add(d.t.Context(), me("per_emp"), directory.NewContact{Channel: directory.Mail, Address: address})
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

func (d *desk) takes(contact string) bool {
	d.t.Helper()
	o, err := d.org.Org(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	c, ok := o.Contact(contact)
	return ok && c.Takes()
}

func field(err error) string {
	if f := fault.As(err); f != nil && len(f.Fields) > 0 {
		return f.Fields[0].Name + ":" + f.Fields[0].ID
	}
	if f := fault.As(err); f != nil {
		return f.ID
	}
	return fmt.Sprint(err)
}

func TestContactIsProvenBeforeItTakesAnything(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.add("　Second@Aoba.example ")
	if c.Address != "second@aoba.example" || d.takes(c.ID) {
		t.Fatalf("fresh contact %+v", c)
	}
	verify := func(code string) string { return field(d.Verify(t.Context(), me("per_emp"), c.ID, code)) }
	if got := verify("000000"); got != "code:fault.code_ended" {
		t.Errorf("no code was sent: %s", got)
	}
	if err := d.SendCode(t.Context(), me("per_emp"), c.ID); err != nil {
		t.Fatal(err)
	}
	code := d.post.codes[c.Address]
	if len(code) != 6 {
		t.Fatalf("code %q", code)
	}
	if err := d.Verify(t.Context(), me("per_it", access.ITAdmin), c.ID, code); !fault.Is(err, fault.NotFound) {
		t.Errorf("another person: %v", err)
	}
	wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, code) // as a Japanese keyboard types it
	if err := d.Verify(t.Context(), me("per_emp"), c.ID, " "+wide[:9]+" "+wide[9:]); err != nil {
		t.Fatal(err)
	}
	if !d.takes(c.ID) {
		t.Error("a proven contact takes nothing")
	}
	if got := verify(code); got != "code:fault.code_ended" {
		t.Errorf("used twice: %s", got)
	}
}

func TestCodeEnds(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.add("second@aoba.example")
	send := func() string { return field(d.SendCode(t.Context(), me("per_emp"), c.ID)) }
	verify := func(code string) string { return field(d.Verify(t.Context(), me("per_emp"), c.ID, code)) }
	if got := send(); got != "<nil>" {
		t.Fatal(got)
	}
	if got := send(); got != "fault.code_just_sent" {
		t.Errorf("at once again: %s", got)
	}
	wrong := "000000"
	if d.post.codes[c.Address] == wrong {
		wrong = "000001"
	}
	for range 5 {
		if got := verify(wrong); got != "code:fault.code_wrong" {
			t.Errorf("wrong code: %s", got)
		}
	}
	if got := verify(d.post.codes[c.Address]); got != "code:fault.code_ended" {
		t.Errorf("right after five wrong ones: %s", got)
	}
	d.now = d.now.Add(time.Minute)
	if got := send(); got != "<nil>" {
		t.Fatal(got)
	}
	old := d.post.codes[c.Address]
	d.now = d.now.Add(directory.CodeLife)
	if got := verify(old); got != "code:fault.code_ended" {
		t.Errorf("after its life: %s", got)
	}
	for n := range 10 { // ten an hour
		d.now = d.now.Add(time.Minute)
		if got := send(); got != "<nil>" && n < 6 || got != "fault.too_many_codes" && n == 9 {
			t.Errorf("code %d: %s", n, got)
		}
	}
	d.now = d.now.Add(time.Hour)
	if got := send(); got != "<nil>" {
		t.Errorf("an hour later: %s", got)
	}
	d.now, d.post.err = d.now.Add(time.Minute), errors.New("no route")
	if got := send(); got != "fault.code_not_sent" {
		t.Errorf("unreachable: %s", got)
	}
	d.now, d.post.err = d.now.Add(time.Minute), &directory.Refusal{Answer: "HTTP 404"}
	if got := send(); got != "fault.code_refused" {
		t.Errorf("refused: %s", got)
	}
}

// TestOwnMailIsProven: the address of the directory is proven like any other, and a code
// that went to an address does not prove the next one.
func TestOwnMailIsProven(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.now = noon.Add(100 * 24 * time.Hour)
	o, err := d.org.Org(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o.Reachable("per_emp", d.now) || o.CareOf("per_emp", d.now) != (directory.ContactCare{Stale: 1}) {
		t.Error("a mail address not seen to work for 100 days counts as reachable")
	}
	p := o.People["per_emp"]
	if err := d.SendCode(t.Context(), me("per_emp"), "per_emp"); err != nil {
		t.Fatal(err)
	}
	code := d.post.codes[p.Email]
	p.Email = "new@aoba.example"
	if err := d.db.UpdateDirectory(t.Context(), func(tx directory.Tx) error { return tx.SavePerson(t.Context(), p) }); err != nil {
		t.Fatal(err)
	}
	if got := field(d.Verify(t.Context(), me("per_emp"), "per_emp", code)); got != "code:fault.code_ended" {
		t.Errorf("a code sent to the old address: %s", got)
	}
	d.now = d.now.Add(time.Minute)
	if err := d.SendCode(t.Context(), me("per_emp"), "per_emp"); err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(t.Context(), me("per_emp"), "per_emp", d.post.codes[p.Email]); err != nil {
		t.Fatal(err)
	}
	if o, err = d.org.Org(t.Context()); err != nil || !o.Reachable("per_emp", d.now) {
		t.Errorf("not reachable after the proof: %v", err)
	}
	if err := d.Remove(t.Context(), me("per_emp"), "per_emp"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the directory's own address was removed: %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.post.deny = "https://127.0.0.1/hook"
	d.add("second@aoba.example")
	for name, tt := range map[string]struct {
		new  directory.NewContact
		want string
	}{
		"no channel":       {directory.NewContact{}, "channel:fault.unknown_choice"},
		"unknown channel":  {directory.NewContact{Channel: "pigeon", URL: "https://x.example"}, "channel:fault.unknown_choice"},
		"no address":       {directory.NewContact{Channel: directory.Mail}, "address:fault.required"},
		"bad address":      {directory.NewContact{Channel: directory.Mail, Address: "a@b\r\nBcc: c@d.example"}, "address:fault.bad_email"},
		"own address":      {directory.NewContact{Channel: directory.Mail, Address: "YOSHIDA@aoba.example"}, "address:fault.contact_twice"},
		"twice":            {directory.NewContact{Channel: directory.Mail, Address: "second@aoba.example"}, "address:fault.contact_twice"},
		"no URL":           {directory.NewContact{Channel: directory.Slack}, "url:fault.required"},
		"no http URL":      {directory.NewContact{Channel: directory.Slack, URL: "file:///etc/passwd"}, "url:fault.bad_hook_url"},
		"with a password":  {directory.NewContact{Channel: directory.Slack, URL: "https://a:b@hooks.example/x"}, "url:fault.bad_hook_url"},
		"inside":           {directory.NewContact{Channel: directory.Webhook, URL: "https://127.0.0.1/hook"}, "url:fault.bad_hook_url"},
		"long URL":         {directory.NewContact{Channel: directory.Webhook, URL: "https://x.example/" + strings.Repeat("x", 2000)}, "url:fault.bad_hook_url"},
		"no subscription":  {directory.NewContact{Channel: directory.Push}, "subscription:fault.bad_subscription"},
		"long name":        {directory.NewContact{Channel: directory.Slack, URL: "https://x.example", Name: strings.Repeat("名", 61)}, "name:fault.too_long"},
		"bad subscription": {directory.NewContact{Channel: directory.Push, Subscription: `{"endpoint":"https://push.example/1","keys":{"p256dh":"AAAA","auth":"AAAA"}}`}, "subscription:fault.bad_subscription"},
	} {
		_, _, err := d.Add(t.Context(), me("per_emp"), tt.new)
		if got := field(err); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	for n := range directory.MaxContacts - 1 {
		d.add(fmt.Sprintf("n%d@aoba.example", n))
	}
	_, _, err := d.Add(t.Context(), me("per_emp"), directory.NewContact{Channel: directory.Mail, Address: "eleventh@aoba.example"})
	if field(err) != "fault.too_many_contacts" {
		t.Errorf("the eleventh: %v", err)
	}
	stale := me("per_emp")
	stale.Fresh = noon.Add(-access.FreshFor - time.Second)
	_, _, err = d.Add(t.Context(), stale, directory.NewContact{Channel: directory.Mail, Address: "x@aoba.example"})
	if field(err) != "fault.step_up" {
		t.Errorf("a session that has shown no password of late: %v", err)
	}
	for name, by := range map[string]access.Actor{"nobody": {}, "a link": {Person: "per_emp", Via: access.ByLink}, "a PC": {Person: "per_emp", Via: access.ByDevice},
		"a token of another scope": {Person: "per_emp", Via: access.ByToken, Scopes: []access.Permission{access.Report}}} {
		if _, _, err := d.Add(t.Context(), by, directory.NewContact{Channel: directory.Mail, Address: "x@aoba.example"}); fault.As(err) == nil {
			t.Errorf("%s added a contact: %v", name, err)
		}
		if err := d.SendCode(t.Context(), by, "per_emp"); fault.As(err) == nil {
			t.Errorf("%s sent a code: %v", name, err)
		}
	}
}

// TestSecretsStayInside: what leads to a room is sealed, and the record never says it.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c, key, err := d.Add(t.Context(), me("per_emp"), directory.NewContact{Channel: directory.Webhook, Name: "当番表", URL: "https://hooks.example/T0/SECRET"})
	if err != nil || key == "" {
		t.Fatal(key, err)
	}
	if c.Address != "hooks.example" || !slices.Contains([]string{"hooks.example"}, c.Masked()) {
		t.Errorf("shown as %q", c.Address)
	}
	target, err := d.Target(c)
	if err != nil || target.URL != "https://hooks.example/T0/SECRET" || target.Key != key {
		t.Errorf("target %+v, %v", target, err)
	}
	if err := d.Remove(t.Context(), me("per_sales"), c.ID); !fault.Is(err, fault.Denied) {
		t.Errorf("another employee removed it: %v", err)
	}
	if err := d.Remove(t.Context(), me("per_it", access.ITAdmin), c.ID); err != nil { // the phone that was lost
		t.Fatal(err)
	}
	if _, err := d.Of(t.Context(), me("per_sales"), "per_emp"); !fault.Is(err, fault.Denied) {
		t.Errorf("another employee saw the contacts: %v", err)
	}
}

func TestReachableByAnotherContact(t *testing.T) {
	t.Parallel()
	o := directorytest.Company()
	late := noon.Add(100 * 24 * time.Hour)
	push := directory.Contact{ID: "con_1", Person: "per_pm", Channel: directory.Push, Verified: late.Add(-time.Hour)}
	for name, tt := range map[string]struct {
		contacts        []directory.Contact
		mail            string
		reachable, last bool // as a matter of course; as the last resort
	}{
		"mail that is old":  {nil, "x@aoba.example", false, true},
		"push of late":      {[]directory.Contact{push}, "x@aoba.example", true, true},
		"push alone":        {[]directory.Contact{push}, "", true, true},
		"nothing":           {nil, "", false, false},
		"push that failed":  {[]directory.Contact{{ID: "con_1", Person: "per_pm", Verified: late, Failed: late}}, "", false, false},
		"push never proven": {[]directory.Contact{{ID: "con_1", Person: "per_pm"}}, "", false, false},
		"push that is old":  {[]directory.Contact{{ID: "con_1", Person: "per_pm", Verified: noon}}, "", false, true},
	} {
		edit(o, "per_pm", func(p *directory.Person) { p.Email = tt.mail })
		o.Contacts = map[string][]directory.Contact{"per_pm": tt.contacts}
		if got := o.Reachable("per_pm", late); got != tt.reachable {
			t.Errorf("%s: reachable %v", name, got)
		}
		if got := o.Trusting().Reachable("per_pm", late); got != tt.last {
			t.Errorf("%s: as the last resort %v", name, got)
		}
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"hanako@aoba.example": "h…@aoba.example", "𠮷@aoba.example": "𠮷…@aoba.example", "hooks.example": "hooks.example", "@x": "@x", "": ""} {
		if got := (directory.Contact{Address: address}).Masked(); got != want {
			t.Errorf("%q became %q", address, got)
		}
	}
}

func FuzzParseSubscription(f *testing.F) {
	f.Add(`{"endpoint":"https://push.example/1","keys":{"p256dh":"BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`)
	f.Add(`{"endpoint":"http://x@y/#","keys":null}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := directory.ParseSubscription(s)
		if err != nil {
			if fault.As(err) == nil {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if len(got.P256dh) != 87 || len(got.Auth) != 22 || len(got.URL) > 2000 || !strings.HasPrefix(strings.ToLower(got.URL), "http") {
			t.Errorf("%q was taken as %+v", s, got)
		}
	})
}
