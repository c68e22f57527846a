package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

func (s *shell) journalCheckProof() *cobra.Command {
	var key, kept string
	var asJSON bool
	c := s.command("check-proof FILE", s.exactly("FILE"), func(_ *cobra.Command, args []string) error {
		if key == "" {
			return s.misuse("cli.flag_needed", "name", "--key")
		}
		text, err := s.publicKey(key)
		if err != nil {
			return err
		}
		var note []byte
		if kept != "" {
			if note, err = os.ReadFile(kept); err != nil {
				return fmt.Errorf("read checkpoint: %w", err)
			}
		}
		var file io.Reader = s.in
		if args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("open proof: %w", err)
			}
			defer f.Close()
			file = f
		}
		r, err := app.CheckProof(file, text, note)
		if err != nil {
			return s.fail("cli.verify.impossible", "why", err.Error())
		}
		if asJSON {
			err = s.printJSON(r)
		} else {
			s.showProof(r)
		}
		if err == nil && !r.Holds {
			return errNo
		}
		return err
	})
	c.Flags().StringVar(&key, "key", "", "`KEY`")
	c.Flags().StringVar(&kept, "checkpoint", "", "`FILE`")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// showProof says in words what a proof proves, or why it proves nothing.
func (s *shell) showProof(r app.ProofReport) {
	if r.Holds {
		s.say(s.p.T("cli.proof.holds"))
	} else {
		s.say(s.p.T("cli.proof.refused"))
		s.say("  " + s.p.T("cli.proof.reason."+r.Reason))
	}
	if e := r.Entry; e != nil {
		what := e.Kind
		if s.p.Has("event." + e.Kind) {
			what = s.p.T("event."+e.Kind) + " (" + e.Kind + ")"
		}
		s.say(s.p.T("cli.proof.entry", "seq", e.Seq, "at", s.p.DateTime(e.At)))
		s.say("  " + what + "  " + e.Subject + "  " + e.ID)
		switch {
		case !e.ErasedAt.IsZero():
			s.say("  " + s.p.T("cli.proof.erased", "at", s.p.DateTime(e.ErasedAt)))
		case len(e.Content) > 0:
			s.say("  " + string(e.Content))
		}
	}
	if cp := r.Checkpoint; cp != nil {
		s.say(s.p.T("cli.proof.contained", "size", s.p.Count(int(cp.Size)), "at", s.p.DateTime(cp.At)))
	}
	if k := r.Kept; k != nil && r.Entry != nil {
		id := "cli.proof.kept"
		if !r.Holds {
			id = "cli.proof.kept_other"
		}
		s.say(s.p.T(id, "size", s.p.Count(int(k.Size)), "at", s.p.DateTime(k.At)))
	}
	s.say(s.p.T("cli.proof.key", "key", r.Key))
}
