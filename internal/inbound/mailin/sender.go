package mailin

import (
	"io"
	"mime"
	"net/mail"
	"net/netip"
	"strings"
	"time"

	"sekimori/internal/domain/directory"
)

// mailbox is who a mail says it is from.
type mailbox struct {
	name, address string // the address in lower case; "" when it has none that can be read
	alone         bool   // the mail names exactly one
}

// senderOf reads From.
func senderOf(h head) mailbox {
	all := h.all("from")
	if len(all) == 0 {
		return mailbox{}
	}
	list, err := (&mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: anyCharset}}).ParseList(all[0])
	if err != nil || len(list) == 0 { // enough to write to, never enough to be believed
		name, rest, _ := strings.Cut(decodeWords(all[0]), "<")
		address, _, _ := strings.Cut(rest, ">")
		if a, err := mail.ParseAddress(address); err == nil {
			return mailbox{name: strings.Trim(name, ` "`), address: strings.ToLower(a.Address)}
		}
		return mailbox{name: name}
	}
	return mailbox{list[0].Name, strings.ToLower(list[0].Address), len(all) == 1 && len(list) == 1}
}

func anyCharset(charset string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(r)
	return strings.NewReader(decodeText(b, charset)), err
}

// authentic says why a mail is surely from the address in From; "" when it may be
// anybody's. Only the topmost word of a mail server of ours counts: what stands below may
// have come with the mail.
func (s *Server) authentic(h head, from mailbox, client netip.Addr) string {
	if !from.alone {
		return ""
	}
	if within(s.opt.Trusted, client) {
		return "network"
	}
	_, domain, _ := strings.Cut(from.address, "@")
	for _, r := range h.all("authentication-results") {
		server, results, ok := strings.Cut(uncommented(r), ";")
		id, version, _ := strings.Cut(strings.TrimSpace(server), " ")
		if !ok || strings.TrimSpace(version) != "" && strings.TrimSpace(version) != "1" {
			continue
		}
		for _, trusted := range s.opt.Hosts {
			if strings.EqualFold(id, trusted) {
				return aligned(results, domain)
			}
		}
	}
	return ""
}

// aligned finds the result that proves the domain in From (RFC 8601; the domains are held
// against each other as DMARC does when it is strict).
func aligned(results, domain string) string {
	for _, method := range []struct{ name, property string }{{"dmarc", "header.from"}, {"dkim", "header.d"}, {"dkim", "header.i"}, {"spf", "smtp.mailfrom"}} {
		for _, r := range strings.Split(results, ";") {
			words := strings.Fields(strings.ToLower(r))
			if len(words) == 0 || words[0] != method.name+"=pass" {
				continue
			}
			for _, w := range words[1:] {
				if v, ok := strings.CutPrefix(w, method.property+"="); ok && v != "" {
					v = strings.Trim(v, "<>")
					if at := strings.LastIndexByte(v, '@'); at >= 0 {
						v = v[at+1:]
					}
					if v == domain {
						return method.name
					}
				}
			}
		}
	}
	return ""
}

// uncommented drops what stands in brackets or quotes: anybody may have written it.
func uncommented(s string) string {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && (depth > 0 || quoted):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// personAt finds the one person who works here under an address; false when it is nobody's
// or more than one's.
func personAt(o *directory.Org, address string, now time.Time) (directory.Person, bool) {
	var found directory.Person
	n := 0
	for _, p := range o.People {
		if p.Email != "" && p.Active(now) && strings.EqualFold(p.Email, address) {
			found, n = p, n+1
		}
	}
	return found, n == 1
}

func within(networks []netip.Prefix, a netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}
