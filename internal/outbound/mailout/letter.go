package mailout

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

// letter is one notice while it is written.
type letter struct {
	c      *Composer
	p      i18n.Printer
	a      notice.Attempt
	t      notice.Track
	i      *incident.Incident
	org    *directory.Org
	chain  notice.Chain
	hidden []string // people whose names must not appear (rule 4)
	base   *url.URL
	now    time.Time
}

// subject says how urgent it is, which case, and what kind. The reporter's words stay
// inside the mail.
func (l *letter) subject() string {
	s := l.plainSubject()
	if l.i.Drill {
		s = drillSubject(l.p, s)
	}
	return oneLine(s)
}

func (l *letter) plainSubject() string {
	if l.a.Purpose == notice.Ask {
		return l.p.T("escalation.mail_ask_subject", "number", l.i.Label, "kind", l.kind())
	}
	s := l.p.T("mail.subject."+string(l.t.Urgency), "number", l.i.Label, "kind", l.kind())
	if l.a.Number > 1 {
		s = l.p.T("mail.subject_again", "subject", s, "n", l.a.Number)
	}
	return s
}

// drill is the line by which a mail says that it is about a drill, and that it wants an
// answer all the same.
func (l *letter) drill() []string {
	if !l.i.Drill {
		return nil
	}
	return []string{l.p.T("drills.mail")}
}

func (l *letter) kind() string { return l.p.T("kind." + string(l.i.Kind)) }

// text is the whole body.
func (l *letter) text() string {
	p := l.p
	if l.a.Purpose == notice.Ask {
		return l.question()
	}
	return body([][]string{
		append(l.drill(), p.T("mail.hello", "name", l.name(l.a.Person)), p.T("mail.lead."+string(l.t.Urgency))),
		append([]string{p.T("mail.head.what"), p.T("mail.what", "kind", l.kind(), "summary", l.words()), p.T("mail.number", "number", l.i.Label)}, l.facts()...),
		{p.T("mail.head.answer"), p.T("mail.answer")},
		{l.url("a", l.c.Links.Token(l.a.ID))}, // alone, so that it can be pressed with a thumb
		{p.T("mail.head.do"), p.T("mail.do." + l.todo())},
		append([]string{p.T("mail.head.why")}, l.why()...),
		{p.T("mail.case"), l.url("cases", l.i.Label)},
		l.c.foot(p, l.now),
	})
}

// question asks whether the person is still on it, says until when they may answer, and
// what happens if they do not.
func (l *letter) question() string {
	p := l.p
	return body([][]string{
		append(l.drill(), p.T("mail.hello", "name", l.name(l.a.Person)), p.T("escalation.mail_ask", "time", p.DateTime(l.t.AckedAt))),
		{p.T("mail.head.what"), p.T("mail.what", "kind", l.kind(), "summary", l.i.Summary), p.T("mail.number", "number", l.i.Label)},
		{p.T("mail.head.answer"), p.T("escalation.mail_ask_how", "time", p.DateTime(l.t.NextFire))},
		{l.url("a", l.c.Links.Token(l.a.ID))},
		{p.T("escalation.mail_ask_else")},
		{p.T("mail.case"), l.url("cases", l.i.Label)},
		l.c.foot(p, l.now),
	})
}

// foot is the last block of every mail.
func (c *Composer) foot(p i18n.Printer, now time.Time) []string {
	return []string{"--", p.T("mail.zone", "zone", now.In(p.Location()).Format("MST")), p.T("mail.foot", "company", c.Company)}
}

// body writes blocks of lines with an empty line between.
func body(blocks [][]string) string {
	var b strings.Builder
	for n, block := range blocks {
		if n > 0 {
			b.WriteByte('\n')
		}
		for _, line := range block {
			b.WriteString(oneLine(line) + "\n")
		}
	}
	return b.String()
}

// reaches reports whether the person is still told at the address: what waited for the
// mail server does not go to one that they have taken away since.
func (l *letter) reaches() bool {
	return slices.ContainsFunc(l.org.ContactsOf(l.a.Person), func(c directory.Contact) bool {
		return c.Channel == directory.Mail && c.Address == l.a.Address && c.Takes()
	})
}

// url is an address on the server.
func (l *letter) url(path ...string) string { return l.base.JoinPath(path...).String() }

// name is a person's name, or "" when it must not appear or is not known.
func (l *letter) name(person string) string {
	if slices.Contains(l.hidden, person) {
		return ""
	}
	return l.org.People[person].Name()
}

// facts are who reported, how to call them, and when things were.
func (l *letter) facts() []string {
	p, finder := l.p, l.i.Finder()
	var out []string
	switch name, dep := l.name(finder), l.org.Departments[l.i.Department].Name; {
	case l.i.Boxed():
		out = append(out, p.T("mail.box"))
		if dep != "" {
			out = append(out, p.T("mail.outside_department", "department", dep))
		}
	case l.i.Outside != nil:
		out = append(out, l.outsider()...)
	case name == "":
		out = append(out, p.T("mail.finder_unknown"))
	case dep == "":
		out = append(out, p.T("mail.finder_alone", "name", name))
	default:
		out = append(out, p.T("mail.finder", "name", name, "department", dep))
	}
	out = append(out, l.phone(finder)...)
	if l.i.Reporter != finder && l.name(l.i.Reporter) != "" {
		out = append(out, p.T("mail.helper", "name", l.name(l.i.Reporter)))
		out = append(out, l.phone(l.i.Reporter)...)
	}
	out = append(out, p.T("mail.reported", "time", p.DateTime(l.i.Reported)))
	for _, m := range []struct {
		id string
		at incident.Moment
	}{{"mail.discovered", l.i.Discovered}, {"mail.occurred", l.i.Occurred}} {
		if !m.at.Known {
			m.at.At = time.Time{} // written as unknown
		}
		out = append(out, p.T(m.id, "time", p.DateTime(m.at.At)))
	}
	return out
}

// todo names what is to be done first. Nobody can be thanked for what lay in the box.
func (l *letter) todo() string {
	if l.i.Boxed() {
		return "box"
	}
	return string(l.i.Kind)
}

// outsider is what is said of a report by who has no account: anybody can have written it.
func (l *letter) outsider() []string {
	o, out := l.i.Outside, []string{l.p.T("mail.outside")}
	if o.Name != "" {
		out = append(out, l.p.T("mail.outside_name", "name", unlinked(o.Name)))
	}
	if o.Contact != "" {
		out = append(out, l.p.T("mail.outside_contact", "contact", unlinked(o.Contact)))
	}
	if dep := l.org.Departments[l.i.Department].Name; dep != "" {
		out = append(out, l.p.T("mail.outside_department", "department", dep))
	}
	return append(out, l.p.T("mail.outside_care"))
}

// words is the line of the report. A stranger's must not become a link to press.
func (l *letter) words() string {
	if l.i.Outside != nil {
		return unlinked(l.i.Summary)
	}
	return l.i.Summary
}

// unlinked writes addresses so that a mail program makes no link of them.
func unlinked(s string) string {
	return strings.NewReplacer("://", " : // ", "www.", "www .").Replace(s)
}

func (l *letter) phone(person string) []string {
	if phone := l.org.People[person].Phone; phone != "" && l.name(person) != "" {
		return []string{l.p.T("mail.phone", "phone", phone)}
	}
	return nil
}

// why says in which role the person is told, in whose place, for which time, and what
// happens if nobody answers.
func (l *letter) why() []string {
	p, role := l.p, string(l.t.Receiver)
	var out []string
	switch passed := l.t.PassedTo; {
	case passed != "" && (passed == l.a.Person || passed == l.a.For):
		out = append(out, p.T("mail.why_passed"))
	case l.a.Level > 1:
		out = append(out, p.T("mail.why_next."+role, "level", l.a.Level))
	default:
		out = append(out, p.T("mail.why."+role))
	}
	if name := l.name(l.a.For); name != "" {
		out = append(out, p.T("mail.for", "name", name))
	} else if l.a.For != "" {
		out = append(out, p.T("mail.for_nobody"))
	}
	if l.a.Pass > 1 {
		out = append(out, p.T("mail.round_pass", "n", l.a.Number, "level", l.a.Level, "pass", l.a.Pass))
	} else {
		out = append(out, p.T("mail.round", "n", l.a.Number, "level", l.a.Level))
	}
	return append(out, l.until())
}

// until says when the window ends and who comes then; or, for a mail that was held up
// beyond its window, that the others have been told already.
func (l *letter) until() string {
	if l.t.Level != l.a.Level || l.t.Pass != l.a.Pass || !l.now.Before(l.t.LevelEnd) {
		return l.p.T("mail.moved_on")
	}
	return l.p.T("mail.until", "time", l.p.DateTime(l.t.LevelEnd), "next", l.next())
}

// next names the next level by its roles; who fills them is decided when it fires.
func (l *letter) next() string {
	if len(l.chain) == 0 {
		return l.p.T("mail.next")
	}
	var out string
	for _, w := range l.chain[l.t.Level%len(l.chain)].Who {
		role := l.role(w)
		if out == "" {
			out = role
		} else {
			out = l.p.T("mail.next.and", "first", out, "second", role)
		}
	}
	return out
}

func (l *letter) role(w notice.Who) string {
	switch w.Kind {
	case "supervisor":
		if w.Up > 1 {
			return l.p.T("mail.next.supervisor_above", "n", w.Up-1)
		}
		return l.p.T("mail.next.supervisor")
	case "duty":
		if w.Duty == access.Auditor || !w.Duty.Valid() {
			break
		}
		if w.All {
			return l.p.T("mail.next." + string(w.Duty) + "_all")
		}
		return l.p.T("mail.next." + string(w.Duty))
	case "person":
		if name := l.name(w.ID); name != "" {
			return l.p.T("mail.next.person", "name", name)
		}
	case "roster":
		return l.p.T("rosters.whoever")
	}
	return l.p.T("mail.next")
}
