package mailout_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/mailout"
)

func TestComposeJapanese(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := "https://sekimori.company.example/a/" + w.composer.Links.Token("ntc_abc")
	want := mailout.Mail{
		ID:      "ntc_abc@sekimori.company.example",
		From:    mailout.Address{Name: "関守", Mail: "sekimori@company.example"},
		To:      mailout.Address{Name: "佐藤 花子", Mail: "sato@company.example"},
		Subject: "【至急】INC-2026-0042 ja-lost",
		Headers: map[string]string{
			"Message-ID": "<ntc_abc@sekimori.company.example>", "Date": "Sun, 22 Nov 2026 14:08:00 +0900",
			"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "Content-Language": "ja",
		},
		Text: `佐藤 花子さん
至急のお知らせです。ご確認のうえ、お返事をお願いします。

■ 何が起きたか
ja-lost:社用の電話を電車に置き忘れた
番号:INC-2026-0042
報告した人:伊藤 健(営業部)
電話:03-0000-0011
報告:2026年11月22日(日) 14:05
気づいた時:2026年11月22日(日) 13:50
起きた時:分かりません

■ お返事のしかた
次のページを開き、「受け付けた」を押してください。ログインは要りません。開いただけではお返事になりません。

` + link + `

■ まずすること
立ち寄った先、駅、警察に届け出たかを確かめてください。PCや携帯電話は、遠隔からのロックを急ぎます。

■ このお知らせについて
個人情報保護管理者として、あなたにお知らせしています。
1回目のお知らせです(第1段階)。
2026年11月22日(日) 14:15までにどなたからもお返事がないときは、次に個人情報保護管理者とその代理の全員にお知らせします。

案件のページ(ログインが必要です):
https://sekimori.company.example/cases/INC-2026-0042

--
時刻はJSTで書いています。
関守(見本商事)からの自動送信です。このメールへの返信は確認していません。
`,
	}
	if d := cmp.Diff(want, w.compose(t)); d != "" {
		t.Errorf("mail (-want +got):\n%s", d)
	}
}

func TestComposeEnglish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.attempt.Person, w.attempt.For, w.attempt.Number, w.attempt.Address = "per_baker", "per_sato", 2, "baker@company.example"
	m := w.compose(t)
	if want := "[URGENT] INC-2026-0042 en-lost (notice 2)"; m.Subject != want {
		t.Errorf("subject %q, want %q", m.Subject, want)
	}
	for _, want := range []string{
		"Dear Baker Alice,", "en-lost: 社用の電話を電車に置き忘れた", "Reported: Sun, 22 Nov 2026, 14:05", "Opening the page alone answers nothing.",
		"You stand in for 佐藤 花子.", "This is notice 2 (level 1).", "Times are in JST.",
		"If nobody has answered by Sun, 22 Nov 2026, 14:15, the next to be told: every protection manager and deputy.",
	} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("%q is missing in\n%s", want, m.Text)
		}
	}
}

// TestEveryMailIsComplete composes every kind for every receiver in both languages, with
// the link once, and without a hole.
func TestEveryMailIsComplete(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"ja", "en"} {
		for _, kind := range incident.Kinds() {
			for _, receiver := range []notice.Receiver{notice.Supervisor, notice.Manager, notice.ITAdmin} {
				for level := 1; level <= 3; level++ {
					w := newWorld(t)
					p := w.org.People["per_sato"]
					p.Lang = lang
					w.org.People["per_sato"] = p
					w.incident.Kind, w.incident.Urgency = kind, kind.Urgency()
					w.track.Receiver, w.track.Urgency, w.track.Level, w.track.Pass = receiver, kind.Urgency(), level, level
					w.attempt.Level, w.attempt.Pass = level, level
					m := w.compose(t)
					if strings.Contains(m.Subject+m.Text, "⟦") || strings.Contains(m.Text, "\n\n\n") {
						t.Errorf("%s %s %s: a hole in\n%s\n%s", lang, kind, receiver, m.Subject, m.Text)
					}
					if n := strings.Count(m.Text, "/a/"+w.composer.Links.Token("ntc_abc")+"\n"); n != 1 {
						t.Errorf("%s %s %s: the link stands %d times", lang, kind, receiver, n)
					}
					if strings.Contains(m.Subject, w.incident.Summary) {
						t.Errorf("%s %s: the summary stands in the subject %q", lang, kind, m.Subject)
					}
				}
			}
		}
	}
}

func TestWhoAndUntil(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		set  func(*world)
		want []string
		not  []string
	}{
		{"higher level", func(w *world) { w.attempt.Level, w.track.Level = 2, 2 },
			[]string{"個人情報保護管理者へのお知らせが第2段階に進んだため", "次に個人情報保護管理者とその代理の全員と、情報システム管理者とその代理の全員と、報告した人の上長に"}, nil},
		{"last level starts again", func(w *world) { w.attempt.Level, w.track.Level = 3, 3 }, []string{"次に個人情報保護管理者にお知らせします"}, nil},
		{"second pass", func(w *world) { w.attempt.Pass, w.track.Pass, w.attempt.Number = 2, 2, 3 }, []string{"3回目のお知らせです(2巡目の第1段階)。"}, nil},
		{"every role", func(w *world) { w.policy(duties(), duties()) },
			[]string{"次に報告した人の上長と、報告した人の上長の2段階上の上長と、個人情報保護管理者と、情報システム管理者とその代理の全員と、決裁権者と、次の段階の担当者と、木村 悟さんと、次の段階の担当者にお知らせします"}, nil},
		{"no policy", func(w *world) { w.composer.Policies = nil }, []string{"次に次の段階の担当者にお知らせします"}, nil},
		{"passed on", func(w *world) { w.track.PassedTo = "per_sato" }, []string{"この件をお願いする人として"}, []string{"として、あなたにお知らせしています"}},
		{"passed on, to the deputy", func(w *world) { w.track.PassedTo, w.attempt.For = "per_kimura", "per_kimura" }, []string{"この件をお願いする人として", "木村 悟さんの代理として"}, nil},
		{"held up beyond the window", func(w *world) { w.track.LevelEnd = now() }, []string{"あなたのお返事も、まだ有効です。"}, []string{"までにどなたからも"}},
		{"the chain went on", func(w *world) { w.track.Level = 2 }, []string{"第1段階", "あなたのお返事も、まだ有効です。"}, []string{"までにどなたからも"}},
		{"on behalf", func(w *world) { w.incident.OnBehalf = "per_kimura" },
			[]string{"報告した人:木村 悟(営業部)\n電話:03-0000-0013\n代わりに知らせた人:伊藤 健\n電話:03-0000-0011\n"}, nil},
		{"outside report", func(w *world) { w.incident.Reporter = "" }, []string{"記録に名前がありません"}, []string{"電話:"}},
		{"department gone", func(w *world) { w.org.Departments = nil }, []string{"報告した人:伊藤 健\n"}, nil},
		{"time not known", func(w *world) { w.incident.Occurred = incident.Moment{At: now()} }, []string{"起きた時:分かりません"}, nil},
		{"left out, in whose place", func(w *world) { w.track.LeftOut, w.attempt.For = []string{"per_kimura"}, "per_kimura" }, []string{"本来の担当者の代理として"}, []string{"木村", "悟", "kimura"}},
		{"left out, next by name", func(w *world) {
			w.track.LeftOut = []string{"per_kimura"}
			w.policy(duties(), []notice.Who{{Kind: "person", ID: "per_kimura"}})
		}, []string{"次に次の段階の担当者に"}, []string{"木村", "悟", "kimura"}},
		{"left out, who helped", func(w *world) { w.incident.LeftOut, w.incident.OnBehalf = []string{"per_ito"}, "per_kimura" }, []string{"木村 悟"}, []string{"伊藤", "03-0000-0011"}},
		{"left out, who found it", func(w *world) { w.incident.LeftOut = []string{"per_ito"} }, []string{"記録に名前がありません"}, []string{"伊藤", "03-0000-0011"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.set(w)
			m := w.compose(t)
			for _, want := range tc.want {
				if !strings.Contains(m.Text, want) {
					t.Errorf("%q is missing in\n%s", want, m.Text)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(m.Subject+m.Text, not) {
					t.Errorf("%q stands in\n%s", not, m.Text)
				}
			}
		})
	}
}

func TestNothingBreaksALine(t *testing.T) {
	t.Parallel()
	const evil = "x\r\nBcc: all@company.example\r\n\r\n<b>\u2028\u202e\x00\u0085"
	w := newWorld(t)
	for id, p := range w.org.People {
		p.Family, p.Phone = evil, evil
		w.org.People[id] = p
	}
	w.incident.Summary, w.incident.Label = evil, evil
	w.org.Departments["dep_sales"] = directory.Department{Name: evil}
	w.composer.From.Name, w.composer.Company = evil, evil
	m := w.compose(t)
	for name, s := range map[string]string{"from": m.From.String(), "to": m.To.String(), "subject": m.Subject, "id": m.ID} {
		if strings.ContainsAny(s, "\r\n\x00\u0085\u2028\u202e") {
			t.Errorf("%s: %q", name, s)
		}
	}
	for _, line := range strings.Split(m.Text, "\n") {
		if strings.HasPrefix(line, "Bcc:") || strings.ContainsAny(line, "\r\x00\u0085\u2028\u202e") {
			t.Errorf("line %q", line)
		}
	}
}

func TestRejectedBeforeSending(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		set  func(*world)
	}{
		{"no address", func(w *world) { w.attempt.Address = "" }},
		{"two lines", func(w *world) { w.attempt.Address = "sato@company.example\r\nRCPT TO:<x@company.example>" }},
		{"two addresses", func(w *world) { w.attempt.Address = "sato@company.example, x@company.example" }},
		{"a name", func(w *world) { w.attempt.Address = "Sato <sato@company.example>" }},
		{"bracket", func(w *world) { w.attempt.Address = "sato@company.example>" }},
		{"left out of the track", func(w *world) { w.track.LeftOut = []string{"per_sato"} }},
		{"left out of the case", func(w *world) { w.incident.LeftOut = []string{"per_sato"} }},
		{"taken away since", func(w *world) { w.attempt.Address = "old@company.example" }},
		{"refused for good since", func(w *world) {
			w.attempt.Address = "second@company.example"
			w.org.Contacts = map[string][]directory.Contact{"per_sato": {{ID: "con_2", Person: "per_sato", Channel: directory.Mail, Address: "second@company.example",
				Verified: now().Add(-time.Hour), Failed: now()}}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.set(w)
			_, err := w.composer.Compose(context.Background(), w.attempt, w.track)
			var no *notice.Rejection
			if !errors.As(err, &no) {
				t.Errorf("error %v, want a rejection", err)
			}
			_, err = w.composer.ComposeGathered(context.Background(), []notice.Attempt{w.attempt}, []notice.Track{w.track})
			if no = nil; !errors.As(err, &no) {
				t.Errorf("gathered: error %v, want a rejection", err)
			}
		})
	}
}

func TestComposeErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	broken := errors.New("the database is away")
	for _, tc := range []struct {
		name string
		set  func(*world)
		want error
	}{
		{"people", func(w *world) {
			w.composer.People = func(context.Context) (*directory.Org, error) { return nil, broken }
		}, broken},
		{"case", func(w *world) {
			w.composer.Cases = func(context.Context, string) (*incident.Incident, error) { return nil, broken }
		}, broken},
		{"policy", func(w *world) {
			w.composer.Policies = func(context.Context, int) (notice.Policy, error) { return notice.Policy{}, broken }
		}, broken},
		{"unknown person", func(w *world) { w.attempt.Person = "per_nobody" }, nil},
		{"sender", func(w *world) { w.composer.From.Mail = "sekimori" }, nil},
		{"base URL", func(w *world) { w.composer.BaseURL = "sekimori" }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.set(w)
			_, err := w.composer.Compose(context.Background(), w.attempt, w.track)
			var no *notice.Rejection
			if err == nil || errors.As(err, &no) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestMessageIDIsStable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ base, want string }{
		{"https://sekimori.company.example", "ntc_abc@sekimori.company.example"},
		{"https://sekimori.company.example:8443/app", "ntc_abc@sekimori.company.example"},
		{"http://127.0.0.1:8080", "ntc_abc@[127.0.0.1]"},
		{"http://[::1]:8080", "ntc_abc@[IPv6:::1]"},
	} {
		w := newWorld(t)
		w.composer.BaseURL = tc.base
		first := w.compose(t)
		w.composer.Now = func() time.Time { return now().Add(3 * time.Hour) }
		w.attempt.Tries = 7
		if again := w.compose(t); first.ID != tc.want || again.ID != tc.want {
			t.Errorf("%s: %q, later %q; want %q", tc.base, first.ID, again.ID, tc.want)
		}
		if !strings.Contains(first.Text, "\n"+strings.TrimRight(tc.base, "/")+"/a/ntc_abc.") {
			t.Errorf("%s: no link below the base in\n%s", tc.base, first.Text)
		}
	}
}

type keeper struct {
	kept []mailout.Mail
	at   []time.Time
	err  error
}

func (k *keeper) Keep(_ context.Context, m mailout.Mail, at time.Time) error {
	k.kept, k.at = append(k.kept, m), append(k.at, at)
	return k.err
}

func TestOutboxKeeps(t *testing.T) {
	t.Parallel()
	w, k := newWorld(t), &keeper{}
	var out notice.Sender = mailout.NewOutbox(w.composer, k)
	answer, err := out.Send(context.Background(), w.attempt, w.track)
	if err != nil || answer != "kept in the outbox" {
		t.Fatalf("%q, %v", answer, err)
	}
	if d := cmp.Diff([]mailout.Mail{w.compose(t)}, k.kept); d != "" || !k.at[0].Equal(now()) {
		t.Errorf("kept at %v (-want +got):\n%s", k.at, d)
	}
	k.err = errors.New("full")
	if _, err := out.Send(context.Background(), w.attempt, w.track); !errors.Is(err, k.err) {
		t.Errorf("error %v", err)
	}
}
