// Command tessera measures a rival of our journal: Tessera's POSIX log, from Add to a
// published checkpoint over the entry, under an open loop. It has a module of its own,
// so that the program does not depend on it.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	rate := flag.Int("rate", 500, "entries a second")
	d := flag.Duration("d", 5*time.Second, "how long")
	flag.Parse()
	if err := run(context.Background(), *rate, *d); err != nil {
		fmt.Fprintln(os.Stderr, "tessera:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rate int, d time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "sekimori-tessera-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	secret, _, err := note.GenerateKey(rand.Reader, "load.example/journal")
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return err
	}
	// The shortest checkpoint interval that the driver takes is 100 ms.
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer).WithBatching(256, 50*time.Millisecond).WithCheckpointInterval(100 * time.Millisecond)
	log, stop, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 5*time.Millisecond)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		waits []float64
		errs  []error
	)
	start := time.Now()
	for n := range int(d.Seconds() * float64(rate)) {
		due := start.Add(time.Duration(n) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			entry := make([]byte, 300)
			copy(entry, fmt.Sprint(n))
			_, _, err := awaiter.Await(ctx, log.Add(ctx, tessera.NewEntry(entry)))
			took := time.Since(due).Seconds() * 1000
			mu.Lock()
			defer mu.Unlock()
			waits, errs = append(waits, took), append(errs, err)
		})
	}
	wg.Wait()
	if err := errors.Join(append(errs, stop(ctx))...); err != nil {
		return err
	}
	slices.Sort(waits)
	at := func(q float64) float64 { return waits[int(q*float64(len(waits)-1))] }
	fmt.Printf("p50 %.0f ms, p99 %.0f ms, max %.0f ms\n", at(0.5), at(0.99), at(1))
	return nil
}
