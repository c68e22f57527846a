package mailout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// line is one connection to the mail server. While a mail is under way it is bound to
// the mail's context, whose end breaks off whatever the connection waits for.
type line struct {
	session context.Context // of the mail that it was made for
	tls     *tls.Config
	whole   bool // TLS from the first byte

	user, password string // as signed in with; taken out of errors

	conn   net.Conn
	client *smtp.Client
	stop   func() bool // ends the binding; nil while not bound

	mails int       // taken by the server so far
	since time.Time // when the last one was
}

func (l *line) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.conn = conn
	l.bind(l.session)
	if !l.whole {
		return conn, nil
	}
	c := tls.Client(conn, l.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// bind lets the end of ctx close the connection.
func (l *line) bind(ctx context.Context) {
	conn := l.conn
	l.stop = context.AfterFunc(ctx, func() { conn.Close() })
}

// release ends the binding. False says that the connection is being closed by it.
func (l *line) release() bool {
	whole := l.stop()
	l.session, l.stop = nil, nil
	return whole
}

// content writes the mail, within the time given, and waits for the server's answer.
func (l *line) content(w io.WriteCloser, msg *mail.Msg, limit time.Duration) (string, error) {
	if err := l.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", fmt.Errorf("mail server, content: %w", err)
	}
	if _, err := msg.WriteTo(w); err != nil {
		return "", fmt.Errorf("mail server, content: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", judge("content", err)
	}
	if d, ok := w.(*smtp.DataCloser); ok && d.ServerResponse() != "" {
		return "250 " + oneLine(d.ServerResponse()), nil
	}
	return "accepted", nil
}

// broken ends the connection after an error, and gives the error without the password.
func (l *line) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	l.hangUp() // the library leaves it open when TLS or the sign-in fails
	return redact(err, l.user, l.password)
}

// goodbye ends the connection politely, in little time. What is said now does not
// count: the mails have been taken.
func (l *line) goodbye() {
	if err := l.conn.SetDeadline(time.Now().Add(5 * time.Second)); err == nil {
		l.client.Quit()
	}
	l.hangUp()
}

// hangUp closes the connection; it may be closed already, or never have been made.
func (l *line) hangUp() {
	if l.stop != nil {
		l.stop()
	}
	if l.conn != nil {
		l.conn.Close()
	}
}
