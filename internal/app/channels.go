package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/hook"
	"sekimori/internal/outbound/push"
)

// channels are the ways by which people are told.
type channels struct {
	client *hook.Client
	off    []directory.Channel
	// senders are the ways out by channel. Mail is added when the server begins to work.
	senders map[directory.Channel]sender
}

// sender sends notices and codes by one channel.
type sender interface {
	notice.Sender
	PostCode(ctx context.Context, to directory.Contact, person directory.Person, code string) error
}

// openChannels makes the ways out that the configuration allows.
func (h *house) openChannels() error {
	allow, err := h.cfg.hooksAllow()
	if err != nil {
		return fmt.Errorf("config key hooks.allow: %w", err)
	}
	if h.channels.client, err = hook.NewClient(hook.Guard{Allow: allow}, h.cfg.Hooks.CAFile); err != nil {
		return fmt.Errorf("config key hooks.ca_file: %w", err)
	}
	h.channels.off = h.cfg.channelsOff()
	h.channels.senders = map[directory.Channel]sender{}
	hooks := hook.Sender{Client: h.channels.client, People: h.people.Org, Cases: h.db.Incident, Targets: h.contacts.Target, Catalogue: h.catalogue,
		Zone: h.zone, BaseURL: h.cfg.BaseURL, Company: h.cfg.Company, Now: h.now}
	for _, c := range hookChannels() {
		if h.channels.Offers(c) {
			h.channels.senders[c] = hooks
		}
	}
	if h.channels.Offers(directory.Push) {
		h.channels.senders[directory.Push] = push.Sender{Client: h.channels.client, Judge: hook.Judge, People: h.people.Org, Cases: h.db.Incident,
			Targets: h.contacts.Target, Links: h.keys.links, Keys: h.keys.contacts.Push, Contact: h.operator()}
	}
	return nil
}

// operator is whom a push service may write to about this server.
func (h *house) operator() string {
	if h.cfg.Mail.From != "" {
		return h.cfg.Mail.From
	}
	return h.cfg.BaseURL
}

// byChannel is what notices go out by.
func (c *channels) byChannel() notice.ByChannel {
	out := notice.ByChannel{}
	for channel, s := range c.senders {
		out[string(channel)] = s
	}
	return out
}

// Offers reports whether people may add contacts of a channel.
func (c *channels) Offers(channel directory.Channel) bool { return !slices.Contains(c.off, channel) }

// MayReach is an error when nothing may be sent to the URL on that channel.
func (c *channels) MayReach(channel directory.Channel, url string) error {
	if !c.Offers(channel) {
		return fmt.Errorf("channel %s is switched off", channel)
	}
	return c.client.MayReach(url)
}

// codeWithin is how long a code may take to go out: somebody waits for it.
const codeWithin = 15 * time.Second

// PostCode sends a code by its contact's channel.
func (c *channels) PostCode(ctx context.Context, to directory.Contact, person directory.Person, code string) error {
	s, ok := c.senders[to.Channel]
	if !ok {
		return &directory.Refusal{Answer: "switched off"}
	}
	ctx, cancel := context.WithTimeout(ctx, codeWithin)
	defer cancel()
	err := s.PostCode(ctx, to, person, code)
	var no *notice.Rejection
	if errors.As(err, &no) {
		return &directory.Refusal{Answer: no.Answer}
	}
	return err
}

// contactsOf makes the verbs of contacts for a set of services.
func (h *house) contactsOf(people *directory.Service, now func() time.Time) *directory.Contacts {
	return directory.NewContacts(directory.ContactParts{Store: h.db, People: people, Vault: h.keys.contacts, Poster: &h.channels, Now: now, Random: rand.Reader})
}

// forgetLeavers deletes the contacts of who left.
func (h *house) forgetLeavers(ctx context.Context) error {
	n, err := h.contacts.ForgetLeavers(ctx, access.System())
	if n > 0 {
		h.log.InfoContext(ctx, "contacts of leavers deleted", "contacts", n)
	}
	return err
}

// hookChannels are the channels that are posted to where somebody said.
func hookChannels() []directory.Channel {
	return []directory.Channel{directory.Slack, directory.Teams, directory.LineWorks, directory.Webhook}
}

// channelsOff are the channels that the operator has switched off. Mail cannot be.
func (c *Config) channelsOff() (off []directory.Channel) {
	if c.Push.Off {
		off = append(off, directory.Push)
	}
	if c.Hooks.Off {
		off = append(off, hookChannels()...)
	}
	return off
}

// hooksAllow are the networks inside that contacts may lead to.
func (c *Config) hooksAllow() ([]netip.Prefix, error) { return prefixes(c.Hooks.Allow) }
