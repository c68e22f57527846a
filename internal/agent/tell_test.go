package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sekimori/internal/kit/wire"
)

// TestReportIsKeptAndSent: through the socket, while the server is away, over a restart,
// and then once.
func TestReportIsKeptAndSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.set(func() { r.srv.down = true })
	o := r.options()
	o.Socket = filepath.Join(r.dir, "control.sock")
	a := r.openWith(o)
	stop := r.run(a)
	var s *Service
	r.eventually("heard", func() (ok bool) {
		var err error
		s, err = Dial(t.Context(), o.Socket)
		return err == nil
	})
	if _, err := s.Report(t.Context(), "fire", ""); !errors.Is(err, ErrKind) {
		t.Errorf("no such kind: %v", err)
	}
	key, err := s.Report(t.Context(), "lost", "left on the train")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.Delivered(t.Context(), key); err != nil || d != (Delivery{}) {
		t.Errorf("delivered %+v %v", d, err)
	}
	if st, err := s.Status(t.Context()); err != nil || st.Unsent != 1 || st.Isolated || r.pc.isUp() {
		t.Errorf("%+v %v", st, err)
	}
	stop()
	a = r.openWith(o)
	r.run(a)
	if st := a.Status(); st.Unsent != 1 {
		t.Errorf("after a restart %d wait", st.Unsent)
	}
	r.srv.set(func() { r.srv.down = false })
	r.eventually("sent", func() bool { return a.Delivered(key).Sent })
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	if len(r.srv.reports) != 1 {
		t.Fatalf("told %d times", len(r.srv.reports))
	}
	got := r.srv.reports[0]
	if got.Key != key || got.Kind != "lost" || got.Note != "left on the train" || got.Local != 0 || got.At == 0 {
		t.Errorf("told %+v", got)
	}
	if slices.Contains(r.pc.log(), "cut") {
		t.Error("a report cut the network")
	}
}

// TestReportFromAnIsolatedPC: its case is known to whoever told it.
func TestReportFromAnIsolatedPC(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	r.run(a)
	if _, err := a.Infected(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	key, err := a.Report("missent", "", "hanako")
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("sent", func() bool { d := a.Delivered(key); return d.Sent && d.Label != "" })
	if a.Delivered("../lock").Label != "" || a.Status().Label == a.Delivered(key).Label {
		t.Errorf("the press is %q, the report %+v", a.Status().Label, a.Delivered(key))
	}
}

// TestFloodOfReports: one account is bounded, another is not kept from reporting, and all
// of them together leave room for presses.
func TestFloodOfReports(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := r.options()
	o.Clock = r.m.clock()
	a := r.openWith(o)
	defer r.close(a)
	tell := func(account string) error {
		_, err := a.Report("near_miss", "", account)
		return err
	}
	for range reportsAnHour {
		if err := tell("hanako"); err != nil {
			t.Fatal(err)
		}
	}
	if err := tell("hanako"); !errors.Is(err, ErrTooManyReports) {
		t.Errorf("one more: %v", err)
	}
	if err := tell("taro"); err != nil {
		t.Errorf("another account: %v", err)
	}
	r.m.pass(time.Hour + time.Second)
	if err := tell("hanako"); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	for n := range maxOthers {
		if err := tell(fmt.Sprint("account ", n)); err != nil && !errors.Is(err, ErrTooManyReports) {
			t.Fatal(err)
		}
	}
	if n := a.Status().Unsent; n != maxOthers {
		t.Errorf("%d wait", n)
	}
	if err := a.spool.addReport(wire.Infection{Key: newKey(time.Now())}); err != nil {
		t.Errorf("a press: %v", err)
	}
	if first := a.spool.list()[0]; !first.press {
		t.Errorf("%+v is sent before a press", first)
	}
}

// TestReportThatWasNotKept: what the disk refuses is said as it is, as often as it is tried.
func TestReportThatWasNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	defer r.close(a)
	spool := filepath.Join(r.dir, dirSpool)
	if err := errors.Join(os.RemoveAll(spool), os.WriteFile(spool, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range reportsAnHour + 1 {
		if _, err := a.Report("lost", "", "hanako"); err == nil || errors.Is(err, ErrTooManyReports) {
			t.Fatalf("told: %v", err)
		}
	}
	if err := errors.Join(os.Remove(spool), os.Mkdir(spool, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Report("lost", "", "hanako"); err != nil {
		t.Error(err)
	}
}

func TestReportNotEnrolled(t *testing.T) {
	t.Parallel()
	a, err := New(t.Context(), Options{Dir: t.TempDir(), Host: newPC(), Forbidden: silent(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Report("lost", "", ""); !errors.Is(err, ErrNotEnrolled) {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}
