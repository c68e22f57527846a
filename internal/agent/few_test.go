package agent

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sekimori/internal/kit/wire"
)

// behind serves a over a socket whose connections are those of the account that who gives.
func (r *rig) behind(a *Agent, who func(net.Conn) string) (socket string) {
	r.t.Helper()
	socket = filepath.Join(r.t.TempDir(), "c.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		r.t.Fatal(err)
	}
	c := newControl(a, l, who)
	c.server.ReadTimeout = time.Second // what is held here is held for so long
	done := make(chan struct{})
	ctx := r.t.Context() // ends before the cleanup
	go func() { c.run(ctx); close(done) }()
	r.t.Cleanup(func() { <-done })
	return socket
}

func (r *rig) dial(socket string) *Service {
	r.t.Helper()
	s, err := Dial(r.t.Context(), socket)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// TestSocketIsHeld: somebody takes all connections of the socket and says nothing, or half of
// something. Whoever comes then is heard at once, and the others are let go.
func TestSocketIsHeld(t *testing.T) {
	t.Parallel()
	for name, who := range map[string]string{"nobody knows by whom": "", "by the account that presses too": "hanako"} {
		for what, begin := range map[string]string{
			"silent":        "",
			"half a head":   "POST /infected HTTP/1.1\r\nHost: a",
			"half a body":   "POST /infected HTTP/1.1\r\nHost: agent\r\nContent-Length: 100\r\n\r\n{",
			"a slow answer": "GET /status HTTP/1.1\r\nHost: agent\r\n\r\nGET /status HTTP/1.1\r\n",
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				a := r.open()
				defer r.close(a)
				socket := r.behind(a, func(net.Conn) string { return who })
				var held []net.Conn
				for range 2 * maxControlConns {
					conn, err := net.Dial("unix", socket)
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					if _, err := io.WriteString(conn, begin); err != nil && len(held) == 0 {
						t.Fatal(err)
					}
					held = append(held, conn)
				}
				s := r.dial(socket)
				if _, problem, err := s.Infected(t.Context(), "held"); err != nil || problem != "" || !r.pc.isUp() {
					t.Fatalf("not heard: %q, %v", problem, err)
				}
				for i, conn := range held {
					if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
						t.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
						t.Fatalf("connection %d is never let go: %v", i, err)
					}
				}
			})
		}
	}
}

// TestRequestsKeepTheirPlace: who has asked is answered, however many come after.
func TestRequestsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	f := newFew(nil, nil)
	pipe := func(who string) *place {
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close(); far.Close() })
		return &place{Conn: near, of: f, who: who}
	}
	var first []*place
	for range maxControlConns {
		p := pipe("")
		if given, ok := f.enter(p); given != nil || !ok {
			t.Fatal("there was room")
		}
		first = append(first, p)
	}
	for _, p := range first[1:] {
		if !p.keep() {
			t.Fatal("a request lost its place")
		}
	}
	if given, ok := f.enter(pipe("hanako")); given != first[0] || !ok {
		t.Error("the only one that has asked nothing kept its place")
	}
	if first[0].keep() {
		t.Error("a place that was given up was kept")
	}
	next := pipe("hanako")
	if given, ok := f.enter(next); !ok || given == nil || given.who != "hanako" {
		t.Error("another newcomer")
	}
	next.keep()
	if _, ok := f.enter(pipe("")); ok {
		t.Error("more than there are places")
	}
	first[1].Close()
	first[1].Close()
	if _, ok := f.enter(pipe("")); !ok || len(f.places) != maxControlConns {
		t.Errorf("%d places are taken", len(f.places))
	}
}

// TestBurntChallenges: a program without rights that uses up every challenge of the hour opens
// nothing, and does not keep the PC's administrator from releasing by telephone.
func TestBurntChallenges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	a := r.open()
	defer r.close(a)
	if _, err := a.Infected(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	var who atomic.Value
	who.Store("malware")
	s := r.dial(r.behind(a, func(net.Conn) string { return who.Load().(string) }))
	right := func(challenge string) string { return wire.ReleaseCode(r.srv.secret, r.srv.id, challenge) }
	burn := func() {
		t.Helper()
		for {
			c, err := s.Challenge(ctx)
			if errors.Is(err, ErrTooManyCodes) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wrong := wire.ReleaseCode(r.srv.secret, "dev_another", c.Challenge)
			for range challengeTries {
				if _, err := s.Release(ctx, wrong); !errors.Is(err, ErrCodeWrong) {
					t.Fatal(err)
				}
			}
		}
	}
	who.Store("root")
	shown, err := s.Challenge(ctx)
	if err != nil {
		t.Fatal(err)
	}
	who.Store("malware")
	if c, err := s.Challenge(ctx); err != nil || c.Challenge == shown.Challenge {
		t.Errorf("the administrator's challenge is everybody's: %v", err)
	}
	burn()
	if _, err := s.Release(ctx, right(shown.Challenge)); !errors.Is(err, ErrNoChallenge) || !r.pc.isUp() {
		t.Errorf("the code of another's challenge: %v", err)
	}
	who.Store("")
	if _, err := s.Challenge(ctx); !errors.Is(err, ErrTooManyCodes) {
		t.Errorf("somebody unknown has an allowance of their own: %v", err)
	}
	who.Store("root")
	if _, err := s.Release(ctx, right(shown.Challenge)); err != nil || r.pc.isUp() {
		t.Errorf("the administrator's code: %v", err)
	}
}

// TestAdministratorAnswersThePeoplesChallenge: shown without rights, answered with them.
func TestAdministratorAnswersThePeoplesChallenge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	a := r.open()
	defer r.close(a)
	if _, err := a.Infected(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	shown, _, err := a.keep.challenge(people)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.keep.release(ctx, administrator, wire.ReleaseCode(r.srv.secret, r.srv.id, shown)); err != nil || r.pc.isUp() {
		t.Errorf("refused: %v", err)
	}
}

// TestCodeIsOfItsIsolation: what was read out during one isolation ends no later one, whoever
// asked for it and whatever ended the first.
func TestCodeIsOfItsIsolation(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]source{"the people's": people, "the administrator's": administrator} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			ctx := t.Context()
			a := r.open()
			defer r.close(a)
			press := func() {
				t.Helper()
				if _, err := a.Infected(ctx, "", ""); err != nil || !r.pc.isUp() {
					t.Fatal(err)
				}
			}
			press()
			shown, _, err := a.keep.challenge(by)
			if err != nil {
				t.Fatal(err)
			}
			used, _, err := a.keep.challenge(!by)
			if err != nil {
				t.Fatal(err)
			}
			right := func(challenge string) string { return wire.ReleaseCode(r.srv.secret, r.srv.id, challenge) }
			if err := a.keep.release(ctx, !by, right(used)); err != nil || r.pc.isUp() {
				t.Fatal(err)
			}
			press()
			if err := a.keep.release(ctx, by, right(shown)); !errors.Is(err, ErrNoChallenge) || !r.pc.isUp() {
				t.Errorf("released by an earlier isolation's code: %v", err)
			}
			last, _, err := a.keep.challenge(by)
			if err != nil {
				t.Fatal(err)
			}
			r.srv.order(wire.Isolation{Order: "ord_1", Local: 2})
			if _, err := a.fetch(ctx); err != nil || r.pc.isUp() {
				t.Fatal(err)
			}
			press()
			if err := a.keep.release(ctx, by, right(last)); !errors.Is(err, ErrNoChallenge) || !r.pc.isUp() {
				t.Errorf("released by a code from before an order's release: %v", err)
			}
		})
	}
}
