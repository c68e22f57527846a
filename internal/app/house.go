package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/agentgw"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/blob"
	"sekimori/internal/outbound/bus"
	"sekimori/internal/outbound/store"
)

// house is the parts of one server, put together but not yet running.
type house struct {
	cfg       Config
	log       *slog.Logger
	keys      *keys
	hub       *bus.Hub
	nats      *bus.NATS // nil on one server
	name      string    // of this server among those that share a database
	pinned    *pinned
	agents    *agentgw.Gateway
	db        *store.DB
	blobs     *blob.Files
	clock     *clock
	zone      *time.Location
	catalogue *i18n.Catalogue
	channels  channels
	intake    *intake // nil: no mail is taken

	services
}

// services are the domain's verbs over one store and one clock. The demo makes a
// second set whose clock walks through the past.
type services struct {
	now       func() time.Time
	access    *access.Service
	people    *directory.Service
	contacts  *directory.Contacts
	notices   *notice.Service
	incidents *incident.Service
	devices   *device.Service
	requests  *request.Service
	assets    *asset.Service
	stocks    *asset.StockService
	takeouts  *takeout.Service
	audit     *audit.Service
	sealer    *journal.Sealer
}

// open puts a server's parts together. The caller closes it.
func open(ctx context.Context, cfg Config, log *slog.Logger, cost access.Cost) (_ *house, err error) {
	h := &house{cfg: cfg, log: log, hub: &bus.Hub{}, name: id.New("srv", wallOf(ctx)())}
	if h.zone, err = time.LoadLocation(cfg.TimeZone); err != nil {
		return nil, fmt.Errorf("load time zone: %w", err)
	}
	if h.catalogue, err = i18n.Load(); err != nil {
		return nil, fmt.Errorf("load catalogue: %w", err)
	}
	if h.keys, err = loadKeys(ctx, filepath.Join(cfg.Data, "keys")); err != nil {
		return nil, err
	}
	if h.pinned, err = newPinned(cfg); err != nil {
		return nil, err
	}
	dsn, err := cfg.dsn()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	tell := h.hub.Publish
	if cfg.NATS.URL != "" {
		h.nats, err = bus.JoinNATS(h.hub, bus.NATSOptions{URL: cfg.NATS.URL, Credentials: cfg.NATS.CredentialsFile, CAFile: cfg.NATS.CAFile, Server: h.name}, log)
		if err != nil {
			return nil, err
		}
		tell = h.nats.Publish
	}
	if h.db, err = store.Open(ctx, dsn, store.Options{Notify: tell, Log: log, Off: cfg.channelsOff()}); err != nil {
		return nil, err
	}
	if err := h.wholeDatabase(ctx); err != nil {
		return nil, err
	}
	if err := h.sameRecord(ctx); err != nil {
		return nil, err
	}
	if err := h.sameDevices(ctx); err != nil {
		return nil, err
	}
	if err := h.sameCodes(ctx); err != nil {
		return nil, err
	}
	if err := h.sameContacts(ctx); err != nil {
		return nil, err
	}
	if h.blobs, err = blob.OpenFiles(filepath.Join(cfg.Data, "evidence"), h.keys.evidence, wallOf(ctx)()); err != nil {
		return nil, fmt.Errorf("open evidence store: %w", err)
	}
	last, err := h.db.LastEventAt(ctx)
	if err != nil {
		return nil, fmt.Errorf("read newest event: %w", err)
	}
	h.clock = newClock(last, wallOf(ctx))
	if h.services, err = h.serve(ctx, h.clock.Now, cost); err != nil {
		return nil, err
	}
	if err := h.openChannels(); err != nil {
		return nil, err
	}
	h.agents = agentgw.New(agentgw.Parts{Devices: h.devices, Media: h.assets, Live: deep{h.hub}, Server: h.post(), Now: h.now, Log: log})
	return h, nil
}

// post names where PCs hold their streams. A server that is alone has the same name each
// time, so that it finds, and forgets, who was with one that was killed.
func (h *house) post() string {
	if h.cfg.DatabaseFile == "" {
		return "srv_alone"
	}
	return h.name
}

// journalKeyMeta is the name in meta of the key that signs the record.
const journalKeyMeta = "journal_key"

// sameRecord refuses a database whose record was signed by another key.
func (h *house) sameRecord(ctx context.Context) error {
	was, err := h.db.Meta(ctx, journalKeyMeta)
	if err != nil {
		return fmt.Errorf("read journal key of the database: %w", err)
	}
	now := h.keys.journal.String()
	switch {
	case was == now:
		return nil
	case was == "":
		return h.db.SetMeta(ctx, journalKeyMeta, now)
	case !h.keys.journal.Extends(was):
		return fmt.Errorf("the database belongs to journal key %q, the keys folder holds %q: bring the right keys back", was, now)
	}
	if err := h.recordJournalKey(ctx); err != nil {
		return fmt.Errorf("record the new journal key: %w", err)
	}
	return nil
}

// serve makes a set of services with a clock.
func (h *house) serve(ctx context.Context, now func() time.Time, cost access.Cost) (s services, err error) {
	s.now = now
	cal := jpcal.New(h.zone, jpcal.Options{})
	if h.cfg.HolidaysFile != "" {
		f, err := os.Open(h.cfg.HolidaysFile)
		if err != nil {
			return s, fmt.Errorf("config key holidays_file: %w", err)
		}
		defer f.Close()
		official, err := jpcal.ParseOfficial(f)
		if err != nil {
			return s, fmt.Errorf("config key holidays_file: %w", err)
		}
		cal = jpcal.New(h.zone, jpcal.Options{Official: official})
	}
	if s.access, err = access.NewService(ctx, h.db, access.NewHasher(cost, 2), now, access.Rules{Site: h.cfg.BaseURL, Company: h.cfg.Company,
		Seal: h.keys.links.Seal, NoResets: h.cfg.SignIn.ResetByMail == "off"}); err != nil {
		return s, err
	}
	s.people = directory.NewService(h.db, now)
	s.contacts = h.contactsOf(s.people, now)
	s.notices = notice.NewService(h.db, s.people, now, cal)
	if h.cfg.SignIn.ConfirmLinks == "on" {
		s.notices.AlwaysWantProof()
	}
	if err := s.notices.ReloadDaysOff(ctx); err != nil {
		return s, err
	}
	s.incidents, err = incident.NewService(ctx, incident.Parts{Store: h.db, Blobs: h.blobs, People: s.people, Notices: s.notices,
		Tracks: h.db, Now: now, Zone: h.zone, Codes: h.keys.codes, Limits: incident.Limits{
			File: int64(h.cfg.Limits.FileMB) << 20, Case: int64(h.cfg.Limits.CaseMB) << 20,
			Retention: time.Duration(h.cfg.Limits.RetentionDays) * 24 * time.Hour,
		}})
	if err != nil {
		return s, err
	}
	s.devices = device.NewService(device.Parts{Store: h.db, People: s.people, Now: now, Keys: h.keys.devices, Secrets: h.keys.devices,
		Servers: h.pinned.servers, Company: h.cfg.Company, Random: rand.Reader,
		Cases:  cases{incidents: s.incidents, people: s.people, catalogue: h.catalogue, now: now},
		Guards: func(ctx context.Context) (func([]string) wire.GuardMode, error) { return s.assets.Modes(ctx) }})
	if err := h.lend(&s, cal); err != nil {
		return s, err
	}
	if s.audit, err = audit.NewService(h.db.Record(), h.db, h.keys.origin, h.keys.journal.String(), now); err != nil {
		return s, err
	}
	s.sealer = journal.NewSealer(h.db, h.keys.signer, h.keys.origin, now)
	return s, nil
}

func (h *house) close() error {
	var errs []error
	if h.blobs != nil {
		errs = append(errs, h.blobs.Close())
	}
	if h.db != nil {
		errs = append(errs, h.db.Close())
	}
	if h.nats != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		h.nats.Close(ctx)
	}
	return errors.Join(errs...)
}
