package walk

import (
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Readable writes a path so that it can be shown and sent: see [File].Path.
func Readable(p string) string {
	fine := utf8.ValidString(p)
	for _, r := range p {
		fine = fine && shows(r)
	}
	if fine {
		return p
	}
	var b strings.Builder
	for i, r := range p {
		n := utf8.RuneLen(r)
		if r == utf8.RuneError && !strings.HasPrefix(p[i:], string(utf8.RuneError)) {
			n = 1
		}
		switch {
		case r == '\\' && os.PathSeparator != '\\':
			b.WriteString(`\\`)
		case n > 1 && shows(r), n == 1 && r < utf8.RuneSelf && shows(r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(p[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
	}
	return b.String()
}

// shows reports whether a character can stand on a terminal without steering it or turning the direction of writing.
func shows(r rune) bool {
	return (r == ' ' || unicode.IsGraphic(r)) && !unicode.Is(unicode.Bidi_Control, r)
}

// join names what lies in a folder.
func join(folder, name string) string {
	if strings.HasSuffix(folder, string(os.PathSeparator)) {
		return folder + name
	}
	return folder + string(os.PathSeparator) + name
}

// within reports whether a path is a folder or lies below it.
func within(folder, p string) bool {
	return p == folder || strings.HasPrefix(p, folder) && (folder[len(folder)-1] == os.PathSeparator || p[len(folder)] == os.PathSeparator)
}

// compare orders folders as they are walked: each before what it holds, and that before its neighbours.
func compare(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == os.PathSeparator:
			return -1
		case b[i] == os.PathSeparator:
			return 1
		case a[i] < b[i]:
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}
