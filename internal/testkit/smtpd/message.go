package smtpd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// Message is one message that the server accepted.
type Message struct {
	From string   // envelope sender
	To   []string // envelope receivers

	Header  mail.Header // as sent
	Subject string      // decoded
	Text    string      // the text/plain parts, decoded to UTF-8, joined
	HTML    string      // the text/html parts, likewise
	Parts   []Part      // every leaf part, in order
	Raw     []byte      // the message as it came over the wire
}

// Part is one leaf of a message's MIME tree.
type Part struct {
	Type     string // media type without parameters, such as text/plain
	Filename string // decoded; empty when it has none
	Body     []byte // transfer encoding undone; text is turned into UTF-8
}

func parse(raw []byte) (Message, error) {
	m := Message{Raw: raw}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, fmt.Errorf("read the header: %w", err)
	}
	m.Header = msg.Header
	if m.Subject, err = decodeHeader(msg.Header.Get("Subject")); err != nil {
		return m, fmt.Errorf("decode the subject: %w", err)
	}
	if err := m.walk(textproto.MIMEHeader(msg.Header), msg.Body); err != nil {
		return m, err
	}
	for _, p := range m.Parts {
		switch {
		case p.Filename != "":
		case p.Type == "text/plain":
			m.Text += strings.ReplaceAll(string(p.Body), "\r\n", "\n")
		case p.Type == "text/html":
			m.HTML += strings.ReplaceAll(string(p.Body), "\r\n", "\n")
		}
	}
	return m, nil
}

// walk descends into multiparts and appends the leaves to m.Parts.
func (m *Message) walk(h textproto.MIMEHeader, body io.Reader) error {
	kind, params := "text/plain", map[string]string{}
	if v := h.Get("Content-Type"); v != "" {
		var err error
		if kind, params, err = mime.ParseMediaType(v); err != nil {
			return fmt.Errorf("read the content type: %w", err)
		}
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return m.leaf(kind, params, h, body)
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the next part: %w", err)
		}
		if err := m.walk(p.Header, p); err != nil {
			return err
		}
	}
}

func (m *Message) leaf(kind string, params map[string]string, h textproto.MIMEHeader, body io.Reader) error {
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	if charset := params["charset"]; charset != "" && strings.HasPrefix(kind, "text/") {
		var err error
		if body, err = utf8Reader(charset, body); err != nil {
			return err
		}
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("decode a %s part: %w", kind, err)
	}
	name, err := filename(h, params)
	if err != nil {
		return err
	}
	m.Parts = append(m.Parts, Part{Type: kind, Filename: name, Body: b})
	return nil
}

func filename(h textproto.MIMEHeader, params map[string]string) (string, error) {
	name := params["name"]
	if v := h.Get("Content-Disposition"); v != "" {
		_, disposition, err := mime.ParseMediaType(v)
		if err != nil {
			return "", fmt.Errorf("read the content disposition: %w", err)
		}
		if disposition["filename"] != "" {
			name = disposition["filename"]
		}
	}
	return decodeHeader(name)
}

func decodeHeader(s string) (string, error) {
	d := mime.WordDecoder{CharsetReader: utf8Reader}
	return d.DecodeHeader(s)
}

// utf8Reader knows the charsets that browsers know, ISO-2022-JP and Shift_JIS among them.
func utf8Reader(charset string, r io.Reader) (io.Reader, error) {
	enc, err := htmlindex.Get(charset)
	if err != nil {
		return nil, fmt.Errorf("charset %q: %w", charset, err)
	}
	return enc.NewDecoder().Reader(r), nil
}
