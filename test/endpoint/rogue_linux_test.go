package endpoint

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sekimori/internal/agent"
	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/netns"
	"sekimori/internal/tool/isolation/stage"
)

// stolen is the identity of an enrolled PC, in the wrong hands, and a way to the server
// from there.
func stolen(t *testing.T, pc *stage.PC, from *netns.Space) (*agent.Identity, *http.Transport) {
	t.Helper()
	var id agent.Identity
	raw, err := os.ReadFile(filepath.Join(pc.State, "agent.json"))
	if err == nil {
		err = json.Unmarshal(raw, &id)
	}
	if err != nil {
		t.Fatal(err)
	}
	seed, err := os.ReadFile(filepath.Join(pc.State, "key"))
	if err != nil || len(seed) != ed25519.SeedSize {
		t.Fatalf("the key: %d bytes, %v", len(seed), err)
	}
	id.Key = ed25519.NewKeyFromSeed(seed)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(id.CA))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return from.Dial(ctx, "tcp", net.JoinHostPort(stage.Management4, fmt.Sprint(stage.Port)))
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return &id, transport
}

func refused(t *testing.T, what string, err error, status int) {
	t.Helper()
	var r *agent.Refused
	if !errors.As(err, &r) || r.Status != status {
		t.Errorf("%s: %v, want a refusal with %d", what, err, status)
	}
}

// TestRoguePC: whoever holds the key of one PC can make noise in its name, and nothing
// else: nothing in another's, and nobody waits for it.
func TestRoguePC(t *testing.T) {
	notShort(t)
	c := stage.New(t, built)
	pc, rogue := c.Enrolled("pc", stage.PC4, stage.PC6), c.Enrolled("rogue", stage.OtherPC4, stage.OtherPC6)
	pc.Must("infected") // its case is what others' evidence would go to
	pc.Await("filed", func(s stage.Status) bool { return s.Label != "" && s.Waiting == 0 })
	label := pc.Status().Label
	c.Server.Release(pc.Device, "for the test")
	c.Server.Await(pc.Device, "released", stage.Released)
	kept := len(c.Server.Case(label).Evidence)
	rogue.Kill()
	id, transport := stolen(t, rogue, rogue.Space)
	client := func(id *agent.Identity) *agent.Client {
		t.Helper()
		cl, err := agent.NewClient(agent.ClientOptions{Identity: id, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		return cl
	}
	own := client(id)
	ctx := t.Context()

	// What is too large, or has no sense.
	huge := map[string]wire.Fact{}
	for i := range 65 {
		huge["x."+strings.Repeat("a", 1+i/26)+string(rune('a'+i%26))] = wire.Fact{Value: json.RawMessage("1"), At: 1}
	}
	seq := time.Now().UnixMicro()
	refused(t, "too many facts", own.Facts(ctx, wire.Facts{Seq: seq + 1, At: 1, Facts: huge}), http.StatusUnprocessableEntity)
	large := json.RawMessage(`"` + strings.Repeat("x", 20<<10) + `"`)
	refused(t, "a large fact", own.Facts(ctx, wire.Facts{Seq: seq + 2, At: 1, Facts: map[string]wire.Fact{"x.large": {Value: large, At: 1}}}), http.StatusRequestEntityTooLarge)
	flood := json.RawMessage(`"` + strings.Repeat("x", 2<<20) + `"`)
	refused(t, "a flood in one fact", own.Facts(ctx, wire.Facts{Seq: seq + 3, At: 1, Facts: map[string]wire.Fact{"x.flood": {Value: flood, At: 1}}}), http.StatusRequestEntityTooLarge)

	// What is another's.
	var report struct{ Filed string }
	raw, err := os.ReadFile(filepath.Join(pc.State, "local.json"))
	if err == nil {
		err = json.Unmarshal(raw, &report)
	}
	if err != nil || report.Filed == "" {
		t.Fatalf("the other's report: %q, %v", report.Filed, err)
	}
	refused(t, "evidence for another's case", own.Evidence(ctx, report.Filed, "planted.txt", "text/plain", []byte("planted")), http.StatusNotFound)
	mask := *id
	mask.Device = pc.Device
	_, _, err = client(&mask).Document(ctx, 0)
	refused(t, "another's document", err, http.StatusUnauthorized)
	refused(t, "facts in another's name", client(&mask).Facts(ctx, wire.Facts{Seq: seq + 4, At: 1, Facts: map[string]wire.Fact{"x": {Value: json.RawMessage("1"), At: 1}}}), http.StatusUnauthorized)

	// Noise without end, while another PC is isolated.
	ctx, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	var asked, tooMany atomic.Int64
	for range 8 {
		done.Go(func() {
			for n := int64(10); ctx.Err() == nil; n++ {
				err := own.Facts(ctx, wire.Facts{Seq: seq + 10*n, At: wire.Micros(n), Facts: map[string]wire.Fact{"x.noise": {Value: json.RawMessage(fmt.Sprint(n)), At: 1}}})
				asked.Add(1)
				var r *agent.Refused
				if errors.As(err, &r) && r.Status == http.StatusTooManyRequests {
					tooMany.Add(1)
				}
			}
		})
	}
	for range 16 {
		done.Go(func() {
			for ctx.Err() == nil {
				own.Stream(ctx, 0, func() {}, func(int64) {}) // each ends the one before
			}
		})
	}
	for end := time.Now().Add(stage.Patience); tooMany.Load() < 100; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("of %d requests %d were too many", asked.Load(), tooMany.Load())
		}
	}
	c.Server.Isolate(pc.Device, "while another floods")
	c.Server.Await(pc.Device, "isolated while another floods", stage.Proven)
	closed(t, "while another floods", c.Ways(pc, stage.PC4, stage.PC6))
	c.Server.Release(pc.Device, "cleaned")
	c.Server.Await(pc.Device, "released while another floods", stage.Released)
	stop()
	done.Wait()

	if d := c.Server.Device(pc.Device); d.Name == "" || len(c.Server.Case(label).Evidence) != kept {
		t.Errorf("the other PC has changed: %+v", d)
	}
	if n := len(c.Server.Events("", rogue.Device)); n > 20 {
		t.Errorf("the flood has written %d entries into the record", n)
	}
}
