// Package incident is the case: what somebody told us, what is done about it, and
// who may see it. A report needs a kind and one line; everything else can follow.
//
// Nothing that was sent is ever edited: corrections are added beside it.
package incident

import (
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
)

// Kind is one of the ten kinds that the company's rules name (rule A2).
type Kind string

// The ten kinds.
const (
	Virus          Kind = "virus"
	Missent        Kind = "missent"
	Lost           Kind = "lost"
	Tampered       Kind = "tampered"
	OddBehaviour   Kind = "odd_behaviour"
	ServiceStopped Kind = "service_stopped"
	Malfunction    Kind = "malfunction"
	RuleBroken     Kind = "rule_broken"
	Complaint      Kind = "complaint"
	NearMiss       Kind = "near_miss"
)

// Kinds lists the ten in the order of the report page: what cannot wait first.
func Kinds() []Kind {
	return []Kind{Virus, Missent, Lost, Tampered, OddBehaviour, ServiceStopped, Malfunction, RuleBroken, Complaint, NearMiss}
}

// Valid reports whether k is one of the ten.
func (k Kind) Valid() bool { return slices.Contains(Kinds(), k) }

// Urgency is the haste that the rules give the kind.
func (k Kind) Urgency() notice.Urgency {
	switch k {
	case Virus, Missent, Lost, Tampered:
		return notice.Urgent
	case NearMiss:
		return notice.Light
	}
	return notice.Normal
}

// Receivers lists who must be reached: the two that the rules name, and the IT
// administrator for what concerns machines (rule B8).
func (k Kind) Receivers() []notice.Receiver {
	rs := []notice.Receiver{notice.Supervisor, notice.Manager}
	if k.Technical() {
		rs = append([]notice.Receiver{notice.ITAdmin}, rs...)
	}
	return rs
}

// Technical reports whether the kind concerns a machine, so that IT administrators
// are told and may read the case.
func (k Kind) Technical() bool { return k == Virus || k == OddBehaviour || k == Malfunction }

// Questions are the ids of the kind's own two or three follow-up questions, asked
// after the report is stored, never before.
func (k Kind) Questions() []string {
	switch k {
	case Virus:
		return []string{"virus.trigger", "virus.signs", "virus.offline"}
	case Missent:
		return []string{"missent.to", "missent.what", "missent.recalled"}
	case Lost:
		return []string{"lost.what", "lost.last_seen", "lost.protected"}
	case Tampered:
		return []string{"tampered.where", "tampered.before"}
	case OddBehaviour:
		return []string{"odd_behaviour.signs", "odd_behaviour.before", "odd_behaviour.machine"}
	case ServiceStopped:
		return []string{"service_stopped.what", "service_stopped.since"}
	case Malfunction:
		return []string{"malfunction.screen", "malfunction.seen", "malfunction.repeat"}
	case RuleBroken:
		return []string{"rule_broken.which", "rule_broken.still"}
	case Complaint:
		return []string{"complaint.from", "complaint.content", "complaint.promise"}
	case NearMiss:
		return []string{"near_miss.how", "near_miss.stopped_by"}
	}
	return nil
}

// Unknown is the answer "I don't know": an answer like any other.
const Unknown = "unknown"

// Status is where the work on a case stands.
type Status string

// The statuses, in their usual order.
const (
	Received      Status = "received"      // 受付
	Confirming    Status = "confirming"    // 一次確認
	Investigating Status = "investigating" // 調査中
	Preventing    Status = "preventing"    // 再発防止
	Closing       Status = "closing"       // 完了の確認待ち: a second person must confirm
	Closed        Status = "closed"        // 完了
	Withdrawn     Status = "withdrawn"     // 取下げ
	Merged        Status = "merged"        // 重複: goes on as another case; see Merge
)

// Statuses lists them in order.
func Statuses() []Status {
	return []Status{Received, Confirming, Investigating, Preventing, Closing, Closed, Withdrawn, Merged}
}

// Open reports whether the case still wants work.
func (s Status) Open() bool { return s != Closed && s != Withdrawn && s != Merged }

// next lists the statuses that a worker may set from s by hand. Closing and closed
// are reached only by the two-person verbs.
func (s Status) next() []Status {
	switch s {
	case Received, Confirming, Investigating, Preventing:
		return []Status{Confirming, Investigating, Preventing, Withdrawn}
	}
	return nil
}

// Next lists what may follow by hand.
func (s Status) Next() []Status {
	return slices.DeleteFunc(s.next(), func(x Status) bool { return x == s })
}

// Moment is a time that a person gave, or said not to know.
type Moment struct {
	At    time.Time
	Known bool
}

// Incident is one case.
type Incident struct {
	ID         string
	Year       int // of the number, in the company's time zone
	Number     int
	Label      string // INC-2026-0042
	Kind       Kind
	Urgency    notice.Urgency
	Summary    string    // the one line
	Reporter   string    // who pressed send; "" for who has no account, and once erased
	OnBehalf   string    // who found it, when somebody else reports for them
	Department string    // of the finder, at the time of the report
	Channel    string    // "web", "api", "cli", "agent", "mail", "phone", "box"
	Nearly     Kind      // what a near miss nearly became; "" when nobody said
	Guessed    bool      // nobody chose the kind: it was read out of a mail, or nobody could tell on the telephone
	Outside    *Outsider // who found it, when that is nobody of ours; nil otherwise
	LeftOut    []string
	Occurred   Moment // when it happened
	Discovered Moment // when it was noticed
	Written    Moment // by the device's own clock, when it had to keep the report for a while
	Began      Moment // when the call began by which it was told; see ByPhone
	Reported   time.Time
	Status     Status
	Assignee   string
	StepList   int // version of the first-response steps frozen for the case
	CloseBy    string
	CloseWhy   string
	ClosedBy   string
	ClosedAt   time.Time
	MergedInto string // id of the case that this one goes on as; "" for a case of its own
	MergedWas  Status // before that
	Demo       bool   // made-up data
	Drill      bool   // made up to see how long the answers take (rule 16)
	ErasedAt   time.Time
	Key        string // idempotency key of the report, unique per reporter
}

// Finder is the person id of whose report it is: the one helped, else the one who pressed
// send. Empty for a report from outside, whoever of us typed it in.
func (i *Incident) Finder() string {
	if i.Outside != nil {
		return ""
	}
	if i.OnBehalf != "" {
		return i.OnBehalf
	}
	return i.Reporter
}

// Owns reports whether the case is the actor's own report: as who pressed send, who found
// it, or who has its receipt code.
func (i *Incident) Owns(by access.Actor) bool {
	if by.Via == access.ByCode {
		return i.Outside != nil && by.Case != "" && by.Case == i.ID
	}
	return by.Person != "" && (by.Person == i.Reporter || by.Person == i.OnBehalf)
}

// Entry is one dated statement or act on a case: added, never changed.
type Entry struct {
	ID       string
	Incident string
	Type     EntryType
	Key      string // question id, step id, field or status, by type
	Text     string
	By       string
	At       time.Time
	Corrects string // the entry that this one corrects
	Internal bool   // not for the reporter
}

// EntryType says what an entry is.
type EntryType string

// The types of entries.
const (
	Fact       EntryType = "fact"       // free words
	Answer     EntryType = "answer"     // to the question Key
	Correction EntryType = "correction" // of the report's field Key, or of an entry
	Note       EntryType = "note"       // between those who work on the case
	StepDone   EntryType = "step_done"  // step Key was done
	StepUndone EntryType = "step_undone"
	StatusSet  EntryType = "status"
	Assigned   EntryType = "assigned"
	Message    EntryType = "message" // between who works on the case and whose report it is
)

// Evidence is a file kept with a case.
type Evidence struct {
	ID       string
	Incident string
	Name     string
	Media    string // by content, never by what the sender claims
	Size     int64
	SHA256   [32]byte // of the file as it was sent
	Blob     string   // key in the evidence store
	Once     string   // names the file among those of the case; "" for one that may come again
	By       string
	At       time.Time
	ErasedAt time.Time
}

// Steps is one version of a kind's first-response list.
type Steps struct {
	Kind    Kind
	Version int
	Items   []Step
	By      string
	At      time.Time
}

// Step is one line of a list. Text is the company's own words; a built-in step has
// none and is shown by its message id "step.<kind>.<id>".
type Step struct {
	ID   string `json:"id"`
	Text string `json:"text,omitempty"`
}

// DefaultSteps are the lists that a new company starts with.
func DefaultSteps(k Kind) Steps {
	n := map[Kind]int{Virus: 6, Missent: 5, Lost: 6, Tampered: 5, OddBehaviour: 4, ServiceStopped: 4, Malfunction: 4, RuleBroken: 4, Complaint: 5, NearMiss: 3}[k]
	s := Steps{Kind: k, Version: 1, By: "system"}
	for i := range n {
		s.Items = append(s.Items, Step{ID: string(rune('1' + i))})
	}
	return s
}

// Sight is how much of a case an actor sees.
type Sight int

// The sights, each including the one before.
const (
	Blind    Sight = iota
	AsFinder       // the report, its own additions, who was told: never internal notes; see forOutsider
	AsReader       // all, changes nothing
	AsWorker       // all, and works on it
)

// SightOf decides what an actor sees of a case. Those left out see nothing, whatever
// their duty; the finder and the reporter always see their own report.
func SightOf(by access.Actor, i *Incident, o *directory.Org, told []notice.Told) Sight {
	if by.Via == access.BySystem {
		return AsWorker
	}
	if by.Person == "" || by.Via == access.ByLink {
		return Blind
	}
	if by.Via == access.ByCode {
		if i.Owns(by) {
			return AsFinder
		}
		return Blind
	}
	if slices.Contains(i.LeftOut, by.Person) {
		return Blind
	}
	if by.Via == access.ByMail { // sees what its sender would; mayChange lets it add and do nothing else
		by.Via = access.BySession
	}
	reads, works := inScope(by, access.ReadCases), inScope(by, access.WorkCases)
	if !reads && !works && !inScope(by, access.Report) {
		return Blind
	}
	best := Blind
	if i.Owns(by) {
		best = AsFinder
	}
	if by.May(access.ReadCases) == nil {
		best = AsReader
	}
	wasTold := slices.ContainsFunc(told, func(t notice.Told) bool { return t.Person == by.Person })
	worker := by.May(access.WorkCases) == nil || i.Assignee == by.Person || wasTold ||
		i.Kind.Technical() && by.Has(access.ITAdmin)
	switch {
	case !worker || by.Has(access.Auditor):
		return best
	case works:
		return AsWorker
	case reads:
		return AsReader
	}
	return best
}

// inScope reports whether the actor's token, if they came by one, extends to p.
func inScope(by access.Actor, p access.Permission) bool {
	return by.Scopes == nil || slices.Contains(by.Scopes, p)
}
