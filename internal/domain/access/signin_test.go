package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

const password = "正しい馬の電池とホチキス"

// cheap is a cost at which a test can hash by the dozen.
func cheap() access.Cost { return access.Cost{Memory: 64, Time: 1} }

// door is the real sign-in over a real SQLite store, at a time moved by hand.
type door struct {
	*access.Service
	t  *testing.T
	db *store.DB

	mu  sync.Mutex
	now time.Time
}

func newDoor(t *testing.T, change func(*directory.Org)) *door {
	t.Helper()
	o := directorytest.Company()
	if change != nil {
		change(o)
	}
	d := &door{t: t, db: storetest.SQLite(t), now: directorytest.Noon()}
	storetest.Seed(t, d.db, o)
	var err error
	d.Service, err = access.NewService(t.Context(), d.db, access.NewHasher(cheap(), 2), d.clock, access.Rules{PerLogin: 3, PerName: 20, PerAddr: 8, Asks: 3,
		Site: site, Company: "架空商事", Seal: notice.NewLinks([]byte("a key of thirty-two bytes, or so")).Seal})
	d.must(err)
	for person, login := range map[string]string{"per_emp": "yoshida", "per_it": "hayashi", "per_old": "okada", "per_aud": "shimizu"} {
		d.must(d.SetLogin(t.Context(), access.System(), person, login, password))
	}
	return d
}

func (d *door) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *door) wait(x time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(x)
}

func (d *door) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *door) in(login, pass, addr string) (string, error) {
	s, _, err := d.SignIn(d.t.Context(), login, pass, access.Origin{Address: addr, Agent: "Mozilla"})
	return s, err
}

// actor signs in and gives who that is.
func (d *door) actor(login string) access.Actor {
	d.t.Helper()
	s, err := d.in(login, password, "192.0.2.1")
	d.must(err)
	a, err := d.BySecret(d.t.Context(), s)
	d.must(err)
	return a
}

func (d *door) kinds() map[string]int {
	d.t.Helper()
	out := map[string]int{}
	storetest.NewKey(d.t).Seal(d.t, d.db, d.clock())
	es, err := d.db.Record().Entries(d.t.Context(), 0, 1000)
	d.must(err)
	for _, e := range es {
		out[e.Kind]++
	}
	return out
}

func refused(t testing.TB, what string, err error, k fault.Kind, id string) {
	t.Helper()
	if f := fault.As(err); f == nil || f.Kind != k || f.ID != id {
		t.Errorf("%s: %v, want %s", what, err, id)
	}
}

func bad(t testing.TB, what string, err error, want ...string) {
	t.Helper()
	var got []string
	if f := fault.As(err); f != nil {
		for _, x := range f.Fields {
			got = append(got, x.Name+":"+x.ID)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: %v (-want +got):\n%s", what, err, d)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	h := access.NewHasher(cheap(), 1)
	a, err := h.Hash(t.Context(), password)
	if err != nil || !strings.HasPrefix(a, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatal(a, err)
	}
	b, err := h.Hash(t.Context(), password)
	if err != nil || a == b {
		t.Error("two hashes of one password are the same")
	}
	dear := access.NewHasher(access.Cost{Memory: 128, Time: 2}, 1)
	for pass, want := range map[string]bool{password: true, password + " ": false, "": false} {
		// Another cost since then: the hash says its own.
		if ok, err := dear.Check(t.Context(), a, pass); ok != want || err != nil {
			t.Errorf("%q: %v, %v", pass, ok, err)
		}
	}
	for _, phc := range []string{"", "plain", "$2a$10$abc", "$argon2id$v=19$x$YWJj$YWJj", "$argon2id$v=19$m=64,t=1,p=1$*$YWJj", "$argon2id$v=19$m=64,t=1,p=1$YWJj$*"} {
		if ok, err := h.Check(t.Context(), phc, password); ok || err == nil {
			t.Errorf("%q: %v, %v", phc, ok, err)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := access.NewHasher(cheap(), 1).Hash(gone, password); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if c := access.DefaultCost(); c.Memory < 19<<10 || c.Time < 2 {
		t.Errorf("default cost %+v", c)
	}
}

// Whether an account exists cannot be told from the answer: not from the fault, not
// from when the door closes.
func TestUnknownLoginAnswersAlike(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for n := range 4 {
		var answers []string
		for i, login := range []string{"yoshida", "nobody", "okada"} { // right login, unknown, a leaver
			pass := "wrong password"
			if login == "okada" {
				pass = password
			}
			_, err := d.in(login, pass, fmt.Sprint("192.0.2.", i))
			f := fault.As(err)
			if f == nil {
				t.Fatalf("%s: %v", login, err)
			}
			answers = append(answers, fmt.Sprint(f.Kind, f.ID, f.Args, f.Fields))
		}
		if answers[0] != answers[1] || answers[0] != answers[2] {
			t.Errorf("try %d: %v", n+1, answers)
		}
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for n := range 3 {
		_, err := d.in("Yoshida ", "wrong password", "192.0.2.1")
		refused(t, fmt.Sprint("try ", n+1), err, fault.Unauthenticated, "fault.wrong_login")
		d.wait(time.Minute)
	}
	_, err := d.in("yoshida", password, "192.0.2.1")
	refused(t, "the right password, from there", err, fault.TooMany, "fault.throttled")
	if w := fault.As(err).Args["wait"]; w != "12m0s" {
		t.Errorf("wait %q", w)
	}
	d.must(ignore(d.in("hayashi", password, "192.0.2.1"))) // others are not held up
	d.wait(12*time.Minute + time.Second)
	d.must(ignore(d.in("yoshida", password, "192.0.2.1")))
	d.must(ignore(d.in("yoshida", password, "192.0.2.1")))
	for n := range 5 { // with the two tries of before that still count, and one login each
		_, err := d.in(fmt.Sprint("guess", n), "wrong password", "192.0.2.1")
		refused(t, fmt.Sprint("guess ", n), err, fault.Unauthenticated, "fault.wrong_login")
	}
	for n := range 5 {
		_, err = d.in(fmt.Sprint("more", n), "wrong password", "192.0.2.1")
	}
	refused(t, "one address, many logins", err, fault.TooMany, "fault.throttled")
	d.must(ignore(d.in("yoshida", password, "192.0.2.2")))
	if n := d.kinds()["account.throttled"]; n != 2 {
		t.Errorf("%d closings in the record, want one for the login and one for the address", n)
	}
	// A right password clears the failures of its own sender.
	for range 4 {
		_, err := d.in("yoshida", "wrong password", "203.0.113.1")
		refused(t, "wrong", err, fault.Unauthenticated, "fault.wrong_login")
		d.must(ignore(d.in("yoshida", password, "203.0.113.1")))
	}
}

func ignore[T any](_ T, err error) error { return err }

func TestSignInIsChecked(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	_, err := d.in(" ", "", "192.0.2.1")
	bad(t, "nothing", err, "login:fault.required", "password:fault.required")
	_, err = d.in(strings.Repeat("a", 201), strings.Repeat("あ", 129), "192.0.2.1")
	bad(t, "too long", err, "login:fault.too_long", "password:fault.too_long")
	_, err = d.in("a\x00b\xff", "x\x00", "192.0.2.1")
	refused(t, "hostile bytes", err, fault.Unauthenticated, "fault.wrong_login")
}

func TestSessions(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	s, err := d.in("yoshida", password, "192.0.2.1")
	d.must(err)
	a, err := d.BySecret(t.Context(), s)
	d.must(err)
	if a.Person != "per_emp" || a.Name != "𠮷田 翔" || a.Department != "d_sales1" || a.Via != access.BySession || a.Session == "" || a.Scopes != nil {
		t.Errorf("actor %+v", a)
	}
	for _, other := range []string{"", "short", s + "x", strings.ToUpper(s), strings.Repeat("a", 101), strings.Repeat("a", 52)} {
		_, err := d.BySecret(t.Context(), other)
		refused(t, other, err, fault.Unauthenticated, "fault.unauthenticated")
	}
	// Used now and then it lives to its full age, and not beyond.
	for d.clock().Before(directorytest.Noon().Add(7*24*time.Hour - 11*time.Hour)) {
		d.wait(11 * time.Hour)
		d.must(ignore(d.BySecret(t.Context(), s)))
	}
	d.wait(directorytest.Noon().Add(7 * 24 * time.Hour).Sub(d.clock()))
	d.must(ignore(d.BySecret(t.Context(), s)))
	d.wait(time.Second)
	_, err = d.BySecret(t.Context(), s)
	refused(t, "after seven days", err, fault.Unauthenticated, "fault.unauthenticated")

	s, err = d.in("yoshida", password, "192.0.2.1")
	d.must(err)
	d.wait(12 * time.Hour)
	d.must(ignore(d.BySecret(t.Context(), s)))
	d.wait(12*time.Hour + time.Second)
	_, err = d.BySecret(t.Context(), s)
	refused(t, "unused for half a day", err, fault.Unauthenticated, "fault.unauthenticated")
}

func TestRevokeSessions(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	first, err := d.in("yoshida", password, "192.0.2.1")
	d.must(err)
	d.wait(time.Second)
	by := d.actor("yoshida")
	it := d.actor("hayashi")
	list, err := d.Sessions(t.Context(), by, "per_emp")
	d.must(err)
	if len(list) != 2 || list[0].ID != by.Session || list[0].Address != "192.0.2.1" || list[0].Agent != "Mozilla" {
		t.Errorf("sessions %+v", list)
	}
	_, err = d.Sessions(t.Context(), by, "per_it")
	refused(t, "another's", err, fault.Denied, "fault.denied")
	refused(t, "end another's", d.RevokeSession(t.Context(), by, "per_it", it.Session), fault.Denied, "fault.denied")
	refused(t, "another's, called one's own", d.RevokeSession(t.Context(), by, "per_emp", it.Session), fault.NotFound, "fault.not_found")
	d.must(d.RevokeSession(t.Context(), by, "per_emp", list[1].ID))
	_, err = d.BySecret(t.Context(), first)
	refused(t, "a session that was ended", err, fault.Unauthenticated, "fault.unauthenticated")
	d.must(d.RevokeSession(t.Context(), it, "per_emp", by.Session)) // who manages accounts may
	d.must(d.SignOut(t.Context(), it))
	list, err = d.Sessions(t.Context(), access.System(), "per_it")
	d.must(err)
	if len(list) != 0 {
		t.Errorf("signed out, still there: %+v", list)
	}
	d.must(d.SignOut(t.Context(), access.Actor{Person: "per_emp", Via: access.ByToken}))
	if k := d.kinds(); k["account.session_ended"] != 3 || k["account.signed_in"] != 3 {
		t.Errorf("record %v", k)
	}
}

// Who leaves, and a duty that ends, take effect on the next request.
func TestLeaverIsLockedOutAtOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	s, err := d.in("hayashi", password, "192.0.2.1")
	d.must(err)
	a, err := d.BySecret(t.Context(), s)
	d.must(err)
	key, _, err := d.CreateToken(t.Context(), a, access.NewToken{Name: "x", Scopes: []access.Permission{access.ManageAccounts}, Days: 9})
	d.must(err)
	tok, err := d.ByToken(t.Context(), key)
	d.must(err)
	if tok.May(access.ManageAccounts) != nil {
		t.Error("the token does not do what it was made for")
	}
	people := directory.NewService(d.db, d.clock)
	d.must(people.SetDuties(t.Context(), access.System(), access.ITAdmin, []string{"per_dep"}))
	a, err = d.BySecret(t.Context(), s)
	d.must(err)
	tok, err = d.ByToken(t.Context(), key)
	d.must(err)
	if a.May(access.ManageAccounts) == nil || tok.May(access.ManageAccounts) == nil {
		t.Error("a duty that ended still counts")
	}
	o, err := d.db.LoadOrg(t.Context())
	d.must(err)
	p := o.People["per_it"]
	p.Left = d.clock()
	d.must(d.db.UpdateDirectory(t.Context(), func(tx directory.Tx) error { return tx.SavePerson(t.Context(), p) }))
	_, err = d.BySecret(t.Context(), s)
	refused(t, "session", err, fault.Unauthenticated, "fault.unauthenticated")
	_, err = d.ByToken(t.Context(), key)
	refused(t, "token", err, fault.Unauthenticated, "fault.unauthenticated")
	_, err = d.in("hayashi", password, "192.0.2.1")
	refused(t, "sign-in", err, fault.Unauthenticated, "fault.wrong_login")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	emp, it := d.actor("yoshida"), d.actor("hayashi")
	_, _, err := d.CreateToken(t.Context(), emp, access.NewToken{})
	bad(t, "nothing", err, "name:fault.required", "scopes:fault.required", "days:fault.out_of_range")
	_, _, err = d.CreateToken(t.Context(), emp, access.NewToken{Name: strings.Repeat("名", 81), Scopes: []access.Permission{"x", "", access.Report}, Days: 367})
	bad(t, "too much", err, "name:fault.too_long", "days:fault.out_of_range", "scopes:fault.unknown_scope", "scopes:fault.unknown_scope")
	_, _, err = d.CreateToken(t.Context(), emp, access.NewToken{Person: "per_it", Name: "x", Scopes: []access.Permission{access.Report}, Days: 1})
	refused(t, "for somebody else", err, fault.Denied, "fault.denied")
	key, tok, err := d.CreateToken(t.Context(), emp, access.NewToken{Name: " 連携 ", Scopes: []access.Permission{access.Report, access.ReadCases, access.WorkCases, access.ManageOwn}, Days: 2})
	d.must(err)
	if !strings.HasPrefix(key, "skm_") || len(key) < 50 || tok.Name != "連携" || !tok.Expires.Equal(d.clock().Add(48*time.Hour)) {
		t.Errorf("token %q %+v", key, tok)
	}
	a, err := d.ByToken(t.Context(), key)
	d.must(err)
	if a.Person != "per_emp" || a.Via != access.ByToken || a.Session != "" || !slices.Equal(a.Scopes, tok.Scopes) {
		t.Errorf("actor %+v", a)
	}
	if a.May(access.Report) != nil || a.May(access.ReadDirectory) == nil || a.May(access.ReadCases) == nil {
		t.Error("a token does not keep to its scopes and its person's duties")
	}
	_, _, err = d.CreateToken(t.Context(), a, access.NewToken{Name: "greater", Scopes: []access.Permission{access.Report, access.Answer}, Days: 9})
	bad(t, "a token that makes itself a greater one", err, "scopes:fault.scope")
	d.must(func() error {
		_, _, err := d.CreateToken(t.Context(), a, access.NewToken{Name: "lesser", Scopes: []access.Permission{access.Report}, Days: 9})
		return err
	}())
	for _, other := range []string{"", key + "x", key[:len(key)-1], strings.Repeat("a", 101)} {
		_, err := d.ByToken(t.Context(), other)
		refused(t, other, err, fault.Unauthenticated, "fault.bad_token")
	}
	list, err := d.Tokens(t.Context(), it, "per_emp")
	d.must(err)
	if len(list) != 2 {
		t.Errorf("tokens %+v", list)
	}
	_, err = d.Tokens(t.Context(), emp, "per_it")
	refused(t, "another's", err, fault.Denied, "fault.denied")
	d.wait(48 * time.Hour)
	d.must(ignore(d.ByToken(t.Context(), key)))
	d.wait(time.Second)
	_, err = d.ByToken(t.Context(), key)
	refused(t, "an old one", err, fault.Unauthenticated, "fault.token_expired")
	it = d.actor("hayashi") // who was signed in two days ago has to prove it again
	key, tok, err = d.CreateToken(t.Context(), it, access.NewToken{Person: "per_emp", Name: "x", Scopes: []access.Permission{access.Report}, Days: 366})
	d.must(err)
	refused(t, "end another's", d.RevokeToken(t.Context(), emp, "per_it", tok.ID), fault.Denied, "fault.denied")
	refused(t, "end what is not one's own", d.RevokeToken(t.Context(), it, "per_it", tok.ID), fault.NotFound, "fault.not_found")
	d.must(d.RevokeToken(t.Context(), emp, "per_emp", tok.ID))
	_, err = d.ByToken(t.Context(), key)
	refused(t, "one that was ended", err, fault.Unauthenticated, "fault.bad_token")
	if k := d.kinds(); k["account.token_created"] != 3 || k["account.token_revoked"] != 1 {
		t.Errorf("record %v", k)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	other := d.actor("yoshida")
	by := d.actor("yoshida")
	bad(t, "short and wrong", d.ChangePassword(t.Context(), by, "wrong password", "short"), "old:fault.wrong_password", "password:fault.password_short")
	bad(t, "the login", d.SetLogin(t.Context(), d.actor("hayashi"), "per_emp", "yoshida.sho", "YOSHIDA.SHO"), "password:fault.password_is_login")
	bad(t, "long", d.ChangePassword(t.Context(), by, password, strings.Repeat("あ", 129)), "password:fault.too_long")
	d.must(d.ChangePassword(t.Context(), by, password, "新しい合言葉は十字以上"))
	d.must(ignore(d.Sessions(t.Context(), by, "per_emp")))
	list, err := d.Sessions(t.Context(), by, "per_emp")
	d.must(err)
	if len(list) != 1 || list[0].ID != by.Session || other.Session == by.Session {
		t.Errorf("other sessions live on: %+v", list)
	}
	_, err = d.in("yoshida", password, "192.0.2.1")
	refused(t, "the old password", err, fault.Unauthenticated, "fault.wrong_login")
	d.must(ignore(d.in("yoshida", "新しい合言葉は十字以上", "192.0.2.1")))
	for range 3 {
		bad(t, "guessing", d.ChangePassword(t.Context(), by, "wrong password", "また新しい合言葉です"), "old:fault.wrong_password")
	}
	refused(t, "guessing on", d.ChangePassword(t.Context(), by, "新しい合言葉は十字以上", "また新しい合言葉です"), fault.TooMany, "fault.throttled")
}

// Wrong old passwords of many people do not lock everybody's change of password.
func TestPasswordChangesAreCountedApart(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *directory.Org) {
		for n := range 6 {
			id := fmt.Sprint("per_x", n)
			o.People[id] = directory.Person{ID: id, Number: fmt.Sprint("9", n), Email: id + "@aoba.example"}
		}
	})
	for n := range 6 {
		id := fmt.Sprint("per_x", n)
		d.must(d.SetLogin(t.Context(), access.System(), id, id, password))
		for range 2 {
			bad(t, id, d.ChangePassword(t.Context(), access.Actor{Person: id, Via: access.BySession}, "wrong password", "新しい合言葉は十字以上"), "old:fault.wrong_password")
		}
	}
	d.must(d.ChangePassword(t.Context(), d.actor("hayashi"), password, "新しい合言葉は十字以上"))
}

func TestSetLogin(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	it := d.actor("hayashi")
	refused(t, "by an employee", d.SetLogin(t.Context(), d.actor("yoshida"), "per_gen", "mori", password), fault.Denied, "fault.denied")
	refused(t, "by the auditor", d.SetLogin(t.Context(), d.actor("shimizu"), "per_gen", "mori", password), fault.Denied, "fault.auditor_readonly")
	bad(t, "nothing", d.SetLogin(t.Context(), it, "per_gen", " ", "x"), "login:fault.required", "password:fault.password_short")
	bad(t, "taken", d.SetLogin(t.Context(), it, "per_gen", " YOSHIDA", password), "login:fault.login_taken")
	s, err := d.in("yoshida", password, "192.0.2.1")
	d.must(err)
	d.must(d.SetLogin(t.Context(), it, "per_emp", "Sho.Yoshida", "管理者が決めた合言葉"))
	_, err = d.BySecret(t.Context(), s)
	refused(t, "sessions end", err, fault.Unauthenticated, "fault.unauthenticated")
	d.must(ignore(d.in("SHO.YOSHIDA", "管理者が決めた合言葉", "192.0.2.1")))
	_, err = d.in("yoshida", "管理者が決めた合言葉", "192.0.2.1")
	refused(t, "the old login", err, fault.Unauthenticated, "fault.wrong_login")
	refused(t, "no account", d.ChangePassword(t.Context(), access.Actor{Person: "per_gen", Via: access.BySession}, password, password), fault.NotFound, "fault.not_found")
}
