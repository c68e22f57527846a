package people

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
)

// maxChoices bounds the list that a browser offers under a name field; the field
// itself takes anybody in the directory.
const maxChoices = 80

// Pick is one person offered under a name field: Value is what is typed, Hint says
// where they work.
type Pick struct{ Value, Hint string }

// Choices lists people to offer, those in first before the rest of the directory in
// its own order. Leavers and people in except are left out.
func Choices(o *directory.Org, now time.Time, first, except []string) []Pick {
	done := map[string]bool{}
	for _, p := range except {
		done[p] = true
	}
	var out []Pick
	add := func(p directory.Person) {
		if p.ID == "" || done[p.ID] || !p.Active(now) || len(out) == maxChoices {
			return
		}
		done[p.ID] = true
		out = append(out, Pick{Written(p), o.Departments[p.Department].Name})
	}
	for _, id := range first {
		add(o.People[id])
	}
	for _, p := range o.Sorted() {
		if len(out) == maxChoices {
			break
		}
		add(p)
	}
	return out
}

// Written is how a person is written in a name field: the name and, against
// namesakes, the employee number.
func Written(p directory.Person) string { return fmt.Sprintf("%s (%s)", p.Name(), p.Number) }

// Resolve finds the person that somebody typed: an id, an employee number, a name or
// its reading, or what Choices offered. Nothing typed gives "". The fault stands on
// the input named field.
func Resolve(o *directory.Org, now time.Time, typed, field string) (string, error) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", nil
	}
	if _, ok := o.People[typed]; ok {
		return typed, nil
	}
	want := folded(typed)
	var found []directory.Person
	for _, p := range o.Sorted() {
		if !p.Active(now) {
			continue
		}
		switch want {
		case folded(Written(p)), folded(p.Number):
			return p.ID, nil
		case folded(p.Name()), folded(p.Kana()), folded(p.Email):
			found = append(found, p)
		}
	}
	var c fault.Check
	switch len(found) {
	case 1:
		return found[0].ID, nil
	case 0:
		c.Add(field, "fault.unknown_person", nil)
	default:
		var names []string
		for _, p := range found {
			names = append(names, Written(p))
		}
		c.Add(field, "fault.person_ambiguous", fault.Args{"names": strings.Join(names, ", ")})
	}
	return "", c.Err()
}

// folded brings the ways of typing one name together: full-width forms, hiragana
// readings, spaces and capitals.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case r >= 'ぁ' && r <= 'ゖ':
			return r + ('ァ' - 'ぁ')
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(s))
}

// Matching lists people of whom somebody typed a part: of the name, its reading, the number
// or the mail address. At most max of them, in the directory's order; leavers are left out.
func Matching(o *directory.Org, now time.Time, typed string, max int) []directory.Person {
	part := folded(typed)
	if part == "" {
		return nil
	}
	var out []directory.Person
	for _, p := range o.Sorted() {
		if len(out) == max {
			break
		}
		if !p.Active(now) {
			continue
		}
		for _, s := range []string{p.Name(), p.Kana(), p.Number, p.Email, Written(p)} {
			if strings.Contains(folded(s), part) {
				out = append(out, p)
				break
			}
		}
	}
	return out
}
