package endpoint

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"sekimori/internal/kit/wire"
	"sekimori/internal/tool/isolation/stage"
)

// TestOldDocumentsReleaseNobody: a release that was signed once is shown to the PC again,
// on its disk and by a server with the right name and certificate.
func TestOldDocumentsReleaseNobody(t *testing.T) {
	notShort(t)
	c := stage.New(t, built)
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	c.Server.Isolate(pc.Device, "once")
	c.Server.Await(pc.Device, "proven", stage.Proven)
	c.Server.Release(pc.Device, "cleaned")
	c.Server.Await(pc.Device, "released", stage.Released)
	stored := filepath.Join(pc.State, "document")
	release, err := os.ReadFile(stored)
	if err != nil {
		t.Fatal(err)
	}
	c.Server.Isolate(pc.Device, "and again")
	newest := c.Server.Await(pc.Device, "proven again", stage.Proven).Desired
	c.Server.Kill()
	pc.Kill()

	still := func(when string) {
		t.Helper()
		if st := pc.Status(); !st.Isolated || st.Isolation.State == wire.IsolationOff {
			t.Errorf("%s: the PC says %+v", when, st)
		}
		closed(t, when, ways)
	}
	if err := os.WriteFile(stored, release, 0o644); err != nil {
		t.Fatal(err)
	}
	takeAway(t, pc)
	pc.Must("boot")
	closed(t, "booted with the old document on disk", ways)
	pc.Start()
	pc.Await("it runs", func(s stage.Status) bool { return s.Running })
	still("with the old document on disk")

	var asked atomic.Int64
	impostor := c.Impostor(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case wire.PathDocument:
			asked.Add(1)
			w.Write(release)
		case wire.PathStream:
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, wire.Beat+wire.Nudge(newest+100))
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case wire.PathKeys:
			fmt.Fprint(w, `{"changes":[]}`)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	for end := time.Now().Add(stage.Patience); asked.Load() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the PC asks nothing\n%s", pc.Log())
		}
	}
	time.Sleep(300 * time.Millisecond)
	still("a server that repeats the past")
	impostor()

	c.Server.Start()
	c.Server.Release(pc.Device, "cleaned")
	c.Server.Await(pc.Device, "released", stage.Released)
	open(t, "released", ways)
}
