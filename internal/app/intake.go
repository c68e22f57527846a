package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/mailin"
	"sekimori/internal/outbound/mailout"
)

// intake is the way in for mails.
type intake struct {
	server *mailin.Server
	ln     net.Listener
	mails  *prometheus.CounterVec // by what became of them
}

// openIntake listens for mails where the configuration says so. from is the address that
// our own mails come from.
func (h *house) openIntake(from string) error {
	c := h.cfg.Intake
	if c.Listen == "" {
		return nil
	}
	networks, err := prefixes(c.Networks)
	if err != nil {
		return fmt.Errorf("config key intake.networks: %w", err)
	}
	trusted, err := prefixes(c.Trusted)
	if err != nil {
		return fmt.Errorf("config key intake.trusted: %w", err)
	}
	base, err := url.Parse(h.cfg.BaseURL)
	if err != nil {
		return fmt.Errorf("config key base_url: %w", err)
	}
	o := mailin.Options{Host: base.Hostname(), Own: []string{strings.ToLower(from)}, IDHost: mailout.IDHost(h.cfg.BaseURL), Networks: networks,
		Trusted: trusted, Hosts: c.Hosts, MaxBytes: int64(c.MaxMB) << 20, Kind: incident.Kind(c.Kind), Demo: from == demoSender}
	for _, a := range c.Addresses {
		o.Addresses = append(o.Addresses, strings.ToLower(a))
	}
	if h.cfg.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(h.cfg.TLS.Cert, h.cfg.TLS.Key)
		if err != nil {
			return fmt.Errorf("config keys tls: %w", err)
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("config key intake.listen: %w", err)
	}
	h.intake = &intake{ln: ln, mails: mailsIn()}
	h.intake.server = mailin.New(mailin.Parts{Cases: h.incidents, Notices: h.notices, People: h.people, Catalogue: h.catalogue, Now: h.now, Log: h.log,
		Count: func(o mailin.Outcome) { h.intake.mails.WithLabelValues(string(o)).Inc() }}, o)
	return nil
}

// mailsIn counts mails by what became of them; every outcome is there from the start.
func mailsIn() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekimori_mails_in_total", Help: "Mails to the intake, and connections turned away, by what became of them."}, []string{"outcome"})
	for _, o := range mailin.Outcomes() {
		c.WithLabelValues(string(o))
	}
	return c
}

// run takes mails until ctx ends.
func (i *intake) run(ctx context.Context, log *slog.Logger) {
	log.InfoContext(ctx, "mail intake listens", "address", i.addr())
	if err := i.server.Run(ctx, i.ln); err != nil {
		log.ErrorContext(ctx, "mail intake", "error", err)
	}
}

func (i *intake) addr() string { return i.ln.Addr().String() }

func (i *intake) close() error {
	if i == nil {
		return nil
	}
	return i.ln.Close()
}

// replyTo is where answers to receipts go; "" when no mail is taken.
func (h *house) replyTo() string {
	if h.cfg.Intake.Listen == "" || len(h.cfg.Intake.Addresses) == 0 {
		return ""
	}
	return h.cfg.Intake.Addresses[0]
}

// checkIntake names what is wrong with the intake's settings.
func (c *Config) checkIntake(bad func(key, why string)) {
	i := c.Intake
	if i.Listen == "" {
		return
	}
	host, _, err := net.SplitHostPort(i.Listen)
	if err != nil {
		bad("intake.listen", "want host:port, such as 127.0.0.1:2525")
	} else if c.TLS.Cert == "" && !loopback(host) {
		bad("intake.listen", "without tls only a loopback address: put a mail server on this machine in front, or give tls.cert_file and tls.key_file")
	}
	if len(i.Addresses) == 0 {
		bad("intake.addresses", "at least one address is needed that mail is taken for")
	}
	for _, a := range i.Addresses {
		if p, err := netmail.ParseAddress("<" + a + ">"); err != nil || p.Address != a {
			bad("intake.addresses", a+" is not a mail address")
		}
	}
	for key, list := range map[string][]string{"intake.networks": i.Networks, "intake.trusted": i.Trusted} {
		if _, err := prefixes(list); err != nil {
			bad(key, err.Error())
		}
	}
	if most := c.fileMB(); i.MaxMB < 1 || i.MaxMB > most {
		bad("intake.max_mb", fmt.Sprintf("want 1 to %d, as limits.file_mb says: the mail itself is kept as a file", most))
	}
	if !incident.Kind(i.Kind).Valid() {
		bad("intake.kind", "want one of the ten kinds, such as complaint")
	}
}

// fileMB is how large one file may be.
func (c *Config) fileMB() int {
	if c.Limits.FileMB > 0 {
		return c.Limits.FileMB
	}
	return 25
}
