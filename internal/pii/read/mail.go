package read

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"sekimori/internal/pii"
)

// maxHeader bounds the header of a mail or of one of its parts.
const maxHeader = 1 << 20

// maxMailDepth bounds parts within parts of one mail, beside [Limits.Depth] for attached files.
const maxMailDepth = 30

// readMail reads a message (RFC 5322, MIME): its header, texts, and attached files, each by what it is.
func readMail(b box, r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	header, err := readHeader(br)
	if err != nil {
		return err
	}
	text := b.text("")
	words := mime.WordDecoder{CharsetReader: charsetReader}
	for _, field := range header.fields {
		value, err := words.DecodeHeader(field.value)
		if err != nil {
			value = field.value
		}
		text.line(field.name + ": " + value)
	}
	if err := text.end(); err != nil {
		return err
	}
	if header.raw8bit != nil { // headers in a bare encoding, against the rules and often
		if err := b.raw("", bytes.NewReader(header.raw8bit), pii.Hint{Prose: true}); err != nil {
			return err
		}
	}
	return readEntity(b, header.mime, br, 0)
}

type mailHeader struct {
	fields  []mailField
	mime    textproto.MIMEHeader
	raw8bit []byte // lines that are not ASCII, or are ISO-2022-JP
}

type mailField struct{ name, value string }

// readHeader reads a header tolerantly: a line that is no field is left out, the bytes behind the empty line stay.
func readHeader(r *bufio.Reader) (mailHeader, error) {
	h := mailHeader{mime: textproto.MIMEHeader{}}
	size := 0
	for {
		line, err := r.ReadSlice('\n')
		size += len(line)
		if err == bufio.ErrBufferFull {
			return h, damaged("a line of the header of more than %d bytes", len(line))
		}
		if size > maxHeader {
			return h, damaged("a header of more than %d bytes", maxHeader)
		}
		trimmed := bytes.TrimRight(line, "\r\n")
		if len(trimmed) == 0 {
			break
		}
		if bytes.IndexFunc(trimmed, func(c rune) bool { return c == 0x1b || c >= 0x80 }) >= 0 {
			h.raw8bit = append(append(h.raw8bit, trimmed...), '\n')
		}
		if trimmed[0] == ' ' || trimmed[0] == '\t' {
			if n := len(h.fields); n > 0 {
				h.fields[n-1].value += " " + string(bytes.TrimSpace(trimmed))
			}
		} else if name, value, ok := bytes.Cut(trimmed, []byte(":")); ok {
			h.fields = append(h.fields, mailField{string(bytes.TrimSpace(name)), string(bytes.TrimSpace(value))})
		}
		if err != nil {
			break
		}
	}
	for _, f := range h.fields {
		h.mime.Add(f.name, f.value)
	}
	return h, nil
}

// readEntity reads a body by its content type. open counts the parts that it lies in.
func readEntity(b box, header textproto.MIMEHeader, r io.Reader, open int) error {
	if open > maxMailDepth {
		return because(TooDeep)
	}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if kind == "" || err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		kind, params = "text/plain", map[string]string{}
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		return readMultipart(b, params["boundary"], r, open)
	}
	body := &meter{b.job, decodeBody(header.Get("Content-Transfer-Encoding"), r)}
	name := attachedName(header, params)
	switch {
	case name == "" && kind == "text/html":
		return readHTML(b, "html", body, params["charset"])
	case name == "" && strings.HasPrefix(kind, "text/"):
		return b.raw("", body, pii.Hint{Encoding: encodingOf(params["charset"]), Prose: true})
	case strings.HasPrefix(kind, "application/pkcs7-mime"), strings.HasPrefix(kind, "application/x-pkcs7-mime"):
		if !strings.HasPrefix(params["smime-type"], "signed") {
			b.unread(first2(name, kind), Mail, Encrypted)
			return nil
		}
	case kind == "application/pgp-encrypted":
		b.unread(kind, Mail, Encrypted)
		return nil
	}
	return b.member(first2(name, kind), input{r: body})
}

func first2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func readMultipart(b box, boundary string, r io.Reader, open int) error {
	parts := multipart.NewReader(r, boundary)
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if n > 0 && !ends(err) { // cut off behind whole parts: they were read, and what is missing is named
				b.unread(fmt.Sprintf("part %d", n+1), Mail, Damaged)
				return nil
			}
			return err
		}
		if n > b.job.limits.Parts {
			return &stopError{because(TooManyParts)}
		}
		err = readEntity(b, part.Header, part, open+1)
		if err != nil && ends(err) {
			return err
		}
		if err != nil {
			b.unread(fmt.Sprintf("part %d", n+1), Mail, reasonOf(err))
		}
	}
}

// attachedName is the file name of a part; empty for what is shown as the mail itself.
func attachedName(header textproto.MIMEHeader, params map[string]string) string {
	words := mime.WordDecoder{CharsetReader: charsetReader}
	disposition, more, _ := mime.ParseMediaType(header.Get("Content-Disposition"))
	for _, name := range []string{more["filename"], params["name"]} {
		if name == "" {
			continue
		}
		if plain, err := words.DecodeHeader(name); err == nil {
			return plain
		}
		return name
	}
	if disposition == "attachment" {
		return "attachment"
	}
	return ""
}

// decodeBody undoes the transfer encoding; base64 with whatever lies between its characters.
func decodeBody(how string, r io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(how)) {
	case "base64":
		return base64.NewDecoder(base64.RawStdEncoding, &base64Only{bufio.NewReader(r)})
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}

// base64Only leaves out what is no character of base64, the padding too, so that a mail list's footer or several
// pieces one behind the other do not end the reading.
type base64Only struct{ r *bufio.Reader }

func (o *base64Only) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c, err := o.r.ReadByte()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			p[n] = c
			n++
		}
	}
	return n, nil
}

// readMbox reads one mail after the other: each begins behind a line "From " (RFC 4155).
func readMbox(b box, r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	if _, err := br.ReadSlice('\n'); err != nil && err != bufio.ErrBufferFull {
		return noEOF(err)
	}
	for n := 1; ; n++ {
		one := &mboxMail{r: br, fresh: true}
		if err := b.job.part(b.at(fmt.Sprintf("mail %d", n)), "mail.eml", input{r: one}, b.depth+1); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, one); err != nil { // what its reader has left
			return err
		}
		if one.last {
			return nil
		}
	}
}

// mboxMail is one mail of the file: it ends before the next line "From ".
type mboxMail struct {
	r     *bufio.Reader
	fresh bool // at the beginning of a line
	done  bool
	last  bool // the file ends here
}

func (m *mboxMail) Read(p []byte) (int, error) {
	if m.done {
		return 0, io.EOF
	}
	if m.fresh {
		if next, _ := m.r.Peek(5); string(next) == "From " {
			m.done = true
			_, err := m.r.ReadSlice('\n')
			for err == bufio.ErrBufferFull {
				_, err = m.r.ReadSlice('\n')
			}
			m.last = err != nil
			return 0, io.EOF
		}
	}
	ahead, err := m.r.Peek(1)
	if len(ahead) == 0 {
		m.done, m.last = true, true
		return 0, err
	}
	ahead, _ = m.r.Peek(min(len(p), max(1, m.r.Buffered())))
	if i := bytes.IndexByte(ahead, '\n'); i >= 0 {
		ahead = ahead[:i+1]
	}
	n := copy(p, ahead)
	m.fresh = p[n-1] == '\n'
	_, _ = m.r.Discard(n)
	return n, nil
}

// charsetOf finds an encoding by a name that mails and pages of this country use; nil for others and for UTF-8.
func charsetOf(name string) encoding.Encoding {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "iso-2022-jp", "csiso2022jp", "iso-2022-jp-ms", "cp50220", "cp50221":
		return japanese.ISO2022JP
	case "shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "cp932", "ms_kanji":
		return japanese.ShiftJIS
	case "euc-jp", "x-euc-jp", "eucjp":
		return japanese.EUCJP
	case "utf-16", "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case "iso-8859-1", "windows-1252":
		return charmap.Windows1252
	}
	return nil
}

func charsetReader(name string, r io.Reader) (io.Reader, error) {
	if e := charsetOf(name); e != nil {
		return transform.NewReader(r, e.NewDecoder()), nil
	}
	return r, nil
}

// encodingOf is what a declared character set tells whoever looks for personal information.
func encodingOf(name string) pii.Encoding {
	switch charsetOf(name) {
	case japanese.ISO2022JP:
		return pii.ISO2022JP
	case japanese.ShiftJIS:
		return pii.ShiftJIS
	case japanese.EUCJP:
		return pii.EUCJP
	}
	switch strings.ToLower(name) {
	case "utf-16", "utf-16le":
		return pii.UTF16LE
	case "utf-16be":
		return pii.UTF16BE
	case "utf-8":
		return pii.UTF8
	}
	return ""
}
