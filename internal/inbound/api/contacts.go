package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
)

// ContactView is one of one's own contacts. What leads to a room or a browser is never
// given back.
type ContactView struct {
	ID        string    `json:"id"`
	Channel   string    `json:"channel" enum:"mail,push,slack,teams,lineworks,webhook"`
	Address   string    `json:"address" doc:"Mail: the address; else the name of the host it leads to."`
	Name      string    `json:"name,omitempty"`
	Own       bool      `json:"own" doc:"The mail address of the directory."`
	Arrives   bool      `json:"arrives" doc:"Known to arrive within the last 90 days, by a channel that the server has."`
	Off       bool      `json:"off,omitempty" doc:"Its channel is switched off on this server."`
	Verified  time.Time `json:"verified,omitzero"`
	Failed    time.Time `json:"failed,omitzero"`
	FailedWhy string    `json:"failed_why,omitempty"`
}

type contactsOut struct {
	Body struct {
		Items []ContactView `json:"items"`
		Next  string        `json:"next"`
	}
}

type contactIn struct {
	Body struct {
		Channel      string `json:"channel" enum:"mail,push,slack,teams,lineworks,webhook"`
		Name         string `json:"name,omitempty"`
		Address      string `json:"address,omitempty" doc:"Of mail."`
		URL          string `json:"url,omitempty" doc:"Of a chat room or a webhook."`
		Subscription string `json:"subscription,omitempty" doc:"Of push: what the browser's PushSubscription.toJSON gives, as text."`
	}
}

type contactOut struct {
	Body struct {
		ContactView
		Key string `json:"key,omitempty" doc:"Signs what a webhook receives. Shown this once. A repeated request with the same key does not show it again."`
	}
}

type contactRef struct {
	Contact string `path:"contact" maxLength:"100"`
}

type contactCodeIn struct {
	Contact string `path:"contact" maxLength:"100"`
	Body    struct {
		Code string `json:"code" doc:"The six digits that came to the contact."`
	}
}

// contactRoutes are about one's own contacts alone.
func (s *server) contactRoutes() {
	if s.Contacts == nil {
		return
	}
	add(s, op(http.MethodGet, "/me/contacts", "list-contacts", "people", "Where you are told, the directory's mail address first"), s.listContacts)
	create := op(http.MethodPost, "/me/contacts", "add-contact", "people", "Add a contact; nothing goes there before a code that was sent to it is given back")
	create.DefaultStatus = http.StatusCreated
	add(s, create, s.addContact)
	add(s, op(http.MethodPost, "/me/contacts/{contact}/code", "send-contact-code", "people", "Send a code to a contact, good for 30 minutes"),
		func(ctx context.Context, by access.Actor, in *contactRef) (*none, error) {
			return nil, s.Contacts.SendCode(ctx, by, in.Contact)
		})
	add(s, op(http.MethodPost, "/me/contacts/{contact}/verify", "verify-contact", "people", "Give back the code that came to a contact"),
		func(ctx context.Context, by access.Actor, in *contactCodeIn) (*none, error) {
			return nil, s.Contacts.Verify(ctx, by, in.Contact, in.Body.Code)
		})
	add(s, op(http.MethodDelete, "/me/contacts/{contact}", "remove-contact", "people", "Take a contact away"),
		func(ctx context.Context, by access.Actor, in *contactRef) (*none, error) {
			return nil, s.Contacts.Remove(ctx, by, in.Contact)
		})
}

func (s *server) contactOf(o *directory.Org, c directory.Contact) ContactView {
	return ContactView{ID: c.ID, Channel: string(c.Channel), Address: c.Address, Name: c.Name, Own: c.Own(), Arrives: o.Has(c.Channel) && c.Arrives(s.Now()), Off: !o.Has(c.Channel),
		Verified: c.Verified, Failed: c.Failed, FailedWhy: c.FailedWhy}
}

func (s *server) listContacts(ctx context.Context, by access.Actor, _ *none) (*contactsOut, error) {
	cs, err := s.Contacts.Of(ctx, by, by.Person)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &contactsOut{}
	out.Body.Items = []ContactView{}
	for _, c := range cs {
		out.Body.Items = append(out.Body.Items, s.contactOf(o, c))
	}
	return out, nil
}

func (s *server) addContact(ctx context.Context, by access.Actor, in *contactIn) (*contactOut, error) {
	callOf(ctx).redact = without("key")
	c, key, err := s.Contacts.Add(ctx, by, directory.NewContact{Channel: directory.Channel(in.Body.Channel), Name: in.Body.Name, Address: in.Body.Address,
		URL: in.Body.URL, Subscription: in.Body.Subscription})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &contactOut{}
	out.Body.ContactView, out.Body.Key = s.contactOf(o, c), key
	return out, nil
}
