package mailin_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/mailin"
)

// note is a small mail.
func note(from, id, subject, more string) string {
	return "From: " + from + "\nTo: report@aoba.example\nSubject: " + subject + "\nDate: Fri, 20 Nov 2026 11:00:00 +0900\nMessage-ID: <" + id + ">\n" + more + "\nwords\n"
}

const proven = "Authentication-Results: mx.aoba.example; dkim=pass header.d=aoba.example\n"

func TestNothingIsPassedOn(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	c := h.dial().greet()
	c.say(250, "MAIL FROM:<ichiro@outside.example>")
	for _, to := range []string{"victim@else.example", "report@else.example", "report%else.example@aoba.example", "report@aoba.example.else.example", "postmaster", `"report@aoba.example"@else.example`} {
		fmt.Fprintf(c.conn, "RCPT TO:<%s>\r\n", to)
		if code, text := c.answer(); code/100 != 5 {
			t.Errorf("%s: %d %s", to, code, text)
		}
	}
	c.say(502, "DATA")
	if got := h.all(); len(got) != 0 {
		t.Errorf("%d cases", len(got))
	}
}

// TestSmuggledMailIsRefused: a mail in which another one is hidden behind a bare line end is
// refused whole, and nothing of it is taken for commands.
func TestSmuggledMailIsRefused(t *testing.T) {
	t.Parallel()
	inner := "MAIL FROM:<yoshida@aoba.example>\r\nRCPT TO:<report@aoba.example>\r\nDATA\r\n" + proven + "From: yoshida@aoba.example\r\nSubject: smuggled\r\n\r\nx\r\n"
	for _, end := range []string{"\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r", "\n.\r", "\n\n.\r\n"} {
		t.Run(fmt.Sprintf("%q", end), func(t *testing.T) {
			t.Parallel()
			h := start(t, nil)
			c := h.dial().greet()
			code, text := c.send("ichiro@outside.example", []byte("From: ichiro@outside.example\r\nSubject: outer\r\n\r\nx"+end+inner))
			if code != 550 {
				t.Errorf("answer %d %s", code, text)
			}
			c.say(250, "NOOP")
			if got := h.all(); len(got) != 0 {
				t.Errorf("%d cases: %v", len(got), got)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *mailin.Options) { o.MaxBytes = 25 << 20 })
	big := func(n int) string {
		line := strings.Repeat("QUJD", 19) + "\n"
		return "From: yoshida@aoba.example\n" + proven + "Subject: [lost] big\nMessage-ID: <big" + fmt.Sprint(n) + "@aoba.example>\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee\n--b\nContent-Type: application/octet-stream; name=big.bin\nContent-Transfer-Encoding: base64\n\n" +
			strings.Repeat(line, n<<20/len(line)) + "--b--\n"
	}
	if code, text := h.mail("yoshida@aoba.example", big(20)); code != 250 {
		t.Fatalf("20 MB: %d %s", code, text)
	}
	if got := h.shown(&h.all()[0].Incident); !strings.Contains(got, `file "big.bin" text/plain; charset=utf-8 15`) || strings.Contains(got, "mail.eml") {
		t.Errorf("kept:\n%s", got)
	}
	if code, _ := h.mail("yoshida@aoba.example", big(26)); code != 552 {
		t.Errorf("26 MB: %d", code)
	}
	c := h.dial().greet()
	c.say(552, "MAIL FROM:<yoshida@aoba.example> SIZE=30000000")
	if got := h.all(); len(got) != 1 {
		t.Errorf("%d cases", len(got))
	}
}

// TestTooMuchInMemory: mails that would take too much memory together are put off.
func TestTooMuchInMemory(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *mailin.Options) { o.MaxBytes = 200 << 10 })
	half := "From: x@outside.example\r\nSubject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 2600)
	var open []*client
	for range 4 {
		c := h.dial().greet()
		c.say(250, "MAIL FROM:<x@outside.example>")
		c.say(250, "RCPT TO:<report@aoba.example>")
		c.say(354, "DATA")
		io.WriteString(c.conn, half)
		open = append(open, c)
	}
	for deadline := time.Now().Add(20 * time.Second); h.read.Load() < int64(4*len(half)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the four do not arrive")
		}
	}
	if code, _ := h.mail("y@outside.example", strings.ReplaceAll(half, "\r\n", "\n")); code != 451 {
		t.Errorf("a fifth beside the four: %d", code)
	}
	for _, c := range open {
		c.say(250, ".")
	}
	if code, text := h.mail("y@outside.example", note("y@outside.example", "after@outside.example", "after", "")); code != 250 {
		t.Errorf("after them: %d %s", code, text)
	}
}

func TestFloodIsPutOff(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *mailin.Options) { o.Limits = mailin.Limits{SenderPerHour: 3, OutsidePerHour: 5, OwnPerHour: 2} })
	send := func(from string, n int, more string) (taken int) {
		for i := range n {
			code, text := h.mail(from, note(from, fmt.Sprintf("%s.%d.%d", from, i, h.clock().UnixNano()), "flood", more))
			switch {
			case code == 250:
				taken++
			case code != 451:
				t.Fatalf("%d %s", code, text)
			}
		}
		return taken
	}
	if n := send("a@outside.example", 6, ""); n != 3 {
		t.Errorf("%d of one sender taken, want 3", n)
	}
	if n := send("b@outside.example", 6, ""); n != 2 {
		t.Errorf("%d more from outside taken, want 2", n)
	}
	if n := send("yoshida@aoba.example", 3, proven); n != 2 {
		t.Errorf("%d of our own taken, want 2", n)
	}
	h.wait(time.Hour)
	if n := send("a@outside.example", 1, ""); n != 1 {
		t.Error("not taken an hour later")
	}
	receipts := 0
	for _, r := range h.all() {
		receipts += strings.Count(h.shown(&r.Incident), "receipt mailed.outside")
	}
	if receipts > 3 { // one for each sender, and one in the next hour
		t.Errorf("%d receipts for a flood", receipts)
	}
}

func TestWhoMayConnect(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *mailin.Options) { o.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	if code, _ := h.dial().answer(); code != 554 {
		t.Errorf("from elsewhere: %d", code)
	}
	h = start(t, func(o *mailin.Options) { o.Limits = mailin.Limits{Connections: 2} })
	a, b := h.dial().greet(), h.dial().greet()
	if code, _ := h.dial().answer(); code != 421 {
		t.Errorf("third connection: %d", code)
	}
	a.say(221, "QUIT")
	for range 200 { // until the server has seen that it went
		c := h.dial()
		if code, _ := c.answer(); code == 220 {
			b.say(250, "NOOP")
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no room after one has left")
}

func TestConnectionsInAMinute(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *mailin.Options) { o.Limits = mailin.Limits{Connections: 100, PerMinute: 3} })
	for range 3 {
		h.dial().greet()
	}
	if code, _ := h.dial().answer(); code != 421 {
		t.Errorf("fourth in a minute: %d", code)
	}
	h.wait(time.Minute)
	h.dial().greet()
}

func TestSTARTTLS(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"sekimori.aoba.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	h := start(t, func(o *mailin.Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	})
	c := h.dial().greet()
	// What is said before the handshake counts for nothing after it.
	io.WriteString(c.conn, "STARTTLS\r\nMAIL FROM:<before@outside.example>\r\n")
	if code, _ := c.answer(); code != 220 {
		t.Fatal("no STARTTLS")
	}
	secure := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, ServerName: "sekimori.aoba.example"})
	if err := secure.Handshake(); err == nil {
		if text := secured(t, secure).say(250, "EHLO after"); !strings.Contains(text, "Hello after") {
			t.Errorf("the first answer after the handshake is %q", text)
		}
	}
	c = h.dial().greet()
	c.say(220, "STARTTLS")
	secure = tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, ServerName: "sekimori.aoba.example"})
	s := secured(t, secure)
	s.say(250, "EHLO x")
	if code, text := s.send("ichiro@outside.example", crlf(note("ichiro@outside.example", "tls@outside.example", "tls", ""))); code != 250 {
		t.Errorf("%d %s", code, text)
	}
}

// TestThread: an answer goes to its case when its sender may see that, and else makes a new
// one that says nothing of the other.
func TestThread(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	take := func(from, id, subject, more string) {
		t.Helper()
		h.wait(time.Second)
		if code, text := h.mail(from, note(from, id, subject, more)); code != 250 {
			t.Fatalf("%s: %d %s", id, code, text)
		}
	}
	count := func(want int, why string) {
		t.Helper()
		if n := len(h.all()); n != want {
			t.Fatalf("%s: %d cases, want %d", why, n, want)
		}
	}
	entries := func(n int) []incident.Entry {
		t.Helper()
		es, err := h.db.Entries(t.Context(), h.all()[n].ID)
		h.must(err)
		return es
	}
	take("yoshida@aoba.example", "first@aoba.example", "[lost] bag", proven)
	label := h.all()[0].Label
	take("yoshida@aoba.example", "second@aoba.example", "Re: something else", proven+"In-Reply-To: <first@aoba.example>\n")
	take("yoshida@aoba.example", "third@aoba.example", "about "+strings.ToLower(label), proven)
	count(1, "own answers")
	if es := entries(0); len(es) != 3 || es[1].Type != incident.Fact || es[2].Internal {
		t.Errorf("own answers: %+v", es)
	}
	letters := h.receipts(h.all()[0].ID)
	if len(letters) == 0 {
		t.Fatal("no receipts")
	}
	take("yoshida@aoba.example", "fourth@aoba.example", "Re: receipt", proven+"References: <x@y.example> <"+letters[0].ID+"@sekimori.aoba.example>\n")
	count(1, "answer to a receipt")
	// Who works on the case: a note between those who do.
	take("ishikawa@aoba.example", "pm@aoba.example", "Re: "+label, proven)
	count(1, "answer of who was told")
	if es := entries(0); es[4].Type != incident.Note || !es[4].Internal || es[4].By != "per_pm" {
		t.Errorf("answer of who was told: %+v", es[4])
	}
	// Who may not see it: a colleague, the auditor, a stranger, and a stranger as the finder.
	take("yamaguchi@aoba.example", "colleague@aoba.example", label, proven)
	count(2, "colleague")
	take("shimizu@aoba.example", "auditor@aoba.example", label, proven)
	count(3, "auditor")
	take("ichiro@outside.example", "stranger@outside.example", label, "In-Reply-To: <first@aoba.example>\nReferences: <"+letters[0].ID+"@sekimori.aoba.example>\n")
	count(4, "stranger")
	take("yoshida@aoba.example", "forged@outside.example", "Re: "+label, "In-Reply-To: <first@aoba.example>\n")
	count(5, "stranger in the finder's name")
	if es := entries(0); len(es) != 5 {
		t.Errorf("%d entries", len(es))
	}
	// A stranger's own answer, by their own mail and by the receipt; nobody else's.
	take("ichiro@outside.example", "mine2@outside.example", "Re", "In-Reply-To: <stranger@outside.example>\n")
	count(5, "stranger's own answer")
	if es := entries(3); len(es) != 2 || es[1].By != access.Nobody || es[1].Type != incident.Fact {
		t.Errorf("stranger's own answer: %+v", es)
	}
	take("jiro@outside.example", "jiro@outside.example", "Re", "In-Reply-To: <stranger@outside.example>\n")
	count(6, "another stranger's answer to it")
	// The person whom a case leaves out learns nothing of it.
	emp := directorytest.As(directorytest.Company(), "per_emp", h.clock())
	h.wait(time.Second)
	i, err := h.cases.Report(t.Context(), emp, incident.Report{Kind: incident.RuleBroken, Summary: "about my boss", LeaveOut: []string{"per_sales"}})
	h.must(err)
	take("takahashi@aoba.example", "boss@aoba.example", i.Label, proven)
	count(8, "who was left out")
	// A case that has ended takes nothing more.
	h.must(h.db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		i, err := tx.LockIncident(t.Context(), h.all()[0].ID)
		if err != nil {
			return err
		}
		i.Status = incident.Withdrawn
		return tx.SaveIncident(t.Context(), i)
	}))
	take("yoshida@aoba.example", "late@aoba.example", "Re: "+label, proven)
	count(9, "ended case")
}

// TestReceipts: who must not be answered is not.
func TestReceipts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		envelope, from, more string
		want                 int
	}{
		"plain":              {"a@outside.example", "a@outside.example", "", 1},
		"Auto-Submitted no":  {"a@outside.example", "a@outside.example", "Auto-Submitted: no\n", 1},
		"auto-generated":     {"a@outside.example", "a@outside.example", "Auto-Submitted: auto-generated\n", 0},
		"bulk":               {"a@outside.example", "a@outside.example", "Precedence: bulk\n", 0},
		"list":               {"a@outside.example", "a@outside.example", "List-Id: <l.outside.example>\n", 0},
		"suppressed":         {"a@outside.example", "a@outside.example", "X-Auto-Response-Suppress: OOF, AutoReply\n", 0},
		"no reply":           {"no-reply@outside.example", "no-reply@outside.example", "", 0},
		"another returnpath": {"a@outside.example", "victim@else.example", "", 0},
		"own, other path":    {"bounces@relay.example", "yoshida@aoba.example", proven, 1},
		"own, forged":        {"a@outside.example", "yoshida@aoba.example", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, nil)
			if code, text := h.mail(c.envelope, note(c.from, "one@outside.example", "x", c.more)); code != 250 {
				t.Fatalf("%d %s", code, text)
			}
			if got := len(h.receipts(h.all()[0].ID)); got != c.want {
				t.Errorf("%d receipts, want %d", got, c.want)
			}
		})
	}
}

// dsn is the report of a mail server that a mail could not be delivered.
func dsn(id, action, status string) string {
	return "From: MAILER-DAEMON@mx.else.example\nSubject: Undelivered\nMessage-ID: <d" + id + action + ">\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\nContent-Type: text/plain\n\nfailed\n" +
		"--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; x@y.example\nAction: " + action + "\nStatus: " + status + "\nDiagnostic-Code: smtp; 550 no such user\n" +
		"--r\nContent-Type: message/rfc822\n\nMessage-ID: <" + id + ">\nSubject: x\n\nx\n--r--\n"
}

// sentNotice is a case, and a notice of it that the mail server has taken.
func (h *house) sentNotice() (*incident.Incident, notice.Attempt) {
	h.t.Helper()
	i, err := h.cases.Report(h.t.Context(), directorytest.As(directorytest.Company(), "per_emp", h.clock()), incident.Report{Kind: incident.Lost, Summary: "bag"})
	h.must(err)
	_, err = notice.NewDispatcher(h.db, sent{}, h.clock, 1).SendDue(h.t.Context())
	h.must(err)
	_, _, attempts, err := h.db.TracksOf(h.t.Context(), i.ID)
	h.must(err)
	return i, attempts[0]
}

// TestOurMailComesBack: the contact that a notice went to counts as failing, once, and only
// by who knows the name of that mail.
func TestOurMailComesBack(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	i, a := h.sentNotice()
	verified := func(person string) bool {
		o, err := h.db.LoadOrg(t.Context())
		h.must(err)
		return !o.People[person].Verified.IsZero()
	}
	for _, m := range []string{dsn("ntc_0000000000000000000000000a@sekimori.aoba.example", "failed", "5.1.1"), dsn(a.ID+"@other.example", "failed", "5.1.1"),
		dsn(a.ID+"@sekimori.aoba.example", "delayed", "4.4.1")} {
		if code, text := h.mail("", m); code != 250 {
			t.Fatalf("%d %s", code, text)
		}
		if !verified(a.Person) {
			t.Fatalf("contact failed by\n%s", m)
		}
	}
	for range 2 {
		if code, text := h.mail("", dsn(a.ID+"@sekimori.aoba.example", "failed", "5.1.1")); code != 250 {
			t.Fatalf("%d %s", code, text)
		}
	}
	if verified(a.Person) {
		t.Error("the contact still counts as arriving")
	}
	after, err := h.db.AttemptByID(t.Context(), a.ID)
	h.must(err)
	if after.State != notice.Sent || !strings.Contains(after.Answer, "5.1.1") {
		t.Errorf("attempt %+v", after)
	}
	events, err := h.db.History(t.Context(), i.ID)
	h.must(err)
	n := 0
	for _, e := range events {
		if e.Kind == "notice.bounced" {
			n++
		}
	}
	if n != 1 || len(h.all()) != 1 {
		t.Errorf("%d events, %d cases", n, len(h.all()))
	}
}

// TestTheSameMailAtOnce: two servers in front hand the same mail over together.
func TestTheSameMailAtOnce(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	text := "From: yoshida@aoba.example\n" + proven + "Subject: [lost] once\nMessage-ID: <once@aoba.example>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n--b\nContent-Type: text/plain; name=a.txt\n\nfile\n--b--\n"
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if code, answer := h.mail("yoshida@aoba.example", text); code != 250 && code != 451 {
				t.Errorf("%d %s", code, answer)
			}
		})
	}
	wg.Wait()
	if code, _ := h.mail("yoshida@aoba.example", text); code != 250 {
		t.Error(code)
	}
	if got := h.all(); len(got) != 1 {
		t.Fatalf("%d cases", len(got))
	}
	if got := h.shown(&h.all()[0].Incident); strings.Count(got, "file ") != 1 || strings.Count(got, "fact ") != 1 || strings.Count(got, "receipt ") != 1 {
		t.Errorf("once is:\n%s", got)
	}
}

// TestWithoutTheDatabase: what cannot be kept is put off, never taken.
func TestWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	h.must(h.db.Close())
	if code, _ := h.mail("yoshida@aoba.example", note("yoshida@aoba.example", "x@aoba.example", "x", proven)); code != 451 {
		t.Errorf("answer %d, want 451", code)
	}
}

// TestStopFinishesWhatIsBeingTaken: a mail whose last line was sent before the server stops
// is answered; idle clients are sent away.
func TestStopFinishesWhatIsBeingTaken(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	idle, busy := h.dial().greet(), h.dial().greet()
	busy.say(250, "MAIL FROM:<x@outside.example>")
	busy.say(250, "RCPT TO:<report@aoba.example>")
	busy.say(354, "DATA")
	io.WriteString(busy.conn, "From: x@outside.example\r\nSubject: in the middle\r\n")
	time.Sleep(50 * time.Millisecond) // so that the server is in the middle of it
	stopped := make(chan struct{})
	go func() { h.stop(); close(stopped) }()
	if _, err := io.ReadAll(idle.conn); err != nil {
		t.Errorf("idle client: %v", err)
	}
	io.WriteString(busy.conn, "\r\nx\r\n.\r\n")
	if code, text := busy.answer(); code != 250 {
		t.Errorf("%d %s", code, text)
	}
	<-stopped
	if len(h.all()) != 1 {
		t.Error("the mail was lost")
	}
}

// TestChunks: BDAT is taken as DATA is.
func TestChunks(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	c := h.dial().greet()
	c.say(250, "MAIL FROM:<x@outside.example> BODY=8BITMIME")
	c.say(250, "RCPT TO:<report@aoba.example>")
	text := crlf(note("x@outside.example", "chunk@outside.example", "chunks", ""))
	fmt.Fprintf(c.conn, "BDAT 20\r\n%s", text[:20])
	if code, _ := c.answer(); code != 250 {
		t.Fatal(code)
	}
	fmt.Fprintf(c.conn, "BDAT %d LAST\r\n%s", len(text)-20, text[20:])
	if code, answer := c.answer(); code != 250 {
		t.Fatal(code, answer)
	}
	if got := h.all(); len(got) != 1 || got[0].Summary != "chunks" {
		t.Errorf("%v", got)
	}
}

// TestUTF8Addresses: addresses of other scripts are taken (RFC 6531).
func TestUTF8Addresses(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	c := h.dial().greet()
	c.say(250, "MAIL FROM:<通行@outside.example> SMTPUTF8")
	c.say(250, "RCPT TO:<REPORT@aoba.example>")
	c.say(354, "DATA")
	c.conn.Write(crlf("From: 通行 <通行@outside.example>\nSubject: 件名は生のUTF-8\nMessage-ID: <u8@outside.example>\n\n本文\n.\n"))
	if code, text := c.answer(); code != 250 {
		t.Fatal(code, text)
	}
	if i := h.all()[0]; i.Summary != "件名は生のUTF-8" || i.Outside.Contact != "通行@outside.example" || i.Outside.Name != "通行" {
		t.Errorf("%q %+v", i.Summary, i.Outside)
	}
}

// TestNothingOfTheMailIsInTheLog keeps names and words out of the operator's log.
func TestNothingOfTheMailIsInTheLog(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *mailin.Options) { o.Limits = mailin.Limits{SenderPerHour: 1} })
	for n := range 3 {
		h.mail("ichiro@outside.example", note("Himitsu <ichiro@outside.example>", fmt.Sprint(n, "@outside.example"), "himitsu", ""))
	}
	h.mail("ichiro@outside.example", note("Himitsu <ichiro@outside.example>", "away@outside.example", "himitsu", "Auto-Submitted: auto-replied\n"))
	h.mu.Lock()
	defer h.mu.Unlock()
	if log := h.log.String(); strings.Contains(strings.ToLower(log), "himitsu") || strings.Contains(log, "ichiro") {
		t.Errorf("log:\n%s", log)
	}
}

func secured(t *testing.T, conn net.Conn) *client {
	t.Helper()
	return &client{t, conn, reader(conn)}
}

// BenchmarkMails is how many mails a second one connection after the other brings.
func BenchmarkMails(b *testing.B) {
	h := start(b, func(o *mailin.Options) {
		o.Limits = mailin.Limits{OutsidePerHour: 1 << 30, SenderPerHour: 1 << 30, OwnPerHour: 1 << 30}
	})
	file := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 30<<10))
	c := h.dial().greet()
	c.conn.SetDeadline(time.Time{})
	for n := 0; b.Loop(); n++ {
		text := "From: yoshida@aoba.example\n" + proven + "Subject: [lost] once\nMessage-ID: <" + fmt.Sprint(n) + "@aoba.example>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n--b\nContent-Type: text/plain; name=a.txt\nContent-Transfer-Encoding: base64\n\n" + file + "\n--b--\n"
		if code, answer := c.send("yoshida@aoba.example", crlf(text)); code != 250 {
			b.Fatal(code, answer)
		}
	}
}
