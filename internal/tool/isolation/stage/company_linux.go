package stage

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"sekimori/internal/testkit/netns"
)

// Company is the whole of it.
type Company struct {
	t        netns.Owner
	programs Programs
	certs    certificates
	dir      string
	resolv   string // the list of name servers that PCs have

	Office     *netns.Switch
	Management *netns.Space
	Server     *Server
	Files      *Neighbour
	Attacker   *Neighbour
	Names      *Neighbour
}

// New makes a company whose server runs. env is more of the server's settings. Everything
// ends with its owner.
func New(t netns.Owner, p Programs, env ...string) *Company {
	t.Helper()
	c := newCompany(t, p)
	c.Server = NewServer(t, c.Management, p, c.dir, c.certs.CA, URL, append([]string{
		"SEKIMORI_LISTEN=:8443", "SEKIMORI_BASE_URL=" + URL, "SEKIMORI_TLS_CERT_FILE=" + c.certs.Cert, "SEKIMORI_TLS_KEY_FILE=" + c.certs.Key,
		"SEKIMORI_AGENT_ADDRESSES=" + Management4 + "," + Management6,
	}, env...))
	c.Server.usual = netip.AddrPortFrom(netip.MustParseAddr(Management4), Port).String()
	c.Server.Start()
	c.Server.givePhone()
	return c
}

// newCompany makes the machines.
func newCompany(t netns.Owner, p Programs) *Company {
	t.Helper()
	c := &Company{t: t, programs: p, Office: netns.NewSwitch(t), Management: netns.New(t)}
	var err error
	if c.dir, err = os.MkdirTemp("", "sekimori-"); err != nil { // short: it holds sockets
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(c.dir); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	if c.certs, err = certify(c.dir, Host); err != nil {
		t.Fatal(err)
	}
	c.resolv = filepath.Join(c.dir, "resolv.conf")
	if err := os.WriteFile(c.resolv, []byte("nameserver "+Names4+"\nnameserver "+Names6+"\noptions timeout:1 attempts:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Office.Plug(c.Management, "eth0", Prefixes(Management4, Management6)...)
	Echo(t, c.Management)
	c.Files = c.neighbour(Files4, Files6)
	c.Attacker = c.neighbour(Attacker4, Attacker6)
	c.Names = c.neighbour(Names4, Names6)
	c.Names.serveNames(Host, Management4, Management6)
	return c
}

// Serve has a machine answer at the server's port, with the server's own certificate,
// until end is called or the company ends.
func (c *Company) Serve(where *netns.Space, h http.Handler) (end func()) {
	c.t.Helper()
	cert, err := tls.LoadX509KeyPair(c.certs.Cert, c.certs.Key)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.serve(where, h, cert)
}

// ServeUntil is Serve with a certificate of the same authority that holds until a time.
func (c *Company) ServeUntil(where *netns.Space, h http.Handler, until time.Time) (end func()) {
	c.t.Helper()
	raw, err := c.certs.certificate(until.AddDate(-1, 0, 0), until)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.serve(where, h, tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: c.certs.hostKey})
}

func (c *Company) serve(where *netns.Space, h http.Handler, cert tls.Certificate) (end func()) {
	c.t.Helper()
	l := where.Listen("tcp", fmt.Sprintf(":%d", Port))
	server := &http.Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: Patience}
	go server.ServeTLS(l, "", "") // ends with Close
	end = func() { server.Close() }
	c.t.Cleanup(end)
	return end
}

// Impostor has somebody else answer where the server did, which must not run.
func (c *Company) Impostor(h http.Handler) (end func()) {
	c.t.Helper()
	return c.Serve(c.Management, h)
}

// Prefixes are a machine's addresses of both versions.
func Prefixes(addr4, addr6 string) []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(addr4), 24), netip.PrefixFrom(netip.MustParseAddr(addr6), 64)}
}
