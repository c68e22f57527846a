// Command fuzzall runs every fuzz target of the module for a short time each.
//
//	go run ./internal/tool/fuzzall -time 5s
//
// The go command fuzzes one target of one package at a time, so the targets are
// found in the sources and run one after another. The first that fails ends the
// run; the input that broke it lies in the package's testdata/fuzz.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	perTarget := flag.Duration("time", 5*time.Second, "how long each target is fuzzed")
	root := flag.String("root", ".", "root folder of the module")
	list := flag.Bool("list", false, "only list the targets")
	flag.Parse()
	targets, err := find(*root)
	if err == nil {
		err = runAll(*root, targets, *perTarget, *list)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzzall:", err)
		os.Exit(1)
	}
}

func runAll(root string, targets []target, perTarget time.Duration, list bool) error {
	for i, t := range targets {
		fmt.Printf("fuzz %d/%d: %s %s\n", i+1, len(targets), t.Package, t.Name)
		if list {
			continue
		}
		if err := fuzz(root, t, perTarget); err != nil {
			return fmt.Errorf("%s in %s: %w", t.Name, t.Package, err)
		}
	}
	if len(targets) == 0 {
		fmt.Println("no fuzz targets")
	}
	return nil
}

// fuzz runs one target. The go command sometimes reports its own deadline as the
// target's failure when it ends in the middle of an input; there is no failing
// input then, and the target is run once more.
func fuzz(root string, t target, perTarget time.Duration) error {
	for try := 1; ; try++ {
		var seen bytes.Buffer
		cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+t.Name+"$", "-fuzztime", perTarget.String(), t.Package)
		cmd.Dir = root
		cmd.Stdout = io.MultiWriter(os.Stdout, &seen)
		cmd.Stderr = io.MultiWriter(os.Stderr, &seen)
		err := cmd.Run()
		out := seen.String()
		deadline := strings.Contains(out, "context deadline exceeded") && !strings.Contains(out, "Failing input")
		if err == nil || !deadline || try == 2 {
			return err
		}
		fmt.Println("the fuzzing deadline fell within an input: once more")
	}
}
