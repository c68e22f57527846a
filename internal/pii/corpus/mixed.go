package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
)

// Content is one sort of what lies on a company's share.
type Content struct {
	Name  string
	Share int // of a hundred bytes of the mixture
	make  []func(*maker)
	code  encoding.Encoding
}

// Contents lists the sorts: of a hundred bytes 47 are text of nobody, 25 logs, 17 programs and settings, 10 lists of
// orders, parts and companies, and 1 is lists, letters and logs with people in nearly every line.
func Contents() []Content {
	return []Content{
		{"text, UTF-8", 32, []func(*maker){(*maker).plain}, encoding.Nop},
		{"text, Shift_JIS", 15, []func(*maker){(*maker).plain}, japanese.ShiftJIS},
		{"logs", 25, []func(*maker){(*maker).requests, (*maker).requests, (*maker).requests, (*maker).server}, encoding.Nop},
		{"programs", 17, []func(*maker){(*maker).program}, encoding.Nop},
		{"orders", 10, []func(*maker){(*maker).orders, (*maker).parts, (*maker).companies}, japanese.ShiftJIS},
		{"people", 1, []func(*maker){(*maker).list5, (*maker).letter, (*maker).log}, encoding.Nop},
	}
}

// Make gives size bytes of one sort.
func (c Content) Make(seed uint64, size int) ([]byte, error) {
	g := &maker{Rand: rand.New(rand.NewPCG(seed, 0x5EC2))}
	var out []byte
	for len(out) < size {
		raw, err := c.piece(g)
		if err != nil {
			return nil, err
		}
		out = append(out, raw...)
	}
	return out[:size], nil
}

// piece is some two hundred kilobytes, as a file.
func (c Content) piece(g *maker) ([]byte, error) {
	g.out.Reset()
	g.line, g.truth, g.persons = 1, nil, map[string]bool{}
	for g.out.Len() < 200_000 {
		c.make[g.IntN(len(c.make))](g)
	}
	raw, err := encoding.ReplaceUnsupported(c.code.NewEncoder()).Bytes([]byte(g.out.String()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return raw, nil
}

// Mixed makes size bytes of all contents by their shares, in pieces of some two hundred kilobytes, as files are.
func Mixed(seed uint64, size int) ([]byte, error) {
	g := &maker{Rand: rand.New(rand.NewPCG(seed, 0x5EC2))}
	sources := Contents()
	written := make([]int, len(sources))
	var out []byte
	for len(out) < size {
		next, least := 0, 0.0
		for i, s := range sources { // whichever is furthest behind its share
			if behind := float64(s.Share)*float64(len(out)+1)/100 - float64(written[i]); i == 0 || behind > least {
				next, least = i, behind
			}
		}
		raw, err := sources[next].piece(g)
		if err != nil {
			return nil, err
		}
		out = append(out, raw...)
		written[next] += len(raw)
	}
	return out[:size], nil
}

// plain is text of nobody: words without sense, one sentence in twenty with something that is easily taken for a person's.
func (g *maker) plain() {
	words := wordsOfNobody()
	for range 40 {
		for range 3 {
			if g.IntN(20) == 0 {
				g.say("%s", pick(g, sentences()))
				continue
			}
			for i := range 4 + g.IntN(6) {
				if i > 0 {
					g.say("%s", pick(g, []string{"は", "の", "を", "に", "が", "と", "で", "も", "から", "、", "への", "により"}))
				}
				g.say("%s", pick(g, words))
			}
			g.say("%s", pick(g, []string{"した。", "する。", "である。", "となった。", "ことができる。", "と考えられる。"}))
		}
		g.say("\n")
	}
}

// requests is the log of a web server.
func (g *maker) requests() {
	for range 100 {
		g.say("2026-11-23T%02d:%02d:%02d.%03dZ %s http method=%s path=/%s/%s/%s status=%d size=%d took=%d.%dms trace=%016x\n", g.IntN(24), g.IntN(60),
			g.IntN(60), g.IntN(1000), pick(g, []string{"INFO", "DEBUG", "WARN"}), pick(g, []string{"GET", "POST"}), pick(g, wordsOfPrograms()),
			pick(g, wordsOfPrograms()), pick(g, wordsOfPrograms()), pick(g, []int{200, 304, 404}), g.IntN(100_000), g.IntN(90), g.IntN(10), g.Uint64())
	}
}

// program is source text without sense.
func (g *maker) program() {
	for range 100 {
		g.say("%s%s := %s.%s(%s, %d) // %s %s %s\n", pick(g, []string{"\t", "\t\t", ""}), pick(g, wordsOfPrograms()), pick(g, wordsOfPrograms()),
			pick(g, wordsOfPrograms()), pick(g, wordsOfPrograms()), g.IntN(1000), pick(g, wordsOfPrograms()), pick(g, wordsOfPrograms()), pick(g, wordsOfPrograms()))
	}
}

func wordsOfNobody() []string {
	return strings.Fields("計画 業務 会議 資料 報告 改善 品質 管理 部門 製品 販売 市場 調査 結果 分析 方針 目標 達成 評価 基準 手順 作業 工程 設備 点検 安全 環境 " +
		"教育 研修 制度 規程 契約 取引 納品 在庫 倉庫 輸送 費用 予算 決算 利益 投資 開発 設計 試験 試作 検査 システム サーバー ネットワーク データ ファイル " +
		"バックアップ セキュリティ 更新 導入 運用 保守 障害 対応 原因 対策 再発 防止 確認 承認 申請 手続き 期限 提出 回答 連携 共有 体制 組織 役割 責任 権限 " +
		"顧客 満足 要望 提案 見積り 価格 競合 優位 戦略 施策 実行 検討 課題 解決 効果 測定 指標 推移 傾向 予測 需要 供給 材料 部品 調達 工場 生産 能力 稼働 効率")
}

func wordsOfPrograms() []string {
	return strings.Fields("request response handler server client buffer reader writer index length offset config option result error context value " +
		"items search list detail static assets image update create delete select insert table column record cache lock queue worker stream")
}

// list5 is a list without a header of its own, as the middle of a long one.
func (g *maker) list5() {
	for range 40 {
		p := g.person()
		g.say("%s,%s,%s,%s,%s,%s\n", g.digits(8), p.name(), p.kana, p.phone, p.mail, p.address)
	}
}
