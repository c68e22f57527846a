package mailin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-smtp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
)

// original is what a mail is called that is kept as it came.
const original = "mail.eml"

// Data takes the mail itself. It answers when everything is durable.
func (s *session) Data(r io.Reader) error {
	outcome, err := s.data(r)
	s.srv.Count(outcome)
	return err
}

func (s *session) data(r io.Reader) (Outcome, error) {
	if !s.conn.gate.begin(s.conn) {
		return Failed, refuse(421, [3]int{4, 3, 2}, "The server is stopping")
	}
	defer s.conn.gate.end(s.conn)
	s.conn.SetReadDeadline(time.Now().Add(content))
	raw, free, err := s.srv.receive(r)
	defer free()
	if err != nil {
		return refused(err), err
	}
	ctx, cancel := context.WithTimeout(s.srv.life, taking)
	defer cancel()
	outcome, err := s.srv.take(ctx, raw, s)
	if err == nil {
		return outcome, nil
	}
	err = s.srv.answer(ctx, err)
	return refused(err), err
}

// refused is what becomes of a mail with such an answer.
func refused(answer error) Outcome {
	var said *smtp.SMTPError
	if !errors.As(answer, &said) {
		return Failed // the line broke
	}
	switch said.Code {
	case 552:
		return Oversized
	case 554:
		return Loop
	case 550:
		return Malformed
	}
	if said.EnhancedCode == (smtp.EnhancedCode{4, 7, 1}) || said.Code == 452 {
		return Limited
	}
	return Failed
}

// receive reads a mail whole, while there is room for it. free gives the room back.
func (s *Server) receive(r io.Reader) (raw []byte, free func(), err error) {
	var held int64
	free = func() { s.memory.Add(-held) }
	var b bytes.Buffer
	piece := make([]byte, 32<<10)
	for {
		n, err := r.Read(piece)
		held += int64(n)
		if s.memory.Add(int64(n)) > mailsInMemory*s.opt.MaxBytes {
			return nil, free, refuse(451, [3]int{4, 3, 1}, "Too many mails at once, try again later")
		}
		b.Write(piece[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, free, err
		}
	}
	if bareLineEnd(b.Bytes()) {
		// Two servers that do not agree where a line ends do not agree where a mail ends:
		// the rest of this one may be another's (RFC 5321, 2.3.8).
		return nil, free, refuse(550, [3]int{5, 6, 0}, "A line ends with a bare CR or LF")
	}
	return b.Bytes(), free, nil
}

func bareLineEnd(b []byte) bool {
	for i, c := range b {
		switch {
		case c == '\n' && (i == 0 || b[i-1] != '\r'):
			return true
		case c == '\r' && (i+1 == len(b) || b[i+1] != '\n'):
			return true
		}
	}
	return false
}

// answer turns what went wrong into what the other server is told. What may go better later
// is 4xx, so that nothing is lost.
func (s *Server) answer(ctx context.Context, err error) error {
	var said *smtp.SMTPError
	switch f := fault.As(err); {
	case errors.As(err, &said):
		return said
	case f != nil && f.Kind == fault.TooLarge:
		return refuse(552, [3]int{5, 2, 2}, "The case has no room for this mail")
	case f != nil && f.Kind == fault.TooMany:
		return refuse(452, [3]int{4, 2, 2}, "Too much was added to this case")
	}
	s.Log.ErrorContext(ctx, "mail intake: mail was put off", "error", err)
	return refuse(451, [3]int{4, 3, 0}, "The mail cannot be kept now, try again later")
}

// take makes of a mail what it is: a report, an addition, a bounce, or nothing.
func (s *Server) take(ctx context.Context, raw []byte, from *session) (Outcome, error) {
	m := read(raw)
	sender := senderOf(m.head)
	if s.loops(m.head, sender) {
		return "", refuse(554, [3]int{5, 4, 6}, "The mail goes round in a circle")
	}
	if m.report != nil && m.report.failed {
		return s.bounced(ctx, m)
	}
	if m.report != nil || from.from == "" || automatic(m.head) || daemon(sender.address) {
		s.Log.InfoContext(ctx, "mail intake: answer of a program dropped", "address", from.conn.from.String())
		return Dropped, nil
	}
	by, proof, err := s.whose(ctx, m.head, sender, from)
	if err != nil {
		return "", err
	}
	if !s.allowed(by, sender) {
		s.Log.WarnContext(ctx, "mail intake: too many mails", "address", from.conn.from.String())
		return "", refuse(451, [3]int{4, 7, 1}, "Too many mails within the hour, try again later")
	}
	in := s.mailed(m, raw, sender, proof)
	in.Receipt = in.Sender != "" && wantsReceipt(m.head) && (proof != "" || strings.EqualFold(from.from, sender.address))
	t, err := s.Cases.TakeMail(ctx, by, in)
	if err != nil {
		return "", err
	}
	outcome := Accepted
	if t.Before {
		outcome = Repeated
	}
	return outcome, s.keepFiles(ctx, by, t, m, in, raw)
}

// mailed puts a mail into the domain's words.
func (s *Server) mailed(m *message, raw []byte, sender mailbox, proof string) incident.Mailed {
	in := incident.Mailed{Key: keyOf(m.head, sender, raw), ID: messageID(m.head.get("message-id")), Sender: sender.address, Name: clip(clean(sender.name), incident.MaxName),
		Proof: proof, Demo: s.opt.Demo}
	if len(in.Sender) > incident.MaxContact {
		in.Sender = ""
	}
	for _, h := range []string{"in-reply-to", "references"} {
		ids := strings.Fields(strings.ReplaceAll(m.head.get(h), "><", "> <"))
		for _, x := range slices.Backward(ids[max(0, len(ids)-10):]) {
			if x = messageID(x); x != "" {
				in.Answers = append(in.Answers, s.localName(x))
			}
		}
	}
	subject := clean(m.head.text("subject"))
	in.Labels = slices.Compact(labels.FindAllString(strings.ToUpper(subject), 3))
	in.Kind, in.Guessed = kindOf(subject, s.kinds, s.opt.Kind)
	words := clean(m.words())
	in.Lang = string(langOf(subject + words))
	p := s.Catalogue.Printer(i18n.Lang(in.Lang))
	switch in.Subject = clip(oneLine(subject), incident.MaxSummary); {
	case in.Subject != "":
	case words != "":
		in.Subject = clip(oneLine(words), 60)
	default:
		in.Subject = p.T("mailin.no_subject")
	}
	if len([]rune(oneLine(subject))) > incident.MaxSummary {
		m.cut = true
	}
	switch {
	case words == "" && m.cut:
		words = p.T("mailin.unreadable", "file", original)
	case words == "" && len(m.files) > 0:
		words = p.T("mailin.only_files")
	case len([]rune(words)) > incident.MaxText:
		note := "\n" + p.T("mailin.cut", "file", original)
		words = clip(words, incident.MaxText-len([]rune(note))) + note
		m.cut = true
	}
	in.Words = words
	return in
}

// localName leaves the host out of the names of our own mails: the domain knows them by
// what stands before.
func (s *Server) localName(id string) string {
	if local, host, _ := strings.Cut(id, "@"); strings.EqualFold(host, s.opt.IDHost) {
		return local
	}
	return id
}

// keepFiles adds a mail's files to its case, and the mail as it came when not all of it is
// in words and files. A mail that is sent again adds only what is not there yet.
func (s *Server) keepFiles(ctx context.Context, by access.Actor, t incident.Taken, m *message, in incident.Mailed, raw []byte) error {
	filer := t.Files(by)
	for n, f := range m.files {
		err := keep(n, f, in, func(u incident.Upload) (incident.Evidence, error) {
			return s.Cases.AddEvidence(ctx, filer, t.Incident.ID, u)
		})
		switch {
		case fault.Is(err, fault.TooLarge): // too many, or too large, for somebody outside
			m.cut = true
		case t.Before && goneOn(err):
			return nil
		case err != nil:
			return fmt.Errorf("keep file of mail: %w", err)
		}
	}
	if !m.cut {
		return nil
	}
	err := keep(-1, file{original, raw}, in, func(u incident.Upload) (incident.Evidence, error) {
		return s.Cases.KeepOriginal(ctx, by, t, u)
	})
	if t.Before && goneOn(err) {
		return nil
	}
	return err
}

// goneOn reports that a case takes nothing more from who could add to it before.
func goneOn(err error) bool {
	return fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Denied)
}

// keep adds a file under a name of its own, so that it is there once.
func keep(n int, f file, in incident.Mailed, add func(incident.Upload) (incident.Evidence, error)) error {
	_, err := add(incident.Upload{Name: f.name, Media: http.DetectContentType(f.body), Body: bytes.NewReader(f.body),
		Once: fmt.Sprintf("mail:%s:%d", in.Key[:32], n)})
	return err
}

// whose decides who a mail is from: one of our people when that is sure, else nobody.
func (s *Server) whose(ctx context.Context, h head, sender mailbox, from *session) (by access.Actor, proof string, err error) {
	proof = s.authentic(h, sender, from.conn.from)
	o, err := s.People.Org(ctx)
	if err != nil {
		return by, "", err
	}
	now := s.Now()
	if p, ok := personAt(o, sender.address, now); ok && proof != "" {
		return access.Actor{Person: p.ID, Name: p.Name(), Department: p.Department, Duties: o.DutiesOf(p.ID, now), Via: access.ByMail}, proof, nil
	}
	return access.System(), proof, nil
}

func (s *Server) allowed(by access.Actor, sender mailbox) bool {
	if by.Via == access.ByMail {
		return s.quota.allow(map[string]int{"own " + by.Person: s.opt.Limits.OwnPerHour})
	}
	return s.quota.allow(map[string]int{"from " + sender.address: s.opt.Limits.SenderPerHour, "outside": s.opt.Limits.OutsidePerHour})
}

// bounced tells the domain that a mail of ours came back. One that is none of ours is
// dropped.
func (s *Server) bounced(ctx context.Context, m *message) (Outcome, error) {
	id := messageID(m.report.original.get("message-id"))
	ours := s.localName(id)
	known := false
	if ours != id {
		var err error
		if known, err = s.Notices.Bounced(ctx, access.System(), ours, clean(m.report.why)); err != nil {
			return "", fmt.Errorf("take bounce: %w", err)
		}
	}
	if !known {
		s.Log.InfoContext(ctx, "mail intake: bounce of a mail that is not ours dropped")
		return Dropped, nil
	}
	return Bounce, nil
}

// maxHops is how many servers a mail may have gone through.
const maxHops = 20

// loops reports whether the mail is one of ours, or has gone too far.
func (s *Server) loops(h head, sender mailbox) bool {
	ours := messageID(h.get("message-id"))
	return len(h.all("received")) > maxHops || ours != "" && s.localName(ours) != ours ||
		slices.Contains(s.opt.Own, sender.address) || slices.Contains(s.opt.Addresses, sender.address)
}

// automatic reports whether a program answers: nobody says anything by it.
func automatic(h head) bool {
	auto := fold(h.get("auto-submitted"))
	precedence := fold(h.get("precedence"))
	return strings.HasPrefix(auto, "auto-replied") || strings.HasPrefix(auto, "auto-notified") || precedence == "auto_reply" ||
		h.get("x-autoreply") != "" || h.get("x-autorespond") != "" ||
		auto != "" && auto != "no" && h.get("in-reply-to") != ""
}

// daemon reports whether an address is that of a mail server, which writes of deliveries.
func daemon(address string) bool {
	local, _, _ := strings.Cut(address, "@")
	return local == "mailer-daemon" || local == "postmaster"
}

// wantsReceipt reports whether an automatic answer may go out (RFC 3834).
func wantsReceipt(h head) bool {
	sender, _, _ := strings.Cut(senderOf(h).address, "@")
	sender = strings.NewReplacer("-", "", "_", "", ".", "").Replace(sender)
	auto, precedence, suppress := fold(h.get("auto-submitted")), fold(h.get("precedence")), fold(h.get("x-auto-response-suppress"))
	return (auto == "" || auto == "no") && !slices.Contains([]string{"bulk", "list", "junk"}, precedence) &&
		h.get("list-id") == "" && h.get("list-unsubscribe") == "" && (suppress == "" || suppress == "none") &&
		!strings.HasPrefix(sender, "noreply") && !strings.HasPrefix(sender, "donotreply")
}

// keyOf names a mail, so that the same one is taken once: by its own names where it has them.
func keyOf(h head, sender mailbox, raw []byte) string {
	sum := sha256.New()
	if id := messageID(h.get("message-id")); id != "" {
		fmt.Fprintf(sum, "%s\n%s\n%s", id, sender.address, h.get("date"))
	} else {
		sum.Write(raw)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

var (
	plainID = regexp.MustCompile(`^[!-;=?-~]{1,250}$`)
	labels  = regexp.MustCompile(`INC-[0-9]{4}-[0-9]{4,7}`)
)

// messageID reads a Message-ID: what stands in its brackets, when that could stand in a
// header of ours; else "".
func messageID(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "<"), ">")
	if strings.Count(s, "@") != 1 || !plainID.MatchString(s) {
		return ""
	}
	return s
}

// clean drops what shows nothing and what turns the direction of reading.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r) && r != '\u200d' {
			return -1
		}
		return r
	}, s)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// clip shortens a text to n letters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// langOf guesses what the sender reads.
func langOf(s string) i18n.Lang {
	latin := false
	for _, r := range s {
		if unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) {
			return i18n.JA
		}
		latin = latin || unicode.IsLetter(r)
	}
	if latin {
		return i18n.EN
	}
	return i18n.JA
}
