package asset

import "time"

// LoanState is where a loan stands.
type LoanState string

// The states of a loan, in their order.
const (
	Handed   LoanState = "handed"   // given out; the borrower has yet to press "received"
	Out      LoanState = "out"      // works on its PC until its end
	Ended    LoanState = "ended"    // the time is over and it is not back: overdue
	Back     LoanState = "back"     // returned; content and erasure are to be confirmed
	Done     LoanState = "done"     // confirmed; in store
	Broken   LoanState = "lost"     // reported lost
	Recalled LoanState = "recalled" // never received, or called back before the end
)

// LoanStates lists them.
func LoanStates() []LoanState {
	return []LoanState{Handed, Out, Ended, Back, Done, Broken, Recalled}
}

// Holds reports whether somebody has the thing.
func (s LoanState) Holds() bool { return s == Handed || s == Out || s == Ended }

// Loan is one lending of one thing to one person for one PC.
type Loan struct {
	ID       string // lon_…
	Label    string // LOAN-2026-0003
	Asset    string
	Request  string // the approved request that it uses up
	Person   string // the borrower
	Device   string // the PC on which it works; "" for what no PC reads
	From     time.Time
	Until    time.Time
	ReadOnly bool
	Purpose  string

	State      LoanState
	HandedBy   string
	HandedAt   time.Time
	ReceivedAt time.Time // the borrower's press
	EndedAt    time.Time // when the end passed and it was not back
	BackBy     string    // who took it back; never the borrower
	BackAt     time.Time
	DoneBy     string // who confirmed content and erasure: a third person
	DoneAt     time.Time
	Content    string // what the check found: "empty", "work_files", "personal_data", "unreadable"
	Erased     string // how: "erased", "overwritten", "crypto_erased", "kept" (with a reason)
	CheckNote  string
	Over       time.Time // when it became Done, Broken or Recalled: nothing more happens to it
	ErasedAt   time.Time // when it was forgotten who had it and what for; zero while it is known

	NextFire time.Time // durable timer: reminder, end, climb; zero when it rests
	Reminded int       // reminders before the end
	Chased   time.Time // the last chase
	Climbed  int       // levels above the borrower that were told
}

// Overdue reports whether the end has passed and the thing is not back.
func (l Loan) Overdue(now time.Time) bool { return l.State.Holds() && !now.Before(l.Until) }

// Contents lists what a check of a medium may find.
func Contents() []string { return []string{"empty", "work_files", "personal_data", "unreadable"} }

// Erasures lists how a medium's content was put away.
func Erasures() []string { return []string{"erased", "overwritten", "crypto_erased", "kept"} }

// Attempt is one thing that happened with a medium at a PC, as the PC told it.
type Attempt struct {
	ID      string // med_…
	Device  string
	Key     string    // the PC's own: a repeat changes nothing
	At      time.Time // the PC's trusted time
	Heard   time.Time
	What    string // wire.Media* events
	Vendor  string
	Product string
	Serial  string
	Class   string // "storage", "phone", "reader"
	Name    string // maker and model as the medium says
	Asset   string // that it is, when known
	Loan    string
	User    string // signed in at the PC: a claim
	Why     string // wire.Why*: the reason
	Files   int    // written, for What "written"
	Bytes   int64
	Event   string // id of what the record says of it
}

// Written is one file written onto an allowed medium: never its content.
type Written struct {
	Loan string
	Name string // path on the medium
	Size int64
	At   time.Time
}
