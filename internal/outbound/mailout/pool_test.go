package mailout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/mailout"
	"sekimori/internal/testkit/smtpd"
)

// keeping makes a sender that keeps connections. rest ends that, and waits until it has
// taken leave of them; the end of the test does the same.
func keeping(t testing.TB, o mailout.Options) (s *mailout.SMTP, rest func()) {
	t.Helper()
	s = sender(t, newWorld(t), o)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	rest = func() { cancel(); wg.Wait() }
	t.Cleanup(rest)
	return s, rest
}

func mailTo(n int, to string) mailout.Mail {
	return mailout.Mail{
		From: mailout.Address{Mail: "sekimori@company.example"}, To: mailout.Address{Mail: to},
		Subject: fmt.Sprint("件名 ", n), Text: "本文\n",
	}
}

// deliver submits mails one after the other.
func deliver(t testing.TB, s *mailout.SMTP, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.Deliver(context.Background(), mailTo(i, "sato@company.example")); err != nil {
			t.Fatalf("mail %d: %v", i, err)
		}
	}
}

// warm submits mails until a connection is kept: Run begins in its own time.
func warm(t testing.TB, s *mailout.SMTP, srv *smtpd.Server) {
	t.Helper()
	eventually(t, "a kept connection", func() bool {
		more := grown(srv)
		deliver(t, s, 1)
		_, connections := more()
		return connections == 0
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: never", what)
		}
	}
}

// grown gives how many mails and connections there are more than before.
func grown(srv *smtpd.Server) func() (mails, connections int) {
	mails := len(srv.Messages())
	made, _ := srv.Connections()
	return func() (int, int) {
		now, _ := srv.Connections()
		return len(srv.Messages()) - mails, now - made
	}
}

func TestManyMailsOverOneConnection(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode string
		opt  smtpd.Options
	}{
		{"none", smtpd.Options{}},
		{"starttls", smtpd.Options{STARTTLS: true, User: user, Password: password}},
		{"tls", smtpd.Options{ImplicitTLS: true, User: user, Password: password}},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			t.Parallel()
			srv := smtpd.Start(t, tc.opt)
			o := options(srv, tc.mode)
			if tc.opt.User != "" {
				o.User, o.PasswordFile = user, secret(t, password)
			}
			s, rest := keeping(t, o)
			warm(t, s, srv)
			more := grown(srv)
			deliver(t, s, 40)
			if mails, connections := more(); mails != 40 || connections != 0 {
				t.Errorf("%d mails arrived over %d further connections, want 40 over the kept one", mails, connections)
			}
			for _, m := range srv.Messages() {
				if !slices.Equal(m.To, []string{"sato@company.example"}) || m.Text != "本文\n" {
					t.Errorf("to %v: %q", m.To, m.Text)
				}
			}
			rest()
			eventually(t, "closed after the end", func() bool { _, open := srv.Connections(); return open == 0 })
			deliver(t, s, 2) // still able to, on connections that are not kept
			eventually(t, "closed after each mail", func() bool { _, open := srv.Connections(); return open == 0 })
		})
	}
}

func TestWithoutRunNothingIsKept(t *testing.T) {
	t.Parallel()
	srv := smtpd.Start(t, smtpd.Options{})
	s := sender(t, newWorld(t), options(srv, "none"))
	deliver(t, s, 3)
	if made, _ := srv.Connections(); made != 3 {
		t.Errorf("%d connections for 3 mails", made)
	}
}

func TestKeptConnectionsEnd(t *testing.T) {
	t.Parallel()
	t.Run("after so many mails", func(t *testing.T) {
		t.Parallel()
		srv := smtpd.Start(t, smtpd.Options{})
		o := options(srv, "none")
		o.KeepMails = 5
		s, _ := keeping(t, o)
		warm(t, s, srv)
		more := grown(srv)
		deliver(t, s, 20)
		if _, connections := more(); connections != 4 {
			t.Errorf("%d further connections for 20 mails, want 4", connections)
		}
	})
	t.Run("after a while", func(t *testing.T) {
		t.Parallel()
		srv := smtpd.Start(t, smtpd.Options{})
		o := options(srv, "none")
		o.KeepFor = 50 * time.Millisecond
		s, _ := keeping(t, o)
		warm(t, s, srv)
		eventually(t, "closed when idle", func() bool { _, open := srv.Connections(); return open == 0 })
		deliver(t, s, 1)
	})
}

// TestStaleConnection: what is wrong with a kept connection is no failure of the mail.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	t.Run("closed by the server with 421", func(t *testing.T) {
		t.Parallel()
		srv := smtpd.Start(t, smtpd.Options{STARTTLS: true, Idle: time.Second})
		s, _ := keeping(t, options(srv, "starttls"))
		warm(t, s, srv)
		eventually(t, "closed by the server", func() bool { _, open := srv.Connections(); return open == 0 })
		more := grown(srv)
		deliver(t, s, 1)
		if mails, connections := more(); mails != 1 || connections != 1 {
			t.Errorf("%d mails, %d connections", mails, connections)
		}
	})
	t.Run("server restarted", func(t *testing.T) {
		t.Parallel()
		srv := smtpd.Start(t, smtpd.Options{STARTTLS: true})
		s, _ := keeping(t, options(srv, "starttls"))
		warm(t, s, srv)
		more := grown(srv)
		srv.Restart()
		deliver(t, s, 3)
		if mails, connections := more(); mails != 3 || connections != 1 {
			t.Errorf("%d mails, %d connections", mails, connections)
		}
	})
	t.Run("server away", func(t *testing.T) {
		t.Parallel()
		srv := smtpd.Start(t, smtpd.Options{})
		s, _ := keeping(t, options(srv, "none"))
		warm(t, s, srv)
		srv.Stop()
		if _, err := s.Deliver(context.Background(), mailTo(0, "sato@company.example")); err == nil {
			t.Error("a stopped server took a mail")
		}
		srv.Restart()
		deliver(t, s, 2)
	})
}

func TestARefusalHarmsNoOther(t *testing.T) {
	t.Parallel()
	srv := smtpd.Start(t, smtpd.Options{Fail: func(_ string, to []string) error {
		if slices.Contains(to, "gone@company.example") {
			return smtpd.Refuse(550, "no such person")
		}
		return nil
	}})
	s, _ := keeping(t, options(srv, "none"))
	warm(t, s, srv)
	more := grown(srv)
	for i := range 12 {
		to := "sato@company.example"
		if i%3 == 1 {
			to = "gone@company.example"
		}
		_, err := s.Deliver(context.Background(), mailTo(i, to))
		if no := (*notice.Rejection)(nil); errors.As(err, &no) != (i%3 == 1) || err != nil && i%3 != 1 {
			t.Errorf("mail %d to %s: %v", i, to, err)
		}
	}
	if mails, _ := more(); mails != 8 {
		t.Errorf("%d mails arrived, want 8", mails)
	}
	for _, m := range srv.Messages() {
		if len(m.To) != 1 || m.To[0] != "sato@company.example" {
			t.Errorf("to %v", m.To)
		}
	}
}

// TestWhatAKeptConnectionSays plays a server that once, on a kept connection, says
// something else than yes.
func TestWhatAKeptConnectionSays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, verb, answer string
		fails              bool
	}{
		{"limit at the sender", "MAIL", "451 4.7.0 too many mails on this connection", false},
		{"limit at the receiver, as if for good", "RCPT", "550 5.7.1 too many mails on this connection", false},
		{"closing at the content", "DATA", "421 4.3.2 going down", false},
		{"gone at the sender", "MAIL", "", false},
		{"gone at the content", "DATA", "", false},
		{"silent at the sender", "MAIL", "never", false},
		{"gone after the content", ".", "", true}, // nobody knows whether it is taken
		{"closing after the content", ".", "421 4.3.2 going down", true},
		{"busy after the content", ".", "451 4.3.0 later", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var contents, onThis atomic.Int64 // contents sent, mails begun on the newest connection
			var said atomic.Bool
			end := make(chan struct{})
			addr := scripted(t, func(cmd string) string {
				verb, _, _ := strings.Cut(cmd, " ")
				switch verb {
				case "EHLO":
					onThis.Store(0)
				case "MAIL":
					onThis.Add(1)
				case ".":
					contents.Add(1)
				}
				switch {
				case verb == tc.verb && onThis.Load() > 1 && said.CompareAndSwap(false, true):
					if tc.answer == "never" {
						<-end
						return ""
					}
					return tc.answer
				case verb == "DATA":
					return "354 go on"
				case verb == "QUIT":
					return "221 bye"
				}
				return "250 ok"
			})
			t.Cleanup(func() { close(end) })
			s, _ := keeping(t, mailout.Options{Host: "127.0.0.1", Port: addr.Port, Mode: "none", Timeout: 3 * time.Second})
			sent, err := int64(0), error(nil)
			for ; !said.Load(); sent++ {
				if err != nil {
					t.Fatalf("on a fresh connection: %v", err)
				}
				_, err = s.Deliver(context.Background(), mailTo(2, "sato@company.example"))
			}
			var no *notice.Rejection
			if (err != nil) != tc.fails || errors.As(err, &no) {
				t.Errorf("error %v", err)
			}
			if contents.Load() != sent {
				t.Errorf("%d contents were sent for %d mails", contents.Load(), sent)
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 25
	srv := smtpd.Start(t, smtpd.Options{STARTTLS: true, User: user, Password: password})
	o := options(srv, "starttls")
	o.User, o.PasswordFile = user, secret(t, password)
	s, rest := keeping(t, o)
	warm(t, s, srv)
	more := grown(srv)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Deliver(context.Background(), mailTo(w*each+i, fmt.Sprintf("p%d@company.example", w))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if mails, connections := more(); mails != workers*each || connections > workers {
		t.Errorf("%d mails over %d connections, want %d over at most %d", mails, connections, workers*each, workers)
	}
	seen := map[string]int{}
	for _, m := range srv.Messages() {
		seen[m.Subject+m.To[0]]++
	}
	for what, n := range seen {
		if n != 1 && !strings.Contains(what, "sato") {
			t.Errorf("%s came %d times", what, n)
		}
	}
	rest()
	eventually(t, "closed after the end", func() bool { _, open := srv.Connections(); return open == 0 })
}

func TestEndWhileMailsAreUnderWay(t *testing.T) {
	t.Parallel()
	srv := smtpd.Start(t, smtpd.Options{})
	s, rest := keeping(t, options(srv, "none"))
	warm(t, s, srv)
	more := grown(srv)
	srv.SetDelay(300 * time.Millisecond)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if _, err := s.Deliver(context.Background(), mailTo(i, "sato@company.example")); err != nil {
				t.Error(err)
			}
		})
	}
	rest()
	wg.Wait()
	if mails, _ := more(); mails != 4 {
		t.Errorf("%d mails, want 4", mails)
	}
	eventually(t, "closed after the end", func() bool { _, open := srv.Connections(); return open == 0 })
}

// TestCancelledOnAKeptConnection: a mail that is broken off takes its connection along,
// and no other.
func TestCancelledOnAKeptConnection(t *testing.T) {
	t.Parallel()
	srv := smtpd.Start(t, smtpd.Options{})
	s, _ := keeping(t, options(srv, "none"))
	warm(t, s, srv)
	srv.SetDelay(10 * time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Deliver(ctx, mailTo(0, "sato@company.example")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	srv.SetDelay(0)
	deliver(t, s, 2)
}
