package stage

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sekimori/internal/testkit/netns"
)

// Server is one management server, and its only administrator.
type Server struct {
	t       netns.Owner
	where   *netns.Space // nil: this machine itself
	program []string
	env     []string
	dir     string // its data
	log     string
	url     string
	usual   string // where it is dialled; "" for what url says
	at      string // where it is dialled now
	token   string // of the administrator
	http    *http.Client
	running *process

	Login, Password string // of the administrator, for the first sign-in
}

// Scopes are what the administrator's token permits.
const Scopes = "device:read,device:manage,incident:read,journal:read,directory:read,directory:edit,health:read"

// NewServer makes a server, its database and its administrator, in a new folder in dir. It
// runs in a machine, or in this one itself when where is nil, once it is started. ca is the
// file of the authority that knows it, or "". env is its settings.
func NewServer(t netns.Owner, where *netns.Space, p Programs, dir, ca, base string, env []string) *Server {
	t.Helper()
	s := &Server{t: t, where: where, program: p.Server, dir: filepath.Join(dir, "server"), log: filepath.Join(dir, "server.log"), url: base}
	s.env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir(), "LANG=en_US.UTF-8",
		"SEKIMORI_MAIL_HOST=127.0.0.1", "SEKIMORI_MAIL_MODE=none", "SEKIMORI_MAIL_PORT=25"}, env...)
	said := strings.Fields(s.run("init", "--dir", s.dir, "--company", "架空商事株式会社", "--admin-name", "管理 太郎", "--admin-email", "admin@kaku.example"))
	for i := range max(0, len(said)-1) {
		switch said[i] {
		case "login":
			s.Login = said[i+1]
		case "password":
			s.Password = said[i+1]
		}
	}
	s.connect(ca)
	return s
}

// Twin makes a second server on the same keys and database. env is what differs.
func (s *Server) Twin(base string, env ...string) *Server {
	s.t.Helper()
	twin := *s
	twin.url, twin.log, twin.running = base, s.log+".twin", nil
	twin.env = append(slices.Clone(s.env), env...)
	s.t.Cleanup(func() { twin.Kill() })
	return &twin
}

// connect gives the administrator a token and the way to the server.
func (s *Server) connect(ca string) {
	s.t.Helper()
	words := strings.Fields(s.run("token", "create", "--config", s.config(), "--person", "0001", "--name", "stage", "--scopes", Scopes))
	if len(words) == 0 {
		s.t.Fatal("no token was given")
	}
	s.token = words[len(words)-1]
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if s.at != "" {
			addr = s.at
		}
		if s.where == nil {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		return s.where.Dial(ctx, network, addr)
	}}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			s.t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	s.http = &http.Client{Transport: transport, Timeout: Patience}
	s.t.Cleanup(transport.CloseIdleConnections)
	s.t.Cleanup(func() { s.Kill() })
}

func (s *Server) config() string { return filepath.Join(s.dir, "sekimori.toml") }

func (s *Server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.program[0], append(append([]string{}, s.program[1:]...), args...)...)
	cmd.Env = slices.Clone(s.env)
	return cmd
}

// run runs one of the server's verbs and gives what it printed.
func (s *Server) run(args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("sekimori %s: %v\n%s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

// StartAlone starts the server where only its own machine reaches it, until it is killed:
// for an administrator who speaks to PCs by telephone.
func (s *Server) StartAlone() {
	s.t.Helper()
	alone := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), Port).String()
	s.at = alone
	s.start("SEKIMORI_LISTEN=" + alone)
}

// Start starts the server and waits until it is ready.
func (s *Server) Start() {
	s.t.Helper()
	s.at = s.usual
	s.start()
}

func (s *Server) start(env ...string) {
	s.t.Helper()
	cmd := s.command("serve", "--config", s.config())
	cmd.Env = append(cmd.Env, env...)
	var err error
	if s.running, err = launch(s.where, cmd, s.log); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
		res, err := s.http.Get(s.url + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-s.running.done:
			s.t.Fatalf("the server ended at once:\n%s", s.Log())
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("the server does not get ready: %v\n%s", err, s.Log())
		}
	}
}

// KeyFile holds what signs the PCs' documents.
func (s *Server) KeyFile() string { return filepath.Join(s.dir, "keys", "device-keys.json") }

// RotateKey makes a new signing key for PCs. The server must not run.
func (s *Server) RotateKey(flags ...string) {
	s.t.Helper()
	s.run(append([]string{"device", "rotate-key", "--config", s.config()}, flags...)...)
}

// Kill ends the server as a power cut does. It may be started again.
func (s *Server) Kill() {
	s.running.end()
	s.running = nil
	s.http.CloseIdleConnections()
}

// Transport is the administrator's way to the server, for others who take it.
func (s *Server) Transport() http.RoundTripper { return s.http.Transport }

// Log is the end of what the server has said.
func (s *Server) Log() string { return tail(s.log) }

// Refusal is an answer of the server that is no success.
type Refusal struct {
	Status int
	Code   string // message id of the reason
	Body   string
}

// Error names the status and the reason.
func (r *Refusal) Error() string { return fmt.Sprintf("the server answers %d %s", r.Status, r.Body) }

// table is rows of a company's people, for the API.
type table string

// Call asks the server's API as the administrator: body, when not nil, goes as JSON, and
// the answer comes into out when that is not nil. An error may be a *Refusal.
func (s *Server) Call(ctx context.Context, method, path string, body, out any) error {
	var send io.Reader
	media := "application/json"
	if rows, ok := body.(table); ok {
		send, media = strings.NewReader(string(rows)), "text/csv"
	} else if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("marshal request: %w", err)
		}
		send = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+"/api/v1"+path, send)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != nil {
		req.Header.Set("Content-Type", media)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= 300 {
		var p struct{ Code string }
		json.Unmarshal(raw, &p) // what is no problem document has no code
		return &Refusal{res.StatusCode, p.Code, string(raw)}
	}
	if out == nil {
		return nil
	}
	if b, ok := out.(*[]byte); ok {
		*b = raw
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("read answer %q: %w", raw, err)
	}
	return nil
}

// Phone is the administrator's telephone, which PCs show when they are isolated.
const Phone = "03-0000-0001"

// givePhone tells the server the administrator's telephone, as people import does.
func (s *Server) givePhone() {
	s.t.Helper()
	rows := table("社員番号,姓,名,メールアドレス,電話番号,部門コード\n0001,管理,太郎,admin@kaku.example," + Phone + ",000\n")
	var plan struct {
		Version int64
		Hash    string
	}
	s.Ask(http.MethodPost, "/people/preview", rows, &plan)
	s.Ask(http.MethodPost, fmt.Sprintf("/people/import?version=%d&hash=%s", plan.Version, url.QueryEscape(plan.Hash)), rows, nil)
}

// Ask is Call for what must succeed.
func (s *Server) Ask(method, path string, body, out any) {
	s.t.Helper()
	if err := s.Call(context.Background(), method, path, body, out); err != nil {
		s.t.Fatalf("%s %s: %v\n%s", method, path, err, s.Log())
	}
}
