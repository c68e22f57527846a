package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"os"
	"path/filepath"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/id"
)

// InitOptions describe a new server.
type InitOptions struct {
	Dir        string // becomes the data folder; must not hold a server yet
	Company    string
	AdminName  string // family name and given name, with a space between
	AdminEmail string
	Env        func(string) string // SEKIMORI_*, such as the PostgreSQL URL's file; may be nil
}

// Init makes the keys, a config file to be completed, the database, and the first
// person: protection manager and IT administrator until others are named. It prints
// that person's one-time password and the journal's public key.
func Init(ctx context.Context, o InitOptions, stdout io.Writer) (err error) {
	if a, err := mail.ParseAddress(o.AdminEmail); err != nil || a.Address != o.AdminEmail {
		return fmt.Errorf("--admin-email: %q is not a mail address", o.AdminEmail)
	}
	family, given, _ := strings.Cut(strings.TrimSpace(o.AdminName), " ")
	if family == "" {
		return errors.New("--admin-name: a name is needed")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("find folder: %w", err)
	}
	if err := makeKeys(filepath.Join(dir, "keys")); err != nil {
		return fmt.Errorf("%s holds a server already, or cannot be written: %w", dir, err)
	}
	conf := filepath.Join(dir, "sekimori.toml")
	if err := writeNew(conf, firstConfig(o.Company, o.AdminEmail)); err != nil {
		return err
	}
	if o.Env == nil {
		o.Env = func(string) string { return "" }
	}
	cfg, err := LoadConfig(conf, o.Env)
	if err != nil {
		return err
	}
	h, err := open(ctx, cfg, slog.New(slog.DiscardHandler), access.Cost{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	password := id.Secret(10)
	if err := h.firstPerson(ctx, family, given, o.AdminEmail, password); err != nil {
		return fmt.Errorf("make the first person: %w", err)
	}
	pub, err := os.ReadFile(filepath.Join(dir, "keys", journalPub))
	if err != nil {
		return fmt.Errorf("read public key: %w", err)
	}
	fmt.Fprintf(stdout, "config   %s\nlogin    %s\npassword %s\njournal  %s", conf, o.AdminEmail, password, pub)
	return nil
}

func firstConfig(company, email string) string {
	q := func(s string) string { return fmt.Sprintf("%q", s) }
	return `# Sekimori. Every key is explained in docs/operations.md; SEKIMORI_<KEY> in the environment wins.
company = ` + q(company) + `
data = "."
listen = "127.0.0.1:8420"
# base_url = "https://sekimori.example"
# trusted_proxies = ["127.0.0.1"]

# [tls]
# cert_file = "tls/cert.pem"
# key_file = "tls/key.pem"

[mail]
host = ""                      # the mail server that takes submissions; needed before serve
port = 587
mode = "starttls"              # or "tls"
user = ""
# password_file = "mail-password"
from = ` + q(email) + `

[journal]
# checkpoint_dir = "/mnt/elsewhere/sekimori"   # signed checkpoints leave this machine
# checkpoint_mail = "daily"                    # and go to the auditors by mail: or "weekly", "off"
`
}

// firstPerson makes the one who will bring in everybody else.
func (h *house) firstPerson(ctx context.Context, family, given, email, password string) error {
	now := h.now()
	dep := directory.Department{ID: id.New("dpt", now), Code: "000", Name: "本社"}
	p := directory.Person{ID: id.New("per", now), Number: "0001", Family: family, Given: given, Email: strings.ToLower(email), Department: dep.ID, Lang: "ja", Verified: now}
	if err := h.people.Found(ctx, access.System(), dep, p); err != nil {
		return err
	}
	for _, d := range []access.Duty{access.ProtectionManager, access.ITAdmin} {
		if err := h.people.SetDuties(ctx, access.System(), d, []string{p.ID}); err != nil {
			return err
		}
	}
	return h.access.SetLogin(ctx, access.System(), p.ID, email, password)
}
