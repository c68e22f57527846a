package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web"
	weboutbox "sekimori/internal/inbound/web/outbox"
	"sekimori/internal/inbound/web/signin"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/outbound/mailout"
	"sekimori/internal/outbound/store"
)

// DemoOptions choose how the demo runs.
type DemoOptions struct {
	Dir    string // keeps the data here; empty: a temporary folder that goes with the demo
	Listen string // default 127.0.0.1:8420; the next free port when that one is taken
	Lang   string // language of what is printed: "ja" or "en"
}

// demoPassword opens every account of the made-up company; the demo listens on
// loopback only.
const demoPassword = "sekimori-demo"

// demoSender is the address that the demo's mails come from.
const demoSender = "sekimori@kaku.example"

// demoIntake is the address that takes reports by mail in the demo.
const demoIntake = "report@kaku.example"

// Demo makes a made-up company with a story, and serves it on loopback until ctx
// ends. Mails go to a built-in outbox. Without Dir nothing is left behind.
func Demo(ctx context.Context, o DemoOptions, stdout io.Writer, log *slog.Logger) (err error) {
	dir := o.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "sekimori-demo-"); err != nil {
			return fmt.Errorf("make demo folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	ln, err := demoListen(o.Listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	cfg, err := LoadConfig("", func(k string) string {
		return map[string]string{"SEKIMORI_DATA": dir, "SEKIMORI_LISTEN": ln.Addr().String(), "SEKIMORI_INTAKE_LISTEN": "127.0.0.1:0",
			"SEKIMORI_INTAKE_ADDRESSES": demoIntake, "SEKIMORI_INTAKE_TRUSTED": "127.0.0.0/8", "SEKIMORI_COMPANY": "架空商事株式会社(デモ)"}[k]
	})
	if err != nil {
		return err
	}
	fresh := false
	if _, err := os.Stat(filepath.Join(dir, "keys")); errors.Is(err, os.ErrNotExist) {
		fresh = true
		if err := makeKeys(filepath.Join(dir, "keys")); err != nil {
			return err
		}
	}
	// A light hash: forty accounts are made at once, and their password is printed.
	h, err := open(ctx, cfg, log, access.Cost{Memory: 8 << 10, Time: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	sender := mailout.NewOutbox(h.composer(demoSender, h.now), outbox{h.db})
	cat := h.catalogue.Printer(i18n.Lang(o.Lang))
	if fresh {
		fmt.Fprintln(stdout, cat.T("demo.preparing"))
		if err := h.seed(ctx); err != nil {
			return fmt.Errorf("make the demo company: %w", err)
		}
	}
	if err := h.openIntake(demoSender); err != nil {
		return err
	}
	demo := &web.DemoInfo{}
	fmt.Fprintf(stdout, "\n%s\n\n  %s\n\n%s\n", cat.T("demo.ready"), cfg.BaseURL, cat.T("demo.signins", "password", demoPassword))
	for _, r := range demoRoles() {
		org, err := h.people.Org(ctx)
		if err != nil {
			return err
		}
		name := ""
		for _, p := range org.People {
			if p.Number == r.number {
				name = p.Name()
			}
		}
		demo.SignIns = append(demo.SignIns, signin.Ready{Role: r.role, Name: name, Login: "p" + r.number, Password: demoPassword})
		fmt.Fprintf(stdout, "  %-8s %s %s\n", "p"+r.number, name, cat.T(r.role))
	}
	fmt.Fprintf(stdout, "\n%s\n\n  %s\n", cat.T("mailin.demo", "address", demoIntake), h.intake.addr())
	fmt.Fprintf(stdout, "\n%s\n", cat.T("demo.stop"))
	return h.run(ctx, ln, sender, demo, func(ctx context.Context, c *crew) {
		err := h.demoPCs(ctx, c, filepath.Join(dir, "pcs"))
		if err == nil && fresh {
			err = errors.Join(h.demoMedia(ctx), h.demoIsolation(ctx))
		}
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "demo PCs", "error", err)
		}
	})
}

// demoListen takes the address asked for; without one the usual port, or a free one.
func demoListen(addr string) (net.Listener, error) {
	if addr != "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil || !loopback(host) {
			return nil, fmt.Errorf("the demo listens on loopback only, not on %q: its passwords are printed", addr)
		}
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
		return ln, nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:8420")
	if err != nil {
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
	return ln, nil
}

// demoRole is one ready-made sign-in.
type demoRole struct{ role, number string }

func demoRoles() []demoRole {
	return []demoRole{
		{"demo.role.employee", "1102"}, {"demo.role.supervisor", "1101"}, {"demo.role.manager", "1402"},
		{"demo.role.deputy", "1403"}, {"demo.role.it_admin", "1502"}, {"demo.role.auditor", "1406"}, {"demo.role.english", "1206"},
	}
}

// outbox keeps the demo's mails in the store and shows them to the outbox page.
type outbox struct{ db *store.DB }

// Keep keeps one mail as the receiver would see it.
func (o outbox) Keep(ctx context.Context, m mailout.Mail, at time.Time) error {
	return o.db.AddMessage(ctx, store.Message{ID: m.ID, At: at, From: m.From.String(), To: m.To.String(), Subject: m.Subject, Text: m.Text, Headers: m.Headers})
}

// Messages lists the newest mails.
func (o outbox) Messages(ctx context.Context, limit int) ([]weboutbox.Message, error) {
	ms, err := o.db.Messages(ctx, limit)
	out := make([]weboutbox.Message, len(ms))
	for i, m := range ms {
		out[i] = weboutbox.Message(m)
	}
	return out, err
}

// Message gives one mail.
func (o outbox) Message(ctx context.Context, id string) (weboutbox.Message, bool, error) {
	m, ok, err := o.db.Message(ctx, id)
	return weboutbox.Message(m), ok, err
}
