package page

import (
	"slices"
	"strings"
)

// Gap stands between the parts of one line: a name, a time, a place.
const Gap = " · "

// Line puts the parts of one line together; blank ones leave no gap.
func Line(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return strings.TrimSpace(s) == "" }), Gap)
}

// Agent names a browser and its system in the words that its owner would use. What is
// not recognised stays as it was sent, cut to a length that a line can show.
func Agent(sent string) string {
	name, system := first(sent, browsers()), first(sent, systems())
	switch {
	case name != "" && system != "":
		return name + Gap + system
	case name != "":
		return name
	}
	if r := []rune(sent); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return sent
}

// mark is a part of a User-Agent header and what it stands for.
type mark struct{ part, word string }

// browsers and systems: the first mark that is found wins, because browsers name those
// that they descend from, and a phone's system the one of a PC.
func browsers() []mark {
	return []mark{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS", "Firefox"}, {"CriOS", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
}

func systems() []mark {
	return []mark{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "Mac"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}}
}

func first(sent string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(sent, m.part) {
			return m.word
		}
	}
	return ""
}

// Short is a text in one line of at most n characters.
func Short(s string, n int) string {
	rs := []rune(strings.ReplaceAll(s, "\n", " "))
	if len(rs) > n {
		return string(rs[:n]) + "…"
	}
	return string(rs)
}
