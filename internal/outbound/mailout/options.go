package mailout

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Options say where mails are submitted.
type Options struct {
	Host         string        // name or address, as on the server's certificate
	Port         int           // 0: 587 for starttls, 465 for tls, 25 for none
	Mode         string        // "starttls", "tls" (from the first byte), or "none": on loopback only
	User         string        // empty: no sign-in
	PasswordFile string        // read anew for each connection, so that it can be changed while running
	CAFile       string        // PEM; trusted instead of the system's authorities
	Timeout      time.Duration // of one mail, from dialling to the last answer; 0: 30 s
	KeepFor      time.Duration // how long a connection waits for the next mail; 0: 15 s
	KeepMails    int           // mails that a connection carries at most; 0: 100
}

// ready fills in the defaults and refuses what cannot work or would send a password, or
// a report, in the clear.
func (o Options) ready() (Options, error) {
	ports := map[string]int{"starttls": 587, "tls": 465, "none": 25}
	port, ok := ports[o.Mode]
	switch {
	case o.Host == "":
		return o, errors.New("mail: host is missing")
	case !ok:
		return o, fmt.Errorf(`mail: mode %q is none of "starttls", "tls" and "none"`, o.Mode)
	case o.Mode == "none" && !loopback(o.Host):
		return o, fmt.Errorf(`mail: mode "none" is for a mail server on this machine only, not for %s: use "starttls" or "tls"`, o.Host)
	case o.Port < 0 || o.Port > 65535:
		return o, fmt.Errorf("mail: port %d does not exist", o.Port)
	case o.User != "" && o.PasswordFile == "":
		return o, errors.New("mail: a user needs a password file")
	case o.User == "" && o.PasswordFile != "":
		return o, errors.New("mail: a password file needs a user")
	case o.Timeout < 0:
		return o, fmt.Errorf("mail: timeout %v is negative", o.Timeout)
	case o.KeepFor < 0 || o.KeepMails < 0:
		return o, fmt.Errorf("mail: connections cannot be kept for %v and %d mails", o.KeepFor, o.KeepMails)
	}
	if o.Port == 0 {
		o.Port = port
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.KeepFor == 0 {
		o.KeepFor = 15 * time.Second // below what servers wait for; RFC 5321 asks five minutes of them
	}
	if o.KeepMails == 0 {
		o.KeepMails = 100
	}
	return o, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// trust is the TLS configuration: the certificate is always verified.
func (o Options) trust() (*tls.Config, error) {
	c := &tls.Config{ServerName: o.Host, MinVersion: tls.VersionTLS12}
	if o.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("mail: read authorities: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("mail: %s holds no certificate", o.CAFile)
	}
	return c, nil
}

// password reads the secret; the line's end is not part of it.
func (o Options) password() (string, error) {
	if o.User == "" {
		return "", nil
	}
	b, err := os.ReadFile(o.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("mail: read password: %w", err)
	}
	if b = bytes.TrimRight(b, "\r\n"); len(b) == 0 {
		return "", fmt.Errorf("mail: %s is empty", o.PasswordFile)
	}
	return string(b), nil
}
