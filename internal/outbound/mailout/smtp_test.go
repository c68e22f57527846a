package mailout_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/mailout"
	"sekimori/internal/testkit/smtpd"
)

const (
	user     = "sekimori"
	password = "correct horse 電池"
)

func secret(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func options(s *smtpd.Server, mode string) mailout.Options {
	return mailout.Options{Host: s.Host, Port: s.Port, Mode: mode, CAFile: s.CAFile, Timeout: 20 * time.Second}
}

func sender(t testing.TB, w *world, o mailout.Options) *mailout.SMTP {
	t.Helper()
	s, err := mailout.NewSMTP(w.composer, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(w *world, s notice.Sender) (string, error) {
	return s.Send(context.Background(), w.attempt, w.track)
}

func TestWhatArrives(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode string
		opt  smtpd.Options
	}{
		{"none", smtpd.Options{}},
		{"none", smtpd.Options{User: user, Password: password}},
		{"starttls", smtpd.Options{STARTTLS: true}},
		{"starttls", smtpd.Options{STARTTLS: true, User: user, Password: password}},
		{"tls", smtpd.Options{ImplicitTLS: true, User: user, Password: password}},
	} {
		t.Run(fmt.Sprintf("%s auth=%v", tc.mode, tc.opt.User != ""), func(t *testing.T) {
			t.Parallel()
			w, srv := newWorld(t), smtpd.Start(t, tc.opt)
			o := options(srv, tc.mode)
			if tc.opt.User != "" {
				o.User, o.PasswordFile = user, secret(t, password+"\n")
			}
			s := sender(t, w, o)
			if err := s.Ping(context.Background()); err != nil {
				t.Fatal(err)
			}
			answer, err := send(w, s)
			if err != nil || !strings.HasPrefix(answer, "250 ") {
				t.Fatalf("answer %q, %v", answer, err)
			}
			sent, got := w.compose(t), srv.Messages()
			if len(got) != 1 {
				t.Fatalf("%d messages arrived", len(got))
			}
			if d := cmp.Diff(sent, decoded(t, got[0], sent)); d != "" {
				t.Errorf("mail (-sent +arrived):\n%s", d)
			}
			if d := cmp.Diff([]string{"sato@company.example"}, got[0].To); d != "" || got[0].From != "sekimori@company.example" {
				t.Errorf("envelope from %s, to %v", got[0].From, got[0].To)
			}
			if len(got[0].Parts) != 1 || got[0].Parts[0].Type != "text/plain" {
				t.Errorf("parts %v, want plain text alone", got[0].Parts)
			}
			for _, line := range strings.Split(string(got[0].Raw), "\r\n") {
				if len(line) > 78 || strings.ContainsFunc(line, func(r rune) bool { return r > 126 || r < ' ' && r != '\t' }) {
					t.Errorf("line %q is not fit for the wire", line)
				}
			}
		})
	}
}

// decoded is the arrived message as a Mail, with those headers that were sent.
func decoded(t *testing.T, m smtpd.Message, sent mailout.Mail) mailout.Mail {
	t.Helper()
	address := func(header string) mailout.Address {
		a, err := mail.ParseAddress(m.Header.Get(header))
		if err != nil {
			t.Fatal(err)
		}
		return mailout.Address{Name: a.Name, Mail: a.Address}
	}
	out := mailout.Mail{
		ID: strings.Trim(m.Header.Get("Message-Id"), "<>"), From: address("From"), To: address("To"),
		Subject: m.Subject, Text: m.Text, Headers: map[string]string{},
	}
	for name := range m.Header {
		if !slices.Contains([]string{"From", "To", "Subject", "Mime-Version", "Content-Type", "Content-Transfer-Encoding"}, name) {
			key := name
			if name == "Message-Id" {
				key = "Message-ID"
			}
			out.Headers[key] = m.Header.Get(name)
		}
	}
	if !strings.HasSuffix(out.Text, "\n") && strings.HasSuffix(sent.Text, "\n") {
		out.Text += "\n"
	}
	return out
}

func TestHeaderInjectionOnTheWire(t *testing.T) {
	t.Parallel()
	srv := smtpd.Start(t, smtpd.Options{})
	s := sender(t, newWorld(t), options(srv, "none"))
	const evil = "\r\nBcc: all@company.example\r\n\r\nbody"
	m := mailout.Mail{
		From: mailout.Address{Name: "x" + evil, Mail: "a@company.example"}, To: mailout.Address{Name: "日本" + evil, Mail: "b@company.example"},
		Subject: "件名" + evil, Text: "本文\n", Headers: map[string]string{"X-Note": "v" + evil, "Message-ID": "<1@company.example>"},
	}
	if _, err := s.Deliver(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	got := srv.Wait(1, 10*time.Second)[0]
	if got.Header.Get("Bcc") != "" || got.Text != "本文\n" || len(got.To) != 1 {
		t.Errorf("to %v, header %v, text %q", got.To, got.Header, got.Text)
	}
	var d mime.WordDecoder
	for name, values := range got.Header {
		for _, v := range values {
			if plain, err := d.DecodeHeader(v); err != nil || strings.ContainsAny(plain, "\r\n") {
				t.Errorf("%s: %q, %v", name, plain, err)
			}
		}
	}
	m.Headers = map[string]string{"X: y\r\nBcc": "all@company.example"}
	if _, err := s.Deliver(context.Background(), m); err == nil {
		t.Error("a header name with a line break was taken")
	}
	m.Headers, m.From.Mail = nil, "a@company.example>\r\nRCPT TO:<c@company.example"
	if _, err := s.Deliver(context.Background(), m); err == nil {
		t.Error("a sender with a line break was taken")
	}
}

func TestRefusedReceiver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	srv := smtpd.Start(t, smtpd.Options{Fail: func(_ string, to []string) error {
		if slices.Contains(to, "sato@company.example") {
			return smtpd.Refuse(550, "no such person")
		}
		return nil
	}})
	s := sender(t, w, options(srv, "none"))
	_, err := send(w, s)
	var no *notice.Rejection
	if !errors.As(err, &no) || !strings.Contains(no.Answer, "550") || !strings.Contains(no.Answer, "no such person") {
		t.Errorf("error %v, want the server's rejection", err)
	}
	w.attempt.Person, w.attempt.Address = "per_kimura", "kimura@company.example"
	if _, err := send(w, s); err != nil {
		t.Errorf("the other receiver: %v", err)
	}
}

func TestWorthTryingAgain(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opt  smtpd.Options
		mode string
		set  func(*mailout.Options)
		want string
	}{
		{"busy", smtpd.Options{Fail: func(string, []string) error { return smtpd.Refuse(451, "later") }}, "none", nil, "451"},
		{"wrong password", smtpd.Options{STARTTLS: true, User: user, Password: "another"}, "starttls",
			func(o *mailout.Options) { o.User, o.PasswordFile = user, secret(t, password) }, "535"},
		{"no password given", smtpd.Options{STARTTLS: true, User: user, Password: password}, "starttls", nil, "502"},
		{"server without STARTTLS", smtpd.Options{}, "starttls", nil, "STARTTLS"},
		{"unknown authority", smtpd.Options{STARTTLS: true}, "starttls", func(o *mailout.Options) { o.CAFile = "" }, "certificate"},
		{"unknown authority, tls", smtpd.Options{ImplicitTLS: true}, "tls", func(o *mailout.Options) { o.CAFile = "" }, "certificate"},
		{"tls where there is none", smtpd.Options{}, "tls", nil, "tls"},
		{"slow", smtpd.Options{Delay: 5 * time.Second}, "none", func(o *mailout.Options) { o.Timeout = 200 * time.Millisecond }, "content"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w, srv := newWorld(t), smtpd.Start(t, tc.opt)
			o := options(srv, tc.mode)
			if tc.set != nil {
				tc.set(&o)
			}
			_, err := send(w, sender(t, w, o))
			var no *notice.Rejection
			if err == nil || errors.As(err, &no) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one to try again, with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("the password stands in %v", err)
			}
		})
	}
}

func TestDownThenUp(t *testing.T) {
	t.Parallel()
	w, srv := newWorld(t), smtpd.Start(t, smtpd.Options{STARTTLS: true})
	s := sender(t, w, options(srv, "starttls"))
	srv.Stop()
	var no *notice.Rejection
	if _, err := send(w, s); err == nil || errors.As(err, &no) {
		t.Errorf("stopped server: %v", err)
	}
	if err := s.Ping(context.Background()); err == nil {
		t.Error("Ping of a stopped server")
	}
	srv.Restart()
	for range 2 { // as after a lapsed claim
		if _, err := send(w, s); err != nil {
			t.Fatal(err)
		}
	}
	got := srv.Wait(2, 10*time.Second)
	if a, b := got[0].Header.Get("Message-Id"), got[1].Header.Get("Message-Id"); a != b || a != "<ntc_abc@sekimori.company.example>" {
		t.Errorf("Message-IDs %s and %s", a, b)
	}
}

func TestPasswordIsReadAnew(t *testing.T) {
	t.Parallel()
	w, srv := newWorld(t), smtpd.Start(t, smtpd.Options{STARTTLS: true, User: user, Password: password})
	o := options(srv, "starttls")
	o.User, o.PasswordFile = user, secret(t, "old")
	s := sender(t, w, o)
	if err := s.Ping(context.Background()); err == nil {
		t.Fatal("signed in with the wrong password")
	}
	if err := os.WriteFile(o.PasswordFile, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(context.Background()); err != nil {
		t.Error(err)
	}
	if n := len(srv.Messages()); n > 0 {
		t.Errorf("Ping sent %d messages", n)
	}
}

func TestCancelBreaksOff(t *testing.T) {
	t.Parallel()
	silent := scripted(t, nil)
	w := newWorld(t)
	s := sender(t, w, mailout.Options{Host: "127.0.0.1", Port: silent.Port, Mode: "none", Timeout: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := s.Send(ctx, w.attempt, w.track)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestAnswers plays servers that say what a well-behaved test server does not.
func TestAnswers(t *testing.T) {
	t.Parallel()
	polite := func(cmd string) string {
		switch {
		case strings.HasPrefix(cmd, "EHLO"):
			return "250-mail.example\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN"
		case strings.HasPrefix(cmd, "DATA"):
			return "354 go on"
		case strings.HasPrefix(cmd, "AUTH"):
			return "235 2.7.0 welcome"
		case strings.HasPrefix(cmd, "QUIT"):
			return "" // hangs up
		}
		return "250 2.0.0 ok, kept as 4711"
	}
	for _, tc := range []struct {
		name   string
		say    map[string]string // first word of a command → answer
		answer string            // "" when it must fail
		final  string            // "no" to this mail, or the mailbox is "gone"; "" when it is worth trying again
	}{
		{"taken, and no goodbye", nil, "250 2.0.0 ok, kept as 4711", ""},
		{"taken without a word", map[string]string{".": "250 "}, "accepted", ""},
		{"no such mailbox", map[string]string{"RCPT": "550 5.1.1 unknown"}, "", "gone"},
		{"no such mailbox, without a code", map[string]string{"RCPT": "550 unknown"}, "", "gone"},
		{"no such mailbox, with a code that says nothing", map[string]string{"RCPT": "550 5.0.0 unknown"}, "", "gone"},
		{"no such domain", map[string]string{"RCPT": "550 5.4.4 unable to route"}, "", "gone"},
		{"domain takes no mail", map[string]string{"RCPT": "556 5.1.10 null MX"}, "", "gone"},
		{"mailbox full, for now", map[string]string{"RCPT": "452 4.2.2 full"}, "", ""},
		{"unknown, for now", map[string]string{"RCPT": "450 4.1.1 unknown in the local table"}, "", ""},
		{"mailbox disabled", map[string]string{"RCPT": "550 5.2.1 disabled"}, "", "gone"},
		{"mailbox gone, with the password in the answer", map[string]string{"RCPT": "550 5.1.1 unknown: "}, "", "gone"},
		{"server full", map[string]string{"RCPT": "552 5.3.1 no room"}, "", "no"},
		{"refused without a reason", map[string]string{"RCPT": "554 no"}, "", "no"},
		{"relaying denied", map[string]string{"RCPT": "554 5.7.1 relay access denied"}, "", ""},
		{"sign in first", map[string]string{"RCPT": "530 5.7.0 authentication required"}, "", ""},
		{"sender refused", map[string]string{"MAIL": "550 5.1.8 bad sender"}, "", ""},
		{"sender refused late", map[string]string{"RCPT": "550 5.1.8 bad sender"}, "", ""},
		{"sender's address refused late", map[string]string{"RCPT": "553 5.1.7 bad sender"}, "", ""},
		{"name of this machine refused late", map[string]string{"RCPT": "550 5.5.2 bad greeting"}, "", ""},
		{"no service for us", map[string]string{"MAIL": "554 5.7.1 blocked"}, "", ""},
		{"content refused", map[string]string{".": "554 5.6.0 no"}, "", "no"},
		{"mailbox refused after the mail", map[string]string{".": "550 5.1.1 unknown"}, "", "no"},
		{"no data now", map[string]string{"DATA": "451 4.3.0 later"}, "", ""},
		{"closing", map[string]string{"MAIL": "421 4.3.2 going down"}, "", ""},
		{"repeats what it was sent", map[string]string{"AUTH": "535 5.7.8 no: "}, "", ""},
		{"hangs up after the mail", map[string]string{".": ""}, "", ""},
		{"speaks no SMTP", map[string]string{"EHLO": "hello there", "HELO": "hello there"}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := scripted(t, func(cmd string) string {
				verb, rest, _ := strings.Cut(cmd, " ")
				if s, ok := tc.say[verb]; ok {
					if strings.HasSuffix(s, ": ") {
						s += rest + " " + password
					}
					return s
				}
				return polite(cmd)
			})
			w := newWorld(t)
			o := mailout.Options{Host: "127.0.0.1", Port: srv.Port, Mode: "none", User: user, PasswordFile: secret(t, password), Timeout: 10 * time.Second}
			answer, err := send(w, sender(t, w, o))
			var no *notice.Rejection
			final, mailbox := "", ""
			if errors.As(err, &no) {
				if final, mailbox = "no", no.Mailbox; no.Gone {
					final = "gone"
				}
			}
			if answer != tc.answer || (err == nil) != (tc.answer != "") || final != tc.final || (mailbox == "sato@company.example") != (final == "gone") {
				t.Errorf("answer %q, error %v: %q to %q", answer, err, final, mailbox)
			}
			coded := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
			if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(err.Error(), coded)) {
				t.Errorf("the password stands in %v", err)
			}
		})
	}
}

// scripted is a server that answers each command as say tells; "" hangs up, and nil
// never says a word.
func scripted(t *testing.T, say func(cmd string) string) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				converse(c, say)
			})
		}
	})
	return l.Addr().(*net.TCPAddr)
}

func converse(c net.Conn, say func(string) string) {
	if say != nil {
		fmt.Fprint(c, "220 mail.example\r\n")
	}
	in, data := bufio.NewScanner(c), false
	for in.Scan() {
		cmd := in.Text()
		if say == nil || data && cmd != "." {
			continue
		}
		answer := say(cmd)
		if answer == "" {
			return
		}
		data = strings.HasPrefix(answer, "354")
		fmt.Fprintf(c, "%s\r\n", answer)
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	empty, words := secret(t, "\n"), secret(t, "no certificate")
	for _, tc := range []struct {
		name string
		o    mailout.Options
		want string
	}{
		{"no host", mailout.Options{Mode: "tls"}, "host"},
		{"no mode", mailout.Options{Host: "mail.company.example"}, "mode"},
		{"in the clear", mailout.Options{Host: "mail.company.example", Mode: "none"}, "this machine only"},
		{"in the clear, by address", mailout.Options{Host: "192.0.2.1", Mode: "none"}, "this machine only"},
		{"looks like loopback", mailout.Options{Host: "127.0.0.1.company.example", Mode: "none"}, "this machine only"},
		{"port", mailout.Options{Host: "m.example", Mode: "tls", Port: 65536}, "port"},
		{"user without password", mailout.Options{Host: "m.example", Mode: "tls", User: "u"}, "password file"},
		{"password without user", mailout.Options{Host: "m.example", Mode: "tls", PasswordFile: empty}, "needs a user"},
		{"password missing", mailout.Options{Host: "m.example", Mode: "tls", User: "u", PasswordFile: empty + "x"}, "password"},
		{"password empty", mailout.Options{Host: "m.example", Mode: "tls", User: "u", PasswordFile: empty}, "empty"},
		{"authorities missing", mailout.Options{Host: "m.example", Mode: "tls", CAFile: empty + "x"}, "authorities"},
		{"no authority", mailout.Options{Host: "m.example", Mode: "tls", CAFile: words}, "no certificate"},
		{"timeout", mailout.Options{Host: "m.example", Mode: "tls", Timeout: -1}, "timeout"},
		{"kept", mailout.Options{Host: "m.example", Mode: "tls", KeepFor: -1}, "kept"},
		{"kept mails", mailout.Options{Host: "m.example", Mode: "tls", KeepMails: -1}, "kept"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := mailout.NewSMTP(newWorld(t).composer, tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
	for _, host := range []string{"localhost", "127.0.0.1", "127.1.2.3", "::1"} {
		if _, err := mailout.NewSMTP(newWorld(t).composer, mailout.Options{Host: host, Mode: "none"}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// BenchmarkSend measures whole notices: composed, encrypted, taken by the server.
func BenchmarkSend(b *testing.B) {
	w, srv := newWorld(b), smtpd.Start(b, smtpd.Options{STARTTLS: true, User: user, Password: password})
	o := options(srv, "starttls")
	o.User, o.PasswordFile = user, secret(b, password)
	s, _ := keeping(b, o)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := send(w, s); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Minutes(), "mails/min")
}
