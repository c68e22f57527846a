package app

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/bus"
)

// pinned are the addresses by which an isolated PC reaches this server: those of the
// configuration, or what the server's name means now.
type pinned struct {
	url   string
	host  string
	port  uint16
	fixed []netip.Addr
	look  func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu    sync.Mutex
	addrs []netip.Addr // guarded by mu
}

func newPinned(cfg Config) (*pinned, error) {
	at := cmp.Or(cfg.Agent.URL, cfg.BaseURL)
	u, err := url.Parse(at)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("config key agent.url: want a URL such as https://sekimori.example")
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }) {
		return nil, fmt.Errorf("config key agent.url: write the name %q in its xn-- form", u.Host)
	}
	p := &pinned{url: at, host: u.Hostname(), look: net.DefaultResolver.LookupNetIP}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("config key agent.url: port %q", port)
	}
	p.port = uint16(n)
	for _, s := range cfg.Agent.Addresses {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("config key agent.addresses: %q is no address", s)
		}
		p.fixed = append(p.fixed, a.Unmap())
	}
	if a, err := netip.ParseAddr(p.host); err == nil && p.fixed == nil {
		p.fixed = []netip.Addr{a.Unmap()}
	}
	return p, nil
}

// resolve asks what the server's name means. A failed question leaves what is known.
func (p *pinned) resolve(ctx context.Context) error {
	if p.fixed != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	found, err := p.look(ctx, "ip", p.host)
	if err != nil {
		return fmt.Errorf("find the address of %s, which devices must know: %w", p.host, err)
	}
	for i, a := range found {
		found[i] = a.Unmap().WithZone("")
	}
	slices.SortFunc(found, netip.Addr.Compare)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addrs = slices.Compact(found)
	return nil
}

// servers is what a desired state says.
func (p *pinned) servers() []wire.Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	addrs := p.addrs
	if p.fixed != nil {
		addrs = p.fixed
	}
	return []wire.Server{{URL: p.url, Addrs: slices.Clone(addrs), Port: p.port}}
}

// cases lets devices report and add evidence through the same verbs as people.
type cases struct {
	incidents *incident.Service
	people    *directory.Service
	catalogue *i18n.Catalogue
	now       func() time.Time
}

// ReportInfection stores the report of a PC as its person's. The words of the person, and
// from which PC and account they came, are the case's first fact.
func (c cases) ReportInfection(ctx context.Context, by access.Actor, in wire.Infection, dev device.Device) (id, label string, err error) {
	org, err := c.people.Org(ctx)
	if err != nil {
		return "", "", err
	}
	say := c.catalogue.Printer(i18n.Lang(org.People[by.Person].Lang))
	// The PC's clock is a claim; a time that cannot be is no time.
	found := incident.Moment{At: in.At.Time(), Known: in.At != 0 && !in.At.Time().After(c.now())}
	kind, summary := incident.Virus, say.T("device.infected", "name", dev.Name)
	if in.Kind != "" {
		first, _, _ := strings.Cut(in.Note, "\n")
		kind, summary = incident.Kind(in.Kind), cmp.Or(first, say.T("device.reported", "kind", say.T("kind."+in.Kind), "name", dev.Name))
	}
	// The PC may have another name when it repeats what was not answered: its key decides.
	i, err := c.incidents.Report(ctx, by, incident.Report{Kind: kind, Summary: clip(summary, incident.MaxSummary),
		Discovered: found, Channel: "agent", Key: in.Key, KeyAlone: true, Words: toldBy(say, in, dev)})
	if err != nil {
		return "", "", err
	}
	return i.ID, i.Label, nil
}

// toldBy is what somebody wrote at a PC, and from where it came: claims of the PC.
func toldBy(say i18n.Printer, in wire.Infection, dev device.Device) string {
	from := say.T("device.told", "name", dev.Name, "user", in.User)
	if in.User == "" {
		from = say.T("device.told_by_somebody", "name", dev.Name)
	}
	if in.Note == "" {
		return from
	}
	return clip(in.Note, incident.MaxText/2) + "\n\n" + from
}

// AddEvidence keeps a file of the PC with its case.
func (c cases) AddEvidence(ctx context.Context, by access.Actor, incidentID string, f device.File) ([32]byte, int64, error) {
	e, err := c.incidents.AddEvidence(ctx, by, incidentID, incident.Upload{Name: f.Name, Media: f.Media, Body: f.Body, Once: f.Once})
	return e.SHA256, e.Size, err
}

// Sees reports whether the actor may see the case.
func (c cases) Sees(ctx context.Context, by access.Actor, incidentID string) (bool, error) {
	_, err := c.incidents.Case(ctx, by, incidentID)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Denied) {
		return false, nil
	}
	return err == nil, err
}

// clip keeps the first n characters.
func clip(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

// renewDevices keeps every PC's desired state fresh, a part at a time.
func (h *house) renewDevices(ctx context.Context) error {
	if err := h.pinned.resolve(ctx); err != nil {
		return err
	}
	_, err := h.devices.Renew(ctx)
	return err
}

// deep listens with room for many changes, because looking at every device is work.
type deep struct{ hub *bus.Hub }

// Subscribe listens until ctx ends.
func (d deep) Subscribe(ctx context.Context) <-chan []string { return d.hub.SubscribeDeep(ctx, 1024) }
