package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"sekimori/internal/agent"
	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/api"
	"sekimori/internal/inbound/web"
	"sekimori/internal/kit/paper"
	"sekimori/internal/outbound/bus"
	"sekimori/internal/outbound/mailout"
)

// Version is the program's version, as pages and `sekimori version` show it. Server and
// agent are released together.
const Version = agent.Version

// heapGrowth is how far, in percent, the heap grows between two collections. The server
// keeps little and makes much that is dropped at once, so that Go's own 100 collects a few
// megabytes all the time.
const heapGrowth = 400

// heapLimit, in bytes, keeps that growth from following the short peaks: one sign-in's
// password hash alone takes 64 MiB.
const heapLimit = 192 << 20

// Serve runs the server until ctx ends, then lets requests in hand finish.
func Serve(ctx context.Context, cfg Config, stdout io.Writer, log *slog.Logger) error {
	if os.Getenv("GOGC") == "" { // whoever sets it knows better
		defer debug.SetGCPercent(debug.SetGCPercent(heapGrowth))
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(heapLimit))
	}
	h, err := openNewest(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer h.close()
	sender, err := h.smtp()
	if err != nil {
		return err
	}
	if _, err := h.newWatchdog(); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	h.audit.Watch(h.machine)
	if err := h.openIntake(cfg.Mail.From); err != nil {
		return errors.Join(err, ln.Close())
	}
	fmt.Fprintf(stdout, "%s\n", cfg.BaseURL)
	return h.run(ctx, ln, sender, nil, nil)
}

// openNewest opens the server's parts with the key of the record that waits, if one does.
func openNewest(ctx context.Context, cfg Config, log *slog.Logger) (*house, error) {
	h, err := open(ctx, cfg, log, access.Cost{})
	if err != nil {
		return nil, err
	}
	changed, err := h.changeJournalKey(ctx)
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	if !changed {
		return h, nil
	}
	if err := h.close(); err != nil {
		return nil, err
	}
	return open(ctx, cfg, log, access.Cost{})
}

// smtp is the mail way out. A server that cannot mail must not look as if it could.
func (h *house) smtp() (mailer, error) {
	m := h.cfg.Mail
	if m.Host == "" {
		return nil, errors.New("config key mail.host: a mail server is needed, or nobody would be told (`sekimori demo` shows the mails in an outbox)")
	}
	return mailout.NewSMTP(h.composer(m.From, h.now), mailout.Options{Host: m.Host, Port: m.Port, Mode: m.Mode, User: m.User, PasswordFile: m.PasswordFile, CAFile: m.CAFile})
}

func (h *house) composer(from string, now func() time.Time) *mailout.Composer {
	return &mailout.Composer{People: h.people.Org, Cases: h.db.Incident, Policies: h.db.PolicyVersion, Catalogue: h.catalogue, Zone: h.zone,
		Links: h.keys.links, NewCode: h.incidents.IssueCode, BaseURL: h.cfg.BaseURL, From: mailout.Address{Name: h.cfg.Company, Mail: from}, ReplyTo: h.replyTo(), Company: h.cfg.Company, Now: now}
}

// run serves on ln until ctx ends, with the background work beside it, and beside when
// it is not nil: what speaks to the server from outside.
func (h *house) run(ctx context.Context, ln net.Listener, sender mailer, demo *web.DemoInfo, beside func(context.Context, *crew)) error {
	handler, err := h.handler(ctx, demo)
	if err != nil {
		return errors.Join(err, ln.Close(), h.intake.close())
	}
	srv := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
	}
	var c crew
	working, rest := context.WithCancel(context.WithoutCancel(ctx))
	defer rest()
	h.work(working, &c, sender)

	c.start(func() { h.agents.Run(ctx) }) // its streams end first, or closing would wait for them
	failed := make(chan error, 1)
	c.start(func() { failed <- h.listen(srv, ln) })
	if h.intake != nil {
		c.start(func() { h.intake.run(ctx, h.log) })
	}
	if beside != nil {
		c.start(func() { beside(ctx, &c) })
	}
	var runErr error
	select {
	case <-ctx.Done():
	case runErr = <-failed:
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(closing); err != nil {
		srv.Close()
	}
	rest()
	c.wg.Wait()
	if errors.Is(runErr, http.ErrServerClosed) {
		return nil
	}
	return runErr
}

func (h *house) listen(srv *http.Server, ln net.Listener) error {
	if h.cfg.TLS.Cert == "" {
		return srv.Serve(ln)
	}
	srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	return srv.ServeTLS(ln, h.cfg.TLS.Cert, h.cfg.TLS.Key)
}

// handler puts the doors side by side: browsers and programs never share a mux.
func (h *house) handler(ctx context.Context, demo *web.DemoInfo) (http.Handler, error) {
	m := newMetrics(h)
	proxies, err := h.cfg.proxies()
	if err != nil {
		return nil, err
	}
	parts := web.Parts{Access: h.access, People: h.people, Contacts: h.contacts, Offers: h.channels.Offers, PushKey: h.keys.contacts.Push.Public,
		Notices: h.notices, Tracks: h.db, Links: h.keys.links, Incidents: h.incidents,
		Audit: h.audit, Catalogue: h.catalogue, Zone: h.zone, Now: h.now, Log: h.log, Live: until{ctx, h.hub}, Demo: demo, BaseURL: h.cfg.BaseURL,
		Secure: secure(h.cfg.BaseURL), TrustedProxies: proxies, Version: Version, Metrics: m.observe,
		Devices: h.devices, AgentURL: h.pinned.url, Requests: h.requests, Assets: h.assets, Stocks: h.stocks, TakeOuts: h.takeouts, Company: h.cfg.Company}
	if demo != nil {
		parts.Outbox = outbox{h.db}
	}
	if parts.Font, err = paper.LoadFont(); err != nil {
		return nil, err
	}
	pages, err := web.New(parts)
	if err != nil {
		return nil, fmt.Errorf("prepare pages: %w", err)
	}
	rest, err := api.New(api.Parts{Access: h.access, People: h.people, Contacts: h.contacts, Notices: h.notices, Incidents: h.incidents, Audit: h.audit,
		Catalogue: h.catalogue, Zone: h.zone, Now: h.now, Log: h.log, Replies: replies{h.db.Replies()}, Look: h.db.Look, Devices: h.devices,
		Requests: h.requests, Assets: h.assets, Stocks: h.stocks, TakeOuts: h.takeouts})
	if err != nil {
		return nil, fmt.Errorf("prepare API: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", rest)
	mux.Handle("/agent/", web.Behind(proxies, h.agents)) // else all PCs would share the proxy's allowance
	mux.Handle("GET /metrics", m.handler(h.cfg.MetricsOpen))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("/", pages)
	return mux, nil
}

// ready says whether a request would be served: the database answers.
func (h *house) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := h.db.Ping(ctx); err != nil {
		h.log.WarnContext(ctx, "not ready", "error", err)
		http.Error(w, "database does not answer", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

// until ends live streams when the server stops, so that closing need not wait for
// browsers; other requests in hand are let finish.
type until struct {
	stop context.Context
	hub  *bus.Hub
}

// Subscribe listens until ctx ends or the server stops.
func (u until) Subscribe(ctx context.Context) <-chan []string {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(u.stop, cancel)
	return u.hub.Subscribe(ctx)
}

func secure(baseURL string) bool { return len(baseURL) > 6 && baseURL[:6] == "https:" }
