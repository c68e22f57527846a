package story

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/text/encoding/japanese"
)

// look: look PATH opens a page as get does, but does not sign in again when the session
// has ended.
func (s *stage) look(ts *testscript.TestScript, args []string) error {
	req, err := http.NewRequest("GET", ts.Getenv("URL")+args[0], nil)
	if err != nil {
		return err
	}
	return s.open(req)
}

// fresh: fresh NAME [LANGUAGE] sits down at a new browser that nobody has signed in at;
// its Accept-Language is LANGUAGE.
func (s *stage) freshBrowser(_ *testscript.TestScript, args []string) error {
	s.who = args[0]
	s.browsers[s.who] = newBrowser()
	if len(args) > 1 {
		s.browsers[s.who].speaks = args[1]
	}
	return nil
}

// call: call TOKENFILE METHOD PATH [JSON [KEY]] is a program's request; KEY is its
// Idempotency-Key, $SPEAKS its language. The answer can be looked at as a page is.
func (s *stage) call(ts *testscript.TestScript, args []string) error {
	token, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	body := ""
	if len(args) > 3 {
		body = args[3]
	}
	req, err := http.NewRequest(args[1], ts.Getenv("URL")+args[2], strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if len(args) > 4 {
		req.Header.Set("Idempotency-Key", args[4])
	}
	s.who = "program"
	s.browsers[s.who] = newBrowser()
	s.browsers[s.who].speaks = ts.Getenv("SPEAKS")
	return s.open(req)
}

// findOnPage: find VAR REGEXP keeps the first thing in the source of the open page that
// the parentheses match.
func (s *stage) findOnPage(ts *testscript.TestScript, args []string) error {
	re, err := regexp.Compile(args[1])
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "page.html"))
	if err != nil {
		return err
	}
	m := re.FindSubmatch(b)
	if len(m) < 2 {
		return fmt.Errorf("nothing like %s on the page:\n%s", args[1], words(b))
	}
	ts.Setenv(args[0], string(m[1]))
	return nil
}

// sjis: sjis IN OUT reads a file as Shift_JIS (code page 932), strictly, into UTF-8.
func (s *stage) sjis(ts *testscript.TestScript, args []string) error {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	out, err := japanese.ShiftJIS.NewDecoder().Bytes(b)
	if err != nil {
		return err
	}
	if bytes.ContainsRune(out, '\uFFFD') {
		return fmt.Errorf("%s is not Shift_JIS", args[0])
	}
	return os.WriteFile(ts.MkAbs(args[1]), out, 0o600)
}
