package cases

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
)

// caseVerb changes the case of the address; where is the part of the page to return
// to and flash the message that says it was done.
type caseVerb func(ctx context.Context, d Deps, r *page.Request, label string) (where, flash string, err error)

// verb runs one change of a case: done and back to the page, or the page again with
// what to mend.
func (d Deps) verb(form string, f caseVerb) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		label := r.PathValue("label")
		where, flash, err := f(r.Context(), d, r, label)
		if err != nil {
			return d.refused(w, r, label, form, err)
		}
		return r.Kit.See(w, r, "/cases/"+url.PathEscape(label)+where, flash)
	}
}

func setStep(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	done := r.Text("done") == "1"
	flash := "cases.flash_step_undone"
	if done {
		flash = "cases.flash_step_done"
	}
	return "#steps", flash, d.Cases.SetStep(ctx, r.By, label, r.Text("step"), done)
}

func addNote(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "#notes", "cases.flash_note", d.Cases.AddNote(ctx, r.By, label, r.Text("text"))
}

func addFact(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	a := incident.Addition{Text: r.Text("text")}
	sort, key, _ := strings.Cut(r.Text("about"), ":")
	switch sort {
	case "q":
		a.Question = key
	case "fix":
		a.Corrects = key
	}
	_, err := d.Cases.AddFact(ctx, r.By, label, a)
	return "#said", "cases.flash_fact", err
}

func correctTime(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	var c fault.Check
	m := r.Moment(&c, "moment")
	if err := c.Err(); err != nil {
		return "", "", err
	}
	which := "occurred"
	if r.Text("which") == "discovered" {
		which = "discovered"
	}
	_, err := d.Cases.AddFact(ctx, r.By, label, incident.Addition{Corrects: which, Moment: m, Text: r.Text("text")})
	return "#facts", "cases.flash_fact", err
}

func setStatus(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "", "cases.flash_status", d.Cases.SetStatus(ctx, r.By, label, incident.Status(r.Text("status")), r.Text("reason"))
}

func assign(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	person, err := d.person(ctx, r, "person")
	if err != nil {
		return "", "", err
	}
	return "", "cases.flash_assigned", d.Cases.Assign(ctx, r.By, label, person)
}

func askClose(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "#close", "cases.flash_close_asked", d.Cases.AskClose(ctx, r.By, label, r.Text("reason"))
}

func confirmClose(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "", "cases.flash_closed", d.Cases.ConfirmClose(ctx, r.By, label, r.Text("thanks"))
}

func refuseClose(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "", "cases.flash_close_refused", d.Cases.RefuseClose(ctx, r.By, label, r.Text("reason"))
}

// person reads a name field.
func (d Deps) person(ctx context.Context, r *page.Request, field string) (string, error) {
	org, err := d.People.View(ctx, r.By)
	if err != nil {
		return "", err
	}
	return people.Resolve(org, r.Kit.Now(), r.Text(field), field)
}

// trackVerb runs one change of a track. The form's "case" is the case to return to,
// its "next" another page of ours.
func (d Deps) trackVerb(form string, f func(ctx context.Context, d Deps, r *page.Request, track string) (flash string, err error)) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		track, label := r.PathValue("track"), r.Text("case")
		flash, err := f(r.Context(), d, r, track)
		if err != nil {
			if label == "" {
				return err
			}
			return d.refused(w, r, label, form+track, err)
		}
		to := r.Next()
		if to == "" && label != "" {
			to = "/cases/" + url.PathEscape(label) + "#track-" + track
		}
		if to == "" {
			to = "/morning"
		}
		return r.Kit.See(w, r, to, flash)
	}
}

func acknowledge(ctx context.Context, d Deps, r *page.Request, track string) (string, error) {
	t, err := d.Notices.Acknowledge(ctx, r.By, notice.Ack{Track: track, Note: r.Text("note"), Path: "web"})
	if err != nil {
		return "", err
	}
	if t.AckedBy != r.By.Person {
		return "cases.flash_answered_before", nil
	}
	return "cases.flash_answered", nil
}

func escalate(ctx context.Context, d Deps, r *page.Request, track string) (string, error) {
	level, err := strconv.Atoi(r.Text("level"))
	if err != nil {
		level = -1 // refused by the service, which knows the chain
	}
	return "cases.flash_escalated", d.Notices.Escalate(ctx, r.By, track, level, r.Text("reason"))
}

func passOn(ctx context.Context, d Deps, r *page.Request, track string) (string, error) {
	person, err := d.person(ctx, r, "person")
	if err != nil {
		return "", err
	}
	return "cases.flash_passed", d.Notices.PassOn(ctx, r.By, track, person, r.Text("reason"))
}

func endTrack(ctx context.Context, d Deps, r *page.Request, track string) (string, error) {
	return "cases.flash_ended", d.Notices.End(ctx, r.By, track, r.Text("reason"))
}
