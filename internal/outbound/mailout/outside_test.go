package mailout_test

import (
	"strings"
	"testing"

	"sekimori/internal/domain/incident"
)

// A stranger's report says so, says how to reach them, and holds no link of theirs to press.
func TestMailOfAnOutsideReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.incident.Reporter, w.incident.Summary = "", "見て http://evil.example/x と www.evil.example"
	w.track.Reporter = ""
	w.incident.Outside = &incident.Outsider{Name: "通行 一郎\r\nBcc: x", Contact: "https://evil.example"}
	m, err := w.composer.Compose(t.Context(), w.attempt, w.track)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"外部からの報告です", "お名前:通行 一郎 Bcc: x\n", "連絡先:https : // evil.example\n", "関係する部署:営業部", "確かめてから開いて"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("%q is missing in\n%s", want, m.Text)
		}
	}
	for _, bad := range []string{"://evil", "www.evil", "記録に名前がありません"} {
		if strings.Contains(m.Text, bad) {
			t.Errorf("%q stands in\n%s", bad, m.Text)
		}
	}
	w.incident.Outside, w.incident.Department = &incident.Outsider{}, ""
	if m, err = w.composer.Compose(t.Context(), w.attempt, w.track); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Text, "外部からの報告です") || strings.Contains(m.Text, "お名前") || strings.Contains(m.Text, "連絡先") || strings.Contains(m.Text, "関係する部署") {
		t.Errorf("of nobody:\n%s", m.Text)
	}
	// Whoever wrote a call down is named with their telephone.
	w.incident.Reporter = "per_ito"
	if m, err = w.composer.Compose(t.Context(), w.attempt, w.track); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Text, "伊藤 健") || !strings.Contains(m.Text, "03-0000-0011") {
		t.Errorf("who took the call is not named:\n%s", m.Text)
	}
}
