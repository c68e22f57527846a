package host

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Evidence is read by colleagues of the person at the PC. Arguments of programs and log
// lines therefore lose what looks like a secret and the names of files in people's homes.

const (
	hidden  = "***"
	maxArgs = 64   // arguments kept of one program
	maxArg  = 1024 // bytes kept of one argument
)

// secretWord is a name that a secret goes by.
const secretWord = `(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|api[-_]?key|access[-_]?key|private[-_]?key|auth(?:orization)?|cookie|bearer|sas|signature)`

// masker holds the patterns; one serves for a whole item.
type masker struct {
	assigned *regexp.Regexp // --db-password=x, TOKEN: x
	flag     *regexp.Regexp // --password, whose secret is the next argument
	bearer   *regexp.Regexp
	userinfo *regexp.Regexp // scheme://user:secret@
	home     *regexp.Regexp
}

func newMasker() *masker {
	return &masker{
		assigned: regexp.MustCompile(`(?i)((?:[a-z0-9_.-]*[-_./])?` + secretWord + `s?(?:[-_][a-z0-9_-]*)?["']?\s*[=:]\s*["']?)[^"'&;,\s][^"'&;,]*`),
		flag:     regexp.MustCompile(`(?i)^[-/]{1,2}(?:[a-z0-9_.-]*[-_.])?` + secretWord + `s?$`),
		bearer:   regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}`),
		userinfo: regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*):[^/\s@]+@`),
		home:     regexp.MustCompile(`(?i)((?:/home|/Users|[a-z]:\\Users)[/\\][^/\\\s"'=:]+|/root)[/\\][^\s"']*`),
	}
}

// args masks a program's arguments; the first is the program itself.
func (m *masker) args(args []string) []string {
	out := make([]string, 0, min(len(args), maxArgs))
	short := len(args) > 0 && slices.Contains([]string{"mysql", "mysqldump", "mysqladmin", "mariadb", "sshpass", "7z"}, program(args[0]))
	next := false
	for i, a := range args {
		if i == maxArgs {
			return append(out, "…")
		}
		switch {
		case i == 0:
			out = append(out, clip(a, maxArg))
		case next && !strings.HasPrefix(a, "--"):
			next = false
			out = append(out, hidden)
		case short && strings.HasPrefix(a, "-p") && len(a) > 2:
			out = append(out, "-p"+hidden)
		default:
			next = m.flag.MatchString(a) || short && a == "-p"
			out = append(out, m.line(clip(a, maxArg)))
		}
	}
	return out
}

// commandLine masks arguments that are one text, as Windows and ps give them.
func (m *masker) commandLine(s string) string {
	quoted := strings.HasPrefix(s, `"`)
	exe, rest, found := strings.Cut(strings.TrimPrefix(s, `"`), map[bool]string{true: `"`, false: " "}[quoted])
	if !found {
		return clip(s, maxArg)
	}
	masked := m.args(append([]string{exe}, strings.Fields(rest)...))
	return clip(strings.Join(masked, " "), 8*maxArg)
}

// line masks one text. It stays one that a person can read; the name of a file in a home
// is left out, but not its ending.
func (m *masker) line(s string) string {
	s = m.bearer.ReplaceAllString(s, "$1 "+hidden)
	s = m.userinfo.ReplaceAllString(s, "$1:"+hidden+"@")
	s = m.assigned.ReplaceAllString(s, "${1}"+hidden)
	return m.home.ReplaceAllStringFunc(s, func(found string) string {
		kept := m.home.FindStringSubmatch(found)[1]
		ext := path.Ext(strings.ReplaceAll(found, `\`, "/"))
		if len(ext) > 8 || strings.ContainsAny(ext, "%") {
			ext = ""
		}
		return kept + "/" + hidden + ext
	})
}

// program is the last part of a path, without .exe.
func program(exe string) string {
	name := path.Base(strings.ReplaceAll(exe, `\`, "/"))
	return strings.TrimSuffix(strings.ToLower(name), ".exe")
}

// clip cuts a text to n bytes, at a whole character, and makes it valid UTF-8.
func clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "\uFFFD") + "…"
}
