package mailin

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxRead is how much of a text is read, in bytes: far more than a case keeps of it.
const maxRead = 256 << 10

var spaces = regexp.MustCompile(`\s+`)

// textOf gives what somebody would read of HTML. Nothing of it is fetched or run, and an
// address is written out where its link says something else.
func textOf(source string) string {
	if len(source) > 8*maxRead {
		source = source[:8*maxRead]
	}
	z := html.NewTokenizer(strings.NewReader(source))
	z.SetMaxBuf(1 << 20)
	var b strings.Builder
	hidden, href := 0, ""
	for b.Len() < maxRead {
		switch z.Next() {
		case html.ErrorToken:
			if errors.Is(z.Err(), io.EOF) || b.Len() > 0 {
				return tidy(b.String())
			}
			return ""
		case html.TextToken:
			if hidden == 0 {
				b.WriteString(spaces.ReplaceAllString(string(z.Text()), " "))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := atom.Lookup(name)
			if hides(tag) {
				hidden++
			}
			if breaks(tag) {
				b.WriteByte('\n')
			}
			if tag == atom.A {
				href = attribute(z, more, "href")
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			tag := atom.Lookup(name)
			if hides(tag) && hidden > 0 {
				hidden--
			}
			if breaks(tag) {
				b.WriteByte('\n')
			}
			if tag == atom.A && href != "" && hidden == 0 {
				b.WriteString(" (" + href + ") ")
				href = ""
			}
		}
	}
	return tidy(b.String())
}

func attribute(z *html.Tokenizer, more bool, want string) string {
	for more {
		var name, value []byte
		name, value, more = z.TagAttr()
		if string(name) == want && len(value) < 500 && bytes.Contains(value, []byte("://")) {
			return string(value)
		}
	}
	return ""
}

func hides(tag atom.Atom) bool {
	return tag == atom.Script || tag == atom.Style || tag == atom.Title || tag == atom.Noscript || tag == atom.Template
}

func breaks(tag atom.Atom) bool {
	switch tag {
	case atom.Br, atom.P, atom.Div, atom.Tr, atom.Li, atom.Ul, atom.Ol, atom.Table, atom.Blockquote, atom.Pre, atom.Hr,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return true
	}
	return false
}

// tidy trims lines and leaves at most one empty line between two.
func tidy(s string) string {
	var out []string
	for line := range strings.Lines(strings.ReplaceAll(s, "\r\n", "\n")) {
		line = strings.TrimSpace(line)
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}
