package app

import (
	"context"
	"time"

	"sekimori/internal/domain/incident"
)

// story is what the made-up company lived through. Every name in it is invented.
func (p *past) story(ctx context.Context, end time.Time) {
	day := 24 * time.Hour
	known := func(t time.Time) incident.Moment { return incident.Moment{At: t, Known: true} }

	for _, n := range []struct {
		days   int
		number string
		head   string
		nearly incident.Kind
		line   string
	}{
		{84, "1602", "1601", incident.Missent, "宛名ラベルが一行ずれていることに封かん前に気づいた"},
		{77, "1105", "1101", incident.Missent, "別のお客様の見積書を添付しかけて、送信前の確認で止めた"},
		{63, "1303", "1301", incident.RuleBroken, "振込一覧を共有フォルダの公開側に置きかけた"},
		{49, "1204", "1201", incident.RuleBroken, "試験用データに本物の氏名が残っているのを見つけて消した"},
		{35, "1605", "1601", incident.Missent, "折り返し先の電話番号を読み違えそうになり、復唱で気づいた"},
		{21, "1107", "1101", incident.Lost, "電車の網棚に鞄を上げかけて、手元に戻した"},
		{9, "1404", "1401", "", "会議室の印刷物を退室の点検で回収した"},
	} {
		i := p.report(ctx, end, time.Duration(n.days)*day-5*time.Hour, n.number, incident.Report{Kind: incident.NearMiss, Nearly: n.nearly, Summary: n.line})
		p.answer(ctx, 90*time.Minute, i, "1402", "共有してくれてありがとうございます。")
		for _, head := range []string{"1101", "1201", "1301", "1302", "1401", "1601"} {
			p.answer(ctx, time.Minute, i, head, "")
		}
		if n.days > 10 {
			p.steps(ctx, i, "1402", "1", "2", "3")
			p.close(ctx, 2*time.Hour, i, "1402", n.head, "朝礼で共有した。")
		}
	}

	lost := p.report(ctx, end, 26*day, "1103", incident.Report{Kind: incident.Lost, Summary: "客先からの帰りに社用スマートフォンを置き忘れた"})
	p.answer(ctx, 4*time.Minute, lost, "1101", "遠隔ロックを頼みました。駅の窓口に連絡してください。")
	p.answer(ctx, 3*time.Minute, lost, "1402", "確認しました。")
	p.fact(ctx, lost, "1103", "lost.protected", "画面ロックと暗号化は有効")
	p.fact(ctx, lost, "1103", "lost.last_seen", "18時40分ごろ、駅のホームのベンチ")
	p.steps(ctx, lost, "1402", "1", "2", "3", "4", "5", "6")
	p.close(ctx, 3*day, lost, "1402", "1101", "端末は当日中に回収。遠隔ロックの記録で第三者の操作がないことを確認した。")

	wrong := p.report(ctx, end, 12*day, "1602", incident.Report{Kind: incident.Missent, Summary: "A社あての案内状をB社の担当者にメールで送った",
		Discovered: known(end.Add(-12*day - 10*time.Minute)), Occurred: known(end.Add(-12*day - 2*time.Hour))})
	p.answer(ctx, 2*time.Minute, wrong, "1601", "先方にすぐ電話します。")
	p.answer(ctx, 6*time.Minute, wrong, "1402", "受け付けました。削除の返事を記録してください。")
	p.fact(ctx, wrong, "1602", "missent.recalled", "先方の担当者が開く前に削除したと電話で確認")
	p.steps(ctx, wrong, "1402", "1", "2", "3", "4", "5")
	p.close(ctx, 2*day, wrong, "1402", "1601", "誤送信先での閲覧なし。宛先の候補表示を切る設定を全員に適用した。")

	p.lesson(ctx, wrong, "1402", "1601", incident.LessonWords{Title: "宛先は、送る前に声に出して確かめる",
		Happened: "似た名前の取引先が宛先の候補に並び、違うほうを選んで案内状を送りました。",
		Now:      "候補の表示を全員の設定で切り、送る前に会社名を声に出して読んでいます。"})

	odd := p.report(ctx, end, 3*day, "1205", incident.Report{Kind: incident.OddBehaviour, Summary: "朝からPCのファンが回り続け、見覚えのない窓が一瞬開く"})
	p.answer(ctx, 5*time.Minute, odd, "1502", "席に伺います。そのままお待ちください。")
	p.answer(ctx, 7*time.Minute, odd, "1201", "")
	p.answer(ctx, 11*time.Minute, odd, "1402", "")
	p.do(p.incidents.Assign(ctx, p.as("1402"), odd.ID, p.byNo["1502"]))
	p.do(p.incidents.SetStatus(ctx, p.as("1502"), odd.ID, incident.Investigating, "自動起動の一覧を採取して調べています。"))
	p.steps(ctx, odd, "1502", "1", "2")
	p.do(p.incidents.AddNote(ctx, p.as("1502"), odd.ID, "更新プログラムの再試行が重なっている疑い。記録を照合中。"))

	_, err := p.incidents.Say(ctx, p.as("1502"), odd.ID, "明日の朝までに結果をお知らせします。それまでは別のPCを使ってください。")
	p.do(err)

	stopped := p.report(ctx, end, 30*time.Hour, "1304", incident.Report{Kind: incident.ServiceStopped, Summary: "経費精算の画面が開かない"})
	p.answer(ctx, 12*time.Minute, stopped, "1302", "池田部長の代理で受け付けました。")
	p.answer(ctx, 20*time.Minute, stopped, "1402", "")
	p.do(p.incidents.SetStatus(ctx, p.as("1402"), stopped.ID, incident.Confirming, "委託先に状況を問い合わせ中。"))
	p.do(p.incidents.AskClose(ctx, p.as("1402"), stopped.ID, "証明書の更新で復旧。個人情報への影響なし。"))

	call := p.report(ctx, end, 20*time.Hour, "1604", incident.Report{Kind: incident.Complaint, Summary: "退会したはずなのに案内が届いた、と電話があった"})
	p.answer(ctx, 15*time.Minute, call, "1601", "本日中に折り返すと伝えました。")
	p.answer(ctx, 25*time.Minute, call, "1402", "")
	p.do(p.incidents.SetStatus(ctx, p.as("1402"), call.ID, incident.Confirming, "配信停止の手順を確認しています。"))

	envelope := p.report(ctx, end, 47*time.Minute, "1303", incident.Report{Kind: incident.Missent, Summary: "書類の入った封筒が別の取引先に届いた"})
	p.answer(ctx, 6*time.Minute, envelope, "1302", "回収に向かいます。")
	p.do(p.incidents.AddNote(ctx, p.as("1302"), envelope.ID, "先方の受付に電話し、開けずに預かってもらった。"))

	virus := p.report(ctx, end, 7*time.Minute, "1102", incident.Report{Kind: incident.Virus, Summary: "請求書のメールの添付を開いたら黒い画面が出た"})
	p.answer(ctx, time.Minute, virus, "1502", "線を抜いたまま、電源は入れておいてください。席に向かいます。")
	p.answer(ctx, time.Minute, virus, "1101", "")
	p.fact(ctx, virus, "1102", "virus.offline", "ケーブルを抜きました")
}

func (p *past) fact(ctx context.Context, i *incident.Incident, number, question, text string) {
	_, err := p.incidents.AddFact(ctx, p.as(number), i.ID, incident.Addition{Question: question, Text: text})
	p.do(err)
}

func (p *past) steps(ctx context.Context, i *incident.Incident, number string, steps ...string) {
	for _, s := range steps {
		p.do(p.walk(ctx, p.at.Add(2*time.Minute)))
		p.do(p.incidents.SetStep(ctx, p.as(number), i.ID, s, true))
	}
}

// lesson has one person write what a case taught and another publish it.
func (p *past) lesson(ctx context.Context, i *incident.Incident, writes, publishes string, w incident.LessonWords) {
	l, err := p.incidents.WriteLesson(ctx, p.as(writes), i.ID, w)
	p.do(err)
	p.do(p.incidents.PublishLesson(ctx, p.as(publishes), l.ID, l.Version, false))
}

// close asks for the end of a case after a while, and lets a second person confirm.
func (p *past) close(ctx context.Context, after time.Duration, i *incident.Incident, asks, confirms, why string) {
	p.do(p.incidents.SetStatus(ctx, p.as(asks), i.ID, incident.Preventing, "再発防止策を決めました。"))
	p.do(p.walk(ctx, p.at.Add(after)))
	p.do(p.incidents.AskClose(ctx, p.as(asks), i.ID, why))
	p.do(p.walk(ctx, p.at.Add(5*time.Hour)))
	p.do(p.incidents.ConfirmClose(ctx, p.as(confirms), i.ID, ""))
}
