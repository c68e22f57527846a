// Package notice tells those who must know, and does not rest until someone answers.
//
// Two duties make two tracks: each receiver's chain of levels runs on its own and
// ends only by an acknowledgement or a reasoned close. Sending, delivery and opening
// are not answers. The rules are numbered in docs/escalation.md; comments here name
// them as "rule n".
package notice

import (
	"slices"
	"time"

	"sekimori/internal/domain/access"
)

// Receiver is whom a track must reach.
type Receiver string

// The receivers: the reporter's supervisor and the protection manager for every
// report, the IT administrator too for what concerns machines (rule 1).
const (
	Supervisor Receiver = "supervisor"
	Manager    Receiver = "protection_manager"
	ITAdmin    Receiver = "it_admin"
)

// Urgency chooses the chain.
type Urgency string

// The urgencies.
const (
	Urgent Urgency = "urgent" // 至急
	Normal Urgency = "normal" // 通常
	Light  Urgency = "light"  // ヒヤリハット
)

// Urgencies lists them, most urgent first.
func Urgencies() []Urgency { return []Urgency{Urgent, Normal, Light} }

// State of a track.
type State string

// The states of a track.
const (
	Open   State = "open"
	Acked  State = "acknowledged"
	Closed State = "closed" // by a recorded, reasoned close
)

// Track is one receiver's chain for one case.
type Track struct {
	ID       string
	Incident string
	Receiver Receiver
	Urgency  Urgency
	Policy   int    // version frozen when the case was opened (rule 12)
	Reporter string // person id; "" for an outside report. Never told about their own report
	// Department is the id of the one that the report concerns: an outside report has no
	// reporter whose superior could be asked for, so that its head is.
	Department string
	LeftOut    []string // people whom the report concerns, asked to be left out (rule 4)

	State    State
	Pass     int    // from 1; grows each time the last level goes unanswered (rule 6)
	Level    int    // from 1
	Attempt  int    // from 1 within the level
	Fires    int    // every firing of the track, by timer or by hand; makes keys unique
	PassedTo string // a person named by hand; overrides the level's people (rule 9)
	Started  time.Time
	LevelEnd time.Time // the window's end
	NextFire time.Time // durable timer, of an answered track too (rule 8); zero when nothing is to come
	Empty    bool      // the last pass found nobody to tell

	HeldSince time.Time // when what waits for working hours was due; zero when nothing does (rule 10)
	Hurried   bool      // whoever reported said that it cannot wait for working hours
	Asked     time.Time // when the answerer was asked whether they are still on it; zero when not (rule 8)

	AckedAt  time.Time
	AckedBy  string
	AckFor   string // the absent person in whose place the answerer stood
	AckPath  string // "web", "link", "api"
	AckNote  string // what the answerer said to the reporter
	EndedWhy string // reason of a close
}

// Told is one person told on a track: allowed to answer even after the level has
// gone on (rule 5).
type Told struct {
	Track  string
	Person string
	For    string // whom they stand in for
	Level  int
	Pass   int
	At     time.Time
}

// SendState is where one notice is on its way.
type SendState string

// The states of an attempt (rule 15).
const (
	Planned   SendState = "planned"
	Sending   SendState = "sending"   // claimed; handed to the provider or about to be
	Sent      SendState = "sent"      // the provider took it
	Refused   SendState = "refused"   // the provider will never take it
	Cancelled SendState = "cancelled" // answered before it went out
)

// Attempt is one message to one contact of one person. Key makes it once-only:
// track, firing, pass, level, attempt, channel and contact (rule 14).
type Attempt struct {
	ID       string
	Key      string
	Track    string
	Incident string
	Person   string
	For      string
	Channel  string // of a directory.Channel
	Address  string // mail: the address; else the id of the contact
	Pass     int
	Level    int
	Number   int // attempt within the level
	Planned  time.Time
	NextTry  time.Time
	Tries    int
	State    SendState
	SentAt   time.Time
	Answer   string // the provider's last words, shortened
	Late     bool   // in the provider's hands when someone answered (rule 7)
	Purpose  Purpose
	Bundle   string // shared by the notices of one mail; names that mail. "" for one that went alone
}

// Told lists are small; has reports whether the person was told.
func has(told []Told, person string) bool {
	return slices.ContainsFunc(told, func(t Told) bool { return t.Person == person })
}

// MayAnswer reports whether the actor may answer the track: someone told on it, or a
// present holder of the receiver's duty.
func (t Track) MayAnswer(by access.Actor, told []Told) bool {
	if slices.Contains(t.LeftOut, by.Person) || by.Person == "" || by.Person == t.Reporter {
		return false
	}
	if has(told, by.Person) {
		return true
	}
	switch t.Receiver {
	case Manager:
		return by.Has(access.ProtectionManager)
	case ITAdmin:
		return by.Has(access.ITAdmin)
	}
	return false
}
