package devices

import (
	"net/http"
	"strconv"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
)

// command is what to type on one kind of PC.
type command struct {
	ID, System, Where string
	Lines             []string
}

// enrolPage makes tokens and lists those that wait.
type enrolPage struct {
	page.Base
	Person, Life, Note page.Field
	Choices            []people.Pick
	Open               []token
}

// token is one that waits to be used.
type token struct{ ID, Person, Detail string }

// enrolledPage is the token, shown this once.
type enrolledPage struct {
	page.Base
	Person, Until, Secret string
	Commands              []command
}

func (d Deps) enrolForm(w http.ResponseWriter, r *page.Request) error {
	return d.showEnrol(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) showEnrol(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	tokens, err := d.PCs.Tokens(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	now := r.Kit.Now()
	p := enrolPage{Base: r.Kit.Base(r, "devices.enrol", "/devices"), Choices: people.Choices(org, now, []string{r.By.Person}, nil)}
	p.Errors = bad.Summary
	p.Person = page.Field{ID: "person", Name: "person", Label: r.P.T("devices.enrol_person"), Hint: r.P.T("devices.enrol_person_hint"), Required: true,
		Value: r.Text("person"), Error: bad.Fields["person"]}
	p.Life = page.Field{ID: "life", Name: "life", Type: "select", Class: "short", Label: r.P.T("devices.enrol_life"), Error: bad.Fields["life"]}
	for _, hours := range []int{1, 8, 24, 72, 168} {
		p.Life.Options = append(p.Life.Options, page.Option{Value: strconv.Itoa(hours), Label: r.P.Ago(time.Duration(hours) * time.Hour)})
	}
	p.Life.Options = page.Choose(p.Life.Options, r.Text("life"))
	p.Note = page.Field{ID: "note", Name: "note", Label: r.P.T("word.note"), Hint: r.P.T("devices.enrol_note_hint"), Optional: true, MaxLen: 120,
		Value: r.Text("note"), Error: bad.Fields["note"]}
	for _, t := range tokens {
		if !t.Open(now) {
			continue
		}
		p.Open = append(p.Open, token{ID: t.ID, Person: org.NameOf(t.Person),
			Detail: page.Line(t.Note, r.P.T("devices.token_line", "until", r.P.DateTime(t.Expires), "name", org.NameOf(t.By)))})
	}
	return r.Kit.Render(w, r, status, "device_enrol", p)
}

// enrol makes a token and answers with it: it is kept nowhere.
func (d Deps) enrol(w http.ResponseWriter, r *page.Request) error {
	secret, t, err := d.newToken(r)
	if err != nil {
		bad, ok := r.Refused(err, "person", "life", "note")
		if !ok {
			return err
		}
		return d.showEnrol(w, r, bad.Status, bad)
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	p := enrolledPage{Base: r.Kit.Base(r, "devices.enrolled", "/devices"), Person: org.NameOf(t.Person), Until: r.P.DateTime(t.Expires), Secret: secret, Commands: d.commands(r, secret)}
	return r.Kit.Render(w, r, http.StatusOK, "device_enrolled", p)
}

func (d Deps) newToken(r *page.Request) (string, device.Token, error) {
	if err := r.By.May(access.ManageDevices); err != nil {
		return "", device.Token{}, err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return "", device.Token{}, err
	}
	var c fault.Check
	typed := r.Text("person")
	c.That(typed != "", "person", "fault.required", nil)
	person, err := people.Resolve(org, r.Kit.Now(), typed, "person")
	if err := page.Join(c.Err(), err); err != nil {
		return "", device.Token{}, err
	}
	return d.PCs.CreateToken(r.Context(), r.By, device.NewToken{Person: person, Life: time.Duration(page.Int(r.Text("life"), 1)) * time.Hour, Note: r.Text("note")})
}

func (d Deps) revoke(w http.ResponseWriter, r *page.Request) error {
	if err := d.PCs.RevokeToken(r.Context(), r.By, r.PathValue("token")); err != nil {
		return err
	}
	return r.Kit.See(w, r, "/devices/enrol", "devices.flash_revoked")
}

// commands are what enrols a PC with a token; without one, its place is named.
func (d Deps) commands(r *page.Request, secret string) []command {
	server := d.Server
	if server == "" {
		server = r.Kit.BaseURL
	}
	if secret == "" {
		secret = r.P.T("devices.token_place")
	}
	enrol := "sekimori-agent enroll --server " + server + " --token " + secret
	return systems(r, "enrol", enrol, "sekimori-agent install")
}

// uninstall is what takes the agent away with a ticket that was saved beside it.
func uninstall(r *page.Request) []command {
	return systems(r, "uninstall", "sekimori-agent uninstall --ticket ticket.txt")
}

// systems writes the same commands for each kind of PC: an administrator's terminal has
// its rights already on Windows, and asks for them elsewhere.
func systems(r *page.Request, id string, lines ...string) []command {
	var sudo []string
	for _, l := range lines {
		sudo = append(sudo, "sudo "+l)
	}
	return []command{
		{ID: id + "-linux", System: "Linux", Where: r.P.T("devices.where_terminal"), Lines: sudo},
		{ID: id + "-windows", System: "Windows", Where: r.P.T("devices.where_powershell"), Lines: lines},
		{ID: id + "-macos", System: "macOS", Where: r.P.T("devices.where_terminal"), Lines: sudo},
	}
}
