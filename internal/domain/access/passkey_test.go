package access_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/testkit/authenticator"
)

const site, siteName = "https://sekimori.kaku.example", "sekimori.kaku.example"

func (d *door) device() *authenticator.Device { return authenticator.New(d.t, site, siteName) }

// add registers a device's key for who is signed in.
func (d *door) add(by access.Actor, dev *authenticator.Device) (access.Passkey, error) {
	d.t.Helper()
	opts, err := d.NewPasskeyOptions(d.t.Context(), by)
	if err != nil {
		return access.Passkey{}, err
	}
	return d.AddPasskey(d.t.Context(), by, "電話", dev.Create(opts))
}

func (d *door) show(answer []byte, addr string) (access.Session, error) {
	_, s, err := d.SignInByPasskey(d.t.Context(), answer, access.Origin{Address: addr})
	return s, err
}

func (d *door) asked() []byte {
	d.t.Helper()
	opts, err := d.PasskeyOptions()
	d.must(err)
	return opts
}

func TestPasskeySignsInOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	emp, dev := d.actor("yoshida"), d.device()
	key, err := d.add(emp, dev)
	d.must(err)
	d.wait(time.Hour) // a passkey needs no fresh session
	answer := dev.Get(d.asked())
	s, err := d.show(answer, "192.0.2.7")
	d.must(err)
	if s.Person != "per_emp" || !s.Fresh.Equal(d.clock()) {
		t.Errorf("session %+v", s)
	}
	_, err = d.show(answer, "192.0.2.7")
	refused(t, "the same answer again", err, fault.Unauthenticated, "fault.passkey_refused")
	have, err := d.Passkeys(t.Context(), emp, "per_emp")
	d.must(err)
	if len(have) != 1 || have[0].ID != key.ID || !have[0].Seen.Equal(d.clock()) || !have[0].Copied.IsZero() {
		t.Errorf("list %+v", have)
	}

	dev.Count = 1 // as a copy would count
	_, err = d.show(dev.Get(d.asked()), "192.0.2.7")
	d.must(err)
	have, err = d.Passkeys(t.Context(), emp, "per_emp")
	d.must(err)
	if !have[0].Copied.Equal(d.clock()) {
		t.Errorf("a count that did not grow: %+v", have[0])
	}
	if k := d.kinds(); k["account.passkey_added"] != 1 || k["account.passkey_copied"] != 1 || k["account.signed_in"] != 3 {
		t.Errorf("record %v", k)
	}
}

// TestPasskeyOfTwoAtOnce: of one answer sent twice at the same time, one is taken.
func TestPasskeyOfTwoAtOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	dev := d.device()
	_, err := d.add(d.actor("yoshida"), dev)
	d.must(err)
	answer := dev.Get(d.asked())
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for n := range errs {
		wg.Go(func() { _, errs[n] = d.show(answer, "") })
	}
	wg.Wait()
	in := 0
	for _, err := range errs {
		if err == nil {
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d are in: %v", in, errs)
	}
}

func TestPasskeyRefused(t *testing.T) {
	t.Parallel()
	const key, late = "fault.passkey_refused", "fault.passkey_late"
	for name, tt := range map[string]struct {
		do   func(d *door, dev *authenticator.Device) []byte
		want string
	}{
		"another site in the browser": {func(d *door, dev *authenticator.Device) []byte {
			dev.Origin = "https://evil.example"
			return dev.Get(d.asked())
		}, key},
		"another site's key": {func(d *door, dev *authenticator.Device) []byte { dev.Site = "evil.example"; return dev.Get(d.asked()) }, key},
		"nobody verified":    {func(d *door, dev *authenticator.Device) []byte { dev.Unverified = true; return dev.Get(d.asked()) }, key},
		"in another person's name": {func(d *door, dev *authenticator.Device) []byte {
			dev.Handle = []byte("per_it")
			return dev.Get(d.asked())
		}, key},
		"a key of nobody's": {func(d *door, _ *authenticator.Device) []byte { return d.device().Get(d.asked()) }, key},
		"a challenge of its own": {func(_ *door, dev *authenticator.Device) []byte {
			return dev.Get([]byte(`{"challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`))
		}, key},
		"a challenge for something else": {func(d *door, dev *authenticator.Device) []byte {
			opts, err := d.ConfirmOptions(d.t.Context(), d.actor("yoshida"))
			d.must(err)
			return dev.Get(opts)
		}, key},
		"too late": {func(d *door, dev *authenticator.Device) []byte {
			opts := d.asked()
			d.wait(5*time.Minute + time.Second)
			return dev.Get(opts)
		}, late},
		"removed": {func(d *door, dev *authenticator.Device) []byte {
			by := d.actor("yoshida")
			have, err := d.Passkeys(d.t.Context(), by, by.Person)
			d.must(err)
			d.must(d.RemovePasskey(d.t.Context(), by, by.Person, have[0].ID))
			return dev.Get(d.asked())
		}, key},
		"rubbish": {func(*door, *authenticator.Device) []byte { return []byte("[1]") }, key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			dev := d.device()
			_, err := d.add(d.actor("yoshida"), dev)
			d.must(err)
			_, err = d.show(tt.do(d, dev), "192.0.2.66")
			refused(t, name, err, fault.Unauthenticated, tt.want)
		})
	}
}

// TestPasskeyOfALeaver: who has left is told what a stranger is told, and tries are counted.
func TestPasskeyTriesAreCounted(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for range 8 {
		_, err := d.show(d.device().Get(d.asked()), "192.0.2.66")
		refused(t, "a stranger", err, fault.Unauthenticated, "fault.passkey_refused")
	}
	_, err := d.show(d.device().Get(d.asked()), "192.0.2.66")
	refused(t, "the ninth", err, fault.TooMany, "fault.throttled")
	dev := d.device()
	_, err = d.add(d.actor("yoshida"), dev)
	d.must(err)
	_, err = d.show(dev.Get(d.asked()), "192.0.2.67")
	d.must(err) // elsewhere it goes on
}

func TestAddingAPasskey(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	emp, it := d.actor("yoshida"), d.actor("hayashi")
	dev := d.device()
	opts, err := d.NewPasskeyOptions(t.Context(), emp)
	d.must(err)
	answer := dev.Create(opts)
	_, err = d.AddPasskey(t.Context(), it, "x", answer)
	refused(t, "by another session", err, fault.Unauthenticated, "fault.passkey_refused")
	_, err = d.AddPasskey(t.Context(), emp, " ", answer)
	bad(t, "without a name", err, "name:fault.required")
	_, err = d.AddPasskey(t.Context(), emp, "鍵", answer)
	d.must(err)
	_, err = d.AddPasskey(t.Context(), emp, "鍵", answer)
	refused(t, "the same answer again", err, fault.Unauthenticated, "fault.passkey_refused")
	_, err = d.add(it, dev)
	refused(t, "a key that another has", err, fault.Conflict, "fault.passkey_there")

	token := emp
	token.Via, token.Scopes = access.ByToken, access.Permissions()
	_, err = d.add(token, d.device())
	refused(t, "by token", err, fault.Denied, "fault.denied")
	_, err = d.add(access.Actor{Person: "per_emp", Via: access.ByLink}, d.device())
	refused(t, "by link", err, fault.Denied, "fault.denied")

	for range access.MaxPasskeys - 1 {
		_, err = d.add(emp, d.device())
		d.must(err)
	}
	_, err = d.add(emp, d.device())
	refused(t, "one too many", err, fault.Conflict, "fault.too_many_items")

	have, err := d.Passkeys(t.Context(), it, "per_emp")
	d.must(err)
	refused(t, "rename another's", d.RenamePasskey(t.Context(), it, have[0].ID, "x"), fault.NotFound, "fault.not_found")
	d.must(d.RenamePasskey(t.Context(), emp, have[0].ID, "会社の電話"))
	_, err = d.Passkeys(t.Context(), emp, "per_it")
	refused(t, "see another's", err, fault.Denied, "fault.denied")
	refused(t, "remove another's", d.RemovePasskey(t.Context(), emp, "per_it", have[0].ID), fault.Denied, "fault.denied")
	d.must(d.RemovePasskey(t.Context(), it, "per_emp", have[0].ID))
	if k := d.kinds(); k["account.passkey_renamed"] != 1 || k["account.passkey_removed"] != 1 || k["account.passkey_added"] != access.MaxPasskeys {
		t.Errorf("record %v", k)
	}
}

// TestOldSessionProvesItself: what lets people in is changed only by whoever has just
// shown password or passkey, and showing them ends the cookie that was there before.
func TestOldSessionProvesItself(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	dev, itsKey := d.device(), d.device()
	it := d.actor("hayashi")
	_, err := d.add(it, itsKey)
	d.must(err)
	cookie, err := d.in("yoshida", password, "192.0.2.1")
	d.must(err)
	emp, err := d.BySecret(t.Context(), cookie)
	d.must(err)
	mine, err := d.add(emp, dev)
	d.must(err)
	d.wait(access.FreshFor + time.Second)
	acts := map[string]func(by access.Actor) error{
		"add": func(by access.Actor) error { _, err := d.add(by, d.device()); return err },
		"make tokens": func(by access.Actor) error {
			_, _, err := d.CreateToken(t.Context(), by, access.NewToken{Name: "x", Scopes: []access.Permission{access.Report}, Days: 1})
			return err
		},
		"remove": func(by access.Actor) error { return d.RemovePasskey(t.Context(), by, "per_emp", mine.ID) },
	}
	for name, act := range acts {
		refused(t, name, act(emp), fault.Denied, "fault.step_up")
	}
	_, err = d.ResetCode(t.Context(), it, "per_emp")
	refused(t, "reset", err, fault.Denied, "fault.step_up")
	refused(t, "set a password", d.SetLogin(t.Context(), it, "per_emp", "yoshida", password+"2"), fault.Denied, "fault.step_up")

	_, _, err = d.Confirm(t.Context(), emp, "wrong but long enough", access.Origin{})
	bad(t, "wrong password", err, "password:fault.wrong_password")
	opts, err := d.ConfirmOptions(t.Context(), emp)
	d.must(err)
	_, _, err = d.ConfirmByPasskey(t.Context(), emp, itsKey.Get(opts), access.Origin{})
	refused(t, "another person's passkey", err, fault.Unauthenticated, "fault.passkey_refused")
	_, _, err = d.ConfirmByPasskey(t.Context(), emp, dev.Get(d.asked()), access.Origin{})
	refused(t, "an answer to another question", err, fault.Unauthenticated, "fault.passkey_refused")

	fresh, s, err := d.ConfirmByPasskey(t.Context(), emp, dev.Get(opts), access.Origin{})
	d.must(err)
	if s.ID != emp.Session || fresh == cookie {
		t.Errorf("session %+v", s)
	}
	_, err = d.BySecret(t.Context(), cookie)
	refused(t, "the cookie before", err, fault.Unauthenticated, "fault.unauthenticated")
	emp, err = d.BySecret(t.Context(), fresh)
	d.must(err)
	for _, name := range []string{"add", "make tokens", "remove"} {
		d.must(acts[name](emp))
	}
	d.wait(time.Hour)
	_, _, err = d.Confirm(t.Context(), emp, password, access.Origin{})
	d.must(err)
	_, _, err = d.Confirm(t.Context(), access.Actor{Person: "per_emp", Via: access.ByToken}, password, access.Origin{})
	refused(t, "by token", err, fault.Denied, "fault.denied")
	if k := d.kinds(); k["account.confirmed"] != 2 {
		t.Errorf("record %v", k)
	}
}

func TestNoPasskeysWithoutAName(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	s, err := access.NewService(t.Context(), d.db, access.NewHasher(cheap(), 1), d.clock, access.Rules{Site: "https://192.0.2.9", Seal: func(what, id string) string { return fmt.Sprint(what, id) }})
	d.must(err)
	if s.PasskeySite() != "" || d.PasskeySite() != siteName {
		t.Errorf("%q, %q", s.PasskeySite(), d.PasskeySite())
	}
	_, err = s.PasskeyOptions()
	refused(t, "a site without a name", err, fault.Denied, "fault.no_passkeys")
}

// TestProvenAtALink: a browser is its person's when they are signed in there, or have shown
// their password there within a month; nobody else's password does it.
func TestProvenAtALink(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	link := access.Actor{Person: "per_emp", Via: access.ByLink}
	prove := func(what string, b access.AtLink, want string) string {
		t.Helper()
		a, secret, _, err := d.ProveAtLink(t.Context(), link, b, access.Origin{Address: "192.0.2.5"})
		d.must(err)
		if a.Via != access.ByLink || a.Person != "per_emp" || a.Fresh.IsZero() == (want != "") || a.Proof != want {
			t.Errorf("%s: %+v", what, a)
		}
		return secret
	}
	prove("nothing", access.AtLink{}, "")
	prove("another's session", access.AtLink{Session: d.actor("hayashi")}, "")
	prove("a made-up browser", access.AtLink{Known: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}, "")
	prove("their session", access.AtLink{Session: d.actor("yoshida")}, "session")
	for range 2 {
		_, _, _, err := d.ProveAtLink(t.Context(), link, access.AtLink{Password: "not the password"}, access.Origin{})
		bad(t, "wrong password", err, "password:fault.wrong_password")
	}
	known := prove("password", access.AtLink{Password: password}, "password")
	if known == "" || prove("the browser again", access.AtLink{Known: known}, "known_browser") != "" {
		t.Error("the browser is not remembered once")
	}
	if _, err := d.BySecret(t.Context(), known); err == nil {
		t.Error("a known browser is a session")
	}
	a, _, _, err := d.ProveAtLink(t.Context(), access.Actor{Person: "per_it", Via: access.ByLink}, access.AtLink{Known: known}, access.Origin{})
	if d.must(err); !a.Fresh.IsZero() {
		t.Error("a browser of one is another's")
	}
	a, _, _, err = d.ProveAtLink(t.Context(), access.Actor{Person: "per_gen", Via: access.ByLink}, access.AtLink{}, access.Origin{})
	if d.must(err); a.Fresh.IsZero() || a.Proof != "no_account" {
		t.Error("who has no account cannot answer")
	}
	_, _, _, err = d.ProveAtLink(t.Context(), d.actor("hayashi"), access.AtLink{}, access.Origin{})
	refused(t, "no link", err, fault.Denied, "fault.denied")
	d.wait(access.KnownFor)
	prove("a month later", access.AtLink{Known: known}, "")
	known = prove("password", access.AtLink{Password: password}, "password")
	d.must(d.SetLogin(t.Context(), access.System(), "per_emp", "yoshida", password+"2"))
	prove("after a new password", access.AtLink{Known: known}, "")
	if k := d.kinds(); k["account.browser_known"] != 2 {
		t.Errorf("record %v", k)
	}
}

// A passkey proves its person at a link as a password does: here, once, for this link, and
// nobody else.
func TestPasskeyAtALink(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	link := access.Actor{Person: "per_emp", Via: access.ByLink}
	site := func(by access.Actor) string {
		t.Helper()
		s, err := d.PasskeyAtLink(t.Context(), by)
		d.must(err)
		return s
	}
	if s := site(link); s != "" {
		t.Errorf("offered to who has none, at %s", s)
	}
	own, others := d.device(), d.device()
	added, err := d.add(d.actor("yoshida"), own)
	d.must(err)
	_, err = d.add(d.actor("hayashi"), others)
	d.must(err)
	if site(link) == "" || site(d.actor("yoshida")) != "" {
		t.Error("offered where it is not, or not where it is")
	}
	ask := func(of string) []byte {
		t.Helper()
		o, err := d.LinkOptions(link, of)
		d.must(err)
		return o
	}
	from := access.Origin{Address: "192.0.2.5"}
	show := func(of string, answer []byte) (access.Actor, string, error) {
		a, secret, _, err := d.ProveAtLink(t.Context(), link, access.AtLink{Link: of, Passkey: answer}, from)
		return a, secret, err
	}
	for what, answer := range map[string][]byte{
		"somebody else's":     others.Get(ask("ntc_1")),
		"for another link":    own.Get(ask("ntc_2")),
		"meant for a sign-in": own.Get(d.asked()),
		"no answer at all":    []byte("{}"),
	} {
		a, secret, err := show("ntc_1", answer)
		refused(t, what, err, fault.Unauthenticated, "fault.passkey_refused")
		if !a.Fresh.IsZero() || secret != "" {
			t.Errorf("%s proves: %+v", what, a)
		}
	}
	answer := own.Get(ask("ntc_1"))
	a, secret, err := show("ntc_1", answer)
	if d.must(err); a.Fresh.IsZero() || a.Via != access.ByLink || secret == "" {
		t.Errorf("proves nothing: %+v", a)
	}
	_, _, err = show("ntc_1", answer)
	refused(t, "a second time", err, fault.Unauthenticated, "fault.passkey_refused")
	_, err = d.show(own.Get(ask("ntc_1")), "192.0.2.5")
	refused(t, "as a sign-in", err, fault.Unauthenticated, "fault.passkey_refused")
	known := func() bool {
		t.Helper()
		a, _, _, err := d.ProveAtLink(t.Context(), link, access.AtLink{Known: secret}, from)
		d.must(err)
		return !a.Fresh.IsZero()
	}
	if !known() {
		t.Error("the browser is not remembered")
	}
	d.must(d.RemovePasskey(t.Context(), d.actorOf("per_emp"), "per_emp", added.ID))
	if known() {
		t.Error("the browser of a passkey that was removed is still known")
	}
}
