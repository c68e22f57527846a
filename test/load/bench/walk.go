package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"sekimori/internal/pii/walk"
)

// An unchanged tree: what a scheduled scan meets nearly every time.
const (
	walkFolders = 1_000
	walkFiles   = 1_000 // in each
	walkGoal    = 1.5
)

// walks measures a scan that finds all as it was, against find looking for newer files in the same tree.
func walks(ctx context.Context, b *bench) error {
	tree, state, since := filepath.Join(b.dir, "walk"), filepath.Join(b.dir, "walk.state"), filepath.Join(b.dir, "walk.since")
	if err := fillWalk(ctx, tree); err != nil {
		return err
	}
	if err := os.WriteFile(since, nil, 0o600); err != nil {
		return err
	}
	ours := func() *exec.Cmd {
		return exec.CommandContext(ctx, os.Args[0], childWord, "walk", "-dsn", tree, "-cert", state)
	}
	if _, _, err := cpuOfRun(ours()); err != nil { // makes the state
		return fmt.Errorf("first scan: %w", err)
	}
	took := map[string][]float64{}
	for range b.rounds {
		for _, one := range []struct {
			name string
			cmd  *exec.Cmd
		}{{"ours", ours()}, {"find", exec.CommandContext(ctx, "find", tree, "-type", "f", "-newer", since)}} {
			begun := time.Now()
			used, out, err := cpuOfRun(one.cmd)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			took[one.name] = append(took[one.name], time.Since(begun).Seconds())
			took[one.name+" cpu"] = append(took[one.name+" cpu"], used)
			if want := map[string]string{"ours": strconv.Itoa(walkFolders * walkFiles)}[one.name]; out != want {
				return fmt.Errorf("%s found the tree changed: %.100q", one.name, out)
			}
		}
	}
	info, err := os.Stat(state)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("walk: %d unchanged files in %d folders", walkFolders*walkFiles, walkFolders)
	b.out.ratio(what+"; yardstick: find -newer", " s", took["ours"], took["find"], walkGoal, "less")
	b.out.line(what+": CPU-seconds, ours and find's", spread(took["ours cpu"]), spread(took["find cpu"]), "", "", "")
	b.out.line("walk: the state", figure(float64(info.Size())/(1<<20))+" MiB", "", "", "", "")
	return os.RemoveAll(tree)
}

// fillWalk makes files that differ in name only, all of an hour ago.
func fillWalk(ctx context.Context, tree string) error {
	before := time.Now().Add(-time.Hour)
	for i := range walkFolders {
		dir := filepath.Join(tree, "folder-"+strconv.Itoa(i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for k := range walkFiles {
			name := filepath.Join(dir, "file-"+strconv.Itoa(k)+".txt")
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				return err
			}
			if err := os.Chtimes(name, before, before); err != nil {
				return err
			}
		}
	}
	time.Sleep(time.Second) // what was made just now is read again
	return nil
}

// walkChild scans a tree once and says how many files had not changed.
func walkChild(tree, state string) error {
	sum, err := walk.Scan(context.Background(), walk.Options{Roots: []string{tree}, State: state, Now: time.Now}, func(walk.File) error { return nil })
	if err != nil {
		return err
	}
	fmt.Print(sum.Reused)
	return nil
}
