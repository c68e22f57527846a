// Package outbox shows the demo's mails as their receivers see them. A server that is
// not the demo has no such room: real mail is for its receiver alone.
package outbox

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Message is one mail as it would reach its receiver.
type Message struct {
	ID                      string
	At                      time.Time
	From, To, Subject, Text string
	Headers                 map[string]string
}

// Reader gives the mails, newest first.
type Reader interface {
	Messages(ctx context.Context, limit int) ([]Message, error)
	Message(ctx context.Context, id string) (Message, bool, error)
}

// Deps are the parts that the pages ask.
type Deps struct{ Reader Reader }

// Routes lists the room's pages. They are open without signing in, as the demo is:
// whoever tries it must be able to answer as the receiver.
func Routes(d Deps) []page.Route {
	return []page.Route{
		{Pattern: "GET /outbox", Do: d.list, Public: true},
		{Pattern: "GET /outbox/{id}", Do: d.one, Public: true},
	}
}

// shown is how many mails the list holds.
const shown = 100

// mail is one line of the list, or the mail itself.
type mail struct {
	ID, When, From, To, Subject string
	Headers                     []header
	Body                        []piece
}

// header is one further line of a mail's head.
type header struct{ Name, Value string }

// piece is a stretch of a mail's text; with a Href it is a link to this server.
type piece struct{ Text, Href string }

type listPage struct {
	page.Base
	Mails []mail
}

type mailPage struct {
	page.Base
	Mail mail
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	ms, err := d.Reader.Messages(r.Context(), shown)
	if err != nil {
		return err
	}
	p := listPage{Base: r.Kit.Base(r, "outbox.title", "/outbox")}
	p.LiveReload = true
	if r.By.Person != "" {
		p.EventsURL = "/events"
	}
	for _, m := range ms {
		p.Mails = append(p.Mails, mailOf(r, m))
	}
	return r.Kit.Render(w, r, http.StatusOK, "outbox", p)
}

func (d Deps) one(w http.ResponseWriter, r *page.Request) error {
	m, ok, err := d.Reader.Message(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if !ok {
		return fault.Missing("message")
	}
	p := mailPage{Base: r.Kit.Base(r, "outbox.one", "/outbox"), Mail: mailOf(r, m)}
	p.Title = m.Subject
	p.Width = "narrow"
	return r.Kit.Render(w, r, http.StatusOK, "outboxmail", p)
}

func mailOf(r *page.Request, m Message) mail {
	v := mail{ID: m.ID, When: r.P.DateTime(m.At), From: m.From, To: m.To, Subject: m.Subject, Body: linked(m.Text, r.Kit.BaseURL)}
	for _, name := range []string{"Message-ID", "In-Reply-To", "References", "Auto-Submitted", "X-Priority", "Importance"} {
		if value := m.Headers[name]; value != "" {
			v.Headers = append(v.Headers, header{name, value})
		}
	}
	return v
}

// linked cuts a text into plain stretches and links. Only addresses of this server
// become links, and they keep their path alone, so that a mail can lead nowhere else.
func linked(text, base string) []piece {
	var out []piece
	for base != "" {
		at := strings.Index(text, base+"/")
		if at < 0 {
			break
		}
		end := at + len(base)
		for end < len(text) && inAddress(text[end]) {
			end++
		}
		link := strings.TrimRight(text[at:end], ".,;:!?")
		if at > 0 {
			out = append(out, piece{Text: text[:at]})
		}
		path := link[len(base):]
		if strings.HasPrefix(path, "//") {
			out = append(out, piece{Text: link})
		} else {
			out = append(out, piece{Text: link, Href: path})
		}
		text = text[at+len(link):]
	}
	if text != "" {
		out = append(out, piece{Text: text})
	}
	return out
}

// inAddress reports whether a byte can be part of an address in running text.
func inAddress(b byte) bool {
	return b > ' ' && b < 0x7f && !strings.ContainsRune("<>\"`{}|\\^()", rune(b))
}
