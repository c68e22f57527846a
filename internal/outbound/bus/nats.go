package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// topic is where servers tell each other what changed.
const topic = "sekimori.changed"

// maxSubjects bounds one message; more subjects are told as "anything may have changed".
const maxSubjects = 500

// told is one message between servers.
type told struct {
	Server   string   `json:"server"`
	Subjects []string `json:"subjects"` // null: anything may have changed
}

// NATS joins the hubs of several servers. It only wakes: what must survive is in the
// database, and whoever misses a wake-up looks again by itself.
type NATS struct {
	hub    *Hub
	conn   *nats.Conn
	server string
	log    *slog.Logger
}

// NATSOptions say where the NATS servers are.
type NATSOptions struct {
	URL         string // nats://host:4222, several with commas between
	Credentials string // path of a .creds file; may be empty
	CAFile      string // of the NATS servers' certificate; may be empty
	Server      string // this server's name among its neighbours, unlike any other
}

// JoinNATS connects the hub. The connection comes back by itself for ever; a server
// that cannot reach NATS at its start goes on without and joins later.
func JoinNATS(hub *Hub, o NATSOptions, log *slog.Logger) (*NATS, error) {
	n := &NATS{hub: hub, server: o.Server, log: log}
	opts := []nats.Option{
		nats.Name("sekimori " + o.Server), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(500*time.Millisecond, time.Second), nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2), nats.NoEcho(),
		nats.ReconnectBufSize(-1), // wake-ups that wait for a connection are worth nothing
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("NATS connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			log.Info("NATS connection is back")
			hub.Publish(nil) // whatever was told meanwhile
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("NATS", "error", err)
			hub.Publish(nil) // a slow reader's messages were dropped
		}),
	}
	if o.Credentials != "" {
		opts = append(opts, nats.UserCredentials(o.Credentials))
	}
	if o.CAFile != "" {
		opts = append(opts, nats.RootCAs(o.CAFile))
	}
	var err error
	if n.conn, err = nats.Connect(o.URL, opts...); err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	if _, err := n.conn.Subscribe(topic, n.hear); err != nil {
		n.conn.Close()
		return nil, fmt.Errorf("listen to NATS: %w", err)
	}
	return n, nil
}

// hear passes a neighbour's word on. Garbage wakes everybody: it costs a look.
func (n *NATS) hear(m *nats.Msg) {
	var t told
	if json.Unmarshal(m.Data, &t) != nil || len(t.Subjects) > maxSubjects {
		t = told{}
	}
	if t.Server == n.server && n.server != "" {
		return
	}
	n.hub.Publish(t.Subjects)
}

// Publish tells this server's listeners at once, and the neighbours'.
func (n *NATS) Publish(subjects []string) {
	n.hub.Publish(subjects)
	if len(subjects) > maxSubjects {
		subjects = nil
	}
	raw, err := json.Marshal(told{Server: n.server, Subjects: subjects})
	if err == nil {
		err = n.conn.Publish(topic, raw)
	}
	if err != nil && !errors.Is(err, nats.ErrReconnectBufExceeded) && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrConnectionReconnecting) {
		n.log.Warn("tell neighbours by NATS", "error", err)
	}
}

// Joined reports whether the connection stands at this moment.
func (n *NATS) Joined() bool { return n.conn.IsConnected() }

// Close sends what is waiting and leaves.
func (n *NATS) Close(ctx context.Context) {
	if n.conn.IsConnected() {
		n.conn.FlushWithContext(ctx)
	}
	n.conn.Close()
}
