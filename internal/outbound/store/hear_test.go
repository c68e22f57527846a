package store

import (
	"errors"
	"fmt"
	"testing"

	"sekimori/internal/domain/device"
	"sekimori/internal/kit/fault"
)

// newcomer adds a device that has told nothing yet.
func newcomer(t *testing.T, db *DB, id string) {
	t.Helper()
	err := db.UpdateDevices(t.Context(), func(tx device.Tx) error {
		return tx.InsertDevice(t.Context(), &device.Record{Device: device.Device{ID: id, Key: []byte(id), Person: "per_a", EnrolledAt: base}, Secret: []byte{1}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tellOne has a device tell a fact of its own, unless it has told most already.
func tellOne(t *testing.T, db *DB, id, name string, most int) func() error {
	return func() error {
		return db.Hear(t.Context(), id, func(tx device.Tx, h device.Hearing) error {
			if h.Refused || h.Told >= most {
				return errRefused
			}
			return errors.Join(tx.SaveFact(t.Context(), id, device.Fact{Name: name, Value: []byte("1"), Heard: base}),
				tx.SaveSeen(t.Context(), id, h.Seq+1, base))
		})
	}
}

// Whatever tells together, through one server or two, is taken one after the other.
func TestHearInTurn(t *testing.T) {
	on(t, func(t *testing.T, open func() *DB) {
		servers := []*DB{open(), open()}
		newcomer(t, servers[0], "dev_a")
		newcomer(t, servers[0], "dev_b")
		var calls [2][]func() error
		for n := range 40 {
			s := n % 2
			calls[s] = append(calls[s], tellOne(t, servers[s], []string{"dev_a", "dev_b"}[n/2%2], fmt.Sprint("fact_", n), 15))
		}
		other := make(chan []error)
		go func() { other <- atOnce(t, servers[1], calls[1]...) }()
		refused := 0
		for _, err := range append(atOnce(t, servers[0], calls[0]...), <-other...) {
			if errors.Is(err, errRefused) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		for _, id := range []string{"dev_a", "dev_b"} {
			r, err := servers[0].Device(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			fs, err := servers[0].Facts(t.Context(), id)
			if err != nil || r.Seq != 15 || len(fs) != 15 {
				t.Errorf("%s: number %d, %d facts, %v; want 15 of each", id, r.Seq, len(fs), err)
			}
		}
		if refused != 10 {
			t.Errorf("%d refused, want 10", refused)
		}
	})
}

// What a change of the same batch has done before is not overlooked for having been read
// earlier, and what a refused one has done is not believed.
func TestHearAfterAChangeOfTheBatch(t *testing.T) {
	on(t, func(t *testing.T, open func() *DB) {
		db := open()
		ctx := t.Context()
		for _, id := range []string{"dev_a", "dev_b", "dev_c"} {
			newcomer(t, db, id)
		}
		refuse := func(id string, answer error) func() error {
			return func() error {
				return db.UpdateDevices(ctx, func(tx device.Tx) error {
					r, err := tx.LockDevice(ctx, id)
					if err != nil {
						return err
					}
					r.RefusedAt = base
					return errors.Join(tx.SaveDesired(ctx, r), answer)
				})
			}
		}
		errs := atOnce(t, db,
			refuse("dev_a", nil), tellOne(t, db, "dev_a", "x", 9), // refused already
			refuse("dev_b", errRefused), tellOne(t, db, "dev_b", "x", 9), // not refused after all
			tellOne(t, db, "dev_c", "x", 1), tellOne(t, db, "dev_c", "y", 1), // room for one
			tellOne(t, db, "dev_x", "x", 1))
		for n, want := range []bool{true, false, false, true, true, false} {
			if got := errs[n] == nil; got != want || !got && !errors.Is(errs[n], errRefused) {
				t.Errorf("call %d: %v", n, errs[n])
			}
		}
		for _, err := range []error{errs[6], tellOne(t, db, "dev_\x00", "x", 1)()} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("unknown device: %v", err)
			}
		}
		for id, want := range map[string]int64{"dev_a": 0, "dev_b": 1, "dev_c": 1} {
			if r, err := db.Device(ctx, id); err != nil || r.Seq != want {
				t.Errorf("%s: number %d, %v; want %d", id, r.Seq, err, want)
			}
		}
	})
}

// A fact that is told twice in one change or batch ends as the last one said.
func TestSameFactTwice(t *testing.T) {
	on(t, func(t *testing.T, open func() *DB) {
		db := open()
		ctx := t.Context()
		newcomer(t, db, "dev_a")
		say := func(value string) func() error {
			return func() error {
				return db.Hear(ctx, "dev_a", func(tx device.Tx, h device.Hearing) error {
					return errors.Join(tx.SaveFact(ctx, "dev_a", device.Fact{Name: "n", Value: []byte("0")}),
						tx.SaveFact(ctx, "dev_a", device.Fact{Name: "n", Value: []byte(value)}),
						tx.SaveSeen(ctx, "dev_a", h.Seq+1, base), tx.SaveSeen(ctx, "dev_a", h.Seq+2, base))
				})
			}
		}
		for _, err := range atOnce(t, db, say("1"), say("2")) {
			if err != nil {
				t.Error(err)
			}
		}
		fs, err := db.Facts(ctx, "dev_a")
		if err != nil || len(fs) != 1 || string(fs[0].Value) != "2" {
			t.Errorf("facts %+v, %v", fs, err)
		}
		if r, err := db.Device(ctx, "dev_a"); err != nil || r.Seq != 4 {
			t.Errorf("number %d, %v", r.Seq, err)
		}
	})
}
