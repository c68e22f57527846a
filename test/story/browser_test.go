package story

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/html"
)

// browser is one person's, without script: what works here works everywhere.
type browser struct {
	client *http.Client
	status int
	at     string // path of the page that is open
	speaks string // Accept-Language; may be empty
}

func newBrowser() *browser {
	jar, _ := cookiejar.New(nil) // never fails without options
	return &browser{client: &http.Client{Jar: jar, Timeout: patience}}
}

// as: as NUMBER sits down at the person's browser, signing in the first time;
// as nobody is a browser that is not signed in. NUMBER@PLACE is another browser of the
// same person.
func (s *stage) as(ts *testscript.TestScript, args []string) error {
	s.who = args[0]
	if s.browsers[s.who] != nil {
		return nil
	}
	s.browsers[s.who] = newBrowser()
	if s.who == "nobody" {
		return nil
	}
	return s.signIn(ts, s.loginName(), "story-password")
}

// loginName is how the person at the browser signs in.
func (s *stage) loginName() string {
	number, _, _ := strings.Cut(s.who, "@")
	return "p" + number
}

func (s *stage) signIn(ts *testscript.TestScript, login, password string) error {
	if err := s.post(ts, []string{"/login", "login=" + login, "password=" + password}); err != nil {
		return err
	}
	if b := s.browsers[s.who]; strings.HasPrefix(b.at, "/login") {
		return fmt.Errorf("could not sign in as %s (%d)", login, b.status)
	}
	return nil
}

// signIns are the people of the stories who sign in. The others only get mail: hashing a
// password for each of them would take most of a script's time.
func signIns() []string {
	return []string{"1001", "1101", "1102", "1103", "1104", "1204", "1205", "1206", "1207", "1402", "1403", "1406", "1502"}
}

// accounts signs the first administrator in and gives those of signIns a password.
func (s *stage) accounts(ts *testscript.TestScript, login, password string) error {
	s.who = "admin"
	s.browsers[s.who] = newBrowser()
	if err := s.signIn(ts, login, password); err != nil {
		return err
	}
	if err := s.get(ts, []string{"/people"}); err != nil {
		return err
	}
	ids, err := s.peopleIDs()
	if err != nil {
		return err
	}
	for number, id := range ids {
		ts.Setenv("P"+number, id)
		if !slices.Contains(signIns(), number) {
			continue
		}
		if err := s.expect(s.post(ts, []string{"/people/" + id + "/login", "login=p" + number, "password=story-password"}), 200); err != nil {
			return err
		}
	}
	// The first administrator hands over, the duty that lets him do so last.
	for _, d := range [][2]string{{"protection_manager", "1402"}, {"auditor", "1406"}, {"it_admin", "1502"}} {
		if err := s.expect(s.post(ts, []string{"/people/duties", "duty=" + d[0], "add=" + d[1]}), 200); err != nil {
			return err
		}
	}
	return nil
}

var personLink = regexp.MustCompile(`(?s)<a[^>]*href="/people/(per_[0-9a-z]+)".*?</tr>`)
var number = regexp.MustCompile(`\b(\d{4})\b`)

func (s *stage) peopleIDs() (map[string]string, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, "page.html"))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, m := range personLink.FindAllStringSubmatch(string(b), -1) {
		if n := number.FindStringSubmatch(m[0]); n != nil {
			out[n[1]] = m[1]
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no people on /people:\n%s", b)
	}
	return out, nil
}

func (s *stage) expect(err error, status int) error {
	if b := s.browsers[s.who]; err == nil && b.status != status {
		text, _ := os.ReadFile(filepath.Join(s.dir, "page.txt"))
		return fmt.Errorf("%s answered %d, want %d:\n%s\n%s", b.at, b.status, status, text, s.log())
	}
	return err
}

// get: get PATH opens a page; its words go to page.txt, its source to page.html. The
// script checks the status with page.
func (s *stage) get(ts *testscript.TestScript, args []string) error {
	req, err := http.NewRequest("GET", ts.Getenv("URL")+args[0], nil)
	if err != nil {
		return err
	}
	if err := s.open(req); err != nil {
		return err
	}
	if b := s.browsers[s.who]; s.who != "nobody" && strings.HasPrefix(b.at, "/login") { // the session ended meanwhile
		if err := s.signIn(ts, s.loginName(), "story-password"); err != nil {
			return err
		}
		return s.open(req)
	}
	return nil
}

// post: post PATH key=value… sends a form as the open page would.
func (s *stage) post(ts *testscript.TestScript, args []string) error {
	form := url.Values{}
	for _, a := range args[1:] {
		k, v, _ := strings.Cut(a, "=")
		form.Add(k, v)
	}
	req, err := http.NewRequest("POST", ts.Getenv("URL")+args[0], strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.open(req)
}

// upload: upload PATH FIELD FILE sends a file as the open page would.
func (s *stage) upload(ts *testscript.TestScript, args []string) error {
	b, err := os.ReadFile(ts.MkAbs(args[2]))
	if err != nil {
		return err
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile(args[1], filepath.Base(args[2]))
	if err != nil {
		return err
	}
	part.Write(b)
	w.Close()
	req, err := http.NewRequest("POST", ts.Getenv("URL")+args[0], &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.open(req)
}

func (s *stage) open(req *http.Request) error {
	b := s.browsers[s.who]
	if b == nil {
		return fmt.Errorf("nobody sits at a browser: use as first")
	}
	if b.speaks != "" {
		req.Header.Set("Accept-Language", b.speaks)
	}
	r, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return err
	}
	b.status, b.at = r.StatusCode, r.Request.URL.RequestURI()
	if err := os.WriteFile(filepath.Join(s.dir, "page.html"), text, 0o600); err != nil {
		return err
	}
	head := fmt.Sprintf("%d %s\n", b.status, b.at)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		text = []byte(words(text))
	}
	return os.WriteFile(filepath.Join(s.dir, "page.txt"), append([]byte(head), text...), 0o600)
}

// page: page STATUS [PATH-PREFIX] checks what is open.
func (s *stage) page(ts *testscript.TestScript, args []string) error {
	var status int
	fmt.Sscan(args[0], &status)
	if err := s.expect(nil, status); err != nil {
		return err
	}
	b := s.browsers[s.who]
	if len(args) > 1 && !strings.HasPrefix(b.at, args[1]) {
		return fmt.Errorf("at %s, want %s", b.at, args[1])
	}
	ts.Setenv("AT", b.at)
	if i := strings.LastIndex(b.at, "INC-"); i >= 0 {
		ts.Setenv("LABEL", strings.FieldsFunc(b.at[i:], func(r rune) bool { return r == '?' || r == '/' })[0])
	}
	return nil
}

// until: until PATH TEXT opens a page again and again until it holds the text.
func (s *stage) until(ts *testscript.TestScript, args []string) error {
	deadline := time.Now().Add(patience)
	for {
		if err := s.get(ts, args[:1]); err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(s.dir, "page.txt"))
		if err != nil {
			return err
		}
		if strings.Contains(string(b), args[1]) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s never held %q:\n%s", args[0], args[1], b)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// words is a page as it is read: one line per block.
func words(page []byte) string {
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return string(page)
	}
	var out strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			if t := strings.Join(strings.Fields(n.Data), " "); t != "" {
				out.WriteString(t + " ")
			}
		case n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style"):
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		if n.Type == html.ElementNode && strings.Contains(" p li tr h1 h2 h3 div dt dd form option label section ", " "+n.Data+" ") {
			out.WriteString("\n")
		}
	}
	walk(doc)
	return regexp.MustCompile(`\n+ ?`).ReplaceAllString(out.String(), "\n")
}
