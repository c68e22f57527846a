package story

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// moment: moment NAME +26h puts the time that far from now, by the clock of the program,
// into the variable NAME, as the command line and the API take it; with date, only its day;
// with local, as a form takes it.
func (s *stage) moment(ts *testscript.TestScript, args []string) error {
	d, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	layout := time.RFC3339
	if len(args) > 2 && args[2] == "date" {
		layout = time.DateOnly
	}
	at := time.Now().Add(offset(filepath.Join(s.dir, "clock")) + d).UTC()
	if len(args) > 2 && args[2] == "local" {
		at, layout = at.In(time.FixedZone("JST", 9*60*60)), "2006-01-02T15:04"
	}
	ts.Setenv(args[0], at.Format(layout))
	return nil
}

// arrives: arrives FOLDER TEXT waits until a file of the folder holds the text.
func (s *stage) arrives(ts *testscript.TestScript, args []string) error {
	return s.folder(ts.MkAbs(args[0]), args[1], true)
}

// leaves: leaves FOLDER TEXT waits until no file of the folder holds the text.
func (s *stage) leaves(ts *testscript.TestScript, args []string) error {
	return s.folder(ts.MkAbs(args[0]), args[1], false)
}

// answers: answers TOKENFILE PATH TEXT asks the API until its answer holds the text.
func (s *stage) answers(ts *testscript.TestScript, args []string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if err := s.call(ts, []string{args[0], "GET", args[1]}); err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(s.dir, "page.txt"))
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte(args[2])) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s never held %q:\n%s", args[1], args[2], b)
		}
	}
}

func (s *stage) folder(dir, text string, want bool) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		held := false
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // a file that is just being replaced
			}
			b, _ := os.ReadFile(path)
			held = held || bytes.Contains(b, []byte(text))
			return nil
		})
		if err != nil {
			return err
		}
		if held == want {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: a file holds %q: %v, want %v", dir, text, held, want)
		}
	}
}
