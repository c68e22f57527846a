package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/outbound/store"
)

func testDirectory(t *testing.T, db *store.DB) {
	o := directorytest.Company()
	p := o.People["per_emp"]
	p.Title, p.Supervisor, p.Lang = kanji, "per_sales", "en"
	o.People[p.ID] = p
	o.Deputies = []directory.Deputy{
		{ID: "dep_1", Person: "per_pm", Deputy: "per_dep", Order: 1, From: at(-9)},
		{ID: "dep_2", Person: "per_pm", Deputy: "per_gen", Order: 2, From: at(-9), Until: at(9)},
	}
	o.Absences = []directory.Absence{{ID: "abs_1", Person: "per_pm", From: at(1), Until: at(5), Note: kanji, By: "per_pm"}}
	before, err := db.DirectoryVersion(t.Context())
	must(t, err)
	Seed(t, db, o)
	check := func(what string) *directory.Org {
		t.Helper()
		got, err := db.LoadOrg(t.Context())
		must(t, err)
		want := *o
		want.Version = got.Version
		want.Duties = sortedDuties(o.Duties)
		same(t, what, &want, got)
		return got
	}
	first := check("seeded")
	if first.Version <= before {
		t.Errorf("version went from %d to %d", before, first.Version)
	}
	if again := check("from memory"); again != first {
		t.Error("an unchanged directory was loaded again")
	}
	gone := o.People["per_gen"]
	gone.Left, gone.Verified = at(3), time.Time{}
	o.People[gone.ID] = gone
	d := o.Departments["d_gen"]
	d.Name, d.Head = "総務・人事部", "per_pm"
	o.Departments[d.ID] = d
	o.Duties = append(o.Duties[:3:3], directory.Assignment{Duty: access.ITAdmin, Person: "per_dep", From: at(1), Until: at(2)})
	o.Deputies, o.Absences = o.Deputies[:1], nil
	must(t, db.UpdateDirectory(t.Context(), func(tx directory.Tx) error {
		inside, err := tx.Org(t.Context())
		if err != nil || len(inside.People) != len(o.People) {
			t.Errorf("inside the change: %v, %v", inside, err)
		}
		return errors.Join(tx.SavePerson(t.Context(), gone), tx.SaveDepartment(t.Context(), d), tx.ReplaceDuties(t.Context(), o.Duties),
			tx.DeleteDeputy(t.Context(), "dep_2"), tx.DeleteAbsence(t.Context(), "abs_1"))
	}))
	if second := check("changed"); second.Version <= first.Version {
		t.Error("a change did not raise the version")
	}
	must(t, db.Ping(t.Context()))
}

func sortedDuties(as []directory.Assignment) []directory.Assignment {
	out := append([]directory.Assignment{}, as...)
	for i := range out { // a few: insertion sort by duty, then person
		for j := i; j > 0 && (out[j].Duty < out[j-1].Duty || out[j].Duty == out[j-1].Duty && out[j].Person < out[j-1].Person); j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

func testDirectoryUndone(t *testing.T, db *store.DB) {
	Seed(t, db, directorytest.Company())
	before, err := db.LoadOrg(t.Context())
	must(t, err)
	err = db.UpdateDirectory(t.Context(), func(tx directory.Tx) error {
		return errors.Join(tx.SavePerson(t.Context(), directory.Person{ID: "per_new", Number: "0099"}), tx.ReplaceDuties(t.Context(), nil),
			tx.Record(t.Context(), event(t, noon(), "directory.x", "per_new", nil)), errNo)
	})
	if !errors.Is(err, errNo) {
		t.Fatalf("the caller's error came back as %v", err)
	}
	after, err := db.LoadOrg(t.Context())
	must(t, err)
	same(t, "after a refused change", before, after)
	if h, err := db.History(t.Context(), "per_new"); err != nil || len(h) != 0 {
		t.Errorf("its event stayed: %v, %v", h, err)
	}
}

func testMeta(t *testing.T, db *store.DB) {
	for _, v := range []string{"", kanji, "二"} {
		if v != "" {
			must(t, db.SetMeta(t.Context(), "origin", v))
		}
		got, err := db.Meta(t.Context(), "origin")
		must(t, err)
		same(t, "meta", v, got)
	}
}

func testAccounts(t *testing.T, db *store.DB) {
	save := func(a access.Account) error {
		return db.UpdateAccess(t.Context(), func(tx access.Tx) error { return tx.SaveAccount(t.Context(), a) })
	}
	a := access.Account{Person: "per_emp", Login: "𠮷田", Password: "$argon2id$x"}
	must(t, save(a))
	a.Password = "$argon2id$y"
	must(t, save(a))
	got, ok, err := db.AccountByLogin(t.Context(), "𠮷田")
	if err != nil || !ok || got != a {
		t.Errorf("by login: %+v, %v, %v", got, ok, err)
	}
	got, ok, err = db.AccountOf(t.Context(), "per_emp")
	if err != nil || !ok || got != a {
		t.Errorf("by person: %+v, %v, %v", got, ok, err)
	}
	if _, ok, err = db.AccountByLogin(t.Context(), "nobody"); ok || err != nil {
		t.Errorf("nobody: %v, %v", ok, err)
	}
	if err := save(access.Account{Person: "per_pm", Login: "𠮷田", Password: "z"}); err == nil {
		t.Error("two people share one login")
	}
}

func session(id, person string, created, expires time.Time) access.Session {
	s := access.Session{ID: id, Person: person, Address: "192.0.2.1", Agent: kanji, Created: created, Seen: created, Expires: expires}
	copy(s.Hash[:], id)
	return s
}

func testSessions(t *testing.T, db *store.DB) {
	a, b, c := session("ses_a", "per_emp", at(0), at(10)), session("ses_b", "per_emp", at(1), at(100)), session("ses_c", "per_pm", at(1), at(100))
	insert := func(s access.Session) {
		t.Helper()
		must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) error { return tx.InsertSession(t.Context(), s) }))
	}
	insert(a)
	insert(b)
	insert(c)
	must(t, db.TouchSession(t.Context(), "ses_b", at(7)))
	b.Seen = at(7)
	got, ok, err := db.SessionByHash(t.Context(), b.Hash)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	same(t, "by hash", b, got)
	list, err := db.Sessions(t.Context(), "per_emp")
	must(t, err)
	same(t, "list, newest first", []access.Session{b, a}, list)
	d := session("ses_d", "per_emp", at(20), at(200))
	insert(d) // clears those that ended: a
	list, err = db.Sessions(t.Context(), "per_emp")
	must(t, err)
	same(t, "ended ones are gone", []access.Session{d, b}, list)
	must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) error {
		if ok, err := tx.DeleteSession(t.Context(), "per_pm", "ses_b"); ok || err != nil {
			t.Errorf("somebody else's session deleted: %v, %v", ok, err)
		}
		if ok, err := tx.DeleteSession(t.Context(), "per_emp", "ses_b"); !ok || err != nil {
			t.Errorf("delete: %v, %v", ok, err)
		}
		n, err := tx.DeleteSessions(t.Context(), "per_emp", "ses_d")
		same(t, "deleted besides the kept one", 0, n)
		return err
	}))
	must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) error {
		n, err := tx.DeleteSessions(t.Context(), "per_emp", "")
		same(t, "deleted", 1, n)
		return err
	}))
	if _, ok, err := db.SessionByHash(t.Context(), d.Hash); ok || err != nil {
		t.Errorf("a deleted session is found: %v", err)
	}
	if _, ok, _ := db.SessionByHash(t.Context(), c.Hash); !ok {
		t.Error("another person's session went too")
	}
}

func testTokens(t *testing.T, db *store.DB) {
	k := access.Token{ID: "tok_a", Person: "per_emp", Name: kanji, Scopes: []access.Permission{access.Report, access.ReadCases}, Created: at(0), Expires: at(9)}
	k.Hash[31] = 0xff
	bare := access.Token{ID: "tok_b", Person: "per_emp", Name: "b", Created: at(1), Expires: at(9)}
	must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) error {
		return errors.Join(tx.InsertToken(t.Context(), k), tx.InsertToken(t.Context(), bare))
	}))
	got, ok, err := db.TokenByHash(t.Context(), k.Hash)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	same(t, "token", k, got)
	list, err := db.Tokens(t.Context(), "per_emp")
	must(t, err)
	same(t, "list", []access.Token{bare, k}, list)
	must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) error {
		if ok, err := tx.DeleteToken(t.Context(), "per_pm", "tok_a"); ok || err != nil {
			t.Errorf("somebody else's token deleted: %v, %v", ok, err)
		}
		ok, err := tx.DeleteToken(t.Context(), "per_emp", "tok_a")
		same(t, "deleted", true, ok)
		return err
	}))
	if _, ok, _ := db.TokenByHash(t.Context(), k.Hash); ok {
		t.Error("a deleted token is found")
	}
}

func testMisses(t *testing.T, db *store.DB) {
	miss := func(key string, when time.Time) (n int) {
		t.Helper()
		must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) (err error) {
			n, err = tx.Miss(t.Context(), key, when, 10*time.Minute)
			return err
		}))
		return n
	}
	same(t, "counts", []int{1, 1, 2, 3}, []int{miss("login:a", at(0)), miss("login:b", at(1)), miss("login:a", at(2)), miss("login:a", at(10))})
	n, oldest, err := db.Misses(t.Context(), "login:a", at(1))
	must(t, err)
	same(t, "since minute 1", 2, n)
	same(t, "oldest", at(2), oldest)
	same(t, "the first has left the window", 3, miss("login:a", at(11)))
	must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) error { return tx.TakeBackMiss(t.Context(), "login:a", at(11)) }))
	n, _, err = db.Misses(t.Context(), "login:a", at(1))
	must(t, err)
	same(t, "one taken back", 2, n)
	must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) error { return tx.ClearMisses(t.Context(), "login:a") }))
	n, oldest, err = db.Misses(t.Context(), "login:a", at(-99))
	if n != 0 || !oldest.IsZero() || err != nil {
		t.Errorf("cleared: %d, %v, %v", n, oldest, err)
	}
}

func testIdentity(t *testing.T, db *store.DB) {
	o := directorytest.Company()
	o.Deputies = []directory.Deputy{{ID: "dep_1", Person: "per_pm", Deputy: "per_dep", From: at(-9)}}
	o.Absences = []directory.Absence{{ID: "abs_1", Person: "per_pm", From: at(10), Until: at(20)}}
	Seed(t, db, o)
	for _, tt := range []struct {
		minute int
		want   []access.Duty
	}{{9, nil}, {10, []access.Duty{access.ProtectionManager}}, {20, nil}} {
		got, ok, err := db.Identity(t.Context(), "per_dep", at(tt.minute))
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		same(t, "deputy", access.Identity{Person: "per_dep", Name: "山口 葵", Department: "d_gen", Duties: tt.want, Active: true, Mailed: true}, got)
	}
	old, ok, err := db.Identity(t.Context(), "per_old", at(0))
	if err != nil || !ok || old.Active || len(old.Duties) != 0 {
		t.Errorf("leaver: %+v, %v, %v", old, ok, err)
	}
	if _, ok, err := db.Identity(t.Context(), "per_none", at(0)); ok || err != nil {
		t.Errorf("nobody: %v, %v", ok, err)
	}
	mail := o.People["per_dep"].Email
	if p, ok, err := db.PersonByMail(t.Context(), strings.ToUpper(mail), at(0)); p != "per_dep" || !ok || err != nil {
		t.Errorf("by mail: %q, %v, %v", p, ok, err)
	}
	for _, nobody := range []string{"", "x@kaku.example", o.People["per_old"].Email} {
		if p, ok, err := db.PersonByMail(t.Context(), nobody, at(0)); p != "" || ok || err != nil {
			t.Errorf("by mail %q: %q, %v, %v", nobody, p, ok, err)
		}
	}
}
