package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

func (s *shell) journalVerify() *cobra.Command {
	var key string
	var kept []string
	var asJSON bool
	c := s.command("verify FILE", s.exactly("FILE"), func(_ *cobra.Command, args []string) error {
		if key == "" {
			return s.misuse("cli.flag_needed", "name", "--key")
		}
		text, err := s.publicKey(key)
		if err != nil {
			return err
		}
		var notes [][]byte
		for _, f := range kept {
			raw, err := os.ReadFile(f)
			if err != nil {
				return fmt.Errorf("read checkpoint: %w", err)
			}
			notes = append(notes, raw)
		}
		var file io.Reader = s.in
		if args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("open journal: %w", err)
			}
			defer f.Close()
			file = f
		}
		r, err := app.VerifyJournal(s.progress(file), text, notes)
		if err != nil {
			return s.fail("cli.verify.impossible", "why", err.Error())
		}
		if asJSON {
			err = s.printJSON(r)
		} else {
			s.showVerdict(r)
		}
		if err == nil && !r.Intact {
			return errNo
		}
		return err
	})
	c.Flags().StringVar(&key, "key", "", "`KEY`")
	c.Flags().StringArrayVar(&kept, "checkpoint", nil, "`FILE`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// publicKey takes the key itself or the name of a file that holds it.
func (s *shell) publicKey(given string) (string, error) {
	raw, err := os.ReadFile(given)
	switch {
	case err == nil:
		return strings.TrimSpace(string(raw)), nil
	case strings.Count(given, "+") >= 2: // name+hash+key: base64 may hold further ones
		return given, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", s.fail("cli.no_key", "value", given)
	}
	return "", fmt.Errorf("read key: %w", err)
}

// showVerdict says in words what was found.
func (s *shell) showVerdict(r app.JournalReport) {
	if b := r.FirstBad; b != nil {
		switch {
		case b.Seq < 0:
			s.say(s.p.T("cli.verify.broken"))
		case b.RangeFrom < b.RangeTo:
			s.say(s.p.T("cli.verify.broken_between", "from", b.RangeFrom, "to", b.RangeTo))
		default:
			s.say(s.p.T("cli.verify.broken_at", "seq", b.Seq))
		}
		s.say("  " + s.p.T("cli.reason."+b.Reason))
		if b.ID != "" {
			s.say("  " + b.ID)
		}
		if b.Line > 0 {
			s.say("  " + s.p.T("cli.verify.line", "line", b.Line))
		}
	} else {
		s.say(s.p.T("cli.verify.intact"))
	}
	s.say(s.p.T("cli.verify.counts", "entries", s.p.Count(int(r.Entries)), "erased", s.p.Count(int(r.Erased)), "checkpoints", s.p.Count(r.Checkpoints)))
	if r.Size > 0 {
		s.say(s.p.T("cli.verify.covered", "size", s.p.Count(int(r.Size)), "at", s.p.DateTime(r.LastCheckpointAt)))
		s.say("root " + r.Root.String())
	}
}
