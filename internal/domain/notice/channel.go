package notice

import (
	"context"
	"slices"
	"time"

	"sekimori/internal/domain/directory"
)

// Offset says that a level uses a channel, and how long after its first notice.
type Offset struct {
	Channel string `json:"channel"` // "mail", "push", "slack", "teams", "lineworks", "webhook"
	After   int    `json:"after"`   // minutes from the level's first notice; less than its window
}

// route is one contact to tell and how long it waits from the level's first notice on.
type route struct {
	contact directory.Contact
	after   time.Duration
}

// routes chooses among a person's contacts: all at once, or those of the level's channels,
// each in its time. Whoever has none of these is told by every contact, and nobody waits
// for a channel that they, or the server, do not have: the first of their contacts is told
// at once.
func (l Level) routes(o *directory.Org, person string) []route {
	var chosen, every []route
	for _, c := range o.ContactsOf(person) {
		if !c.Takes() || !o.Has(c.Channel) {
			continue
		}
		every = append(every, route{contact: c})
		for _, o := range l.Channels {
			if o.Channel == string(c.Channel) {
				chosen = append(chosen, route{c, time.Duration(o.After) * time.Minute})
				break
			}
		}
	}
	if len(chosen) == 0 {
		return every
	}
	first := chosen[0].after
	for _, r := range chosen {
		first = min(first, r.after)
	}
	for i := range chosen {
		chosen[i].after -= first
	}
	return chosen
}

// begun is when the present level gave its first notice.
func (f *Fired) begun(w Lookout) time.Time {
	if f.Track.Attempt <= 1 {
		return w.Now
	}
	at := f.Track.LevelEnd.Add(-f.window(w))
	if at.After(w.Now) { // a shorter window was adopted since (rule 12)
		return w.Now
	}
	return at
}

// ByChannel sends each notice by its channel.
type ByChannel map[string]Sender

// Send hands the notice to the sender of its channel. A channel that is switched off is a
// final no to the notice, and not to the contact.
func (s ByChannel) Send(ctx context.Context, a Attempt, t Track) (string, error) {
	by, ok := s[a.Channel]
	if !ok {
		return "", &Rejection{Answer: "channel " + a.Channel + " is switched off"}
	}
	return by.Send(ctx, a, t)
}

// To is the contact that a notice is addressed to, for those who send it: refused for good
// when it is theirs no more, or when its person was left out since (rule 4).
func (a Attempt) To(o *directory.Org, leftOut ...[]string) (directory.Contact, error) {
	c, ok := o.Contact(a.Address)
	if !ok || c.Person != a.Person || !c.Takes() {
		return c, &Rejection{Answer: "the contact was taken away, or takes nothing any more"}
	}
	for _, out := range leftOut {
		if slices.Contains(out, a.Person) {
			return c, &Rejection{Answer: "left out of this case"}
		}
	}
	return c, nil
}

// SendGathered hands over several notices of one channel: as one message when its sender
// can, else one after the other.
func (s ByChannel) SendGathered(ctx context.Context, as []Attempt, ts []Track) (answer string, err error) {
	if g, ok := s[as[0].Channel].(Gatherer); ok {
		return g.SendGathered(ctx, as, ts)
	}
	for n, a := range as {
		if answer, err = s.Send(ctx, a, ts[n]); err != nil {
			return "", err
		}
	}
	return answer, nil
}
