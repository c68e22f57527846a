package mailout

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"sekimori/internal/domain/notice"
)

// SMTP submits notices to a mail server, each over a connection of its own, so that a
// server that was restarted, or a changed password, needs no attention here.
type SMTP struct {
	composer *Composer
	opt      Options
	tls      *tls.Config
}

// NewSMTP makes the sender. It reads the files that the options name, so that a wrong
// path is found at the start; the server itself is tried by Ping.
func NewSMTP(c *Composer, o Options) (*SMTP, error) {
	o, err := o.ready()
	if err != nil {
		return nil, err
	}
	trust, err := o.trust()
	if err != nil {
		return nil, err
	}
	if _, err := o.password(); err != nil {
		return nil, err
	}
	return &SMTP{composer: c, opt: o, tls: trust}, nil
}

// Send composes the notice and submits it.
func (s *SMTP) Send(ctx context.Context, a notice.Attempt, t notice.Track) (string, error) {
	m, err := s.composer.Compose(ctx, a, t)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	return s.Deliver(ctx, m)
}

// Deliver submits one mail and gives the server's last answer. A *notice.Rejection says
// that the server will never take this mail for this receiver. Every other error, a
// refused sign-in among them, is the operator's to mend and worth trying again.
func (s *SMTP) Deliver(ctx context.Context, m Mail) (string, error) {
	msg, err := message(m)
	if err != nil {
		return "", err
	}
	var answer string
	err = s.session(ctx, func(c *smtp.Client) error {
		if err := c.Mail("<" + m.From.Mail + ">"); err != nil {
			return fmt.Errorf("mail server, sender: %w", err)
		}
		if err := c.Rcpt("<" + m.To.Mail + ">"); err != nil {
			return judge("receiver", err)
		}
		w, err := c.Data()
		if err != nil {
			return judge("content", err)
		}
		if _, err := msg.WriteTo(w); err != nil {
			return fmt.Errorf("mail server, content: %w", err)
		}
		if err := w.Close(); err != nil {
			return judge("content", err)
		}
		answer = "accepted"
		if d, ok := w.(*smtp.DataCloser); ok && d.ServerResponse() != "" {
			answer = "250 " + oneLine(d.ServerResponse())
		}
		return nil
	})
	return answer, err
}

// Ping connects, verifies the certificate and signs in, as a mail would, and sends none.
func (s *SMTP) Ping(ctx context.Context) error {
	return s.session(ctx, func(c *smtp.Client) error {
		if err := c.Noop(); err != nil {
			return fmt.Errorf("mail server: %w", err)
		}
		return nil
	})
}

// session runs talk over a fresh connection that is encrypted and signed in, and ends
// it. When talk has succeeded, nothing that happens at the end counts any more.
func (s *SMTP) session(ctx context.Context, talk func(*smtp.Client) error) error {
	password, err := s.opt.password()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	line := &line{session: ctx, tls: s.tls, whole: s.opt.Mode == "tls"}
	defer line.hangUp() // the library leaves it open when TLS or the sign-in fails
	dialler, err := mail.NewClient(s.opt.Host, s.settings(line, password)...)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	c, err := dialler.DialToSMTPClientWithContext(ctx)
	if err == nil {
		err = talk(c)
	} else {
		err = fmt.Errorf("mail server %s: %w", dialler.ServerAddr(), err)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = errors.Join(err, ctx.Err())
		}
		return redact(err, s.opt.User, password)
	}
	line.lastWords()
	c.Quit() // politeness: the mail has been taken, whatever is said now
	return nil
}

// settings are the library's options. SMTPUTF8 is not asked for: with it a mail could
// not be passed on by a server that lacks it, and our addresses do without.
func (s *SMTP) settings(l *line, password string) []mail.Option {
	out := []mail.Option{
		mail.WithPort(s.opt.Port), mail.WithTimeout(s.opt.Timeout), mail.WithTLSConfig(s.tls),
		mail.WithDialContextFunc(l.dial), mail.WithoutSMTPUTF8(), mail.WithTLSPolicy(mail.NoTLS),
	}
	if s.opt.Mode == "starttls" {
		out = append(out, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.opt.User != "" {
		// Plain first: the line is encrypted and the server verified, or it is
		// loopback. The library refuses both everywhere else.
		out = append(out, mail.WithUsername(s.opt.User), mail.WithPassword(password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthCramMD5))
	}
	return out
}

// judge tells a final refusal of this receiver from everything else. A 5xx that speaks
// of the sign-in, of our right to submit, or of a command, concerns every mail alike.
func judge(what string, err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) || reply.Code < 500 {
		return fmt.Errorf("mail server, %s: %w", what, err)
	}
	switch reply.Code {
	case 500, 501, 502, 503, 504, 521, 530, 534, 535, 538:
		return fmt.Errorf("mail server, %s: %w", what, err)
	}
	if what == "receiver" && strings.HasPrefix(reply.Msg, "5.7.") { // such as "relaying denied"
		return fmt.Errorf("mail server, %s: %w", what, err)
	}
	return &notice.Rejection{Answer: oneLine(reply.Error())}
}

// message builds the mail's wire form: UTF-8 in base64, encoded words in the headers.
func message(m Mail) (*mail.Msg, error) {
	if err := m.From.check(); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if err := m.To.check(); err != nil {
		return nil, &notice.Rejection{Answer: err.Error()}
	}
	msg := mail.NewMsg(mail.WithEncoding(mail.EncodingB64), mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&netmail.Address{Name: oneLine(m.From.Name), Address: m.From.Mail})
	msg.ToMailAddress(&netmail.Address{Name: oneLine(m.To.Name), Address: m.To.Mail})
	msg.Subject(oneLine(m.Subject))
	for name, value := range m.Headers {
		if !headerName(name) {
			return nil, fmt.Errorf("%q is not the name of a header", name)
		}
		msg.SetGenHeader(mail.Header(name), oneLine(value))
	}
	msg.SetBodyString(mail.TypeTextPlain, strings.ReplaceAll(m.Text, "\n", "\r\n"))
	return msg, nil
}

// headerName reports whether s is letters, digits and hyphens.
func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// redact takes the password out of an error, in case a server repeats what it was sent.
func redact(err error, user, password string) error {
	if password == "" {
		return err
	}
	text := err.Error()
	for _, secret := range []string{
		password, base64.StdEncoding.EncodeToString([]byte(password)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password)),
	} {
		text = strings.ReplaceAll(text, secret, "…")
	}
	var no *notice.Rejection
	switch {
	case text == err.Error():
		return err
	case errors.As(err, &no):
		return &notice.Rejection{Answer: text}
	}
	return errors.New(text)
}

// line is the one connection of a session. The session's end breaks off whatever the
// connection waits for.
type line struct {
	session context.Context
	tls     *tls.Config
	whole   bool // TLS from the first byte
	conn    net.Conn
	stop    func() bool
}

func (l *line) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.conn = conn
	l.stop = context.AfterFunc(l.session, func() { conn.Close() })
	if !l.whole {
		return conn, nil
	}
	c := tls.Client(conn, l.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// hangUp closes the connection; it may be closed already.
func (l *line) hangUp() {
	if l.conn != nil {
		l.stop()
		l.conn.Close()
	}
}

// lastWords leaves little time for the goodbye.
func (l *line) lastWords() {
	if err := l.conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		l.hangUp()
	}
}
