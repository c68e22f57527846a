package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/journal"
)

// smallExport is the export of smallLog as lines: a header, then four times ten entries
// and a checkpoint. Entry n is on line index 1+n+n/10.
func smallExport(tb testing.TB) (*log, [][]byte) {
	tb.Helper()
	l := smallLog(tb)
	l.store.Erase(17, l.clock.now())
	return l, bytes.SplitAfter(bytes.TrimSuffix(l.export(tb, l.store), []byte("\n")), []byte("\n"))
}

func entryLine(n int) int { return 1 + n + n/10 }

func join(lines [][]byte) []byte { return append(bytes.Join(lines, nil), '\n') }

func isCheckpoint(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"checkpoint"`)) }

// without, swapped and doubled make a copy of lines with one line moved.
func without(lines [][]byte, i int) [][]byte {
	return append(append([][]byte{}, lines[:i]...), lines[i+1:]...)
}

// normal gives every line its line break, which the last one of lines lacks.
func normal(lines [][]byte) [][]byte {
	out := make([][]byte, len(lines))
	for i, l := range lines {
		out[i] = append(bytes.TrimSuffix(bytes.Clone(l), []byte("\n")), '\n')
	}
	return out
}

func TestVerifyIntact(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	last := l.store.Signed[3]
	want := journal.Report{Entries: 40, Erased: 1, Size: 40, Root: last.Root, Checkpoints: 4, LastCheckpointAt: last.At, Intact: true}
	if d := cmp.Diff(want, l.verify(t, join(lines), l.store.Signed...)); d != "" {
		t.Error(d)
	}
	// leaving out a checkpoint between two others takes nothing away
	if rep := l.verify(t, bytes.Join(without(normal(lines), 11), nil)); !rep.Intact || rep.Checkpoints != 3 {
		t.Errorf("%+v", rep)
	}
	empty := newLog(t)
	if rep := empty.verify(t, empty.export(t, empty.store)); !rep.Intact || rep.Entries != 0 {
		t.Errorf("empty journal: %+v", rep)
	}
}

// Every kind of content can be erased from every entry, and the same export verifies.
func TestVerifyErasedEverywhere(t *testing.T) {
	t.Parallel()
	l := smallLog(t)
	for i := range 40 {
		l.store.Erase(int64(i), l.clock.now())
		rep := l.verify(t, l.export(t, l.store), l.store.Signed...)
		if !rep.Intact || rep.Erased != int64(i)+1 {
			t.Fatalf("after erasing %d: %+v %+v", i, rep, rep.FirstBad)
		}
	}
	if bytes.Contains(l.export(t, l.store), []byte("per_0001")) {
		t.Error("something of the content is left")
	}
}

// No byte of any kind of line can change, go or come without being found; except in the
// time of an erasure, which nothing signs.
func TestVerifyEveryByte(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	lines = normal(lines)
	which := []int{0, entryLine(0), entryLine(23), entryLine(39), entryLine(17), 11, 44}
	if testing.Short() {
		which = []int{0, entryLine(23), entryLine(17), 44}
	}
	for _, i := range which {
		erased := bytes.Index(lines[i], []byte(`"erased_at":"`))
		if erased >= 0 {
			erased += len(`"erased_at":"`)
		}
		before, after := bytes.Join(lines[:i], nil), bytes.Join(lines[i+1:], nil)
		eachMutation(lines[i], func(m []byte, what string) {
			if erased >= 0 && len(m) == len(lines[i]) {
				rest := bytes.Clone(m)
				copy(rest[erased:erased+27], lines[i][erased:])
				if bytes.Equal(rest, lines[i]) {
					return
				}
			}
			rep := l.verify(t, bytes.Join([][]byte{before, m, after}, nil))
			if rep.Intact || rep.FirstBad == nil {
				t.Errorf("line %d, %s: intact", i+1, what)
			}
		})
	}
}

func TestVerifyDeletedLine(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	lines = normal(lines)
	for n := range 40 {
		rep := l.verify(t, bytes.Join(without(lines, entryLine(n)), nil))
		want := &journal.Bad{Seq: int64(n), Reason: journal.Missing, Line: entryLine(n) + 1, RangeFrom: int64(n), RangeTo: int64(n)}
		if d := cmp.Diff(want, rep.FirstBad); d != "" || rep.Intact {
			t.Errorf("without entry %d: %s", n, d)
		}
	}
	if rep := l.verify(t, bytes.Join(lines[1:], nil)); rep.Intact || rep.FirstBad.Reason != journal.Garbage {
		t.Errorf("without header: %+v", rep)
	}
	rep := l.verify(t, bytes.Join(lines[:44], nil))
	want := &journal.Bad{Seq: 30, Reason: journal.UnsealedTail, Line: 44, RangeFrom: 30, RangeTo: 39}
	if d := cmp.Diff(want, rep.FirstBad); d != "" || rep.Intact {
		t.Errorf("without last checkpoint: %s", d)
	}
}

func TestVerifySwappedAndDoubledLines(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	lines = normal(lines)
	for i := range lines {
		m := append(append(append([][]byte{}, lines[:i+1]...), lines[i]), lines[i+1:]...)
		rep := l.verify(t, bytes.Join(m, nil))
		wantReason := journal.Inserted
		if i == 0 {
			wantReason = journal.Garbage
		}
		if rep.Intact || rep.FirstBad.Reason != wantReason {
			t.Errorf("line %d twice: %+v", i+1, rep.FirstBad)
		}
		if i == 0 {
			continue
		}
		m = append([][]byte{}, lines...)
		m[i-1], m[i] = m[i], m[i-1]
		rep = l.verify(t, bytes.Join(m, nil))
		wantReason = journal.Reordered
		if i == 1 {
			wantReason = journal.Garbage
		}
		if rep.Intact || rep.FirstBad.Reason != wantReason {
			t.Errorf("lines %d and %d swapped: %+v", i, i+1, rep.FirstBad)
		}
	}
}

// Any entry moved to any other place is found.
func TestVerifyMovedLine(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	lines = normal(lines)
	for from := 1; from < len(lines); from++ {
		for to := 1; to < len(lines); to++ {
			rest := without(lines, from)
			m := append(append(append([][]byte{}, rest[:to]...), lines[from]), rest[to:]...)
			same := bytes.Equal(bytes.Join(m, nil), bytes.Join(lines, nil))
			if rep := l.verify(t, bytes.Join(m, nil)); rep.Intact != same {
				t.Errorf("line %d moved to %d: %+v", from+1, to+1, rep.FirstBad)
			} else if !same && !isCheckpoint(lines[from]) && rep.FirstBad.Reason != journal.Reordered {
				t.Errorf("line %d moved to %d: %+v", from+1, to+1, rep.FirstBad)
			}
		}
	}
}

// Cutting the tail anywhere is found by a kept checkpoint, and without one wherever
// entries lose their checkpoint. A file cut in the middle of a line is found, too.
func TestVerifyCutTail(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	lines = normal(lines)
	kept := l.store.Signed[3]
	for n := 1; n < len(lines); n++ {
		cut := bytes.Join(lines[:n], nil)
		rep := l.verify(t, cut, kept)
		wantReason := journal.TailCut
		entries := int64(n - 1 - (n-1)/11)
		if entries == 40 {
			wantReason = journal.UnsealedTail
		}
		if rep.Intact || rep.FirstBad.Reason != wantReason {
			t.Errorf("cut after line %d against a kept checkpoint: %+v", n, rep.FirstBad)
		}
		if wantReason == journal.TailCut && (rep.FirstBad.Seq != entries || rep.FirstBad.RangeTo != 39) {
			t.Errorf("cut after line %d: %+v", n, rep.FirstBad)
		}
		if rep := l.verify(t, cut); rep.Intact != (n == 1 || isCheckpoint(lines[n-1])) {
			t.Errorf("cut after line %d without one: %+v", n, rep.FirstBad)
		}
	}
	whole := bytes.Join(lines, nil)
	for n := range len(whole) {
		if n%7 != 0 && n < len(whole)-100 {
			continue
		}
		if rep := l.verify(t, whole[:n], kept); rep.Intact {
			t.Errorf("cut after %d bytes: intact", n)
		}
	}
}

// forge rewrites the journal with one entry changed and every hash made to fit, as far as
// that goes without the key.
func TestVerifyForged(t *testing.T) {
	t.Parallel()
	l := smallLog(t)
	for n := range 40 {
		forged := l.store.Clone()
		e, err := journal.NewEvent(forged.Sealed[n].At, "incident.closed", "inc_9999", "per_0009", nil)
		if err != nil {
			t.Fatal(err)
		}
		if forged.Sealed[n].Row, err = e.Row(); err != nil {
			t.Fatal(err)
		}
		rep := l.verify(t, l.export(t, forged))
		from := int64(n / 10 * 10)
		want := &journal.Bad{Seq: from, Reason: journal.RootMismatch, Line: 12 + n/10*11, RangeFrom: from, RangeTo: from + 9}
		if d := cmp.Diff(want, rep.FirstBad); d != "" {
			t.Errorf("entry %d forged: %s", n, d)
		}
	}
}

// A log rewritten and signed anew by someone who has the key is still found by a kept checkpoint.
func TestVerifyResignedAgainstKept(t *testing.T) {
	t.Parallel()
	l := smallLog(t)
	kept := l.store.Signed[1]
	other := newLog(t)
	other.record(t, 0, 40)
	other.sealer = journal.NewSealer(other.store, l.signer, origin, other.clock.now)
	other.sealAll(t, 10)
	export := l.export(t, other.store)
	if rep := l.verify(t, export); !rep.Intact {
		t.Fatalf("signed with the right key: %+v", rep.FirstBad)
	}
	rep := l.verify(t, export, kept)
	want := &journal.Bad{Seq: 10, Reason: journal.RootMismatch, Line: 22, RangeFrom: 10, RangeTo: 19}
	if d := cmp.Diff(want, rep.FirstBad); d != "" {
		// entries 0 to 9 had a valid checkpoint of the rewritten log
		t.Error(d)
	}
	if rep := l.verify(t, export, l.store.Signed...); rep.Intact || rep.FirstBad.RangeFrom != 0 || rep.FirstBad.RangeTo != 9 {
		t.Errorf("all kept: %+v", rep.FirstBad)
	}
}

func TestVerifyInsertedLine(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	lines = normal(lines)
	stranger := newLog(t)
	stranger.record(t, 0, 60)
	stranger.sealAll(t, 100)
	foreign := normal(bytes.SplitAfter(stranger.export(t, stranger.store), []byte("\n")))
	for to := 1; to <= len(lines); to++ {
		for _, n := range []int{3, 20, 39, 40, 59} {
			m := append(append(append([][]byte{}, lines[:to]...), foreign[1+n]), lines[to:]...)
			if rep := l.verify(t, bytes.Join(m, nil)); rep.Intact {
				t.Errorf("foreign entry %d put in before line %d: intact", n, to+1)
			} else if to < len(lines)-1 && n >= 40 && rep.FirstBad.Reason != journal.Inserted {
				t.Errorf("foreign entry %d put in before line %d: %+v", n, to+1, rep.FirstBad)
			}
		}
	}
}

func TestVerifyReasons(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	lines = normal(lines)
	id := func(n int) string { return l.store.Sealed[n].ID }
	edit := func(n int, old, new string) func([][]byte) {
		return func(m [][]byte) {
			i := entryLine(n)
			m[i] = []byte(strings.Replace(string(m[i]), old, new, 1))
		}
	}
	one := func(n int, reason string) journal.Bad {
		return journal.Bad{Seq: int64(n), ID: id(n), Reason: reason, Line: entryLine(n) + 1, RangeFrom: int64(n), RangeTo: int64(n)}
	}
	tests := []struct {
		name string
		edit func([][]byte)
		want journal.Bad
	}{
		{"word of the content", edit(5, "東京", "大阪"), one(5, journal.ContentChanged)},
		{"who did it", edit(5, "per_0001", "per_0002"), one(5, journal.ContentChanged)},
		{"kind", edit(6, "incident.reported", "incident.closed"), one(6, journal.LeafChanged)},
		{"subject", edit(7, "inc_0007", "inc_0008"), one(7, journal.LeafChanged)},
		{"time", edit(7, `"at":"2026`, `"at":"2025`), one(7, journal.LeafChanged)},
		{"space", edit(8, `,"kind"`, ` ,"kind"`), one(8, journal.Garbage)},
		{"content taken out", func(m [][]byte) {
			i := entryLine(9)
			m[i] = append(m[i][:bytes.Index(m[i], []byte(`,"salt"`))], "}\n"...)
		}, one(9, journal.Garbage)},
		{"too long a line", func(m [][]byte) {
			m[entryLine(9)] = append(bytes.Repeat([]byte("x"), 17<<20), '\n')
		}, journal.Bad{Seq: 9, Reason: journal.Garbage, Line: 11, RangeFrom: 9, RangeTo: 9}},
		{"signature", func(m [][]byte) {
			m[11] = bytes.Replace(m[11], []byte(`\n\n`), []byte(`x\n\n`), 1)
		}, journal.Bad{Seq: 0, Reason: journal.BadSignature, Line: 12, RangeFrom: 0, RangeTo: 9}},
		{"checkpoint of another time", func(m [][]byte) { m[22] = m[11] },
			journal.Bad{Seq: 10, Reason: journal.Inserted, Line: 23, RangeFrom: 10, RangeTo: 10}},
		{"several entries gone", func(m [][]byte) { m[entryLine(3)], m[entryLine(4)] = nil, nil },
			journal.Bad{Seq: 3, Reason: journal.Missing, Line: 5, RangeFrom: 3, RangeTo: 4}},
		{"header of another log", func(m [][]byte) { m[0] = bytes.Replace(m[0], []byte("sekimori."), []byte("other."), 1) },
			journal.Bad{Seq: 10, Reason: journal.Garbage, Line: 12, RangeFrom: 10, RangeTo: 10}},
	}
	for _, tt := range tests {
		m := append([][]byte{}, lines...)
		for i := range m {
			m[i] = bytes.Clone(m[i])
		}
		tt.edit(m)
		rep := l.verify(t, bytes.Join(m, nil))
		if d := cmp.Diff(&tt.want, rep.FirstBad); d != "" || rep.Intact {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
	for name, in := range map[string]string{"nothing": "", "a page": "<!doctype html>\n", "no line break": string(lines[0][:20]), "other format": `{"format":"x","origin":"sekimori.example"}` + "\n"} {
		rep := l.verify(t, []byte(in))
		if rep.Intact || rep.FirstBad.Reason != journal.Garbage || rep.FirstBad.Line != 1 {
			t.Errorf("%s: %+v", name, rep)
		}
	}
}

func TestVerifyErrors(t *testing.T) {
	t.Parallel()
	l, lines := smallExport(t)
	broken := errors.New("disk")
	for n := range 3 {
		r := &failing{data: join(lines)[:n*5000], err: broken}
		if _, err := journal.Verify(r, l.verifiers, nil); !errors.Is(err, broken) {
			t.Errorf("unreadable after %d bytes: %v", n*5000, err)
		}
	}
	other := l.store.Signed[0]
	other.Origin = "other.example"
	if _, err := journal.Verify(bytes.NewReader(join(lines)), l.verifiers, []journal.Checkpoint{other}); !errors.Is(err, journal.ErrOrigin) {
		t.Errorf("kept checkpoint of another log: %v", err)
	}
}

// WriteExport, fed from sequences, writes the same bytes as Export from a store.
func TestWriteExport(t *testing.T) {
	t.Parallel()
	l := smallLog(t)
	var all iter.Seq2[journal.Entry, error] = func(yield func(journal.Entry, error) bool) {
		for _, e := range l.store.Sealed {
			if !yield(e, nil) {
				return
			}
		}
	}
	var b bytes.Buffer
	if err := journal.WriteExport(&b, origin, all, l.store.Signed); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), l.export(t, l.store)) {
		t.Error("the two ways to export differ")
	}
	bad := errors.New("gone")
	failed := func(yield func(journal.Entry, error) bool) { yield(journal.Entry{}, fmt.Errorf("read: %w", bad)) }
	if err := journal.WriteExport(&b, origin, failed, nil); !errors.Is(err, bad) {
		t.Errorf("a failing sequence: %v", err)
	}
}

// Lines longer than the read buffer and logs longer than a page go through.
func TestVerifyLarge(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	l.record(t, 0, 1300)
	e, err := journal.NewEvent(l.clock.now(), "incident.reported", "inc_1", "per_1", strings.Repeat("長", 300_000))
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Row()
	if err != nil {
		t.Fatal(err)
	}
	l.store.Waiting = append(l.store.Waiting, r)
	l.record(t, 1301, 1400)
	l.sealAll(t, 3)
	export := l.export(t, l.store)
	rep := l.verify(t, export, l.store.Signed...)
	if !rep.Intact || rep.Entries != 1400 {
		t.Errorf("%+v %+v", rep, rep.FirstBad)
	}
}

type failing struct {
	data []byte
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	if len(f.data) == 0 {
		return 0, f.err
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

func FuzzVerify(f *testing.F) {
	l := newLog(f)
	l.clock.t = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	l.record(f, 0, 4)
	l.sealAll(f, 2)
	l.store.Erase(1, l.clock.now())
	good := l.export(f, l.store)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{"format":"sekimori-journal/1","origin":"sekimori.example"}` + "\n" + `{"checkpoint":""}` + "\n" + `{"seq":0}` + "\n"))
	root := l.store.Signed[1].Root
	f.Fuzz(func(t *testing.T, in []byte) {
		rep, err := journal.Verify(bytes.NewReader(in), l.verifiers, l.store.Signed)
		if err != nil && !errors.Is(err, journal.ErrOrigin) {
			t.Fatal(err)
		}
		if err == nil && rep.Intact != (rep.FirstBad == nil) {
			t.Fatalf("%+v", rep)
		}
		if rep.Intact && (rep.Entries != 4 || rep.Root != root) {
			t.Fatalf("made-up journal is intact: %+v", rep)
		}
	})
}

func FuzzParseCheckpoint(f *testing.F) {
	l := newLog(f)
	l.record(f, 0, 1)
	l.sealAll(f, 1)
	signed := l.store.Signed[0]
	f.Add(signed.Note)
	f.Add([]byte("a\n1\n\n\n— a AAAAAA==\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		cp, err := journal.ParseCheckpoint(in, l.verifiers)
		if err == nil && (cp.Size != 1 || cp.Root != signed.Root || cp.Origin != origin) {
			t.Fatalf("made-up checkpoint: %+v", cp)
		}
	})
}
