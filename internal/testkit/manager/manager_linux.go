package manager

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/netns"
)

// startTime is how long the server may take until it is ready.
const startTime = time.Minute

// Server is a server of one company with one person, who is its IT administrator.
type Server struct {
	CA  string // file of the authority's certificate
	URL string

	t       testing.TB
	space   *netns.Space
	dir     string
	program string
	env     []string
	token   string
	http    *http.Client

	cmd   *exec.Cmd
	ended <-chan struct{} // closed when cmd has ended and was waited for
}

// Person is the employee number of the one person.
const Person = "0001"

// Build builds one of the module's programs as they are shipped, and returns its path.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), path.Base(pkg))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, said)
	}
	return out
}

// Start makes a server that listens in the space, and waits until it is ready. at is the
// first address that PCs may reach it by, also are the others of the same machine.
func Start(t testing.TB, space *netns.Space, at netip.AddrPort, also ...netip.Addr) *Server {
	t.Helper()
	s := &Server{t: t, space: space, dir: t.TempDir(), URL: "https://" + at.String(), program: Build(t, "sekimori/cmd/sekimori")}
	addresses := append([]netip.Addr{at.Addr()}, also...)
	pool := s.certify(addresses)
	var names []string
	for _, a := range addresses {
		names = append(names, a.String())
	}
	s.env = append(os.Environ(), "SEKIMORI_LISTEN="+netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port()).String(), "SEKIMORI_BASE_URL="+s.URL,
		"SEKIMORI_TLS_CERT_FILE="+s.path("cert.pem"), "SEKIMORI_TLS_KEY_FILE="+s.path("key.pem"), "SEKIMORI_AGENT_ADDRESSES="+strings.Join(names, ","),
		// Nobody listens there: messages wait, which is no matter of devices.
		"SEKIMORI_MAIL_HOST=127.0.0.1", "SEKIMORI_MAIL_PORT=2525", "SEKIMORI_MAIL_MODE=none", "SEKIMORI_MAIL_FROM=sekimori@company.example", "SEKIMORI_LANG=en")
	s.run("init", "--dir", s.path("data"), "--company", "Kaku Trading", "--admin-name", "Aoki Hanako", "--admin-email", "hanako@company.example")
	s.token = strings.TrimSpace(s.run("token", "create", "--config", s.path("data/sekimori.toml"), "--person", Person, "--name", "test",
		"--scopes", "device:read,device:manage,incident:read", "--days", "1"))
	s.http = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: space.Dial, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", s.log())
		}
	})
	s.Resume()
	return s
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) log() string {
	b, err := os.ReadFile(s.path("log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4000):])
}

// run runs a command of the program to its end.
func (s *Server) run(args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.program, args...)
	var complaint bytes.Buffer
	cmd.Env, cmd.Stderr = s.env, &complaint
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("sekimori %s: %v\n%s", args[0], err, &complaint)
	}
	return string(out)
}

// Resume starts the server that was stopped, over what it had stored, and waits until it
// is ready.
func (s *Server) Resume() {
	s.t.Helper()
	log, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(s.program, "serve", "--config", s.path("data/sekimori.toml"))
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, log, log
	ended, err := s.space.Keep(cmd)
	if err != nil {
		s.t.Fatalf("start the server: %v", err)
	}
	s.cmd, s.ended = cmd, ended
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			s.t.Fatalf("the server has ended:\n%s", s.log())
		default:
		}
		if _, err = s.call(http.MethodGet, "/readyz", nil, nil); err == nil {
			return
		}
	}
	s.t.Fatalf("the server is not ready: %v", err)
}

// Stop takes the server away, as a crash would.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill() // fails only when it has ended
	<-s.ended
	s.cmd = nil
}

// Device is a PC as the API tells of it.
type Device struct {
	ID        string `json:"id"`
	Online    bool   `json:"online"`
	Isolation struct {
		Wanted   bool     `json:"wanted"`
		State    string   `json:"state"`
		Problems []string `json:"problems"`
		Order    *Order   `json:"order"`
	} `json:"isolation"`
	Facts []struct {
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"`
	} `json:"facts"`
	Orders []Order `json:"orders"` // newest first
}

// Order is a change of what is wanted of a PC.
type Order struct {
	Kind      string    `json:"kind"`
	Via       string    `json:"via"`
	Incident  string    `json:"incident"`
	Requested time.Time `json:"requested"`
	Applied   time.Time `json:"applied"`
	Proven    time.Time `json:"proven"`
}

// Token makes a token that enrols one PC for the person.
func (s *Server) Token() string {
	s.t.Helper()
	var out struct {
		Secret string `json:"secret"`
	}
	s.post("/devices/tokens", map[string]string{"person": Person}, &out)
	return out.Secret
}

// Devices lists the enrolled PCs.
func (s *Server) Devices() []Device {
	s.t.Helper()
	var out struct {
		Items []Device `json:"items"`
	}
	s.must(http.MethodGet, "/devices", nil, &out)
	return out.Items
}

// Device is one PC as it is now.
func (s *Server) Device(id string) Device {
	s.t.Helper()
	var d Device
	s.must(http.MethodGet, "/devices/"+id, nil, &d)
	return d
}

// Isolate orders that a PC be cut off.
func (s *Server) Isolate(id, reason string) {
	s.t.Helper()
	s.post("/devices/"+id+"/isolate", map[string]string{"reason": reason}, nil)
}

// Release orders that a PC be let back.
func (s *Server) Release(id, reason string) {
	s.t.Helper()
	s.post("/devices/"+id+"/release", map[string]string{"reason": reason}, nil)
}

// Code is what releases a PC without the server, for what the PC shows.
func (s *Server) Code(id, challenge, reason string) string {
	s.t.Helper()
	var out struct {
		Code string `json:"code"`
	}
	s.post("/devices/"+id+"/release-code", map[string]string{"challenge": challenge, "reason": reason}, &out)
	return out.Code
}

// Ticket is the permission to take the agent off a PC.
func (s *Server) Ticket(id, reason string) string {
	s.t.Helper()
	var out struct {
		Ticket string `json:"ticket"`
	}
	s.post("/devices/"+id+"/uninstall-ticket", map[string]string{"reason": reason}, &out)
	return out.Ticket
}

func (s *Server) post(path string, in, out any) {
	s.t.Helper()
	s.must(http.MethodPost, path, in, out)
}

func (s *Server) must(method, path string, in, out any) {
	s.t.Helper()
	if said, err := s.call(method, "/api/v1"+path, in, out); err != nil {
		s.t.Fatalf("%s %s: %v\n%s", method, path, err, said)
	}
}

func (s *Server) call(method, path string, in, out any) (said []byte, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), startTime)
	defer cancel()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	said, err = io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = errors.New(res.Status)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(said, out)
	}
	return said, err
}

// certify makes the authority and the server's certificate.
func (s *Server) certify(addresses []netip.Addr) *x509.CertPool {
	s.t.Helper()
	make := func(serial int64, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			s.t.Fatal(err)
		}
		now := time.Now()
		return &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}, key
	}
	ca, caKey := make(1, "Test authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	leaf, key := make(2, "server")
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, a := range addresses {
		leaf.IPAddresses = append(leaf.IPAddresses, net.IP(a.AsSlice()))
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		s.t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		s.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.CA = s.path("ca.pem")
	for name, block := range map[string]*pem.Block{
		s.CA:               {Type: "CERTIFICATE", Bytes: caDER},
		s.path("cert.pem"): {Type: "CERTIFICATE", Bytes: leafDER},
		s.path("key.pem"):  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	if parsed, err := x509.ParseCertificate(caDER); err == nil {
		pool.AddCert(parsed)
	}
	return pool
}

// Await asks about a PC until it is as wanted.
func (s *Server) Await(what, id string, patience time.Duration, so func(Device) bool) Device {
	s.t.Helper()
	var d Device
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if d = s.Device(id); so(d) {
			return d
		}
		if time.Now().After(deadline) {
			raw, _ := json.MarshalIndent(d, "", " ") // made of JSON
			s.t.Fatalf("the server does not see the PC %s: %s", what, raw)
		}
	}
}
