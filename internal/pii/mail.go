package pii

import "strings"

// mails finds addresses of mail.
func (p *probe) mails() {
	for i := p.from; i < len(p.r); i++ {
		if p.r[i] != '@' {
			continue
		}
		from, to := i, i+1
		for from > 0 && i-from < 64 && isLocal(p.r[from-1]) {
			from--
		}
		for from < i && (p.r[from] == '.' || p.r[from] == '-') {
			from++
		}
		for to < len(p.r) && to-i < 254 && isHost(p.r[to]) {
			to++
		}
		for to > i+1 && (p.r[to-1] == '.' || p.r[to-1] == '-') {
			to--
		}
		if from < p.from || from >= p.to || from == i {
			continue
		}
		value := strings.ToLower(string(p.r[from:to]))
		local, host, _ := strings.Cut(value, "@")
		if !validHost(host) || strings.Contains(local, "..") || p.rune(from-1) == '/' || p.other(from) && p.messageID(from) {
			continue
		}
		c := Likely
		switch {
		case role(local):
			c = Possible
		case p.is(Mail, from, to):
			c = Certain
		}
		p.take(Mail, from, to, c, value)
		i = to - 1
	}
}

// messageID tells whether the address is in angle brackets behind a word that denies it, as the name of a mail is.
func (p *probe) messageID(from int) bool { return p.rune(from-1) == '<' }

func isLocal(r rune) bool {
	return isLetter(r) || isDigit(r) || r == '.' || r == '_' || r == '%' || r == '+' || r == '-'
}

func isHost(r rune) bool { return isLetter(r) || isDigit(r) || r == '.' || r == '-' }

// validHost tells whether a mail host ends in something that can be a top-level domain, and not in the ending of a file.
func validHost[T string | []byte](of T) bool {
	host := string(of)
	dot := strings.LastIndexByte(host, '.')
	if dot <= 0 || len(host)-dot < 3 || len(host) > 253 || strings.Contains(host, "..") {
		return false
	}
	for _, r := range host[dot+1:] {
		if !isLetter(r) {
			return strings.HasPrefix(host[dot+1:], "xn--")
		}
	}
	switch host[dot+1:] {
	case "png", "jpg", "jpeg", "gif", "webp", "svg", "js", "ts", "css", "json", "html", "txt", "service", "timer", "socket":
		return false
	}
	return true
}

// role tells whether the address is a desk's and not a person's.
func role(local string) bool {
	switch local {
	case "info", "noreply", "no-reply", "support", "admin", "postmaster", "webmaster", "root", "contact", "sales", "abuse",
		"mailer-daemon", "git", "www", "help", "office", "recruit", "privacy", "security", "donotreply", "do-not-reply", "news":
		return true
	}
	return false
}

// own tells whether the address is in one of the domains or below.
func own(value string, domains []string) bool {
	_, host, _ := strings.Cut(value, "@")
	for _, d := range domains {
		d = strings.TrimPrefix(strings.ToLower(d), "@")
		if host == d || strings.HasSuffix(host, "."+strings.TrimPrefix(d, ".")) {
			return true
		}
	}
	return false
}
