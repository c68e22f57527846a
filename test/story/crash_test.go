package story

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestKilledAtAnyMoment kills the server at random moments under load. What may be seen
// twice is a mail that was handed over just before a kill, and it then has the same
// Message-ID.
func TestKilledAtAnyMoment(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			if testing.Short() && engine != "sqlite" {
				t.Skip("under -short one kill on SQLite is enough")
			}
			p := play(t, engine)
			p.Files = []string{"testdata/crash/killed.txtar"}
			testscript.Run(t, p)
		})
	}
}

const (
	stormClients = 5
	stormKills   = 6
)

// sending is one report that a client sends until it is answered.
type sending struct {
	Key, Summary string
	Label        string // the number of its first answer
	Tries        int
}

// client sends reports one after the other and checks that a key always gets the same
// number.
type client struct {
	url, token string
	http       *http.Client
	sent       []sending
	err        error
}

// storm: storm TOKENFILE reports from many sides while it kills and starts the server.
func (s *stage) storm(ts *testscript.TestScript, args []string) error {
	token, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	kills := stormKills
	if testing.Short() {
		kills = 1
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	clients := make([]*client, stormClients)
	for i := range clients {
		c := &client{url: ts.Getenv("URL"), token: strings.TrimSpace(string(token)), http: &http.Client{Timeout: 10 * time.Second}}
		clients[i] = c
		wg.Go(func() { c.err = c.run(i, stop) })
	}
	for range kills {
		time.Sleep(time.Duration(150+rand.IntN(700)) * time.Millisecond)
		s.server.kill()
		if err = s.startServer(ts, nil); err != nil {
			break
		}
	}
	time.Sleep(200 * time.Millisecond)
	close(stop)
	wg.Wait()
	for _, c := range clients {
		err = errors.Join(err, c.err)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.log())
	}
	var all []sending
	for _, c := range clients {
		all = append(all, c.sent...)
	}
	return s.afterStorm(ts, clients[0], all, kills)
}

// run sends reports until stop is closed; the one in hand is then seen through.
func (c *client) run(n int, stop chan struct{}) error {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		case <-time.After(time.Duration(40+rand.IntN(120)) * time.Millisecond):
		}
		r := sending{Key: fmt.Sprintf("storm-%d-%d", n, i), Summary: fmt.Sprintf("宛先の違う封筒 %d-%d", n, i)}
		var err error
		if r.Label, err = c.until(&r); err != nil {
			return err
		}
		if i%4 == 0 { // an answer that the caller did not see for sure is asked for again
			again, err := c.until(&r)
			if err != nil {
				return err
			}
			if again != r.Label {
				return fmt.Errorf("key %s was answered %s, then %s", r.Key, r.Label, again)
			}
		}
		c.sent = append(c.sent, r)
	}
}

// until sends a report until it is answered with its number.
func (c *client) until(r *sending) (label string, err error) {
	body, err := json.Marshal(map[string]string{"kind": "missent", "summary": r.Summary})
	if err != nil {
		return "", err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		r.Tries++
		status, answer, err := c.do("POST", "/api/v1/incidents", body, r.Key)
		if err != nil || status >= 500 { // killed meanwhile, or just up again
			continue
		}
		var said struct{ Label, Summary string }
		if err := json.Unmarshal(answer, &said); status != http.StatusCreated || err != nil || said.Label == "" {
			return "", fmt.Errorf("report %s answered %d %s (%w)", r.Key, status, answer, err)
		}
		return said.Label, nil
	}
	return "", fmt.Errorf("report %s was never answered", r.Key)
}

func (c *client) do(method, path string, body []byte, key string) (int, []byte, error) {
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if key != "" {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
	}
	r, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	return r.StatusCode, answer, err
}

// stored lists every case that there is, by number.
func (c *client) stored() (map[string]string, error) {
	out := map[string]string{}
	after := ""
	for {
		status, body, err := c.do("GET", "/api/v1/incidents?limit=200&after="+after, nil, "")
		if err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("list reports: %d %s %w", status, body, err)
		}
		var page struct {
			Items []struct{ Label, Summary string }
			Next  string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		for _, x := range page.Items {
			if _, twice := out[x.Label]; twice {
				return nil, fmt.Errorf("number %s was given twice", x.Label)
			}
			out[x.Label] = x.Summary
		}
		if after = page.Next; after == "" {
			return out, nil
		}
	}
}

// afterStorm looks for what was promised.
func (s *stage) afterStorm(ts *testscript.TestScript, c *client, sent []sending, kills int) error {
	if len(sent) < kills {
		return fmt.Errorf("only %d reports were answered: no storm", len(sent))
	}
	there, err := c.stored()
	if err != nil {
		return err
	}
	retries := 0
	for _, r := range sent {
		if got, ok := there[r.Label]; !ok || got != r.Summary {
			return fmt.Errorf("%s was answered for %q; stored is %q", r.Label, r.Summary, got)
		}
		retries += r.Tries - 1
	}
	// Each client sent every report until it was answered: there is nothing else.
	if len(there) != len(sent) {
		return fmt.Errorf("%d reports are stored, %d were answered", len(there), len(sent))
	}
	year := sent[0].Label[:len("INC-2026-")]
	for n := 1; n <= len(sent); n++ {
		if label := fmt.Sprintf("%s%04d", year, n); there[label] == "" {
			return fmt.Errorf("number %s is missing among %d", label, len(sent))
		}
	}
	// A mail in hand when the server died belongs to it for two minutes more.
	if err := s.clock(ts, []string{"+2m5s"}); err != nil {
		return err
	}
	twice, err := s.everyoneTold(there)
	if err != nil {
		return err
	}
	ts.Logf("%d kills: %d reports answered, %d tries repeated, %d mails, %d of them twice", kills, len(sent), retries, len(s.mailsTo("")), twice)
	return nil
}

// everyoneTold waits until both receivers of each report have a mail, and counts mails
// that came twice, which only the same message may.
func (s *stage) everyoneTold(there map[string]string) (twice int, err error) {
	deadline := time.Now().Add(2 * patience)
	for {
		told := map[string]bool{}
		ids := map[string]string{} // receiver and subject, which tells a repeat from a first notice
		twice = 0
		for _, m := range s.mailsTo("") {
			to := strings.Join(m.To, ",")
			_, rest, _ := strings.Cut(m.Subject, "INC-")
			label := "INC-" + strings.Fields(rest + " ?")[0]
			told[label+" p1101"] = told[label+" p1101"] || strings.Contains(to, "p1101@")
			told[label+" p1402"] = told[label+" p1402"] || strings.Contains(to, "p1402@")
			id, seen := ids[to+m.Subject]
			if seen && id != m.Header.Get("Message-ID") {
				return 0, fmt.Errorf("%s was told %q twice, as %s and %s", to, m.Subject, id, m.Header.Get("Message-ID"))
			}
			if seen {
				twice++
			}
			ids[to+m.Subject] = m.Header.Get("Message-ID")
		}
		missing := ""
		for label := range there {
			for _, who := range []string{" p1101", " p1402"} {
				if !told[label+who] {
					missing = label + who
				}
			}
		}
		if missing == "" {
			return twice, nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("never told: %s\n%s", missing, s.log())
		}
		time.Sleep(50 * time.Millisecond)
	}
}
