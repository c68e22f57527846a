package mailin

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekimori/internal/domain/incident"
)

// kindWords are the words of a subject that speak of a kind, as of November 2026, in lower
// case and in one width. What cannot wait stands first: the first that is found is taken.
func kindWords() []struct {
	kind  incident.Kind
	words []string
} {
	type line = struct {
		kind  incident.Kind
		words []string
	}
	return []line{
		{incident.Virus, []string{"ウイルス", "ウィルス", "マルウェア", "ランサム", "感染", "偽警告", "virus", "malware", "ransom", "infect"}},
		{incident.Lost, []string{"紛失", "なくし", "失くし", "無くし", "盗難", "盗まれ", "置き忘れ", "lost", "stolen", "missing"}},
		{incident.Missent, []string{"誤送信", "誤送付", "誤配", "宛先間違", "宛先違い", "送り先間違", "身に覚えのない個人情報", "wrong recipient", "missent", "sent by mistake"}},
		{incident.Tampered, []string{"改ざん", "改竄", "書き換えられ", "defaced", "tamper"}},
		{incident.NearMiss, []string{"ヒヤリ", "near miss"}},
		{incident.OddBehaviour, []string{"不審", "フィッシング", "なりすまし", "乗っ取", "不正アクセス", "不正ログイン", "phishing", "suspicious", "hacked", "spoof"}},
		{incident.ServiceStopped, []string{"停止", "つながらない", "繋がらない", "ダウンして", "アクセスできない", "outage", "is down"}},
		{incident.Malfunction, []string{"誤動作", "不具合", "故障", "表示がおかしい", "malfunction", "bug"}},
		{incident.RuleBroken, []string{"違反", "ルール", "violation"}},
		{incident.Complaint, []string{"苦情", "クレーム", "漏えい", "漏洩", "個人情報", "complaint", "privacy"}},
	}
}

var tag = regexp.MustCompile(`[\[【［](.{1,40}?)[\]】］]`)

// kindOf finds the kind that a subject names: by a tag such as [紛失], which is the sender's
// own choice, or by a word. Else it is the company's choice for mails.
func kindOf(subject string, names map[string]incident.Kind, other incident.Kind) (kind incident.Kind, guessed bool) {
	s := fold(subject)
	for _, m := range tag.FindAllStringSubmatch(s, 5) {
		if k, ok := names[strings.TrimSpace(m[1])]; ok {
			return k, false
		}
	}
	for _, line := range kindWords() {
		for _, w := range line.words {
			if strings.Contains(s, w) {
				return line.kind, true
			}
		}
	}
	return other, true
}

// fold makes of a text what is compared: one width, lower case.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }
