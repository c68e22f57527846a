package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/journal/journaltest"
)

func TestSealOnce(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	ctx := context.Background()
	if n, err := l.sealer.SealOnce(ctx, 10); n != 0 || err != nil || len(l.store.Signed) != 0 {
		t.Fatalf("nothing to seal: %d, %v, %d checkpoints", n, err, len(l.store.Signed))
	}
	l.record(t, 0, 25)
	for _, want := range []int{10, 10, 5, 0} {
		if n, err := l.sealer.SealOnce(ctx, 10); n != want || err != nil {
			t.Fatalf("sealed %d, want %d: %v", n, want, err)
		}
	}
	for i, e := range l.store.Sealed {
		if e.Seq != int64(i) || i > 0 && e.At.Before(l.store.Sealed[i-1].At) {
			t.Errorf("entry %d has number %d at %v", i, e.Seq, e.At)
		}
	}
	rep, err := journal.VerifyStore(ctx, l.store, origin, l.verifiers, nil)
	if err != nil || !rep.Intact || rep.Entries != 25 || rep.Size != 25 || rep.Checkpoints != 3 {
		t.Errorf("%+v, %+v, %v", rep, rep.FirstBad, err)
	}
}

// A failure at any step leaves the store as it was, and the next try goes through.
func TestSealFails(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"head", "unsealed", "nodes", "append", "commit"} {
		l := newLog(t)
		l.record(t, 0, 3)
		l.sealAll(t, 10)
		l.record(t, 3, 8)
		l.store.FailAt = step
		if n, err := l.sealer.SealOnce(context.Background(), 10); n != 0 || !errors.Is(err, journaltest.ErrFail) {
			t.Errorf("%s: sealed %d, %v", step, n, err)
		}
		if len(l.store.Sealed) != 3 || len(l.store.Waiting) != 5 || len(l.store.Signed) != 1 {
			t.Errorf("%s: half sealed", step)
		}
		l.store.FailAt = ""
		l.sealAll(t, 10)
		if rep := l.verify(t, l.export(t, l.store)); !rep.Intact || rep.Entries != 8 {
			t.Errorf("%s: after the failure %+v %+v", step, rep, rep.FirstBad)
		}
	}
}

// A sealer does not put its name to a tree that was changed behind its back.
func TestSealRefusesChangedTree(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	l.record(t, 0, 8)
	l.sealAll(t, 10)
	l.record(t, 8, 9)
	l.store.Tree[len(l.store.Tree)-1][0] ^= 1
	if _, err := l.sealer.SealOnce(context.Background(), 10); !errors.Is(err, journal.ErrTreeChanged) {
		t.Errorf("sealed over a changed node: %v", err)
	}
	l.store.Tree, l.store.Sealed, l.store.Signed = nil, nil, nil
	if _, err := l.sealer.SealOnce(context.Background(), 10); !errors.Is(err, journal.ErrTreeChanged) {
		t.Errorf("sealed over an emptied journal: %v", err)
	}
}

// Two sealers on one store take turns.
func TestTwoSealers(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	other := journal.NewSealer(l.store, l.signer, origin, l.clock.now)
	for i := range 20 {
		l.record(t, i, i+1)
		s := l.sealer
		if i%3 == 0 {
			s = other
		}
		if n, err := s.SealOnce(context.Background(), 10); n != 1 || err != nil {
			t.Fatalf("round %d: %d, %v", i, n, err)
		}
	}
	if rep := l.verify(t, l.export(t, l.store)); !rep.Intact || rep.Checkpoints != 20 {
		t.Errorf("%+v", rep)
	}
}

// Run seals what it is woken for, more than one batch at a time, and the rest when stopped.
func TestRun(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	ctx, stop := context.WithCancel(context.Background())
	wake, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		l.sealer.Run(ctx, wake, time.Hour, func(err error) { t.Errorf("seal: %v", err) })
	}()
	l.record(t, 0, 2500)
	for size := 0; size < 2500; {
		select {
		case wake <- struct{}{}:
		default:
		}
		got, err := l.store.Entries(context.Background(), int64(size), 5000)
		if err != nil {
			t.Fatal(err)
		}
		size += len(got)
		time.Sleep(time.Millisecond)
	}
	l.record(t, 2500, 2510)
	stop()
	<-done
	if rep := l.verify(t, l.export(t, l.store)); !rep.Intact || rep.Entries != 2510 {
		t.Errorf("%+v %+v", rep, rep.FirstBad)
	}
}

// Failures are reported, and a closed wake channel does not spin.
func TestRunReports(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	l.store.FailAt = "head"
	l.record(t, 0, 1)
	ctx, stop := context.WithCancel(context.Background())
	wake := make(chan struct{})
	close(wake)
	failures := 0
	l.sealer.Run(ctx, wake, time.Millisecond, func(err error) {
		if !errors.Is(err, journaltest.ErrFail) {
			t.Errorf("reported %v", err)
		}
		if failures++; failures == 3 {
			stop()
		}
	})
	if failures != 4 { // the last seal after the stop fails too
		t.Errorf("%d failures reported", failures)
	}
}
