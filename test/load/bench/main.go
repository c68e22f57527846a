// Command bench measures the program against yardsticks of its own making, in one run
// on one machine, and prints a table. It judges nothing: docs/performance.md tells how
// to read the figures, and no figure makes it fail.
//
//	go run ./test/load/bench [-only NAME,NAME] [-seconds N] [-rounds N] [-devices N]
//
// Both sides of a ratio run in processes of their own, one after the other in every
// round; the figure is the median over the rounds, the spread is from the least to the
// greatest. It needs Linux (/proc), PostgreSQL and Chromium; what is missing is said.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"sekimori/internal/testkit/pgcluster"
)

// bench is one run.
type bench struct {
	seconds time.Duration
	rounds  int
	devices int    // PCs
	profile string // folder for CPU profiles of our server; empty: none
	dir     string // temporary
	out     table
	cluster *pgcluster.Cluster // nil until asked for
	n       int                // databases made so far
}

// section is a group of figures that can be asked for by name.
type section struct {
	name string
	run  func(context.Context, *bench) error
}

func sections() []section {
	return []section{
		{"reports", reports},
		{"slowdisk", slowDisk},
		{"notices", notices},
		{"outbreak", outbreak},
		{"sealing", sealing},
		{"journal", journals},
		{"page", pages},
		{"idle", idle},
		{"fanout", fanOut},
		{"isolate", isolations},
		{"reconnect", reconnects},
		{"facts", facts},
		{"agent", agents},
		{"cut", cut},
		{"ledger", ledgers},
		{"seal", seals},
		{"scan", scans},
		{"walk", walks},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start runs the bench, or the part that a child process plays in it.
func start(ctx context.Context, args []string) error {
	if len(args) > 1 && args[0] == childWord {
		return child(ctx, args[1], args[2:])
	}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := fs.String("only", "", "names of the sections to run, separated by commas: reports, slowdisk, notices, outbreak, sealing, journal, page, idle, fanout, isolate, reconnect, facts, agent, cut, ledger, seal, scan, walk")
	seconds := fs.Int("seconds", 5, "seconds of each measurement")
	rounds := fs.Int("rounds", 5, "rounds; the figure is their median")
	devices := fs.Int("devices", 5000, "PCs of the sections on devices; at most 18,000")
	profile := fs.String("cpuprofile", "", "existing folder for CPU profiles of our server")
	if err := fs.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sekimori-bench-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	b := &bench{seconds: time.Duration(max(*seconds, 1)) * time.Second, rounds: max(*rounds, 1), profile: *profile, devices: max(*devices, 100), dir: dir}
	err = b.all(ctx, *only)
	if b.cluster != nil {
		err = errors.Join(err, b.cluster.Close())
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// all runs the sections. One that fails is named in the table, and the next one runs.
func (b *bench) all(ctx context.Context, only string) error {
	chosen := strings.FieldsFunc(only, func(r rune) bool { return r == ',' || r == ' ' })
	known := sections()
	for _, name := range chosen {
		if !slices.ContainsFunc(known, func(s section) bool { return s.name == name }) {
			return fmt.Errorf("-only: there is no section %q", name)
		}
	}
	fmt.Printf("%s · %s · %d processors · %d rounds of %v · load before: %s\n\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), b.rounds, b.seconds, loadAverage())
	b.out.head()
	for _, s := range known {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(chosen) > 0 && !slices.Contains(chosen, s.name) {
			continue
		}
		if err := s.run(ctx, b); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			b.out.line(s.name+": not measured", strings.ReplaceAll(err.Error(), "\n", " "), "", "", "", "")
		}
	}
	fmt.Printf("\nload after: %s\n", loadAverage())
	return nil
}

// postgres gives the URL of a fresh database on a server that keeps its promises to
// the disk.
func (b *bench) postgres(ctx context.Context) (string, error) {
	if b.cluster == nil {
		c, err := pgcluster.New(ctx, pgcluster.Options{Durable: true})
		if err != nil {
			return "", fmt.Errorf("start PostgreSQL: %w", err)
		}
		b.cluster = c
	}
	b.n++
	return newDatabase(ctx, b.cluster.URL(), fmt.Sprintf("bench_%d", b.n))
}

func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
