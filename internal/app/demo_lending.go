package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/wire"
)

// deed is one thing that somebody does in the story, at its time.
type deed struct {
	at time.Time
	do func(ctx context.Context) error
}

// then plans what happens while the story's clock walks.
func (p *past) then(at time.Time, do func(ctx context.Context) error) {
	p.deeds = append(p.deeds, deed{at, do})
	slices.SortStableFunc(p.deeds, func(a, b deed) int { return a.at.Compare(b.at) })
}

// meanwhile does what was planned for the present moment of the story, or earlier; nothing
// more once something went wrong, because each deed builds on those before.
func (p *past) meanwhile(ctx context.Context) {
	for len(p.errors) == 0 && len(p.deeds) > 0 && !p.deeds[0].at.After(p.at) {
		d := p.deeds[0]
		p.deeds = p.deeds[1:]
		p.do(d.do(ctx))
	}
}

// demoThing is one invented thing: number, kind, model, whose and where.
type demoThing struct {
	number     string
	kind       asset.Kind
	model      string
	capacity   int64
	encryption asset.Encryption
	department string // code
	keeper     string // employee number
	place      string
}

func demoThings() []demoThing {
	const gb = 1_000_000_000
	return []demoThing{
		{"USB-0001", asset.USBMemory, "サンプルキー 32", 32 * gb, asset.ByHardware, "100", "1104", "営業部キャビネットA 上段"},
		{"USB-0002", asset.USBMemory, "サンプルキー 32", 32 * gb, asset.ByHardware, "100", "1104", "営業部キャビネットA 上段"},
		{"USB-0003", asset.USBMemory, "サンプルキー 64", 64 * gb, asset.ByHardware, "100", "1104", "営業部キャビネットA 上段"},
		{"USB-0004", asset.USBMemory, "ノベルティ 8", 8 * gb, asset.BySoftware, "200", "1203", "開発部書庫 2段目"},
		{"USB-0005", asset.USBMemory, "ノベルティ 8", 8 * gb, asset.BySoftware, "200", "1203", "開発部書庫 2段目"},
		{"USB-0006", asset.USBMemory, "サンプルキー 64", 64 * gb, asset.ByHardware, "200", "1203", "開発部書庫 2段目"},
		{"USB-0007", asset.USBMemory, "サンプルキー 16", 16 * gb, asset.BySoftware, "300", "1302", "経理部金庫"},
		{"USB-0008", asset.USBMemory, "サンプルキー 16", 16 * gb, asset.BySoftware, "600", "1602", "サポート部受付棚"},
		{"HDD-0001", asset.ExternalDisk, "サンプルディスク 1T", 1000 * gb, asset.BySoftware, "200", "1203", "開発部書庫 下段"},
		{"HDD-0002", asset.ExternalDisk, "サンプルディスク 2T", 2000 * gb, asset.ByHardware, "500", "1502", "サーバー室 棚B"},
		{"HDD-0003", asset.ExternalDisk, "サンプルディスク 500G", 500 * gb, asset.NotEncrypted, "500", "1502", "サーバー室 棚B"},
		{"SD-0001", asset.SDCard, "サンプルカード 64", 64 * gb, asset.NotEncrypted, "100", "1104", "営業部カメラケース"},
		{"SD-0002", asset.SDCard, "サンプルカード 64", 64 * gb, asset.NotEncrypted, "400", "1404", "総務備品棚"},
		{"PC-1102", asset.PC, "サンプルノート 14", 512 * gb, asset.BySoftware, "100", "1102", "営業部"},
		{"PC-1205", asset.PC, "サンプルノート 14", 512 * gb, asset.BySoftware, "200", "1205", "開発部"},
		{"PC-1304", asset.PC, "サンプルノート 14", 512 * gb, asset.BySoftware, "300", "1304", "経理部"},
		{"PC-0901", asset.PC, "サンプルノート 13(持ち出し用)", 256 * gb, asset.BySoftware, "000", "1503", "情報システム部 貸出棚"},
		{"PC-0902", asset.PC, "サンプルノート 13(持ち出し用)", 256 * gb, asset.BySoftware, "000", "1503", "情報システム部 貸出棚"},
		{"TEL-0001", asset.Phone, "サンプルフォン 5", 128 * gb, asset.ByHardware, "100", "1103", "営業部"},
		{"WL-0001", asset.WireLock, "ワイヤーロック 1.8m", 0, "", "500", "1503", "情報システム部 引き出し"},
		{"WL-0002", asset.WireLock, "ワイヤーロック 1.8m", 0, "", "500", "1503", "情報システム部 引き出し"},
		{"LK-0001", asset.Locker, "鍵付き書庫", 0, "", "300", "1302", "経理部 北側"},
		{"LK-0002", asset.Locker, "鍵付き書庫", 0, "", "400", "1403", "人事総務部 窓側"},
		{"DC-0001", asset.DocumentCase, "封印できる書類ケース A4", 0, "", "600", "1602", "サポート部受付棚"},
		{"DC-0002", asset.DocumentCase, "封印できる書類ケース A4", 0, "", "100", "1104", "営業部キャビネットA 下段"},
	}
}

// lending plans what the company lent, asked for and counted in its last weeks.
func (p *past) lending(end time.Time) {
	day := 24 * time.Hour
	ago := func(d time.Duration) time.Time { return end.Add(-d) }
	p.then(ago(60*day), p.enterThings)

	done := p.loan(ago(30*day), "1105", "DC-0002", "展示会の名刺の回収", ago(29*day), ago(27*day), "1101", "1402")
	p.handOver(ago(29*day), done, "1104")
	p.receive(ago(29*day-time.Hour), done)
	p.back(ago(27*day+3*time.Hour), done, "1104")
	p.confirm(ago(27*day+time.Hour), done, "1502")

	late := p.loan(ago(9*day), "1107", "PC-0901", "客先での操作説明", ago(8*day), ago(2*day), "1101", "1402")
	p.handOver(ago(8*day-2*time.Hour), late, "1503")
	p.receive(ago(8*day-3*time.Hour), late)

	check := p.loan(ago(6*day), "1603", "DC-0001", "委託先との書類の受け渡し", ago(5*day), ago(day), "1601", "1402")
	p.handOver(ago(5*day-time.Hour), check, "1602")
	p.receive(ago(5*day-2*time.Hour), check)
	p.back(ago(day+2*time.Hour), check, "1602")

	out := p.loan(ago(4*day), "1208", "PC-0902", "在宅での動作確認", ago(3*day), end.Add(4*day), "1201", "1402")
	p.handOver(ago(3*day-time.Hour), out, "1503")
	p.receive(ago(3*day-2*time.Hour), out)

	// The states that an application can be in.
	p.loan(ago(3*time.Hour), "1106", "USB-0001", "見積書一式を客先へ届ける", end.Add(20*time.Hour), end.Add(3*day)) // waits for 田中 一郎
	p.loan(ago(26*time.Hour), "1604", "USB-0008", "退会者名簿の受け渡し", end.Add(day), end.Add(2*day), "1601")   // … for the protection manager
	p.loan(ago(5*day), "1303", "USB-0007", "監査資料の提出", end.Add(day), end.Add(3*day), "1301", "1402")     // approved, to be handed over
	back := p.loan(ago(2*day), "1108", "SD-0001", "会場の写真の持ち帰り", end.Add(day), end.Add(30*day))
	p.decide(ago(2*day-2*time.Hour), back, "1101", request.SendBack, "30日は長すぎます。会期の翌日までにしてください。")
	no := p.loan(ago(8*day), "1207", "HDD-0001", "自宅のPCへの複製", ago(7*day), ago(5*day))
	p.decide(ago(8*day-time.Hour), no, "1201", request.Refuse, "自宅のPCへの複製は認められていません。")

	p.takingOut(end)
	p.then(ago(10*day), p.observe)
	p.count(ago(5 * day))
}

// observe sets how the guards deal with media: they tell, and block nothing yet.
func (p *past) observe(ctx context.Context) error {
	_, err := p.assets.SetGuardPolicy(ctx, p.as("1402"), asset.Policy{Mode: wire.GuardObserve})
	return err
}

func (p *past) enterThings(ctx context.Context) error {
	codes := map[string]string{}
	for id, d := range p.org.Departments {
		codes[d.Code] = id
	}
	for _, t := range demoThings() {
		a := asset.Asset{Number: t.number, Kind: t.kind, Model: t.model, Capacity: t.capacity, Encryption: t.encryption,
			Department: codes[t.department], Keeper: p.byNo[t.keeper], Place: t.place}
		if a.Encryption == "" {
			a.Encryption = asset.EncryptionUnknown
		}
		if _, err := p.assets.Add(ctx, p.as("1502"), a); err != nil {
			return fmt.Errorf("enter %s: %w", t.number, err)
		}
	}
	return nil
}

// lent is one loan of the story, from the application on.
type lent struct {
	number  string // of the thing
	by      string // employee number of the borrower
	request *request.Request
	loan    *asset.Loan
}

// loan plans an application, and its approvals an hour and a half apart.
func (p *past) loan(at time.Time, by, number, purpose string, from, until time.Time, approvers ...string) *lent {
	l := &lent{number: number, by: by}
	p.then(at, func(ctx context.Context) error {
		raw, err := json.Marshal(asset.LoanForm{Asset: number, Purpose: purpose, Contents: "業務の書類", PersonalData: strings.Contains(purpose, "名簿"), People: 120, From: from, Until: until})
		if err != nil {
			return err
		}
		l.request, err = p.requests.Submit(ctx, p.as(by), request.New{Kind: asset.KindLoan, Form: raw})
		return err
	})
	for n, who := range approvers {
		p.decide(at.Add(time.Duration(n+1)*90*time.Minute), l, who, request.Approve, "")
	}
	return l
}

func (p *past) decide(at time.Time, l *lent, who string, v request.Verdict, note string) {
	p.then(at, func(ctx context.Context) error {
		if l.request == nil {
			return fmt.Errorf("%s was never asked for", l.number)
		}
		seen, err := p.requests.Get(ctx, p.as(who), l.request.ID)
		if err != nil {
			return fmt.Errorf("%s reads %s: %w", who, l.request.Label, err)
		}
		_, err = p.requests.Decide(ctx, p.as(who), request.Decision{Request: l.request.ID, Verdict: v, Note: note, Digest: seen.Digest, Path: "web"})
		return err
	})
}

func (p *past) handOver(at time.Time, l *lent, who string) {
	p.then(at, func(ctx context.Context) (err error) {
		l.loan, err = p.assets.HandOver(ctx, p.as(who), asset.HandOver{Request: l.request.ID, Asset: l.number})
		return err
	})
}

func (p *past) receive(at time.Time, l *lent) {
	p.then(at, func(ctx context.Context) error {
		_, err := p.assets.Receive(ctx, p.as(l.by), l.loan.ID)
		return err
	})
}

func (p *past) back(at time.Time, l *lent, who string) {
	p.then(at, func(ctx context.Context) error {
		_, err := p.assets.TakeBack(ctx, p.as(who), l.loan.ID)
		return err
	})
}

func (p *past) confirm(at time.Time, l *lent, who string) {
	p.then(at, func(ctx context.Context) error {
		_, err := p.assets.Confirm(ctx, p.as(who), asset.Check{Loan: l.loan.ID})
		return err
	})
}

// count plans a count that is half done.
func (p *past) count(at time.Time) {
	var stock string
	p.then(at, func(ctx context.Context) error {
		t, err := p.stocks.OpenStock(ctx, p.as("1502"), asset.NewStock{Title: "上期の棚卸", Due: jpcal.DateOf(p.at, p.zone).Add(16)})
		if err == nil {
			stock = t.ID
		}
		return err
	})
	for n, c := range []struct {
		who, place string
		numbers    []string
	}{
		{"1104", "営業部キャビネットA", []string{"USB-0001", "USB-0002", "USB-0003", "SD-0001", "DC-0002"}},
		{"1503", "情報システム部 引き出し", []string{"WL-0001", "WL-0002"}},
		{"1502", "サーバー室 棚B", []string{"HDD-0002", "HDD-0003", "USB-9001"}},
		{"1302", "経理部", []string{"LK-0001", "USB-0007"}},
	} {
		p.then(at.Add(time.Duration(20+n*7)*time.Hour), func(ctx context.Context) error {
			_, err := p.stocks.SeenAll(ctx, p.as(c.who), stock, c.numbers, asset.StockByCamera, c.place)
			return err
		})
	}
}

// demoMedia lets the company's PCs, once they are enrolled, take media as the ledger's and
// tell of what was plugged in; and lends two of them for a PC each.
func (h *house) demoMedia(ctx context.Context) error {
	owners := map[string]string{} // employee number → PC
	for _, m := range demoMachines() {
		who, err := h.as(ctx, m.number)
		if err != nil {
			return err
		}
		found, err := pcs{h.db}.OfPerson(ctx, who.Person)
		if err != nil || len(found) == 0 {
			return fmt.Errorf("find %s: %d PCs, %w", m.name, len(found), err)
		}
		owners[m.number] = found[0].ID
	}
	if err := h.demoRegister(ctx, owners["1502"]); err != nil {
		return err
	}
	if _, err := h.demoLoan(ctx, "1205", "USB-0006", "試験データの受け渡し", owners["1205"], "1201", "1203", true); err != nil {
		return err
	}
	if _, err := h.demoLoan(ctx, "1102", "USB-0002", "提案書の持参", owners["1102"], "1101", "1104", false); err != nil {
		return err
	}
	at := func(hours int) wire.Micros {
		return wire.Micros(h.now().Add(-time.Duration(hours) * time.Hour).UnixMicro())
	}
	private := wire.MediaEvent{What: wire.MediaObserved, Why: wire.WhyUnknown, Class: "storage", Vendor: "1234", Product: "0001", Serial: "PRIVATE-01", Name: "Sample Private Stick", Capacity: 16_000_000_000}
	phone := wire.MediaEvent{What: wire.MediaObserved, Why: wire.WhyPhone, Class: "phone", Vendor: "1234", Product: "0005", Serial: "PHONE-77", Name: "Sample Phone"}
	for number, told := range map[string][]wire.MediaEvent{"1102": {phone, private}, "1206": {phone}, "1304": {private, private, private}} {
		for i := range told {
			told[i].Key, told[i].At, told[i].User = fmt.Sprintf("demo-%s-%d", number, i), at(20-3*i), "p"+number
		}
		if err := h.assets.TakeMedia(ctx, owners[number], told); err != nil {
			return fmt.Errorf("media at the PC of %s: %w", number, err)
		}
	}
	return nil
}

// demoRegister registers sticks at one PC. Two say the same serial, and one says none:
// what a maker of cheap sticks does.
func (h *house) demoRegister(ctx context.Context, pc string) error {
	admin, err := h.as(ctx, "1502")
	if err != nil {
		return err
	}
	for n, m := range []struct{ number, serial string }{
		{"USB-0002", "SK32-000217"}, {"USB-0003", "SK64-000318"}, {"USB-0004", "0123456789AB"}, {"USB-0005", "0123456789AB"}, {"USB-0006", "SK64-000319"}, {"HDD-0003", ""},
	} {
		r, err := h.assets.AskRegistration(ctx, admin, m.number, pc)
		if err != nil {
			return fmt.Errorf("register %s: %w", m.number, err)
		}
		if err := h.assets.TakeMedia(ctx, pc, []wire.MediaEvent{{Key: fmt.Sprintf("demo-register-%d", n), At: wire.Micros(h.now().UnixMicro()), What: wire.MediaRegistered, Class: "storage",
			Vendor: "1234", Product: "0002", Serial: m.serial, Name: "Sample Stick", Capacity: 32_000_000_000, Volume: fmt.Sprintf("5EED-%04d", n), Token: r.Token, Register: r.ID}}); err != nil {
			return fmt.Errorf("register %s: %w", m.number, err)
		}
	}
	return nil
}

// demoLoan lends a thing for a PC, from the application to the hand-over, and to the
// borrower's press when received.
func (h *house) demoLoan(ctx context.Context, by, number, purpose, pc, head, keeper string, received bool) (*asset.Loan, error) {
	who := map[string]access.Actor{}
	for _, n := range []string{by, head, "1402", keeper} {
		a, err := h.as(ctx, n)
		if err != nil {
			return nil, err
		}
		who[n] = a
	}
	now := h.now()
	raw, err := json.Marshal(asset.LoanForm{Asset: number, Purpose: purpose, Contents: "業務の書類", Device: pc, From: now, Until: now.Add(4 * 24 * time.Hour)})
	if err != nil {
		return nil, err
	}
	r, err := h.requests.Submit(ctx, who[by], request.New{Kind: asset.KindLoan, Form: raw})
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", number, err)
	}
	for _, n := range []string{head, "1402"} {
		if r, err = h.requests.Decide(ctx, who[n], request.Decision{Request: r.ID, Verdict: request.Approve, Digest: request.Digest(r), Path: "web"}); err != nil {
			return nil, fmt.Errorf("%s approves %s: %w", n, number, err)
		}
	}
	l, err := h.assets.HandOver(ctx, who[keeper], asset.HandOver{Request: r.ID, Asset: number})
	if err != nil {
		return nil, fmt.Errorf("hand %s over: %w", number, err)
	}
	if !received {
		return l, nil
	}
	return h.assets.Receive(ctx, who[by], l.ID)
}
