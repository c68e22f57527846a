package agent

import (
	"crypto/ed25519"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"sekimori/internal/kit/wire"
)

// TestPinnedAddresses: an isolated PC asks no DNS for its server, and still checks that
// the certificate is of the server's name; a PC with a wrong date gets through.
func TestPinnedAddresses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	h := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("it speaks %s", r.Proto)
		}
		asked.Add(1)
		w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer h.Close()
	u, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(u.Host)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}))
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	route := func(name string, addrs ...string) Route {
		s := wire.Server{URL: "https://" + name + ":" + u.Port(), Port: at.Port()}
		for _, a := range addrs {
			s.Addrs = append(s.Addrs, netip.MustParseAddr(a))
		}
		r := RouteOf("", []wire.Server{s})
		r.Closed = true
		return r
	}
	for name, c := range map[string]struct {
		route  Route
		wall   time.Time
		floor  time.Time
		tries  int
		refuse bool
	}{
		"pinned":                         {route: route("example.com", "127.0.0.1")},
		"the second address is the one":  {route: route("example.com", "127.0.0.77", "127.0.0.1")},
		"another's certificate":          {route: route("sekimori.example", "127.0.0.1"), refuse: true},
		"no address is known":            {route: route("example.com"), refuse: true},
		"the PC's date is far off":       {route: route("example.com", "127.0.0.1"), wall: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC), floor: time.Now(), tries: 2},
		"the PC's date is far behind":    {route: route("example.com", "127.0.0.1"), wall: time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), floor: time.Now()},
		"and nothing better to go by is": {route: route("example.com", "127.0.0.1"), wall: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC), refuse: true},
	} {
		id := &Identity{Device: wire.DeviceID(key.Public().(ed25519.PublicKey)), CA: ca, Key: key}
		clock := MachineClock()
		if !c.wall.IsZero() {
			clock.Now = func() time.Time { return c.wall }
		}
		client, err := NewClient(ClientOptions{Identity: id, Clock: clock, Route: func() Route { return c.route }})
		if err != nil {
			t.Fatal(err)
		}
		client.clock.issued(wire.MicrosOf(c.floor))
		for range max(1, c.tries) {
			err = client.Facts(t.Context(), wire.Facts{})
		}
		if (err != nil) != c.refuse {
			t.Errorf("%s: %v", name, err)
		}
		client.Close()
	}
	if asked.Load() == 0 {
		t.Error("the server was never reached")
	}
}

func TestCheckServer(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://sekimori.example/":      "https://sekimori.example",
		"https://sekimori.example:8420":  "https://sekimori.example:8420",
		"http://127.0.0.1:8420":          "http://127.0.0.1:8420",
		"http://[::1]:8420":              "http://[::1]:8420",
		"http://localhost:8420":          "http://localhost:8420",
		"http://192.0.2.1:8420":          "",
		"http://localhost.example":       "",
		"https://u:p@sekimori.example":   "",
		"https://sekimori.example/x":     "",
		"https://sekimori.example?x":     "",
		"ftp://sekimori.example":         "",
		"sekimori.example":               "",
		"https://":                       "",
		"https://関守.example":             "",
		"https://xn--6oq0fr0b.example":   "https://xn--6oq0fr0b.example",
		"https://sekimori.example:84:20": "",
	} {
		got, err := CheckServer(given)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q %v", given, got, err)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	servers := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.10:445"), netip.MustParseAddrPort("127.0.0.1:8420"), netip.MustParseAddrPort("[2001:db8::10]:8420")}
	gates := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.10")}
	var got []string
	for _, x := range targets(servers, gates) {
		got = append(got, x.String())
	}
	want := "tcp 192.0.2.10:9, udp 192.0.2.10:53, tcp [2001:db8::10]:445, tcp [2001:db8::10]:9, udp [2001:db8::10]:53, " +
		"tcp 192.0.2.1:445, tcp 192.0.2.1:9, udp 192.0.2.1:53"
	if joined(got) != want {
		t.Errorf("got  %s\nwant %s", joined(got), want)
	}
}
