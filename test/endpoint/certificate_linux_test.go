package endpoint

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/netns"
	"sekimori/internal/tool/isolation/stage"
)

// TestCertificateRunsOut: an isolated PC that finds the server's certificate expired trusts
// nobody, says why, stays isolated over a restart, and obeys once there is a new one.
func TestCertificateRunsOut(t *testing.T) {
	notShort(t)
	const front4, front6 = "192.0.2.9", "2001:db8:1::9"
	c := stage.New(t, built, "SEKIMORI_AGENT_ADDRESSES="+front4+","+front6)
	machine := netns.New(t) // what ends TLS for the server
	c.Office.Plug(machine, "eth0", stage.Prefixes(front4, front6)...)
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "https", Host: stage.Host + ":8443"})
	forward.Transport, forward.FlushInterval = c.Server.Transport(), -1
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = stage.Host
		forward.ServeHTTP(w, r)
	})
	end := c.Serve(machine, handler)
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	c.Server.Isolate(pc.Device, "while the certificate is good")
	c.Server.Await(pc.Device, "proven", stage.Proven)
	end()

	end = c.ServeUntil(machine, handler, time.Now().Add(-time.Hour))
	c.Server.Release(pc.Device, "cannot be heard")
	expired := func(s stage.Status) bool {
		return s.Isolated && !s.Connected && strings.Contains(s.Trouble, "expired")
	}
	pc.Await("it says why it hears nobody", expired)
	closed(t, "with an expired certificate", ways)
	pc.Kill()
	pc.Start()
	pc.Await("it says so again, and that the isolation is not proven now", func(s stage.Status) bool {
		return expired(s) && s.Isolation.State == wire.IsolationApplied && strings.Contains(strings.Join(s.Isolation.Problems, " "), "expired")
	})
	if facts := pc.Must("facts", "--json"); !strings.Contains(facts, "expired") {
		t.Errorf("its facts do not say so: %s", facts)
	}
	closed(t, "with an expired certificate, after a restart", ways)
	end()

	c.ServeUntil(machine, handler, time.Now().Add(time.Hour))
	c.Server.Await(pc.Device, "released", stage.Released)
	open(t, "with a new certificate", ways)
}

// TestPCWithAWrongClock: to a PC that lives twenty years later, or earlier, every certificate
// looks out of date. It is heard, isolated and released all the same.
func TestPCWithAWrongClock(t *testing.T) {
	notShort(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "clock")
	c := stage.New(t, stage.Programs{Server: built.Server, Agent: []string{self, wrongClock, file}})
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	for when, by := range map[string]time.Duration{"twenty years late": -20 * 366 * 24 * time.Hour, "twenty years early": 20 * 366 * 24 * time.Hour} {
		pc.Kill()
		if err := os.WriteFile(file, []byte(by.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		pc.Start()
		pc.AwaitConnected()
		c.Server.Isolate(pc.Device, when)
		c.Server.Await(pc.Device, when+": proven", stage.Proven)
		closed(t, when, ways)
		pc.Kill()
		pc.Start() // its first connection now, with what it knows from its disk
		pc.AwaitConnected()
		pc.Await(when+": proven by the new process", func(s stage.Status) bool { return s.Isolation.State == wire.IsolationProven })
		c.Server.Release(pc.Device, when)
		c.Server.Await(pc.Device, when+": released", stage.Released)
		open(t, when, ways)
	}
}
