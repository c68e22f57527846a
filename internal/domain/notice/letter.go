package notice

import (
	"context"
	"time"
)

// Letter is one mail to one person that wants no answer of its own: somebody is asked to
// decide, a loan ends tomorrow. It is planned in the commit of what it tells of and sent
// until the mail server takes it. What must be answered is a Track instead.
type Letter struct {
	ID      string // id.New("ltr", Planned)
	Key     string // the same key is planned once
	Topic   string // chooses the texts letter.<topic>.subject and letter.<topic>.text
	About   string // id of what it tells of; a letter about it can be called off
	Person  string
	For     string            // whom the person stands in for; "" for none
	Args    map[string]string // fill the places of the texts; never more than the mail must say
	Path    string            // page that it leads to, such as "/requests/REQ-2026-0007"; see SecretPlace
	Act     bool              // its link lets the person act on About without signing in
	Planned time.Time
	NextTry time.Time
	Tries   int
	State   SendState
	SentAt  time.Time
	Answer  string // the provider's last words, shortened
}

// SecretPlace ends the path of a letter about an account when the page opens to nobody but
// its reader: the sealed id of what the letter is about takes its place when the mail is
// written, so that no secret lies among the letters.
const SecretPlace = "{secret}"

// Letters is the part of a transaction that plans letters.
type Letters interface {
	// PlanLetter keeps a letter to be sent, unless its key was planned before.
	PlanLetter(ctx context.Context, l Letter) error
	// CallOff cancels what is still planned about a thing under a topic; "" means every
	// topic.
	CallOff(ctx context.Context, about, topic string) error
}
