package read

import (
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"
)

func inJIS(t testing.TB, s string) string {
	t.Helper()
	out, err := japanese.ISO2022JP.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func inBase64(b []byte) string {
	s := base64.StdEncoding.EncodeToString(b)
	var lines strings.Builder
	for len(s) > 76 {
		lines.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return lines.String() + s + "\r\n"
}

// sampleMail is a mail as Japanese programs write them: words in two encodings, an HTML part, and two attachments, one
// of which is a mail again.
func sampleMail(t testing.TB) string {
	t.Helper()
	return strings.ReplaceAll(`From: =?ISO-2022-JP?B?`+base64.StdEncoding.EncodeToString([]byte(inJIS(t, "山本花乃")))+`?= <hanano@example.jp>
To: =?UTF-8?Q?=E4=BD=90=E4=B9=85=E9=96=93?= <ichita@example.jp>
Subject: list
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=ISO-2022-JP

`+inJIS(t, "電話は03-0000-0101です")+`
--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>=E6=9D=B1=E4=BA=AC=E9=83=BD</p><a href=3D"mailto:someone@example.jp">x</a>
--inner--
--outer
Content-Type: application/octet-stream; name="list.xlsx"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename*=UTF-8''%E5%90%8D%E7%B0%BF.xlsx

`+inBase64(fixture(t, "list.xlsx"))+`
--outer
Content-Type: message/rfc822

From: inner@example.jp
To: a@example.jp
Subject: inside

06-0000-0102
--outer--
`, "\r\n", "\n")
}

func TestMail(t *testing.T) {
	for _, newline := range []string{"\n", "\r\n"} {
		mail := strings.ReplaceAll(sampleMail(t), "\n", newline)
		rec, report := readBytes(t, []byte(mail), "a.eml", Limits{})
		if report.Kind != Mail || len(report.Unread) > 0 {
			t.Errorf("%+v", report)
		}
		all := rec.all()
		for _, want := range []string{"From: 山本花乃 <hanano@example.jp>", "To: 佐久間 <", inJIS(t, "電話は03-0000-0101です"), "東京都", "mailto:someone@example.jp",
			"[名簿.xlsx › list] 氏名 | フリガナ", "[message/rfc822] From: inner@example.jp", "06-0000-0102"} {
			if !strings.Contains(all, want) {
				t.Errorf("%q is not in\n%s", want, all)
			}
		}
	}
}

func TestMbox(t *testing.T) {
	one := "From x@example.jp Mon Nov 23 00:00:00 2026\nFrom: x@example.jp\nTo: y@example.jp\nSubject: n\n\n" // a header
	box := one + "first 03-0000-0101\n>From here on it is quoted\n\n" + one + "second 06-0000-0102\n" + strings.Repeat("long line ", 20_000) + "\n\n" + one + "third\n"
	rec, report := readBytes(t, []byte(box), "inbox", Limits{})
	if report.Kind != Mbox || report.Parts != 4 || len(report.Unread) > 0 {
		t.Errorf("%+v", report)
	}
	for part, want := range map[string]string{"mail 1": "03-0000-0101", "mail 2": "06-0000-0102", "mail 3": "third"} {
		if !strings.Contains(rec.texts[part], want) {
			t.Errorf("%s: %.300q", part, rec.texts[part])
		}
	}
}

// TestMailBad: what is wrong with a mail is named, and what can be read of it is.
func TestMailBad(t *testing.T) {
	head := "From: a@example.jp\nTo: b@example.jp\nSubject: x\n"
	for _, c := range []struct {
		mail, found, part string
		why               Reason
	}{
		{head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n03-0000-0101\n--b\nContent-Type: text/plain\n\ncut", "03-0000-0101", "part 2", Damaged},
		{head + "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nAAAA", "Subject: x", "smime.p7m", Encrypted},
		{head + "Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b--\n", "Subject: x", "application/pgp-encrypted", Encrypted},
		{head + nestedMultipart(60), "Subject: x", "", TooDeep},
	} {
		rec, report := readBytes(t, []byte(c.mail), "a.eml", Limits{})
		if !strings.Contains(rec.all(), c.found) {
			t.Errorf("%q is not in %s", c.found, rec.all())
		}
		ok := false
		for _, u := range report.Unread {
			ok = ok || u.Reason == c.why && (u.Part == c.part || c.part == "")
		}
		if !ok {
			t.Errorf("want %q %s, got %+v", c.part, c.why, report)
		}
	}
}

func nestedMultipart(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("Content-Type: multipart/mixed; boundary=b" + strings.Repeat("x", i) + "\n\n--b" + strings.Repeat("x", i) + "\n")
	}
	return b.String() + "\n\nend\n"
}

// TestRawHeaders: words in a bare encoding in the header, against the rules and often seen.
func TestRawHeaders(t *testing.T) {
	sjis, err := japanese.ShiftJIS.NewEncoder().String("件名は山本花乃様")
	if err != nil {
		t.Fatal(err)
	}
	rec, _ := readBytes(t, []byte("From: a@example.jp\nTo: b@example.jp\nSubject: "+sjis+"\n\nbody"), "a.eml", Limits{})
	if !strings.Contains(rec.all(), sjis) {
		t.Errorf("%q", rec.all())
	}
}

func TestHTMLEncodings(t *testing.T) {
	const words = "<table><tr><th>氏名<th>電話<tr><td>山本花乃<td>03-0000-0101</table><p>表の後</p><script>var x='script'</script>"
	for name, page := range map[string]string{
		"utf-8":       "<html><meta charset=utf-8>" + words,
		"shift_jis":   mustEncode(t, "Shift_JIS", "<html><meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>"+words),
		"euc-jp":      mustEncode(t, "EUC-JP", "<html><meta charset='euc-jp'>"+words),
		"iso-2022-jp": inJIS(t, "<html>"+words),
		"utf-16":      "\xff\xfe" + string(utf16le("<html>"+words)),
	} {
		rec, report := readBytes(t, []byte(page), "a.html", Limits{})
		rows := rec.tables[""]
		if len(report.Unread) > 0 || len(rows) != 2 || strings.Join(rows[1], "|") != "山本花乃|03-0000-0101" || !strings.Contains(rec.texts[""], "表の後") || strings.Contains(rec.all(), "script") {
			t.Errorf("%s: %+v %s", name, report, rec.all())
		}
	}
}

func mustEncode(t testing.TB, charset, s string) string {
	t.Helper()
	out, err := charsetOf(charset).NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
