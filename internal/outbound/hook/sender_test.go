package hook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

// received is what a receiver was posted.
type received struct {
	mu     sync.Mutex
	bodies []string
	header http.Header
}

func (r *received) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	b, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies, r.header = append(r.bodies, string(b)), req.Header
}

func (r *received) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bodies) == 0 {
		return ""
	}
	return r.bodies[len(r.bodies)-1]
}

func loopback() Guard { return Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}} }

// world is a sender with one contact of per_pm, and one case.
func world(t *testing.T, g Guard, channel directory.Channel, url string) (Sender, notice.Attempt, notice.Track) {
	t.Helper()
	client, err := NewClient(g, "")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	now := directorytest.Noon()
	org := directorytest.Company()
	org.Contacts = map[string][]directory.Contact{"per_pm": {{ID: "con_1", Person: "per_pm", Channel: channel, Address: "127.0.0.1", Verified: now}}}
	i := &incident.Incident{ID: "inc_1", Label: "INC-2026-0001", Kind: incident.Lost, Summary: "顧客名簿を電車に忘れた", Reporter: "per_emp"}
	s := Sender{Client: client, People: func(context.Context) (*directory.Org, error) { return org, nil },
		Cases: func(context.Context, string) (*incident.Incident, error) { return i, nil },
		Targets: func(directory.Contact) (directory.Target, error) {
			return directory.Target{URL: url, Key: "signing key"}, nil
		},
		Catalogue: cat, Zone: time.UTC, BaseURL: "https://sekimori.company.example", Company: "青葉<商事> & Co", Now: func() time.Time { return now }}
	a := notice.Attempt{ID: "ntc_1", Track: "trk_1", Incident: "inc_1", Person: "per_pm", Channel: string(channel), Address: "con_1", Level: 2, Number: 3}
	return s, a, notice.Track{ID: "trk_1", Incident: "inc_1", Urgency: notice.Urgent, Receiver: notice.Manager}
}

func TestShapes(t *testing.T) {
	t.Parallel()
	for channel, want := range map[directory.Channel][]string{
		directory.Slack:     {`"text":"*`, "&lt;商事&gt; &amp; Co"},
		directory.Teams:     {`"type":"message"`, `"contentType":"application/vnd.microsoft.card.adaptive"`, `"type":"AdaptiveCard"`, `"type":"Action.OpenUrl"`},
		directory.LineWorks: {`"title":"`, `"body":{"text":"`, `"button":{"label":"`},
		directory.Webhook:   {`"id":"ntc_1"`, `"type":"notice"`, `"number":"INC-2026-0001"`, `"kind":"lost"`, `"urgency":"urgent"`, `"level":2`, `"attempt":3`},
	} {
		var got received
		srv := httptest.NewServer(&got)
		s, a, tr := world(t, loopback(), channel, srv.URL)
		if _, err := s.Send(t.Context(), a, tr); err != nil {
			t.Fatal(channel, err)
		}
		srv.Close()
		body := strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(got.last())
		if !json.Valid([]byte(got.last())) {
			t.Errorf("%s: no JSON: %s", channel, body)
		}
		for _, part := range append(want, "INC-2026-0001", "https://sekimori.company.example/cases/INC-2026-0001") {
			if !strings.Contains(body, part) {
				t.Errorf("%s lacks %s: %s", channel, part, body)
			}
		}
		for _, secret := range []string{"顧客名簿", "𠮷田", "ヨシダ", "石川", "/a/", "aoba.example"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s says %s: %s", channel, secret, body)
			}
		}
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	var got received
	srv := httptest.NewServer(&got)
	defer srv.Close()
	s, a, tr := world(t, loopback(), directory.Webhook, srv.URL)
	if _, err := s.Send(t.Context(), a, tr); err != nil {
		t.Fatal(err)
	}
	// As a receiver does it, from the documentation alone.
	var at int64
	var mac string
	if _, err := fmt.Sscanf(strings.Replace(got.header.Get("X-Sekimori-Signature"), ",v1=", " ", 1), "t=%d %s", &at, &mac); err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, []byte("signing key"))
	fmt.Fprintf(h, "%d.%s", at, got.last())
	if hex.EncodeToString(h.Sum(nil)) != mac || at != directorytest.Noon().Unix() {
		t.Errorf("signature %s of %d does not fit", mac, at)
	}
}

// TestAnswers: what a receiver says decides whether the notice is sent, is tried again, or
// never will be.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var secret received
	inner := httptest.NewServer(&secret)
	defer inner.Close()
	for status, want := range map[int]string{200: "sent", 204: "sent", 301: "gone", 302: "gone", 304: "gone", 307: "gone", 308: "gone", 400: "doubted", 401: "doubted",
		403: "doubted", 404: "doubted", 405: "doubted", 408: "again", 410: "gone", 413: "doubted", 421: "again", 423: "again", 425: "again", 429: "again", 500: "again", 503: "again"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", inner.URL)
			w.WriteHeader(status)
		}))
		s, a, tr := world(t, loopback(), directory.Slack, srv.URL)
		_, err := s.Send(t.Context(), a, tr)
		srv.Close()
		var no *notice.Rejection
		got := "again"
		switch {
		case err == nil:
			got = "sent"
		case errors.As(err, &no) && no.Gone && no.Doubted:
			got = "doubted"
		case errors.As(err, &no) && no.Gone:
			got = "gone"
		case errors.As(err, &no):
			got = "refused"
		}
		if got != want {
			t.Errorf("%d: %s, want %s (%v)", status, got, want, err)
		}
	}
	if secret.last() != "" {
		t.Error("a redirect was followed")
	}
}

// TestRedirectToNowhere: a redirect that nobody could follow is the same no as any other.
func TestRedirectToNowhere(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"", "http://[broken", "%zz", "://", "http://x:port/", "javascript:alert(1)"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}))
		s, a, tr := world(t, loopback(), directory.Slack, srv.URL)
		_, err := s.Send(t.Context(), a, tr)
		srv.Close()
		var no *notice.Rejection
		if !errors.As(err, &no) || !no.Gone || no.Doubted || to != "" && strings.Contains(err.Error(), to) {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// TestRetryAfter: a service that is busy says when it wants to be asked again.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, status := range []int{408, 429, 500, 503} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(status)
		}))
		s, a, tr := world(t, loopback(), directory.Slack, srv.URL)
		_, err := s.Send(t.Context(), a, tr)
		srv.Close()
		var busy *notice.Busy
		if !errors.As(err, &busy) || busy.Wait != 2*time.Minute || err.Error() != fmt.Sprintf("HTTP %d", status) {
			t.Errorf("%d: %v", status, err)
		}
	}
	now := time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "0": 0, "30": 30 * time.Second, "-5": 0, "soon": 0, "99999999999999999999": 0, "2147483647": 2147483647 * time.Second,
		"Mon, 16 Nov 2026 03:00:45 GMT": 45 * time.Second, "Mon, 16 Nov 2026 02:00:00 GMT": -time.Hour} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestInsideIsRefused: neither an address nor a name that leads inside is connected to.
func TestInsideIsRefused(t *testing.T) {
	t.Parallel()
	var got received
	srv := httptest.NewTLSServer(&got)
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "http://127.0.0.1:" + port} {
		s, a, tr := world(t, Guard{}, directory.Webhook, url)
		_, err := s.Send(t.Context(), a, tr)
		var no *notice.Rejection
		if !errors.As(err, &no) || !no.Gone {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), port) {
			t.Errorf("%s: the refusal says where it leads: %v", url, err)
		}
	}
	if got.last() != "" {
		t.Error("something inside was posted to")
	}
}

// TestTLSIsVerified: an unknown authority is refused, one of the file is trusted.
func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	var got received
	srv := httptest.NewTLSServer(&got)
	defer srv.Close()
	s, a, tr := world(t, loopback(), directory.Webhook, srv.URL)
	if _, err := s.Send(t.Context(), a, tr); err == nil {
		t.Error("an unknown certificate was trusted")
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.Client, err = NewClient(loopback(), file); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), a, tr); err != nil {
		t.Error(err)
	}
}

// TestHugeAnswer: an answer without end is read up to a bound.
func TestHugeAnswer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	s, a, tr := world(t, loopback(), directory.Slack, srv.URL)
	if _, err := s.Send(t.Context(), a, tr); err != nil {
		t.Error(err)
	}
}

// TestHangingReceiver: whoever waits for an answer may give up.
func TestHangingReceiver(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held }))
	defer srv.Close()
	defer close(held)
	s, a, tr := world(t, loopback(), directory.Slack, srv.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Send(ctx, a, tr); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a receiver that hangs: %v", err)
	}
}

func TestNotForEverybody(t *testing.T) {
	t.Parallel()
	var got received
	srv := httptest.NewServer(&got)
	defer srv.Close()
	for name, change := range map[string]func(*Sender, *notice.Attempt, *notice.Track){
		"left out":     func(_ *Sender, _ *notice.Attempt, tr *notice.Track) { tr.LeftOut = []string{"per_pm"} },
		"another's":    func(_ *Sender, a *notice.Attempt, _ *notice.Track) { a.Person = "per_it" },
		"taken away":   func(_ *Sender, a *notice.Attempt, _ *notice.Track) { a.Address = "con_2" },
		"never proven": func(s *Sender, _ *notice.Attempt, _ *notice.Track) { unproven(s) },
		"key that went": func(s *Sender, _ *notice.Attempt, _ *notice.Track) {
			s.Targets = func(directory.Contact) (directory.Target, error) { return directory.Target{}, errors.New("sealed") }
		},
	} {
		s, a, tr := world(t, loopback(), directory.Slack, srv.URL)
		change(&s, &a, &tr)
		_, err := s.Send(t.Context(), a, tr)
		var no *notice.Rejection
		if !errors.As(err, &no) || no.Gone != (name == "key that went") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got.last() != "" {
		t.Error("something was posted")
	}
}

func unproven(s *Sender) {
	org := directorytest.Company()
	org.Contacts = map[string][]directory.Contact{"per_pm": {{ID: "con_1", Person: "per_pm", Channel: directory.Slack}}}
	s.People = func(context.Context) (*directory.Org, error) { return org, nil }
}

func TestCode(t *testing.T) {
	t.Parallel()
	for _, channel := range []directory.Channel{directory.Slack, directory.Teams, directory.LineWorks, directory.Webhook} {
		var got received
		srv := httptest.NewServer(&got)
		s, _, _ := world(t, loopback(), channel, srv.URL)
		err := s.PostCode(t.Context(), directory.Contact{ID: "con_9", Channel: channel}, directory.Person{Lang: "en"}, "042137")
		srv.Close()
		if err != nil || !strings.Contains(got.last(), "042137") || !strings.Contains(got.last(), "/account/contacts/con_9") {
			t.Errorf("%s: %v, %s", channel, err, got.last())
		}
	}
}
