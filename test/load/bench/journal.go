package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/outbound/store"
)

// eventRate is how many events a second the journal's latency is measured under.
const eventRate = 500

// journals measures the journal against a plain tlog tree, and its latency under load.
func journals(ctx context.Context, b *bench) error {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		var waits []float64
		for range b.rounds {
			w, err := b.sealLatency(ctx, engine)
			if err != nil {
				return fmt.Errorf("%s: %w", engine, err)
			}
			waits = append(waits, w...)
		}
		b.out.line(fmt.Sprintf("journal: event given → under a signed checkpoint on disk, %s, %d/s open loop", engine, eventRate),
			fmt.Sprintf("p50 %s ms, p99 %s ms, max %s ms", figure(quantile(waits, 0.5)*1000), figure(quantile(waits, 0.99)*1000), figure(quantile(waits, 1)*1000)),
			"", "", "p99 ≤ 1.5 × tessera's", "see below")
	}
	b.out.line("journal: the same in tessera 1.0.4, POSIX, own module", tessera(ctx, b.seconds), "", "", "", "")
	var verify, tree, appends, plain []float64
	for range b.rounds {
		v, a, err := b.throughput(ctx)
		if err != nil {
			return err
		}
		t, p, err := b.plainTree()
		if err != nil {
			return err
		}
		verify, appends, tree, plain = append(verify, v), append(appends, a), append(tree, t), append(plain, p)
	}
	b.out.ratio("journal: offline verify, entries per CPU-s; yardstick: tlog tree of 300-byte records computed anew", "", verify, tree, 0.5, "more")
	b.out.line("journal: record and seal in SQLite, events per CPU-s; yardstick: tlog append to a file, signed and synced every 256", spread(appends), spread(plain), "", "", "")
	return nil
}

// tessera runs the rival, which lives in a module of its own so that the program does
// not depend on it.
func tessera(ctx context.Context, d time.Duration) string {
	cmd := exec.CommandContext(ctx, "go", "run", "-C", "test/load/tessera", ".", "-rate", fmt.Sprint(eventRate), "-d", d.String())
	out, err := cmd.Output()
	if err != nil {
		return "not measured: " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return strings.TrimSpace(string(out))
}

func newSigner() (note.Signer, note.Verifier, error) {
	secret, public, err := journal.GenerateKey(rand.Reader, "load.example/journal")
	if err != nil {
		return nil, nil, err
	}
	s, err1 := note.NewSigner(secret)
	v, err2 := note.NewVerifier(public)
	return s, v, errors.Join(err1, err2)
}

// watched notes when the checkpoint over each event was on disk.
type watched struct {
	journal.SealStore
	mu     sync.Mutex
	sealed map[string]time.Time
}

// Seal passes the work on and looks at what was numbered.
func (w *watched) Seal(ctx context.Context, do func(journal.SealTx) error) error {
	var ids []string
	err := w.SealStore.Seal(ctx, func(tx journal.SealTx) error {
		ids = ids[:0]
		return do(watchedTx{tx, &ids})
	})
	at := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		for _, id := range ids {
			w.sealed[id] = at
		}
	}
	return err
}

type watchedTx struct {
	journal.SealTx
	ids *[]string
}

// Append numbers the entries.
func (t watchedTx) Append(ctx context.Context, es []journal.Entry, first int64, nodes []tlog.Hash, cp *journal.Checkpoint) error {
	for _, e := range es {
		*t.ids = append(*t.ids, e.ID)
	}
	return t.SealTx.Append(ctx, es, first, nodes, cp)
}

// sealLatency records events at set times and waits for their checkpoints.
func (b *bench) sealLatency(ctx context.Context, engine string) (waits []float64, err error) {
	dsn, _, err := b.database(ctx, engine)
	if err != nil {
		return nil, err
	}
	if dsn == "" {
		b.n++
		dsn = filepath.Join(b.dir, fmt.Sprintf("journal-%d.db", b.n))
	}
	wake := make(chan struct{}, 1)
	db, err := store.Open(ctx, dsn, store.Options{Log: logger(), Notify: func([]string) {
		select {
		case wake <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	signer, _, err := newSigner()
	if err != nil {
		return nil, err
	}
	w := &watched{SealStore: db, sealed: map[string]time.Time{}}
	work, stop := context.WithCancel(ctx)
	defer stop()
	var sealer, clients sync.WaitGroup
	sealer.Go(func() {
		journal.NewSealer(w, signer, signer.Name(), now).Run(work, wake, 5*time.Second, func(err error) { logger().Error("seal", "error", err) })
	})
	var mu sync.Mutex
	var errs []error
	due := map[string]time.Time{}
	total, start := int(b.seconds.Seconds()*eventRate), time.Now()
	const lanes = 64
	for c := range lanes {
		clients.Go(func() {
			for n := c; n < total; n += lanes {
				at := start.Add(time.Duration(n) * time.Second / eventRate)
				time.Sleep(time.Until(at))
				ev, err := record(ctx, db, n)
				mu.Lock()
				due[ev] = at
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	stop()
	sealer.Wait() // seals what is left
	for id, at := range due {
		sealed, ok := w.sealed[id]
		if !ok {
			errs = append(errs, fmt.Errorf("event %s was not sealed", id))
		}
		waits = append(waits, sealed.Sub(at).Seconds())
	}
	return waits, errors.Join(errs...)
}

// record stores one event as a change of a case would, about 300 bytes of it.
func record(ctx context.Context, db *store.DB, n int) (string, error) {
	ev, err := journal.NewEvent(now(), "case.note", fmt.Sprintf("inc_%d", n%100), "system",
		map[string]any{"n": n, "text": "取引先へ電話し、届いたファイルを開かずに消してもらうよう頼みました。返事は明日の朝の予定です。担当は営業部です。"})
	if err != nil {
		return "", err
	}
	return ev.ID, db.UpdateIncidents(ctx, func(tx incident.Tx) error { return tx.Record(ctx, ev) })
}

// throughput gives verified and recorded-and-sealed events per CPU-second of this process.
func (b *bench) throughput(ctx context.Context) (verify, appends float64, err error) {
	const events = 5000
	b.n++
	db, err := store.Open(ctx, filepath.Join(b.dir, fmt.Sprintf("journal-%d.db", b.n)), store.Options{Log: logger()})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	signer, verifier, err := newSigner()
	if err != nil {
		return 0, 0, err
	}
	sealer := journal.NewSealer(db, signer, signer.Name(), now)
	used, err := timed(func() error {
		for from := 0; from < events; from += 250 {
			var wg sync.WaitGroup
			errs := make([]error, 250)
			for i := range errs {
				wg.Go(func() { _, errs[i] = record(ctx, db, from+i) })
			}
			wg.Wait()
			_, err := sealer.SealOnce(ctx, 1000)
			if err := errors.Join(append(errs, err)...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	var export bytes.Buffer
	if err := journal.Export(ctx, &export, signer.Name(), db.Record()); err != nil {
		return 0, 0, err
	}
	const times = 20
	checked, err := timed(func() error {
		for range times {
			r, err := journal.Verify(bytes.NewReader(export.Bytes()), note.VerifierList(verifier), nil)
			if err != nil || !r.Intact {
				return errors.Join(fmt.Errorf("the export is not intact: %+v", r.FirstBad), err)
			}
		}
		return nil
	})
	return events * times / checked, events / used, err
}

// plainTree gives what plain tlog does per CPU-second: records hashed into a tree in
// memory, and the same written to a file with a signature and a sync every 256 records.
func (b *bench) plainTree() (tree, durable float64, err error) {
	const records = 100_000
	used, err := timed(func() error { return growTree(records, nil) })
	if err != nil {
		return 0, 0, err
	}
	f, err := os.Create(filepath.Join(b.dir, "plain-tree"))
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	written, err := timed(func() error { return growTree(records, f) })
	return records / used, records / written, err
}

type hashes []tlog.Hash

// ReadHashes gives stored hashes.
func (h hashes) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, x := range at {
		out[i] = h[x]
	}
	return out, nil
}

func growTree(records int, f *os.File) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	var stored hashes
	var out []byte
	rec := bytes.Repeat([]byte("x"), 300)
	for n := range records {
		copy(rec, fmt.Sprintf("%08d", n))
		hs, err := tlog.StoredHashes(int64(n), rec, stored)
		if err != nil {
			return err
		}
		stored = append(stored, hs...)
		if f == nil {
			continue
		}
		out = append(out, rec...)
		for _, h := range hs {
			out = append(out, h[:]...)
		}
		if (n+1)%256 == 0 {
			root, err := tlog.TreeHash(int64(n+1), stored)
			if err != nil {
				return err
			}
			out = append(out, ed25519.Sign(key, tlog.FormatTree(tlog.Tree{N: int64(n + 1), Hash: root}))...)
			if _, err := f.Write(out); err != nil {
				return err
			}
			if err := f.Sync(); err != nil {
				return err
			}
			out = out[:0]
		}
	}
	return nil
}

// timed gives the CPU-seconds that this process spent on f.
func timed(f func() error) (float64, error) {
	before, err1 := cpuOf(os.Getpid())
	err := f()
	after, err2 := cpuOf(os.Getpid())
	return max(after-before, 1.0/ticks), errors.Join(err, err1, err2)
}
