package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/smtpd"
)

// certificate writes a certificate for 127.0.0.1 and gives the pool that trusts it.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// A server with its own certificate speaks TLS only, sets a cookie that no plain
// connection can carry, and says nothing secret in its log.
func TestServeWithOwnCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool := certificate(t, dir)
	var said strings.Builder
	if err := Init(t.Context(), InitOptions{Dir: filepath.Join(dir, "srv"), Company: "架空商事", AdminName: "管理 太郎", AdminEmail: "admin@kaku.example"}, &said); err != nil {
		t.Fatal(err)
	}
	if err := Init(t.Context(), InitOptions{Dir: filepath.Join(dir, "srv"), AdminName: "x", AdminEmail: "x@kaku.example"}, io.Discard); err == nil {
		t.Error("init wrote over a server")
	}
	password := ""
	for line := range strings.Lines(said.String()) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "password" {
			password = f[1]
		}
	}
	mail := smtpd.Start(t, smtpd.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	cfg, err := LoadConfig(filepath.Join(dir, "srv", "sekimori.toml"), func(k string) string {
		return map[string]string{"SEKIMORI_LISTEN": addr, "SEKIMORI_TLS_CERT_FILE": filepath.Join(dir, "cert.pem"), "SEKIMORI_TLS_KEY_FILE": filepath.Join(dir, "key.pem"),
			"SEKIMORI_MAIL_HOST": mail.Host, "SEKIMORI_MAIL_PORT": "25", "SEKIMORI_MAIL_MODE": "none", "SEKIMORI_MAIL_FROM": "s@kaku.example"}[k]
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var log strings.Builder
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, cfg, io.Discard, slog.New(slog.NewTextHandler(&log, nil))) }() // log is read after done
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for {
		r, err := client.Get("https://" + addr + "/readyz")
		if err == nil {
			r.Body.Close()
			break
		}
		select {
		case err := <-done:
			t.Fatalf("server ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	r, err := client.PostForm("https://"+addr+"/login", url.Values{"login": {"admin@kaku.example"}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK || strings.Contains(r.Request.URL.Path, "login") {
		t.Errorf("sign-in with the one-time password ended at %s with %d", r.Request.URL, r.StatusCode)
	}
	if h := r.Header.Get("Strict-Transport-Security"); h == "" {
		t.Error("no HSTS")
	}
	u, _ := url.Parse("https://" + addr)
	if cs := jar.Cookies(u); len(cs) == 0 || cs[0].Name != "__Host-sekimori" {
		t.Errorf("cookies %v", cs)
	}
	if plain, err := http.Get("http://" + addr + "/login"); err == nil {
		plain.Body.Close()
		if plain.StatusCode == http.StatusOK {
			t.Error("answers in the clear")
		}
	}
	for _, path := range []string{"/healthz", "/metrics"} {
		r, err := client.Get("https://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != http.StatusOK || path == "/metrics" && !strings.Contains(string(b), "sekimori_open_tracks 0") {
			t.Errorf("%s: %d\n%s", path, r.StatusCode, b)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("server ended with %v", err)
	}
	if strings.Contains(log.String(), password) {
		t.Error("the password stands in the log")
	}
}
