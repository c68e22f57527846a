// Package app chooses the parts and starts them: it is the one place that knows which
// store, which sender and which clock. It holds no rule of the business.
package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Config is the server's settings. Every key can be given by the environment as
// SEKIMORI_<KEY>, tables joined by _: SEKIMORI_MAIL_HOST. The environment wins.
// Secrets are given as paths of files.
type Config struct {
	Listen         string   `toml:"listen"`          // host:port; default 127.0.0.1:8420
	BaseURL        string   `toml:"base_url"`        // as browsers reach the server; default from listen
	Company        string   `toml:"company"`         // shown in mails
	Data           string   `toml:"data"`            // folder of keys, evidence and the SQLite database
	Database       string   `toml:"database"`        // SQLite file, or empty for one in Data
	DatabaseFile   string   `toml:"database_file"`   // file that holds a postgres:// URL; wins over Database
	TimeZone       string   `toml:"time_zone"`       // default Asia/Tokyo
	TrustedProxies []string `toml:"trusted_proxies"` // networks whose X-Forwarded-* are believed
	MetricsOpen    bool     `toml:"metrics_open"`    // answer /metrics to other than loopback
	HolidaysFile   string   `toml:"holidays_file"`   // the Cabinet Office's list as CSV, overrides the computed days

	TLS struct {
		Cert string `toml:"cert_file"`
		Key  string `toml:"key_file"`
	} `toml:"tls"`
	Mail struct {
		Host         string `toml:"host"`
		Port         int    `toml:"port"` // default 587 for starttls, 465 for tls
		Mode         string `toml:"mode"` // starttls (default), tls, or none (loopback only)
		User         string `toml:"user"`
		PasswordFile string `toml:"password_file"`
		CAFile       string `toml:"ca_file"`
		From         string `toml:"from"` // address of the sender
	} `toml:"mail"`
	Limits struct {
		FileMB        int `toml:"file_mb"`
		CaseMB        int `toml:"case_mb"`
		RetentionDays int `toml:"retention_days"`
	} `toml:"limits"`
	Journal struct {
		CheckpointDir  string `toml:"checkpoint_dir"`  // signed checkpoints are copied here: another disk or machine
		CheckpointMail string `toml:"checkpoint_mail"` // daily (default), weekly or off: the newest is mailed to the auditors
	} `toml:"journal"`
	Hooks struct {
		Off    bool     `toml:"off"`     // nobody adds chat rooms and webhooks
		Allow  []string `toml:"allow"`   // networks inside that contacts may lead to
		CAFile string   `toml:"ca_file"` // PEM; trusted beside the system's authorities
	} `toml:"hooks"`
	Push struct {
		Off bool `toml:"off"` // no push messages to browsers
	} `toml:"push"`
	Intake struct {
		Listen    string   `toml:"listen"`    // host:port; empty: no mail is taken
		Addresses []string `toml:"addresses"` // that mail is taken for
		Networks  []string `toml:"networks"`  // whose machines may connect; default loopback and private
		Trusted   []string `toml:"trusted"`   // of these: From is believed, because they let only our own people write
		Hosts     []string `toml:"hosts"`     // mail servers whose Authentication-Results are believed
		MaxMB     int      `toml:"max_mb"`    // of one mail; default 25
		Kind      string   `toml:"kind"`      // of a report whose subject names none; default complaint
	} `toml:"intake"`
	// Watchdog is how those who run the server hear, by another way than the mail server, that
	// people are not being told.
	Watchdog struct {
		WebhookFile string       `toml:"webhook_file"` // file that holds the URL to post alarms to
		WebhookAs   string       `toml:"webhook_as"`   // webhook (default), slack, teams or lineworks
		KeyFile     string       `toml:"key_file"`     // signs what is posted to a webhook
		PingFile    string       `toml:"ping_file"`    // file that holds a URL that is asked for each minute while all is well
		Mail        watchdogMail `toml:"mail"`         // a second mail server
	} `toml:"watchdog"`
	Agent struct {
		URL       string   `toml:"url"`       // as PCs reach the server; default base_url
		Addresses []string `toml:"addresses"` // what an isolated PC may reach; default: what the name of url means
	} `toml:"agent"`
	SignIn struct {
		ResetByMail  string `toml:"reset_by_mail"` // on (default) or off: people ask for a new password by mail
		ConfirmLinks string `toml:"confirm_links"` // off (default) or on: the link of a notice answers only with the password, or in a browser that has shown it
	} `toml:"signin"`
	NATS struct {
		URL             string `toml:"url"` // joins several servers on one database; empty: they look every 2 s
		CredentialsFile string `toml:"credentials_file"`
		CAFile          string `toml:"ca_file"`
	} `toml:"nats"`
}

// LoadConfig reads the file (may be "") and the environment, fills defaults and
// checks everything; each error names its key.
func LoadConfig(path string, env func(string) string) (Config, error) {
	var c Config
	if path != "" {
		md, err := toml.DecodeFile(path, &c)
		if err != nil {
			return c, fmt.Errorf("read config %s: %w", path, err)
		}
		if extra := md.Undecoded(); len(extra) > 0 {
			return c, fmt.Errorf("config %s: unknown key %q", path, extra[0].String())
		}
		c.relativeTo(filepath.Dir(path))
	}
	if err := fromEnv(reflect.ValueOf(&c).Elem(), "SEKIMORI", env); err != nil {
		return c, err
	}
	c.defaults()
	return c, c.check()
}

// relativeTo makes paths in a config file relative to that file.
func (c *Config) relativeTo(dir string) {
	for _, p := range []*string{&c.Data, &c.Database, &c.DatabaseFile, &c.HolidaysFile, &c.TLS.Cert, &c.TLS.Key, &c.Mail.PasswordFile, &c.Mail.CAFile, &c.Journal.CheckpointDir, &c.Hooks.CAFile, &c.Watchdog.WebhookFile, &c.Watchdog.KeyFile, &c.Watchdog.PingFile, &c.Watchdog.Mail.PasswordFile, &c.Watchdog.Mail.CAFile,
		&c.NATS.CredentialsFile, &c.NATS.CAFile} {
		if *p != "" && !filepath.IsAbs(*p) && !strings.HasPrefix(*p, "postgres") {
			*p = filepath.Join(dir, *p)
		}
	}
}

func fromEnv(v reflect.Value, prefix string, env func(string) string) error {
	for i := range v.NumField() {
		name := prefix + "_" + strings.ToUpper(v.Type().Field(i).Tag.Get("toml"))
		f := v.Field(i)
		if f.Kind() == reflect.Struct {
			if err := fromEnv(f, name, env); err != nil {
				return err
			}
			continue
		}
		s := env(name)
		if s == "" {
			continue
		}
		switch f.Kind() {
		case reflect.String:
			f.SetString(s)
		case reflect.Int:
			n, err := strconv.Atoi(s)
			if err != nil {
				return fmt.Errorf("%s: %q is not a whole number", name, s)
			}
			f.SetInt(int64(n))
		case reflect.Bool:
			b, err := strconv.ParseBool(s)
			if err != nil {
				return fmt.Errorf("%s: %q is not true or false", name, s)
			}
			f.SetBool(b)
		case reflect.Slice:
			f.Set(reflect.ValueOf(strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })))
		}
	}
	return nil
}

func (c *Config) defaults() {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&c.Listen, "127.0.0.1:8420")
	set(&c.TimeZone, "Asia/Tokyo")
	set(&c.Mail.Mode, "starttls")
	set(&c.Journal.CheckpointMail, "daily")
	set(&c.SignIn.ResetByMail, "on")
	set(&c.Watchdog.WebhookAs, "webhook")
	set(&c.Watchdog.Mail.Mode, "starttls")
	set(&c.SignIn.ConfirmLinks, "off")
	set(&c.Intake.Kind, "complaint")
	if c.Intake.MaxMB == 0 {
		c.Intake.MaxMB = min(25, c.fileMB())
	}
	if len(c.Intake.Networks) == 0 {
		c.Intake.Networks = []string{"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}
	}
	if c.Mail.Port == 0 {
		c.Mail.Port = 587
		if c.Mail.Mode == "tls" {
			c.Mail.Port = 465
		}
	}
	if c.Data != "" {
		set(&c.Database, filepath.Join(c.Data, "sekimori.db"))
	}
	scheme := "http"
	if c.TLS.Cert != "" {
		scheme = "https"
	}
	set(&c.BaseURL, scheme+"://"+c.Listen)
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
}

func (c *Config) check() error {
	var errs []error
	bad := func(key, why string) { errs = append(errs, fmt.Errorf("config key %s: %s", key, why)) }
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		bad("listen", "want host:port, such as 127.0.0.1:8420")
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		bad("base_url", "want a URL such as https://sekimori.example")
	} else if u.Scheme == "http" && !loopback(u.Hostname()) {
		bad("base_url", "browsers on other machines need https: give tls.cert_file and tls.key_file, or put a TLS proxy in front and set base_url to its https address")
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls", "cert_file and key_file belong together")
	}
	if c.TLS.Cert == "" && !loopback(host) && len(c.TrustedProxies) == 0 {
		bad("listen", "without tls only a loopback address, or trusted_proxies set to the TLS proxy in front")
	}
	if c.Data == "" {
		bad("data", "a folder for keys, evidence and the database is needed")
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil {
		bad("time_zone", "unknown: "+c.TimeZone)
	}
	if _, err := c.proxies(); err != nil {
		bad("trusted_proxies", err.Error())
	}
	if _, err := c.hooksAllow(); err != nil {
		bad("hooks.allow", err.Error())
	}
	if c.Mail.Host != "" {
		if c.Mail.From == "" {
			bad("mail.from", "the sender's address is needed")
		}
		switch c.Mail.Mode {
		case "starttls", "tls":
		case "none":
			if !loopback(c.Mail.Host) {
				bad("mail.mode", "none is only for a mail server on this machine")
			}
		default:
			bad("mail.mode", "want starttls, tls or none")
		}
	}
	c.checkIntake(bad)
	if m := c.Journal.CheckpointMail; m != "daily" && m != "weekly" && m != "off" {
		bad("journal.checkpoint_mail", "want daily, weekly or off")
	}
	if m := c.SignIn.ResetByMail; m != "on" && m != "off" {
		bad("signin.reset_by_mail", "want on or off")
	}
	if m := c.SignIn.ConfirmLinks; m != "on" && m != "off" {
		bad("signin.confirm_links", "want on or off")
	}
	c.checkWatchdog(bad)
	for key, n := range map[string]int{"limits.file_mb": c.Limits.FileMB, "limits.case_mb": c.Limits.CaseMB, "limits.retention_days": c.Limits.RetentionDays} {
		if n < 0 {
			bad(key, "cannot be negative")
		}
	}
	return errors.Join(errs...)
}

func (c *Config) proxies() ([]netip.Prefix, error) { return prefixes(c.TrustedProxies) }

// prefixes reads addresses and networks.
func prefixes(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range texts {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network", s)
		}
		out = append(out, p)
	}
	return out, nil
}

// dsn is the database to open; a URL with a password comes from its file only.
func (c *Config) dsn() (string, error) {
	if c.DatabaseFile == "" {
		return c.Database, nil
	}
	b, err := os.ReadFile(c.DatabaseFile)
	if err != nil {
		return "", fmt.Errorf("config key database_file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
