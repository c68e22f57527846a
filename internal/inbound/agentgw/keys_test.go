package agentgw

import (
	"io"
	"strings"
	"testing"

	"sekimori/internal/kit/wire"
)

// TestRefusedPCReadsKeysOnly: it must be able to know a permission to take its agent away, and
// nothing else.
func TestRefusedPCReadsKeysOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	gone := h.pc(3)
	h.refused[gone.id] = true
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", wire.PathKeys, "", 200},
		{"GET", wire.PathDocument + "?have=0", "", 403},
		{"GET", wire.PathStream + "?have=0", "", 403},
		{"POST", wire.PathFacts, `{"seq":1}`, 403},
		{"POST", wire.PathReports, `{"key":"k"}`, 403},
		{"POST", wire.PathEvidence + "?report=k&name=n", "x", 403},
	} {
		res := h.do(t, gone, c.method, c.path, c.body)
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != c.status || strings.Contains(string(body), "document") {
			t.Errorf("%s: %d %s, %v", c.path, res.StatusCode, body, err)
		}
	}
}
