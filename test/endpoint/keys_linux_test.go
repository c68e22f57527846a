package endpoint

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/kit/wire"
	"sekimori/internal/tool/isolation/stage"
)

// TestKeysChangeWhileAPCIsAway: two changes of the signing key pass it by; when it is back, it
// follows both, and what it is told then is obeyed.
func TestKeysChangeWhileAPCIsAway(t *testing.T) {
	notShort(t)
	c := stage.New(t, built)
	pc, refused := c.Enrolled("pc", stage.PC4, stage.PC6), c.Enrolled("refused", stage.OtherPC4, stage.OtherPC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	pc.Kill()
	c.Server.Ask(http.MethodPost, "/devices/"+refused.Device+"/refuse", map[string]any{"reason": "returned"}, nil)
	for range 2 {
		c.Server.Kill()
		c.Server.RotateKey()
		c.Server.Start() // each key has signed documents that this PC never saw
	}
	c.Server.Isolate(pc.Device, "ordered while it was away")
	pc.Start()
	c.Server.Await(pc.Device, "proven", stage.Proven)
	closed(t, "isolated by the third key", ways)
	c.Server.Release(pc.Device, "cleaned")
	c.Server.Await(pc.Device, "released", stage.Released)
	open(t, "released by the third key", ways)
	if keys, _ := believed(t, pc); len(keys) != 3 {
		t.Errorf("the PC believes %v", keys)
	}
	if n := len(c.Server.Events("device.key_changed", "")); n != 2 {
		t.Errorf("the record holds %d changes of keys", n)
	}

	// A PC whose key was refused obeys nobody any more; its agent goes with a permission of
	// the newest key.
	var out struct{ Ticket string }
	c.Server.Ask(http.MethodPost, "/devices/"+refused.Device+"/uninstall-ticket", map[string]any{"reason": "returned"}, &out)
	file := filepath.Join(t.TempDir(), "ticket")
	if err := os.WriteFile(file, []byte(out.Ticket), 0o600); err != nil {
		t.Fatal(err)
	}
	refused.Kill()
	refused.Must("uninstall", "--ticket", file)
	if _, err := os.Stat(filepath.Join(refused.State, "agent.json")); !os.IsNotExist(err) {
		t.Errorf("the agent is still there: %v", err)
	}
}

// believed is whose signature a PC's folder says that it believes, and no more.
func believed(t *testing.T, pc *stage.PC) (keys, retired []string) {
	t.Helper()
	var id struct{ Keys, Retired []string }
	raw, err := os.ReadFile(filepath.Join(pc.State, "agent.json"))
	if err == nil {
		err = json.Unmarshal(raw, &id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id.Keys, id.Retired
}

// signerOf reads the key that the server signs with now: what somebody steals.
func signerOf(t *testing.T, s *stage.Server) note.Signer {
	t.Helper()
	var k struct{ Signer string }
	raw, err := os.ReadFile(s.KeyFile())
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(k.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// TestStolenSigningKeyIsRetired: whoever has stolen the signing key, and the server's name,
// address and certificate with it, releases no PC that has heard of the retirement.
func TestStolenSigningKeyIsRetired(t *testing.T) {
	notShort(t)
	c := stage.New(t, built)
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	thief := signerOf(t, c.Server)
	c.Server.Kill()
	c.Server.RotateKey("--retire")
	c.Server.Start()
	c.Server.Isolate(pc.Device, "by the new key")
	newest := c.Server.Await(pc.Device, "proven", stage.Proven).Desired
	if keys, retired := believed(t, pc); len(keys) != 1 || len(retired) != 1 || retired[0] != wire.KeyName(thief) {
		t.Errorf("the PC believes %v and not %v", keys, retired)
	}
	c.Server.Kill()

	raw, err := os.ReadFile(filepath.Join(pc.State, "document"))
	if err != nil {
		t.Fatal(err)
	}
	var d wire.Document
	body, _, _ := strings.Cut(string(raw), "\n")
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	release := func(by note.Signer, version int64) string {
		t.Helper()
		d := d
		d.Version, d.Isolation, d.Retired = version, wire.Isolation{Order: "ord_forged", Local: 99}, nil
		signed, err := d.Sign(by)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	_, heirKey, err := note.GenerateKey(nil, "sekimori.example")
	if err != nil {
		t.Fatal(err)
	}
	heir, err := wire.SignKeyChange(heirKey, thief)
	if err != nil {
		t.Fatal(err)
	}
	var asked, learnt atomic.Int64
	var document atomic.Pointer[string]
	say := func(signed string) { document.Store(&signed) }
	say(release(thief, newest+1))
	c.Impostor(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case wire.PathDocument:
			io.WriteString(w, *document.Load())
			asked.Add(1)
		case wire.PathStream:
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, wire.Beat+wire.Nudge(newest+100))
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case wire.PathKeys:
			json.NewEncoder(w).Encode(wire.KeyChanges{Changes: []string{heir}})
			learnt.Add(1)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	refused := func(when string) {
		t.Helper()
		documents, keys := asked.Load(), learnt.Load()
		for end := time.Now().Add(stage.Patience); asked.Load() < documents+2 || learnt.Load() < keys+2; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: the PC asks nothing\n%s", when, pc.Log())
			}
		}
		if s := pc.Status(); !s.Isolated || s.Document != newest {
			t.Errorf("%s: the PC says %+v", when, s)
		}
		closed(t, when, ways)
	}
	refused("a document of the stolen key")
	pc.Kill()
	pc.Start()
	refused("a document of the stolen key, after a restart")
	// That the impostor would be obeyed otherwise: the same words, by the key in force.
	say(release(signerOf(t, c.Server), newest+1))
	pc.Await("released by the key in force", func(s stage.Status) bool { return !s.Isolated })
	open(t, "released by the key in force", ways)
	pc.Kill()
	if said, code := leave(t, pc, thief); code == 0 {
		t.Errorf("the stolen key's ticket was taken: %s", said)
	}
	if said, code := leave(t, pc, signerOf(t, c.Server)); code != 0 {
		t.Errorf("the ticket of the key in force was not taken: %s", said)
	}
}

// leave takes the agent off a PC with a ticket that by has signed.
func leave(t *testing.T, pc *stage.PC, by note.Signer) (said string, code int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ticket")
	ticket, err := wire.SignTicket(pc.Device, wire.MicrosOf(time.Now().Add(time.Hour)), by)
	if err == nil {
		err = os.WriteFile(file, []byte(ticket), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, said, code = pc.Command("uninstall", "--ticket", file)
	return said, code
}
