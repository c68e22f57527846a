// Command check is what `make test` runs: every test and check of the project,
// one after another, until the first that fails.
//
//	go run ./internal/tool/check              everything
//	go run ./internal/tool/check -short       what needs nothing but Go, in a minute or two
//	go run ./internal/tool/check -only vet    the steps whose name contains "vet"
//	go run ./internal/tool/check -list        the names of the steps
//
// Run it in the root folder of the module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	short := flag.Bool("short", false, "only what needs nothing but Go")
	only := flag.String("only", "", "only the steps whose name contains this")
	list := flag.Bool("list", false, "list the steps and run none")
	fuzzTime := flag.Duration("fuzztime", 5*time.Second, "how long each fuzz target runs")
	flag.Parse()

	chosen := steps(*fuzzTime)
	if *short {
		chosen = shortSteps()
	}
	chosen = slices.DeleteFunc(chosen, func(s step) bool { return !strings.Contains(s.name, *only) })
	if *list {
		for _, s := range chosen {
			fmt.Println(s.name)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := runAll(ctx, chosen)
	stop()
	if err != nil {
		fmt.Printf("\n== FAILED: %v\n", err)
		os.Exit(1)
	}
}

// errNotRun is what a step returns, wrapped with the reason, when it could not do
// its work for want of something that no machine of ours can be asked to have.
var errNotRun = errors.New("not run")

// runAll runs the steps in order until one fails. The last line says how many
// passed and names those that did not run.
func runAll(ctx context.Context, chosen []step) error {
	began := time.Now()
	var skipped []string
	for i, s := range chosen {
		fmt.Printf("\n== %d/%d %s\n", i+1, len(chosen), s.name)
		at := time.Now()
		err := s.run(ctx)
		took := time.Since(at).Round(100 * time.Millisecond)
		switch {
		case errors.Is(err, errNotRun):
			skipped = append(skipped, s.name)
			fmt.Printf("== NOT CHECKED: %s: %v\n", s.name, err)
		case err != nil:
			return fmt.Errorf("%s: %w", s.name, err)
		default:
			fmt.Printf("== ok: %s (%s)\n", s.name, took)
		}
	}
	fmt.Printf("\n== %d of %d steps passed in %s", len(chosen)-len(skipped), len(chosen), time.Since(began).Round(time.Second))
	if len(skipped) > 0 {
		fmt.Printf("; not checked: %s", strings.Join(skipped, ", "))
	}
	fmt.Println()
	return nil
}
