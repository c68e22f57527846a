// Package request is the one engine of applications: somebody asks, those whom the
// organisation names decide, in steps, and what was decided is bound to what was shown.
//
// It knows no kind of application. Whoever wants one gives a Kind: how its form is
// checked and whom it is asked of. What an approval is good for is the business of
// whoever uses it up (Tx.UseApproval), once.
//
// Nothing is ever granted by silence: an application that nobody decides climbs, and in
// the end it expires.
package request

import (
	"context"
	"encoding/json"
	"time"

	"sekimori/internal/domain/access"
)

// State is where an application stands.
type State string

// The states.
const (
	Waiting   State = "waiting"   // 審査中
	Returned  State = "returned"  // 差戻し: the applicant mends it and asks again
	Approved  State = "approved"  // 承認
	Refused   State = "refused"   // 却下
	Withdrawn State = "withdrawn" // 取下げ
	Expired   State = "expired"   // 期限切れ: nobody decided in time, or nobody used the approval
)

// Over reports whether nothing more is decided.
func (s State) Over() bool { return s != Waiting && s != Returned }

// Role says whom a step asks, as the organisation has them when it asks.
type Role string

// The roles.
const (
	Supervisor Role = "supervisor"         // the applicant's direct superior
	Head       Role = "head"               // the head of the applicant's department, or of the next above
	Approver   Role = "approver"           // 決裁権者
	Manager    Role = "protection_manager" // 個人情報保護管理者
	ITAdmin    Role = "it_admin"
)

// Roles lists them in the order that pages show them.
func Roles() []Role { return []Role{Supervisor, Head, Approver, Manager, ITAdmin} }

// Need says how many of those who are asked must approve.
type Need string

// The needs.
const (
	One    Need = "one"
	All    Need = "all"
	Quorum Need = "quorum" // Rule.Quorum of them; never more than there are
)

// Rule is one step of a chain as the company has written it.
type Rule struct {
	Role   Role `json:"role"`
	Need   Need `json:"need"`
	Quorum int  `json:"quorum,omitempty"`
}

// Chain is the written rule of one kind: whom it is asked of, and how long each waits.
// A request keeps the version under which it was made.
type Chain struct {
	Kind    string        `json:"kind"`
	Version int           `json:"version"` // 0 is the built-in one
	Steps   []Rule        `json:"steps"`   // one to five
	Remind  time.Duration `json:"remind"`  // a step unanswered for so long is asked again
	Climb   time.Duration `json:"climb"`   // … and for so long, also of those above
	Life    time.Duration `json:"life"`    // nobody decided for so long: it expires
}

// Kind is one kind of application.
type Kind struct {
	Name  string // "loan"
	Chain Chain  // the built-in one
	// Check brings a form into its plain form, or says as a fault what must be mended.
	// before is the approval or state that it may build on; now is the domain's time.
	Check func(ctx context.Context, by access.Actor, raw json.RawMessage, now time.Time) (Content, error)
	// Note gives one line more for the letters that ask for a decision: a message id and
	// what fills its places. Nil for none.
	Note func(form json.RawMessage, now time.Time) (id string, args map[string]string)
}

// Content is what a form says.
type Content struct {
	Form    json.RawMessage // canonical JSON
	Title   string          // one line in the applicant's language: what is asked for
	About   string          // id of the thing that it is about; "" for none
	Expires time.Time       // deciding later has no sense; zero: only Chain.Life counts
}

// StepState is where one step stands.
type StepState string

// The states of a step.
const (
	StepLater   StepState = "later"
	StepOpen    StepState = "open"
	StepPassed  StepState = "passed"
	StepSkipped StepState = "skipped" // nobody holds the post: see Step.Why
	StepEnded   StepState = "ended"   // refused, sent back, withdrawn or expired here
)

// Asked is one person who was asked on a step, and may decide while it is open.
type Asked struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"` // the absent person in whose place
	Climb  int       `json:"climb"`         // 0 for the step's own people
	At     time.Time `json:"at"`
}

// Verdict is what somebody decided.
type Verdict string

// The verdicts.
const (
	Approve  Verdict = "approve"
	Refuse   Verdict = "refuse"    // with a reason
	SendBack Verdict = "send_back" // with a reason
)

// Stamp is one decision of one person.
type Stamp struct {
	Person  string    `json:"person"`
	For     string    `json:"for,omitempty"`
	Verdict Verdict   `json:"verdict"`
	Note    string    `json:"note,omitempty"`
	Digest  string    `json:"digest"` // of what was shown, hex
	Path    string    `json:"path"`   // "web", "link", "api"
	At      time.Time `json:"at"`
	// Carried: the same person had approved an earlier step; one stamp serves both.
	Carried bool `json:"carried,omitempty"`
}

// Step is one step of a request.
type Step struct {
	Rule
	State  StepState `json:"state"`
	Why    string    `json:"why,omitempty"` // message id: why it was skipped or filled by others
	Opened time.Time `json:"opened"`
	Ended  time.Time `json:"ended"`
	Asked  []Asked   `json:"asked,omitempty"`
	Stamps []Stamp   `json:"stamps,omitempty"`
}

// Word is a question or an answer on a request; asking does not start it again.
type Word struct {
	ID       string
	Request  string
	By       string
	At       time.Time
	Question bool // by who decides; else the applicant's answer or remark
	Text     string
}

// Request is one application.
type Request struct {
	ID       string // req_…
	Label    string // REQ-2026-0007
	Kind     string
	By       string // the applicant
	Revision int    // from 1; grows each time the applicant mends and asks again
	Content
	State    State
	Chain    int // version of the chain
	Steps    []Step
	Asked    time.Time // this revision
	Deadline time.Time // undecided then: expired
	NextFire time.Time // durable timer: reminder, climb, expiry; zero when it rests
	Reminded int       // reminders of the open step
	Climbed  int       // times that the open step has climbed
	Ended    time.Time
	Reason   string // of a refusal, sending back or withdrawal
	UsedBy   string // id of what the approval became; "" until then
	UsedAt   time.Time
}

// Open is the step that is being decided; nil when none is.
func (r *Request) Open() *Step {
	for i := range r.Steps {
		if r.Steps[i].State == StepOpen {
			return &r.Steps[i]
		}
	}
	return nil
}

// New is what an applicant sends. Key makes a repeat harmless.
type New struct {
	Kind string
	Form json.RawMessage
	Key  string
}

// Decision is what somebody who was asked sends. Digest is that of the page they saw: a
// decision about something else than was shown is refused.
type Decision struct {
	Request string
	Verdict Verdict
	Note    string
	Digest  string
	Path    string
}

// View is a request as one actor may see it.
type View struct {
	*Request
	Digest    string // of what is shown now; goes with a Decision
	Words     []Word
	MayDecide bool
	DecideFor string // the absent person in whose place
	MayAsk    bool   // put a question
	MayMend   bool   // the applicant, after it was sent back or while it waits
	Mine      bool
}

// Query chooses requests.
type Query struct {
	Box   Box
	Kind  string
	State State
	About string
	Text  string // part of the label or the title
	After string // cursor
	Limit int    // 1–200; default 50
}

// Box is whose requests.
type Box string

// The boxes.
const (
	Mine    Box = "mine"    // the actor's own
	ForMe   Box = "for_me"  // waiting for the actor's decision
	Decided Box = "decided" // the actor has stamped
	Every   Box = "every"   // access.ReadRequests
)

// Page is one page of a list, newest first.
type Page struct {
	Rows []View
	Next string
}
