package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"sekimori/internal/pii"
	"sekimori/internal/pii/corpus"
)

// scanSize is how much is scanned in one go.
const scanSize = 256 << 20

// scans measures the search for personal information: ours in a process of its own, against ripgrep counting lines by
// plain patterns in the same bytes, and against reading them from the page cache.
func scans(ctx context.Context, b *bench) error {
	text, err := corpus.Mixed(7, scanSize)
	if err != nil {
		return err
	}
	name := filepath.Join(b.dir, "mixed.bin")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return err
	}
	rules := filepath.Join(b.dir, "rules")
	if err := os.WriteFile(rules, []byte(corpus.Patterns()+"\n"), 0o600); err != nil {
		return err
	}
	if _, err := exec.LookPath("rg"); err != nil {
		b.out.line("scan: not measured, ripgrep is not installed", "", "", "", "", "")
		return nil
	}
	rates := map[string][]float64{}
	for range b.rounds {
		for _, one := range []struct {
			name string
			cmd  *exec.Cmd
		}{
			{"fast", exec.CommandContext(ctx, os.Args[0], childWord, "scan", "-dsn", name, "-cert", "fast")},
			{"plain", exec.CommandContext(ctx, os.Args[0], childWord, "scan", "-dsn", name, "-cert", "plain")},
			{"read", exec.CommandContext(ctx, os.Args[0], childWord, "scan", "-dsn", name, "-cert", "read")},
			{"rg", exec.CommandContext(ctx, "rg", "--no-config", "-c", "-a", "-j1", "-f", rules, name)},
		} {
			used, out, err := cpuOfRun(one.cmd)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			rates[one.name] = append(rates[one.name], scanSize/1e9/used)
			if one.name == "fast" {
				peak, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
				if err != nil {
					return fmt.Errorf("greatest memory: %w", err)
				}
				rates["rss"] = append(rates["rss"], peak/1024)
			}
		}
	}
	b.out.ratio("scan: mixed contents of a share, GB per CPU-s; yardstick: ripgrep -c, plain patterns of the same kinds", "", rates["fast"], rates["rg"], 2, "more")
	b.out.ratio("scan: the same against reading the file from the page cache", "", rates["fast"], rates["read"], 0.15, "more")
	b.out.ratio("scan: without the processor's byte shuffles; yardstick: ripgrep, which has them", "", rates["plain"], rates["rg"], 0.5, "more")
	b.out.line("scan: greatest memory", spread(rates["rss"])+" MiB", "", "", "≤ 48", yes(median(rates["rss"]) <= 48))
	return nil
}

// cpuOfRun runs a program to its end and gives the CPU-seconds that it used, and what it printed. A ripgrep that found nothing is no error.
func cpuOfRun(cmd *exec.Cmd) (float64, string, error) {
	var out strings.Builder
	cmd.Stdout = &out
	cmd.Stderr = os.Stderr
	err := cmd.Run()
	var none *exec.ExitError
	if err != nil && !(errors.As(err, &none) && none.ExitCode() == 1 && strings.HasSuffix(cmd.Path, "rg")) {
		return 0, "", err
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), out.String(), nil
}

// scanChild reads a file once: through the detectors, or not at all.
func scanChild(name, way string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if way == "read" {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 256<<10))
		return err
	}
	d, err := pii.New(pii.Options{Plain: way == "plain"})
	if err != nil {
		return err
	}
	if _, err := d.Scan(context.Background(), f, pii.Hint{}); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for l := range strings.Lines(string(status)) {
		if peak, ok := strings.CutPrefix(l, "VmHWM:"); ok {
			fmt.Println(strings.Fields(peak)[0])
		}
	}
	return nil
}
