package mailout_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/mailout"
	"sekimori/internal/testkit/smtpd"
)

// note has the form of a signed checkpoint: line feeds alone, and a dash beyond ASCII.
const note = "sekimori.company.example\n4182\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— sekimori.company.example Az3grlgtzPICa5\n"

func checkpoint() journal.Checkpoint {
	return journal.Checkpoint{Size: 4182, At: time.Date(2026, 11, 22, 5, 7, 0, 0, time.UTC), Note: []byte(note)}
}

func TestCheckpointMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, err := w.composer.Checkpoint(context.Background(), "per_kimura", checkpoint(), "daily")
	if err != nil {
		t.Fatal(err)
	}
	want := mailout.Mail{
		ID:      "checkpoint-4182-per_kimura@sekimori.company.example",
		From:    mailout.Address{Name: "関守", Mail: "sekimori@company.example"},
		To:      mailout.Address{Name: "木村 悟", Mail: "kimura@company.example"},
		Subject: "【保管のお願い】記録の控え(2026年11月22日(日)、4,182件まで)",
		Headers: map[string]string{
			"Message-ID": "<checkpoint-4182-per_kimura@sekimori.company.example>", "Date": "Sun, 22 Nov 2026 14:08:00 +0900",
			"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "Content-Language": "ja",
		},
		Text: `木村 悟さん
監査人として、関守の記録の控え(署名つきチェックポイント)をお届けします。お返事は要りません。

■ 添付は何か
checkpoint-000000004182.txtは、2026年11月22日(日) 14:07に記録が4,182件あり、その中身が何であったかを、サーバーの鍵で署名したものです。人や案件の内容は入っていません。
あとで記録が書き換えられたり、終わりの部分が切り取られたりすると、この控えと合わなくなります。

■ 保管のしかた
開いて保存し直さず、届いたまま、関守のサーバーを管理する人の手が届かない場所に置いてください。
新しいものが届いても、古いものを捨てないでください。

■ 確かめ方
記録を書き出し、サーバーでないPCで、導入のときに受け取った公開鍵(journal.pub)とこの控えを使って確かめます。書き出しは「記録」のページからもできます。

sekimori journal export -o journal.ndjson
sekimori journal verify journal.ndjson --key journal.pub --checkpoint checkpoint-000000004182.txt

控えは毎日届きます。届かない日があったら、情報システム管理者に理由を尋ねてください。

--
時刻はJSTで書いています。
関守(見本商事)からの自動送信です。このメールへの返信は確認していません。
`,
		Files: []mailout.File{{Name: "checkpoint-000000004182.txt", Text: []byte(note)}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("mail (-want +got):\n%s", d)
	}
	for _, person := range []string{"per_kimura", "per_baker"} {
		for _, every := range []string{"daily", "weekly"} {
			m, err := w.composer.Checkpoint(context.Background(), person, checkpoint(), every)
			if err != nil || strings.Contains(m.Subject+m.Text, "⟦") {
				t.Errorf("%s %s: %v, a hole in\n%s\n%s", person, every, err, m.Subject, m.Text)
			}
		}
	}
}

func TestCheckpointMailOnTheWire(t *testing.T) {
	t.Parallel()
	w, srv := newWorld(t), smtpd.Start(t, smtpd.Options{})
	s := sender(t, w, options(srv, "none"))
	if _, err := s.SendCheckpoint(context.Background(), "per_baker", checkpoint(), "weekly"); err != nil {
		t.Fatal(err)
	}
	got := srv.Wait(1, 10*time.Second)[0]
	if !slices.Equal(got.To, []string{"baker@company.example"}) || !strings.Contains(got.Text, "comes every Monday") {
		t.Errorf("to %v:\n%s", got.To, got.Text)
	}
	if len(got.Parts) != 2 {
		t.Fatalf("%d parts, want the text and the attachment", len(got.Parts))
	}
	want := smtpd.Part{Type: "text/plain", Filename: "checkpoint-000000004182.txt", Body: []byte(note)}
	if d := cmp.Diff(want, got.Parts[1]); d != "" {
		t.Errorf("attachment (-signed +arrived):\n%s", d)
	}
}

func TestCheckpointMailWithoutAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.org.People["per_kimura"] = directory.Person{ID: "per_kimura", Lang: "ja"}
	_, err := w.composer.Checkpoint(context.Background(), "per_kimura", checkpoint(), "daily")
	if no := (*notice.Rejection)(nil); !errors.As(err, &no) {
		t.Errorf("no address: %v", err)
	}
	if _, err := w.composer.Checkpoint(context.Background(), "per_nobody", checkpoint(), "daily"); err == nil {
		t.Error("a mail to nobody")
	}
}
