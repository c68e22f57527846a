// Package answer is the page behind the link in a notice: it says what happened and
// has one deliberate button. Opening it answers nothing, so a mail scanner that
// follows every link silences nobody.
package answer

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// Links reads the token of a notice.
type Links interface {
	Read(token string) (attempt string, err error)
}

// Notices follows a notice and takes the answer to it.
type Notices interface {
	Follow(ctx context.Context, attempt string) (access.Actor, notice.Track, error)
	Acknowledge(ctx context.Context, by access.Actor, a notice.Ack) (notice.Track, error)
	WantsProof(ctx context.Context) (bool, error)
}

// Cases gives the case that a notice is about.
type Cases interface {
	Case(ctx context.Context, by access.Actor, incident string) (*incident.Case, error)
}

// Deps are what the room needs.
type Deps struct {
	Links   Links
	Notices Notices
	Cases   Cases
	Prover  Prover
}

// Prover proves who is at a link, where a link alone does not answer.
type Prover interface {
	PasskeyAtLink(ctx context.Context, by access.Actor) (site string, err error)
	LinkOptions(by access.Actor, link string) ([]byte, error)
	ProveAtLink(ctx context.Context, by access.Actor, b access.AtLink, from access.Origin) (proven access.Actor, secret string, until time.Time, err error)
}

//go:embed templates/*.html
var files embed.FS

// Templates are the room's pages.
func Templates() fs.FS { return page.Folder(files) }

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	r := rooms(d)
	return []page.Route{
		{Pattern: "GET /a/{token}", Do: r.look, Public: true},
		{Pattern: "POST /a/{token}", Do: r.press, Public: true},
		{Pattern: "GET /a/{token}/passkey", Do: r.options, Public: true},
	}
}

type rooms Deps

type answerPage struct {
	page.Base
	Action                 string // where the form goes: this very address
	Who                    string // whose link it is
	Drill                  bool
	Label, Kind, Icon      string
	Urgency                page.Tag
	Summary                string
	Facts                  []fact
	Tracks                 []track
	Open                   bool   // this track still waits for an answer
	Mine                   bool   // answered by whose link it is
	Asked                  string // until when the answerer may say that they are still on it; "" when nobody asks
	AnsweredBy, AnsweredAt string
	Note                   page.Field
	Password               page.Field // without an ID where the link alone answers
	PasskeySite            string     // host name under which a passkey proves it too; "" for none
	Phone                  string
	PhoneName              string
	CaseHref               string
}

type fact struct {
	Name, Value string
	Unknown     bool
}

type track struct {
	Class, Role, Names string
	Tag                page.Tag
	Quote              string
}

// found is what a link leads to.
type found struct {
	attempt string
	by      access.Actor
	track   notice.Track
	kase    *incident.Case
	org     *directory.Org
}

// follow reads the link. The case is loaded as the program itself, because the link
// proves a right to answer and no right to the case; look shows only what the notice
// already said, and who has answered.
func (d rooms) follow(r *page.Request) (found, error) {
	attempt, err := d.Links.Read(r.PathValue("token"))
	if err != nil {
		return found{}, err
	}
	by, t, err := d.Notices.Follow(r.Context(), attempt)
	if err != nil {
		return found{}, err
	}
	r.SpeakTo(by.Person)
	c, err := d.Cases.Case(r.Context(), access.System(), t.Incident)
	if err != nil {
		return found{}, err
	}
	if slices.Contains(c.LeftOut, by.Person) || slices.Contains(t.LeftOut, by.Person) {
		return found{}, fault.New(fault.NotFound, "fault.link_expired", nil)
	}
	o, err := r.Org()
	return found{attempt, by, t, c, o}, err
}

func (d rooms) look(w http.ResponseWriter, r *page.Request) error {
	f, err := d.follow(r)
	if err != nil {
		return gone(w, r, err)
	}
	return d.show(w, r, http.StatusOK, f, page.Refused{})
}

func (d rooms) show(w http.ResponseWriter, r *page.Request, status int, f found, bad page.Refused) error {
	p, err := d.page(r, f, bad)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, status, "answer", p)
}

// options answers the page's script with what the browser needs for a passkey.
func (d rooms) options(w http.ResponseWriter, r *page.Request) error {
	f, err := d.follow(r)
	if err != nil {
		return gone(w, r, err)
	}
	b, err := d.Prover.LinkOptions(f.by, f.attempt)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err = w.Write(b); err != nil {
		return fmt.Errorf("write options: %w", err)
	}
	return nil
}

// press takes the answer, and then shows the same page, which says that it is done.
func (d rooms) press(w http.ResponseWriter, r *page.Request) error {
	f, err := d.follow(r)
	if err != nil {
		return gone(w, r, err)
	}
	by, err := d.prove(w, r, f)
	if err == nil {
		_, err = d.Notices.Acknowledge(r.Context(), by, notice.Ack{Track: f.track.ID, Note: r.Text("note"), Path: "link", Attempt: f.attempt})
	}
	if err == nil {
		return r.Kit.See(w, r, r.URL.Path, "answer.kept")
	}
	bad, ok := r.Refused(err, "password", "note")
	if !ok {
		return err
	}
	return d.show(w, r, bad.Status, f, bad)
}

// prove finds out whether the browser is the person's, where that is asked, and remembers
// one that has just shown password or passkey.
func (d rooms) prove(w http.ResponseWriter, r *page.Request, f found) (access.Actor, error) {
	wanted, err := d.Notices.WantsProof(r.Context())
	if err != nil || !wanted {
		return f.by, err
	}
	proven, secret, until, err := d.Prover.ProveAtLink(r.Context(), f.by, access.AtLink{Link: f.attempt, Session: r.By, Known: r.Known(),
		Password: r.Secret("password"), Passkey: []byte(r.Secret("answer"))}, access.Origin{Address: r.Address(), Agent: r.UserAgent()})
	if secret != "" {
		r.Kit.SetKnown(w, secret, until)
	}
	return proven, err
}

type gonePage struct {
	page.Base
	Text string
}

// gone explains a link that leads nowhere any more; nothing is lost by that, because
// the same answer can be given on the signed-in pages.
func gone(w http.ResponseWriter, r *page.Request, err error) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.NotFound {
		return err
	}
	p := gonePage{Base: r.Kit.Base(r, "answer.gone", "")}
	p.Width = "narrow"
	p.Text, _ = r.P.Error(err)
	status := http.StatusNotFound
	if f.ID == "fault.link_expired" {
		status = http.StatusGone
	}
	return r.Kit.Render(w, r, status, "answer_gone", p)
}
