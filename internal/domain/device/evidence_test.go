package device_test

import (
	"io"
	"strings"
	"sync"
	"testing"

	"sekimori/internal/kit/wire"
)

// gate is a file that all who send it read at the same time.
type gate struct {
	all  *sync.WaitGroup
	once sync.Once
	io.Reader
}

// Read waits for the others first.
func (g *gate) Read(p []byte) (int, error) {
	g.once.Do(func() { g.all.Done(); g.all.Wait() })
	return g.Reader.Read(p)
}

// One piece of evidence that comes twice at the same time is kept and recorded once, and
// both are answered as if each had brought it.
func TestEvidenceTwiceAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	if _, err := h.pcs.Report(t.Context(), p.id, wire.Infection{Key: "k", Local: 1}); err != nil {
		t.Fatal(err)
	}
	var both, done sync.WaitGroup
	both.Add(2)
	for range 2 {
		done.Go(func() {
			if err := h.pcs.AddEvidence(t.Context(), p.id, "k", "sockets.json", "application/json", &gate{all: &both, Reader: strings.NewReader("{}")}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	same(t, "files", 1, len(h.cases.files))
	p.expect("evidence", map[string]int{"evidence_added": 1})
}
