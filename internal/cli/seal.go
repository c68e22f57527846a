package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sekimori/internal/seal"
)

// sealOptions are the flags of seal.
type sealOptions struct {
	job                       seal.Job
	format                    string
	passwordFile, passwordOut string
	delete, asJSON            bool
}

// seal protects files that leave the building. It needs no server.
func (s *shell) seal() *cobra.Command {
	var o sealOptions
	c := s.command("seal FILE…", s.some("FILE"), func(cmd *cobra.Command, args []string) error {
		o.job.Paths, o.job.Format = args, seal.Format(o.format)
		if !slices.Contains(seal.Formats(), o.job.Format) {
			return s.misuse("seal.unknown_format", "value", o.format)
		}
		made, err := s.sealPassword(&o)
		if err != nil {
			return err
		}
		if o.delete && !terminal(s.out) {
			return s.misuse("seal.delete_needs_person")
		}
		o.job.Progress = s.sealProgress()
		m, err := seal.Seal(cmd.Context(), o.job)
		s.clearProgress(o.job.Progress != nil)
		if err != nil {
			return errors.Join(err, s.unmakePassword(&o, made))
		}
		if o.asJSON {
			err = s.printJSON(m)
		} else {
			s.showSealed(m)
		}
		if made && o.passwordOut == "" { // whatever became of the rest
			s.showPassword(o.job.Password)
		}
		if err == nil && o.delete {
			err = s.deleteOriginals(m)
		}
		return err
	})
	f := c.Flags()
	f.StringVar(&o.format, "format", string(seal.Zip), "`zip|pdf|office|age`")
	f.StringVar(&o.job.Out, "out", "", "`FILE|FOLDER`")
	f.StringArrayVar(&o.job.Recipients, "to", nil, "`KEY`")
	f.StringVar(&o.passwordFile, "password-file", "", "`FILE`")
	f.StringVar(&o.passwordOut, "password-out", "", "`FILE`")
	f.BoolVar(&o.job.ShowNames, "show-names", false, "")
	f.BoolVar(&o.job.Compress, "compress", false, "")
	f.BoolVar(&o.delete, "delete-originals", false, "")
	f.BoolVar(&o.asJSON, "json", false, "")
	return c
}

// some wants one argument or more.
func (s *shell) some(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return s.misuse("cli.missing_argument", "name", name)
		}
		return nil
	}
}

// sealPassword reads the password or makes one up, and then makes sure that it will not be
// lost before anything is sealed with it: on the terminal, or in a file that only the
// person reads.
func (s *shell) sealPassword(o *sealOptions) (made bool, err error) {
	switch {
	case len(o.job.Recipients) > 0:
		if o.passwordFile != "" || o.passwordOut != "" {
			return false, s.misuse("seal.password_or_recipient")
		}
		return false, nil
	case o.passwordFile != "":
		if o.passwordOut != "" {
			return false, s.misuse("seal.password_twice")
		}
		b, err := os.ReadFile(o.passwordFile)
		if err != nil {
			return false, fmt.Errorf("read the password: %w", err)
		}
		o.job.Password = strings.TrimRight(string(b), "\r\n")
		return false, nil
	case o.passwordOut == "" && !terminal(s.out) && !terminal(s.err):
		return false, s.misuse("seal.password_nowhere")
	}
	o.job.Password = seal.NewPassword()
	if o.passwordOut == "" {
		return true, nil
	}
	f, err := os.OpenFile(o.passwordOut, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, s.fail("seal.exists", "name", plain(o.passwordOut))
	}
	if err != nil {
		return false, fmt.Errorf("write the password: %w", err)
	}
	_, err = f.WriteString(o.job.Password + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, fmt.Errorf("write the password: %w", err)
	}
	return true, nil
}

// unmakePassword removes the file of a password that nothing was sealed with.
func (s *shell) unmakePassword(o *sealOptions, made bool) error {
	if !made || o.passwordOut == "" {
		return nil
	}
	return os.Remove(o.passwordOut)
}

// sealProgress tells about twice a second how far it is, on a terminal only.
func (s *shell) sealProgress() func(seal.Progress) {
	if !terminal(s.err) {
		return nil
	}
	last := time.Now()
	return func(p seal.Progress) {
		if time.Since(last) < 500*time.Millisecond || p.Total == 0 {
			return
		}
		last = time.Now()
		id := "seal.progress.writing"
		if p.Comparing {
			id = "seal.progress.comparing"
		}
		fmt.Fprintf(s.err, "\r\x1b[K%s", s.p.T(id, "percent", p.Bytes*100/p.Total, "total", s.p.Bytes(p.Total/2)))
	}
}

func (s *shell) clearProgress(shown bool) {
	if shown {
		fmt.Fprint(s.err, "\r\x1b[K")
	}
}

// showSealed says in words what was made, and what that is worth.
func (s *shell) showSealed(m *seal.Manifest) {
	for _, o := range m.Outputs {
		s.say(s.p.T("seal.made", "file", o.Path, "size", s.p.Bytes(o.Size)))
		s.say("  SHA-256 " + o.SHA256)
	}
	s.say(s.p.T("seal.compared", "n", m.Files(), "size", s.p.Bytes(m.Bytes())))
	s.say(s.p.T("seal.how", "algorithm", m.Method.Algorithm, "derivation", m.Method.KeyDerivation))
	s.say(s.p.T("seal.opens." + string(m.Method.Format)))
	if !m.Method.NamesHidden {
		s.say(s.p.T("seal.names_shown"))
	}
	s.say(s.p.T("seal.not_the_law"))
}

// showPassword shows it once, with the words for the telephone, where a person looks.
func (s *shell) showPassword(password string) {
	w := s.out
	if !terminal(w) {
		w = s.err
	}
	fmt.Fprintf(w, "\n%s\n\n    %s\n\n", s.p.T("seal.password_once"), password)
	for _, line := range seal.Spoken(password, func(letter string) string { return s.p.T("seal.spoken." + letter) }) {
		fmt.Fprintln(w, "    "+line)
	}
	fmt.Fprintf(w, "\n%s\n", s.p.T("seal.another_way"))
}

// deleteOriginals asks first.
func (s *shell) deleteOriginals(m *seal.Manifest) error {
	fmt.Fprint(s.out, s.p.T("seal.delete_really", "n", m.Files())+" ")
	var answer string
	if _, err := fmt.Fscanln(s.in, &answer); err != nil || strings.ToLower(answer) != "yes" {
		s.say(s.p.T("seal.kept"))
		return nil
	}
	if err := m.DeleteOriginals(); err != nil {
		return err
	}
	s.say(s.p.T("seal.deleted", "n", m.Files()))
	return nil
}
