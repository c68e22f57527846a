package endpoint

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/pg"
	"sekimori/internal/tool/isolation/stage"
)

// open and closed say which ways are, all of them at once.
func open(t *testing.T, when string, ways []stage.Way) {
	t.Helper()
	for _, why := range stage.Open(ways...) {
		t.Errorf("%s: %s", when, why)
	}
}

func closed(t *testing.T, when string, ways []stage.Way) {
	t.Helper()
	for _, name := range stage.Closed(ways...) {
		t.Errorf("%s: %s: it is open", when, name)
	}
}

// aborted reports what a program was told when its connection was destroyed under it,
// rather than left to hang.
func aborted(t *testing.T, what string, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if !errors.Is(err, syscall.ECONNABORTED) {
			t.Errorf("%s: its program was told %v, not that the connection is gone", what, err)
		}
	case <-time.After(stage.Patience):
		t.Errorf("%s: it hangs", what)
	}
}

func ended(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(stage.Patience):
		t.Errorf("%s: it runs on", what)
	}
}

// TestThePersonPresses: "infected" at the PC, with both databases behind the server.
func TestThePersonPresses(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		notShort(t)
		thePersonPresses(t)
	})
	t.Run("postgres", func(t *testing.T) {
		notShort(t)
		file := filepath.Join(t.TempDir(), "database")
		if err := os.WriteFile(file, []byte(bySocket(t, pg.URL(t))), 0o600); err != nil {
			t.Fatal(err)
		}
		thePersonPresses(t, "SEKIMORI_DATABASE_FILE="+file)
	})
}

// bySocket is the same database through a file: the server's machine reaches nothing of
// this machine's network.
func bySocket(t *testing.T, database string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var dir string
	if err := conn.QueryRow(t.Context(), "show unix_socket_directories").Scan(&dir); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("host", strings.TrimSpace(strings.Split(dir, ",")[0]))
	q.Set("port", u.Port())
	u.Host, u.RawQuery = "", q.Encode()
	return u.String()
}

func thePersonPresses(t *testing.T, env ...string) {
	t.Helper()
	c := stage.New(t, built, env...)
	c.Files.ServeDownloads()
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	open(t, "before", ways)
	shell4, shell6 := c.Attacker.TakeShell(pc, 4), c.Attacker.TakeShell(pc, 6)
	load4, load6 := c.Files.Download(pc, 4), c.Files.Download(pc, 6)

	said := pc.Must("infected", "--note", "an attachment opened itself")
	aborted(t, "download, IPv4", load4.Ended)
	aborted(t, "download, IPv6", load6.Ended)
	ended(t, "shell, IPv4", shell4.Ended)
	ended(t, "shell, IPv6", shell6.Ended)
	closed(t, "isolated", ways)
	if answer, err := shell4.TypeFor("echo still here", time.Second); err == nil {
		t.Errorf("the attacker was answered %q", answer)
	}
	for _, want := range []string{"cable", "power", stage.Phone, "INC-"} {
		if !strings.Contains(strings.ToLower(said), strings.ToLower(want)) {
			t.Errorf("the person is not told of %q:\n%s", want, said)
		}
	}

	d := c.Server.Await(pc.Device, "proven", stage.Proven)
	o := d.Isolation.Order
	if o.Via != "pc" || o.Requested.After(o.Applied) || o.Applied.After(o.Proven) {
		t.Errorf("the order is %+v", o)
	}
	st := pc.Await("everything delivered", func(s stage.Status) bool { return s.Waiting == 0 && s.Label != "" })
	theCase(t, c.Server, o.Incident, st.Label, pc)
}

// theCase looks at what the PC has reported.
func theCase(t *testing.T, s *stage.Server, id, label string, pc *stage.PC) {
	t.Helper()
	k := s.Case(label)
	if k.Kind != "virus" || k.ID != id || !strings.Contains(k.Summary, s.Device(pc.Device).Name) {
		t.Errorf("the case of order %q is %+v", id, k)
	}
	if !slices.ContainsFunc(k.Entries, func(e struct{ Type, Text string }) bool {
		return strings.HasPrefix(e.Text, "an attachment opened itself\n")
	}) {
		t.Errorf("the person's words are not there: %+v", k.Entries)
	}
	recorded := map[string]bool{}
	for _, e := range append(s.Events("device.evidence_added", ""), s.Events("incident.evidence", k.ID)...) {
		var d struct{ SHA256 string }
		if err := json.Unmarshal(e.Data, &d); err == nil {
			recorded[d.SHA256] = true
		}
	}
	for _, e := range k.Evidence {
		if len(e.SHA256) != 64 || !recorded[e.SHA256] {
			t.Errorf("the record does not hold the hash %q of %s", e.SHA256, e.Name)
		}
	}
	if len(k.Evidence) < 3 {
		t.Errorf("evidence: %+v", k.Evidence)
	}
	if !slices.ContainsFunc(k.Evidence, func(e struct{ ID, Name, SHA256 string }) bool {
		return strings.Contains(e.Name, "connection") || strings.Contains(e.Name, "socket")
	}) {
		t.Errorf("the connections that the cut destroyed are not among the evidence: %+v", k.Evidence)
	}
}

// TestServerIsAway: the PC is isolated, and released by telephone, while no server can be
// reached; the server comes back and agrees.
func TestServerIsAway(t *testing.T) {
	notShort(t)
	c := stage.New(t, built)
	pc, other := c.Enrolled("pc", stage.PC4, stage.PC6), c.Enrolled("other", stage.OtherPC4, stage.OtherPC6)
	ways, others := c.Ways(pc, stage.PC4, stage.PC6), c.Ways(other, stage.OtherPC4, stage.OtherPC6)
	shell := c.Attacker.TakeShell(pc, 4)
	c.Server.Isolate(other.Device, "it speaks to strangers")
	c.Server.Await(other.Device, "the other PC isolated", stage.Proven)
	c.Server.Kill()

	said := pc.Press("--note", "nobody is there")
	ended(t, "shell", shell.Ended)
	closed(t, "isolated without a server", ways)
	if st := pc.Status(); st.Isolation.State != wire.IsolationApplied || st.Label != "" || st.Waiting == 0 {
		t.Errorf("without the server it says %+v", st)
	}

	c.Server.StartAlone()
	challenge, its := pc.Challenge(), other.Challenge()
	code, err := c.Server.ReleaseCode(t.Context(), pc.Device, challenge, "cleaned by hand")
	if err != nil {
		t.Fatal(err)
	}
	if _, errs, exit := other.Command("release", "--code", code); exit != 1 || its == challenge {
		t.Errorf("the code of one PC on another: exit %d, %s", exit, errs)
	}
	if _, errs, exit := pc.Command("release", "--code", "12345"); exit != 1 || !strings.Contains(errs, "code") {
		t.Errorf("a slip of the finger: exit %d, %s", exit, errs)
	}
	pc.Must("release", "--code", wire.Spoken(code))
	if st := pc.Status(); st.Isolated {
		t.Errorf("after the code: %+v", st)
	}
	open(t, "released by code", ways)
	closed(t, "the other PC", others)
	if answer, err := shell.TypeFor("echo back", time.Second); err == nil {
		t.Errorf("the old shell came back: %q", answer)
	}
	if _, _, exit := pc.Command("release", "--code", code); exit != 1 {
		t.Errorf("the same code again: exit %d", exit)
	}

	// Isolated once more, what was used is worth nothing.
	again := pc.Press("--note", "again")
	next := pc.Challenge()
	if next == challenge {
		t.Error("the same challenge is shown again")
	}
	if _, _, exit := pc.Command("release", "--code", code); exit != 1 {
		t.Errorf("an old code, a new isolation: exit %d", exit)
	}
	wrong := wire.ReleaseCode(make([]byte, 32), pc.Device, next)
	for range 4 {
		if _, errs, exit := pc.Command("release", "--code", wrong); exit != 1 || !strings.Contains(errs, "code") {
			t.Errorf("a wrong code: exit %d, %s", exit, errs)
		}
	}
	right, err := c.Server.ReleaseCode(t.Context(), pc.Device, next, "too late")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, exit := pc.Command("release", "--code", right); exit != 1 {
		t.Errorf("after five wrong codes the right one was still tried: exit %d", exit)
	}
	closed(t, "after wrong codes", ways)

	// The server comes back into reach, and hears everything.
	c.Server.Kill()
	c.Server.Start()
	d := c.Server.Await(pc.Device, "the second press is known and proven", stage.Proven)
	for _, via := range []string{"pc", "code"} {
		if !slices.ContainsFunc(d.Orders, func(o stage.Order) bool { return o.Via == via }) {
			t.Errorf("the server has not heard of what came by %s: %+v", via, d.Orders)
		}
	}
	pc.Await("the reports are filed", func(s stage.Status) bool { return s.Label != "" && s.Waiting == 0 })
	for _, kind := range []string{"device.code_issued", "device.released_by_code"} {
		if len(c.Server.Events(kind, pc.Device)) == 0 {
			t.Errorf("the record holds no %s", kind)
		}
	}
	c.Server.Release(pc.Device, "cleaned")
	c.Server.Await(pc.Device, "released", stage.Released)
	open(t, "released by the server", ways)
	closed(t, "the other PC in the end", others)
	for _, s := range []string{<-said, <-again} {
		if !strings.Contains(s, "CUT OFF") || !strings.Contains(strings.ToLower(s), "cable") {
			t.Errorf("the person was told:\n%s", s)
		}
	}
}
