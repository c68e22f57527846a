// Package mailin takes reports by mail. It is a small SMTP server behind the company's own:
// it takes mail for the addresses of the intake and passes nothing on.
//
// A mail is answered with 250 only when the case that it became, or was added to, is
// durable with all its files. Whatever cannot be kept now is answered with 4xx, so that the
// mail server in front keeps it and tries again. The same mail is taken once.
//
// Only what is surely from one of our people is theirs: a trusted mail server says so, or
// hands the mail over itself. All else is a report from outside, whatever From says.
package mailin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

// Options say what is taken from whom.
type Options struct {
	Addresses []string // of the intake, in lower case; the first is shown to people
	Host      string   // the name that the server greets with
	Own       []string // addresses that our own mails come from, in lower case
	IDHost    string   // the right side of our own Message-IDs
	// Networks may connect; Trusted of these hand over only what their own users wrote, so
	// that From is believed.
	Networks, Trusted []netip.Prefix
	// Hosts are the mail servers whose Authentication-Results are believed. They must take
	// away what comes under their name from elsewhere.
	Hosts    []string
	MaxBytes int64 // of one mail
	Kind     incident.Kind
	TLS      *tls.Config // nil: no STARTTLS; else needed by everybody but loopback
	Demo     bool        // the cases are made-up data
	// Limits for each address or sender; zero fields take the defaults.
	Limits Limits
}

// Limits keep one sender, or one machine, from taking everything.
type Limits struct {
	Connections    int // open at once from one machine; default 10, four times that from all
	PerMinute      int // new connections from one machine; default 120
	OwnPerHour     int // mails of one of our people; default 60
	SenderPerHour  int // mails of one outside address; default 10
	OutsidePerHour int // mails of all outside addresses; default 200
}

func (l *Limits) defaults() {
	for _, d := range []struct {
		p *int
		n int
	}{{&l.Connections, 10}, {&l.PerMinute, 120}, {&l.OwnPerHour, 60}, {&l.SenderPerHour, 10}, {&l.OutsidePerHour, 200}} {
		if *d.p == 0 {
			*d.p = d.n
		}
	}
}

// Parts are what a Server is made of.
type Parts struct {
	Cases     *incident.Service
	Notices   *notice.Service
	People    *directory.Service
	Catalogue *i18n.Catalogue
	Now       func() time.Time
	Log       *slog.Logger
	Count     func(Outcome) // what became of each mail, from several goroutines at once
}

// Server takes mails.
type Server struct {
	Parts
	opt    Options
	kinds  map[string]incident.Kind // by what people call them
	quota  quota
	memory atomic.Int64 // bytes of mails that are being taken
	gate   *gate
	life   context.Context // of what is being taken; outlives Run's
}

// Waits on a connection.
const (
	idle    = 2 * time.Minute  // for the next command
	content = 10 * time.Minute // for a whole mail
	longest = 30 * time.Minute // a connection, whatever it says
	taking  = time.Minute      // to keep a mail
	leaving = 15 * time.Second // for what is being taken when the server stops
)

// mailsInMemory is how many mails of the largest size may be taken at once.
const mailsInMemory = 4

// New makes a server.
func New(p Parts, o Options) *Server {
	o.Limits.defaults()
	s := &Server{Parts: p, opt: o, kinds: map[string]incident.Kind{}}
	s.quota.now = p.Now
	for _, k := range incident.Kinds() {
		s.kinds[fold(string(k))] = k
		for _, lang := range i18n.Langs() {
			s.kinds[fold(p.Catalogue.Printer(lang).T("kind."+string(k)))] = k
		}
	}
	for _, line := range kindWords() { // a tag may be one of the words alone
		for _, w := range line.words {
			s.kinds[w] = line.kind
		}
	}
	return s
}

// Run serves on ln until ctx ends. What is being taken then is finished first.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	s.life = context.WithoutCancel(ctx)
	s.gate = newGate(ln, s.opt, s.Now, s.Log, s.Count)
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return s.session(c) }))
	srv.Domain = s.opt.Host
	srv.MaxRecipients, srv.MaxMessageBytes, srv.MaxLineLength = 10, s.opt.MaxBytes, 64<<10
	srv.ReadTimeout, srv.WriteTimeout = idle, idle
	srv.EnableSMTPUTF8 = true
	srv.TLSConfig = s.opt.TLS
	srv.ErrorLog = logger{s.Log}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(s.gate) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
		ended <- nil
	}
	s.gate.drain()
	last, cancel := context.WithTimeout(s.life, leaving)
	defer cancel()
	if srv.Shutdown(last) != nil {
		s.gate.closeAll()
	}
	s.gate.taking.Wait()
	<-ended
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("take mail: %w", err)
	}
	return nil
}

// session begins what one client says on a connection.
func (s *Server) session(c *smtp.Conn) (*session, error) {
	under := c.Conn()
	t, secure := under.(*tls.Conn)
	if secure {
		under = t.NetConn()
	}
	g, ok := under.(*guarded)
	if !ok {
		return nil, fmt.Errorf("connection %T did not come through the gate", under)
	}
	return &session{srv: s, conn: g, secure: secure}, nil
}

// session is what one client says on a connection.
type session struct {
	srv    *Server
	conn   *guarded
	secure bool
	from   string
}

// refuse makes an answer.
func refuse(code int, enhanced [3]int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.srv.opt.TLS != nil && !s.secure && !s.conn.from.IsLoopback() {
		return refuse(530, [3]int{5, 7, 0}, "Must issue a STARTTLS command first")
	}
	s.from = from
	return nil
}

// Rcpt takes the addresses of the intake, and no other: nothing is passed on.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !slices.Contains(s.srv.opt.Addresses, strings.ToLower(to)) {
		s.srv.Count(Elsewhere)
		return refuse(550, [3]int{5, 1, 1}, "No such address here, and nothing is passed on")
	}
	return nil
}

// Reset forgets the mail that was begun.
func (s *session) Reset() { s.from = "" }

// Logout has nothing to free.
func (s *session) Logout() error { return nil }

// logger writes the library's words into the server's log.
type logger struct{ log *slog.Logger }

func (l logger) Printf(format string, v ...any) {
	l.log.Warn("mail intake", "error", fmt.Sprintf(format, v...))
}

func (l logger) Println(v ...any) { l.log.Warn("mail intake", "error", fmt.Sprint(v...)) }
