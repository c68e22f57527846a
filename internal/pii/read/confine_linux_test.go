package read

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestChildIsConfined: a child reaches no file, no network and no program. The shipped programs hold no cgo, and only
// without it can a Go program confine all its threads: so the child of this test is built in the same way.
func TestChildIsConfined(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	program := filepath.Join(t.TempDir(), "child")
	build := exec.Command("go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	c := newChild(t, func(o *ChildOptions) { o.Command = []string{program, Verb} })
	if _, err := c.File(t.Context(), strings.NewReader("山本"), "a.txt", Limits{}, newRecorder()); err != nil {
		t.Fatal(err)
	}
	want := []string{"limits", "seccomp"}
	const askVersion = 1
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, askVersion); errno == 0 {
		want = append(want, "landlock")
	}
	for _, w := range want {
		if !slices.Contains(c.Confined(), w) {
			t.Errorf("confined by %q only, not by %s", c.Confined(), w)
		}
	}
	report, err := c.File(t.Context(), strings.NewReader("山本"), "escape", Limits{}, newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(want, "landlock") && report.Reason() != unknown {
		t.Errorf("it got out: %+v", report)
	}
}
