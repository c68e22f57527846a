package mailout

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
)

// SMTP submits mails to a mail server. While Run runs, a connection on which a mail went
// well waits a little for the next one; a server that was restarted, or a changed
// password, needs no attention here.
type SMTP struct {
	composer *Composer
	opt      Options
	tls      *tls.Config
	kept     pool
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
	return &SMTP{composer: c, opt: o, tls: trust, kept: pool{idle: o.KeepFor, mails: o.KeepMails}}, nil
}

// Send composes the notice and submits it.
func (s *SMTP) Send(ctx context.Context, a notice.Attempt, t notice.Track) (string, error) {
	m, err := s.composer.Compose(ctx, a, t)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	return s.Deliver(ctx, m)
}

// Run keeps connections between mails until ctx ends, and then takes leave on each of
// them. Without it every mail has a connection of its own. Run it once.
func (s *SMTP) Run(ctx context.Context) { s.kept.run(ctx) }

// SendCheckpoint composes the mail that brings a checkpoint to an auditor, and submits it.
func (s *SMTP) SendCheckpoint(ctx context.Context, person string, cp journal.Checkpoint, every string) (string, error) {
	m, err := s.composer.Checkpoint(ctx, person, cp, every)
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
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	if l := s.kept.take(ctx, s.opt.Timeout/3); l != nil {
		answer, handed, err := s.submit(ctx, l, m, msg)
		if err == nil || handed || ctx.Err() != nil {
			return answer, err
		}
		// The connection may have ended while it waited, and even a refusal may mean
		// "no more on this connection": what counts is what a fresh one says. Nothing
		// of the mail was handed over yet, so it cannot arrive twice by this.
	}
	l, err := s.connect(ctx)
	if err != nil {
		return "", err
	}
	answer, _, err := s.submit(ctx, l, m, msg)
	return answer, err
}

// submit hands the mail over and keeps the connection, or ends it after any error. It
// also tells whether the server had agreed to take the content: from then on only its
// answer says whether the mail is taken, and without one nobody knows.
func (s *SMTP) submit(ctx context.Context, l *line, m Mail, msg *mail.Msg) (answer string, handed bool, err error) {
	w, err := begin(l.client, m)
	if err == nil {
		handed = true
		answer, err = l.content(w, msg, s.opt.Timeout)
	}
	if err != nil {
		return "", handed, l.broken(ctx, err)
	}
	s.kept.keep(l)
	return answer, true, nil
}

// begin says from whom and to whom, and asks to send the content. A server forgets the
// mail before with its last line (RFC 5321, 4.1.1.4), so nothing is to be reset.
func begin(c *smtp.Client, m Mail) (io.WriteCloser, error) {
	from := m.From.Mail
	if m.Bounceless {
		from = ""
	}
	if err := c.Mail("<" + from + ">"); err != nil {
		return nil, fmt.Errorf("mail server, sender: %w", err)
	}
	if err := c.Rcpt("<" + m.To.Mail + ">"); err != nil {
		err = judge("receiver", err)
		var no *notice.Rejection
		if errors.As(err, &no) && no.Gone {
			no.Mailbox = m.To.Mail
		}
		return nil, err
	}
	w, err := c.Data()
	if err != nil {
		return nil, judge("content", err)
	}
	return w, nil
}

// Ping connects, verifies the certificate and signs in, as a mail would, and sends none.
func (s *SMTP) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	l, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if err := l.client.Noop(); err != nil {
		return l.broken(ctx, fmt.Errorf("mail server: %w", err))
	}
	l.goodbye()
	return nil
}

// connect gives a fresh connection that is encrypted and signed in, bound to ctx.
func (s *SMTP) connect(ctx context.Context) (*line, error) {
	password, err := s.opt.password()
	if err != nil {
		return nil, err
	}
	l := &line{session: ctx, tls: s.tls, whole: s.opt.Mode == "tls", user: s.opt.User, password: password}
	dialler, err := mail.NewClient(s.opt.Host, s.settings(l, password)...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	if l.client, err = dialler.DialToSMTPClientWithContext(ctx); err != nil {
		return nil, l.broken(ctx, fmt.Errorf("mail server %s: %w", dialler.ServerAddr(), err))
	}
	return l, nil
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
// of the sign-in, of our right to submit, of our own address, or of a command, concerns
// every mail alike.
func judge(what string, err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) || reply.Code < 500 {
		return fmt.Errorf("mail server, %s: %w", what, err)
	}
	switch reply.Code {
	case 500, 501, 502, 503, 504, 521, 530, 534, 535, 538:
		return fmt.Errorf("mail server, %s: %w", what, err)
	}
	no := &notice.Rejection{Answer: oneLine(reply.Error())}
	if what != "receiver" {
		return no
	}
	// RFC 3463. Many servers say only to RCPT what they have against the sender or us.
	switch said := enhanced(reply.Msg); {
	case said[0] == "7", said[0] == "5", said[0] == "1" && (said[1] == "7" || said[1] == "8"): // such as "relaying denied"
		return fmt.Errorf("mail server, %s: %w", what, err)
	case said[0] == "1" || said[0] == "2" || said[0] == "4":
		no.Gone = true
	case said[0] == "" || said[0] == "0": // it says no more than RFC 5321 does: 552 and 554 are not about the mailbox alone
		no.Gone = reply.Code == 550 || reply.Code == 551 || reply.Code == 553
	}
	return no
}

// enhanced gives subject and detail of an enhanced status code 5.x.y; both are empty when the
// answer begins with none.
func enhanced(answer string) (said [2]string) {
	code, _, _ := strings.Cut(answer, " ")
	if class, rest, ok := strings.Cut(code, "."); ok && class == "5" {
		said[0], said[1], _ = strings.Cut(rest, ".")
	}
	return said
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
	for _, f := range m.Files { // in base64: a signed text is another one with other line ends
		msg.AttachReadSeeker(oneLine(f.Name), bytes.NewReader(f.Text), mail.WithFileEncoding(mail.EncodingB64), mail.WithFileContentType("text/plain; charset=utf-8"))
	}
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
		return &notice.Rejection{Answer: text, Gone: no.Gone, Mailbox: no.Mailbox}
	}
	return errors.New(text)
}
