package host

import (
	"os"
	"strings"
	"testing"
)

// commands returns the shell commands of one section of the manual, block by block.
func commands(t *testing.T, section string) []string {
	t.Helper()
	b, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("the manual has no section %q", section)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var blocks []string
	for {
		_, after, ok := strings.Cut(rest, "```sh\n")
		if !ok {
			return blocks
		}
		block, after, _ := strings.Cut(after, "```")
		blocks, rest = append(blocks, block), after
	}
}

// without takes out the one line that begins so.
func without(t *testing.T, block, begin string) string {
	t.Helper()
	var kept strings.Builder
	left := 0
	for line := range strings.Lines(block) {
		if strings.HasPrefix(line, begin) {
			left++
			continue
		}
		kept.WriteString(line)
	}
	if left != 1 {
		t.Fatalf("%d lines of the manual begin with %q, want one:\n%s", left, begin, block)
	}
	return kept.String()
}
