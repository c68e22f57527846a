package story

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/kit/work"
)

var challenge = regexp.MustCompile(`name="work" value="([^"]+)"`)

// work: work does what the open page's script would do for its form.
func (s *stage) work(*testscript.TestScript, []string) error {
	name := filepath.Join(s.dir, "page.html")
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	m := challenge.FindSubmatch(b)
	if m == nil {
		return fmt.Errorf("the page asks for no work:\n%s", words(b))
	}
	answer, ok := work.Solve(string(m[1]))
	if !ok {
		return fmt.Errorf("challenge %q cannot be solved", m[1])
	}
	return os.WriteFile(name, []byte(strings.Replace(string(b), `name="answer" value=""`, `name="answer" value="`+answer+`"`, 1)), 0o600)
}

// foreign: foreign PATH key=value… sends a form as a page of another site would.
func (s *stage) foreign(ts *testscript.TestScript, args []string) error {
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
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("Origin", "https://elsewhere.example")
	return s.open(req)
}

// flood: flood N PATH key=value… sends a form N times without work, and fails unless some
// were put off.
func (s *stage) flood(ts *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	off := 0
	for i := range n {
		if err := s.post(ts, append(args[1:], "key="+strings.Repeat("f", 20)+strconv.Itoa(i))); err != nil {
			return err
		}
		switch status := s.browsers[s.who].status; status {
		case http.StatusTooManyRequests:
			off++
		case http.StatusOK, http.StatusUnprocessableEntity:
		default:
			return s.expect(nil, http.StatusOK)
		}
	}
	if off == 0 {
		return fmt.Errorf("all of %d were taken", n)
	}
	return nil
}

// guess: guess N tries N wrong receipt codes at the open page, with work done for each.
func (s *stage) guess(ts *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for range n {
		if err := s.get(ts, []string{"/r"}); err != nil {
			return err
		}
		if err := s.work(ts, nil); err != nil {
			return err
		}
		if err := s.press(ts, []string{"/r", "code=2222 2222 2222 2224"}); err != nil {
			return err
		}
	}
	return s.get(ts, []string{"/r"})
}

// squeeze: squeeze NAME takes the blanks out of a variable.
func (s *stage) squeeze(ts *testscript.TestScript, args []string) error {
	ts.Setenv(args[0], strings.ReplaceAll(ts.Getenv(args[0]), " ", ""))
	return nil
}
