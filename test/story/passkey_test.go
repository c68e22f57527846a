package story

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/testkit/authenticator"
)

// device is somebody's phone with one passkey, and what it said last.
type device struct {
	*authenticator.Device
	said []byte
}

// passkey: a device with a passkey, at whatever browser is in use.
//
//	passkey new DEVICE
//	passkey add DEVICE NAME       makes one on the page of the account
//	passkey enter DEVICE          signs in with it
//	passkey confirm DEVICE        proves who is signed in
//	passkey again DEVICE PATH     sends what it said last to PATH once more
//	passkey at DEVICE ORIGIN      the browser is at another site from now on; "home" is here
//	passkey count DEVICE N        it counts on from N, as a copy would
func (s *stage) passkey(ts *testscript.TestScript, args []string) error {
	home := strings.Replace(ts.Getenv("URL"), "127.0.0.1", "localhost", 1)
	if args[0] == "new" {
		if s.devices == nil {
			s.devices = map[string]*device{}
		}
		s.devices[args[1]] = &device{Device: authenticator.New(s.t, home, "localhost")}
		return nil
	}
	d := s.devices[args[1]]
	if d == nil {
		return fmt.Errorf("no device %q", args[1])
	}
	switch args[0] {
	case "add":
		opts, err := s.options(ts, "/account/passkeys/options")
		if err != nil {
			return err
		}
		d.said = d.Create(opts)
		return s.post(ts, []string{"/account/passkeys", "name=" + args[2], "answer=" + string(d.said)})
	case "enter":
		opts, err := s.options(ts, "/login/passkey")
		if err != nil {
			return err
		}
		d.said = d.Get(opts)
		return s.post(ts, []string{"/login/passkey", "answer=" + string(d.said)})
	case "confirm":
		opts, err := s.options(ts, "/account/confirm/options")
		if err != nil {
			return err
		}
		d.said = d.Get(opts)
		return s.post(ts, []string{"/account/confirm", "next=/account", "answer=" + string(d.said)})
	case "answer":
		opts, err := s.options(ts, args[2]+"/passkey")
		if err != nil {
			return err
		}
		d.said = d.Get(opts)
		return s.post(ts, append([]string{args[2], "answer=" + string(d.said)}, args[3:]...))
	case "again":
		return s.post(ts, []string{args[2], "name=x", "answer=" + string(d.said)})
	case "at":
		if d.Origin = args[2]; args[2] == "home" {
			d.Origin = home
		}
		return nil
	case "count":
		_, err := fmt.Sscan(args[2], &d.Count)
		return err
	}
	return fmt.Errorf("unknown: passkey %s", args[0])
}

// options asks for what a passkey is made or shown with.
func (s *stage) options(ts *testscript.TestScript, path string) ([]byte, error) {
	if err := s.look(ts, []string{path}); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "page.html"))
	if err == nil && !strings.HasPrefix(string(b), "{") {
		return nil, fmt.Errorf("no options, but %d at %s", s.browsers[s.who].status, s.browsers[s.who].at)
	}
	return b, err
}

// cookie: cookie plant VALUE puts a session's cookie into the browser in use; cookie is
// VALUE checks it; cookie steal NAME gives what it has to a new browser NAME.
func (s *stage) cookie(ts *testscript.TestScript, args []string) error {
	at, err := url.Parse(ts.Getenv("URL"))
	if err != nil {
		return err
	}
	jar := s.browsers[s.who].client.Jar
	switch args[0] {
	case "plant":
		jar.SetCookies(at, []*http.Cookie{{Name: "sekimori", Value: args[1], Path: "/"}})
		return nil
	case "is":
		for _, c := range jar.Cookies(at) {
			if c.Name == "sekimori" && c.Value == args[1] {
				return nil
			}
		}
		return fmt.Errorf("the session's cookie is not %q", args[1])
	case "steal":
		thief := newBrowser()
		thief.client.Jar.SetCookies(at, jar.Cookies(at))
		s.browsers[args[1]], s.who = thief, args[1]
		return nil
	}
	return fmt.Errorf("unknown: cookie %s", args[0])
}
