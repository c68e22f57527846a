package pii_test

import (
	"bytes"
	"testing"

	"sekimori/internal/pii"
	"sekimori/internal/pii/corpus"
)

// What is found of a labelled set does not fall back. docs/detection.md holds the figures by kind, of another seed.
func TestQuality(t *testing.T) {
	set, err := corpus.Make(3, 192)
	if err != nil {
		t.Fatal(err)
	}
	d, err := pii.New(pii.Options{Keep: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		kind pii.Kind
		line int
	}
	hit, wrong, missed := 0, 0, 0
	for _, f := range set {
		r, err := d.Scan(t.Context(), bytes.NewReader(f.Bytes), pii.Hint{})
		if err != nil {
			t.Fatal(err)
		}
		found := map[place]int{}
		for _, x := range r.Findings {
			if x.Confidence >= pii.Likely {
				found[place{x.Kind, x.Place.Line}]++
			}
		}
		for _, v := range f.Truth {
			if p := (place{v.Kind, v.Line}); found[p] > 0 {
				found[p]--
				hit++
			} else {
				missed++
			}
		}
		for p, n := range found {
			if wrong += n; n > 0 {
				t.Logf("%s, line %d: %d %s too many", f.Name, p.line, n, p.kind)
			}
		}
		if lists := f.Form == "csv" || f.Form == "tsv" || f.Form == "jsonl"; lists && r.People != f.People {
			t.Errorf("%s: %d people, want %d", f.Name, r.People, f.People)
		}
	}
	precision, recall := float64(hit)/float64(hit+wrong), float64(hit)/float64(hit+missed)
	t.Logf("%d values: precision %.4f, recall %.4f", hit+missed, precision, recall)
	if precision < 0.995 || recall < 0.95 {
		t.Error("that is less than it was")
	}
}
