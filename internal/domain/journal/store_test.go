package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/journal/journaltest"
)

func TestVerifyStore(t *testing.T) {
	t.Parallel()
	l := smallLog(t)
	l.store.Erase(3, l.clock.now())
	kept := l.store.Signed
	tests := []struct {
		name   string
		tamper func(*journaltest.Store)
		reason string // empty: intact
		seq    int64
	}{
		{"untouched", func(*journaltest.Store) {}, "", 0},
		{"erased", func(s *journaltest.Store) { s.Erase(39, time.Unix(1, 0)) }, "", 0},
		{"content", func(s *journaltest.Store) { s.Sealed[4].Content[5] ^= 1 }, journal.ContentChanged, 4},
		{"content lost", func(s *journaltest.Store) { s.Sealed[4].Content, s.Sealed[4].Salt = nil, nil }, journal.ContentChanged, 4},
		{"salt", func(s *journaltest.Store) { s.Sealed[4].Salt[31] ^= 1 }, journal.ContentChanged, 4},
		{"commitment", func(s *journaltest.Store) { s.Sealed[3].Commitment[0] ^= 1 }, journal.RootMismatch, 0},
		{"kind", func(s *journaltest.Store) { s.Sealed[14].Kind = "x" }, journal.RootMismatch, 10},
		{"kind with a line break", func(s *journaltest.Store) { s.Sealed[14].Kind = "x\ny" }, journal.RootMismatch, 10},
		{"subject", func(s *journaltest.Store) { s.Sealed[14].Subject = "x" }, journal.RootMismatch, 10},
		{"time", func(s *journaltest.Store) { s.Sealed[14].At = time.Unix(1, 0) }, journal.RootMismatch, 10},
		{"id", func(s *journaltest.Store) { s.Sealed[14].ID = "evt_x" }, journal.RootMismatch, 10},
		{"deleted", func(s *journaltest.Store) { s.Sealed = append(s.Sealed[:20:20], s.Sealed[21:]...) }, journal.Missing, 20},
		{"tail deleted", func(s *journaltest.Store) { s.Sealed = s.Sealed[:35] }, journal.Missing, 35},
		{"checkpoint and tail deleted", func(s *journaltest.Store) { s.Sealed, s.Signed = s.Sealed[:30], s.Signed[:3] }, journal.TailCut, 30},
		{"checkpoint deleted", func(s *journaltest.Store) { s.Signed = s.Signed[:3] }, journal.UnsealedTail, 30},
		{"checkpoint changed", func(s *journaltest.Store) { s.Signed[1].Note = bytes.ToUpper(s.Signed[1].Note) }, journal.BadSignature, 10},
		{"checkpoint column changed", func(s *journaltest.Store) { s.Signed[1].Root[0] ^= 1 }, journal.BadSignature, 10},
		{"tree cut", func(s *journaltest.Store) { s.Tree = s.Tree[:70] }, journal.NodeChanged, 0},
	}
	for _, tt := range tests {
		s := l.store.Clone()
		tt.tamper(s)
		rep, err := journal.VerifyStore(context.Background(), s, origin, l.verifiers, kept)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if rep.Intact != (tt.reason == "") || !rep.Intact && (rep.FirstBad.Reason != tt.reason || rep.FirstBad.Seq != tt.seq) {
			t.Errorf("%s: %+v", tt.name, rep.FirstBad)
		}
		if len(s.Sealed) < 40 || len(s.Signed) < 4 || len(s.Tree) < 71 || tt.name == "checkpoint column changed" {
			continue
		}
		if rep := l.verify(t, l.export(t, s), kept...); rep.Intact != (tt.reason == "") {
			t.Errorf("%s, exported: %+v", tt.name, rep.FirstBad)
		}
	}
}

// Every single stored node is recomputed from the leaves.
func TestVerifyStoreEveryNode(t *testing.T) {
	t.Parallel()
	l := smallLog(t)
	for i := range l.store.Tree {
		s := l.store.Clone()
		s.Tree[i][i%32] ^= 1
		rep, err := journal.VerifyStore(context.Background(), s, origin, l.verifiers, nil)
		if err != nil || rep.Intact || rep.FirstBad.Reason != journal.NodeChanged {
			t.Errorf("node %d: %+v, %v", i, rep.FirstBad, err)
		}
	}
}

func TestVerifyStoreLarge(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	l.record(t, 0, 1700)
	l.sealAll(t, 333)
	for _, node := range []int{-1, 1500, len(l.store.Tree) - 1} {
		s := l.store.Clone()
		if node >= 0 {
			s.Tree[node][0] ^= 1
		}
		rep, err := journal.VerifyStore(context.Background(), s, origin, l.verifiers, l.store.Signed)
		if err != nil || rep.Intact != (node < 0) || rep.Entries != 1700 {
			t.Errorf("node %d: %+v %+v %v", node, rep, rep.FirstBad, err)
		}
	}
}

func TestProve(t *testing.T) {
	t.Parallel()
	l := smallLog(t)
	l.store.Erase(17, l.clock.now())
	ctx := context.Background()
	for seq := range int64(40) {
		for _, size := range []int64{0, 10, 20, 30, 40} {
			p, err := journal.Prove(ctx, l.store, seq, size)
			if size != 0 && size <= seq {
				if !errors.Is(err, journal.ErrNotSealed) {
					t.Errorf("entry %d in %d: %v", seq, size, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("entry %d in %d: %v", seq, size, err)
			}
			data, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			e, cp, err := journal.CheckProof(data, l.verifiers)
			if err != nil || e.Seq != seq || e.ID != l.store.Sealed[seq].ID || cp.Size <= seq || size > 0 && cp.Size != size {
				t.Errorf("entry %d in %d: %+v, %+v, %v", seq, size, e, cp, err)
			}
			if _, err := e.Open(); (err == nil) == (seq == 17) {
				t.Errorf("open entry %d: %v", seq, err)
			}
		}
	}
	for _, at := range [][2]int64{{40, 0}, {-1, 0}, {5, 15}, {5, 41}} {
		if _, err := journal.Prove(ctx, l.store, at[0], at[1]); !errors.Is(err, journal.ErrNotSealed) {
			t.Errorf("entry %d in %d: %v", at[0], at[1], err)
		}
	}
	l.store.Tree[3][0] ^= 1 // the leaf hash of entry 2, which is on the path of entry 3
	if _, err := journal.Prove(ctx, l.store, 3, 0); !errors.Is(err, journal.ErrProof) {
		t.Errorf("from a changed tree: %v", err)
	}
}

// Nothing that a proof says can be changed.
func TestCheckProofMutations(t *testing.T) {
	t.Parallel()
	l := smallLog(t)
	good, err := journal.Prove(context.Background(), l.store, 23, 30)
	if err != nil {
		t.Fatal(err)
	}
	other, err := journal.Prove(context.Background(), l.store, 24, 40)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*journal.Proof){
		"format":           func(p *journal.Proof) { p.Format = "" },
		"other entry":      func(p *journal.Proof) { p.Entry = other.Entry },
		"other path":       func(p *journal.Proof) { p.Path = other.Path },
		"other checkpoint": func(p *journal.Proof) { p.Checkpoint = other.Checkpoint },
		"short path":       func(p *journal.Proof) { p.Path = p.Path[1:] },
		"no entry":         func(p *journal.Proof) { p.Entry = nil },
	}
	for name, change := range tests {
		p := good
		change(&p)
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := journal.CheckProof(data, l.verifiers); err == nil {
			t.Errorf("%s: holds", name)
		}
	}
	eachMutation(good.Entry, func(m []byte, what string) {
		if !json.Valid(m) {
			return
		}
		p := good
		p.Entry = m
		data, err := json.Marshal(p)
		if err != nil {
			return
		}
		e, _, err := journal.CheckProof(data, l.verifiers)
		if err == nil && e.ID+e.Kind+e.Subject+string(e.Content) != l.store.Sealed[23].ID+l.store.Sealed[23].Kind+l.store.Sealed[23].Subject+string(l.store.Sealed[23].Content) {
			t.Errorf("%s: holds", what)
		}
	})
	data, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := journal.CheckProof(data, note.VerifierList()); !errors.Is(err, journal.ErrSignature) {
		t.Errorf("without the key: %v", err)
	}
}

func FuzzCheckProof(f *testing.F) {
	l := smallLog(f)
	p, err := journal.Prove(context.Background(), l.store, 23, 30)
	if err != nil {
		f.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, in []byte) {
		e, _, err := journal.CheckProof(in, l.verifiers)
		if err == nil && e.ID != l.store.Sealed[e.Seq].ID {
			t.Fatalf("made-up proof of %+v", e)
		}
	})
}
