package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigNamesTheKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, env, want string }{
		{"unknown key", "dta = \"x\"\n", "", `unknown key "dta"`},
		{"no data", "", "", "config key data"},
		{"open without tls", "data = \"d\"\nlisten = \"0.0.0.0:80\"\nbase_url = \"https://sekimori.example\"\n", "", "config key listen"},
		{"plain http for others", "data = \"d\"\nbase_url = \"http://sekimori.example\"\n", "", "config key base_url"},
		{"half a certificate", "data = \"d\"\n[tls]\ncert_file = \"c\"\n", "", "config key tls"},
		{"mail in the clear", "data = \"d\"\n[mail]\nhost = \"mail.example\"\nmode = \"none\"\nfrom = \"a@b.example\"\n", "", "config key mail.mode"},
		{"mail without sender", "data = \"d\"\n[mail]\nhost = \"mail.example\"\n", "", "config key mail.from"},
		{"zone", "data = \"d\"\ntime_zone = \"Asia/Edo\"\n", "", "config key time_zone"},
		{"proxy", "data = \"d\"\ntrusted_proxies = [\"x\"]\n", "", "config key trusted_proxies"},
		{"checkpoints by mail", "data = \"d\"\n[journal]\ncheckpoint_mail = \"hourly\"\n", "", "config key journal.checkpoint_mail"},
		{"number in the environment", "data = \"d\"\n", "SEKIMORI_MAIL_PORT=many", "SEKIMORI_MAIL_PORT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "c.toml")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := LoadConfig(path, func(k string) string {
				name, v, _ := strings.Cut(tt.env, "=")
				if k == name {
					return v
				}
				return ""
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error that names %q", err, tt.want)
			}
		})
	}
}

func TestEnvironmentWins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(path, []byte("data = \"d\"\nlisten = \"127.0.0.1:1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(path, func(k string) string {
		return map[string]string{"SEKIMORI_LISTEN": "127.0.0.1:2", "SEKIMORI_MAIL_MODE": "tls", "SEKIMORI_TRUSTED_PROXIES": "10.0.0.1, 192.0.2.0/24"}[k]
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:2" || c.Mail.Port != 465 || len(c.TrustedProxies) != 2 || c.BaseURL != "http://127.0.0.1:2" || c.Journal.CheckpointMail != "daily" || c.Data != filepath.Join(dir, "d") {
		t.Errorf("got %+v", c)
	}
}
