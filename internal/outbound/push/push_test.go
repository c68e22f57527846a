package push

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/testkit/pushd"
)

// service is a push service that keeps what it was posted last.
type service struct {
	status int
	body   []byte
	header http.Header
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.body, _ = io.ReadAll(r.Body)
	s.header = r.Header
	w.WriteHeader(s.status)
}

// judge is a stand-in for the one of package hook, which a neighbour may not import.
func judge(res *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	res.Body.Close()
	if res.StatusCode >= 300 {
		return "", &notice.Rejection{Answer: res.Status, Gone: res.StatusCode == http.StatusGone}
	}
	return res.Status, nil
}

func world(t *testing.T, endpoint string) (Sender, *pushd.Browser, notice.Attempt, notice.Track) {
	t.Helper()
	b, err := pushd.NewBrowser(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	target, err := directory.ParseSubscription(b.JSON())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	org := directorytest.Company()
	org.Contacts = map[string][]directory.Contact{"per_pm": {{ID: "con_1", Person: "per_pm", Channel: directory.Push, Verified: directorytest.Noon()}}}
	i := &incident.Incident{ID: "inc_1", Label: "INC-2026-0001", Kind: incident.Lost, Summary: "顧客名簿を電車に忘れた", Reporter: "per_emp"}
	s := Sender{Client: http.DefaultClient, Judge: judge, People: func(context.Context) (*directory.Org, error) { return org, nil },
		Cases:   func(context.Context, string) (*incident.Incident, error) { return i, nil },
		Targets: func(directory.Contact) (directory.Target, error) { return target, nil },
		Links:   notice.NewLinks([]byte("link key")), Keys: keys, Contact: "sekimori@company.example"}
	a := notice.Attempt{ID: "ntc_1", Track: "trk_1", Incident: "inc_1", Person: "per_pm", Channel: "push", Address: "con_1"}
	return s, b, a, notice.Track{ID: "trk_1", Incident: "inc_1", Urgency: notice.Urgent}
}

// TestSend: the browser, and nobody else, reads where the notice leads, and that is all
// that it says.
func TestSend(t *testing.T) {
	t.Parallel()
	svc := &service{status: http.StatusCreated}
	srv := httptest.NewServer(svc)
	defer srv.Close()
	s, b, a, tr := world(t, srv.URL+"/secret-of-the-browser")
	if _, err := s.Send(t.Context(), a, tr); err != nil {
		t.Fatal(err)
	}
	plain, err := b.Open(svc.body)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(plain, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got["to"] != "/a/"+s.Links.Token("ntc_1") || got["lang"] != "ja" {
		t.Errorf("the browser was told %s", plain)
	}
	key, err := pushd.Sender(svc.header.Get("Authorization"), srv.URL, time.Now())
	if err != nil || key != s.Keys.Public {
		t.Errorf("signed by %s: %v", key, err)
	}
	for name, want := range map[string]string{"Content-Encoding": "aes128gcm", "Urgency": "high", "TTL": "86400", "Topic": "trk-1"} {
		if got := svc.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	other, err := pushd.NewBrowser(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(svc.body); err == nil {
		t.Error("another browser opened it")
	}
}

// TestSameLength: the length tells the push service nothing.
func TestSameLength(t *testing.T) {
	t.Parallel()
	svc := &service{status: http.StatusCreated}
	srv := httptest.NewServer(svc)
	defer srv.Close()
	s, b, a, tr := world(t, srv.URL)
	if _, err := s.Send(t.Context(), a, tr); err != nil {
		t.Fatal(err)
	}
	n := len(svc.body)
	c := directory.Contact{ID: "con_1", Channel: directory.Push}
	if err := s.PostCode(t.Context(), c, directory.Person{Lang: "en"}, "042137"); err != nil {
		t.Fatal(err)
	}
	if len(svc.body) != n {
		t.Errorf("%d and %d bytes", n, len(svc.body))
	}
	plain, err := b.Open(svc.body)
	if err != nil || !strings.Contains(string(plain), "/account/contacts/con_1?code=042137") {
		t.Errorf("the code came as %s, %v", plain, err)
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(&service{status: http.StatusGone})
	defer srv.Close()
	s, _, a, tr := world(t, srv.URL)
	_, err := s.Send(t.Context(), a, tr)
	var no *notice.Rejection
	if !errors.As(err, &no) || !no.Gone {
		t.Errorf("gone: %v", err)
	}
	tr.LeftOut = []string{"per_pm"}
	if _, err := s.Send(t.Context(), a, tr); !errors.As(err, &no) || no.Gone {
		t.Errorf("left out: %v", err)
	}
}
