package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
)

// PersonRef names a person in an answer.
type PersonRef struct {
	ID     string `json:"id"`
	Number string `json:"number,omitempty" doc:"Employee number."`
	Name   string `json:"name"`
}

func refOf(o *directory.Org, person string) *PersonRef {
	if person == "" {
		return nil
	}
	return &PersonRef{ID: person, Number: o.People[person].Number, Name: o.NameOf(person)}
}

func refsOf(o *directory.Org, people []string) []PersonRef {
	out := make([]PersonRef, 0, len(people))
	for _, p := range people {
		out = append(out, *refOf(o, p))
	}
	return out
}

// OutsideRef is somebody without an account, as they named themselves.
type OutsideRef struct {
	Name    string `json:"name,omitempty"`
	Contact string `json:"contact,omitempty" doc:"A mail address, a telephone number, whatever they wrote."`
}

func outsideOf(o *incident.Outsider) *OutsideRef {
	if o == nil {
		return nil
	}
	return &OutsideRef{Name: o.Name, Contact: o.Contact}
}

// IncidentView is a case without what was added to it.
type IncidentView struct {
	ID         string      `json:"id"`
	Label      string      `json:"label" example:"INC-2026-0042"`
	Kind       string      `json:"kind"`
	Nearly     string      `json:"nearly,omitempty" doc:"Of a near_miss: what it nearly became."`
	Urgency    string      `json:"urgency"`
	Summary    string      `json:"summary"`
	Status     string      `json:"status"`
	Reporter   *PersonRef  `json:"reporter,omitempty" doc:"Who sent the report; absent once erased."`
	OnBehalf   *PersonRef  `json:"on_behalf,omitempty" doc:"Who found it, when somebody else reported."`
	Outside    *OutsideRef `json:"outside,omitempty" doc:"Who found it, when that is nobody of the directory; shortened in lists."`
	Department string      `json:"department,omitempty"`
	Channel    string      `json:"channel" doc:"web, api, cli, agent, mail, phone or box; of a case of the box nobody knows who reported it"`
	LeftOut    []PersonRef `json:"left_out,omitempty"`
	Occurred   string      `json:"occurred" doc:"RFC 3339, or \"unknown\"."`
	Discovered string      `json:"discovered" doc:"RFC 3339, or \"unknown\"."`
	Reported   time.Time   `json:"reported"`
	Began      string      `json:"began,omitempty" doc:"When the call began by which it was told; reporter is who took it. RFC 3339."`
	Assignee   *PersonRef  `json:"assignee,omitempty"`
	CloseBy    *PersonRef  `json:"close_asked_by,omitempty"`
	CloseWhy   string      `json:"close_reason,omitempty"`
	ClosedBy   *PersonRef  `json:"closed_by,omitempty"`
	Closed     time.Time   `json:"closed,omitzero"`
	Erased     time.Time   `json:"erased,omitzero"`
	Demo       bool        `json:"demo,omitempty" doc:"Made-up data."`
	Drill      bool        `json:"drill,omitempty" doc:"Made up to see how long the answers take."`
	OpenTracks []string    `json:"open_tracks,omitempty" doc:"In lists: receivers who have not answered."`
}

func viewOf(o *directory.Org, i *incident.Incident) IncidentView {
	return IncidentView{
		ID: i.ID, Label: i.Label, Kind: string(i.Kind), Nearly: string(i.Nearly), Urgency: string(i.Urgency), Summary: i.Summary, Status: string(i.Status),
		Reporter: refOf(o, i.Reporter), OnBehalf: refOf(o, i.OnBehalf), Outside: outsideOf(i.Outside), Department: o.Departments[i.Department].Name,
		Channel: i.Channel, LeftOut: refsOf(o, i.LeftOut), Occurred: i.Occurred.String(), Discovered: i.Discovered.String(),
		Reported: i.Reported, Assignee: refOf(o, i.Assignee), CloseBy: refOf(o, i.CloseBy), CloseWhy: i.CloseWhy,
		ClosedBy: refOf(o, i.ClosedBy), Closed: i.ClosedAt, Erased: i.ErasedAt, Demo: i.Demo, Drill: i.Drill, Began: began(i),
	}
}

// began is "" for what was not told over the telephone.
func began(i *incident.Incident) string {
	if !i.Began.Known {
		return ""
	}
	return i.Began.String()
}

func rowView(o *directory.Org, r incident.Row) IncidentView {
	v := viewOf(o, &r.Incident)
	if r.Outside != nil {
		short := r.Outside.Masked()
		v.Outside = outsideOf(&short)
	}
	for _, t := range r.OpenTracks {
		v.OpenTracks = append(v.OpenTracks, string(t))
	}
	return v
}

// caseView is all that the caller may see of a case.
type caseView struct {
	IncidentView
	Guessed   bool           `json:"guessed,omitempty" doc:"Nobody chose the kind yet: it was guessed, of a mail or a call."`
	Sight     string         `json:"sight" doc:"finder, reader or worker: how much of the case this is."`
	Questions []string       `json:"questions" doc:"Ids of the kind's follow-up questions."`
	Entries   []entryView    `json:"entries"`
	Evidence  []evidenceView `json:"evidence"`
	Steps     []stepView     `json:"steps,omitempty"`
	Tracks    []trackView    `json:"tracks"`
	History   []eventView    `json:"history,omitempty"`

	Unread     int             `json:"unread,omitempty" doc:"Messages of the other side that you have not read on a page."`
	Main       string          `json:"merged_into,omitempty" doc:"Number of the case that this one goes on as."`
	Related    []OtherView     `json:"related,omitempty" doc:"Related cases that you may read."`
	Duplicates []duplicateView `json:"duplicates,omitempty" doc:"What goes on as this case."`
	Lessons    []lessonView    `json:"lessons,omitempty" doc:"Where one case is read: its lessons, drafts too."`
}

// entryView is one dated addition.
type entryView struct {
	ID       string     `json:"id"`
	Type     string     `json:"type"`
	Key      string     `json:"key,omitempty" doc:"Question, step, field or status, by type."`
	Text     string     `json:"text,omitempty"`
	Corrects string     `json:"corrects,omitempty"`
	By       *PersonRef `json:"by,omitempty"`
	At       time.Time  `json:"at"`
	Internal bool       `json:"internal,omitempty" doc:"Not shown to the reporter."`
}

func entryOf(o *directory.Org, e incident.Entry) entryView {
	return entryView{ID: e.ID, Type: string(e.Type), Key: e.Key, Text: e.Text, Corrects: e.Corrects,
		By: refOf(o, e.By), At: e.At, Internal: e.Internal}
}

// evidenceView is one file kept with a case.
type evidenceView struct {
	ID     string     `json:"id"`
	Name   string     `json:"name"`
	Media  string     `json:"media_type" doc:"Found by looking at the content."`
	Size   int64      `json:"size"`
	SHA256 string     `json:"sha256" doc:"Hexadecimal, of the file as it was sent."`
	By     *PersonRef `json:"by,omitempty"`
	At     time.Time  `json:"at"`
	Erased time.Time  `json:"erased,omitzero"`
}

func evidenceOf(o *directory.Org, e incident.Evidence) evidenceView {
	return evidenceView{ID: e.ID, Name: e.Name, Media: e.Media, Size: e.Size, SHA256: fmt.Sprintf("%x", e.SHA256),
		By: refOf(o, e.By), At: e.At, Erased: e.ErasedAt}
}

// stepView is one first-response step.
type stepView struct {
	ID   string     `json:"id"`
	Text string     `json:"text"`
	Done bool       `json:"done"`
	By   *PersonRef `json:"by,omitempty"`
	At   time.Time  `json:"at,omitzero"`
}

// trackView is one receiver's chain, with whom it told.
type trackView struct {
	ID         string     `json:"id"`
	Incident   string     `json:"incident"`
	Receiver   string     `json:"receiver"`
	State      string     `json:"state" doc:"open, acknowledged or closed"`
	Level      int        `json:"level"`
	Pass       int        `json:"pass"`
	Started    time.Time  `json:"started"`
	Next       time.Time  `json:"next,omitzero" doc:"When the next notice is due."`
	Nobody     bool       `json:"nobody_reachable,omitempty"`
	Held       time.Time  `json:"held_until,omitzero" doc:"Waits for working hours until then."`
	HeldSince  time.Time  `json:"held_since,omitzero" doc:"When what is held was due."`
	Asked      time.Time  `json:"asked,omitzero" doc:"When the answerer was asked whether they are still on it."`
	Lapses     time.Time  `json:"lapses,omitzero" doc:"When the answer is undone unless somebody acknowledges anew."`
	AnsweredBy *PersonRef `json:"answered_by,omitempty"`
	AnsweredIn *PersonRef `json:"answered_for,omitempty" doc:"The absent person in whose place the answerer stood."`
	Answered   time.Time  `json:"answered,omitzero"`
	Note       string     `json:"note,omitempty"`
	EndReason  string     `json:"end_reason,omitempty"`
	Told       []toldView `json:"told,omitempty"`
}

// toldView is one person told on a track.
type toldView struct {
	Person PersonRef  `json:"person"`
	For    *PersonRef `json:"for,omitempty"`
	Level  int        `json:"level"`
	At     time.Time  `json:"at"`
}

func trackOf(o *directory.Org, t notice.Track, told []notice.Told) trackView {
	v := trackView{ID: t.ID, Incident: t.Incident, Receiver: string(t.Receiver), State: string(t.State), Level: t.Level, Pass: t.Pass,
		Started: t.Started, Next: t.NextFire, Nobody: t.Empty, AnsweredBy: refOf(o, t.AckedBy), AnsweredIn: refOf(o, t.AckFor),
		Answered: t.AckedAt, Note: t.AckNote, EndReason: t.EndedWhy, HeldSince: t.HeldSince, Asked: t.Asked}
	if t.Held() {
		v.Held = t.NextFire
	}
	if t.Asks() {
		v.Lapses = t.NextFire
	}
	for _, x := range told {
		if x.Track == t.ID {
			v.Told = append(v.Told, toldView{Person: *refOf(o, x.Person), For: refOf(o, x.For), Level: x.Level, At: x.At})
		}
	}
	return v
}

// eventView is one entry of the record. Seq is absent in the history of a case, whose
// newest events may not be numbered yet.
type eventView struct {
	Seq     *int64          `json:"seq,omitempty"`
	ID      string          `json:"id"`
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind"`
	Subject string          `json:"subject,omitempty"`
	Actor   *PersonRef      `json:"actor,omitempty"`
	Data    json.RawMessage `json:"data,omitempty" doc:"What happened, as it was sealed."`
	Erased  time.Time       `json:"erased,omitzero" doc:"When the content was erased."`
	Changed bool            `json:"changed,omitempty" doc:"The content is not the one that was sealed."`
}

func eventOf(o *directory.Org, e journal.Event) eventView {
	return eventView{ID: e.ID, At: e.At, Kind: e.Kind, Subject: e.Subject, Actor: refOf(o, e.Actor), Data: e.Data}
}

func sealedOf(o *directory.Org, e journal.Entry) (eventView, error) {
	ev, err := e.Open()
	v := eventView{ID: e.ID, At: e.At, Kind: e.Kind, Subject: e.Subject}
	switch {
	case errors.Is(err, journal.ErrErased):
		v.Erased = e.ErasedAt
	case errors.Is(err, journal.ErrContent):
		v.Changed = true
	case err != nil:
		return v, fmt.Errorf("open entry %d: %w", e.Seq, err)
	default:
		v = eventOf(o, ev)
	}
	v.Seq = &e.Seq
	return v, nil
}
