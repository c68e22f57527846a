package request

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
)

// Topics of letters. The three that ask for a decision are called off when it is made.
const (
	topicDecide   = "request.decide"   // you are asked
	topicRemind   = "request.remind"   // you were asked and have not decided
	topicClimb    = "request.climb"    // others were asked and have not decided
	topicStuck    = "request.stuck"    // nobody may decide this
	topicQuestion = "request.question" // to the applicant
	topicAnswer   = "request.answer"   // to who put a question
	topicApproved = "request.approved"
	topicRefused  = "request.refused"
	topicReturned = "request.returned"
	topicExpired  = "request.expired"
)

// asking are the topics that a decision makes pointless.
func asking() []string { return []string{topicDecide, topicRemind, topicClimb, topicStuck} }

// stuckRest is how long a request that nobody may decide rests before it looks again.
const stuckRest = time.Hour

// turn changes one request as a value and gathers what is to be written with it, all in
// one commit.
type turn struct {
	look  lookout
	chain Chain
	cal   *jpcal.Calendar
	kind  Kind
	r     *Request

	moved   bool     // something is to be written
	callOff []string // topics
	letters []notice.Letter
	events  []journal.Event
	err     error // the first mistake in making an event
}

// note records an event about the request. Data names people by id and holds no words of
// theirs but the reason of a refusal, which the record must be able to give.
func (t *turn) note(kind, actor string, data map[string]any) {
	whole := map[string]any{"label": t.r.Label, "kind": t.r.Kind, "revision": t.r.Revision}
	maps.Copy(whole, data)
	ev, err := journal.NewEvent(t.look.now, "request."+kind, t.r.ID, actor, whole)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.events, t.moved = append(t.events, ev), true
}

// letter plans a mail about the request to one person. The key holds once tells apart
// what may be said twice.
func (t *turn) letter(topic, person, instead string, act bool, once string) {
	now, r := t.look.now, t.r
	args := map[string]string{"number": r.Label, "title": r.Title, "applicant": r.By}
	if act {
		args["until"] = r.Deadline.UTC().Format(time.RFC3339)
		if t.kind.Note != nil {
			note, more := t.kind.Note(r.Form, now)
			maps.Copy(args, more)
			args["note"] = note
		}
	}
	path := "/requests/" + r.Label
	if topic == topicStuck { // to people who may mend the organisation, not read the request
		delete(args, "title")
		path = "/people"
	}
	t.letters = append(t.letters, notice.Letter{
		ID: id.New("ltr", now), Key: fmt.Sprintf("%s/%d/%s/%s/%s", r.ID, r.Revision, topic, person, once),
		Topic: topic, About: r.ID, Person: person, For: instead, Args: args, Path: path, Act: act,
		Planned: now, NextTry: now, State: notice.Planned,
	})
}

// toApplicant tells the applicant, if they still work here.
func (t *turn) toApplicant(topic, once string) {
	if p, ok := t.look.org.People[t.r.By]; ok && p.Active(t.look.now) {
		t.letter(topic, t.r.By, "", false, once)
	}
}

// begin starts a revision: no step is open yet, and no stamp counts.
func (t *turn) begin() {
	r, now := t.r, t.look.now
	r.State, r.Asked, r.Reason, r.Ended = Waiting, now, "", time.Time{}
	r.Deadline = now.Add(t.chain.Life)
	if !r.Expires.IsZero() && r.Expires.Before(r.Deadline) {
		r.Deadline = r.Expires
	}
	for i, s := range r.Steps {
		r.Steps[i] = Step{Rule: s.Rule, State: StepLater}
	}
	t.callOff = append(t.callOff, "")
	t.advance("")
}

// advance opens the next step, and passes what needs nobody's decision any more. last is
// who made the decision that brought it here; "" at the start.
func (t *turn) advance(last string) {
	for i := range t.r.Steps {
		s := &t.r.Steps[i]
		if s.State != StepLater {
			continue
		}
		t.open(i)
		if s.State == StepOpen {
			return
		}
	}
	t.approve(last)
}

// open opens a step: asks its people, skips it, or lets an earlier stamp of the same
// person serve.
func (t *turn) open(n int) {
	s, now := &t.r.Steps[n], t.look.now
	t.r.Reminded, t.r.Climbed = 0, 0
	s.Opened = now
	if len(t.look.holders(s.Role)) == 0 {
		if t.othersDecide(n) {
			s.State, s.Why, s.Ended = StepSkipped, WhySkipped, now
			t.note("step_skipped", "system", map[string]any{"step": n + 1, "role": s.Role})
			return
		}
		_, s.Why = t.look.fill()
	}
	s.State = StepOpen
	s.Asked = t.look.present(t.look.seats(s))
	var carried []string
	for _, a := range s.Asked {
		if t.approvedEarlier(a.Person) && !s.stamped(a) {
			s.Stamps = append(s.Stamps, Stamp{Person: a.Person, For: a.For, Verdict: Approve, Digest: Digest(t.r), At: now, Carried: true})
			carried = append(carried, a.Person)
		}
	}
	t.note("step_opened", "system", map[string]any{"step": n + 1, "role": s.Role, "why": s.Why, "asked": people(s.Asked), "carried": carried})
	if t.pass(s) {
		return
	}
	t.ask(n, s.Asked, topicDecide)
	if len(s.Asked) == 0 {
		t.stuck(n)
	} else if !slices.ContainsFunc(s.Asked, func(a Asked) bool { return !t.look.away(a.Person) }) {
		t.climb(n) // nobody is there to wait for
	}
	t.rest(s)
}

// othersDecide reports whether some other step has been approved by somebody or will be
// asked of somebody: only then may a vacant post be passed over.
func (t *turn) othersDecide(n int) bool {
	for i, s := range t.r.Steps {
		if i < n && s.State == StepPassed || i > n && len(t.look.holders(s.Role)) > 0 {
			return true
		}
	}
	return false
}

// approvedEarlier reports whether the person has approved another step of this revision.
func (t *turn) approvedEarlier(person string) bool {
	for _, s := range t.r.Steps {
		for _, x := range s.Stamps {
			if x.Person == person && x.Verdict == Approve && !x.Carried {
				return true
			}
		}
	}
	return false
}

// pass ends the step when enough have approved.
func (t *turn) pass(s *Step) bool {
	if !t.look.passes(s) {
		return false
	}
	s.State, s.Ended = StepPassed, t.look.now
	t.callOff = append(t.callOff, asking()...)
	return true
}

// ask writes to those who are to decide; each once, who has stamped not at all.
func (t *turn) ask(step int, asked []Asked, topic string) {
	var told []string
	for _, a := range asked {
		if slices.Contains(told, a.Person) || t.r.Steps[step].stamped(a) {
			continue
		}
		told = append(told, a.Person)
		t.letter(topic, a.Person, a.For, true, fmt.Sprintf("%d/%d/%d", step+1, t.r.Climbed, t.r.Reminded))
	}
}

// stuck tells those who keep the organisation's data that nobody may decide.
func (t *turn) stuck(step int) {
	for _, role := range []Role{ITAdmin, Manager} {
		for _, p := range t.look.keepers(role) {
			t.letter(topicStuck, p, "", false, fmt.Sprint(step+1))
		}
	}
}

// keepers are the holders of a duty, the applicant too: they are told, not asked.
func (l lookout) keepers(role Role) []string {
	l.applicant = ""
	return l.holders(role)
}

// climb also asks those above, level by level until somebody new is found, and reports
// whether one was. Who approved an earlier step is not asked: their one stamp would
// decide both, and time alone would have granted the second.
func (t *turn) climb(n int) bool {
	s := &t.r.Steps[n]
	var seats []string
	for _, a := range s.Asked {
		if a.Climb == 0 && !slices.Contains(seats, a.seat()) {
			seats = append(seats, a.seat())
		}
	}
	for t.r.Climbed < maxClimb {
		t.r.Climbed++
		var fresh []Asked
		for _, a := range t.look.above(seats, t.r.Climbed) {
			if !t.approvedEarlier(a.Person) && !slices.ContainsFunc(s.Asked, func(o Asked) bool { return o.Person == a.Person }) {
				fresh = append(fresh, a)
			}
		}
		if len(fresh) > 0 {
			s.Asked = append(s.Asked, fresh...)
			t.note("climbed", "system", map[string]any{"step": n + 1, "level": t.r.Climbed, "asked": people(fresh)})
			t.ask(n, fresh, topicClimb)
			return true
		}
	}
	return false
}

// rest sets the timer of an open step.
func (t *turn) rest(s *Step) {
	now := t.look.now
	next := afterWork(t.cal, now, t.chain.Remind)
	if t.r.Climbed < maxClimb {
		next = earlier(next, t.climbAt(s))
	}
	if !t.anybody(s) {
		next = earlier(next, now.Add(stuckRest))
	}
	t.r.NextFire, t.moved = earlier(next, t.r.Deadline), true
}

// anybody reports whether somebody who was asked may decide now.
func (t *turn) anybody(s *Step) bool {
	return slices.ContainsFunc(s.Asked, func(a Asked) bool {
		_, ok := t.look.authority(s, t.r.Climbed, a.Person)
		return ok
	})
}

// climbAt is when the step climbs next: so long after its people were asked, or after
// those of the last climb were. Neither a question nor a reminder puts it off.
func (t *turn) climbAt(s *Step) time.Time {
	from := t.look.now
	for _, a := range s.Asked {
		if a.Climb == t.r.Climbed {
			from = earlier(from, a.At)
		}
	}
	return afterWork(t.cal, from, t.chain.Climb)
}

// approve grants the request. A stamp of a living person stands behind it, always.
func (t *turn) approve(last string) {
	r := t.r
	if !slices.ContainsFunc(r.Steps, func(s Step) bool {
		return slices.ContainsFunc(s.Stamps, func(x Stamp) bool { return x.Verdict == Approve && !x.Carried })
	}) {
		t.err = fmt.Errorf("request %s would be approved by nobody", r.ID)
		return
	}
	r.State, r.Ended, r.NextFire = Approved, t.look.now, r.Expires
	t.callOff = append(t.callOff, "")
	t.note("approved", last, map[string]any{"digest": Digest(r)})
	t.toApplicant(topicApproved, "")
}

// end closes the request, or lays it before its applicant again (Returned).
func (t *turn) end(state State, reason string) {
	r := t.r
	if s := r.Open(); s != nil {
		s.State, s.Ended = StepEnded, t.look.now
	}
	r.State, r.Ended, r.Reason, r.NextFire = state, t.look.now, reason, time.Time{}
	if state == Returned {
		r.Ended, r.NextFire = time.Time{}, r.Deadline
	}
	t.callOff = append(t.callOff, "")
}

// people are those who are asked, for the record.
func people(asked []Asked) []map[string]string {
	out := make([]map[string]string, len(asked))
	for i, a := range asked {
		out[i] = map[string]string{"person": a.Person}
		if a.For != "" {
			out[i]["for"] = a.For
		}
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
