package cli

import (
	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

// backup copies a whole server into one file, beside it while it runs.
func (s *shell) backup() *cobra.Command {
	var o app.BackupOptions
	var file string
	var asJSON bool
	c := s.command("backup", s.none, func(cmd *cobra.Command, _ []string) error {
		if o.To == "" {
			return s.misuse("cli.flag_needed", "name", "--to")
		}
		cfg, err := s.load(file)
		if err != nil {
			return err
		}
		o.Config = or(file, s.env("SEKIMORI_CONFIG"))
		r, err := app.Backup(cmd.Context(), cfg, o)
		if err != nil {
			return err
		}
		for _, name := range r.Missing {
			s.complain(s.p.T("operator.lost_file", "name", name))
		}
		if !r.Encrypted {
			s.complain(s.p.T("operator.in_the_open"))
		}
		if asJSON {
			return s.printJSON(r)
		}
		s.say(s.p.T("operator.backed_up", "file", r.File, "size", s.p.Bytes(r.Bytes)))
		s.say(s.p.T("operator.holds", "rows", s.p.Count(int(r.Rows)), "files", s.p.Count(r.Files), "entries", s.p.Count(int(r.Size))))
		if r.Root != "" {
			s.say("root " + r.Root)
		}
		if !r.Keys {
			s.say(s.p.T("operator.without_keys"))
		}
		return nil
	})
	configFlag(c, &file)
	c.Flags().StringVar(&o.To, "to", "", "`FILE|FOLDER`")
	c.Flags().IntVar(&o.Keep, "keep", 0, "`N`")
	c.Flags().StringArrayVar(&o.Recipients, "recipient", nil, "`AGE1…`")
	c.Flags().StringVar(&o.Passphrase, "passphrase-file", "", "`FILE`")
	c.Flags().BoolVar(&o.Keys, "with-keys", false, "")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// restore puts a backup back into an empty place, or only looks whether it is whole.
func (s *shell) restore() *cobra.Command {
	var o app.RestoreOptions
	var asJSON bool
	c := s.command("restore", s.none, func(cmd *cobra.Command, _ []string) error {
		switch {
		case o.From == "":
			return s.misuse("cli.flag_needed", "name", "--from")
		case o.Dir == "" && !o.Check:
			return s.misuse("cli.flag_needed", "name", "--data")
		}
		r, err := app.Restore(cmd.Context(), o)
		if err != nil {
			return err
		}
		for _, name := range r.Missing {
			s.complain(s.p.T("operator.lost_file", "name", name))
		}
		if asJSON {
			return s.printJSON(r)
		}
		s.showRestored(r)
		return nil
	})
	c.Flags().StringVar(&o.From, "from", "", "`FILE`")
	c.Flags().StringVar(&o.Dir, "data", "", "`FOLDER`")
	c.Flags().StringVar(&o.DatabaseFile, "database-file", "", "`FILE`")
	c.Flags().StringVar(&o.Keys, "keys", "", "`FOLDER`")
	c.Flags().StringVar(&o.Identity, "identity", "", "`FILE`")
	c.Flags().StringVar(&o.Passphrase, "passphrase-file", "", "`FILE`")
	c.Flags().BoolVar(&o.Check, "check", false, "")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// showRestored says in words what was found right.
func (s *shell) showRestored(r app.RestoreReport) {
	if r.Restored {
		s.say(s.p.T("operator.restored", "at", s.p.DateTime(r.Made)))
	} else {
		s.say(s.p.T("operator.whole", "at", s.p.DateTime(r.Made)))
	}
	s.say(s.p.T("operator.holds", "rows", s.p.Count(int(r.Rows)), "files", s.p.Count(r.Files), "entries", s.p.Count(int(r.Size))))
	if r.Root != "" {
		s.say("root " + r.Root)
	}
	if !r.Signed {
		s.say(s.p.T("operator.not_compared"))
	}
	if r.Restored && r.Config != "" {
		s.say(s.p.T("operator.config_saved", "file", r.Config))
	}
}
