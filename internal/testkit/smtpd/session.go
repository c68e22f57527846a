package smtpd

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one client's connection.
type session struct {
	srv    *Server
	conn   *smtp.Conn
	authed bool
	from   string
	to     []string
}

func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{srv: s, conn: c}, nil
}

// AuthMechanisms offers PLAIN, and only where a password is asked for.
func (s *session) AuthMechanisms() []string {
	if s.srv.opt.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth checks the one user name and password.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.srv.opt.User || password != s.srv.opt.Password {
			return smtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	}), nil
}

// Mail begins a message.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.srv.opt.STARTTLS {
		if _, secure := s.conn.TLSConnectionState(); !secure {
			return Refuse(530, "Must issue a STARTTLS command first")
		}
	}
	if s.srv.opt.User != "" && !s.authed {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

// Rcpt adds a receiver.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.srv.mu.Lock()
	unknown := slices.Contains(s.srv.opt.Unknown, to)
	s.srv.mu.Unlock()
	if unknown {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	}
	s.to = append(s.to, to)
	return nil
}

// Data takes the message itself.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read the message: %w", err)
	}
	s.srv.mu.Lock()
	fail, delay := s.srv.opt.Fail, s.srv.opt.Delay
	s.srv.mu.Unlock()
	time.Sleep(delay)
	if fail != nil {
		if err := fail(s.from, slices.Clone(s.to)); err != nil {
			return err
		}
	}
	m, err := parse(raw)
	if err != nil {
		return Refuse(554, "not a well-formed message: "+err.Error())
	}
	m.From, m.To = s.from, slices.Clone(s.to)
	s.srv.keep(m)
	return nil
}

// Reset forgets the message begun.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout has nothing to free.
func (s *session) Logout() error { return nil }
