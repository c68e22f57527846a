package corpus

import (
	"fmt"
	"strings"

	"sekimori/internal/pii"
)

// field is one column of a list.
type field struct {
	titles []string
	kind   pii.Kind // empty: of nobody
	value  func(g *maker, p *person) string
}

func fields() []field {
	return []field{
		{[]string{"氏名", "お名前", "顧客名", "name"}, pii.Name, func(_ *maker, p *person) string { return p.name() }},
		{[]string{"フリガナ", "カナ氏名"}, pii.Name, func(_ *maker, p *person) string { return p.kana }},
		{[]string{"電話番号", "TEL", "phone"}, pii.Phone, func(g *maker, p *person) string {
			return pick(g, []string{p.phone, p.mobile, strings.ReplaceAll(p.mobile, "-", "")})
		}},
		{[]string{"メールアドレス", "email", "E-mail"}, pii.Mail, func(_ *maker, p *person) string { return p.mail }},
		{[]string{"住所", "現住所", "address"}, pii.Address, func(_ *maker, p *person) string { return p.address }},
		{[]string{"生年月日", "birthday"}, pii.BirthDate, func(g *maker, p *person) string { return pick(g, []string{p.birth, p.era}) }},
		{[]string{"個人番号", "マイナンバー"}, pii.MyNumber, func(_ *maker, p *person) string { return p.my }},
		{[]string{"免許証番号"}, pii.DriverLicence, func(_ *maker, p *person) string { return p.licence }},
		{[]string{"カード番号", "card_number"}, pii.PaymentCard, func(g *maker, p *person) string { return pick(g, []string{p.card, grouped(p.card, "-")}) }},
		{[]string{"口座番号"}, pii.BankAccount, func(_ *maker, p *person) string { return p.account }},
		{[]string{"旅券番号"}, pii.Passport, func(_ *maker, p *person) string { return p.passport }},
		{[]string{"在留カード番号"}, pii.ResidenceCard, func(_ *maker, p *person) string { return p.residence }},
		{[]string{"基礎年金番号"}, pii.Pension, func(_ *maker, p *person) string { return p.pension }},
		{[]string{"保険者番号"}, pii.HealthInsurance, func(g *maker, _ *person) string {
			return pick(g, []string{"06130140", "34130013", "33120015", "138016"})
		}},
		{[]string{"ゆうちょ記号番号"}, pii.Yucho, func(_ *maker, p *person) string { return p.yucho }},
		{[]string{"会員番号", "顧客ID"}, "", func(g *maker, _ *person) string { return g.digits(8) }},
		{[]string{"注文番号"}, "", func(g *maker, _ *person) string { return g.digits(12) }},
		{[]string{"更新日時"}, "", func(g *maker, _ *person) string {
			return fmt.Sprintf("2026-%02d-%02d 10:%02d:00", 1+g.IntN(12), 1+g.IntN(28), g.IntN(60))
		}},
		{[]string{"部門"}, "", func(g *maker, _ *person) string { return pick(g, []string{"営業部", "総務課", "第二工場"}) }},
	}
}

// some draws n different fields, a name or a telephone among them.
func (g *maker) some(n int) []field {
	all := fields()
	out := []field{all[g.IntN(5)]}
	for _, i := range g.Perm(len(all)) {
		if len(out) < n && all[i].titles[0] != out[0].titles[0] {
			out = append(out, all[i])
		}
	}
	return out
}

func (g *maker) csv() { g.list(",", true) }

func (g *maker) tsv() { g.list("\t", true) }

func (g *maker) headless() { g.list(",", false) }

func (g *maker) list(sep string, header bool) {
	fs := g.some(3 + g.IntN(5))
	if header {
		for i, f := range fs {
			if i > 0 {
				g.say("%s", sep)
			}
			g.say("%s", pick(g, f.titles))
		}
		g.say("\n")
	}
	for range 20 + g.IntN(30) {
		p := g.person()
		for i, f := range fs {
			if i > 0 {
				g.say("%s", sep)
			}
			v := f.value(g, p)
			if g.IntN(5) == 0 {
				v = `"` + v + `"`
			}
			if f.kind == "" {
				g.say("%s", v)
			} else {
				g.tell(f.kind, v)
			}
		}
		g.say("\n")
	}
}

// form writes records of label and value.
func (g *maker) form() {
	fs := g.some(4 + g.IntN(4))
	mark := pick(g, []string{":", ": ", ":", " = ", "\t"})
	for range 10 + g.IntN(10) {
		p := g.person()
		for _, f := range fs {
			g.say("%s%s", f.titles[0], mark)
			v := f.value(g, p)
			if g.IntN(6) == 0 && f.kind != pii.Mail && f.kind != pii.Passport && f.kind != pii.ResidenceCard {
				v = full(v)
			}
			if f.kind == "" {
				g.say("%s", v)
			} else {
				g.tell(f.kind, v)
			}
			g.say("\n")
		}
		g.say("--------\n")
	}
}

func (g *maker) letter() {
	for range 6 + g.IntN(6) {
		p := g.person()
		g.say("%s\n", pick(g, sentences()))
		switch g.IntN(7) {
		case 0:
			g.tell(pii.Name, p.name())
			g.say(" 様の連絡先は")
			g.tell(pii.Phone, p.mobile)
			g.say("、ご住所は")
			g.tell(pii.Address, p.address)
			g.say("です。\n")
		case 1:
			g.say("担当の")
			g.tell(pii.Name, p.surname)
			g.say("さんに")
			g.tell(pii.Mail, p.mail)
			g.say("まで連絡のこと。\n")
		case 2:
			g.say("マイナンバー(")
			g.tell(pii.MyNumber, grouped(p.my, pick(g, []string{"-", " ", ""})))
			g.say(")を確認した。\n")
		case 3:
			g.say("お届け先 〒%s ", p.postal)
			g.tell(pii.Address, p.address)
			g.say("\n宛名 ")
			g.tell(pii.Name, p.name())
			g.say(" 殿\n")
		case 4:
			g.say("振込先は普通口座 ")
			g.tell(pii.BankAccount, p.account)
			g.say(" でお願いします。電話 ")
			g.tell(pii.Phone, full(p.phone))
			g.say("\n")
		case 5:
			g.tell(pii.Name, p.surname+p.given)
			g.say("(")
			g.tell(pii.BirthDate, p.era)
			g.say("生)、運転免許 ")
			g.tell(pii.DriverLicence, p.licence)
			g.say("\n")
		default:
			g.say("クレジットカード ")
			g.tell(pii.PaymentCard, grouped(p.card, " "))
			g.say(" 名義 %s\n", "TARO SAMPLE")
		}
	}
}

func (g *maker) json() {
	for range 20 + g.IntN(20) {
		p := g.person()
		g.say(`{"id":%s,"name":"`, g.digits(9))
		g.tell(pii.Name, p.name())
		g.say(`","tel":"`)
		g.tell(pii.Phone, pick(g, []string{p.phone, strings.ReplaceAll(p.phone, "-", "")}))
		g.say(`","email":"`)
		g.tell(pii.Mail, p.mail)
		g.say(`","birth_date":"`)
		g.tell(pii.BirthDate, p.birth)
		g.say(`","created_at":%s}`+"\n", g.digits(13))
	}
}

func (g *maker) log() {
	for i := range 60 {
		g.say("2026-11-23 13:%02d:%02d.%03d INFO [req-%s] ", i, g.IntN(60), g.IntN(1000), g.digits(12))
		if g.IntN(3) > 0 {
			g.say("order_id=%s took %d.%06dms from 10.%d.%d.%d\n", g.digits(12), g.IntN(90), g.IntN(1_000_000), g.IntN(256), g.IntN(256), g.IntN(256))
			continue
		}
		p := g.person()
		g.say("user mail=")
		g.tell(pii.Mail, p.mail)
		g.say(" tel=")
		g.tell(pii.Phone, p.mobile)
		g.say("\n")
	}
}

// prose is mostly nothing; names in it have a form of address or none at all, the hardest case.
func (g *maker) prose() {
	for range 30 {
		g.say("%s", pick(g, sentences()))
		if g.IntN(8) == 0 {
			p := g.person()
			g.say("報告者は")
			g.tell(pii.Name, p.name())
			g.say("%s。", pick(g, []string{"", "氏", "さん", "様"}))
		}
		g.say("\n")
	}
}

// orders holds numbers that are of no person.
func (g *maker) orders() {
	g.say("注文番号,商品コード,JANコード,伝票番号,数量,金額,受付日時\n")
	for range 60 {
		g.say("%s,%s-%s,49%s,%s-%s-%s,%d,%d,2026/11/%02d 12:%02d\n", g.digits(12), g.digits(4), g.digits(6), g.digits(11), g.digits(4), g.digits(4),
			g.digits(4), g.IntN(100), g.IntN(1_000_000), 1+g.IntN(28), g.IntN(60))
	}
}

func (g *maker) server() {
	for range 100 {
		switch g.IntN(5) {
		case 0:
			g.say("10.0.%d.%d - - [23/Nov/2026:13:40:%02d +0900] \"GET /item/%s HTTP/1.1\" 200 %s\n", g.IntN(256), g.IntN(256), g.IntN(60), g.digits(10), g.digits(5))
		case 1:
			g.say("trace=%s-%s-%s span=%s elapsed=0.%s\n", g.digits(8), g.digits(4), g.digits(4), g.digits(16), g.digits(12))
		case 2:
			g.say("%s.%s kernel: eth0: rx %s tx %s\n", g.digits(10), g.digits(6), g.digits(12), g.digits(13))
		case 3:
			g.say("Message-ID: <%s.%s@mx.kaisha-b.co.jp>\n", g.digits(14), g.digits(6))
		default:
			g.say("git@host: commit %s pushed to img@2x.png v1.%d.%d\n", g.digits(20), g.IntN(9), g.IntN(9))
		}
	}
}

func (g *maker) parts() {
	g.say("部品表 改訂2026年11月23日\n")
	for range 60 {
		switch g.IntN(4) {
		case 0:
			g.say("品番 %s-%s-%s 数量 %d\n", g.digits(4), g.digits(4), g.digits(4), g.IntN(90))
		case 1:
			g.say("図番 %c%c%s 材質 SUS304 単価 %s円\n", 'A'+g.IntN(26), 'A'+g.IntN(26), g.digits(7), g.digits(5))
		case 2:
			g.say("ロット %s シリアル %s\n", g.digits(10), g.digits(16))
		default:
			g.say("寸法 %s.%s×%s.%s 公差 0.%s\n", g.digits(3), g.digits(2), g.digits(3), g.digits(2), g.digits(3))
		}
	}
}

func (g *maker) companies() {
	g.say("取引先名,法人番号,登録番号,代表電話\n")
	for range 40 {
		n := g.corporate()
		g.say("株式会社%s,%s,T%s,0120-%s-%s\n", pick(g, []string{"青葉製作所", "みどり物流", "海原商事"}), n, n, g.digits(3), g.digits(3))
	}
}
