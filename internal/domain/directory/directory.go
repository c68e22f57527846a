// Package directory knows who works here: people, the tree of departments,
// duties, deputies and absences, and answers who stands in for whom.
//
// It must not decide what anybody may see of a case; it says who is who.
package directory

import (
	"strings"
	"time"

	"sekimori/internal/domain/access"
)

// Person is one who works or worked here. Leavers stay, for the history.
type Person struct {
	ID         string
	Number     string // 社員番号, the key of imports
	Family     string
	Given      string
	FamilyKana string // full-width katakana; the order of lists
	GivenKana  string
	Email      string
	Phone      string // with hyphens, as it is dialled
	Department string // department id
	Supervisor string // person id; empty: the head of the department
	Title      string
	Lang       string    // "ja" or "en": the language of mails to this person
	Verified   time.Time // when the mail address was last known to arrive
	Left       time.Time // zero while working here
}

// Name is family name then given name, as Japanese names are written.
func (p Person) Name() string { return strings.TrimSpace(p.Family + " " + p.Given) }

// Kana is the reading of the name.
func (p Person) Kana() string { return strings.TrimSpace(p.FamilyKana + " " + p.GivenKana) }

// Active reports whether the person works here at the time.
func (p Person) Active(at time.Time) bool { return p.Left.IsZero() || at.Before(p.Left) }

// Department is one node of the tree.
type Department struct {
	ID     string
	Code   string // the key of imports
	Name   string
	Parent string // department id; empty at the root
	Head   string // person id
}

// Assignment is a duty held by a person from a time until another (zero: open).
type Assignment struct {
	Duty   access.Duty
	Person string
	From   time.Time
	Until  time.Time
}

// Deputy stands in for a person, while that person is away, in the order given.
type Deputy struct {
	ID     string
	Person string // who is stood in for
	Deputy string
	Order  int // lower is asked first
	From   time.Time
	Until  time.Time // zero: open
}

// Absence is a time in which a person cannot answer.
type Absence struct {
	ID     string
	Person string
	From   time.Time
	Until  time.Time
	Note   string
	By     string // who entered it
}

// during reports whether at lies in [from, until); a zero until is open.
func during(at, from, until time.Time) bool {
	return !at.Before(from) && (until.IsZero() || at.Before(until))
}
