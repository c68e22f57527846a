package cases

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/inbound/web/page"
)

// happening is one line of the timeline.
type happening struct {
	When, What, Who string
	Words           string // what was said, when something was
	Key, Fix        bool   // a turning point; a correction
}

// timeline tells the history of the case as the record has it, newest last. The day
// stands once, where it begins.
func timeline(r *page.Request, org *directory.Org, c *incident.Case) []happening {
	var out []happening
	day := ""
	for _, ev := range c.History {
		if ev.Kind == "notice.sent" || ev.Kind == "incident.evidence_read" || strings.HasPrefix(ev.Kind, "letter.") {
			continue // told by the tracks; the record keeps them
		}
		h := happeningOf(r, org, c, ev)
		if d := r.P.Date(ev.At); d == day {
			h.When = r.P.Clock(ev.At)
		} else {
			day = d
		}
		out = append(out, h)
	}
	return out
}

func happeningOf(r *page.Request, org *directory.Org, c *incident.Case, ev journal.Event) happening {
	h := happening{When: r.P.DateTime(ev.At), What: r.P.T("event." + ev.Kind), Who: Actor(r, org, ev.Actor)}
	var data map[string]any
	if len(ev.Data) == 0 || json.Unmarshal(ev.Data, &data) != nil {
		return h
	}
	text := func(key string) string {
		s, _ := data[key].(string)
		return s
	}
	var more []string
	add := func(s string) {
		if s != "" {
			more = append(more, s)
		}
	}
	if v := text("receiver"); v != "" {
		add(r.P.T("receiver." + v))
	}
	switch ev.Kind {
	case "incident.reported", "notice.acknowledged", "incident.status", "incident.reopened", "incident.merged", "incident.unmerged":
		h.Key = true
	case "incident.correction_added":
		h.Fix = true
	}
	switch ev.Kind {
	case "incident.related", "incident.unrelated", "incident.took_in", "incident.gave_back":
		add(otherLabel(c, text("other")))
	case "incident.merged":
		add(c.Main)
	case "incident.lesson_written", "incident.lesson_edited", "incident.lesson_published", "incident.lesson_withdrawn":
		add(text("title"))
	case "incident.status", "incident.reopened":
		add(r.P.T("status."+text("was")) + " → " + r.P.T("status."+text("key")))
	case "device.case_order":
		add(r.P.T("devices.order." + text("action")))
	case "incident.assigned":
		add(org.NameOf(text("key")))
	case "incident.step_done", "incident.step_undone":
		add(stepText(r, c, text("key")))
	case "incident.evidence_added":
		add(text("name"))
	case "incident.answer_added":
		add(r.P.T("question." + text("key")))
	case "notice.level_fired", "notice.level_empty":
		add(r.P.T("cases.event_level", "level", fmt.Sprint(data["level"]), "pass", fmt.Sprint(data["pass"]), "attempt", fmt.Sprint(data["attempt"])))
		add(names(r, org, data["people"]))
	case "notice.escalated":
		if n, _ := data["level"].(float64); n > 0 {
			add(r.P.T("cases.level", "n", int(n)))
		}
	case "notice.passed_on", "notice.refused", "notice.delayed":
		add(org.NameOf(text("person")))
		add(text("answer"))
	case "notice.acknowledged", "notice.continued":
		add(forWhom(r, org, text("for")))
	case "notice.asked", "notice.lapsed":
		add(org.NameOf(text("person")))
	case "notice.held":
		if until, err := time.Parse(time.RFC3339, text("until")); err == nil {
			add(r.P.T("escalation.held_until", "at", Near(r, until)))
		}
	}
	h.What = page.Line(append([]string{h.What}, more...)...)
	h.Words = text("text")
	if key := text("key"); ev.Kind == "incident.correction_added" && (key == "occurred" || key == "discovered") {
		h.Words = moments(r, h.Words)
	}
	for _, key := range []string{"summary", "note", "reason"} {
		if h.Words == "" {
			h.Words = text(key)
		}
	}
	if h.Words == incident.Unknown {
		h.Words = r.P.T("word.unknown")
	}
	return h
}

// otherLabel is the number of another case that the reader may read; "" for others.
func otherLabel(c *incident.Case, id string) string {
	for _, x := range c.Related {
		if x.ID == id {
			return x.Label
		}
	}
	for _, x := range c.Duplicates {
		if x.ID == id {
			return x.Label
		}
	}
	return ""
}

// Actor is the name of who did something, of the program, or of an outsider.
func Actor(r *page.Request, org *directory.Org, actor string) string {
	switch actor {
	case "system":
		return r.P.T("cases.by_system")
	case "outside":
		return r.P.T("cases.by_outside")
	}
	if strings.HasPrefix(actor, "dev_") {
		return r.P.T("devices.via.pc")
	}
	return org.NameOf(actor)
}

func stepText(r *page.Request, c *incident.Case, id string) string {
	i := slices.IndexFunc(c.Steps.Items, func(s incident.Step) bool { return s.ID == id })
	if i < 0 {
		return id
	}
	if s := c.Steps.Items[i]; s.Text != "" {
		return s.Text
	}
	return r.P.T("step." + string(c.Kind) + "." + id)
}

func names(r *page.Request, org *directory.Org, people any) string {
	list, _ := people.([]any)
	var out []string
	for _, p := range list {
		out = append(out, org.NameOf(fmt.Sprint(p)))
	}
	return strings.Join(out, ", ")
}
