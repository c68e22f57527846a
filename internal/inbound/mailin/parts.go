package mailin

import (
	"bytes"
	"fmt"
	"strings"
)

// Limits of a mail's tree. What lies beyond them stays in the original, which is then kept
// whole.
const (
	maxDepth = 10
	maxParts = 200
	maxFiles = 20
)

// message is one mail taken apart.
type message struct {
	head  head
	plain []string
	html  []string
	files []file
	// cut: something of the mail is neither in its words nor in its files, or reads
	// otherwise there.
	cut    bool
	report *report // of a delivery; nil when it is none
	parts  int
}

// file is one attachment.
type file struct {
	name string
	body []byte
}

// report is what a mail server says about a mail that it was to deliver (RFC 3464), or a
// mail program about one that it showed (RFC 8098).
type report struct {
	failed   bool
	why      string
	original head // of the mail that it is about
}

// read takes a mail apart. It never fails: what it does not understand is a file.
func read(raw []byte) *message {
	h, body := cutHead(raw)
	m := &message{head: h}
	m.walk(h, body, 0)
	return m
}

// words is the mail's text as people read it.
func (m *message) words() string {
	var out []string
	for _, t := range m.plain {
		out = append(out, tidyPlain(t))
	}
	if len(out) == 0 {
		for _, t := range m.html {
			out = append(out, textOf(t))
		}
	}
	return strings.TrimSpace(strings.Join(out, "\n\n"))
}

func tidyPlain(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\x00", ""))
}

// walk goes through a part and those within.
func (m *message) walk(h head, body []byte, depth int) {
	if m.parts++; m.parts > maxParts || depth > maxDepth {
		m.cut = true
		return
	}
	kind, params := parameters(h.get("content-type"))
	if kind == "" {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		m.walkAll(kind, params, body, depth)
		return
	}
	place, more := parameters(h.get("content-disposition"))
	name := more["filename"]
	if name == "" {
		name = params["name"]
	}
	content, ok := undo(h.get("content-transfer-encoding"), body)
	m.cut = m.cut || !ok
	switch {
	case kind == "text/plain" && place != "attachment" && name == "":
		m.plain = append(m.plain, m.text(content, params["charset"]))
	case kind == "text/html" && place != "attachment" && name == "":
		m.html = append(m.html, m.text(content, params["charset"]))
		m.cut = true // what it looked like is not what it says
	case kind == "message/delivery-status":
		m.delivery(content)
	case kind == "message/disposition-notification":
		m.about()
	case m.report != nil && (kind == "message/rfc822" || strings.HasSuffix(kind, "rfc822-headers")):
		m.report.original, _ = cutHead(content)
	default:
		m.attach(kind, name, content)
	}
}

// walkAll goes through the parts of a multipart.
func (m *message) walkAll(kind string, params map[string]string, body []byte, depth int) {
	inner, whole := split(body, params["boundary"])
	m.cut = m.cut || !whole
	switch kind {
	case "multipart/report":
		if t := strings.ToLower(params["report-type"]); t == "delivery-status" || t == "disposition-notification" {
			m.about()
		}
	case "multipart/signed", "multipart/encrypted": // only the whole mail proves, or opens
		m.cut = true
	}
	plain := len(m.plain)
	for n, p := range inner {
		if kind == "multipart/signed" && n == 1 {
			break // the signature
		}
		h, b := cutHead(p)
		m.walk(h, b, depth+1)
	}
	if kind == "multipart/alternative" && len(m.plain) > plain+1 {
		m.plain = m.plain[:plain+1]
		m.cut = true
	}
}

func (m *message) text(b []byte, charset string) string {
	if len(b) > maxRead {
		b, m.cut = b[:maxRead], true
	}
	return decodeText(b, charset)
}

func (m *message) attach(kind, name string, body []byte) {
	if len(body) == 0 {
		return
	}
	if len(m.files) >= maxFiles {
		m.cut = true
		return
	}
	if kind == "application/pkcs7-mime" || kind == "application/x-pkcs7-mime" {
		m.cut = true // only the whole mail opens
	}
	if name == "" {
		name = fmt.Sprintf("%d%s", len(m.files)+1, extension(kind))
	}
	m.files = append(m.files, file{name: name, body: body})
}

func extension(kind string) string {
	switch kind {
	case "message/rfc822":
		return ".eml"
	case "text/calendar":
		return ".ics"
	case "text/plain":
		return ".txt"
	case "text/html":
		return ".html"
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	case "application/pdf":
		return ".pdf"
	}
	return ".bin"
}

// about notes that the mail is a report of a mail program.
func (m *message) about() {
	if m.report == nil {
		m.report = &report{}
	}
}

// delivery reads the fields of a delivery status.
func (m *message) delivery(b []byte) {
	m.about()
	for n := 0; len(b) > 0 && n < 50; n++ { // one group of the whole, then one for each receiver
		var h head
		h, b = cutHead(b)
		if strings.EqualFold(h.get("action"), "failed") && strings.HasPrefix(h.get("status"), "5") {
			m.report.failed = true
			m.report.why = h.get("status") + " " + h.text("diagnostic-code")
		}
	}
}

// split gives the parts between a boundary's lines (RFC 2046, 5.1.1); whole is false when
// the last line is missing.
func split(body []byte, boundary string) (parts [][]byte, whole bool) {
	if len(boundary) > 200 {
		return nil, false
	}
	mark := []byte("--" + boundary)
	var from []byte // where the present part begins
	inside := false
	for rest := body; len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		if tail, ok := bytes.CutPrefix(line, mark); ok {
			tail = bytes.TrimRight(tail, " \t\r")
			if last := string(tail) == "--"; last || len(tail) == 0 {
				if inside {
					parts = append(parts, before(from, rest))
				}
				if last {
					return parts, true
				}
				if len(parts) > maxParts {
					return parts, false
				}
				inside, from = true, after
			}
		}
		rest = after
	}
	if inside {
		parts = append(parts, from)
	}
	return parts, false
}

// before gives what of from lies before rest, without the line break that belongs to the
// boundary.
func before(from, rest []byte) []byte {
	p := from[:len(from)-len(rest)]
	p = bytes.TrimSuffix(p, []byte("\n"))
	return bytes.TrimSuffix(p, []byte("\r"))
}

// undo reverses a transfer encoding; ok is false for one that it does not know.
func undo(encoding string, b []byte) (out []byte, ok bool) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return fromBase64(b), true
	case "quoted-printable":
		return fromQuoted(b), true
	case "", "7bit", "8bit", "binary":
		return b, true
	}
	return b, false
}
