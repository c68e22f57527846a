// Package contacts is the pages on which people say where they are told, and prove that
// they read there.
package contacts

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// Contacts are the verbs of contacts.
type Contacts interface {
	Of(ctx context.Context, by access.Actor, person string) ([]directory.Contact, error)
	Add(ctx context.Context, by access.Actor, n directory.NewContact) (c directory.Contact, key string, err error)
	SendCode(ctx context.Context, by access.Actor, contact string) error
	Verify(ctx context.Context, by access.Actor, contact, code string) error
	MayAdd(by access.Actor) bool
	Remove(ctx context.Context, by access.Actor, contact string) error
}

// Deps are what the room needs.
type Deps struct {
	Contacts Contacts
	Offers   func(directory.Channel) bool // what the operator has not switched off
	PushKey  string                       // the server's public key for push messages, base64url
}

//go:embed templates/*.html
var files embed.FS

// Templates are the room's pages.
func Templates() fs.FS { return page.Folder(files) }

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	r := rooms(d)
	return []page.Route{
		{Pattern: "GET /account/contacts", Do: r.list},
		{Pattern: "POST /account/contacts", Do: r.add},
		{Pattern: "GET /account/contacts/{id}", Do: r.one},
		{Pattern: "POST /account/contacts/{id}/code", Do: r.code},
		{Pattern: "POST /account/contacts/{id}/verify", Do: r.verify},
		{Pattern: "POST /account/contacts/{id}/remove", Do: r.remove},
	}
}

type rooms Deps

// Line is one contact in a list.
type Line struct {
	ID, Href, Name, Address, Icon string
	State                         page.Tag
	Detail                        string
	Own                           bool // the person's own mail address
	Waits                         bool // nothing goes there before a code was typed in
}

// LineOf is a contact in words. masked hides the part of a mail address before the @; offered
// says that the server has the contact's channel.
func LineOf(r *page.Request, c directory.Contact, masked, offered bool, now time.Time) Line {
	l := Line{ID: c.ID, Href: "/account/contacts/" + c.ID, Name: c.Name, Address: c.Address, Icon: icon(c.Channel), Own: c.Own(), Waits: !c.Takes()}
	if masked {
		l.Address = c.Masked()
	}
	if l.Name == "" {
		l.Name = r.P.T("contacts.channel." + string(c.Channel))
		if l.Own {
			l.Name = r.P.T("contacts.own_mail")
		}
	}
	switch {
	case !offered:
		l.State = page.Tag{Kind: "yama", Icon: "alert", Text: r.P.T("contacts.off")}
		l.Detail, l.Waits = r.P.T("contacts.off_hint"), false
	case !c.Failed.IsZero():
		l.State = page.Tag{Kind: "shu", Icon: "circle-alert", Text: r.P.T("contacts.failed")}
		l.Detail = r.P.T("contacts.failed_at", "at", r.P.DateTime(c.Failed), "why", c.FailedWhy)
	case c.Arrives(now):
		l.State = page.Tag{Kind: "matsu", Icon: "circle-check", Text: r.P.T("contacts.arrives")}
		l.Detail = r.P.T("contacts.verified_at", "at", r.P.DateTime(c.Verified))
	case c.Verified.IsZero():
		l.State = page.Tag{Kind: "yama", Icon: "clock", Text: r.P.T("contacts.waits")}
		l.Detail = r.P.T("contacts.waits_hint")
		if c.Own() {
			l.State.Text, l.Detail = r.P.T("contacts.stale"), r.P.T("contacts.never")
		}
	default:
		l.State = page.Tag{Kind: "yama", Icon: "alert", Text: r.P.T("contacts.stale")}
		l.Detail = r.P.T("contacts.verified_at", "at", r.P.DateTime(c.Verified))
	}
	return l
}

func icon(c directory.Channel) string {
	switch c {
	case directory.Mail:
		return "mail"
	case directory.Push:
		return "bell"
	case directory.Webhook:
		return "plug"
	}
	return "users"
}

type listPage struct {
	page.Base
	Lines  []Line
	Forms  map[string]page.Field // by form and field: "mail-address"
	Failed string                // the form that was refused
	Push   bool                  // this browser may be added
	Hooks  bool
	Full   bool
	Prove  bool   // password or passkey must be shown first
	Silent bool   // nothing is sure to arrive
	Key    string // the server's public key for push messages
	Days   int
}

func (d rooms) list(w http.ResponseWriter, r *page.Request) error {
	return d.showList(w, r, http.StatusOK, "", page.Refused{})
}

func (d rooms) showList(w http.ResponseWriter, r *page.Request, status int, form string, bad page.Refused) error {
	cs, err := d.Contacts.Of(r.Context(), r.By, r.By.Person)
	if err != nil {
		return err
	}
	p := listPage{Base: r.Kit.Base(r, "contacts.title", "/account"), Failed: form, Push: d.Offers(directory.Push), Hooks: len(d.hooks(r)) > 0,
		Key: d.PushKey, Days: int(directory.VerifiedFor.Hours() / 24)}
	p.Errors, p.Scripts = bad.Summary, []string{"push.js"}
	others := 0
	p.Silent = true
	for _, c := range cs {
		p.Silent = p.Silent && !(d.Offers(c.Channel) && c.Arrives(r.Kit.Now()))
		p.Lines = append(p.Lines, LineOf(r, c, false, d.Offers(c.Channel), r.Kit.Now()))
		if !c.Own() {
			others++
		}
	}
	p.Full, p.Prove = others >= directory.MaxContacts, !d.Contacts.MayAdd(r.By)
	for i := range p.Errors {
		if p.Errors[i].ID != "" {
			p.Errors[i].ID = form + "-" + p.Errors[i].ID
		}
	}
	p.Forms = map[string]page.Field{}
	add := func(of string, f page.Field) {
		f.ID = of + "-" + f.Name
		if of == form {
			f.Error, f.Value = bad.Fields[f.Name], r.Text(f.Name)
		}
		p.Forms[f.ID] = f
	}
	name := page.Field{Name: "name", Type: "text", Label: r.P.T("contacts.name"), Hint: r.P.T("contacts.name_hint"), Optional: true, MaxLen: 60}
	add("mail", page.Field{Name: "address", Type: "email", Auto: "email", Label: r.P.T("contacts.address"), Required: true, MaxLen: 254})
	add("mail", name)
	add("hook", page.Field{Name: "channel", Type: "select", Label: r.P.T("contacts.where"), Options: page.Choose(d.hooks(r), r.Text("channel"))})
	add("hook", page.Field{Name: "url", Type: "text", Auto: "off", Label: r.P.T("contacts.url"), Hint: r.P.T("contacts.url_hint"), Required: true, MaxLen: 2000})
	add("hook", name)
	return r.Kit.Render(w, r, status, "contacts", p)
}

func (d rooms) hooks(r *page.Request) []page.Option {
	var out []page.Option
	for _, c := range directory.Channels() {
		if c != directory.Mail && c != directory.Push && d.Offers(c) {
			out = append(out, page.Option{Value: string(c), Label: r.P.T("contacts.channel." + string(c))})
		}
	}
	return out
}

// add keeps a contact and sends its first code. The key of a webhook is shown on the page
// that answers, because it is given nowhere else.
func (d rooms) add(w http.ResponseWriter, r *page.Request) error {
	n := directory.NewContact{Channel: directory.Channel(r.Text("channel")), Name: r.Text("name"), Address: r.Text("address"), URL: r.Text("url"),
		Subscription: r.Text("subscription")}
	if n.Channel == directory.Push {
		n.Name = page.Agent(r.UserAgent())
	}
	c, key, err := d.Contacts.Add(r.Context(), r.By, n)
	if err != nil {
		form := "hook"
		if n.Channel == directory.Mail || n.Channel == directory.Push {
			form = string(n.Channel)
		}
		bad, ok := r.Refused(err, "address", "channel", "url", "subscription", "name")
		if !ok {
			return r.ProveFirst(w, err, "/account/contacts")
		}
		return d.showList(w, r, bad.Status, form, bad)
	}
	unsent := d.Contacts.SendCode(r.Context(), r.By, c.ID)
	if key == "" && unsent == nil {
		return r.Kit.See(w, r, "/account/contacts/"+c.ID, "contacts.flash_code")
	}
	return d.refusedOne(w, r, c.ID, key, unsent)
}

type onePage struct {
	page.Base
	Line Line
	Code page.Field
	Key  string // of the webhook just added: shown this once
	Push bool
}

func (d rooms) one(w http.ResponseWriter, r *page.Request) error {
	return d.showOne(w, r, http.StatusOK, r.PathValue("id"), "", page.Refused{})
}

// refusedOne shows a contact with what is to be mended; err may be nil.
func (d rooms) refusedOne(w http.ResponseWriter, r *page.Request, contact, key string, err error) error {
	if err == nil {
		return d.showOne(w, r, http.StatusCreated, contact, key, page.Refused{})
	}
	bad, ok := r.Refused(err, "code")
	if !ok {
		return err
	}
	if f := fault.As(err); f.Kind == fault.Unavailable || f.Kind == fault.Conflict {
		r.Kit.Log.WarnContext(r.Context(), "code not sent", "contact", contact, "error", err)
	}
	return d.showOne(w, r, bad.Status, contact, key, bad)
}

func (d rooms) showOne(w http.ResponseWriter, r *page.Request, status int, contact, key string, bad page.Refused) error {
	cs, err := d.Contacts.Of(r.Context(), r.By, r.By.Person)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(cs, func(c directory.Contact) bool { return c.ID == contact })
	if n < 0 {
		return fault.Missing("contact")
	}
	p := onePage{Base: r.Kit.Base(r, "contacts.title", "/account"), Line: LineOf(r, cs[n], false, d.Offers(cs[n].Channel), r.Kit.Now()), Key: key, Push: cs[n].Channel == directory.Push}
	p.Title, p.Width, p.Errors = p.Line.Name, "narrow", bad.Summary
	p.Code = page.Field{ID: "code", Name: "code", Type: "text", Class: "short", Auto: "one-time-code", Label: r.P.T("contacts.code"), Hint: r.P.T("contacts.code_hint",
		"minutes", int(directory.CodeLife.Minutes())), Value: page.Short(r.Text("code"), 12), Error: bad.Fields["code"], Required: true, MaxLen: 12}
	return r.Kit.Render(w, r, status, "contact", p)
}

func (d rooms) code(w http.ResponseWriter, r *page.Request) error {
	id := r.PathValue("id")
	if err := d.Contacts.SendCode(r.Context(), r.By, id); err != nil {
		return d.refusedOne(w, r, id, "", err)
	}
	return r.Kit.See(w, r, "/account/contacts/"+id, "contacts.flash_code")
}

func (d rooms) verify(w http.ResponseWriter, r *page.Request) error {
	id := r.PathValue("id")
	if err := d.Contacts.Verify(r.Context(), r.By, id, r.Text("code")); err != nil {
		return d.refusedOne(w, r, id, "", err)
	}
	return r.Kit.See(w, r, "/account/contacts", "contacts.flash_verified")
}

func (d rooms) remove(w http.ResponseWriter, r *page.Request) error {
	if err := d.Contacts.Remove(r.Context(), r.By, r.PathValue("id")); err != nil {
		return err
	}
	return r.Kit.See(w, r, "/account/contacts", "contacts.flash_removed")
}
