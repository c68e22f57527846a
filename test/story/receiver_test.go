package story

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/outbound/hook"
	"sekimori/internal/testkit/pushd"
)

// receiver is a chat service, a program or a push service of the outside.
type receiver struct {
	url     string
	browser *pushd.Browser

	mu      sync.Mutex
	status  int
	target  string        // of a redirect
	release chan struct{} // closed: answers; nil: at once
	got     []posted
}

type posted struct {
	body   []byte
	header http.Header
}

// ServeHTTP keeps what comes, and answers as told.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.got = append(r.got, posted{body, req.Header})
	status, target, release := r.status, r.target, r.release
	r.mu.Unlock()
	if release != nil {
		select {
		case <-release:
		case <-req.Context().Done():
			return
		}
	}
	if target != "" {
		w.Header().Set("Location", target)
	}
	w.WriteHeader(status)
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// receiverCmd plays what contacts lead to.
//
//	receiver NAME at ADDRESS       starts one on an address of this machine; its URL is $NAME, and
//	                               what a browser subscribed there says of itself is $NAME_SUB
//	receiver NAME answers STATUS [LOCATION]
//	receiver NAME hangs | answers-again
//	receiver NAME got N            waits until N messages have come, and not one more; the last
//	                               goes to NAME.json, six digits in it are $CODE
//	receiver NAME more N           waits for N or more
//	receiver NAME opens            decrypts the last as the browser does; it leads to $LINK
//	receiver NAME signed KEY       checks the last one's signature
func (s *stage) receiverCmd(ts *testscript.TestScript, args []string) error {
	name, r := args[0], s.receivers[args[0]]
	if args[1] == "at" {
		return s.startReceiver(ts, name, args[2])
	}
	if r == nil {
		return fmt.Errorf("no receiver %s", name)
	}
	switch args[1] {
	case "answers":
		n, err := strconv.Atoi(args[2])
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status, r.target = n, ""; len(args) > 3 {
			r.target = args[3]
		}
		return err
	case "hangs":
		r.mu.Lock()
		defer r.mu.Unlock()
		r.release = make(chan struct{})
		return nil
	case "answers-again":
		r.mu.Lock()
		defer r.mu.Unlock()
		close(r.release)
		r.release = nil
		return nil
	case "got", "more":
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return s.received(ts, name, r, n, args[1] == "got")
	case "opens":
		last, err := r.last()
		if err != nil {
			return err
		}
		if _, err := pushd.Sender(last.header.Get("Authorization"), strings.TrimSuffix(r.url, "/secret-"+name), time.Now()); err != nil {
			return err
		}
		plain, err := r.browser.Open(last.body)
		if err != nil {
			return err
		}
		var told struct{ To string }
		if err := json.Unmarshal(plain, &told); err != nil {
			return err
		}
		ts.Setenv("LINK", told.To)
		return s.keepPosted(ts, name, plain)
	case "signed":
		last, err := r.last()
		if err != nil {
			return err
		}
		var at int64
		if _, err := fmt.Sscanf(last.header.Get(hook.SignatureHeader), "t=%d,", &at); err != nil {
			return err
		}
		if want := hook.Sign(args[2], time.Unix(at, 0), last.body); want != last.header.Get(hook.SignatureHeader) {
			return errors.New("the signature does not fit")
		}
		return nil
	}
	return fmt.Errorf("unknown: receiver %s", args[1])
}

// codeCmd: code TO puts the code of the newest mail to TO into $CODE.
func (s *stage) codeCmd(ts *testscript.TestScript, args []string) error {
	got := s.mailsTo(args[0])
	if len(got) == 0 {
		return fmt.Errorf("no mail to %s", args[0])
	}
	code := sixDigits.FindString(got[len(got)-1].Text)
	if code == "" {
		return fmt.Errorf("no code in:\n%s", got[len(got)-1].Text)
	}
	ts.Setenv("CODE", code)
	return nil
}

func (s *stage) startReceiver(ts *testscript.TestScript, name, address string) error {
	ln, err := net.Listen("tcp", address+":0")
	if err != nil {
		return err
	}
	r := &receiver{url: "http://" + ln.Addr().String() + "/secret-" + name, status: http.StatusOK}
	if r.browser, err = pushd.NewBrowser(r.url); err != nil {
		return err
	}
	srv := &http.Server{Handler: r, ReadHeaderTimeout: patience}
	done := make(chan struct{})
	go func() { srv.Serve(ln); close(done) }()
	ts.Defer(func() { srv.Close(); <-done })
	if s.receivers == nil {
		s.receivers = map[string]*receiver{}
	}
	s.receivers[name] = r
	ts.Setenv(name, r.url)
	ts.Setenv(name+"_SUB", r.browser.JSON())
	return nil
}

func (r *receiver) last() (posted, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) == 0 {
		return posted{}, errors.New("nothing has come")
	}
	return r.got[len(r.got)-1], nil
}

// received waits for n messages.
func (s *stage) received(ts *testscript.TestScript, name string, r *receiver, n int, exact bool) error {
	count := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.got)
	}
	for deadline := time.Now().Add(patience); count() < n; time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s got %d messages, want %d\n%s", name, count(), n, s.log())
		}
	}
	if exact {
		time.Sleep(300 * time.Millisecond)
		if got := count(); got != n {
			return fmt.Errorf("%s got %d messages, want %d", name, got, n)
		}
	}
	if n == 0 {
		return nil
	}
	last, err := r.last()
	if err != nil {
		return err
	}
	return s.keepPosted(ts, name, last.body)
}

func (s *stage) keepPosted(ts *testscript.TestScript, name string, body []byte) error {
	if code := sixDigits.Find(body); code != nil {
		ts.Setenv("CODE", string(code))
	}
	return os.WriteFile(filepath.Join(s.dir, name+".json"), body, 0o600)
}
