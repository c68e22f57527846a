// Command detect measures the detectors on a labelled set that it makes from a seed, beside ripgrep with plain patterns,
// and prints the tables of docs/detection.md. It asserts nothing.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"sekimori/internal/pii"
	"sekimori/internal/pii/corpus"
)

func main() {
	seed := flag.Uint64("seed", 20261123, "of the labelled set; the published figures are of the default, which nothing was tuned on")
	files := flag.Int("files", 960, "how many files")
	wrong := flag.Bool("wrong", false, "print each place that was missed or found wrongly")
	tree := flag.String("tree", "", "instead: count what is found in this folder, which is known to be of nobody")
	flag.Parse()
	if *tree != "" {
		if err := nobody(*tree, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := run(*seed, *files, *wrong, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// nobody scans a folder and prints how much was found by kind and confidence, without the values.
func nobody(dir string, w io.Writer) error {
	d, err := pii.New(pii.Options{})
	if err != nil {
		return err
	}
	sum, size := map[pii.Kind]pii.Count{}, int64(0)
	err = filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		r, err := d.Scan(context.Background(), f, pii.Hint{})
		for k, c := range r.Counts {
			sum[k] = pii.Count{Certain: sum[k].Certain + c.Certain, Likely: sum[k].Likely + c.Likely, Possible: sum[k].Possible + c.Possible}
		}
		size += r.Bytes
		return err
	})
	fmt.Fprintf(w, "%.1f MB\n", float64(size)/1e6)
	for _, k := range pii.Kinds() {
		fmt.Fprintf(w, "%s: certain %d, likely %d, possible %d\n", k, sum[k].Certain, sum[k].Likely, sum[k].Possible)
	}
	return err
}

// place is where values of one kind were counted.
type place struct {
	kind pii.Kind
	line int
}

// score is what one way of looking found.
type score struct{ hit, wrong, missed int }

func (s *score) add(o score) {
	s.hit, s.wrong, s.missed = s.hit+o.hit, s.wrong+o.wrong, s.missed+o.missed
}

func (s score) precision() float64 { return ratio(s.hit, s.hit+s.wrong) }

func (s score) recall() float64 { return ratio(s.hit, s.hit+s.missed) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

func run(seed uint64, n int, wrong bool, w io.Writer) error {
	set, err := corpus.Make(seed, n)
	if err != nil {
		return err
	}
	d, err := pii.New(pii.Options{Keep: 1 << 20})
	if err != nil {
		return err
	}
	ours, sure, theirs, forms := map[pii.Kind]*score{}, map[pii.Kind]*score{}, map[pii.Kind]*score{}, map[string]*score{}
	codes := map[pii.Encoding]*score{}
	people := map[string][2]int{}
	dir, err := os.MkdirTemp("", "detect")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	_, noRipgrep := exec.LookPath("rg")
	for _, f := range set {
		truth := map[place]int{}
		for _, t := range f.Truth {
			truth[place{t.Kind, t.Line}]++
		}
		r, err := d.Scan(context.Background(), bytes.NewReader(f.Bytes), pii.Hint{})
		if err != nil {
			return err
		}
		all, likely := map[place]int{}, map[place]int{}
		for _, x := range r.Findings {
			all[place{x.Kind, x.Place.Line}]++
			if x.Confidence >= pii.Likely {
				likely[place{x.Kind, x.Place.Line}]++
			}
		}
		compare(truth, all, ours)
		one := compare(truth, likely, sure)
		at(forms, f.Form).add(one)
		at(codes, f.Encoding).add(one)
		c := people[f.Form]
		people[f.Form] = [2]int{c[0] + f.People, c[1] + r.People}
		if wrong {
			show(w, f, truth, likely)
		}
		if noRipgrep == nil {
			found, err := ripgrep(dir, f)
			if err != nil {
				return err
			}
			compare(truth, found, theirs)
		}
	}
	fmt.Fprintf(w, "seed %d, %d files\n\n", seed, len(set))
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.Debug|tabwriter.AlignRight)
	fmt.Fprintln(t, "kind\tvalues\tprecision\trecall\twith possible: precision\trecall\tripgrep: precision\trecall\t")
	var a, b, c score
	for _, k := range pii.Kinds() {
		x, y, z := *at(sure, k), *at(ours, k), *at(theirs, k)
		a.add(x)
		b.add(y)
		c.add(z)
		row(t, string(k), x, y, z)
	}
	row(t, "all", a, b, c)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, "form\tprecision\trecall\tpeople\tcounted\t")
	for _, f := range set[:min(len(set), 12)] {
		s := *at(forms, f.Form)
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%d\t%d\t\n", f.Form, s.precision(), s.recall(), people[f.Form][0], people[f.Form][1])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, "encoding\tprecision\trecall\t")
	for _, e := range []pii.Encoding{pii.UTF8, pii.ShiftJIS, pii.EUCJP, pii.ISO2022JP, pii.UTF16LE} {
		s := *at(codes, e)
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t\n", e, s.precision(), s.recall())
	}
	return t.Flush()
}

func row(w io.Writer, name string, x, y, z score) {
	fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t\n", name, x.hit+x.missed, x.precision(), x.recall(), y.precision(), y.recall(),
		z.precision(), z.recall())
}

func at[K comparable](m map[K]*score, k K) *score {
	if m[k] == nil {
		m[k] = &score{}
	}
	return m[k]
}

// compare counts, line by line and kind by kind, what of the truth was found.
func compare(truth, found map[place]int, into map[pii.Kind]*score) score {
	var sum score
	add := func(k pii.Kind, s score) {
		at(into, k).add(s)
		sum.add(s)
	}
	for p, n := range truth {
		hit := min(n, found[p])
		add(p.kind, score{hit: hit, missed: n - hit})
	}
	for p, n := range found {
		if more := n - truth[p]; more > 0 {
			add(p.kind, score{wrong: more})
		}
	}
	return sum
}

func show(w io.Writer, f corpus.File, truth, found map[place]int) {
	for p, n := range truth {
		if found[p] < n {
			fmt.Fprintf(w, "missed\t%s\t%s\t%d\n", f.Name, p.kind, p.line)
		}
	}
	for p, n := range found {
		if truth[p] < n {
			fmt.Fprintf(w, "wrong\t%s\t%s\t%d\n", f.Name, p.kind, p.line)
		}
	}
}

// ripgrep counts what the patterns find, having been told the encoding of the file, which a person would not know.
func ripgrep(dir string, f corpus.File) (map[place]int, error) {
	name := filepath.Join(dir, f.Name)
	if err := os.WriteFile(name, f.Bytes, 0o600); err != nil {
		return nil, err
	}
	defer os.Remove(name)
	out := map[place]int{}
	for kind, p := range corpus.PatternsByKind() {
		raw, err := exec.Command("rg", "--no-config", "-n", "-o", "--no-filename", "--color=never", "-a", "-E", string(f.Encoding), "-e", p, name).Output()
		var none *exec.ExitError
		if err != nil && !(errors.As(err, &none) && none.ExitCode() == 1) {
			return nil, fmt.Errorf("rg for %s: %w", kind, err)
		}
		for l := range strings.Lines(string(raw)) {
			number, _, _ := strings.Cut(l, ":")
			if n, err := strconv.Atoi(number); err == nil {
				out[place{kind, n}]++
			}
		}
	}
	return out, nil
}
