package story

import (
	"bytes"
	"fmt"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// intake is the company's mail server in front, which hands mails over:
//
//	intake on [CONFIG…]         restarts the server with an intake
//	intake hand CODE FROM FILE  hands FILE over; $LABEL and the like in it are replaced
//	intake relay CODE ADDRESS   asks to pass a mail on
//	intake smuggle CODE END     hides a second mail behind a wrong line end, Go-quoted
//	intake big CODE FROM MB     hands a large mail over
//	intake flood N FROM         hands N over, and fails unless some were put off
//	intake letter TO            the newest mail to TO as it came, and its receipt code
func (s *stage) intake(ts *testscript.TestScript, args []string) error {
	switch rest := args[1:]; args[0] {
	case "on":
		return s.intakeOn(ts, rest)
	case "hand":
		b, err := os.ReadFile(ts.MkAbs(rest[2]))
		if err != nil {
			return err
		}
		return s.hand(ts, rest[0], rest[1], os.Expand(string(b), ts.Getenv))
	case "relay":
		c, err := smtp.Dial(ts.Getenv("INTAKE"))
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.Mail("x@outside.example"); err != nil {
			return err
		}
		return wanted(rest[0], c.Rcpt(rest[1]))
	case "smuggle":
		end, err := strconv.Unquote(`"` + rest[1] + `"`)
		if err != nil {
			return err
		}
		return s.smuggle(ts, rest[0], end)
	case "big":
		mb, err := strconv.Atoi(rest[2])
		if err != nil {
			return err
		}
		line := strings.Repeat("QUJD", 19) + "\n"
		return s.hand(ts, rest[0], rest[1], "From: "+rest[1]+"\nSubject: big\nMessage-ID: <big@outside.example>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\nContent-Type: image/png; name=big.png\nContent-Transfer-Encoding: base64\n\n"+strings.Repeat(line, mb<<20/len(line))+"--b--\n")
	case "flood":
		return s.floodMails(ts, rest)
	case "letter":
		return s.rawLetter(ts, rest[0])
	}
	return fmt.Errorf("unknown: intake %s", args[0])
}

func (s *stage) intakeOn(ts *testscript.TestScript, more []string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	ts.Setenv("INTAKE", "127.0.0.1:"+port)
	f, err := os.OpenFile(filepath.Join(s.dir, "srv", "sekimori.toml"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintf(f, "\n[intake]\nlisten = \"127.0.0.1:%s\"\naddresses = [\"report@kaku.example\"]\nhosts = [\"mx.kaku.example\"]\n%s\n", port, strings.Join(more, "\n"))
	if err := f.Close(); err != nil {
		return err
	}
	if err := s.serverCmd(ts, []string{"stop"}); err != nil {
		return err
	}
	return s.serverCmd(ts, []string{"start"})
}

// hand hands a mail over and wants an answer that begins with code.
func (s *stage) hand(ts *testscript.TestScript, code, from, text string) error {
	c, err := smtp.Dial(ts.Getenv("INTAKE"))
	if err != nil {
		return err
	}
	defer c.Close()
	if from == "-" {
		from = ""
	}
	if err := c.Mail(from); err != nil {
		return wanted(code, err)
	}
	if err := c.Rcpt("report@kaku.example"); err != nil {
		return wanted(code, err)
	}
	w, err := c.Data()
	if err != nil {
		return wanted(code, err)
	}
	if _, err := w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
		return err
	}
	return wanted(code, w.Close())
}

func wanted(code string, err error) error {
	got := "250"
	if said, ok := err.(*textproto.Error); ok {
		got = strconv.Itoa(said.Code)
	} else if err != nil {
		return err
	}
	if got != code {
		return fmt.Errorf("answer %s (%v), want %s", got, err, code)
	}
	return nil
}

// smuggle speaks for itself, because no honest client writes such lines.
func (s *stage) smuggle(ts *testscript.TestScript, code, end string) error {
	c, err := textproto.Dial("tcp", ts.Getenv("INTAKE"))
	if err != nil {
		return err
	}
	defer c.Close()
	if _, _, err := c.ReadResponse(220); err != nil {
		return err
	}
	for _, l := range []struct {
		line string
		code int
	}{{"EHLO mx", 250}, {"MAIL FROM:<x@outside.example>", 250}, {"RCPT TO:<report@kaku.example>", 250}, {"DATA", 354}} {
		if err := c.PrintfLine("%s", l.line); err != nil {
			return err
		}
		if _, _, err := c.ReadResponse(l.code); err != nil {
			return err
		}
	}
	_, err = c.W.WriteString("From: x@outside.example\r\nSubject: outer\r\n\r\nouter" + end + "MAIL FROM:<p1102@kaku.example>\r\nRCPT TO:<report@kaku.example>\r\nDATA\r\n" +
		"Authentication-Results: mx.kaku.example; dmarc=pass header.from=kaku.example\r\nFrom: p1102@kaku.example\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n")
	if err != nil {
		return err
	}
	if err := c.W.Flush(); err != nil {
		return err
	}
	_, _, err = c.ReadResponse(250)
	return wanted(code, err)
}

func (s *stage) floodMails(ts *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	taken := 0
	for i := range n {
		err := s.hand(ts, "250", args[1], fmt.Sprintf("From: %s\nSubject: flood\nMessage-ID: <flood%d@outside.example>\n\nx\n", args[1], i))
		if err == nil {
			taken++
		} else if !strings.Contains(err.Error(), "answer 451") {
			return err
		}
	}
	if taken == n || taken == 0 {
		return fmt.Errorf("%d of %d were taken", taken, n)
	}
	return nil
}

var receiptCode = regexp.MustCompile(`[0-9]{4} [0-9]{4} [0-9]{4} [0-9]{4}`)

// rawLetter writes the newest mail to an address to letter.eml, its text to letter.txt, and
// keeps its receipt code and its Message-ID.
func (s *stage) rawLetter(ts *testscript.TestScript, to string) error {
	got := s.mailsTo(to)
	if len(got) == 0 {
		return fmt.Errorf("no mail to %s", to)
	}
	m := got[len(got)-1]
	ts.Setenv("CODE", receiptCode.FindString(m.Text))
	ts.Setenv("MESSAGE", strings.Trim(m.Header.Get("Message-ID"), "<>"))
	raw := "Return-Path: <" + m.From + ">\n" + string(bytes.ReplaceAll(m.Raw, []byte("\r\n"), []byte("\n")))
	if err := os.WriteFile(filepath.Join(s.dir, "letter.eml"), []byte(raw), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, "letter.txt"), []byte("Subject: "+m.Subject+"\n\n"+m.Text), 0o600)
}
