// Package smtpd is a real SMTP submission server for tests, inside the test process.
//
// It speaks STARTTLS or implicit TLS with a certificate of its own making, asks
// for a password, refuses, delays and goes away on demand, and keeps every
// message as it came and as a reader would see it.
package smtpd

import (
	"cmp"
	"crypto/tls"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// Options say what kind of server it is. The zero value takes plain connections
// from anyone.
type Options struct {
	STARTTLS       bool   // offer STARTTLS; nothing is accepted before it is used
	ImplicitTLS    bool   // TLS from the first byte
	User, Password string // when User is set, mail is accepted after AUTH PLAIN only

	// Fail decides on a message that has arrived whole: a nil error keeps it, any
	// other is answered to the client. Make the error with Refuse.
	Fail func(from string, to []string) error
	// Unknown are receivers that RCPT refuses for good, before any content.
	Unknown []string
	// Delay passes between the end of a message and the answer to it.
	Delay time.Duration
	// Idle is how long a connection may be silent before it is closed with 421; 0: a minute.
	Idle time.Duration
}

// Refuse makes the error by which Options.Fail answers with an SMTP status: 4xx
// tells the sender to try again, 5xx to give up.
func Refuse(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: text}
}

// Server is a running, or stopped, SMTP server.
type Server struct {
	Addr   string // host:port, the same after Restart
	Host   string // 127.0.0.1, the name on the certificate
	Port   int
	CAFile string // PEM file of the authority that signed the certificate; empty without TLS

	t   testing.TB
	tls *tls.Config

	mu       sync.Mutex
	opt      Options
	stop     func() // nil while stopped
	messages []Message
	made     int           // connections so far
	open     int           // of these, not closed yet
	changed  chan struct{} // closed and replaced whenever a message is kept
}

// Start starts a server on a free loopback port; it ends with the test.
func Start(t testing.TB, opt Options) *Server {
	t.Helper()
	s := &Server{t: t, opt: opt, Host: "127.0.0.1", changed: make(chan struct{})}
	if opt.STARTTLS || opt.ImplicitTLS {
		s.tls, s.CAFile = certificate(t)
	}
	l := s.listen("127.0.0.1:0")
	s.Addr = l.Addr().String()
	s.Port = l.Addr().(*net.TCPAddr).Port
	s.serve(l)
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) listen(addr string) net.Listener {
	s.t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		s.t.Fatalf("listen for mail on %s: %v", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), err)
	}
	return counted{l, s}
}

func (s *Server) serve(l net.Listener) {
	srv := smtp.NewServer(smtp.BackendFunc(s.newSession))
	srv.Domain = "mail.example"
	srv.EnableSMTPUTF8 = true
	srv.AllowInsecureAuth = s.tls == nil
	srv.ReadTimeout, srv.WriteTimeout = cmp.Or(s.opt.Idle, time.Minute), time.Minute
	srv.MaxMessageBytes = 32 << 20
	srv.ErrorLog = quiet{}
	switch {
	case s.opt.ImplicitTLS:
		l = tls.NewListener(l, s.tls)
	case s.opt.STARTTLS:
		srv.TLSConfig = s.tls
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.Serve(l) // ends when the listener is closed
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = func() {
		// The listener first and by name: Close misses it when Serve has not
		// begun yet. Both complain only of what was closed already.
		l.Close()
		srv.Close()
		<-ended
	}
}

// Stop closes the listener and every connection, as a server that is switched off.
func (s *Server) Stop() {
	s.mu.Lock()
	stop := s.stop
	s.stop = nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// Restart serves again on the same port. Messages kept so far stay.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.serve(s.listen(s.Addr))
}

// SetFail replaces Options.Fail from the next message on.
func (s *Server) SetFail(fail func(from string, to []string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Fail = fail
}

// SetUnknown replaces Options.Unknown from the next message on.
func (s *Server) SetUnknown(receivers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Unknown = receivers
}

// SetDelay replaces Options.Delay from the next message on.
func (s *Server) SetDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Delay = d
}

// Messages are the messages kept so far, in the order of their arrival.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Connections tells how many connections clients have made so far, before Restart too,
// and how many of them are open.
func (s *Server) Connections() (made, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made, s.open
}

// Wait returns the messages as soon as there are n of them, and ends the test
// when there are fewer after the time-out.
func (s *Server) Wait(n int, timeout time.Duration) []Message {
	s.t.Helper()
	late := time.After(timeout)
	for {
		s.mu.Lock()
		got, changed := slices.Clone(s.messages), s.changed
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-changed:
		case <-late:
			s.t.Fatalf("%d messages arrived within %v, want %d: %v", len(got), timeout, n, subjects(got))
		}
	}
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	close(s.changed)
	s.changed = make(chan struct{})
}

func subjects(ms []Message) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Subject)
	}
	return out
}

// quiet drops the server's log: clients that break off are part of the tests.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}
