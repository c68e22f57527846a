package endpoint

import (
	"slices"
	"strings"
	"testing"

	"sekimori/internal/tool/isolation/stage"
)

// TestReportFromAnIsolatedPC: who is cut off still reports, at once while the server
// answers and later when it did not, and the cut does not move.
func TestReportFromAnIsolatedPC(t *testing.T) {
	notShort(t)
	c := stage.New(t, built)
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	pc.Must("infected", "--note", "an attachment opened itself")
	c.Server.Await(pc.Device, "proven", stage.Proven)

	said := pc.Must("report", "--kind", "missent", "--note", "it was in a mail that I forwarded")
	label := labelIn(said)
	if label == "" || strings.Contains(said, "NOT been cut") {
		t.Fatalf("it says %q", said)
	}
	k := c.Server.Case(label)
	if k.Kind != "missent" || k.Summary != "it was in a mail that I forwarded" {
		t.Errorf("the case is %+v", k)
	}
	if !slices.ContainsFunc(k.Entries, func(e struct{ Type, Text string }) bool { return strings.Contains(e.Text, " root ") }) {
		t.Errorf("from which account it came is not there: %+v", k.Entries)
	}

	c.Server.Kill()
	if said := pc.Must("report", "--kind", "lost", "--note", "the USB stick is gone too"); labelIn(said) != "" || !strings.Contains(said, "kept on this PC") {
		t.Errorf("without a server it says %q", said)
	}
	if said, _, _ := pc.Command("status"); !strings.Contains(said, "Reports not sent yet: 1") {
		t.Errorf("status says %q", said)
	}
	pc.Kill() // as a loss of power does
	pc.Start()
	c.Server.Start()
	pc.Await("everything delivered", func(s stage.Status) bool { return s.Connected && s.Waiting == 0 })
	if n := len(c.Server.Events("incident.reported", "")); n != 3 {
		t.Errorf("%d cases, want the press and two reports", n)
	}
	closed(t, "after the reports", ways)
}

// labelIn is the case's number in what was said; "" when there is none.
func labelIn(said string) string {
	for _, word := range strings.FieldsFunc(said, func(r rune) bool { return r == ' ' || r == '.' || r == '\n' }) {
		if strings.HasPrefix(word, "INC-") {
			return word
		}
	}
	return ""
}
