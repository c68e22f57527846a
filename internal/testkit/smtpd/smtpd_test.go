package smtpd_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wneessen/go-mail"

	"sekimori/internal/testkit/smtpd"
)

const (
	user     = "sekimori"
	password = "correct horse"
)

// send submits one Japanese message with an attachment.
func send(t *testing.T, s *smtpd.Server, subject string, opts ...mail.Option) error {
	t.Helper()
	m := mail.NewMsg()
	if err := m.From("sekimori@kaisha.example"); err != nil {
		t.Fatal(err)
	}
	if err := m.To("hanako@kaisha.example", "taro@kaisha.example"); err != nil {
		t.Fatal(err)
	}
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, "届きましたか。\n二行目")
	m.AddAlternativeString(mail.TypeTextHTML, "<p>届きましたか。</p>")
	if err := m.AttachReader("記録.txt", strings.NewReader("一件")); err != nil {
		t.Fatal(err)
	}
	opts = append([]mail.Option{mail.WithPort(s.Port), mail.WithTimeout(10 * time.Second)}, opts...)
	c, err := mail.NewClient(s.Host, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c.DialAndSendWithContext(context.Background(), m)
}

func trust(t *testing.T, s *smtpd.Server) mail.Option {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the CA file holds no certificate")
	}
	return mail.WithTLSConfig(&tls.Config{RootCAs: pool, ServerName: s.Host, MinVersion: tls.VersionTLS12})
}

func TestMessagesArriveReadable(t *testing.T) {
	t.Parallel()
	plainAuth := []mail.Option{mail.WithSMTPAuth(mail.SMTPAuthPlain), mail.WithUsername(user), mail.WithPassword(password)}
	for _, tc := range []struct {
		name string
		opt  smtpd.Options
		dial []mail.Option
	}{
		{"plain", smtpd.Options{}, []mail.Option{mail.WithTLSPolicy(mail.NoTLS)}},
		{"starttls", smtpd.Options{STARTTLS: true, User: user, Password: password}, append(plainAuth, mail.WithTLSPolicy(mail.TLSMandatory))},
		{"implicit", smtpd.Options{ImplicitTLS: true, User: user, Password: password}, append(plainAuth, mail.WithSSL())},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := smtpd.Start(t, tc.opt)
			dial := tc.dial
			if s.CAFile != "" {
				dial = append(dial[:len(dial):len(dial)], trust(t, s))
			}
			if err := send(t, s, "【報告】紛失の疑い①", dial...); err != nil {
				t.Fatal(err)
			}
			m := s.Wait(1, 10*time.Second)[0]
			type seen struct {
				From          string
				To            []string
				Subject, Text string
				HTML          string
				Attached      string
			}
			last := m.Parts[len(m.Parts)-1]
			got := seen{m.From, m.To, m.Subject, strings.TrimSpace(m.Text), strings.TrimSpace(m.HTML), last.Filename + "=" + string(last.Body)}
			want := seen{
				"sekimori@kaisha.example",
				[]string{"hanako@kaisha.example", "taro@kaisha.example"},
				"【報告】紛失の疑い①", "届きましたか。\n二行目", "<p>届きましたか。</p>", "記録.txt=一件",
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("message (-want +got):\n%s", d)
			}
		})
	}
}

func TestServerRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opt  smtpd.Options
		dial []mail.Option
		want string
	}{
		{"no password", smtpd.Options{User: user, Password: password}, nil, "502"},
		{"wrong password", smtpd.Options{User: user, Password: password},
			[]mail.Option{mail.WithSMTPAuth(mail.SMTPAuthPlainNoEnc), mail.WithUsername(user), mail.WithPassword("wrong")}, "535"},
		{"no TLS", smtpd.Options{STARTTLS: true}, nil, "530"},
		{"try again", smtpd.Options{Fail: func(string, []string) error { return smtpd.Refuse(451, "later") }}, nil, "451"},
		{"give up", smtpd.Options{Fail: func(string, []string) error { return smtpd.Refuse(550, "never") }}, nil, "550"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := smtpd.Start(t, tc.opt)
			err := send(t, s, "x", append(tc.dial, mail.WithTLSPolicy(mail.NoTLS))...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %s", err, tc.want)
			}
			if n := len(s.Messages()); n != 0 {
				t.Errorf("%d messages kept, want none", n)
			}
		})
	}
}

func TestServerGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	s := smtpd.Start(t, smtpd.Options{})
	plain := mail.WithTLSPolicy(mail.NoTLS)
	s.Stop()
	if err := send(t, s, "while away", plain); err == nil {
		t.Error("a stopped server took a message")
	}
	s.Restart()
	s.SetFail(func(string, []string) error { return smtpd.Refuse(421, "busy") })
	if err := send(t, s, "while busy", plain); err == nil {
		t.Error("a busy server took a message")
	}
	s.SetFail(nil)
	if err := send(t, s, "back", plain); err != nil {
		t.Fatal(err)
	}
	if got := s.Wait(1, 10*time.Second); len(got) != 1 || got[0].Subject != "back" {
		t.Errorf("kept %d messages, first %q", len(got), got[0].Subject)
	}
}
