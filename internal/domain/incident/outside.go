package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Limits of what somebody without an account gives, beside those of everybody.
const (
	MaxName         = 100 // characters
	MaxContact      = 200
	MaxOutsideFiles = 5 // of a case
	MaxOutsideFile  = 10 << 20
	MaxOutsideWords = 100 // additions to a case
)

// Outsider is who found something without being one of our people. Both fields may be
// empty: nobody has to say who they are.
type Outsider struct {
	Name    string
	Contact string // a mail address, a telephone number, whatever they wrote
}

// Masked is the same for a list, which many read: enough to tell two reports apart.
func (o Outsider) Masked() Outsider {
	at := strings.LastIndexByte(o.Contact, '@')
	if at > 0 {
		return Outsider{Name: first(o.Name), Contact: first(o.Contact[:at]) + "@" + first(o.Contact[at+1:])}
	}
	if r := []rune(o.Contact); len(r) > 4 {
		return Outsider{Name: first(o.Name), Contact: "…" + string(r[len(r)-2:])}
	}
	return Outsider{Name: first(o.Name), Contact: first(o.Contact)}
}

func first(s string) string {
	r := []rune(s)
	if len(r) < 2 {
		return s
	}
	return string(r[0]) + "…"
}

func (o *Outsider) same(p *Outsider) bool {
	return o == nil && p == nil || o != nil && p != nil && *o == *p
}

// OutsideReport is what somebody without an account tells, or one of us for them. Kind and
// one line are all that it needs.
type OutsideReport struct {
	Kind       Kind
	Summary    string
	Words      string // more than a line: becomes the case's first fact
	Name       string
	Contact    string
	Department string // id of the one that it concerns; may be empty
	Channel    string // "web", "mail", ByPhone
	Key        string // idempotency key: a secret of the sender's form, or the mail's own id
	Occurred   Moment
	Discovered Moment
	Demo       bool
	Work       Once // done by a stranger's browser for this report; zero for none

	// Of a call that one of us took; nobody else can say them.
	Began    Moment
	Written  Moment // by the clock of the device that had to keep the call sheet
	LeaveOut []string
	Guessed  bool // see Unsure
}

// Once is something that is good for one report, whichever server it comes to.
type Once struct {
	Hash  [32]byte
	Until time.Time // it ends by itself
}

// spend ends it; the second who comes with it is refused.
func (o Once) spend(ctx context.Context, tx Tx, now time.Time) error {
	if o == (Once{}) {
		return nil
	}
	first, err := tx.Spend(ctx, o.Hash, o.Until, now)
	if err != nil {
		return fmt.Errorf("spend work: %w", err)
	}
	if !first {
		return fault.New(fault.TooMany, "fault.outside_busy", nil)
	}
	return nil
}

// ReportOutside stores a report of somebody who has no account, starts its tracks and makes
// the receipt code that opens the case, all in one commit. door is how it came: access.Outside("")
// from the page, access.System() from a mailbox, or the employee who wrote down a call and
// is then the case's reporter, though not its finder.
//
// A repeated Key gives the first report again when all that tells two senders apart is the
// same, with another code: the first is known to nobody but who was given it.
func (s *Service) ReportOutside(ctx context.Context, door access.Actor, r OutsideReport) (*Incident, Code, error) {
	if err := door.May(access.Report); err != nil {
		return nil, "", err
	}
	if door.Via == access.ByDevice || door.Case != "" {
		return nil, "", fault.Deny(string(access.Report))
	}
	w, err := s.notices.Lookout(ctx, 0)
	if err != nil {
		return nil, "", err
	}
	r.Words = visible(r.Words)
	i, err := s.acceptOutside(door, r, w)
	if err != nil {
		return nil, "", err
	}
	code, fresh := newCode(), i.ID
	i, _, err = s.keep(ctx, door, i, Report{Words: r.Words}, w, func(tx Tx, i *Incident) error {
		if i.ID == fresh { // a repeat of a report that is there costs no work
			if err := r.Work.spend(ctx, tx, w.Now); err != nil {
				return err
			}
		}
		if err := tx.InsertCode(ctx, i.ID, s.codes.hash(code), w.Now); err != nil {
			return fmt.Errorf("insert receipt code: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return i, code, nil
}

// acceptOutside validates an outside report and makes the case, without its number.
func (s *Service) acceptOutside(door access.Actor, r OutsideReport, w notice.Lookout) (*Incident, error) {
	r.Summary, r.Name, r.Contact = oneLine(visible(r.Summary)), oneLine(visible(r.Name)), oneLine(visible(r.Contact))
	var c fault.Check
	c.That(r.Kind != "", "kind", "fault.required", nil)
	c.That(r.Kind == "" || r.Kind.Valid(), "kind", "fault.unknown_choice", nil)
	c.That(r.Summary != "", "summary", "fault.required", nil)
	short := func(field, text string, most int) {
		c.That(utf8.RuneCountInString(text) <= most, field, "fault.too_long", fault.Args{"max": fmt.Sprint(most)})
	}
	short("summary", r.Summary, MaxSummary)
	short("text", r.Words, MaxText)
	short("name", r.Name, MaxName)
	short("contact", r.Contact, MaxContact)
	c.That(len(r.Key) <= 300, "key", "fault.too_long", fault.Args{"max": "300"})
	_, known := w.Org.Departments[r.Department]
	c.That(r.Department == "" || known, "department", "fault.unknown_choice", nil)
	checkMoments(&c, r.Occurred, r.Discovered, w.Now)
	ours := door.Via == access.BySession || door.Via == access.ByToken
	if ours {
		checkLeftOut(&c, r.LeaveOut, w.Org, r.Channel, door.Person, "")
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	i := &Incident{
		ID: id.New("inc", w.Now), Year: w.Now.In(s.zone).Year(), Kind: r.Kind, Urgency: r.Kind.Urgency(), Summary: r.Summary,
		Outside: &Outsider{Name: r.Name, Contact: r.Contact}, Department: r.Department, Channel: r.Channel,
		Occurred: r.Occurred, Discovered: r.Discovered, Reported: w.Now, Status: Received, StepList: s.stepVersion(r.Kind), Demo: r.Demo,
	}
	if ours {
		i.Written = r.Written.believable(w.Now)
		i.Reporter, i.Began, i.Guessed = door.Person, r.Began.ofCall(r.Channel, w.Now), r.Guessed
		i.LeftOut = slices.Compact(slices.Sorted(slices.Values(r.LeaveOut)))
	}
	if r.Key != "" { // those of all ways in share the name of nobody
		i.Key = r.Channel + ":" + r.Key
	}
	return i, nil
}

// receivers lists whom the case's tracks must reach. Nobody is the superior of who is not
// one of us: only a department that was named has a head to tell.
func (i *Incident) receivers(o *directory.Org) []notice.Receiver {
	if i.Boxed() { // a supervisor would look around for who it was
		return []notice.Receiver{notice.Manager}
	}
	rs := i.Kind.Receivers()
	if i.Outside != nil && o.HeadOf(i.Department) == "" {
		rs = slices.DeleteFunc(rs, func(r notice.Receiver) bool { return r == notice.Supervisor })
	}
	return rs
}

// track is a new track of the case to a receiver. What lay in the box names no department
// there: its head stands in the last levels of other receivers too.
func (i *Incident) track(to notice.Receiver) notice.Track {
	t := notice.Track{Incident: i.ID, Receiver: to, Urgency: i.Urgency, Reporter: i.Finder(), Department: i.Department, LeftOut: i.LeftOut}
	if i.Boxed() {
		t.Department = ""
	}
	return t
}

// Teller is whose words the report is: the person id of who pressed send, access.Nobody, or
// access.Unnamed.
func (i *Incident) Teller() string {
	if i.Boxed() {
		return access.Unnamed
	}
	if i.Outside != nil && i.Reporter == "" {
		return access.Nobody
	}
	return i.Reporter
}

// added reports whether the file is the actor's own, or of those whose report it is.
func (c *Case) added(by access.Actor, e Evidence) bool {
	if by.Via == access.ByCode {
		return e.By == access.Nobody
	}
	return e.By != "" && (e.By == c.Reporter || e.By == c.OnBehalf)
}

// forOutsider takes away what concerns our own people: somebody without an account reads
// their report and what they added, what was written to them, where the case stands, and
// which duties have answered at what time.
func (c *Case) forOutsider() {
	i := *c.Incident
	i.Reporter, i.OnBehalf, i.LeftOut, i.Assignee, i.CloseBy, i.CloseWhy, i.ClosedBy = "", "", nil, "", "", "", ""
	c.Incident = &i
	c.Told = nil
	c.Tracks = slices.Clone(c.Tracks)
	for n := range c.Tracks {
		t := &c.Tracks[n]
		t.LeftOut, t.PassedTo, t.AckedBy, t.AckFor, t.EndedWhy = nil, "", "", "", ""
	}
	var said []Entry
	for _, e := range c.Entries {
		switch {
		case e.By == access.Nobody:
		case e.Type == Message:
			e.By = ""
		case e.Type == StatusSet:
			e.By, e.Text = "", ""
		default:
			continue
		}
		said = append(said, e)
	}
	c.Entries = said
}

// roomOutside is how large the next file of an outsider may be.
func (s *Service) roomOutside(kept []Evidence) (int64, error) {
	n := 0
	for _, e := range kept {
		if e.By == access.Nobody {
			n++
		}
	}
	if n >= MaxOutsideFiles {
		return 0, fault.New(fault.TooLarge, "fault.outside_files", fault.Args{"max": fmt.Sprint(MaxOutsideFiles)})
	}
	return min(s.limits.File, MaxOutsideFile), nil
}

// wordsOutside is nil while an outsider may still add to the case.
func (s *Service) wordsOutside(ctx context.Context, i *Incident) error {
	said, err := s.store.Entries(ctx, i.ID)
	if err != nil {
		return fmt.Errorf("load entries of %s: %w", i.ID, err)
	}
	n := 0
	for _, e := range said {
		if e.By == access.Nobody {
			n++
		}
	}
	if n >= MaxOutsideWords {
		return fault.New(fault.TooMany, "fault.outside_words", fault.Args{"max": fmt.Sprint(MaxOutsideWords)})
	}
	return nil
}

// visible drops what makes a line read otherwise than it is: marks that turn the direction
// of writing, and others that show nothing.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) && r != '\u200d' {
			return -1
		}
		return r
	}, s)
}
