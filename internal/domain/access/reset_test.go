package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// letters are what waits to be mailed, by topic.
func (d *door) letters() map[string][]notice.Letter {
	d.t.Helper()
	ls, err := d.db.ClaimLetters(d.t.Context(), d.clock().Add(time.Hour), time.Second, 1000)
	d.must(err)
	out := map[string][]notice.Letter{}
	for _, l := range ls {
		out[l.Topic] = append(out[l.Topic], l)
	}
	return out
}

// mailed is the secret that the mail of a letter holds.
func mailed(l notice.Letter) string {
	return notice.NewLinks([]byte("a key of thirty-two bytes, or so")).Seal(access.MailedLink, l.About)
}

func (d *door) ask(whose, addr string) error {
	return d.AskReset(d.t.Context(), whose, access.Origin{Address: addr})
}

func verified(o *directory.Org) {
	for _, p := range []string{"per_emp", "per_it", "per_old", "per_gen"} {
		x := o.People[p]
		x.Email, x.Verified = p+"@kaku.example", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		o.People[p] = x
	}
}

func TestResetByMail(t *testing.T) {
	t.Parallel()
	d := newDoor(t, verified)
	cookie, err := d.in("yoshida", password, "192.0.2.1")
	d.must(err)
	d.must(d.ask(" Per_Emp@KAKU.example ", "192.0.2.2"))
	d.must(d.ask("yoshida", "192.0.2.3")) // while one runs there is no second
	got := d.letters()["account.reset"]
	if len(got) != 1 || got[0].Person != "per_emp" || !strings.HasSuffix(got[0].Path, notice.SecretPlace) {
		t.Fatalf("letters %+v", got)
	}
	secret := mailed(got[0])
	v, err := d.Invited(t.Context(), secret)
	d.must(err)
	if !v.Reset || v.Login != "yoshida" || v.Expires.Sub(d.clock()) != access.MailedReset {
		t.Errorf("leads to %+v", v)
	}
	const fresh = "もう一つの長いパスワード"
	in, err := d.accept(secret, fresh)
	d.must(err)
	if in == cookie {
		t.Error("the session of before goes on")
	}
	_, err = d.BySecret(t.Context(), cookie)
	refused(t, "the session of before", err, fault.Unauthenticated, "fault.unauthenticated")
	_, err = d.accept(secret, fresh+"2")
	refused(t, "the link again", err, fault.NotFound, "fault.invitation_gone")
	_, err = d.in("yoshida", password, "192.0.2.1")
	refused(t, "the password before", err, fault.Unauthenticated, "fault.wrong_login")
	_, err = d.in("yoshida", fresh, "192.0.2.1")
	d.must(err)
	if done := d.letters()["account.reset_done"]; len(done) != 1 || done[0].Person != "per_emp" {
		t.Errorf("told of it: %+v", done)
	}
	if k := d.kinds(); k["account.reset_asked"] != 1 || k["account.password_set"] != 5 {
		t.Errorf("record %v", k)
	}
}

// TestResetTellsNobodyAnything: whoever asks gets the same answer for everybody, and only
// people with an account and an address that is known to arrive are written to; never an
// IT administrator, whose address others may change.
func TestResetTellsNobodyAnything(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *directory.Org) {
		verified(o)
		for n, p := range []string{"per_aud", "per_pm"} { // one address of two people
			x := o.People[p]
			x.Email, x.Verified = "office@kaku.example", time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC)
			o.People[p] = x
		}
	})
	for n, whose := range []string{"nobody@kaku.example", "nobody", "office@kaku.example", "hayashi", "per_it@kaku.example", "okada", "per_old@kaku.example", "per_gen@kaku.example", "' OR 1=1 --"} {
		if err := d.ask(whose, "192.0.2."+string(rune('1'+n))); err != nil {
			t.Errorf("%s: %v", whose, err)
		}
	}
	if got := d.letters(); len(got) != 0 {
		t.Errorf("letters %+v", got)
	}
	for range 3 {
		d.must(d.ask("yoshida", "198.51.100.7"))
	}
	refused(t, "the fourth from one address", d.ask("nobody", "198.51.100.7"), fault.TooMany, "fault.throttled")
	bad(t, "nothing", d.ask(" ", "198.51.100.8"), "whose:fault.required")
	bad(t, "a lot", d.ask(strings.Repeat("x", 201), "198.51.100.8"), "whose:fault.too_long")
}

// Who holds a duty gets no new password by mail: somebody else may change their address.
func TestResetByMailNotForDuties(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *directory.Org) {
		verified(o)
		x := o.People["per_pm"]
		x.Email, x.Verified = "per_pm@kaku.example", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		o.People["per_pm"] = x
	})
	d.must(d.SetLogin(t.Context(), access.System(), "per_pm", "hogosha", password))
	d.letters()
	d.must(d.ask("hogosha", "192.0.2.2"))
	d.must(d.ask("per_pm@kaku.example", "192.0.2.3"))
	if got := d.letters()["account.reset"]; len(got) != 0 {
		t.Errorf("letters %+v", got)
	}
}

func TestResetRunsOut(t *testing.T) {
	t.Parallel()
	d := newDoor(t, verified)
	d.must(d.ask("yoshida", "192.0.2.2"))
	first := mailed(d.letters()["account.reset"][0])
	d.wait(access.MailedReset + time.Second)
	_, err := d.accept(first, password+"2")
	refused(t, "after half an hour", err, fault.NotFound, "fault.invitation_gone")
	d.must(d.ask("yoshida", "192.0.2.2"))
	second := mailed(d.letters()["account.reset"][0])
	d.must(d.SetLogin(t.Context(), access.System(), "per_emp", "yoshida", password+"3"))
	_, err = d.accept(second, password+"2")
	refused(t, "after a password set by hand", err, fault.NotFound, "fault.invitation_gone")
}

func TestResetByCode(t *testing.T) {
	t.Parallel()
	d := newDoor(t, verified)
	it, emp := d.actor("hayashi"), d.actor("yoshida")
	_, err := d.ResetCode(t.Context(), emp, "per_it")
	refused(t, "by anybody", err, fault.Denied, "fault.denied")
	for _, p := range []string{"per_gen", "per_old", "per_nobody"} {
		_, err := d.ResetCode(t.Context(), it, p)
		refused(t, p, err, fault.NotFound, "fault.not_found")
	}
	v, err := d.ResetCode(t.Context(), it, "per_emp")
	d.must(err)
	d.must(d.ask("yoshida", "192.0.2.9")) // a stranger who asks must not end what was handed over
	if got := d.letters(); len(got["account.reset"]) != 0 || len(got["account.reset_issued"]) != 1 {
		t.Errorf("letters %v", got)
	}
	_, err = d.accept(strings.ToUpper(v.Secret), password+"2")
	d.must(err)
	if k := d.kinds(); k["account.reset_issued"] != 1 || k["account.reset_asked"] != 0 {
		t.Errorf("record %v", k)
	}
}

func TestInvitationByMail(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *directory.Org) {
		verified(o)
		x := o.People["per_sales"]
		x.Verified = time.Time{}
		o.People["per_sales"] = x
	})
	it := d.actor("hayashi")
	made, err := d.InviteByMail(t.Context(), it, invitees("per_gen", "per_sales", "per_emp"), 3)
	d.must(err)
	if len(made) != 1 || made[0].Person != "per_gen" || made[0].Secret != "" {
		t.Fatalf("made %+v", made)
	}
	got := d.letters()["account.invited"]
	if len(got) != 1 || strings.Contains(got[0].Path, mailed(got[0])) || slices.Contains([]string{got[0].Key, got[0].ID}, mailed(got[0])) {
		t.Fatalf("letters %+v", got)
	}
	_, err = d.accept(mailed(got[0]), password)
	d.must(err)
	_, err = d.accept(mailed(got[0]), password)
	refused(t, "again", err, fault.NotFound, "fault.invitation_gone")

	none, err := access.NewService(t.Context(), d.db, access.NewHasher(cheap(), 1), d.clock, access.Rules{})
	d.must(err)
	_, err = none.InviteByMail(t.Context(), it, invitees("per_gen"), 3)
	refused(t, "without a key", err, fault.Denied, "fault.no_reset")
	refused(t, "without a key", none.AskReset(t.Context(), "yoshida", access.Origin{}), fault.Denied, "fault.no_reset")
}

// Whoever sets somebody else's password cannot do it behind their back, by no way.
func TestPasswordSetByAnotherIsToldOf(t *testing.T) {
	t.Parallel()
	d := newDoor(t, verified)
	if told := d.letters()["account.password_given"]; len(told) != 0 {
		t.Errorf("told of first passwords: %+v", told)
	}
	d.must(d.SetLogin(t.Context(), d.actor("hayashi"), "per_emp", "yoshida", password+"2"))
	if told := d.letters()["account.password_given"]; len(told) != 1 || told[0].Person != "per_emp" {
		t.Errorf("told of it: %+v", told)
	}
}

// A sender of IPv6 has a whole /64 of addresses: they are counted together.
func TestManyAddressesOfOneSender(t *testing.T) {
	t.Parallel()
	d := newDoor(t, verified)
	for n := range 8 {
		_, err := d.in(fmt.Sprint("nobody", n), "wrong password", fmt.Sprintf("2001:db8:1:2::%x", n+1))
		refused(t, "a wrong one", err, fault.Unauthenticated, "fault.wrong_login")
	}
	_, err := d.in("nobody", "wrong password", "2001:db8:1:2:ffff::1")
	refused(t, "one more of the same", err, fault.TooMany, "fault.throttled")
	_, err = d.in("nobody", "wrong password", "2001:db8:1:3::1")
	refused(t, "another sender", err, fault.Unauthenticated, "fault.wrong_login")
	for n := range 3 {
		d.must(d.ask("nobody", fmt.Sprintf("2001:db8:9:9::%x", n+1)))
	}
	refused(t, "one more reset", d.ask("nobody", "2001:db8:9:9:ffff::1"), fault.TooMany, "fault.throttled")
}

// Strangers who try passwords close the door of a sign-in name, and nothing to who is in
// already or holds their own link.
func TestClosedDoorLocksNobodyInside(t *testing.T) {
	t.Parallel()
	d := newDoor(t, verified)
	by, from := d.actor("yoshida"), access.Origin{Address: "192.0.2.7"}
	for range 3 {
		_, err := d.in("yoshida", "wrong password", "192.0.2.7")
		refused(t, "a stranger", err, fault.Unauthenticated, "fault.wrong_login")
	}
	_, err := d.in("yoshida", password, "192.0.2.7")
	refused(t, "at the door", err, fault.TooMany, "fault.throttled")
	_, _, err = d.Confirm(t.Context(), by, password, from)
	d.must(err)
	link := access.Actor{Person: "per_emp", Via: access.ByLink}
	proven, _, _, err := d.ProveAtLink(t.Context(), link, access.AtLink{Password: password}, from)
	d.must(err)
	if proven.Fresh.IsZero() {
		t.Error("not proven at the link")
	}
	for range 3 {
		_, _, _, err := d.ProveAtLink(t.Context(), link, access.AtLink{Password: "wrong password"}, access.Origin{Address: "203.0.113.2"})
		bad(t, "a wrong one at the link", err, "password:fault.wrong_password")
		_, _, err = d.Confirm(t.Context(), by, "wrong password", access.Origin{Address: "203.0.113.3"})
		bad(t, "a wrong one inside", err, "password:fault.wrong_password")
	}
	_, _, _, err = d.ProveAtLink(t.Context(), link, access.AtLink{Password: password}, from)
	refused(t, "guessing at the link", err, fault.TooMany, "fault.throttled")
	_, _, err = d.Confirm(t.Context(), by, password, from)
	refused(t, "guessing inside", err, fault.TooMany, "fault.throttled")
	refused(t, "changing it then", d.ChangePassword(t.Context(), by, password, password+"2"), fault.TooMany, "fault.throttled")
	d.must(d.ChangePassword(t.Context(), d.actorOf("per_emp"), password, password+"2"))
}

// actorOf is a person in a fresh session.
func (d *door) actorOf(person string) access.Actor {
	d.t.Helper()
	s, _, err := d.Begin(d.t.Context(), person, access.Origin{Address: "192.0.2.1"})
	d.must(err)
	a, err := d.BySecret(d.t.Context(), s)
	d.must(err)
	return a
}
