package pii_test

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"sekimori/internal/pii"
	"sekimori/internal/pii/corpus"
)

func BenchmarkScan(b *testing.B) {
	text, err := corpus.Mixed(7, 32<<20)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("mixed", func(b *testing.B) { benchmark(b, text, false) })
	b.Run("mixed, plain", func(b *testing.B) { benchmark(b, text, true) })
	for _, c := range corpus.Contents() {
		text, err := c.Make(7, 16<<20)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.Name, func(b *testing.B) { benchmark(b, text, false) })
	}
}

func benchmark(b *testing.B, text []byte, plain bool) {
	d, err := pii.New(pii.Options{Plain: plain})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	before, n := cpuSeconds(b), 0
	for b.Loop() {
		n++
		if _, err := d.Scan(b.Context(), bytes.NewReader(text), pii.Hint{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*len(text))/1e9/(cpuSeconds(b)-before), "GB/CPU-s")
}

// cpuSeconds is what the process has used of the processors, which other work on the machine changes less than the time.
func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0 // not Linux: the figure is missing then
	}
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	user, _ := strconv.ParseFloat(f[11], 64) // the kernel writes numbers
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}
