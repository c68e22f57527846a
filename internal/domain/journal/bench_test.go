package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/journal/journaltest"
)

// benchSize is the number of entries that each verification round goes through.
const benchSize = 20_000

// BenchmarkSeal is the cost of one entry: hashing, tree, its part of the signature.
func BenchmarkSeal(b *testing.B) {
	l := newLog(b)
	rows := make([]journal.Row, 0, 1000)
	for i := range 1000 {
		rows = append(rows, l.row(b, i))
	}
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(rows) {
		l.store = &journaltest.Store{Waiting: rows}
		l.sealer = journal.NewSealer(l.store, l.signer, origin, l.clock.now)
		if _, err := l.sealer.SealOnce(context.Background(), len(rows)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is the offline check of one entry in a large export, sealed in batches of 1000.
func BenchmarkVerify(b *testing.B) {
	l := newLog(b)
	for i := range benchSize {
		l.store.Waiting = append(l.store.Waiting, l.row(b, i))
	}
	l.sealAll(b, 1000)
	export := l.export(b, l.store)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += benchSize {
		rep, err := journal.Verify(bytes.NewReader(export), l.verifiers, nil)
		if err != nil || !rep.Intact {
			b.Fatal(rep, err)
		}
	}
	b.ReportMetric(float64(len(export))/benchSize, "line-bytes")
}

// BenchmarkYardstickTlog appends plain 300-byte records with tlog in memory: what the
// tree costs anybody.
func BenchmarkYardstickTlog(b *testing.B) {
	recs := yardstickRecords()
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += benchSize {
		if _, err := yardstickTree(recs); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkYardstickTlogVerify recomputes a plain tlog tree of 300-byte records from the
// records and compares all hashes and the root with the stored ones.
func BenchmarkYardstickTlogVerify(b *testing.B) {
	recs := yardstickRecords()
	stored, err := yardstickTree(recs)
	if err != nil {
		b.Fatal(err)
	}
	want, err := tlog.TreeHash(benchSize, stored)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += benchSize {
		again, err := yardstickTree(recs)
		if err != nil {
			b.Fatal(err)
		}
		got, err := tlog.TreeHash(benchSize, again)
		if err != nil || got != want || len(again) != len(stored) {
			b.Fatal("tree differs", err)
		}
		for i := range again {
			if again[i] != stored[i] {
				b.Fatal("node differs", i)
			}
		}
	}
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(idx []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(idx))
	for i, n := range idx {
		out[i] = h[n]
	}
	return out, nil
}

func yardstickRecords() [][]byte {
	recs := make([][]byte, benchSize)
	for i := range recs {
		recs[i] = []byte(fmt.Sprintf("%08d", i) + strings.Repeat("x", 292))
	}
	return recs
}

func yardstickTree(recs [][]byte) (hashes, error) {
	var tree hashes
	for i, r := range recs {
		hs, err := tlog.StoredHashes(int64(i), r, tree)
		if err != nil {
			return nil, err
		}
		tree = append(tree, hs...)
	}
	return tree, nil
}
