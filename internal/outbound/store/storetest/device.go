package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
)

// devices changes devices in one commit.
func devices(t testing.TB, db *store.DB, f func(device.Tx) error) {
	t.Helper()
	must(t, db.UpdateDevices(t.Context(), f))
}

// bare is a device as it is when it has enrolled.
func bare(id, person string, minute int) *device.Record {
	return &device.Record{Device: device.Device{ID: id, Key: []byte(id), Person: person, Name: kanji, System: "linux/amd64", Agent: "1.0",
		EnrolledAt: at(minute), EnrolledBy: "per_it", Desired: 1}, Secret: []byte{0, 1, 255}, Document: "{}\n\n— x\n", Basis: "b", Issued: at(minute)}
}

func readDevice(t testing.TB, db *store.DB, id string) *device.Record {
	t.Helper()
	r, err := db.Device(t.Context(), id)
	must(t, err)
	return r
}

func testEnrolments(t *testing.T, db *store.DB) {
	ctx := t.Context()
	k := device.Token{ID: "dtk_1", Hash: sha256.Sum256([]byte("a")), Person: "per_emp", Note: kanji, By: "per_it", Created: at(0), Expires: at(60)}
	newer := device.Token{ID: "dtk_2", Hash: sha256.Sum256([]byte("b")), Person: "per_emp", By: "per_it", Created: at(1), Expires: at(61), Revoked: at(2)}
	devices(t, db, func(tx device.Tx) error {
		return errors.Join(tx.InsertEnrolment(ctx, k), tx.InsertEnrolment(ctx, newer))
	})
	devices(t, db, func(tx device.Tx) error {
		got, ok, err := tx.LockEnrolmentByHash(ctx, k.Hash)
		same(t, "by hash", k, got)
		if !ok || err != nil {
			t.Errorf("by hash: %v, %v", ok, err)
		}
		if _, ok, err := tx.LockEnrolmentByHash(ctx, [32]byte{}); ok || err != nil {
			t.Errorf("a guess: %v, %v", ok, err)
		}
		if _, err := tx.LockEnrolment(ctx, "dtk_x"); !fault.Is(err, fault.NotFound) {
			t.Errorf("missing: %v", err)
		}
		got, err = tx.LockEnrolment(ctx, k.ID)
		same(t, "by id", k, got)
		k.Used, k.Device = at(3), "dev_1"
		return errors.Join(err, tx.SaveEnrolment(ctx, k))
	})
	all, err := db.Enrolments(ctx)
	must(t, err)
	same(t, "newest first", []device.Token{newer, k}, all)
}

func testDevices(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := bare("dev_1", "per_emp", 0)
	devices(t, db, func(tx device.Tx) error { return tx.InsertDevice(ctx, r) })
	same(t, "as inserted", r, readDevice(t, db, r.ID))
	o := device.Order{ID: "ord_1", Device: r.ID, Kind: device.Isolate, By: "per_it", Via: device.ViaCase, Reason: kanji, Incident: "inc_1", Wifi: true,
		Local: 3, Requested: at(1), Version: 2}
	devices(t, db, func(tx device.Tx) error {
		got, err := tx.LockDevice(ctx, r.ID)
		same(t, "as locked", r, got)
		got.Isolation.Wanted, got.Isolation.Order, got.Presses = true, o, 3
		got.Desired, got.Document, got.Basis, got.Issued = 2, "2", "c", at(1)
		got.Name = "not written by this"
		return errors.Join(err, tx.InsertOrder(ctx, o), tx.SaveDesired(ctx, got))
	})
	r.Isolation.Wanted, r.Isolation.Order, r.Presses = true, o, 3
	r.Desired, r.Document, r.Basis, r.Issued = 2, "2", "c", at(1)
	same(t, "desired", r, readDevice(t, db, r.ID))

	r.Name, r.System, r.Agent, r.Seen, r.Seq, r.Applied, r.DryRun, r.Privileged = "PC", "windows/amd64", "2", at(2), 9, 2, true, true
	r.Isolation.Fact = wire.IsolationFact{State: wire.IsolationFailing, Problems: []string{kanji}, Release: &wire.CodeRelease{Challenge: "1"}}
	r.Isolation.FactAt = at(2)
	r.Heard = device.Heard{Undone: 1, UndoneAt: at(3), Failure: kanji, Failures: 2, Release: "x", UnknownAt: at(4)}
	o.Applied, o.Proven, o.PCApplied, o.PCProven, o.Superseded = at(5), at(6), at(7), at(8), true
	r.Isolation.Order = o
	devices(t, db, func(tx device.Tx) error {
		moved := *r
		moved.Presses = 99 // not written by this
		return errors.Join(tx.SaveHeard(ctx, &moved), tx.SaveOrder(ctx, o))
	})
	same(t, "heard", r, readDevice(t, db, r.ID))

	r.RefusedAt, r.RefusedBy, r.RefusedWhy = at(9), "per_it", kanji
	devices(t, db, func(tx device.Tx) error {
		there, err := tx.HasDevice(ctx, r.ID)
		gone, err2 := tx.HasDevice(ctx, "dev_x")
		if !there || gone {
			t.Errorf("there %v, missing one there %v", there, gone)
		}
		if _, err := tx.LockDevice(ctx, "dev_x"); !fault.Is(err, fault.NotFound) {
			t.Errorf("lock a missing one: %v", err)
		}
		return errors.Join(err, err2, tx.SaveDesired(ctx, r))
	})
	same(t, "refused", r, readDevice(t, db, r.ID))
	if _, err := db.Device(ctx, "dev_x"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
	vs, err := db.Versions(ctx, []string{r.ID, "dev_x"})
	must(t, err)
	same(t, "versions without refused ones", map[string]int64{}, vs)
	if err := db.UpdateDevices(ctx, func(tx device.Tx) error { return tx.InsertDevice(ctx, r) }); err == nil {
		t.Error("a device was inserted twice")
	}
}

func testDeviceOrders(t *testing.T, db *store.DB) {
	ctx := t.Context()
	var want []device.Order
	devices(t, db, func(tx device.Tx) error {
		var errs []error
		want = nil
		for n := range 3 {
			o := device.Order{ID: fmt.Sprintf("ord_%d", 9-n), Device: "dev_1", Kind: device.Release, By: "per_it", Via: device.ViaAPI, Reason: kanji, Requested: at(n), Version: int64(n)}
			if n == 1 {
				o.Incident = "inc_1"
			}
			want = append([]device.Order{o}, want...)
			errs = append(errs, tx.InsertOrder(ctx, o))
		}
		errs = append(errs, tx.LinkOrder(ctx, "ord_7", "inc_2"), tx.LinkOrder(ctx, "ord_8", "inc_2"),
			tx.SaveInfection(ctx, device.Infection{Device: "dev_2", Key: "k", At: at(0), Incident: "inc_2"}))
		return errors.Join(errs...)
	})
	want[0].Incident = "inc_2" // an order that has a case keeps it
	got, err := db.Orders(ctx, "dev_1", 2)
	must(t, err)
	same(t, "newest version first", want[:2], got)
	for of, want := range map[string][]string{"inc_1": {"dev_1"}, "inc_2": {"dev_1", "dev_2"}, "inc_3": nil, "": nil} {
		ids, err := db.DevicesOfCase(ctx, of)
		must(t, err)
		same(t, "devices of "+of, want, ids)
	}

	must(t, db.UpdateIncidents(ctx, func(tx incident.Tx) error { _, err := tx.EraseIncident(ctx, "inc_1", at(9)); return err }))
	all, err := db.Orders(ctx, "dev_1", 9)
	must(t, err)
	for _, o := range all {
		if erased := o.Incident == "inc_1"; erased != (o.Reason == "") {
			t.Errorf("after its case was erased: %+v", o)
		}
	}
}

func testDeviceFacts(t *testing.T, db *store.DB) {
	ctx := t.Context()
	read := device.Fact{Name: "os.name", Value: []byte(`"𠮷\u0000"`), At: at(0), Heard: at(1)}
	unread := device.Fact{Name: "disk", Unread: kanji, Heard: at(1)}
	devices(t, db, func(tx device.Tx) error {
		return errors.Join(tx.InsertDevice(ctx, bare("dev_1", "per_emp", 0)), tx.SaveFact(ctx, "dev_1", unread), tx.SaveFact(ctx, "dev_1", unread), tx.SaveFact(ctx, "dev_1", read), tx.SaveFact(ctx, "dev_2", read))
	})
	devices(t, db, func(tx device.Tx) error {
		n, err := tx.CountFacts(ctx, "dev_1")
		must(t, err)
		same(t, "how many", 2, n)
		got, err2 := tx.FactsNamed(ctx, "dev_1", []string{"os.name", "nothing"})
		same(t, "by name", []device.Fact{read}, got)
		read.Value, read.Heard = []byte("2"), at(2)
		again := unread
		again.At, again.Heard = at(3), at(3)
		return errors.Join(err2, tx.SaveFact(ctx, "dev_1", read), tx.SaveFact(ctx, "dev_1", again))
	})
	got, err := db.Facts(ctx, "dev_1")
	must(t, err)
	same(t, "all, by name", []device.Fact{unread, read}, got)
	un, err := db.UnreadFacts(ctx, []string{"dev_1", "dev_2"})
	must(t, err)
	same(t, "what could not be read", map[string][]device.Fact{"dev_1": {unread}}, un)
}

func testChallenges(t *testing.T, db *store.DB) {
	ctx := t.Context()
	c := device.Challenge{ID: "chl_1", Hash: sha256.Sum256([]byte("a")), Device: "dev_1", By: "per_it", Reason: kanji, At: at(0), Expires: at(15)}
	devices(t, db, func(tx device.Tx) error {
		later := device.Challenge{ID: "chl_2", Hash: sha256.Sum256([]byte("b")), Device: "dev_2", By: "per_it", At: at(1), Expires: at(16)}
		return errors.Join(tx.InsertChallenge(ctx, c), tx.InsertChallenge(ctx, later))
	})
	devices(t, db, func(tx device.Tx) error {
		for since, want := range map[int][2]int{0: {1, 2}, 1: {0, 1}, 2: {0, 0}} {
			of, by, err := tx.CountChallenges(ctx, "dev_1", "per_it", at(since))
			must(t, err)
			same(t, fmt.Sprint("since ", since), want, [2]int{of, by})
		}
		if _, ok, err := tx.ChallengeByHash(ctx, [32]byte{}); ok || err != nil {
			t.Errorf("missing: %v, %v", ok, err)
		}
		c.Used = at(3)
		return tx.SaveChallenge(ctx, c)
	})
	devices(t, db, func(tx device.Tx) error {
		got, ok, err := tx.ChallengeByHash(ctx, c.Hash)
		same(t, "used", c, got)
		same(t, "found", true, ok)
		return err
	})
}

func testInfections(t *testing.T, db *store.DB) {
	ctx := t.Context()
	i := device.Infection{Device: "dev_1", Key: "k", Order: "ord_1", At: at(0)}
	devices(t, db, func(tx device.Tx) error { return tx.SaveInfection(ctx, i) })
	i.Incident, i.Label = "inc_1", "INC-2026-0001"
	devices(t, db, func(tx device.Tx) error {
		if _, ok, err := tx.InfectionByKey(ctx, "dev_2", "k"); ok || err != nil {
			t.Errorf("another device's: %v, %v", ok, err)
		}
		return tx.SaveInfection(ctx, i)
	})
	got, ok, err := db.Infection(ctx, "dev_1", "k")
	must(t, err)
	same(t, "report", i, got)
	same(t, "found", true, ok)
	e := device.Evidence{Device: "dev_1", Key: "k", Name: kanji, Size: 1 << 40, SHA256: sha256.Sum256([]byte("a")), At: at(1)}
	devices(t, db, func(tx device.Tx) error {
		again := e
		again.Size = 1
		first, err := tx.InsertDeviceEvidence(ctx, e)
		second, err2 := tx.InsertDeviceEvidence(ctx, again)
		same(t, "added", [2]bool{true, false}, [2]bool{first, second})
		return errors.Join(err, err2)
	})
	es, err := db.EvidenceOfInfection(ctx, "dev_1", "k")
	must(t, err)
	e.Name = es[0].Name // NUL-free already; the same text
	same(t, "each name once", []device.Evidence{e}, es)

	for since, want := range map[int]int64{0: 1 << 40, 1: 1 << 40, 2: 0} {
		n, err := db.EvidenceBytes(ctx, "dev_1", at(since))
		must(t, err)
		same(t, "bytes of evidence", want, n)
	}
	devices(t, db, func(tx device.Tx) error {
		for since, want := range map[int]int{0: 1, 1: 0} {
			n, err := tx.CountInfections(ctx, "dev_1", at(since))
			must(t, err)
			same(t, "reports", want, n)
		}
		return nil
	})
}

func testPresence(t *testing.T, db *store.DB) {
	ctx := t.Context()
	var all []string
	devices(t, db, func(tx device.Tx) error {
		all = nil
		var errs []error
		for n := range 450 {
			r := bare(fmt.Sprintf("dev_%03d", n), "per_emp", n)
			all = append(all, r.ID)
			errs = append(errs, tx.InsertDevice(ctx, r))
		}
		return errors.Join(errs...)
	})
	offline := func() int {
		t.Helper()
		ds, err := db.FindDevices(ctx, device.Query{State: device.StateOffline, Limit: 1000})
		must(t, err)
		return len(ds)
	}
	must(t, db.SetPresence(ctx, "srv_a", all, nil, at(1)))
	same(t, "offline", 0, offline())
	must(t, db.SetPresence(ctx, "srv_b", all[:300], nil, at(2)))
	must(t, db.SetPresence(ctx, "srv_a", nil, all, at(3)))
	same(t, "offline after one server has let all go", 150, offline())
	if r := readDevice(t, db, all[0]); !r.Online || !r.Seen.Equal(at(2)) {
		t.Errorf("moved: %v, %v", r.Online, r.Seen)
	}
	if r := readDevice(t, db, all[400]); r.Online || !r.Seen.Equal(at(3)) {
		t.Errorf("gone: %v, %v", r.Online, r.Seen)
	}
	must(t, db.ClearPresence(ctx, "srv_b", at(4)))
	same(t, "offline after the other started", 450, offline())

	must(t, db.KeepPresence(ctx, "srv_a", at(5), at(2)))
	must(t, db.SetPresence(ctx, "srv_a", all[:100], nil, at(5)))
	must(t, db.KeepPresence(ctx, "srv_b", at(5), at(2)))
	must(t, db.SetPresence(ctx, "srv_b", all[100:300], nil, at(5)))
	must(t, db.KeepPresence(ctx, "srv_a", at(6), at(2)))
	same(t, "offline while both live", 150, offline())
	must(t, db.KeepPresence(ctx, "srv_a", at(9), at(6))) // the other was killed
	same(t, "offline after one was killed", 350, offline())
	must(t, db.KeepPresence(ctx, "srv_b", at(9), at(6)))
	must(t, db.SetPresence(ctx, "srv_b", all[100:300], nil, at(9)))
	same(t, "offline after it came back", 150, offline())
	must(t, db.ClearPresence(ctx, "srv_a", at(9)))
	must(t, db.ClearPresence(ctx, "srv_b", at(9)))

	vs, err := db.Versions(ctx, append(all, all...))
	must(t, err)
	same(t, "versions", 450, len(vs))
	var walked int
	for after := ""; ; {
		bs, err := db.Bases(ctx, after, 200)
		must(t, err)
		if len(bs) == 0 {
			break
		}
		walked += len(bs)
		after = bs[len(bs)-1].Device
		same(t, "issued", at(walked-1), bs[len(bs)-1].Issued)
	}
	same(t, "bases", 450, walked)
}

// testEnrolRace has many PCs come with one token: it takes in one.
func testEnrolRace(t *testing.T, db *store.DB) {
	ctx := t.Context()
	k := device.Token{ID: "dtk_1", Hash: sha256.Sum256([]byte("a")), Created: at(0), Expires: at(60)}
	devices(t, db, func(tx device.Tx) error { return tx.InsertEnrolment(ctx, k) })
	won := 0
	for _, err := range each(20, func(n int) error {
		return db.UpdateDevices(ctx, func(tx device.Tx) error {
			got, _, err := tx.LockEnrolmentByHash(ctx, k.Hash)
			if err != nil || !got.Used.IsZero() {
				return errors.Join(errNo, err)
			}
			got.Used, got.Device = at(1), fmt.Sprint("dev_", n)
			return errors.Join(tx.SaveEnrolment(ctx, got), tx.InsertDevice(ctx, bare(got.Device, "per_emp", n)))
		})
	}) {
		if err == nil {
			won++
		} else if !errors.Is(err, errNo) {
			t.Errorf("refused with %v", err)
		}
	}
	same(t, "taken in", 1, won)
	ds, err := db.FindDevices(ctx, device.Query{Limit: 30})
	must(t, err)
	same(t, "there", 1, len(ds))
}

func testFindDevices(t *testing.T, db *store.DB) {
	ctx := t.Context()
	devices(t, db, func(tx device.Tx) error {
		var errs []error
		for n, name := range []string{"PC-Aoba", "pc-100%", "営業の\\PC", "PC_x"} {
			r := bare(fmt.Sprint("dev_", n), fmt.Sprint("per_", n), n/2)
			r.Name = name
			errs = append(errs, tx.InsertDevice(ctx, r))
		}
		return errors.Join(errs...)
	})
	find := func(q device.Query) []string {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 9
		}
		ds, err := db.FindDevices(ctx, q)
		must(t, err)
		out := []string{}
		for _, d := range ds {
			out = append(out, d.ID)
		}
		return out
	}
	same(t, "all, newest first", []string{"dev_3", "dev_2", "dev_1", "dev_0"}, find(device.Query{}))
	same(t, "page", []string{"dev_3", "dev_2"}, find(device.Query{Limit: 2}))
	same(t, "next page", []string{"dev_1", "dev_0"}, find(device.Query{Limit: 2, After: "dev_2"}))
	same(t, "after nothing", []string{}, find(device.Query{After: "dev_x"}))
	for text, want := range map[string][]string{"aOBA": {"dev_0"}, "100%": {"dev_1"}, "%": {"dev_1"}, "_": {"dev_3"}, `\`: {"dev_2"}, "営業": {"dev_2"},
		"dev_1": {"dev_1"}, "a\x00b": {}, "?": {}} {
		same(t, text, want, find(device.Query{Text: text}))
	}
	same(t, "by people", []string{"dev_2", "dev_0"}, find(device.Query{Text: "none", People: []string{"per_0", "per_2"}}))
	same(t, "of a person", []string{"dev_1"}, find(device.Query{Person: "per_1", Now: at(0).Add(time.Hour)}))
}
