// Package mailout writes notices as mails and hands them to a mail server, or to the
// demo's outbox.
//
// A notice is plain text, in the receiver's language, complete on a phone: what
// happened, who said so, how to answer, why this person was told, until when. The kind
// and the number alone stand in the subject, because subjects show on locked screens.
//
// Delivery is at least once: a mail whose handing-over was cut off is sent again, with
// the same Message-ID, by which mail programs and people can tell that it is the same.
package mailout

import (
	"fmt"
	netmail "net/mail"
	"strings"
	"unicode"
)

// Mail is one mail, ready to go. Nothing in it breaks a line except Text.
type Mail struct {
	ID      string // Message-ID without its brackets; the same whenever the attempt is sent
	From    Address
	To      Address
	Subject string
	Text    string            // lines end in \n
	Headers map[string]string // all further headers, Message-ID and Date among them
	Files   []File
	// Bounceless mails leave with an empty return path: when they cannot be delivered
	// nobody is told.
	Bounceless bool
}

// File is an attachment: text in UTF-8, which arrives byte by byte as it is.
type File struct {
	Name string
	Text []byte
}

// Address is a mailbox with the name to show.
type Address struct {
	Name string
	Mail string // user@host
}

// String writes the address for people to read: 佐藤 花子 <hanako@company.example>.
// It is not the encoded form of a header.
func (a Address) String() string {
	if a.Name == "" {
		return a.Mail
	}
	return fmt.Sprintf("%s <%s>", a.Name, a.Mail)
}

// check refuses what is not exactly one mailbox.
func (a Address) check() error {
	p, err := netmail.ParseAddress("<" + a.Mail + ">")
	if err != nil || p.Address != a.Mail || oneLine(a.Mail) != a.Mail {
		return fmt.Errorf("%q is not a mail address", a.Mail)
	}
	return nil
}

// oneLine makes text safe for a header and for one line of a body: everything that
// breaks a line, is invisible or turns the reading direction becomes a space.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r == ' '
	}), " ")
}
