package bus

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sekimori/internal/testkit/natsd"
)

// join makes a server's hub with an ear.
func join(t *testing.T, url, server string) (*NATS, <-chan []string) {
	t.Helper()
	hub := &Hub{}
	n, err := JoinNATS(hub, NATSOptions{URL: url, Server: server}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); n.Close(context.Background()) })
	return n, hub.SubscribeDeep(ctx, 64)
}

// hears waits until an ear hears exactly want, or everything (nil).
func hears(t *testing.T, ear <-chan []string, want []string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case got := <-ear:
			if slices.Equal(got, want) && (got == nil) == (want == nil) {
				return
			}
		case <-deadline:
			t.Fatalf("never heard %v", want)
		}
	}
}

func TestNATSJoinsServers(t *testing.T) {
	t.Parallel()
	srv := natsd.Start(t)
	one, ear1 := join(t, srv.URL, "one")
	_, ear2 := join(t, srv.URL, "two")
	// The subscription of the second may be a moment behind its connection.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		one.Publish([]string{"dev_1"})
		select {
		case got := <-ear2:
			if !slices.Equal(got, []string{"dev_1"}) {
				t.Fatalf("heard %v", got)
			}
		default:
			if time.Now().After(end) {
				t.Fatal("the second server hears nothing")
			}
			continue
		}
		break
	}
	hears(t, ear1, []string{"dev_1"})

	many := make([]string, maxSubjects+1)
	one.Publish(many)
	hears(t, ear2, nil)

	srv.Kill()
	one.Publish([]string{"dev_2"}) // its own listeners hear it all the same
	hears(t, ear1, []string{"dev_2"})
	if err := srv.Again(); err != nil {
		t.Fatal(err)
	}
	hears(t, ear2, nil) // looks at everything once it is back
	// Each of the two comes back in its own time.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		one.Publish([]string{"dev_3"})
		select {
		case got := <-ear2:
			if slices.Equal(got, []string{"dev_3"}) {
				return
			}
		default:
		}
		if time.Now().After(end) {
			t.Fatal("the second server hears nothing after NATS came back")
		}
	}
}

func TestNATSAwayAtTheStart(t *testing.T) {
	t.Parallel()
	n, ear := join(t, "nats://127.0.0.1:1", "one")
	n.Publish([]string{"dev_1"})
	hears(t, ear, []string{"dev_1"})
	if n.Joined() {
		t.Error("joined what is not there")
	}
}

func TestNATSGarbageWakesEverybody(t *testing.T) {
	t.Parallel()
	srv := natsd.Start(t)
	one, _ := join(t, srv.URL, "one")
	_, ear2 := join(t, srv.URL, "two")
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err := one.conn.Publish(topic, []byte("{not json")); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-ear2:
			if got != nil {
				t.Errorf("heard %v", got)
			}
			return
		default:
		}
	}
	t.Fatal("never heard")
}
