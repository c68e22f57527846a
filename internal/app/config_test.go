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
		{"mail taken for nobody", "data = \"d\"\n[intake]\nlisten = \"127.0.0.1:2525\"\n", "", "config key intake.addresses"},
		{"mail taken in the clear", "data = \"d\"\n[intake]\nlisten = \"0.0.0.0:25\"\naddresses = [\"a@b.example\"]\n", "", "config key intake.listen"},
		{"no address", "data = \"d\"\n[intake]\nlisten = \"127.0.0.1:2525\"\naddresses = [\"x\"]\n", "", "config key intake.addresses"},
		{"trusted network", "data = \"d\"\n[intake]\nlisten = \"127.0.0.1:2525\"\naddresses = [\"a@b.example\"]\ntrusted = [\"x\"]\n", "", "config key intake.trusted"},
		{"mails larger than files", "data = \"d\"\n[intake]\nlisten = \"127.0.0.1:2525\"\naddresses = [\"a@b.example\"]\nmax_mb = 30\n", "", "config key intake.max_mb"},
		{"kind of mails", "data = \"d\"\n[intake]\nlisten = \"127.0.0.1:2525\"\naddresses = [\"a@b.example\"]\nkind = \"x\"\n", "", "config key intake.kind"},
		{"shape of alarms", "data = \"d\"\n[watchdog]\nwebhook_as = \"fax\"\n", "", "config key watchdog.webhook_as"},
		{"alarms to nobody", "data = \"d\"\n[watchdog.mail]\nhost = \"mail.example\"\nfrom = \"a@b.example\"\n", "", "config key watchdog.mail.to"},
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
