package read

import (
	"bytes"
	"fmt"
	"strings"

	"sekimori/internal/pii"
)

// The properties of an Outlook message ([MS-OXMSG], [MS-OXPROPS]) that are read, as texts.
func msgTexts() []struct{ id, field string } {
	return []struct{ id, field string }{
		{"0C1A", "From"}, {"0C1F", "From"}, {"5D01", "From"}, {"0E04", "To"}, {"0E03", "Cc"}, {"0E02", "Bcc"},
		{"0037", "Subject"}, {"007D", "Header"}, {"1000", ""},
	}
}

const (
	msgWide    = "001F" // UTF-16
	msgNarrow  = "001E" // the code page of the sender
	msgBytes   = "0102"
	msgStorage = "000D"
	maxMsgText = 64 << 20
)

// readMSG reads a message that lies in a folder of a compound file: header, body, recipients, attachments. A message
// that is attached is such a folder again.
func readMSG(b box, c *compound, folder int) error {
	if b.depth > b.job.limits.Depth {
		return because(TooDeep)
	}
	text := b.text("")
	for _, t := range msgTexts() {
		if s, ok := c.msgString(folder, t.id); ok {
			if t.field != "" {
				text.addString(t.field + ": ")
			}
			text.line(s)
		}
	}
	for _, i := range c.children[folder] {
		if strings.HasPrefix(c.entries[i].name, "__recip_version1.0_#") {
			name, _ := c.msgString(i, "3001")
			mail, ok := c.msgString(i, "39FE")
			if !ok {
				mail, _ = c.msgString(i, "3003")
			}
			text.line(name + " <" + mail + ">")
		}
	}
	if err := text.end(); err != nil {
		return err
	}
	for _, t := range msgTexts() {
		if err := b.msgRaw(c, folder, t.id); err != nil {
			return err
		}
	}
	if err := readBody(b, c, folder); err != nil {
		return err
	}
	n := 0
	for _, i := range c.children[folder] {
		if !strings.HasPrefix(c.entries[i].name, "__attach_version1.0_#") {
			continue
		}
		n++
		if err := readAttached(b, c, i, n); err != nil {
			return err
		}
	}
	return nil
}

func msgStream(id, kind string) string { return "__substg1.0_" + id + kind }

// msgString reads a text property, if it is in UTF-16.
func (c *compound) msgString(folder int, id string) (string, bool) {
	i := c.find(folder, msgStream(id, msgWide))
	if i < 0 {
		return "", false
	}
	raw, err := c.whole(i, maxMsgText)
	return fromUTF16(raw), err == nil
}

// readBody reads the body in HTML, or in RTF where that is all there is.
func readBody(b box, c *compound, folder int) error {
	if i := c.find(folder, msgStream("1013", msgBytes)); i >= 0 {
		html, err := c.whole(i, maxMsgText)
		if err != nil {
			return err
		}
		return readHTML(b, "html", bytes.NewReader(html), "")
	}
	text := c.find(folder, msgStream("1000", msgWide)) >= 0 || c.find(folder, msgStream("1000", msgNarrow)) >= 0
	i := c.find(folder, msgStream("1009", msgBytes))
	if text || i < 0 {
		return nil
	}
	packed, err := c.whole(i, maxMsgText)
	if err != nil {
		return err
	}
	rtf, err := unpackRTF(packed, maxMsgText)
	if err != nil {
		return err
	}
	if err := b.job.spend(int64(len(rtf))); err != nil {
		return err
	}
	return readRTF(b, bytes.NewReader(rtf))
}

// msgRaw hands a text property in some code page on as it is.
func (b box) msgRaw(c *compound, folder int, id string) error {
	i := c.find(folder, msgStream(id, msgNarrow))
	if i < 0 {
		return nil
	}
	raw, err := c.whole(i, maxMsgText)
	if err != nil {
		return err
	}
	return b.raw("", bytes.NewReader(raw), pii.Hint{Prose: true})
}

func readAttached(b box, c *compound, folder, n int) error {
	name := fmt.Sprintf("attachment %d", n)
	for _, id := range []string{"3707", "3704", "3001"} {
		if s, ok := c.msgString(folder, id); ok && s != "" {
			name = s
			break
		}
	}
	if i := c.find(folder, msgStream("3701", msgStorage)); i >= 0 {
		if c.find(i, "__properties_version1.0") < 0 {
			b.unread(name, "", Unsupported) // an object of another program
			return nil
		}
		inner := b
		inner.place, inner.depth = b.at(name), b.depth+1
		err := readMSG(inner, c, i)
		if err != nil && !ends(err) {
			b.unread(name, CFB, reasonOf(err))
			return nil
		}
		return err
	}
	i := c.find(folder, msgStream("3701", msgBytes))
	if i < 0 {
		return nil // only a link
	}
	in, err := c.stream(i)
	if err != nil {
		b.unread(name, "", reasonOf(err))
		return nil
	}
	return b.member(name, in)
}
