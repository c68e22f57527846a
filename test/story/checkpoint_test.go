package story

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// morning moves the machine's clock of the program on to the next 09:00 in Tokyo.
func (s *stage) morning(ts *testscript.TestScript, _ []string) error {
	now := time.Now().Add(offset(filepath.Join(s.dir, "clock"))).In(time.FixedZone("JST", 9*60*60))
	nine := time.Date(now.Year(), now.Month(), now.Day(), 9, 0, 0, 0, now.Location())
	if !nine.After(now) {
		nine = nine.AddDate(0, 0, 1)
	}
	return s.clock(ts, []string{nine.Sub(now).String()})
}

// attached: attached TO writes the attachment of the newest mail to TO as the file that
// $ATTACHED then names.
func (s *stage) attached(ts *testscript.TestScript, args []string) error {
	got := s.mailsTo(args[0])
	if len(got) == 0 {
		return fmt.Errorf("no mail to %s", args[0])
	}
	for _, p := range got[len(got)-1].Parts {
		if p.Filename == "" {
			continue
		}
		if p.Type != "text/plain" || strings.ContainsAny(p.Filename, "/\\") {
			return fmt.Errorf("attached: %s of type %s", p.Filename, p.Type)
		}
		ts.Setenv("ATTACHED", p.Filename)
		return os.WriteFile(filepath.Join(s.dir, p.Filename), p.Body, 0o600)
	}
	return errors.New("nothing is attached")
}
