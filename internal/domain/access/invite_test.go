package access_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
)

func invitees(people ...string) []access.Invitee {
	var out []access.Invitee
	for _, p := range people {
		out = append(out, access.Invitee{Person: p, Logins: []string{p + "@kaku.example", p}})
	}
	return out
}

func (d *door) accept(link, pass string) (string, error) {
	s, _, err := d.Accept(d.t.Context(), link, pass, access.Origin{Address: "192.0.2.9", Agent: "Mozilla"})
	return s, err
}

func TestInvitationIsUsedOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	it := d.actor("hayashi")
	made, err := d.Invite(t.Context(), it, invitees("per_emp", "per_gen", "per_sales"), access.InviteDays)
	d.must(err)
	if len(made) != 2 || made[0].Person != "per_gen" || made[0].Login != "per_gen@kaku.example" || made[0].By != "per_it" {
		t.Fatalf("made %+v", made) // per_emp has an account
	}
	if want := d.clock().AddDate(0, 0, 7); !made[0].Expires.Equal(want) {
		t.Errorf("runs until %v, want %v", made[0].Expires, want)
	}
	link := made[0].Secret
	for range 3 { // a mail scanner looks, and looks again
		v, err := d.Invited(t.Context(), link)
		d.must(err)
		if v.Person != "per_gen" || v.Hash != made[0].Hash {
			t.Errorf("leads to %+v", v)
		}
	}
	for pass, want := range map[string]string{"short": "password:fault.password_short", "Per_Gen@kaku.example": "password:fault.password_is_login"} {
		_, err := d.accept(link, pass)
		bad(t, pass, err, want)
	}
	cookie, err := d.accept(strings.ToUpper(link), password) // typed from paper
	d.must(err)
	who, err := d.BySecret(t.Context(), cookie)
	d.must(err)
	if who.Person != "per_gen" {
		t.Errorf("signed in as %s", who.Person)
	}
	_, err = d.in("per_gen@kaku.example", password, "192.0.2.1")
	d.must(err)
	_, err = d.accept(link, "もう一つの長いパスワード")
	refused(t, "again", err, fault.NotFound, "fault.invitation_gone")
	_, err = d.Invited(t.Context(), link)
	refused(t, "looking again", err, fault.NotFound, "fault.invitation_gone")
	kinds := d.kinds()
	if kinds["account.invited"] != 2 || kinds["account.password_set"] != 4+1 {
		t.Errorf("record: %v", kinds)
	}
}

func TestInvitationOfTwoAtOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	made, err := d.Invite(t.Context(), d.actor("hayashi"), invitees("per_gen"), 1)
	d.must(err)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for n := range errs {
		wg.Go(func() { _, errs[n] = d.accept(made[0].Secret, password) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		refused(t, "the others", err, fault.NotFound, "fault.invitation_gone")
	}
	if won != 1 {
		t.Errorf("%d were let in", won)
	}
}

func TestInvitationEnds(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *directory.Org) {
		p := o.People["per_dep"]
		p.Left = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
		o.People[p.ID] = p
	})
	it := d.actor("hayashi")
	made, err := d.Invite(t.Context(), it, invitees("per_gen", "per_sales", "per_pm", "per_dep", "per_nobody"), 7)
	d.must(err)
	if len(made) != 4 {
		t.Fatalf("made %+v", made)
	}
	gone := func(what string, n int) {
		t.Helper()
		_, err := d.accept(made[n].Secret, password)
		refused(t, what, err, fault.NotFound, "fault.invitation_gone")
	}
	// A newer one, a password set by hand, leaving, and time.
	newer, err := d.Invite(t.Context(), it, invitees("per_gen"), 7)
	d.must(err)
	gone("replaced", 0)
	d.must(d.SetLogin(t.Context(), it, "per_sales", "sales", password))
	gone("has an account", 1)
	d.wait(6 * 24 * time.Hour)
	gone("has left", 3)
	_, err = d.Invited(t.Context(), newer[0].Secret)
	d.must(err)
	d.wait(24 * time.Hour)
	gone("has run out", 2)
	if _, err := d.Invited(t.Context(), newer[0].Secret); err == nil {
		t.Error("runs on the day that it ends")
	}
	for _, s := range []string{"", "x", made[0].Secret + "x", string(make([]byte, 200))} {
		_, err := d.Invited(t.Context(), s)
		refused(t, "made up", err, fault.NotFound, "fault.invitation_gone")
	}
}

func TestInvitableNames(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	it := d.actor("hayashi")
	d.must(d.SetLogin(t.Context(), it, "per_pm", "taken@kaku.example", password))
	got, err := d.Invitable(t.Context(), it, []access.Invitee{
		{Person: "per_emp", Logins: []string{"x"}},                             // has an account
		{Person: "per_gen", Logins: []string{" Taken@Kaku.example ", "0007"}},  // the first is somebody else's
		{Person: "per_sales", Logins: []string{"", "0007", "0008"}},            // the second was just given away
		{Person: "per_dep", Logins: []string{"hayashi", "TAKEN@kaku.example"}}, // none is free
	})
	d.must(err)
	want := []access.Invitable{{Person: "per_gen", Login: "0007"}, {Person: "per_sales", Login: "0008"}, {Person: "per_dep"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// The name is promised for as long as the link runs.
	made, err := d.Invite(t.Context(), it, []access.Invitee{{Person: "per_gen", Logins: []string{"0007"}}}, 2)
	d.must(err)
	got, err = d.Invitable(t.Context(), it, []access.Invitee{{Person: "per_sales", Logins: []string{"0007"}}, {Person: "per_gen", Logins: []string{"0007"}}})
	d.must(err)
	if diff := cmp.Diff([]access.Invitable{{Person: "per_sales"}, {Person: "per_gen", Login: "0007", Until: made[0].Expires}}, got); diff != "" {
		t.Error(diff)
	}
	// By hand it can be given to somebody else all the same; the link then says so.
	d.must(d.SetLogin(t.Context(), it, "per_sales", "0007", password))
	_, err = d.accept(made[0].Secret, password)
	refused(t, "the name is gone", err, fault.Conflict, "fault.invitation_login")
}

func TestInvitingIsForWhoManagesAccounts(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for login, id := range map[string]string{"yoshida": "fault.denied", "shimizu": "fault.auditor_readonly"} {
		by := d.actor(login)
		_, err := d.Invite(t.Context(), by, invitees("per_gen"), 7)
		refused(t, login, err, fault.Denied, id)
		_, err = d.Invitable(t.Context(), by, invitees("per_gen"))
		refused(t, login+" looks", err, fault.Denied, id)
	}
	it := d.actor("hayashi")
	_, err := d.Invite(t.Context(), it, nil, 7)
	bad(t, "nobody", err, "person:fault.required")
	for _, days := range []int{0, 31} {
		_, err = d.Invite(t.Context(), it, invitees("per_gen"), days)
		bad(t, "days", err, "days:fault.out_of_range")
	}
	if n := d.kinds()["account.invited"]; n != 0 {
		t.Errorf("%d in the record", n)
	}
}
