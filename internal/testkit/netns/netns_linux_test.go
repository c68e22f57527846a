package netns_test

import (
	"context"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/netns"
)

func TestSpacesAreMachinesOnASwitch(t *testing.T) {
	t.Parallel()
	a, b, c := netns.New(t), netns.New(t), netns.New(t)
	left, right := netns.NewSwitch(t), netns.NewSwitch(t)
	left.Plug(a, "eth0", netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8:1::1/64"))
	left.Plug(b, "eth0", netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("2001:db8:1::2/64"))
	right.Plug(b, "eth1", netip.MustParsePrefix("198.51.100.2/24"), netip.MustParsePrefix("2001:db8:2::2/64"))
	right.Plug(c, "eth0", netip.MustParsePrefix("198.51.100.3/24"), netip.MustParsePrefix("2001:db8:2::3/64"))
	b.Forward()
	a.Route(netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("192.0.2.2"))
	a.Route(netip.MustParsePrefix("2001:db8:2::/64"), netip.MustParseAddr("2001:db8:1::2"))
	c.Route(netip.MustParsePrefix("192.0.2.0/24"), netip.MustParseAddr("198.51.100.2"))
	c.Route(netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParseAddr("2001:db8:2::2"))

	l := c.Listen("tcp", ":80")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "from "+conn.RemoteAddr().String())
			conn.Close()
		}
	}()
	get := func(address string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		conn, err := a.Dial(ctx, "tcp", address)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		said, err := io.ReadAll(conn)
		return string(said), err
	}
	for address, want := range map[string]string{"198.51.100.3:80": "from 192.0.2.1:", "[2001:db8:2::3]:80": "from [2001:db8:1::1]:"} {
		if got, err := get(address); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
	a.ForgetNeighbours()
	b.ForgetNeighbours()
	if _, err := get("[2001:db8:2::3]:80"); err != nil {
		t.Error(err)
	}
	a.SetLink("eth0", false)
	if _, err := get("198.51.100.3:80"); err == nil {
		t.Error("without a cable it is reached")
	}
}

func TestProgramsRunInside(t *testing.T) {
	t.Parallel()
	s := netns.New(t)
	own, err := os.Readlink("/proc/thread-self/ns/net") // self is the first thread, which may be a machine's
	if err != nil {
		t.Fatal(err)
	}
	inside, err := s.Run(t.Context(), "readlink", "/proc/self/ns/net")
	if err != nil || strings.TrimSpace(inside) == own {
		t.Errorf("a program ran in %q, %v", inside, err)
	}
	byPath, err := os.Stat(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	err = s.Do(func() error {
		here, err := os.Stat("/proc/thread-self/ns/net")
		if err == nil && !os.SameFile(here, byPath) {
			t.Error("Path is not where Do runs")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := s.Run(t.Context(), "ls", "/nowhere"); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("the complaint of a failed program is not told: %v", err)
	}
}
