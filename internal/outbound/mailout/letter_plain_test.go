package mailout_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/outbound/mailout"
)

// letterWorld is the world with the texts of letters.
func letterWorld(t *testing.T) (*world, notice.Letter) {
	t.Helper()
	w := newWorld(t)
	var err error
	if w.composer.Catalogue, err = i18n.LoadFS(os.DirFS("../../kit/i18n/catalogue")); err != nil {
		t.Fatal(err)
	}
	return w, notice.Letter{ID: "ltr_1", Topic: "request.decide", About: "req_1", Person: "per_sato", Path: "/requests/REQ-2026-0007?from=mail", Act: true,
		Args: map[string]string{"number": "REQ-2026-0007", "title": "USBメモリー\nBcc: x", "applicant": "per_ito", "until": "2026-11-30T03:00:00Z"}}
}

func TestComposeLetter(t *testing.T) {
	t.Parallel()
	w, l := letterWorld(t)
	m, err := w.composer.ComposeLetter(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	want := `佐藤 花子さん

決裁をお願いする申請が届きました。
伊藤 健さんの申請です。
番号:REQ-2026-0007
件名:USBメモリー Bcc: x
2026年11月30日(月) 12:00までに決裁されないと、この申請は期限切れになります。自動で承認されることはありません。

次のページで内容を確かめ、決裁のボタンを押してください。ログインは要りません。開いただけでは決裁になりません。このリンクは人に渡さないでください。

https://sekimori.company.example/q/` + w.composer.Links.LetterToken("ltr_1") + `

くわしくは、次のページにあります(ログインが必要です):
https://sekimori.company.example/requests/REQ-2026-0007?from=mail

--
時刻はJSTで書いています。
関守(見本商事)からの自動送信です。このメールへの返信は確認していません。
`
	if d := cmp.Diff(want, m.Text); d != "" {
		t.Errorf("text (-want +got):\n%s", d)
	}
	if want := "【決裁のお願い】REQ-2026-0007"; m.Subject != want { // no title: subjects show on locked screens
		t.Errorf("subject %q, want %q", m.Subject, want)
	}
	if m.ID != "ltr_1@sekimori.company.example" || m.To.Mail != "sato@company.example" || m.Headers["Message-ID"] != "<"+m.ID+">" {
		t.Errorf("mail %+v", m)
	}

	l.Person, l.For, l.Act = "per_baker", "per_sato", false
	m, err = w.composer.ComposeLetter(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Dear Baker Alice,", "佐藤 花子", "Request of 伊藤 健.", "Undecided by Mon, 30 Nov 2026, 12:00"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("%q is missing in\n%s", want, m.Text)
		}
	}
	if strings.Contains(m.Text, "/q/") {
		t.Errorf("a letter that acts on nothing has a link that does:\n%s", m.Text)
	}
}

// TestEveryLetterOfTheLedgerIsComplete composes every letter about loans and stock-takes in
// both languages, with the arguments that the ledger gives. No subject names a person.
func TestEveryLetterOfTheLedgerIsComplete(t *testing.T) {
	t.Parallel()
	loan := map[string]string{"label": "LOAN-2026-0001", "number": "USB-0001", "until": "2026-11-30T03:00:00Z", "name": "per_ito"}
	overdue := map[string]string{"n": "2", "labels": "LOAN-2026-0001, LOAN-2026-0002", "name": "per_ito"}
	recalled := map[string]string{"reason": "点検"}
	maps.Copy(recalled, loan)
	for topic, args := range map[string]map[string]string{"loan.handed": loan, "loan.reminder": loan, "loan.chase": loan, "loan.extended": loan, "loan.recalled": recalled,
		"loan.overdue": overdue, "loan.overdue_above": overdue, "loan.overdue_manager": overdue,
		"stock.remind": {"label": "STK-2026-0001", "title": "棚卸", "count": "3", "due": "2026-11-30"}} {
		for _, person := range []string{"per_sato", "per_baker"} {
			w, l := letterWorld(t)
			l.Topic, l.Person, l.Args, l.Act = topic, person, args, false
			m, err := w.composer.ComposeLetter(context.Background(), l)
			if err != nil {
				t.Fatal(err)
			}
			if all := m.Subject + m.Text; strings.ContainsAny(all, "⟦{}") || strings.Contains(all, "per_") || strings.Contains(m.Subject, "伊藤") {
				t.Errorf("%s to %s:\n%s\n%s", topic, person, m.Subject, m.Text)
			}
		}
	}
}

// TestEveryLetterIsComplete composes every letter of requests in both languages.
func TestEveryLetterIsComplete(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"decide", "remind", "climb", "stuck", "question", "answer", "approved", "refused", "returned", "expired"} {
		for _, person := range []string{"per_sato", "per_baker"} {
			w, l := letterWorld(t)
			l.Topic, l.Person = "request."+topic, person
			m, err := w.composer.ComposeLetter(context.Background(), l)
			if err != nil {
				t.Fatal(err)
			}
			if all := m.Subject + m.Text; strings.ContainsAny(all, "⟦{}") || strings.Contains(all, "per_") || !strings.Contains(m.Subject, "REQ-2026-0007") || strings.Contains(m.Subject, "USB") {
				t.Errorf("%s to %s:\n%s\n%s", topic, person, m.Subject, m.Text)
			}
		}
	}
}

// TestLetterNote: what the kind of application adds stands in the receiver's language.
func TestLetterNote(t *testing.T) {
	t.Parallel()
	for person, want := range map[string]string{"per_sato": "失くすと、当局への報告が必要です(1001人分)。", "per_baker": "A loss would have to be reported to the authorities (1001 people)."} {
		w, l := letterWorld(t)
		l.Person, l.Args["note"], l.Args["people"] = person, "takeout.loss.would.known", "1001"
		m, err := w.composer.ComposeLetter(context.Background(), l)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(m.Text, want) {
			t.Errorf("to %s: %q is missing in\n%s", person, want, m.Text)
		}
	}
}

func TestLetterRejected(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*directory.Person){
		"left":            func(p *directory.Person) { p.Left = now().Add(-time.Hour) },
		"without address": func(p *directory.Person) { p.Email = "" },
	} {
		w, l := letterWorld(t)
		p := w.org.People["per_sato"]
		change(&p)
		w.org.People["per_sato"] = p
		_, err := mailout.NewOutbox(w.composer, &shelf{}).SendLetter(context.Background(), l)
		var no *notice.Rejection
		if !errors.As(err, &no) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, l := letterWorld(t)
	kept := &shelf{}
	for range 2 {
		if _, err := mailout.NewOutbox(w.composer, kept).SendLetter(context.Background(), l); err != nil {
			t.Fatal(err)
		}
	}
	if len(kept.mails) != 2 || kept.mails[0].ID != kept.mails[1].ID {
		t.Errorf("kept %+v", kept.mails)
	}
}

// shelf keeps what it is given.
type shelf struct{ mails []mailout.Mail }

func (s *shelf) Keep(_ context.Context, m mailout.Mail, _ time.Time) error {
	s.mails = append(s.mails, m)
	return nil
}
